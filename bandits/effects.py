"""Does an outcome go with alignment? Statistics over few kernels, and their limits.

The unit is the model, not the run: runs of one kernel say nothing more about other
kernels. Only real, independent language models enter a correlation; the human kernel,
the baselines (text length, bag of words) and the relabelled kernels never do. Below
`MIN_MODELS` models there is no correlation and no interval, only the sentence
`TOO_FEW`, the exact p, and the smallest p that any outcome could have reached.

Limit: permuting models takes them for exchangeable. In null worlds whose models each
have a view of their own that holds (400 studies of 12 models: 3 % rejected at 5 %);
where well-aligned models resemble each other, one chance fit of people's view to the
values lifts them all at once, and 12 % were rejected (views partly relabelled) or 20 %
(views blended with the human one; `tests/benchmarks/null_calibration.py`). A test by
shuffled values is the remedy (`bandits.shuffled_values`).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Array = NDArray[np.float64]

MIN_MODELS = 8
EXACT_UP_TO = 8
SAME = 1e-12
"""Correlations this close are one number, rounded."""
TOO_FEW = "too few models to test"
CONSTANT = "every model has the same outcome or alignment: nothing to correlate"


@dataclass(frozen=True)
class Association:
    """A rank correlation over independent models, or why there is none.

    spearman, low, high: NaN wherever `note` says why.
    p: NaN only where fewer than two models, or a constant, leave nothing to permute.
    smallest_p: The smallest p that this number of models (with its ties) can reach.
    """

    spearman: float
    low: float
    high: float
    p: float
    n_models: int
    smallest_p: float
    exact: bool
    note: str


def associate(
    alignment: Sequence[float] | Array,
    outcome: Sequence[float] | Array,
    *,
    seed: int,
    n_resamples: int = 2000,
    n_permutations: int = 9999,
) -> Association:
    """Spearman of an outcome with alignment over independent models.

    The permutation test is two-sided and exact (all n! orders) up to `EXACT_UP_TO`
    models; above, random orders with the observed one added (Phipson & Smyth, 2010).
    The interval is the percentile bootstrap over models, 95 %.

    Args:
        alignment: (n_models,), one per independent model.
        outcome: (n_models,). Pairs with a NaN on either side are left out.
    """
    x, y = np.asarray(alignment, dtype=float), np.asarray(outcome, dtype=float)
    both = ~(np.isnan(x) | np.isnan(y))
    x, y = rankdata(x[both]), rankdata(y[both])
    n = len(x)
    if n < 2 or not np.ptp(x) or not np.ptp(y):
        note = TOO_FEW if n < MIN_MODELS else CONSTANT
        return _unclaimed(n, math.nan, 1.0, True, note)
    rng = np.random.default_rng(seed)
    p, smallest, exact = permutation_test(x, y, rng, n_permutations)
    if n < MIN_MODELS:
        return _unclaimed(n, p, smallest, exact, TOO_FEW)
    low, high = _interval(x, y, rng, n_resamples)
    return Association(float(_correlate(x, y)), low, high, p, n, smallest, exact, "")


def _unclaimed(
    n_models: int, p: float, smallest: float, exact: bool, why: str
) -> Association:
    nothing = math.nan
    return Association(nothing, nothing, nothing, p, n_models, smallest, exact, why)


def permutation_test(
    x: Array, y: Array, rng: np.random.Generator, n_permutations: int
) -> tuple[float, float, bool]:
    """Two-sided permutation p of a correlation of ranks, neither constant.

    Args:
        x, y: (n_models,) ranks.

    Returns:
        p, the smallest p these ranks could have given, and whether both are exact.
    """
    size = abs(float(_correlate(x, y)))
    if len(x) <= EXACT_UP_TO:
        sizes = np.abs(_correlate(x, y[every_order(len(x))]))
        p = float(np.mean(sizes >= size - SAME))
        return p, float(np.mean(sizes >= sizes.max() - SAME)), True
    orders = rng.permuted(np.tile(np.arange(len(x)), (n_permutations, 1)), axis=1)
    as_large = int(np.sum(np.abs(_correlate(x, y[orders])) >= size - SAME))
    return (as_large + 1) / (n_permutations + 1), 1 / (n_permutations + 1), False


def cluster(
    models: Sequence[str], alignment: Array, outcome: Array
) -> tuple[list[str], Array, Array]:
    """Average the variants of one model, so that a model counts once.

    Layers and poolings of one language model are no independent evidence. A rater
    named `model@variant` is a variant of `model`.

    Returns:
        Model names in order of first appearance, and the means of their
        alignment and outcome, each (n_models,).
    """
    names = list(dict.fromkeys(model_of(rater) for rater in models))
    of = np.array([names.index(model_of(rater)) for rater in models], dtype=int)
    x = np.array([alignment[of == place].mean() for place in range(len(names))])
    y = np.array([outcome[of == place].mean() for place in range(len(names))])
    return names, x, y


def model_of(rater: str) -> str:
    """The language model that a rater is a variant of."""
    return rater.split("@", 1)[0]


def standard_error(values: Array) -> float:
    """Of the mean of independent runs, (n_runs,); NaNs are left out."""
    seen = values[~np.isnan(values)]
    if len(seen) < 2:
        return math.nan
    return float(seen.std(ddof=1) / math.sqrt(len(seen)))


def mean_where_defined(table: Array, axis: int | None = None) -> Array:
    """Mean without the NaNs; NaN, and no warning, where there is nothing else."""
    seen = ~np.isnan(table)
    count = np.asarray(seen.sum(axis=axis), dtype=float)
    total = np.asarray(np.where(seen, table, 0).sum(axis=axis))
    empty = np.full_like(total, np.nan)
    mean: Array = np.divide(total, count, out=empty, where=count > 0)
    return mean


def censored_median(values: Array, observed: Array) -> float:
    """Median over runs, of which some only tell that it is more; NaN where unknown.

    A mean of cut-off values would depend on where they were cut off. The median does
    not, as long as more than half of the runs were observed to the end.

    Args:
        values: (n_runs,), a cut-off run's above every observed one's.
        observed: (n_runs,), 1 where the run was not cut off.
    """
    if observed.mean() <= 0.5:
        return math.nan
    return float(np.median(values))


def crossed_standard_error(table: Array) -> float:
    """Of the mean of a (n_draws, n_runs) table whose rows share the runs' luck.

    Relabelling draws and runs are crossed random effects: every draw is run on the
    same replicates, so neither the cells nor the draws are independent. The variance
    of the grand mean is var(row means)/D + var(column means)/R - var(residual)/(D R),
    the moment estimate of a two-way random-effects layout with one value per cell, and
    never taken below the larger of its two parts. One draw alone, or a table with
    undefined values, gives the error over runs.
    """
    n_draws, n_runs = table.shape
    if n_draws < 2 or n_runs < 2 or np.isnan(table).any():
        return standard_error(mean_where_defined(table, axis=0))
    rows, columns = table.mean(axis=1), table.mean(axis=0)
    of_rows, of_columns = rows.var(ddof=1) / n_draws, columns.var(ddof=1) / n_runs
    residual = table - rows[:, None] - columns + table.mean()
    noise = (residual**2).sum() / ((n_draws - 1) * (n_runs - 1)) / table.size
    return math.sqrt(max(of_rows + of_columns - noise, of_rows, of_columns))


def _correlate(x: Array, y: Array) -> Array:
    """Pearson of x (n,) or (m, n) with y (m, n) over the last axis; NaN if constant."""
    a = x - x.mean(axis=-1, keepdims=True)
    b = y - y.mean(axis=-1, keepdims=True)
    scale = np.sqrt((a**2).sum(axis=-1) * (b**2).sum(axis=-1))
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation: Array = np.asarray((a * b).sum(axis=-1) / scale)
    return correlation


def _interval(
    x: Array, y: Array, rng: np.random.Generator, n_resamples: int
) -> tuple[float, float]:
    chosen = rng.integers(0, len(x), (n_resamples, len(x)))
    ranks = rankdata(x[chosen], axis=1), rankdata(y[chosen], axis=1)
    resampled = _correlate(*ranks)
    # A resample of one model repeated has no correlation.
    low, high = np.nanpercentile(resampled, [2.5, 97.5])
    return float(low), float(high)


@lru_cache(maxsize=EXACT_UP_TO)
def every_order(n: int) -> NDArray[np.int64]:
    """All n! orders of n things, (n!, n)."""
    return np.array(list(itertools.permutations(range(n))), dtype=np.int64)
