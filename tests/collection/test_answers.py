"""What may be answered to a trial, and what is refused with which sentence."""

from __future__ import annotations

from typing import Any

import pytest

from collection import errors, participation
from collection.models import Incident, Response, StudySession, Trial
from collection.participation import Answer
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def session() -> StudySession:
    return factories.joined(factories.open_study(**factories.only("pair")))


@pytest.fixture
def trial(session: StudySession) -> Trial:
    found = participation.current_trial(session)
    assert found is not None
    return found


def rate(session: StudySession, trial: Trial, rating: Any) -> Response:
    return participation.record_response(
        session, trial_id=trial.pk, answer=Answer(rating=rating)
    )


@pytest.mark.parametrize(
    "rating", [-1, 101, 1e9, float("nan"), float("inf"), True, "50", -0.01, 100.4]
)
def test_a_rating_outside_the_scale_is_refused_and_stores_nothing(
    session: StudySession, trial: Trial, rating: Any
) -> None:
    with pytest.raises(errors.RatingOutOfRange, match="0 to 100"):
        rate(session, trial, rating)

    assert Response.objects.count() == 0
    assert Incident.objects.get().code == "rating-out-of-range"


@pytest.mark.parametrize("rating", [0, 100, 62.0])
def test_the_whole_scale_is_accepted(
    session: StudySession, trial: Trial, rating: float
) -> None:
    assert rate(session, trial, rating).rating == rating


def test_a_triplet_takes_one_of_its_three_actions() -> None:
    session = factories.joined(factories.open_study(**factories.only("triplet")))
    trial = participation.current_trial(session)
    assert trial is not None
    absent = next(a for a in factories.ACTION_IDS if a not in trial.actions)

    with pytest.raises(errors.AnswerNotOffered, match="one of the three"):
        participation.record_response(
            session, trial_id=trial.pk, answer=Answer(choice=absent)
        )
    with pytest.raises(errors.AnswerMissing, match="least like the others"):
        participation.record_response(session, trial_id=trial.pk, answer=Answer())
    stored = participation.record_response(
        session, trial_id=trial.pk, answer=Answer(choice=trial.actions[2])
    )

    assert stored.choice == trial.actions[2]


@pytest.mark.parametrize(
    ("key", "answer", "refusal", "sentence"),
    [
        ("check", Answer(choice="maybe"), errors.AnswerNotOffered, "options shown"),
        ("check", Answer(), errors.AnswerMissing, "answer this question"),
        ("age", Answer(text="seven"), errors.RatingOutOfRange, "type a number"),
        ("age", Answer(text="nan"), errors.RatingOutOfRange, "type a number"),
        (
            "age",
            Answer(text="7"),
            errors.RatingOutOfRange,
            "at least 18 and at most",
        ),
        ("age", Answer(choice="7"), errors.AnswerNotOffered, "by typing"),
        ("comment", Answer(text="x" * 501), errors.AnswerNotOffered, "at most 500"),
    ],
)
def test_a_question_takes_only_what_it_asked_for(
    key: str, answer: Answer, refusal: type[Exception], sentence: str
) -> None:
    session = factories.joined(factories.open_study(**factories.only("questions")))
    trial = participation.current_trial(session)
    while trial is not None and trial.question != key:
        factories.answer(session, n_trials=1)
        trial = participation.current_trial(session)
    assert trial is not None
    stored = Response.objects.count()

    with pytest.raises(refusal, match=sentence):
        participation.record_response(session, trial_id=trial.pk, answer=answer)

    assert Response.objects.count() == stored


def test_prefer_not_to_say_and_an_empty_comment_are_answers() -> None:
    session = factories.joined(factories.open_study(**factories.only("questions")))

    def reticent(trial: Trial) -> Answer:
        return {
            "check": Answer(choice="often"),
            "age": Answer(choice="prefer-not-to-say"),
            "comment": Answer(),
        }[trial.question]

    factories.answer(session, reticent)

    assert participation.progress(session) == (3, 3)
    assert set(Response.objects.values_list("choice", "text")) == {
        ("often", ""),
        ("prefer-not-to-say", ""),
        ("", ""),
    }
