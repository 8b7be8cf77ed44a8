"""Studies over the API: which there are, what they ask, open and closed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from collection.access import Role, grant
from collection.definitions import StudyDefinition
from collection.loading import load_study
from collection.models import AuditRecord, Study
from tests import factories
from tests.programs import Program
from tests.researchers import Site

pytestmark = pytest.mark.django_db

STATUS = "studies/tiny/status/"


@pytest.fixture
def site(outside_var: Path) -> Site:
    return Site(outside_var)


def test_the_list_holds_my_studies_with_my_role(site: Site) -> None:
    grant(Study.objects.get(slug="elsewhere"), site.viewer, Role.EDITOR)

    mine = Program.of(site.viewer).all("studies/?page_size=1")
    theirs = Program.of(site.stranger).all("studies/")
    everything = Program.of(site.operator).all("studies/")

    assert {(s["slug"], s["role"]) for s in mine} == {
        ("tiny", "viewer"),
        ("elsewhere", "editor"),
    }
    assert [s["slug"] for s in theirs] == ["elsewhere"]
    assert [(s["slug"], s["role"]) for s in everything] == [
        ("elsewhere", "owner"),
        ("tiny", "owner"),
    ]


def test_a_study_says_whether_anybody_in_it_is_simulated(site: Site) -> None:
    program = Program.of(site.viewer)
    before = program.get("studies/tiny/")
    factories.joined(site.study, simulated=True)

    assert before["simulated"] is False
    assert program.get("studies/tiny/")["simulated"] is True
    assert program.get("studies/tiny/coverage/")["simulated"] is True


def test_the_definition_and_its_actions_are_those_of_the_study(site: Site) -> None:
    program = Program.of(site.viewer)

    definition = program.get("studies/tiny/definition/")
    actions = program.all("studies/tiny/actions/?page_size=4")

    assert (
        StudyDefinition.model_validate(definition).sha256
        == (program.get("studies/tiny/")["definition_sha256"])
    )
    assert [action["action_id"] for action in actions] == list(factories.ACTION_IDS)
    assert [action["position"] for action in actions] == list(range(6))
    assert program.get("studies/tiny/actions/carol/") == {
        "action_id": "carol",
        "position": 2,
        "text": "I call carol",
        "attributes": {"area": "calls"},
    }


def test_a_study_is_paused_closed_and_opened_again(site: Site) -> None:
    program = Program.of(site.editor)

    for status in ("paused", "paused", "closed", "open"):
        assert program.send("put", STATUS, {"status": status})["status"] == status

    verbs = AuditRecord.objects.filter(study="tiny", by="ed").order_by("pk")
    assert list(verbs.values_list("verb", flat=True)) == [
        "study.paused",
        "study.closed",
        "study.opened",
    ]


def test_a_closed_study_cannot_be_paused(site: Site) -> None:
    program = Program.of(site.editor)
    program.send("put", STATUS, {"status": "closed"})

    told = program.send("put", STATUS, {"status": "paused"}, status=409)["error"]

    assert told["code"] == "state-refused"
    assert told["message"] == "Only an open study can be paused; this one is closed."


def test_a_study_that_is_not_ready_says_all_that_is_missing(site: Site) -> None:
    document = factories.document(slug="unready")
    for field in ("ethics", "controller", "contact"):
        del document["consent"][field]
    study = load_study(StudyDefinition.model_validate(document))
    grant(study, site.editor, Role.EDITOR)

    told = Program.of(site.editor).send(
        "put", "studies/unready/status/", {"status": "open"}, status=422
    )["error"]

    assert told["code"] == "definition-faults"
    assert len(told["fields"]) == 3
    assert all("consent" in place for place in told["fields"])
    study.refresh_from_db()
    assert study.status == "draft"


@pytest.mark.parametrize(
    "body", [{}, {"status": "draft"}, {"status": None}, [], "open"]
)
def test_a_status_that_is_none_is_refused(site: Site, body: object) -> None:
    told = Program.of(site.editor).send("put", STATUS, body, status=400)["error"]

    assert told["code"] == "invalid"
    assert told["fields"]


def test_a_token_says_whose_it_is_and_what_for(site: Site) -> None:
    told = Program.of(site.viewer, ["read"]).get("token/")

    assert (told["account"], told["scopes"]) == ("vi", ["read"])
    assert "digest" not in json.dumps(told)
