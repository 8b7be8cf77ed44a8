"""loadstudy, openstudy, closestudy, freezestudy: what a researcher types and reads."""

from __future__ import annotations

import io
import secrets
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from collection.models import Study
from tests import factories

pytestmark = pytest.mark.django_db

EVERYDAY = (
    Path(__file__).parents[2] / "collection" / "studies" / "everyday" / "study.toml"
)


def run(*words: Any, **options: Any) -> str:
    out = io.StringIO()
    call_command(*words, stdout=out, **options)
    return out.getvalue()


def test_the_check_prints_the_plan_and_changes_nothing() -> None:
    printed = run("loadstudy", EVERYDAY, check=True)

    assert "no faults" in printed
    assert "trials/session" in printed
    assert "sessions needed" in printed
    assert "number of words with valence: r = " in printed
    assert Study.objects.count() == 0


def test_the_check_lists_every_fault(tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_text('slug = "Not A Slug"\nsize = 3\n', encoding="utf-8")
    (tmp_path / "actions.csv").write_text("action_id\n", encoding="utf-8")

    with pytest.raises(CommandError) as refused:
        run("loadstudy", path, check=True)

    listed = str(refused.value)
    for place in (
        "actions.csv line 1: needs a column 'text'",
        "study.toml: slug: needs lower-case",
        "study.toml: size: unknown field",
        "study.toml: consent: Field required",
        "study.toml: blocks: Field required",
    ):
        assert place in listed


def test_a_study_is_loaded_opened_and_closed() -> None:
    assert "Study everyday (draft): 50 actions" in run("loadstudy", EVERYDAY)
    assert "people join at /s/everyday/" in run("openstudy", "everyday")
    assert Study.objects.get().status == "open"
    assert "everyday is closed" in run("closestudy", "everyday")
    assert Study.objects.get().status == "closed"


def test_a_study_without_its_consent_page_is_not_opened() -> None:
    study = factories.open_study()
    study.status = "draft"
    study.definition = {**study.definition, "consent": {}}
    # Another document than any in the process's cache.
    study.definition_sha256 = secrets.token_hex(32)
    study.save()

    with pytest.raises(CommandError, match="tiny cannot open yet: 11 faults"):
        run("openstudy", "tiny")


@pytest.mark.parametrize("command", ["openstudy", "closestudy", "freezestudy"])
def test_an_unknown_study_is_named_with_those_there_are(command: str) -> None:
    factories.open_study()

    with pytest.raises(CommandError, match=r"No study 'huge'\. Loaded studies: tiny"):
        run(command, "huge")


def test_a_study_is_frozen_into_a_folder_of_its_own(outside_var: Path) -> None:
    study = factories.open_study(**factories.only("pair"))
    factories.ada(study)

    first = run("freezestudy", "tiny")
    second = run("freezestudy", "tiny")

    assert "Snapshot 1 of tiny: 5 judgments of real participants" in first
    folders = [Path(record.folder) for record in study.snapshots.all()]
    assert [folder.name for folder in folders] == ["1", "2"]
    assert all(folder.is_relative_to(outside_var) for folder in folders)
    assert str(folders[1]) in second


def test_a_refused_snapshot_is_one_sentence(tmp_path: Path) -> None:
    factories.open_study()

    with pytest.raises(CommandError, match="tiny holds no answers yet"):
        run("freezestudy", "tiny", out=tmp_path / "snapshot")
