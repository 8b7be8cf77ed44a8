"""Two attempts, then a kind request to return: no rejection, no exclusion."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django.live_server_helper import LiveServer

from collection import loading, participation
from collection.definitions import StudyDefinition, load_definition
from collection.errors import AnswerMissing, AnswerNotOffered, ComprehensionFailed
from collection.models import (
    Cell,
    ComprehensionOutcome,
    Response,
    Study,
    StudySession,
    Trial,
)
from collection.participation import Answer
from collection.simulation import (
    plant_truth,
    right_answers,
    simulate_participants,
)
from collection.snapshots import freeze
from tests import factories

SMALL = Path(loading.__file__).parent / "studies" / "small" / "study.toml"

pytestmark = pytest.mark.django_db


def check(key: str = "understood", **changes: Any) -> dict[str, Any]:
    return {
        "key": key,
        "kind": "choice",
        "text": "What will you judge?",
        "options": [
            {"key": "actions", "text": "What people do"},
            {"key": "deeds", "text": "Their deeds"},
            {"key": "prices", "text": "Prices"},
        ],
        "purpose": "comprehension",
        "correct": "actions",
        "also_correct": ["deeds"],
        **changes,
    }


@pytest.fixture
def study() -> Study:
    document = factories.document()
    return factories.open_study(
        questions=[check("first"), check("second"), *document["questions"]],
        blocks=[
            {"key": "check", "kind": "questions", "questions": ["first", "second"]},
            document["blocks"][0],
            document["blocks"][-1],
        ],
        groups=[{"name": "all", "blocks": ["pairs", "check", "about"]}],
    )


@pytest.fixture
def session(study: Study) -> StudySession:
    """Somebody who judged the pairs, and stands before the check."""
    session = factories.joined(study)
    factories.answer(session, n_trials=5)
    return session


def say(session: StudySession, choice: str) -> Trial:
    trial = participation.current_trial(session)
    assert trial is not None
    participation.record_response(
        session, trial_id=trial.pk, answer=Answer(choice=choice)
    )
    return trial


def asked(session: StudySession) -> tuple[str, bool]:
    trial = participation.current_trial(session)
    assert trial is not None
    return trial.question, trial.repeat


def test_whoever_understands_at_once_is_asked_once(session: StudySession) -> None:
    say(session, "actions")
    say(session, "deeds")  # also right

    assert asked(session) == ("check", False)
    assert ComprehensionOutcome.objects.get().passed
    assert ComprehensionOutcome.objects.get().missed == []


def test_a_first_miss_is_asked_again_and_counts_as_no_further_question(
    session: StudySession,
) -> None:
    before = participation.progress(session)
    first = say(session, "prices")

    assert asked(session) == ("first", True)
    second = say(session, "actions")
    assert asked(session) == ("second", False)
    say(session, "actions")

    assert first.pk != second.pk
    assert participation.progress(session) == (before[0] + 2, before[1])
    assert ComprehensionOutcome.objects.get().passed
    assert ComprehensionOutcome.objects.get().missed == ["first"]
    factories.answer(session)
    assert participation.finish(session).status == "finished"


def test_a_second_miss_ends_it_and_gives_the_places_to_others(
    session: StudySession,
) -> None:
    say(session, "prices")
    say(session, "prices")

    with pytest.raises(ComprehensionFailed, match="return your place"):
        participation.current_trial(session)

    outcome = ComprehensionOutcome.objects.get()
    assert (outcome.passed, outcome.missed) == (False, ["first", "first"])
    assert set(Cell.objects.values_list("completed", "in_flight")) == {(0, 0)}
    with pytest.raises(ComprehensionFailed):
        participation.finish(session)


def test_nothing_is_used_of_whoever_was_asked_to_return(
    session: StudySession, tmp_path: Path
) -> None:
    say(session, "prices")
    say(session, "prices")
    factories.finished(session.study, lambda trial: _understands(trial))

    freeze(session.study, tmp_path / "snapshot")

    with (tmp_path / "snapshot" / "exclusions.csv").open() as table:
        rules = {(row["rater_id"], row["rule"]) for row in csv.DictReader(table)}
    assert rules == {(session.participant.rater_id, "asked-to-return")}


def _understands(trial: Trial) -> Answer:
    if trial.question in ("first", "second"):
        return Answer(choice="actions")
    return factories.attentive(trial)


def test_the_same_request_twice_is_no_second_attempt(session: StudySession) -> None:
    trial = participation.current_trial(session)
    assert trial is not None
    for _ in range(3):
        participation.record_response(
            session, trial_id=trial.pk, answer=Answer(choice="prices")
        )

    assert asked(session) == ("first", True)
    assert Response.objects.filter(trial__question="first").count() == 1


def test_a_check_can_be_neither_declined_nor_left_empty(session: StudySession) -> None:
    with pytest.raises(AnswerNotOffered, match="one of the options"):
        say(session, "prefer-not-to-say")
    with pytest.raises(AnswerMissing, match="answer this question"):
        say(session, "")


def test_the_pages_show_the_instructions_again_and_then_the_way_out(
    client: Client, session: StudySession
) -> None:
    address = reverse("trial", args=[session.code])

    def send(choice: str) -> str:
        trial = participation.current_trial(session)
        assert trial is not None
        sent = {"trial_id": str(trial.pk), "choice": choice}
        return client.post(address, sent, follow=True).text

    once = send("prices")
    assert "Please read how it works once more" in once
    assert "Read and judge." in once
    assert "Question 6 of 10" in once
    assert "I prefer not to say" not in once

    page = send("prices")
    assert "Let us stop here" in page
    assert "this is no rejection" in page
    for name in ("trial", "resume", "return"):
        here = client.get(reverse(name, args=[session.code]), follow=True)
        assert "Let us stop here" in here.text


def test_simulated_people_understand(live_server: LiveServer) -> None:
    document = load_definition(SMALL).model_dump(mode="json")
    document["questions"].append(check())
    document["blocks"].append(
        {"key": "check", "kind": "questions", "questions": ["understood"]}
    )
    for group in document["groups"]:
        group["blocks"].insert(0, "check")
    study = loading.open_study(
        loading.load_study(StudyDefinition.model_validate(document))
    )
    truth = plant_truth(study, world="follows", seed=3)

    summary = simulate_participants(
        study.slug,
        live_server.url,
        truth=truth,
        numbers=range(2),
        threads=1,
        understood=right_answers(study),
    )

    assert summary.problems == ()
    assert ComprehensionOutcome.objects.filter(passed=True).count() == 2


def test_the_way_out_is_shown_to_nobody_else(client: Client, study: Study) -> None:
    fresh = factories.joined(study)

    page = client.get(reverse("return", args=[fresh.code]), follow=True)

    assert "Let us stop here" not in page.text


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"also_correct": ["nowhere"]}, "correct must be one of the options"),
        ({"purpose": "attention"}, "only a comprehension question has also_correct"),
        ({"correct": None}, "needs its correct option"),
    ],
)
def test_what_a_check_cannot_be(changes: dict[str, Any], fault: str) -> None:
    document = factories.document(questions=[check(**changes)])

    with pytest.raises(ValueError, match=fault):
        StudyDefinition.model_validate(document)
