"""Every status a submission can have, in any order, twice; and what follows from it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collection import participation
from collection.models import Cell, Reservation, Study, StudySession, Submission
from collection.recruitment import submissions
from collection.recruitment.submissions import ORDER, learn
from tests import factories
from tests.collection.recruitment.conftest import Arrive, recruitment
from tests.prolific_server import FakeProlific

pytestmark = pytest.mark.django_db

Status = Submission.Status


def totals(study: Study) -> tuple[int, int]:
    """Judgments completed, and places held, over all cells."""
    cells = Cell.objects.filter(study=study)
    return (
        sum(cell.completed for cell in cells),
        sum(cell.in_flight for cell in cells),
    )


@pytest.fixture
def bo(prolific: FakeProlific, arrive: Arrive) -> StudySession:
    """Stopped after two pairs, with a third before him."""
    session = arrive(prolific.submission())
    factories.answer(session, n_trials=2)
    assert participation.current_trial(session) is not None
    return session


@pytest.mark.parametrize("status", ORDER)
def test_every_status_is_understood_and_repeats_change_nothing(
    bo: StudySession, status: str
) -> None:
    changed = learn(bo.pk, status)

    assert changed is (ORDER.index(status) > ORDER.index("ACTIVE"))
    assert learn(bo.pk, status) is False


@given(events=st.lists(st.sampled_from(ORDER), min_size=1, max_size=6))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=10)
def test_the_same_events_end_in_the_same_place_in_any_order(
    bo: StudySession, events: list[str]
) -> None:
    ends = set()
    for order in (events, events[::-1], sorted(events), events * 2):
        Submission.objects.update(status="RESERVED")
        for status in order:
            learn(bo.pk, status)
        ends.add(Submission.objects.get().status)

    assert ends == {max(events, key=ORDER.index)}


def test_what_was_asked_just_now_may_also_take_a_decision_back(
    bo: StudySession,
) -> None:
    learn(bo.pk, "REJECTED")

    assert learn(bo.pk, "AWAITING REVIEW") is False
    assert learn(bo.pk, "AWAITING REVIEW", certain=True) is True
    assert Submission.objects.get().status == "AWAITING REVIEW"


def test_a_status_of_the_future_is_refused(bo: StudySession) -> None:
    with pytest.raises(ValueError, match="unknown status 'PONDERING'"):
        learn(bo.pk, "PONDERING")


# What becomes of places and answers ------------------------------------------------------


def test_a_timeout_keeps_answers_and_frees_what_was_only_held(
    study: Study, bo: StudySession
) -> None:
    assert totals(study) == (2, 1)

    learn(bo.pk, "TIMED-OUT")

    assert totals(study) == (2, 0)
    bo.refresh_from_db()
    assert bo.status == StudySession.Status.CONSENTED


def test_a_return_drops_answers_and_frees_their_places(
    study: Study, bo: StudySession
) -> None:
    learn(bo.pk, "RETURNED")

    assert totals(study) == (0, 0)
    bo.refresh_from_db()
    assert bo.status == StudySession.Status.WITHDRAWN


@pytest.mark.parametrize("policy", ["keep", "drop"])
@pytest.mark.parametrize(
    ("status", "name"),
    [
        ("RETURNED", "returned"),
        ("TIMED-OUT", "timed_out"),
        ("REJECTED", "rejected"),
        ("SCREENED OUT", "screened_out"),
    ],
)
def test_the_definition_says_what_is_kept(
    prolific: FakeProlific, status: str, name: str, policy: str
) -> None:
    study = factories.open_study(recruitment=recruitment(policies={name: policy}))
    session = factories.joined(study, external_id="bo", platform="prolific")
    Submission.objects.create(session=session, study=study, verification="api")
    factories.answer(session, n_trials=2)
    participation.current_trial(session)

    learn(session.pk, status)

    assert totals(study) == ((2, 0) if policy == "keep" else (0, 0))


@pytest.mark.parametrize(
    "status", ["APPROVED", "AWAITING REVIEW", "PARTIALLY APPROVED"]
)
def test_good_news_takes_nothing_from_anybody(
    study: Study, bo: StudySession, status: str
) -> None:
    learn(bo.pk, status)

    assert totals(study) == (2, 1)


def test_who_goes_on_after_a_timeout_still_counts(
    study: Study, bo: StudySession
) -> None:
    learn(bo.pk, "TIMED-OUT")

    factories.answer(bo)
    participation.finish(bo)

    held = Reservation.objects.filter(session=bo, state="held")
    assert not held.exists()
    assert totals(study) == (6, 0)  # five pairs and one whole dimension


def test_answers_of_the_finished_stay_once_the_last_date_for_dropping_has_passed(
    prolific: FakeProlific, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = factories.open_study(recruitment=recruitment())
    session = factories.finished(study, external_id="ada", platform="prolific")
    Submission.objects.create(session=session, study=study, verification="api")
    assert study.definition_model().consent.withdrawal_until == date(2099, 12, 31)
    later = datetime(2100, 1, 1, tzinfo=UTC)
    monkeypatch.setattr(participation.timezone, "now", lambda: later)

    learn(session.pk, "RETURNED")

    session.refresh_from_db()
    assert session.status == StudySession.Status.FINISHED
    assert Submission.objects.get().status == "RETURNED"


def test_a_submission_is_found_only_under_its_own_person(
    prolific: FakeProlific, arrive: Arrive
) -> None:
    place = prolific.submission()
    session = arrive(place)
    find: Any = submissions.session_of

    assert find(place.submission_id, place.participant_id) == session.pk
    assert find(place.submission_id, "somebody") is None
    assert find("", place.participant_id) is None
