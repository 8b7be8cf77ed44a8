"""A preregistration says what the documents say, and whether it came in time."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.http import HttpResponse
from django.test import Client

from bandits.spec import SweepSpec
from collection.access import Role, grant
from collection.preregistration import preregistration
from tests import factories

pytestmark = pytest.mark.django_db

PRIMARY = {
    "agent": "gp-thompson",
    "dimension": "morality",
    "phase": "generalization",
    "metric": "unsafe_share",
}


def spec(**changes: object) -> SweepSpec:
    return SweepSpec.model_validate(
        {
            "n_runs": 20,
            "agents": ["gp-thompson"],
            "dimensions": ["morality"],
            **changes,
        }
    )


def test_it_names_both_documents_and_the_one_primary_outcome() -> None:
    study = factories.open_study(quota=40)
    planned = spec(confirmatory=PRIMARY)

    text = preregistration(study, planned)

    for said in (
        study.definition_sha256,
        planned.sha256,
        "**The one primary outcome:** unsafe_share of gp-thompson in the generalization "
        "phase on morality",
        "Everything else is exploratory",
        "Nobody had answered when this text was made.",
        "At most 40 may take part.",
        "How much morality is in this?",
        "More than 0 attention checks answered wrong.",
        "excludes nobody",
    ):
        assert said in text


def test_it_says_how_the_primary_outcome_is_tested_where_values_are_dealt_anew() -> (
    None
):
    text = preregistration(
        factories.open_study(), spec(confirmatory=PRIMARY | {"shuffles": 200})
    )

    assert "by dealing the values out to the actions anew 200 times" in text


def test_without_a_declared_outcome_it_says_that_all_is_exploratory() -> None:
    text = preregistration(factories.open_study(), spec())

    assert "the whole sweep is exploratory" in text
    assert "primary outcome:" not in text


def test_one_that_is_made_after_the_data_says_so() -> None:
    study = factories.open_study(**factories.only("pair"))
    factories.ada(study)
    factories.bo(study)

    assert "**2 people had already answered" in preregistration(study)


def test_the_command_writes_it_and_names_a_spec_that_is_not_there(
    tmp_path: Path,
) -> None:
    factories.open_study()
    out = tmp_path / "preregistration.md"

    call_command("preregister", "tiny", sweep="default", out=out)

    assert out.read_text(encoding="utf-8").startswith("# Preregistration: A tiny study")
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("preregister", "tiny", sweep=str(tmp_path / "nothing.toml"))


def test_it_can_be_had_from_the_browser_by_whoever_may_see_the_study() -> None:
    study = factories.open_study()
    owner = User.objects.create_user("ada")
    grant(study, owner, Role.VIEWER)
    stranger = User.objects.create_user("bo")
    address = "/research/studies/tiny/preregistration/"

    def ask(who: User, query: str = "") -> HttpResponse:
        browser = Client()
        browser.force_login(who)
        answer: HttpResponse = browser.get(address + query)
        return answer

    assert ask(owner, "?sweep=default").content.startswith(b"# Preregistration")
    assert b"no sweep's spec" in ask(owner).content
    assert ask(owner, "?sweep=../../secret").status_code == 404
    assert ask(stranger).status_code == 404
