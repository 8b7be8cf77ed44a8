"""Judgments and participants as a program reads them."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from collection import ledgers, participation
from collection.models import Cell, ComprehensionOutcome, Response, StudySession
from tests import factories
from tests.programs import Program
from tests.researchers import Site

pytestmark = pytest.mark.django_db

JUDGMENTS = "studies/tiny/judgments/"


@pytest.fixture
def site(outside_var: Path) -> Site:
    return Site(outside_var)


@pytest.fixture
def program(site: Site) -> Program:
    return Program.of(site.viewer, ["read"])


def raters(rows: list[dict[str, str]]) -> set[str]:
    return {row["rater_id"] for row in rows}


def test_a_judgment_is_what_was_shown_and_answered(
    site: Site, program: Program
) -> None:
    ada = factories.ada(site.study)

    rows = {row["trial_id"]: row for row in program.all(JUDGMENTS)}

    answered = Response.objects.filter(trial__session=ada).exclude(
        trial__kind="question"
    )
    assert len(rows) == answered.count()
    for response in answered.select_related("trial"):
        row, trial = rows[str(response.trial_id)], response.trial
        assert row == {
            "trial_id": str(trial.pk),
            "rater_id": ada.participant.rater_id,
            "group": "all",
            "simulated": False,
            "kind": trial.kind,
            "block": trial.block,
            "position": trial.position,
            "dimension": trial.dimension,
            "actions": trial.actions,
            "polarity": trial.polarity,
            "repeat": trial.repeat,
            "sampler": trial.sampler,
            "propensity": trial.propensity,
            "rating": response.rating,
            "choice": response.choice,
            "positions": response.positions,
            "not_understood": False,
            "rt_ms": 900,
            "issued_at": _written(trial.issued_at),
            "received_at": _written(response.received_at),
        }


def test_no_rule_of_exclusion_is_applied(site: Site, program: Program) -> None:
    bo, dee = factories.bo(site.study), factories.dee(site.study)

    assert raters(program.all(JUDGMENTS)) == {
        bo.participant.rater_id,
        dee.participant.rater_id,
    }


def test_what_people_decided_about_themselves_holds(
    site: Site, program: Program
) -> None:
    ada = factories.ada(site.study)
    factories.cy(site.study)
    missed = factories.finished(site.study)
    ComprehensionOutcome.objects.create(session=missed, passed=False)
    asked = factories.finished(site.study)
    ledgers.record_exclusion(
        asked, "exclude", ground="person-asked", reason="They wrote.", by="ada"
    )
    by_hand = factories.finished(site.study)
    ledgers.record_exclusion(
        by_hand, "exclude", ground="too-fast", reason="In two minutes.", by="ada"
    )

    shown = raters(program.all(JUDGMENTS))

    assert shown == {ada.participant.rater_id, by_hand.participant.rater_id}


def test_answers_to_questions_are_no_judgments(site: Site, program: Program) -> None:
    factories.ada(site.study)

    told = json.dumps(program.all(JUDGMENTS))

    assert "my secret remark" not in told
    assert "question" not in told


def test_no_key_of_a_participant_is_told(site: Site, program: Program) -> None:
    ada = factories.ada(site.study)
    factories.cy(site.study)

    told = "".join(
        json.dumps(program.get(f"studies/tiny/{path}"))
        for path in ("judgments/", "participants/", "coverage/", "coverage/cells/")
    )

    for session in StudySession.objects.all():
        assert str(session.pk) not in told
        assert session.completion_code not in told or not session.completion_code
    assert "cast" not in told  # the platform that Ada came from
    assert ada.participant.rater_id in told


def test_pages_hold_each_row_once_and_in_order(site: Site, program: Program) -> None:
    factories.ada(site.study)
    factories.bo(site.study)

    whole = program.all(JUDGMENTS)
    small = program.all(f"{JUDGMENTS}?page_size=3")

    assert small == whole
    assert len({row["trial_id"] for row in whole}) == len(whole)
    assert [row["received_at"] for row in whole] == sorted(
        row["received_at"] for row in whole
    )


def test_a_row_that_comes_meanwhile_moves_none(site: Site, program: Program) -> None:
    factories.ada(site.study)
    first = program.get(f"{JUDGMENTS}?page_size=4")

    factories.bo(site.study)
    rest = program.all(first["next"])

    seen = [row["trial_id"] for row in first["results"] + rest]
    assert len(set(seen)) == len(seen) == len(program.all(JUDGMENTS))


def test_filters_give_those_rows_alone(site: Site, program: Program) -> None:
    factories.ada(site.study)
    bo = factories.bo(site.study).participant.rater_id
    whole = program.all(JUDGMENTS)
    middle = whole[len(whole) // 2]["received_at"]
    filters = {
        "kind=pair": lambda row: row["kind"] == "pair",
        "kind=arrangement": lambda row: False,
        "block=values": lambda row: row["block"] == "values",
        "action=alpha": lambda row: "alpha" in row["actions"],
        f"rater_id={bo}": lambda row: row["rater_id"] == bo,
        "group=all&repeat=false": lambda row: not row["repeat"],
        "simulated=true": lambda row: False,
        "simulated=false&kind=triplet": lambda row: row["kind"] == "triplet",
        f"received_from={quote(middle)}": lambda row: row["received_at"] >= middle,
        f"received_before={quote(middle)}": lambda row: row["received_at"] < middle,
    }

    for asked, fits in filters.items():
        expected = [row for row in whole if fits(row)]
        assert program.all(f"{JUDGMENTS}?{asked}&page_size=2") == expected, asked


def test_a_cursor_opens_its_own_list_alone(site: Site, program: Program) -> None:
    factories.ada(site.study)
    following = program.get(f"{JUDGMENTS}?page_size=1")["next"]
    cursor = following.partition("cursor=")[2]

    for path in (
        f"studies/tiny/coverage/cells/?cursor={cursor}",
        f"{JUDGMENTS}?cursor=MQ:{cursor.partition('%3A')[2]}",
        f"{JUDGMENTS}?cursor=1",
    ):
        told = program.get(path, status=404)["error"]
        assert told["code"] == "unknown-cursor"
        assert told["message"].endswith("Begin without one.")


def test_a_page_costs_the_same_wherever_it_is(site: Site, program: Program) -> None:
    factories.ada(site.study)
    factories.bo(site.study)
    following = program.get(f"{JUDGMENTS}?page_size=2")["next"]

    with CaptureQueriesContext(connection) as early:
        program.get(f"{JUDGMENTS}?page_size=2")
    with CaptureQueriesContext(connection) as late:
        program.get(following)

    assert len(early) == len(late) <= 7
    assert not any("OFFSET" in query["sql"] for query in late)


def test_participants_are_those_who_agreed(site: Site, program: Program) -> None:
    ada, cy = factories.ada(site.study), factories.cy(site.study)
    participation.enrol(site.study)  # came, and has not agreed to anything

    people = program.all("studies/tiny/participants/")

    assert raters(people) == {ada.participant.rater_id, cy.participant.rater_id}
    (mine,) = [p for p in people if p["rater_id"] == ada.participant.rater_id]
    assert mine == program.get(f"studies/tiny/participants/{mine['rater_id']}/")
    (session,) = mine["sessions"]
    assert session["status"] == "finished"
    assert session["uses"] == ["open_release", "simulated_agents", "this_study"]


def test_participants_by_status_group_and_kind(site: Site, program: Program) -> None:
    ada, cy = factories.ada(site.study), factories.cy(site.study)

    def who(asked: str) -> set[str]:
        return raters(program.all(f"studies/tiny/participants/?{asked}"))

    assert who("status=withdrawn") == {cy.participant.rater_id}
    assert who("status=finished&group=all") == {ada.participant.rater_id}
    assert who("simulated=true") == who("group=nobody") == set()


def test_coverage_says_what_the_page_says(site: Site, program: Program) -> None:
    factories.ada(site.study)

    coverage = program.get("studies/tiny/coverage/")
    cells = program.all("studies/tiny/coverage/cells/?kind=pair&page_size=4")

    pairs = coverage["blocks"][0]
    assert (pairs["label"], pairs["n_cells"], pairs["done"]) == ("Pairs", 15, 5)
    assert coverage["groups"] == [
        {"group": "all", "total": 1, "counts": {"finished": 1}}
    ]
    assert len(cells) == 15
    assert sum(cell["completed"] for cell in cells) == 5
    assert Cell.objects.filter(study=site.study, kind="pair").count() == 15
    values = program.all("studies/tiny/coverage/cells/?dimension=morality")
    assert [cell["key"] for cell in values] == ["morality"]


def _written(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
