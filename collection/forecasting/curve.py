"""Many simulated studies as one curve, and what can be read off it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf, nan, sqrt

import numpy as np
from scipy.stats import t as student

from alignment.matrices import FloatArray
from alignment.reliability import stepped_up
from collection.forecasting.measures import Measured, Point

N_DRAWS = 200
"""Draws of replicates behind the interval of what is read off a curve of widths."""


@dataclass(frozen=True)
class Band:
    """A value with the interval in which 95 of 100 further studies are expected.

    `low` and `high` are NaN where fewer than three replicates gave a value.
    """

    value: float
    low: float
    high: float

    @property
    def width(self) -> float:
        return self.high - self.low


NOTHING = Band(nan, nan, nan)


@dataclass(frozen=True)
class CurvePoint:
    """One target at one number of participants, over the replicates.

    Attributes:
        n: People who finish and are paid.
        n_usable, n_raters, complete, per_cell, unjudged, repeat_r, icc, closed_form,
            truth_r: Means over replicates, as in `Measured`; NaN where none has one.
        half_r, reliability, ceiling: With their intervals.
        refused: Share of replicates without a half_r above 0: no ceiling there.
        note: The commonest reason for that, or empty.
    """

    target: str
    n: int
    n_joined: float
    n_usable: float
    n_raters: float
    complete: float
    per_cell: float
    unjudged: float
    half_r: Band
    reliability: Band
    ceiling: Band
    icc: float
    closed_form: float
    repeat_r: float
    truth_r: float
    refused: float
    note: str


@dataclass(frozen=True)
class Needed:
    """How many participants something takes, read off a curve.

    `value`, `low`, `high` are numbers of participants; inf: more than `most`,
    the curve's last; `least` is its first: nothing smaller was looked at.
    `low` and `high` hold 95 % of what single replicates (or draws of them) need.
    """

    what: str
    value: float
    low: float
    high: float
    least: int
    most: int


def band(values: Sequence[float]) -> Band:
    """Mean and prediction interval of correlations in (-1, 1), on Fisher's z.

    A further study lies in it with 95 %: mean +- t sd sqrt(1 + 1 / n_replicates).
    """
    known = np.array([v for v in values if not np.isnan(v)])
    if not len(known):
        return NOTHING
    z = np.arctanh(np.clip(known, -0.999999, 0.999999))
    if len(z) < 3:
        return Band(float(np.tanh(z.mean())), nan, nan)
    half = float(student.ppf(0.975, len(z) - 1)) * z.std(ddof=1) * sqrt(1 + 1 / len(z))
    low, value, high = np.tanh([z.mean() - half, z.mean(), z.mean() + half])
    return Band(float(value), float(low), float(high))


def curve_of(replicates: Sequence[Sequence[Point]]) -> dict[str, list[CurvePoint]]:
    """Target -> its points, ascending; each replicate is one study at all numbers."""
    found: dict[str, list[CurvePoint]] = {}
    for at in zip(*replicates, strict=True):
        for measured in zip(*(point.measured for point in at), strict=True):
            found.setdefault(measured[0].target, []).append(_joined(at, measured))
    return found


def _joined(at: Sequence[Point], measured: Sequence[Measured]) -> CurvePoint:
    half_r = band([one.half_r for one in measured])
    reasons = [one.note for one in measured if one.note]
    return CurvePoint(
        target=measured[0].target,
        n=at[0].n,
        n_joined=_mean([point.n_joined for point in at]),
        n_usable=_mean([point.n_usable for point in at]),
        n_raters=_mean([one.n_raters for one in measured]),
        complete=_mean([one.complete for one in measured]),
        per_cell=_mean([one.per_cell for one in measured]),
        unjudged=_mean([one.unjudged for one in measured]),
        half_r=half_r,
        reliability=_through(half_r, stepped_up),
        ceiling=_through(half_r, _ceiling),
        icc=_mean([one.icc for one in measured]),
        closed_form=_mean([one.closed_form for one in measured]),
        repeat_r=_mean([one.repeat_r for one in measured]),
        truth_r=_mean([one.truth_r for one in measured]),
        refused=_mean([not one.half_r > 0 for one in measured]),
        note=max(set(reasons), key=reasons.count) if reasons else "",
    )


def _ceiling(r: float) -> float:
    return sqrt(stepped_up(r))


def _through(half_r: Band, function: Callable[[float], float]) -> Band:
    """A rising function of r: its interval is the function of the interval.

    Halves that do not agree stand for no reliability at all, 0.
    """
    if np.isnan(half_r.value):
        return NOTHING
    ends = [
        nan if np.isnan(end) else function(max(end, 0.0))
        for end in (half_r.value, half_r.low, half_r.high)
    ]
    return Band(*ends)


def _mean(values: Sequence[float]) -> float:
    known = [float(v) for v in values if not np.isnan(v)]
    return sum(known) / len(known) if known else nan


def needed_for_reliability(
    replicates: Sequence[Sequence[Point]], target: str, wanted: float
) -> Needed:
    """Participants at which the reliability reaches `wanted`, in (0, 1).

    For each replicate, where its own curve passes: straight in the logarithms of the
    participants and of the odds (twice the people, twice the odds: Spearman and Brown).
    """
    numbers = np.array([point.n for point in replicates[0]], dtype=float)
    passed = [
        _passes(numbers, _odds(_reliabilities(one, target)), wanted / (1 - wanted))
        for one in replicates
    ]
    low, value, high = np.quantile(passed, [0.025, 0.5, 0.975], method="nearest")
    return Needed(
        f"reliability of {wanted:g}",
        float(value),
        float(low),
        float(high),
        *_ends(numbers),
    )


def needed_for_width(
    replicates: Sequence[Sequence[Point]], target: str, wanted: float, *, seed: int
) -> Needed:
    """Participants at which the ceiling's interval is as narrow as `wanted`.

    The interval is the one over replicates; its own scatter comes from drawing the
    replicates again.
    """
    numbers = np.array([point.n for point in replicates[0]], dtype=float)
    half = np.array(
        [[_of(point, target).half_r for point in replicate] for replicate in replicates]
    )
    rng = np.random.default_rng(seed)
    draws = [np.arange(len(half))]
    draws += [rng.integers(len(half), size=len(half)) for _ in range(N_DRAWS)]
    passed = []
    for draw in draws:
        widths = np.array([_width(column) for column in half[draw].T])
        passed.append(_passes(numbers, 1 / np.maximum(widths, 1e-9), 1 / wanted))
    low, high = np.quantile(passed[1:], [0.025, 0.975], method="nearest")
    what = f"ceiling within an interval of {wanted:g}"
    value = float(passed[0])
    return Needed(
        what, value, min(float(low), value), max(float(high), value), *_ends(numbers)
    )


def _width(half_r: FloatArray) -> float:
    """Of the ceiling's interval; NaN where half of the studies have no ceiling."""
    if np.mean(half_r > 0) <= 0.5:
        return nan
    return _through(band(half_r.tolist()), _ceiling).width


def _ends(numbers: FloatArray) -> tuple[int, int]:
    return int(numbers[0]), int(numbers[-1])


def _of(point: Point, target: str) -> Measured:
    return next(one for one in point.measured if one.target == target)


def _reliabilities(replicate: Sequence[Point], target: str) -> FloatArray:
    return np.array([_of(point, target).reliability for point in replicate])


def _odds(reliability: FloatArray) -> FloatArray:
    clipped = np.clip(reliability, 1e-6, 1 - 1e-6)
    odds: FloatArray = clipped / (1 - clipped)
    return odds


def _passes(numbers: FloatArray, height: FloatArray, wanted: float) -> float:
    """Where a curve first reaches `wanted` and stays; inf beyond the last number.

    At or before the first number it is that number: nothing smaller was looked at.
    """
    known = ~np.isnan(height)
    if not known.any():
        return inf
    x, y = np.log(numbers[known]), np.log(height[known])
    below = np.flatnonzero(y < np.log(wanted))
    if not len(below):
        return float(numbers[known][0])
    last = int(below[-1])
    if last == len(y) - 1:
        return inf
    step = (np.log(wanted) - y[last]) / (y[last + 1] - y[last])
    return float(np.exp(x[last] + step * (x[last + 1] - x[last])))
