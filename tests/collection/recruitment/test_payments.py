"""Lists of payments: complete, in the platform's shape, and never paid twice."""

from __future__ import annotations

import threading

import pytest
from django.db import connections

from collection import participation
from collection.errors import CollectionError
from collection.ledgers import record_payment
from collection.models import PlatformPayment, Study, StudySession, Submission
from collection.recruitment import payments
from collection.recruitment.client import Prolific
from collection.recruitment.costs import cost, fair_pay, live_fair_pay
from collection.recruitment.errors import RejectionRefused
from collection.recruitment.lint import Ground, Rejection
from collection.recruitment.payments import (
    Kind,
    approve_all,
    csv_parts,
    owe_bonus,
    pay_bonuses,
)
from collection.recruitment.rejections import case_of, reject
from collection.recruitment.sections import Recruitment
from collection.recruitment.submissions import learn
from tests import factories
from tests.collection.recruitment.conftest import Arrive, recruitment
from tests.prolific_server import TOKEN, FakeProlific, Place

pytestmark = pytest.mark.django_db


@pytest.fixture
def api(prolific: FakeProlific) -> Prolific:
    return Prolific(TOKEN, url=prolific.url, sleep=lambda s: None)


def done(
    prolific: FakeProlific, arrive: Arrive, judge: factories.Judge = factories.attentive
) -> tuple[Place, StudySession]:
    """Somebody who finished and sent it in."""
    place = prolific.submission()
    session = arrive(place)
    factories.answer(session, judge)
    participation.finish(session)
    learn(session.pk, "AWAITING REVIEW")
    place.status = "AWAITING REVIEW"
    return place, session


def states() -> list[str]:
    return sorted(PlatformPayment.objects.values_list("state", flat=True))


# Approving -------------------------------------------------------------------------------


def test_whoever_did_the_work_is_approved_once(
    study: Study, prolific: FakeProlific, arrive: Arrive, api: Prolific
) -> None:
    place, _ = done(prolific, arrive)
    withdrawn, who = done(prolific, arrive)
    participation.withdraw(who)
    arrive(prolific.submission())  # still at work

    first, again = approve_all(study, api=api), approve_all(study, api=api)

    assert (first.n_sent, again.n_sent) == (2, 0)
    assert (place.status, withdrawn.status) == ("APPROVED", "APPROVED")


def test_whom_the_platform_refuted_is_not_approved(
    study: Study, prolific: FakeProlific, arrive: Arrive, api: Prolific
) -> None:
    done(prolific, arrive)
    Submission.objects.update(verification="refuted")

    assert approve_all(study, api=api).n_sent == 0


def test_the_list_of_approvals_is_one_submission_a_line(
    study: Study, prolific: FakeProlific, arrive: Arrive
) -> None:
    places = {done(prolific, arrive)[0].submission_id for _ in range(2)}

    (part,) = csv_parts(study, Kind.APPROVAL)

    assert set(part.splitlines()) == places


def test_what_was_decided_elsewhere_is_no_longer_on_the_list(
    study: Study, prolific: FakeProlific, arrive: Arrive
) -> None:
    _, approved = done(prolific, arrive)
    _, rejected = done(prolific, arrive)
    learn(approved.pk, "APPROVED")
    learn(rejected.pk, "REJECTED")

    assert csv_parts(study, Kind.APPROVAL) == []
    assert states() == ["owed", "sent"]


def test_trouble_while_approving_is_told_and_tried_again(
    study: Study, prolific: FakeProlific, arrive: Arrive, api: Prolific
) -> None:
    done(prolific, arrive)
    prolific.fail_next(*[503] * 5)

    assert "Try again" in approve_all(study, api=api).problem
    assert approve_all(study, api=api).n_sent == 1


# Bonuses ---------------------------------------------------------------------------------


def test_a_bonus_is_owed_once_for_a_reason_and_paid_once(
    study: Study, prolific: FakeProlific, arrive: Arrive, api: Prolific
) -> None:
    place, session = done(prolific, arrive)
    owe_bonus(session, 150, "thanks")
    owe_bonus(session, 150, "thanks")
    assert csv_parts(study, Kind.BONUS) == [f"{place.submission_id},1.50\n"]

    first, again = pay_bonuses(study, api=api), pay_bonuses(study, api=api)

    assert (first.n_sent, again.n_sent) == (1, 0)
    assert prolific.paid == [(place.submission_id, "1.50")]


def test_a_lost_answer_is_never_paid_again_by_itself(
    study: Study, prolific: FakeProlific, arrive: Arrive, api: Prolific
) -> None:
    _, session = done(prolific, arrive)
    owe_bonus(session, 150, "thanks")
    prolific.silent_after_paying = True

    lost = pay_bonuses(study, api=api)
    prolific.silent_after_paying = False
    again = pay_bonuses(study, api=api)

    assert (lost.n_unknown, again.n_sent) == (1, 0)
    assert len(prolific.paid) == 1
    bonus = PlatformPayment.objects.get(kind=Kind.BONUS)
    assert bonus.state == "unknown"
    assert bonus.batch


def test_what_was_turned_away_stays_owed(
    study: Study, prolific: FakeProlific, arrive: Arrive, api: Prolific
) -> None:
    _, session = done(prolific, arrive)
    owe_bonus(session, 150, "thanks")
    prolific.fail_next(*[429] * 5)

    assert pay_bonuses(study, api=api).n_unknown == 0
    assert pay_bonuses(study, api=api).n_sent == 1
    assert len(prolific.paid) == 1


@pytest.mark.django_db(transaction=True)
def test_two_who_pay_at_once_pay_once(
    study: Study, prolific: FakeProlific, arrive: Arrive
) -> None:
    for _ in range(3):
        owe_bonus(done(prolific, arrive)[1], 100, "thanks")

    def pay() -> None:
        pay_bonuses(study)
        connections.close_all()

    both = [threading.Thread(target=pay) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join(timeout=60)

    assert len(prolific.paid) == 3


def test_bonuses_that_make_no_sense_are_refused(
    prolific: FakeProlific, arrive: Arrive
) -> None:
    _, session = done(prolific, arrive)
    owe_bonus(session, 150, "thanks")

    with pytest.raises(CollectionError, match="owed 150 cents already"):
        owe_bonus(session, 200, "thanks")
    with pytest.raises(CollectionError, match="more than nothing"):
        owe_bonus(session, 0, "nothing")
    with pytest.raises(CollectionError, match="did not come from Prolific"):
        owe_bonus(factories.joined(factories.open_study(slug="x")), 5, "thanks")


def test_money_sent_by_hand_is_noted(
    study: Study, prolific: FakeProlific, arrive: Arrive
) -> None:
    owe_bonus(done(prolific, arrive)[1], 150, "thanks")

    assert payments.mark_sent(study, Kind.BONUS) == 1
    assert csv_parts(study, Kind.BONUS) == []


# The payment ledger ----------------------------------------------------------------------


def decide(session: StudySession, decision: str, ground: str = "failed-checks") -> None:
    record_payment(session, decision, ground=ground, reason="Looked at.", by="ada")


@pytest.mark.parametrize("decision", ["withhold", "ask-to-return", "pay-part"])
def test_whom_the_ledger_does_not_pay_in_full_is_not_approved(
    study: Study, prolific: FakeProlific, arrive: Arrive, api: Prolific, decision: str
) -> None:
    place, session = done(prolific, arrive)
    other, _ = done(prolific, arrive)
    decide(session, decision)

    assert csv_parts(study, Kind.APPROVAL) == [f"{other.submission_id}\n"]
    assert approve_all(study, api=api).n_sent == 1
    assert place.status == "AWAITING REVIEW"
    decide(session, "pay", "correction")
    assert approve_all(study, api=api).n_sent == 1
    assert place.status == "APPROVED"


def test_whom_the_ledger_pays_is_approved_without_having_finished(
    study: Study, prolific: FakeProlific, arrive: Arrive, api: Prolific
) -> None:
    place = prolific.submission()
    session = arrive(place)
    learn(session.pk, "AWAITING REVIEW")
    place.status = "AWAITING REVIEW"
    assert approve_all(study, api=api).n_sent == 0

    decide(session, "pay", "technical")

    assert approve_all(study, api=api).n_sent == 1


def test_a_bonus_waits_while_the_ledger_withholds_and_a_promise_does_not(
    study: Study, prolific: FakeProlific, arrive: Arrive, api: Prolific
) -> None:
    place, session = done(prolific, arrive)
    owe_bonus(session, 150, "thanks")
    owe_bonus(session, 15, "screened_out")
    decide(session, "withhold")

    assert csv_parts(study, Kind.BONUS) == [f"{place.submission_id},0.15\n"]
    assert pay_bonuses(study, api=api).n_sent == 1
    assert payments.mark_sent(study, Kind.BONUS) == 0, "it stood on no list"
    decide(session, "pay", "correction")
    assert pay_bonuses(study, api=api).n_sent == 1
    assert prolific.paid == [
        (place.submission_id, "0.15"),
        (place.submission_id, "1.50"),
    ]


def test_a_promise_without_an_amount_is_shown_until_there_is_one(
    study: Study, prolific: FakeProlific, arrive: Arrive
) -> None:
    _, thanked = done(prolific, arrive)
    _, partly = done(prolific, arrive)
    decide(thanked, "bonus", "in-order")
    decide(partly, "pay-part", "incomplete")
    names = {s.participant.rater_id for s in (thanked, partly)}
    assert set(payments.without_amount(study)) == names

    owe_bonus(thanked, 50, "thanks")
    decide(partly, "pay", "correction")

    assert payments.without_amount(study) == []


# Rejecting -------------------------------------------------------------------------------


def test_one_failed_check_of_a_short_study_may_be_rejected_and_keeps_the_answers(
    study: Study, prolific: FakeProlific, arrive: Arrive, api: Prolific
) -> None:
    place, session = done(prolific, arrive, factories.careless)
    why = Rejection(Ground.FAILED_CHECKS, "FAILED_CHECK", "Not read. " * 12)

    reject(session, why, api=api)

    assert (place.status, place.category) == ("REJECTED", "FAILED_CHECK")
    session.refresh_from_db()
    assert session.status == StudySession.Status.FINISHED


def test_a_rejection_that_is_not_allowed_never_reaches_the_platform(
    study: Study, prolific: FakeProlific, arrive: Arrive, api: Prolific
) -> None:
    place, session = done(prolific, arrive)

    with pytest.raises(RejectionRefused, match=r"needs 1 failed valid .*there are 0"):
        reject(session, Rejection(Ground.FAILED_CHECKS, "FAILED_CHECK", "x"), api=api)

    assert place.status == "AWAITING REVIEW"
    assert case_of(session).failed_checks == []
    assert case_of(session).skipped == []


# Cost and fair pay -----------------------------------------------------------------------


def test_the_cost_is_rewards_fee_and_tax_on_the_fee() -> None:
    section = Recruitment.model_validate(
        recruitment(reward_cents=200, places=100, fee_percent=30, vat_percent=20)
    )

    whole = cost(section, bonuses=1000)

    assert (whole.rewards, whole.fee, whole.vat, whole.total) == (
        20_000,
        6_300,
        1_260,
        28_560,
    )


@pytest.mark.parametrize(
    ("minutes", "verdict", "hourly"),
    [(3, "fair", 1200), (5, "low", 720), (7, "unlawful", 514)],
)
def test_an_hour_is_held_against_floor_and_recommendation(
    minutes: float, verdict: str, hourly: int
) -> None:
    meter = fair_pay(Recruitment.model_validate(recruitment()), minutes)

    assert (meter.verdict, meter.hourly_cents) == (verdict, hourly)
    assert meter.fair_reward_cents == 15 * minutes


def test_the_meter_follows_how_long_people_really_take(
    study: Study, prolific: FakeProlific, arrive: Arrive
) -> None:
    planned = live_fair_pay(study)
    for seconds in (240, 480, 420):
        learn(done(prolific, arrive)[1].pk, "APPROVED", time_taken_s=seconds)

    real = live_fair_pay(study)

    assert planned is not None
    assert real is not None
    assert (planned.median_minutes, planned.n) == (3, 0)
    assert (real.median_minutes, real.n, real.verdict) == (7, 3, "unlawful")
