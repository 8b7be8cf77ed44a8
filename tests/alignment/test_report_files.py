"""`alignment.report_files`: a report written is the report read."""

from collections.abc import Callable
from dataclasses import astuple, replace
from pathlib import Path

import numpy as np
import pytest

from alignment.errors import FolderError
from alignment.folders import read_rows
from alignment.report import ReportSettings, write_report
from alignment.report_files import (
    HUMAN,
    ReportData,
    read_report,
    write_tables,
)

WriteSnapshot = Callable[..., Path]
QUICK = ReportSettings(
    raters=("length",), n_resamples=10, n_permutations=10, n_splits=2, figures=False
)


@pytest.fixture
def report(small_snapshot: WriteSnapshot, tmp_path: Path) -> ReportData:
    return write_report(small_snapshot(unjudged=3), tmp_path / "report", QUICK)


def same(one: object, two: object) -> bool:
    """Equal, NaN being equal to NaN."""
    return repr(one) == repr(two)


def test_tables_written_again_from_what_was_read_are_the_same_bytes(
    report: ReportData, tmp_path: Path
) -> None:
    again = tmp_path / "again"
    again.mkdir()

    write_tables(report, again)

    for file in again.iterdir():
        assert file.read_bytes() == (report.folder / file.name).read_bytes(), file.name
    assert len(list(again.iterdir())) == 8


def test_what_is_read_twice_is_equal(report: ReportData) -> None:
    again = read_report(report.folder)

    assert again.actions == report.actions
    assert again.raters == report.raters
    assert again.dimensions == report.dimensions
    assert same(again.alignment, report.alignment)
    assert same(again.reliability, report.reliability)
    assert again.notes == report.notes
    for name, matrix in report.matrices.items():
        np.testing.assert_array_equal(again.matrices[name].values, matrix.values)
    for key, values in report.values.items():
        np.testing.assert_array_equal(again.values[key], values)


def test_files_have_the_columns_that_others_rely_on(report: ReportData) -> None:
    def columns(name: str) -> list[str]:
        return list(read_rows(report.folder / name)[0])

    assert columns("actions.csv") == ["action_id", "text", "area"]
    assert columns("values.csv") == ["action_id", "dimension", "rater_id", "value", "n"]
    assert columns("alignment.csv")[:9] == [
        "rater",
        "measure",
        "value",
        "low",
        "high",
        "p",
        "n_pairs",
        "n_resamples",
        "n_permutations",
    ]
    assert {"rater", "kind", "family", "complete", "n_missing", "n_pairs"} <= set(
        columns("raters.csv")
    )
    with np.load(report.folder / "matrices.npz", allow_pickle=False) as held:
        assert set(held.files) == {"action_ids", *report.matrices}
        assert tuple(held["action_ids"]) == report.actions.ids


def test_nan_is_an_empty_field_and_comes_back_as_nan(report: ReportData) -> None:
    (row,) = (
        row
        for row in read_rows(report.folder / "alignment.csv")
        if (row["rater"], row["measure"]) == ("length", "cka")
    )

    assert (row["value"], row["p"]) == ("", "")
    (found,) = (
        each
        for each in report.alignment
        if (each.rater, each.measure) == ("length", "cka")
    )
    assert np.isnan(astuple(found)[2:6]).all()


def test_a_changed_file_is_refused(report: ReportData) -> None:
    file = report.folder / "values.csv"
    file.write_text(file.read_text(encoding="utf-8").replace("95", "5"))

    with pytest.raises(FolderError, match=r"values\.csv was changed after"):
        read_report(report.folder)


def test_matrices_of_other_actions_are_refused(report: ReportData) -> None:
    from alignment.report_files import _read_matrices

    other = replace(report.actions, ids=("another", *report.actions.ids[1:]))

    with pytest.raises(FolderError, match=r"its actions are not those of actions\.csv"):
        _read_matrices(report.folder / "matrices.npz", other, report.raters)


def test_an_unknown_rater_is_refused_with_those_there_are(report: ReportData) -> None:
    assert report.rater(HUMAN).kind == "human"
    with pytest.raises(
        FolderError, match="has no rater bert; it has human, human_half"
    ):
        report.rater("bert")


def test_a_folder_that_is_no_report_is_refused(
    small_snapshot: WriteSnapshot,
) -> None:
    with pytest.raises(FolderError, match="must be a report folder, it is a snapshot"):
        read_report(small_snapshot("other"))
