"""What the database keeps, one idea per file; import everything from here."""

from collection.models.people import (
    Consent,
    Participant,
    PlatformIdentity,
    StudySession,
)
from collection.models.ratings import Incident, Response
from collection.models.records import JobRecord, SnapshotRecord
from collection.models.recruitment import (
    Ending,
    LabStart,
    PlatformEvent,
    PlatformPayment,
    Reconciliation,
    RefusedArrival,
    Submission,
)
from collection.models.study import Action, Study
from collection.models.trials import Cell, Reservation, Trial
from collection.models.waiting import WaitingPlace

__all__ = [
    "Action",
    "Cell",
    "Consent",
    "Ending",
    "Incident",
    "JobRecord",
    "LabStart",
    "Participant",
    "PlatformEvent",
    "PlatformIdentity",
    "PlatformPayment",
    "Reconciliation",
    "RefusedArrival",
    "Reservation",
    "Response",
    "SnapshotRecord",
    "Study",
    "StudySession",
    "Submission",
    "Trial",
    "WaitingPlace",
]
