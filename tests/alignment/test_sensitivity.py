"""What exclusion does: ceiling and alignment under no, default and strict exclusion."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import combinations
from math import isnan
from pathlib import Path

import pytest

from alignment.folders import read_rows
from alignment.raters import RaterOptions, make_raters
from alignment.report import ReportSettings, write_report
from alignment.sensitivity import SensitivityRow, sensitivity, under
from alignment.snapshots import Snapshot, read_snapshot
from tests.alignment.conftest import TEXTS, WORDING

WriteSnapshot = Callable[..., Path]

SCHEMES = [
    {"exclusion": "default", "rater_id": "p-eve", "rule": "r", "reason": "because"},
    {"exclusion": "strict", "rater_id": "p-eve", "rule": "r", "reason": "because"},
    {"exclusion": "strict", "rater_id": "p-bo", "rule": "f", "reason": "because"},
]
# Eve says the same of every pair but the first: she was left out.
ASIDE = [
    {"action_a": a, "action_b": b, "rater_id": "p-eve", "similarity": float(i > 0)}
    for i, (a, b) in enumerate(combinations(TEXTS, 2))
]


@pytest.fixture
def frozen(small_snapshot: WriteSnapshot) -> Snapshot:
    return read_snapshot(small_snapshot(sensitivity_rows=SCHEMES, set_aside_rows=ASIDE))


def table(frozen: Snapshot) -> dict[tuple[str, str], SensitivityRow]:
    (words,) = make_raters(("words",), RaterOptions(0, 0, None))
    matrix = words.judge(frozen.actions, WORDING).matrix
    rows = sensitivity(frozen, {"words": matrix}, n_splits=5, n_resamples=20, seed=0)
    return {(row.exclusion, row.what): row for row in rows}


def test_each_scheme_keeps_its_own_people(frozen: Snapshot) -> None:
    assert under(frozen, "none").raters == ("p-ada", "p-bo", "p-cy", "p-dee", "p-eve")
    assert under(frozen, "default").raters == ("p-ada", "p-bo", "p-cy", "p-dee")
    assert under(frozen, "strict").raters == ("p-ada", "p-cy", "p-dee")


def test_the_default_is_what_the_snapshot_holds(frozen: Snapshot) -> None:
    kept = under(frozen, "default")

    assert len(kept) == len(frozen.similarities)
    assert kept.mean().values.tolist() == frozen.similarities.mean().values.tolist()


def test_the_table_has_ceiling_and_alignments_under_all_three(
    frozen: Snapshot,
) -> None:
    found = table(frozen)

    assert list(found) == [
        (scheme, what)
        for scheme in ("none", "default", "strict")
        for what in ("noise_ceiling", "words")
    ]
    assert [found[s, "words"].n_raters for s in ("none", "default", "strict")] == [
        5,
        4,
        3,
    ]
    none, default = found["none", "noise_ceiling"], found["default", "noise_ceiling"]
    assert none.value < default.value
    assert default.low <= default.value <= default.high
    assert isnan(default.low) is False


def test_a_scheme_without_enough_people_says_why(small_snapshot: WriteSnapshot) -> None:
    alone = [
        {"exclusion": "strict", "rater_id": name, "rule": "f", "reason": "because"}
        for name in ("p-bo", "p-cy", "p-dee")
    ]

    found = table(read_snapshot(small_snapshot(sensitivity_rows=alone)))

    assert isnan(found["strict", "noise_ceiling"].value)
    assert "at least 2 participants" in found["strict", "noise_ceiling"].note
    assert not isnan(found["strict", "words"].value)


def test_where_nobody_is_left_out_there_is_no_table(
    small_snapshot: WriteSnapshot,
) -> None:
    assert table(read_snapshot(small_snapshot())) == {}


def test_an_older_snapshot_without_the_two_files_is_read(
    small_snapshot: WriteSnapshot,
) -> None:
    folder = small_snapshot()
    manifest = json.loads((folder / "manifest.json").read_text())
    for name in ("sensitivity.csv", "set_aside_similarity_judgments.csv"):
        (folder / name).unlink()
        del manifest["files"][name]
    (folder / "manifest.json").write_text(json.dumps(manifest))

    frozen = read_snapshot(folder)

    assert frozen.excluded == {}
    assert len(frozen.set_aside) == 0


def test_a_report_holds_the_table(
    small_snapshot: WriteSnapshot, tmp_path: Path
) -> None:
    snapshot = small_snapshot(sensitivity_rows=SCHEMES, set_aside_rows=ASIDE)
    settings = ReportSettings(
        raters=("words",), n_resamples=10, n_permutations=5, n_splits=3, figures=False
    )

    report = write_report(snapshot, tmp_path / "report", settings)

    rows = read_rows(tmp_path / "report" / "sensitivity.csv")
    by = {(row["exclusion"], row["what"]): row for row in rows}
    (whole,) = (
        each for each in report.alignment
        if (each.rater, each.measure) == ("words", "spearman")
    )  # fmt: skip
    assert float(by["default", "words"]["value"]) == pytest.approx(whole.value)
    assert by["default", "words"]["low"] == ""
