"""Exclusion rules: who is left out, with which reason, and who stays."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, repeat

import pytest

from collection import participation
from collection.errors import ComprehensionFailed
from collection.models import StudySession, Trial
from collection.participation import Answer
from collection.quality import Evidence, Verdict, repeat_differences, session_verdict
from tests import factories

pytestmark = pytest.mark.django_db


def evidence(session: StudySession, use: str = "this_study") -> Evidence:
    trials = session.trials.filter(response__isnull=False).order_by("position")
    definition = session.study.definition_model()
    return Evidence(session, [t.response for t in trials], definition, use)


def verdict(session: StudySession, use: str = "this_study") -> Verdict | None:
    return session_verdict(evidence(session, use))


def test_ada_stays_and_the_others_are_left_out_each_for_one_reason() -> None:
    study = factories.open_study()
    cast = [factories.ada, factories.bo, factories.cy, factories.dee]

    verdicts = [verdict(person(study)) for person in cast]

    assert verdicts == [
        None,
        Verdict("not-finished", "the session was not finished"),
        Verdict("withdrawn", "the participant withdrew"),
        Verdict("failed-checks", "1 attention checks failed (check), 0 allowed"),
    ]


def test_a_person_is_used_only_for_what_they_ticked() -> None:
    study = factories.open_study()
    session = participation.enrol(study)
    participation.give_consent(session, {"this_study": True}, of_age=True)
    factories.answer(session)
    participation.finish(session)

    assert verdict(session) is None
    assert verdict(session, "open_release") == Verdict(
        "consent-not-for-this-use", "no consent to the use 'open_release'"
    )


def test_unfinished_sessions_stay_where_the_definition_says_so() -> None:
    study = factories.open_study(exclusion={"require_finished": False})

    assert verdict(factories.bo(study)) is None


def test_as_many_checks_may_fail_as_the_definition_allows() -> None:
    study = factories.open_study(exclusion={"max_failed_checks": 1})

    assert verdict(factories.dee(study)) is None


def test_missing_the_instructions_twice_asks_to_return_and_is_no_failed_check() -> None:
    questions = factories.document()["questions"]
    questions[0]["purpose"] = "comprehension"
    study = factories.open_study(questions=questions)

    with pytest.raises(ComprehensionFailed):
        factories.dee(study)

    found = verdict(study.sessions.get())
    assert found is not None
    assert found.rule == "asked-to-return"


def ratings_of(first: int, second: int) -> Iterator[int]:
    return chain(repeat(first, 6), repeat(second))


@pytest.mark.parametrize(
    ("second", "rule"), [(60, None), (71, "inconsistent-repeats"), (0, None)]
)
def test_repeats_too_far_apart_exclude_only_by_a_declared_limit(
    second: int, rule: str | None
) -> None:
    study = factories.open_study(
        exclusion={"max_repeat_difference": 30 if second else None},
        **factories.only("value", repeats=5),
    )
    ratings = ratings_of(40, second)
    session = factories.finished(study, lambda _: Answer(rating=next(ratings)))

    found = verdict(session)

    assert (found.rule if found else None) == rule
    if found:
        assert found.reason == (
            "5 repeated ratings differ by 31.0 on average, 30 allowed"
        )


def test_fewer_than_five_repeats_say_nothing() -> None:
    study = factories.open_study(
        exclusion={"max_repeat_difference": 1}, **factories.only("value", repeats=4)
    )
    ratings = ratings_of(0, 100)

    session = factories.finished(study, lambda _: Answer(rating=next(ratings)))

    assert repeat_differences(evidence(session).responses) == [100] * 4
    assert verdict(session) is None


def test_what_was_not_understood_is_compared_with_nothing() -> None:
    study = factories.open_study(**factories.only("pair", repeats=2))

    def unsure(trial: Trial) -> Answer:
        return Answer(not_understood=True) if trial.repeat else Answer(rating=10)

    session = factories.finished(study, unsure)

    assert repeat_differences(evidence(session).responses) == []
