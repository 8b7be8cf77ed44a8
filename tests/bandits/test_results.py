import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from alignment.errors import FolderError
from alignment.folders import read_rows
from bandits.results import Cell, PhaseRuns, read_sweep, write_runs, write_table


def runs_of(number: int, dimension: str, **metrics: list[float]) -> PhaseRuns:
    cell = Cell(
        number,
        "svr",
        "human",
        "human",
        "matched",
        0.0,
        0,
        dimension,
        "group",
        "study",
        50.0,
    )
    found = {name: np.array(values) for name, values in metrics.items()}
    return PhaseRuns(cell, "personalization", found)


def test_a_measure_one_cell_lacks_is_empty_there(tmp_path: Path) -> None:
    write_runs(
        tmp_path / "runs.parquet",
        [
            runs_of(0, "morality", unsafe_share=[0.5, 0.25]),
            runs_of(1, "fun", low_value_share=[0.75]),
        ],
    )

    frame = pd.read_parquet(tmp_path / "runs.parquet")

    np.testing.assert_array_equal(frame["unsafe_share"], [0.5, 0.25, np.nan])
    np.testing.assert_array_equal(frame["low_value_share"], [np.nan, np.nan, 0.75])
    assert list(frame["replicate"]) == [0, 1, 0]
    assert list(frame["cell"]) == [0, 0, 1]


def test_an_undefined_number_is_an_empty_field(tmp_path: Path) -> None:
    write_table(tmp_path / "t.csv", [{"a": math.nan, "b": 0.1}, {"b": 2.0, "c": "x"}])

    assert read_rows(tmp_path / "t.csv") == [
        {"a": "", "b": "0.1", "c": ""},
        {"a": "", "b": "2.0", "c": "x"},
    ]


def test_a_table_without_rows_still_names_its_columns(tmp_path: Path) -> None:
    write_table(tmp_path / "t.csv", [], empty=("agent", "metric"))

    assert (tmp_path / "t.csv").read_text() == "agent,metric\n"


def test_a_task_compares_cells_of_the_same_values_and_threshold() -> None:
    assert runs_of(0, "fun").cell.task == ("fun", "group", "study")


def test_what_is_no_sweep_is_refused(
    make_report: Callable[..., Path], tmp_path: Path
) -> None:
    with pytest.raises(FolderError, match="there is no such folder"):
        read_sweep(tmp_path / "nothing")
    with pytest.raises(FolderError, match="must be a sweep folder"):
        read_sweep(make_report())
