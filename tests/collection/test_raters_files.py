"""Only raters that this server offers are asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from alignment.raters import RATERS
from collection import raters_files
from collection.errors import UnknownRater


@pytest.fixture
def files(outside_var: Path) -> Path:
    folder = outside_var / "raters"
    folder.mkdir(parents=True)
    (folder / "lab.toml").write_text(
        '[[rater]]\nname = "mpnet"\n[[rater]]\nname = "e5"\n'
    )
    (folder / "broken.toml").write_text("[[rater")
    (folder / "odd.toml").write_text('rater = "none"\n')
    return folder


def test_the_built_in_ones_are_the_librarys() -> None:
    assert set(raters_files.BUILT_IN) == set(RATERS)


def test_an_operators_files_offer_more_and_a_broken_one_offers_nothing(
    files: Path,
) -> None:
    assert raters_files.offered() == dict.fromkeys(raters_files.BUILT_IN) | {
        "mpnet": files / "lab.toml",
        "e5": files / "lab.toml",
    }


def test_the_command_takes_only_the_chosen_ones_of_a_file(files: Path) -> None:
    told = raters_files.arguments(["minilm", "e5"])

    assert told == ["--raters", f"minilm,{files / 'lab.toml'}", "--only", "e5"]
    assert raters_files.arguments("minilm,words") == ["--raters", "minilm,words"]


def test_a_file_of_a_researchers_own_is_no_rater(files: Path) -> None:
    with pytest.raises(UnknownRater, match=r"no rater /etc/x.toml on this server"):
        raters_files.arguments(["/etc/x.toml"])
