"""Figures to explore hold the numbers of the still ones, and name what they show."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alignment.figure_data import map_data, matrices_data, save_all
from alignment.figure_data_dots import alignment_data
from alignment.interactive import Interactive, interval, save_interactive, shown
from alignment.report import ReportSettings, write_report
from alignment.report_files import ReportData


@pytest.fixture
def report(small_snapshot: Callable[..., Path], tmp_path: Path) -> ReportData:
    settings = ReportSettings(
        raters=("length", "words"), n_resamples=20, n_permutations=20, figures=False
    )
    return write_report(small_snapshot(unjudged=2), tmp_path / "report", settings)


def drawn(figure: Interactive | None) -> Interactive:
    assert figure is not None
    return figure


def test_a_matrix_names_both_actions_of_every_pair(report: ReportData) -> None:
    figure = drawn(matrices_data(report))
    trace = figure.traces[0]
    known = set(report.actions.ids)

    assert set(trace["x"]) == set(trace["y"]) == known
    i, j = 0, 1
    one, other = (report.actions.ids.index(trace["y"][at]) for at in (i, j))
    people = report.matrices["human"].values
    np.testing.assert_array_equal(trace["customdata"][i, j], people[one, other])
    n = len(known)
    assert len(figure.rows) == len(figure.traces) * n * (n - 1) // 2
    assert all(row["action_a"] < row["action_b"] for row in figure.rows)


def test_only_the_first_matrices_are_drawn_where_all_would_be_too_many(
    report: ReportData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alignment.figure_data.MOST_CELLS", 1)

    assert len(drawn(matrices_data(report)).traces) == 1


def test_a_point_of_the_map_tells_the_actions_text(report: ReportData) -> None:
    (trace,) = drawn(map_data(report)).traces

    for text, told in zip(report.actions.texts, trace["customdata"], strict=True):
        assert shown(text, 50) in told


def test_every_rater_stands_beside_every_measure_it_has(report: ReportData) -> None:
    figure = drawn(alignment_data(report))

    told = {
        rater
        for trace in figure.traces
        if trace["mode"] == "markers"
        for rater in trace["y"]
    }
    # People's own matrix and its halves are what the others are measured against.
    against = {row.rater for row in report.alignment} - told
    assert against <= {"human", "human_half_a", "human_half_b"}
    assert {"length", "words"} <= told
    row = next(r for r in report.alignment if r.measure == "spearman")
    assert any(
        one["rater"] == row.rater and one["value"] == row.value for one in figure.rows
    )


def test_the_same_report_gives_the_same_files(
    report: ReportData, tmp_path: Path
) -> None:
    once, again = tmp_path / "a", tmp_path / "b"
    for folder in (once, again):
        folder.mkdir()
        save_all(report, folder, mark="snapshot 0123abcd", blocks=None)

    names = sorted(path.name for path in once.iterdir())
    assert names == [
        f"{name}.{ending}"
        for name in ("alignment", "map", "matrices")
        for ending in ("csv", "json")
    ]
    for name in names:
        assert (once / name).read_bytes() == (again / name).read_bytes()


# ------------------------------------------------------------------ the files


def saved(tmp_path: Path, simulated: bool = True, **trace: Any) -> tuple[Any, str]:
    rows = [{"kernel": "a,b", "value": float("nan")}, {"kernel": "c", "value": 0.5}]
    figure = Interactive([trace], {}, rows)
    json_file, csv_file = save_interactive(
        tmp_path / "one.two", figure, mark="sweep 0123abcd", simulated=simulated
    )
    assert (json_file.name, csv_file.name) == ("one.two.json", "one.two.csv")
    return json.loads(json_file.read_text()), csv_file.read_text()


def test_numbers_become_jsons_own_and_gaps_become_null(tmp_path: Path) -> None:
    told, _ = saved(tmp_path, z=np.array([[np.nan, 1 / 3]]), n=np.int64(3))

    assert told["data"] == [{"z": [[None, 0.333333]], "n": 3}]


def test_the_table_is_csv_that_reads_back(tmp_path: Path) -> None:
    _, table = saved(tmp_path)

    assert list(csv.DictReader(table.splitlines())) == [
        {"kernel": "a,b", "value": ""},
        {"kernel": "c", "value": "0.5"},
    ]


@pytest.mark.parametrize("simulated", [True, False])
def test_a_figure_says_whether_people_were_simulated_and_whose_it_is(
    tmp_path: Path, simulated: bool
) -> None:
    told, _ = saved(tmp_path, simulated)
    words = json.dumps(told["layout"]["annotations"])

    assert ("SIMULATED PARTICIPANTS" in words) is simulated
    assert "sweep 0123abcd" in words


def test_text_of_a_study_is_never_markup() -> None:
    assert shown("<a href='x'>R&D</a>") == "&lt;a href='x'&gt;R&amp;D&lt;/a&gt;"
    assert shown("one two", 4) == "one<br>two"


def test_an_interval_is_told_only_where_there_is_one() -> None:
    nan = float("nan")

    assert interval(-0.5, -0.75, 0.25) == "−0.50 [−0.75, 0.25]"
    assert interval(0.5, nan, nan) == "0.50"
    assert interval(nan, 0.1, 0.2) == "undefined"
