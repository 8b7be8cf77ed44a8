"""What a platform says became of a submission, and what follows for its session.

Events come late, twice and in any order. So a status only ever moves forward along
:data:`ORDER`, in which every status can follow those before it: whatever the order of
arrival, the same events end in the same place. What moves back (a decision that was
taken back) is learned by asking, whose answer is the present (``reconciliation``).
"""

from __future__ import annotations

import logging
from typing import Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from collection import participation, reservations
from collection.errors import SessionOver
from collection.identities import Arrival, find
from collection.models import PlatformIdentity, Reservation, StudySession, Submission
from collection.recruitment import payments
from collection.recruitment.arrival import PROLIFIC, recruitment_of
from collection.recruitment.sections import Policies

log = logging.getLogger(__name__)

Status = Submission.Status
ORDER: Final[tuple[str, ...]] = tuple(Status.values)
GIVES_BACK: Final[dict[str, str]] = {
    Status.RETURNED: "returned",
    Status.TIMED_OUT: "timed_out",
    Status.REJECTED: "rejected",
    Status.SCREENED_OUT: "screened_out",
}
"""Statuses after which a place is free again, and the policy that each follows."""


def session_of(submission_id: str, participant_id: str) -> UUID | None:
    """The session of a platform's submission; None if it never arrived here."""
    if not submission_id:
        return None
    rows = PlatformIdentity.objects.filter(
        platform=PROLIFIC,
        submission_id=submission_id,
        participant__sessions__submission__isnull=False,
    ).select_related("study")
    for identity in rows:
        if is_of(identity, participant_id):
            code: UUID = identity.participant.sessions.values_list("pk", flat=True)[0]
            return code
    return None


def is_of(identity: PlatformIdentity, participant_id: str) -> bool:
    """Whether this is the platform's participant, also before their consent."""
    named = Arrival(PROLIFIC, participant_id)
    return find(identity.study, named).filter(pk=identity.pk).exists()


def learn(
    code: UUID,
    status: str,
    *,
    certain: bool = False,
    time_taken_s: int | None = None,
) -> bool:
    """Take in what became of a session's submission; safe to repeat, in any order.

    Args:
        status: One of ``Submission.Status``.
        certain: The platform was asked just now, so that this is the present also
            where it lies behind what we knew.

    Returns:
        Whether anything changed.

    Raises:
        ValueError: a status that the platform did not have when this was written.
    """
    if status not in ORDER:
        raise ValueError(f"unknown status {status!r}")
    with transaction.atomic():
        session = (
            StudySession.objects.select_for_update(of=("self",), no_key=True)
            .select_related("study")
            .get(pk=code)
        )
        submission = Submission.objects.get(session=session)
        if time_taken_s is not None and submission.time_taken_s != time_taken_s:
            submission.time_taken_s = time_taken_s
            submission.save(update_fields=["time_taken_s"])
        forward = ORDER.index(status) > ORDER.index(submission.status)
        if submission.status == status or not (forward or certain):
            return False
        submission.status = status
        submission.status_at = timezone.now()
        submission.save(update_fields=["status", "status_at"])
        if status in GIVES_BACK:
            _give_back(session, GIVES_BACK[status])
        payments.follow(session, status)
        return True


def free_held(session: StudySession) -> None:
    """Offer to others what the session holds and has not answered.

    It does so by letting the holds run out: should the person go on after all, the
    place is simply taken again.
    """
    Reservation.objects.filter(session=session, state=Reservation.State.HELD).update(
        expires_at=timezone.now()
    )
    reservations.release_expired(session.study_id)


def _give_back(session: StudySession, reason: str) -> None:
    section = recruitment_of(session.study)
    policies = section.policies if section is not None else Policies()
    if getattr(policies, reason) == "drop":
        try:
            participation.withdraw(session)
            return
        except SessionOver:  # finished, and the last date for that has passed
            log.warning("A %s submission's answers stay: too late to drop.", reason)
    free_held(session)


def known(study_id: int) -> dict[str, tuple[PlatformIdentity, UUID]]:
    """Submission id -> (identity, session) of everyone who came from Prolific."""
    rows = PlatformIdentity.objects.filter(
        study=study_id,
        platform=PROLIFIC,
        participant__sessions__submission__isnull=False,
    ).select_related("study")
    sessions = dict(
        StudySession.objects.filter(
            study=study_id, submission__isnull=False
        ).values_list("participant", "pk")
    )
    return {
        identity.submission_id: (identity, sessions[identity.participant_id])
        for identity in rows
    }
