"""Payment and exclusion: two ledgers, written once, deaf to each other and to dissent."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.db import IntegrityError, connection, transaction

from collection import ledgers
from collection.attention.rules import RULES
from collection.errors import DecisionRefused
from collection.models import (
    ExclusionDecision,
    Ground,
    PaymentDecision,
    QualityRun,
    Study,
    StudySession,
)
from collection.snapshots import freeze
from tests import factories

pytestmark = pytest.mark.django_db

WHY = {"ground": "failed-checks", "reason": "Both checks.", "by": "ada"}


@pytest.fixture
def study() -> Study:
    return factories.open_study()


@pytest.fixture
def session(study: Study) -> StudySession:
    return factories.ada(study)


def test_a_payment_decision_leaves_the_judgments_where_they_are(
    study: Study, session: StudySession, tmp_path: Path
) -> None:
    before = freeze(study, tmp_path / "before")

    for decision in PaymentDecision.Decided.values:
        ledgers.record_payment(session, decision, **WHY)
    after = freeze(study, tmp_path / "after")

    assert after.n_judgments == before.n_judgments
    assert ledgers.standing_exclusions(study) == {}
    for name in ("exclusions.csv", "sensitivity.csv", "similarity_judgments.csv"):
        texts = [(tmp_path / f / name).read_text() for f in ("before", "after")]
        assert texts[0] == texts[1]


def test_an_exclusion_decision_leaves_the_pay_where_it_is(
    study: Study, session: StudySession
) -> None:
    ledgers.record_payment(
        session, "pay", ground="in-order", reason="Finished.", by="ada"
    )
    paid = ledgers.standing_payments(study)

    ledgers.record_exclusion(session, "exclude", **WHY)

    assert ledgers.standing_payments(study) == paid
    assert PaymentDecision.objects.count() == 1


def test_neither_table_knows_of_the_other() -> None:
    for model, other in (
        (PaymentDecision, ExclusionDecision),
        (ExclusionDecision, PaymentDecision),
    ):
        related = {field.related_model for field in model._meta.get_fields()}
        assert other not in related


def test_the_latest_decision_stands_and_the_earlier_ones_stay(
    study: Study, session: StudySession
) -> None:
    ledgers.record_exclusion(session, "exclude", **WHY)
    assert list(ledgers.standing_exclusions(study)) == [session.pk]

    ledgers.record_exclusion(
        session, "keep", ground="correction", reason="The wrong row.", by="bo"
    )

    assert ledgers.standing_exclusions(study) == {}
    history = session.exclusion_decisions.values_list("decision", "decided_by")
    assert list(history) == [("exclude", "ada"), ("keep", "bo")]


def test_a_bonus_comes_on_top_of_the_pay(study: Study, session: StudySession) -> None:
    ledgers.record_payment(session, "pay", **{**WHY, "ground": "in-order"})
    ledgers.record_payment(session, "bonus", **{**WHY, "ground": "in-order"})

    assert ledgers.standing_payments(study)[session.pk].decision == "pay"


# ------------------------------------------------------------------ dissent is no ground


DISSENT = [rule.name for rule in RULES if rule.sort == "dissent"]


@pytest.mark.parametrize("ground", [*DISSENT, "", "distance-to-model"])
def test_dissent_cannot_be_named_as_a_ground(
    session: StudySession, ground: str
) -> None:
    for record, decision in (
        (ledgers.record_payment, "withhold"),
        (ledgers.record_exclusion, "exclude"),
    ):
        with pytest.raises(DecisionRefused, match="Disagreeing with other people is"):
            record(session, decision, ground=ground, reason="Alone.", by="ada")

    for model, promise in (
        (PaymentDecision, "dissent_is_no_ground_for_pay"),
        (ExclusionDecision, "dissent_is_no_ground_for_exclusion"),
    ):
        with pytest.raises(IntegrityError, match=promise), transaction.atomic():
            model.objects.create(
                session=session,
                decision=model.Decided.values[0],
                ground=ground,
                reason="Alone.",
                decided_by="ada",
            )


def test_no_ground_is_named_like_a_rule_of_dissent() -> None:
    assert set(DISSENT) == {"agreement", "fading"}
    assert not set(DISSENT) & set(Ground.values)


# ------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"reason": "  \n "}, "A decision needs its reason, in a sentence."),
        ({"reason": "x" * 501}, "at most 500 characters; this one has 501"),
        ({"decision": "reject"}, "There is no decision 'reject' in this ledger"),
    ],
)
def test_what_is_no_decision_is_refused(
    session: StudySession, change: dict[str, str], sentence: str
) -> None:
    given = {"decision": "exclude", **WHY, **change}

    with pytest.raises(DecisionRefused) as refused:
        ledgers.record_exclusion(session, given.pop("decision"), **given)

    assert sentence in refused.value.message
    assert ExclusionDecision.objects.count() == 0


@pytest.mark.parametrize("ground", ["person-asked", "technical", "in-order"])
def test_pay_is_not_withheld_for_withdrawing_or_for_our_faults(
    session: StudySession, ground: str
) -> None:
    with pytest.raises(DecisionRefused, match="is no ground for not paying"):
        ledgers.record_payment(
            session, "withhold", ground=ground, reason="So.", by="ada"
        )


def test_a_run_of_another_study_is_refused(session: StudySession) -> None:
    elsewhere = factories.open_study(slug="elsewhere")
    run = QualityRun.objects.create(
        study=elsewhere, number=1, rules={}, rules_sha256="", n_sessions=0, n_flagged=0
    )

    with pytest.raises(DecisionRefused, match="belongs to another study"):
        ledgers.record_exclusion(session, "exclude", **WHY, run=run)


# ------------------------------------------------------------------ written once


def test_a_ledger_row_is_never_changed(session: StudySession) -> None:
    rows = [
        ledgers.record_payment(session, "pay", **WHY),
        ledgers.record_exclusion(session, "exclude", **WHY),
    ]

    for row in rows:
        row.reason = "Another one."
        with pytest.raises(TypeError, match="is written once"):
            row.save()
        with (
            pytest.raises(IntegrityError, match="is written once and never changed"),
            transaction.atomic(),
        ):
            type(row).objects.filter(pk=row.pk).update(reason="Another one.")


def test_the_ledgers_go_with_a_person_who_is_erased(session: StudySession) -> None:
    ledgers.record_payment(session, "pay", **WHY)
    ledgers.record_exclusion(session, "exclude", **WHY)

    session.participant.delete()

    assert not PaymentDecision.objects.exists()
    assert not ExclusionDecision.objects.exists()


def test_every_table_that_is_written_once_has_its_trigger() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT event_object_table FROM information_schema.triggers "
            "WHERE event_manipulation = 'UPDATE'"
        )
        guarded = {table for (table,) in cursor.fetchall()}

    assert guarded >= {
        "collection_paymentdecision",
        "collection_exclusiondecision",
        "collection_qualityrun",
        "collection_qualityverdict",
    }
