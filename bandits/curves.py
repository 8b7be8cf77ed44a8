"""One curve over time from the cells of a sweep that a line stands for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bandits.tails import Z95, wilson_of

Array = NDArray[np.float64]
Row = Mapping[str, Any]


class Curve(NamedTuple):
    """An outcome by stretch of one phase, each (n_stretches,).

    at: The middle of each stretch, in steps.
    error: Standard error of each mean; NaN where there is none.
    low, high: 95 % interval; NaN where there is no error.
    """

    at: Array
    mean: Array
    error: Array
    low: Array
    high: Array


def curve_of(rows: Sequence[Row], outcome: str) -> Curve:
    """The curve of one phase of a cell, or of several cells that differ in a draw.

    Of several, the error is that of their mean over draws and runs: the variance
    between draws over their number, plus the mean of the runs' own. Draws share the
    runs' luck, so that neither part may be left out; where luck shows between draws
    too it is counted twice, and the band a little too wide.
    """
    by_step = groupby(sorted(rows, key=_middle), key=_middle)
    points = []
    for middle, group in by_step:
        cells = list(group)
        means = np.array([row[outcome] for row in cells], dtype=float)
        own = np.array([row[f"{outcome}_se"] for row in cells], dtype=float)
        between = means.var(ddof=1) / len(cells) if len(cells) > 1 else 0.0
        mean, error = float(means.mean()), math.sqrt(between + float((own**2).mean()))
        if outcome.endswith("_share"):
            ends = _of_share(mean, error, sum(row["n_runs"] for row in cells))
        else:
            ends = mean - Z95 * error, mean + Z95 * error
        points.append((middle, mean, error, *ends))
    return Curve(*np.array(points, dtype=float).T)


def _of_share(share: float, error: float, n_runs: float) -> tuple[float, float]:
    if math.isnan(error):
        return math.nan, math.nan
    spread = share * (1 - share)
    return wilson_of(share, spread / error**2 if error and spread > 0 else n_runs)


def _middle(row: Row) -> float:
    return float(row["first_step"] + row["last_step"]) / 2
