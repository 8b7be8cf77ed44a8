"""Who is to be approved, who is owed a bonus, and paying both once.

What a person decided in the payment ledger (`collection/ledgers.py`) goes before what
follows from the work: to withhold, to pay in part or to ask for a return approves nobody,
and to pay approves whoever waits. The ledger names no amount; whom it promises a bonus or
a part is on :func:`without_amount` until one is owed.

Approving twice does no harm, and is asked for in calls of up to a thousand. Paying a
bonus twice cannot be taken back: a row is marked before the platform is asked, and what
may have been paid is never sent again by itself, but shown as unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q, Sum

from collection.errors import CollectionError
from collection.ledgers import standing_payments
from collection.models import (
    PaymentDecision,
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
from collection.recruitment.sections import Outcome as Ended

Kind = PlatformPayment.Kind
State = PlatformPayment.State
Decided = PaymentDecision.Decided
NOT_IN_FULL: Final = (Decided.WITHHOLD, Decided.ASK_TO_RETURN, Decided.PAY_PART)
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
    depend on it. Not whom the platform refuted. The payment ledger may say otherwise of
    anybody.
    """
    decided = _decided(study)
    against = [code for code, what in decided.items() if what in NOT_IN_FULL]
    paid = [code for code, what in decided.items() if what == Decided.PAY]
    did_it = Q(status__in=[StudySession.Status.FINISHED, StudySession.Status.WITHDRAWN])
    waiting = (
        StudySession.objects.filter(
            did_it | Q(pk__in=paid),
            study=study,
            simulated=False,
            consented_at__isnull=False,
            submission__status=Submission.Status.AWAITING_REVIEW,
        )
        .exclude(submission__verification=Submission.Verification.REFUTED)
        .exclude(pk__in=against)
    )
    PlatformPayment.objects.filter(
        study=study, kind=Kind.APPROVAL, state=State.OWED, session__in=against
    ).delete()
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


def _decided(study: Study) -> dict[UUID, str]:
    """Session -> what the payment ledger says of it now."""
    return {code: row.decision for code, row in standing_payments(study).items()}


def without_amount(study: Study) -> list[str]:
    """Rater ids of whom the ledger promises a bonus or a part, and nothing is owed yet."""
    standing = {
        code for code, what in _decided(study).items() if what == Decided.PAY_PART
    }
    promised = PaymentDecision.objects.filter(
        Q(decision=Decided.BONUS) | Q(decision=Decided.PAY_PART, session__in=standing),
        session__study=study,
        session__submission__isnull=False,
    )
    owed = PlatformPayment.objects.filter(
        session=OuterRef("session"),
        kind=Kind.BONUS,
        created_at__gte=OuterRef("decided_at"),
    )
    names = promised.exclude(Exists(owed)).values_list(
        "session__participant__rater_id", flat=True
    )
    return sorted(set(names))


def _held_back(study: Study) -> Q:
    """Bonuses of whom the ledger does not pay. What an ending promised is paid always."""
    withheld = [c for c, what in _decided(study).items() if what == Decided.WITHHOLD]
    return Q(session__in=withheld) & ~Q(reason__in=list(Ended))


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
    if kind == Kind.BONUS:
        owed = owed.exclude(_held_back(study))
    else:  # it may have been rejected, returned or decided otherwise since
        decided = _decided(study).items()
        owed = (
            owed.filter(session__submission__status=Submission.Status.AWAITING_REVIEW)
            .exclude(session__submission__verification=Submission.Verification.REFUTED)
            .exclude(session__in=[c for c, what in decided if what in NOT_IN_FULL])
        )
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
            .exclude(_held_back(study))
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
    """Note that a researcher has sent the downloaded list by hand: what stood on it."""
    listed = due(study, kind)
    _set(listed, State.SENT, batch="by hand")
    return len(listed)


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
