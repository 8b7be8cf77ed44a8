"""What the database keeps, one idea per file; import everything from here."""

from collection.models.access import AuditRecord, Membership, Role, Team, TeamPlace
from collection.models.agreement import LiveAgreement
from collection.models.limits import Tries
from collection.models.people import (
    Consent,
    Participant,
    PlatformIdentity,
    StudySession,
)
from collection.models.quality import (
    ExclusionDecision,
    Ground,
    PaymentDecision,
    QualityRun,
    QualityVerdict,
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
from collection.models.rights import (
    ComprehensionOutcome,
    ConsentVersion,
    Erasure,
    WithdrawalCode,
)
from collection.models.study import Action, Study
from collection.models.tokens import ApiToken, Scope
from collection.models.trials import Cell, Reservation, Trial
from collection.models.triplets import TripletBatch, TripletCandidate
from collection.models.waiting import WaitingPlace

__all__ = [
    "Action",
    "ApiToken",
    "AuditRecord",
    "Cell",
    "ComprehensionOutcome",
    "Consent",
    "ConsentVersion",
    "Ending",
    "Erasure",
    "ExclusionDecision",
    "Ground",
    "Incident",
    "JobRecord",
    "LabStart",
    "LiveAgreement",
    "Membership",
    "Participant",
    "PaymentDecision",
    "PlatformEvent",
    "PlatformIdentity",
    "PlatformPayment",
    "QualityRun",
    "QualityVerdict",
    "Reconciliation",
    "RefusedArrival",
    "Reservation",
    "Response",
    "Role",
    "Scope",
    "SnapshotRecord",
    "Study",
    "StudySession",
    "Submission",
    "Team",
    "TeamPlace",
    "Trial",
    "Tries",
    "TripletBatch",
    "TripletCandidate",
    "WaitingPlace",
    "WithdrawalCode",
]
