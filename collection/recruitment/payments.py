"""Who is to be approved, who is owed a bonus, and paying both once.

Approving twice does no harm, and is asked for in calls of up to a thousand. Paying a
bonus twice cannot be taken back: a row is marked before the platform is asked, and what
may have been paid is never sent again by itself, but shown as unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from django.db import transaction
from django.db.models import Count, Sum

from collection.errors import CollectionError
from collection.models import (
    PlatformIdentity,
    PlatformPayment,
    Study,
    StudySession,
    Submission,
)
from collection.recruitment.arrival import PROLIFIC, recruitment_of
from collection.recruitment.client import (
    MOST_APPROVALS,
    MOST_BONUSES,
    Prolific,
    bonus_lines,
    in_calls,
)
from collection.recruitment.errors import PlatformError, PlatformUnavailable

Kind = PlatformPayment.Kind
State = PlatformPayment.State
WORK_DONE: Final = "work-done"


@dataclass(frozen=True)
class Due:
    """A payment with the platform's name for whom it goes to; for the platform alone."""

    payment: int
    submission_id: str
    cents: int


@dataclass(frozen=True)
class Outcome:
    """How a round of paying went."""

    n_sent: int
    n_unknown: int = 0
    problem: str = ""


def note_approvals(study: Study) -> int:
    """Owe approval to everyone who did their work and waits; returns how many are new.

    That is whoever finished, and whoever consented and then withdrew: pay does not
    depend on it. Not whom the platform refuted.
    """
    waiting = StudySession.objects.filter(
        study=study,
        simulated=False,
        consented_at__isnull=False,
        status__in=[StudySession.Status.FINISHED, StudySession.Status.WITHDRAWN],
        submission__status=Submission.Status.AWAITING_REVIEW,
    ).exclude(submission__verification=Submission.Verification.REFUTED)
    fresh = waiting.exclude(
        platform_payments__kind=Kind.APPROVAL, platform_payments__reason=WORK_DONE
    )
    made = PlatformPayment.objects.bulk_create(
        [
            PlatformPayment(
                session_id=code, study=study, kind=Kind.APPROVAL, reason=WORK_DONE
            )
            for code in fresh.values_list("pk", flat=True)
        ],
        ignore_conflicts=True,
    )
    return len(made)


def follow(session: StudySession, status: str) -> None:
    """Keep the approvals in step with what the platform says."""
    if status == Submission.Status.AWAITING_REVIEW:
        note_approvals(session.study)
    elif status == Submission.Status.APPROVED:
        PlatformPayment.objects.filter(
            session=session, kind=Kind.APPROVAL, state=State.OWED
        ).update(state=State.SENT, batch="by the platform")


def owe_bonus(session: StudySession, cents: int, reason: str) -> PlatformPayment:
    """Owe someone a bonus, once for each reason. Safe to repeat.

    Raises:
        CollectionError: nothing to pay, another amount is owed for this reason
            already, or the person did not come from the platform.
    """
    if cents <= 0:
        raise CollectionError(f"A bonus is more than nothing; got {cents} cents.")
    if not Submission.objects.filter(session=session).exists():
        raise CollectionError("This person did not come from Prolific.")
    payment, new = PlatformPayment.objects.get_or_create(
        session=session,
        kind=Kind.BONUS,
        reason=reason,
        defaults={"study_id": session.study_id, "cents": cents},
    )
    if not new and payment.cents != cents:
        raise CollectionError(
            f"For {reason!r} this person is owed {payment.cents} cents already; use "
            "another reason for another bonus."
        )
    return payment


def due(study: Study, kind: PlatformPayment.Kind) -> list[Due]:
    """What is owed and was not sent, oldest first."""
    owed = PlatformPayment.objects.filter(study=study, kind=kind, state=State.OWED)
    if kind == Kind.APPROVAL:  # it may have been rejected or returned since
        owed = owed.filter(
            session__submission__status=Submission.Status.AWAITING_REVIEW
        ).exclude(session__submission__verification=Submission.Verification.REFUTED)
    return _named(owed.order_by("created_at", "pk"))


def _named(payments: Iterable[PlatformPayment]) -> list[Due]:
    rows = list(payments)
    names = dict(
        PlatformIdentity.objects.filter(
            participant__sessions__in=[row.session_id for row in rows],
            platform=PROLIFIC,
        )
        .exclude(submission_id="")
        .values_list("participant__sessions__pk", "submission_id")
    )
    return [
        Due(row.pk, names[row.session_id], row.cents)
        for row in rows
        if row.session_id in names
    ]


def csv_parts(study: Study, kind: PlatformPayment.Kind) -> list[str]:
    """The lists as the platform's bulk endpoints and pages take them, one per call."""
    rows = due(study, kind)
    if kind == Kind.APPROVAL:
        return [
            "\n".join(one.submission_id for one in some) + "\n"
            for some in in_calls(rows, MOST_APPROVALS)
        ]
    return [
        bonus_lines([(one.submission_id, one.cents) for one in some]) + "\n"
        for some in in_calls(rows, MOST_BONUSES)
    ]


def approve_all(study: Study, *, api: Prolific | None = None) -> Outcome:
    """Approve whoever waits. Safe to repeat: nobody is approved twice.

    Raises:
        PlatformError: the environment holds no API token.
    """
    note_approvals(study)
    if api is None:
        with Prolific.from_settings() as own:
            return approve_all(study, api=own)
    n_sent = 0
    for some in in_calls(due(study, Kind.APPROVAL), MOST_APPROVALS):
        try:
            api.approve([one.submission_id for one in some])
        except PlatformError as error:
            return Outcome(n_sent, problem=error.message)
        _set(some, State.SENT)
        n_sent += len(some)
    return Outcome(n_sent)


def pay_bonuses(study: Study, *, api: Prolific | None = None) -> Outcome:
    """Pay what is owed, each bonus at most once, also when this is called twice at once.

    Raises:
        PlatformError: the environment holds no API token, or the study is not there.
    """
    if api is None:
        with Prolific.from_settings() as own:
            return pay_bonuses(study, api=own)
    section = recruitment_of(study)
    if section is None:
        raise PlatformError(f"Study {study.slug} does not recruit on Prolific.")
    n_sent = 0
    while some := _claim(study):
        bulk = ""
        try:
            # Sets up and pays nothing yet: may be asked again.
            bulk = api.create_bonuses(
                section.study_id, [(one.submission_id, one.cents) for one in some]
            )
            _set(some, State.SENDING, batch=bulk)
            api.pay_bonuses(bulk)
        except PlatformError as error:
            lost = isinstance(error, PlatformUnavailable) and not error.undone
            unknown = bool(bulk) and lost
            _set(some, State.UNKNOWN if unknown else State.OWED, batch=bulk)
            return Outcome(n_sent, len(some) if unknown else 0, error.message)
        _set(some, State.SENT, batch=bulk)
        n_sent += len(some)
    return Outcome(n_sent)


def _claim(study: Study) -> Sequence[Due]:
    """Take a call's worth of owed bonuses, so that nobody else pays them."""
    with transaction.atomic():
        rows = (
            PlatformPayment.objects.select_for_update(skip_locked=True)
            .filter(study=study, kind=Kind.BONUS, state=State.OWED)
            .filter(session__participant__identity__submission_id__gt="")
            .order_by("created_at", "pk")[:MOST_BONUSES]
        )
        some = _named(rows)
        _set(some, State.SENDING)
    return some


def _set(some: Iterable[Due], state: PlatformPayment.State, *, batch: str = "") -> None:
    PlatformPayment.objects.filter(pk__in=[one.payment for one in some]).update(
        state=state, batch=batch
    )


def mark_sent(study: Study, kind: PlatformPayment.Kind) -> int:
    """Note that a researcher has sent the downloaded list by hand."""
    return PlatformPayment.objects.filter(
        study=study, kind=kind, state=State.OWED
    ).update(state=State.SENT, batch="by hand")


def counts(study: Study) -> list[tuple[str, str, int, int]]:
    """(kind, state, people, cents) of every payment of a study."""
    rows = (
        PlatformPayment.objects.filter(study=study)
        .values_list("kind", "state")
        .annotate(n=Count("pk"), cents=Sum("cents"))
        .order_by("kind", "state")
    )
    return [
        (str(Kind(kind).label), str(State(state).label), n, cents or 0)
        for kind, state, n, cents in rows
    ]
