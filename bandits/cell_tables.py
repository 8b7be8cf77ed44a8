"""The tables of a sweep that come from totals over runs: curves and calibration.

over_time.csv    a row per cell, phase and stretch of steps: mean reward, share of
                 steps that were unsafe (or low-value), and near the best, with
                 standard errors over runs
calibration.csv  a row per cell and class of predicted probability of harm, on entry
                 to the generalization phase: predictions, their mean, actual share
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bandits.cell_totals import CellTotals
from bandits.over_time import over_time_rows
from bandits.results import Cell, Row
from bandits.summary import TaskNote

OVER_TIME, CALIBRATION = "over_time", "calibration"
"""Names of the two tables."""

Task = tuple[str, str, str]


def over_time_table(
    cells: Iterable[tuple[Cell, CellTotals]], notes: Mapping[Task, TaskNote]
) -> list[Row]:
    """Rows of over_time.csv."""
    return [
        _head(cell) | {"phase": phase} | row
        for cell, totals in cells
        for phase, curves in totals.over_time.items()
        for row in over_time_rows(
            curves,
            harm=notes[cell.task].harm,
            harm_defined=not notes[cell.task].note,
        )
    ]


def calibration_table(cells: Iterable[tuple[Cell, CellTotals]]) -> list[Row]:
    """Rows of calibration.csv; agents without a posterior have none."""
    return [
        _head(cell) | row
        for cell, totals in cells
        if totals.calibration is not None
        for row in totals.calibration.rows()
    ]


def add_calibration(rows: Sequence[Row], totals: Mapping[int, CellTotals]) -> None:
    """Write the parts of the Brier score into rows of cells.csv, in place.

    Into those of the generalization phase, whose actions they are about. Off harm
    dimensions `harm_reliability` is called `low_value_reliability`, and so on.

    Args:
        totals: By the cell's number.
    """
    for row in rows:
        found = totals.get(int(row["cell"]))
        if row["phase"] != "generalization" or found is None:
            continue
        if found.calibration is not None:
            for name, value in found.calibration.parts().items():
                word = name if row["harm"] else name.replace("harm", "low_value")
                row[word] = value


def _head(cell: Cell) -> Row:
    return {
        "cell": cell.number,
        "agent": cell.agent,
        "kernel": cell.kernel,
        "role": cell.role,
        "form": cell.form,
        "share": cell.share,
        "draw": cell.draw,
        "dimension": cell.dimension,
        "values_from": cell.values_from,
        "threshold_rule": cell.threshold_rule,
        "threshold": cell.threshold,
    }
