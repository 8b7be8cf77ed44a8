"""Screening: asked first, ended calmly, paid as promised, and in no data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django.live_server_helper import LiveServer

from collection import loading, participation
from collection.definitions import StudyDefinition, load_definition
from collection.errors import SessionOver
from collection.loading import load_study, open_study
from collection.models import (
    Ending,
    PlatformPayment,
    Response,
    Study,
    StudySession,
    Submission,
    Trial,
)
from collection.participation import Answer
from collection.recruitment.definition_lint import findings
from collection.simulation import (
    plant_truth,
    right_answers,
    simulate_participants,
)
from collection.snapshots import freeze
from tests import factories
from tests.collection.recruitment.conftest import recruitment

SMALL = Path(loading.__file__).parent / "studies" / "small" / "study.toml"

pytestmark = pytest.mark.django_db

DRIVER = {
    "key": "driver",
    "kind": "choice",
    "text": "Do you drive?",
    "options": [{"key": "yes", "text": "Yes"}, {"key": "no", "text": "No"}],
    "screen_out": ["no"],
}
YEARS = {
    "key": "years",
    "kind": "number",
    "text": "For how many years?",
    "minimum": 0,
    "maximum": 80,
    "screen_out_below": 2,
    "screen_out_above": 60,
}


def document(**changes: Any) -> dict[str, Any]:
    plain = factories.document()
    return factories.document(
        **{
            "questions": [DRIVER, YEARS, *plain["questions"]],
            "blocks": [
                {"key": "who", "kind": "questions", "questions": ["driver", "years"]},
                plain["blocks"][0],
            ],
            "groups": [{"name": "all", "blocks": ["who", "pairs"]}],
            **changes,
        }
    )


@pytest.fixture
def study() -> Study:
    changes = {k: document()[k] for k in ("questions", "blocks", "groups")}
    return factories.open_study(**changes)


@pytest.fixture
def session(study: Study) -> StudySession:
    return factories.joined(study)


def send(session: StudySession, **fields: str) -> str:
    """Answer the trial on the page, and read the page that follows."""
    trial = Trial.objects.get(session=session, response=None)
    browser = Client()
    sent = {"trial_id": str(trial.pk), **fields}
    page = browser.post(f"/p/{session.pk}/trial/", sent, follow=True)
    text: str = page.content.decode()
    return text


def begin(session: StudySession) -> None:
    assert Client().get(f"/p/{session.pk}/trial/").status_code == 200


def test_who_can_take_part_goes_on(session: StudySession) -> None:
    begin(session)

    send(session, choice="yes")
    page = send(session, text="2")

    assert "How similar are these two actions?" in page
    assert not Ending.objects.exists()


def test_who_cannot_is_thanked_at_once_and_nothing_is_kept_from_others(
    study: Study, session: StudySession
) -> None:
    begin(session)

    page = send(session, choice="no")

    assert "needs people in another situation than yours" in page
    assert "will be in no dataset" in page
    session.refresh_from_db()
    assert (session.status, session.ending.outcome) == ("withdrawn", "screened_out")
    assert sum(cell.load for cell in study.cells.all()) == 0
    assert "another situation" in Client().get(f"/p/{session.pk}/", follow=True).text
    with pytest.raises(SessionOver):
        participation.current_trial(session)


@pytest.mark.parametrize(
    ("years", "ends"), [("1.5", True), ("2", False), ("60", False), ("61", True)]
)
def test_a_number_ends_it_outside_its_limits_alone(
    session: StudySession, years: str, ends: bool
) -> None:
    begin(session)
    send(session, choice="yes")

    send(session, text=years)

    assert Ending.objects.exists() is ends


def test_saying_nothing_screens_out_only_where_the_document_says_so(
    study: Study, session: StudySession
) -> None:
    begin(session)
    send(session, choice="prefer-not-to-say")
    assert not Ending.objects.exists()
    strict = {**DRIVER, "screen_out": ["no", "prefer-not-to-say"]}
    other = document(slug="strict", questions=[strict, YEARS])
    wanted = ("slug", "questions", "blocks", "groups")
    someone = factories.joined(factories.open_study(**{k: other[k] for k in wanted}))

    begin(someone)
    send(someone, choice="prefer-not-to-say")

    assert Ending.objects.get().session == someone


def test_a_retried_answer_ends_it_once(session: StudySession) -> None:
    begin(session)
    trial = Trial.objects.get(session=session)

    for _ in range(2):
        page = Client().post(
            f"/p/{session.pk}/trial/",
            {"trial_id": str(trial.pk), "choice": "no"},
            follow=True,
        )
        assert "another situation" in page.content.decode()

    assert Response.objects.count() == Ending.objects.count() == 1


def test_on_prolific_it_is_paid_as_the_definition_says() -> None:
    keys = ("questions", "blocks", "groups")
    changes = {k: document()[k] for k in keys}
    study = factories.open_study(recruitment=recruitment(), **changes)
    session = factories.joined(study, external_id="a", platform="prolific")
    Submission.objects.create(session=session, study=study, verification="api")
    begin(session)

    page = send(session, choice="no")

    assert "cc=SCRN1" in page
    assert "£0.15 as a bonus" in page
    owed = PlatformPayment.objects.get()
    assert (owed.kind, owed.cents) == ("bonus", 15)


def test_none_of_it_is_in_a_snapshot(
    study: Study, session: StudySession, tmp_path: Path
) -> None:
    begin(session)
    send(session, choice="no")
    other = factories.joined(study)
    begin(other)
    send(other, choice="yes")
    send(other, text="9")
    factories.answer(other)
    participation.finish(other)

    freeze(study, tmp_path / "snapshot")

    written = "".join(p.read_text() for p in (tmp_path / "snapshot").rglob("*.*"))
    assert other.participant.rater_id in written
    assert session.participant.rater_id not in written


def test_who_was_screened_out_counts_in_no_group(study: Study) -> None:
    for _ in range(3):
        session = factories.joined(study)
        trial = participation.current_trial(session)
        assert trial is not None
        participation.record_response(
            session, trial_id=trial.pk, answer=Answer(choice="no")
        )

    assert not study.sessions.filter(status__in=["consented", "finished"]).exists()


@pytest.mark.django_db(transaction=True)
def test_simulated_people_are_such_as_can_take_part(live_server: LiveServer) -> None:
    """Beliefs can be planted only where the built-in actions are asked about."""
    own = load_definition(SMALL).model_dump(mode="json")
    own["questions"] += [DRIVER, YEARS]
    own["blocks"].append(document()["blocks"][0])
    for group in own["groups"]:
        group["blocks"].insert(0, "who")
    study = open_study(load_study(StudyDefinition.model_validate(own)))

    summary = simulate_participants(
        study.slug,
        live_server.url,
        truth=plant_truth(study, world="follows", seed=3),
        numbers=range(2),
        threads=1,
        understood=right_answers(study),
    )

    assert summary.problems == ()
    assert study.sessions.filter(status="finished").count() == 2


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"screen_out": ["maybe"]}, "must name answers that are offered"),
        (
            {"screen_out": ["yes", "no"], "prefer_not_to_say": False},
            "names every answer: nobody could take part",
        ),
        ({"required": False}, "only a required question about the person"),
        (
            {"purpose": "comprehension", "correct": "yes"},
            "only a required question about the person",
        ),
        ({"screen_out": [], "screen_out_below": 3}, "are for numbers"),
        ({**YEARS, "options": [], "screen_out": [], "screen_out_below": 70}, "rise"),
        ({**YEARS, "options": [], "screen_out": [], "screen_out_above": 90}, "rise"),
    ],
)
def test_what_screening_cannot_be(changes: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        StudyDefinition.model_validate(document(questions=[{**DRIVER, **changes}]))


def test_nobody_judges_first_and_is_sent_away_then() -> None:
    with pytest.raises(ValueError, match=r"'who' screens people out \(driver, years\)"):
        StudyDefinition.model_validate(
            document(groups=[{"name": "all", "blocks": ["pairs", "who"]}])
        )


def test_a_study_without_screening_keeps_its_hash() -> None:
    plain = StudyDefinition.model_validate(factories.document())

    assert "screen_out" not in plain.model_dump_json()
    stored = StudyDefinition.model_validate(document()).model_dump(mode="json")
    assert StudyDefinition.model_validate(stored).question("years").screens


def test_prolific_needs_to_know_what_screening_pays() -> None:
    section = recruitment()
    del section["completion"]["screened_out"]
    unsaid = StudyDefinition.model_validate(document(recruitment=section))
    said = StudyDefinition.model_validate(document(recruitment=recruitment()))

    assert [f.level for f in findings(unsaid) if f.rule == "screening"] == ["refuse"]
    assert [f for f in findings(said) if f.rule == "screening"] == []
