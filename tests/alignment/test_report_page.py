"""`report.html`: one file that needs nothing else and says what it holds."""

import csv
import re
from pathlib import Path

import pytest

from alignment.figure_style import SIMULATED
from alignment.pooling import POOLINGS
from alignment.report import ReportSettings, write_report
from tests.alignment.conftest import TEXTS, WriteSnapshot

SETTINGS = ReportSettings(
    raters=("length", "words"), n_resamples=20, n_permutations=20, n_splits=5
)
HOSTILE = {"title": "A <script>alert(1)</script> & a study"}


@pytest.fixture
def folder(small_snapshot: WriteSnapshot, tmp_path: Path) -> Path:
    snapshot = small_snapshot(simulated=True, world="follows", **HOSTILE)
    write_report(snapshot, tmp_path / "report", SETTINGS)
    return tmp_path / "report"


def test_the_page_asks_nobody_and_runs_only_what_it_brings(folder: Path) -> None:
    page = (folder / "report.html").read_text(encoding="utf-8")

    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert "default-src 'none'" in policy[1]
    assert "unsafe" not in policy[1]
    assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", page)
    assert " style=" not in page, "the policy would not let it through"
    assert not re.search(r"\son[a-z]+=", page)
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_the_page_says_that_its_people_are_simulated(folder: Path) -> None:
    page = (folder / "report.html").read_text(encoding="utf-8")

    assert SIMULATED in page


def test_everything_can_be_read_without_its_script(folder: Path) -> None:
    page = (folder / "report.html").read_text(encoding="utf-8")
    read = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)

    for heading in ("Alignment with people", "What models see differently", "Values"):
        assert heading in read
    assert any(text in read for text in TEXTS.values())
    assert "Noise ceiling" in read


def test_every_rater_stands_under_every_pooling(folder: Path) -> None:
    with (folder / "pooling.csv").open(encoding="utf-8") as file:
        rows = {(row["pooling"], row["rater"]) for row in csv.DictReader(file)}

    assert rows == {(way, who) for way in POOLINGS for who in ("length", "words")}
    assert "Three poolings" in (folder / "report.html").read_text(encoding="utf-8")
