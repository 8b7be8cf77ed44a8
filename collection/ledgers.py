"""Two ledgers of decisions: what people are paid, and whose judgments are left out.

Neither reads the other, and neither follows from a flag: a person decides, with a
ground and a sentence. A row is written once; whoever changes their mind writes another,
and the latest stands. Erasure has a ledger of its own.

What a decision may rest on is a list (:class:`~collection.models.Ground`) in which
agreement with other people does not occur: dissent cannot be named as a ground here,
nor in the database.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db import transaction

from collection import audit
from collection.errors import DecisionRefused
from collection.models import (
    ExclusionDecision,
    Ground,
    PaymentDecision,
    QualityRun,
    Study,
    StudySession,
)

LONGEST_REASON = 500


def record_payment(
    session: StudySession,
    decision: str,
    *,
    ground: str,
    reason: str,
    by: str,
    run: QualityRun | None = None,
) -> PaymentDecision:
    """Note what a session is paid. Does not touch its judgments.

    Args:
        by: The account's name.
        run: The quality run that was looked at.

    Raises:
        DecisionRefused: no reason, an unknown decision, or a ground that is none.
    """
    decided = PaymentDecision.Decided
    fields = _checked(session, decision, decided.values, ground, reason, by, run)
    if decision == decided.WITHHOLD and ground in (
        Ground.TECHNICAL,
        Ground.PERSON_ASKED,
        Ground.IN_ORDER,
        Ground.CORRECTION,
    ):
        raise DecisionRefused(
            f"“{Ground(ground).label}” is no ground for not paying: pay does not depend "
            "on withdrawing, nor on faults of ours."
        )
    with transaction.atomic():
        row = PaymentDecision.objects.create(
            session=session, decision=decision, **fields
        )
        _note("payment", row, by)
    return row


def record_exclusion(
    session: StudySession,
    decision: str,
    *,
    ground: str,
    reason: str,
    by: str,
    run: QualityRun | None = None,
) -> ExclusionDecision:
    """Leave a session's judgments out by hand, or take that back. Does not touch pay.

    Taking back an exclusion by hand lifts nothing else: declared rules and withdrawn
    consent hold as before.

    Raises:
        DecisionRefused: no reason, an unknown decision, or a ground that is none.
    """
    values = ExclusionDecision.Decided.values
    fields = _checked(session, decision, values, ground, reason, by, run)
    with transaction.atomic():
        row = ExclusionDecision.objects.create(
            session=session, decision=decision, **fields
        )
        _note("exclusion", row, by)
    return row


def standing_exclusions(study: Study) -> dict[UUID, ExclusionDecision]:
    """Session -> the decision that stands, of those that are left out by hand."""
    latest: dict[UUID, ExclusionDecision] = {}
    rows = ExclusionDecision.objects.filter(session__study=study)
    for row in rows.order_by("decided_at", "pk"):
        latest[row.session_id] = row
    exclude = ExclusionDecision.Decided.EXCLUDE
    return {key: row for key, row in latest.items() if row.decision == exclude}


def standing_payments(study: Study) -> dict[UUID, PaymentDecision]:
    """Session -> the payment decision that stands. A bonus comes on top of it."""
    latest: dict[UUID, PaymentDecision] = {}
    rows = PaymentDecision.objects.filter(session__study=study)
    for row in rows.order_by("decided_at", "pk"):
        if row.decision != PaymentDecision.Decided.BONUS:
            latest[row.session_id] = row
    return latest


def _note(ledger: str, row: PaymentDecision | ExclusionDecision, by: str) -> None:
    """The audit log names the ledger's row, not the person: the row goes with them."""
    audit.record(
        by,
        row.session.study,
        f"{ledger}.decided",
        row=row.pk,
        decision=row.decision,
        ground=row.ground,
    )


def _checked(
    session: StudySession,
    decision: str,
    decisions: Iterable[str],
    ground: str,
    reason: str,
    by: str,
    run: QualityRun | None,
) -> dict[str, object]:
    reason = " ".join(reason.split())
    if decision not in set(decisions):
        raise DecisionRefused(f"There is no decision {decision!r} in this ledger.")
    if ground not in Ground.values:
        raise DecisionRefused(
            f"{ground!r} is no ground for a decision. Disagreeing with other people is "
            "none either; the grounds are: "
            f"{', '.join(label.lower() for label in Ground.labels)}."
        )
    if not reason:
        raise DecisionRefused("A decision needs its reason, in a sentence.")
    if len(reason) > LONGEST_REASON:
        raise DecisionRefused(
            f"A reason has at most {LONGEST_REASON} characters; this one has "
            f"{len(reason)}."
        )
    if run is not None and run.study_id != session.study_id:
        raise DecisionRefused("The quality run belongs to another study.")
    return {"ground": ground, "reason": reason, "decided_by": by, "run": run}
