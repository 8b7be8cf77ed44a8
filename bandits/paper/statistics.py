"""Intervals and tests whose units are kernels or participants, never runs.

Beside each stands what counting runs would have said, because that is what is usually
printed: a thousand runs of four kernels are four kernels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata, spearmanr

from bandits.effects import mean_where_defined

Floats = NDArray[np.float64]
MISLEADS = (
    "The p in the last column takes every run for an independent piece of evidence."
    " Runs of one kernel share that kernel's alignment, so that more runs make it as"
    " small as one likes without any further kernel having been looked at; it is printed"
    " because it is what is usually reported, and it supports no claim."
)


class Found(NamedTuple):
    """A statistic with its 95 % interval and two-sided p; NaN where there is none."""

    value: float
    low: float
    high: float
    p: float


NOTHING = Found(math.nan, math.nan, math.nan, math.nan)


def spearman(x: Floats, y: Floats) -> float:
    """Spearman's correlation over what is defined in both; NaN if either is constant."""
    both = ~(np.isnan(x) | np.isnan(y))
    if both.sum() < 2:
        return math.nan
    a, b = rankdata(x[both]), rankdata(y[both])
    a, b = a - a.mean(), b - b.mean()
    scale = math.sqrt(float((a**2).sum() * (b**2).sum()))
    return float((a * b).sum() / scale) if scale > 0 else math.nan


def over_curves(
    x: Floats, y: Floats, *, seed: int, resamples: int, permutations: int
) -> Found:
    """Spearman over the kernels of several corruption curves.

    A curve degrades one kernel further and further, so that its points belong together:
    whole curves are resampled for the interval, and orders are permuted within curves
    for the p. The curves' common start, the human kernel itself, is a point of each.

    Args:
        x, y: (n_curves, n_doses) alignment and outcome.
    """
    value = spearman(x.ravel(), y.ravel())
    if math.isnan(value) or np.isnan(x).any() or np.isnan(y).any():
        return NOTHING
    rows = _resampled(seed, len(x), resamples)
    drawn = _correlations(
        _resampled_ranks(x.astype(float).tobytes(), x.shape, seed, resamples),
        rankdata(y[rows].reshape(resamples, -1), axis=1),
    )
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    # Within a curve alone: the rank of one curve's dose says nothing of another's.
    order = _orders(seed, x.shape, permutations)
    a, b = (ranks - ranks.mean() for ranks in (rankdata(x), rankdata(y)))
    # Every order has the mean and the spread of the ranks as they are.
    sizes = np.abs(b[order] @ a) / math.sqrt(float((a @ a) * (b @ b)))
    p = (int((sizes >= abs(value) - 1e-12).sum()) + 1) / (permutations + 1)
    return Found(value, float(low), float(high), p)


@lru_cache(maxsize=4)
def _resampled(seed: int, n: int, resamples: int) -> NDArray[np.int64]:
    """(resamples, n) curves drawn with replacement: the same for every outcome."""
    return np.random.default_rng(seed).integers(0, n, (resamples, n))


@lru_cache(maxsize=4)
def _resampled_ranks(
    x: bytes, shape: tuple[int, int], seed: int, resamples: int
) -> Floats:
    """(resamples, n_curves * n_doses) ranks of x in each draw of curves.

    Of one kind of corruption every outcome has the same x, which is why it is kept.
    """
    curves = np.frombuffer(x).reshape(shape)
    rows = _resampled(seed, shape[0], resamples)
    ranks: Floats = rankdata(curves[rows].reshape(resamples, -1), axis=1)
    return ranks


@lru_cache(maxsize=4)
def _orders(seed: int, shape: tuple[int, int], permutations: int) -> NDArray[np.int64]:
    """(permutations, n_curves * n_doses) places, shuffled within each curve."""
    rng = np.random.default_rng([seed, 1])
    places = np.arange(shape[0] * shape[1]).reshape(shape)
    shuffled = rng.permuted(np.broadcast_to(places, (permutations, *shape)), axis=2)
    return shuffled.reshape(permutations, -1)


def _correlations(x: Floats, y: Floats) -> Floats:
    """Pearson's row by row, (n_rows,); NaN where a row is constant."""
    a, b = x - x.mean(1, keepdims=True), y - y.mean(1, keepdims=True)
    scale = np.sqrt((a**2).sum(1) * (b**2).sum(1))
    product = (a * b).sum(1)
    found: Floats = np.full(len(product), np.nan)
    np.divide(product, scale, out=found, where=scale > 0)
    return found


def of_units(
    values: Floats,
    *,
    seed: int,
    resamples: int,
    statistic: Callable[[Floats], float] = lambda some: float(np.mean(some)),
) -> Found:
    """A statistic of independent units, by default their mean; p of a zero mean.

    The interval is the percentile bootstrap over units; the p flips the units' signs
    (Fisher), exactly up to 12 units.

    Args:
        values: (n_units,). NaNs are left out.
    """
    known = values[~np.isnan(values)]
    if not len(known):
        return NOTHING
    centre = statistic(known)
    if len(known) < 3:
        return Found(centre, math.nan, math.nan, math.nan)
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, len(known), (resamples, len(known)))
    drawn = [statistic(known[row]) for row in rows]
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return Found(centre, float(low), float(high), sign_flip(known, rng))


def sign_flip(values: Floats, rng: np.random.Generator, draws: int = 9999) -> float:
    """Two-sided p that independent, symmetric values have mean 0. values: (n_units,)."""
    n = len(values)
    size = abs(values.sum()) - 1e-12
    if n <= 12:
        signs = 1 - 2 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
        return float(np.mean(np.abs(signs @ values) >= size))
    signs = rng.choice([-1.0, 1.0], (draws, n))
    return float((np.sum(np.abs(signs @ values) >= size) + 1) / (draws + 1))


def naive(x: Sequence[Floats], y: Sequence[Floats]) -> tuple[float, float, int]:
    """What counting every run would say: Spearman, its textbook p, number of runs.

    Args:
        x, y: For each kernel (n_runs,) alignment and outcome of each run.
    """
    a, b = np.concatenate(x), np.concatenate(y)
    both = ~(np.isnan(a) | np.isnan(b))
    a, b = a[both], b[both]
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return math.nan, math.nan, len(a)
    found = spearmanr(a, b)
    return float(found.statistic), float(found.pvalue), len(a)


def mean_and_error(values: Floats) -> tuple[float, float]:
    """Mean over runs and its standard error, NaNs left out: luck, no claim."""
    known = values[~np.isnan(values)]
    if not len(known):
        return math.nan, math.nan
    error = known.std(ddof=1) / math.sqrt(len(known)) if len(known) > 1 else math.nan
    return float(known.mean()), float(error)


def defined_mean(values: Floats) -> float:
    """Mean of what is defined; NaN where nothing is."""
    return float(mean_where_defined(np.asarray(values, dtype=float)))
