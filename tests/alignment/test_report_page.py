"""`report.html`: one file that needs nothing else and says what it holds."""

import csv
import re
from pathlib import Path

import pytest

from alignment.figure_style import SIMULATED
from alignment.pooling import POOLINGS
from alignment.report import ReportSettings, write_report
from tests.alignment.conftest import TEXTS, write_small_snapshot

SETTINGS = ReportSettings(
    raters=("length", "words"), n_resamples=20, n_permutations=20, n_splits=5
)
HOSTILE = {"title": "A <script>alert(1)</script> & a study"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    parent = tmp_path_factory.mktemp("report-page")
    snapshot = write_small_snapshot(parent, simulated=True, world="follows", **HOSTILE)
    write_report(snapshot, parent / "report", SETTINGS)
    return parent / "report"


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


def test_tests_comparisons_and_agreement_stand_on_the_page_and_in_tables(
    folder: Path,
) -> None:
    page = (folder / "report.html").read_text(encoding="utf-8")

    for said in (
        "What may be claimed",
        "95 % interval over people and actions",
        "length minus words",
        "How far people agree",
        "The best possible model would agree with single people",
    ):
        assert said in page
    for name, n_rows in (
        ("model_tests.csv", 2),
        ("model_comparisons.csv", 1),
        ("agreement.csv", 2),
    ):
        with (folder / name).open(encoding="utf-8") as file:
            assert len(list(csv.DictReader(file))) == n_rows
    with (folder / "reliability.csv").open(encoding="utf-8") as file:
        ends = {row["what"]: row for row in csv.DictReader(file)}
    lower, upper = (ends[f"rater_ceiling_{end}"] for end in ("lower", "upper"))
    assert float(lower["value"]) <= float(upper["value"])
