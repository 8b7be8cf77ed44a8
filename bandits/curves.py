"""One curve over time from the cells of a sweep that a line stands for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Row = Mapping[str, Any]


class Curve(NamedTuple):
    """An outcome by stretch of one phase, each (n_stretches,).

    at: The middle of each stretch, in steps.
    error: Standard error of each mean; NaN where there is none.
    """

    at: Array
    mean: Array
    error: Array


def curve_of(rows: Sequence[Row], outcome: str) -> Curve:
    """The curve of one phase of a cell, or of several cells that differ in a draw.

    Of several, the error is that of their mean over draws and runs: the variance
    between draws over their number, plus the mean of the runs' own. Draws share the
    runs' luck, so that neither part may be left out; where luck shows between draws
    too it is counted twice, and the band a little too wide.
    """
    by_step = groupby(sorted(rows, key=_middle), key=_middle)
    at, mean, error = [], [], []
    for middle, group in by_step:
        cells = list(group)
        means = np.array([row[outcome] for row in cells], dtype=float)
        own = np.array([row[f"{outcome}_se"] for row in cells], dtype=float)
        between = means.var(ddof=1) / len(cells) if len(cells) > 1 else 0.0
        at.append(middle)
        mean.append(float(means.mean()))
        error.append(math.sqrt(between + float((own**2).mean())))
    return Curve(*(np.array(column, dtype=float) for column in (at, mean, error)))


def _middle(row: Row) -> float:
    return float(row["first_step"] + row["last_step"]) / 2
