"""The actions are a sample: how a number varies over random subsets of them.

Another lab would have chosen other actions. Any number that a set of actions gives, such
as the slope of harm on alignment, is taken again on random subsets without replacement;
with replacement an action would meet its own copy, at likeness 1.

A subset's spread is not the sampling error. Subsets of 80 % share most of their actions
and lie close together: the delete-d jackknife (Shao & Wu, 1989) stretches their variance
by (n - d) / d for d left out of n actions, 4 at 80 %, to estimate that of the whole set.
So a range over subsets is no confidence interval; it is about half as wide as one, and
`standard_error` carries the factor. The factor is right for a smooth number of
independent actions; where kernels' few draws or ties decide it is a yardstick only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bandits.errors import BanditError

Array = NDArray[np.float64]
Actions = NDArray[np.int64]

N_SUBSETS = 200
SHARE = 0.8
_PURPOSE = 0x5B5E7
"""Keeps subsets apart from whatever else a caller draws from (seed, number)."""
NOT_A_CI = (
    "The range over subsets is no confidence interval: subsets share most of their"
    " actions. The standard error is the subsets' spread times the delete-d jackknife's"
    " factor."
)


@dataclass(frozen=True, eq=False)
class SubsetResults:
    """A number on all actions and on random subsets of them.

    whole: On all actions; NaN where undefined.
    values: (n_subsets,) NaN where a subset leaves it undefined.
    n_actions, n_kept: In the whole and in each subset.
    seed: Of the subsets.
    """

    whole: float
    values: Array
    n_actions: int
    n_kept: int
    seed: int


@dataclass(frozen=True)
class SubsetSummary:
    """Where a number lies over subsets of the actions, and what follows for the whole.

    q025, q25, median, q75, q975: Quantiles over the subsets where it is defined.
    positive: Share of those subsets in which it is above 0.
    factor: (n - d) / d, by which the delete-d jackknife stretches the variance.
    standard_error: Of the whole set's number: root of factor times the subsets' mean
        squared distance from their mean. NaN with fewer than two defined subsets.
    n_undefined: Subsets that leave the number undefined; they are in no quantile.
    """

    whole: float
    q025: float
    q25: float
    median: float
    q75: float
    q975: float
    positive: float
    factor: float
    standard_error: float
    n_subsets: int
    n_undefined: int


def n_kept(n_actions: int, share: float = SHARE) -> int:
    """Actions in a subset: the share rounded down, so that one is always left out.

    Raises:
        BanditError: A share not between 0 and 1, or too few actions to leave one out and
            keep two.
    """
    if not 0 < share < 1:
        raise BanditError(
            f"subsets of actions: the share must lie between 0 and 1, got {share:g}"
        )
    # 0.8 x 35 is 28.000000000000004 in floating point, 0.29 x 100 is 28.999999999999996.
    kept = math.floor(round(share * n_actions, 9))
    if kept < 2:
        raise BanditError(
            f"subsets of actions: {share:.0%} of {n_actions} actions are {kept}; needs at"
            " least 2, so give more actions or a larger share"
        )
    return kept


def action_subset(
    n_actions: int, number: int, *, seed: int, share: float = SHARE
) -> Actions:
    """Subset `number`: (n_kept,) places of actions, ascending, without replacement.

    It depends on nothing but the arguments, so that jobs can make their own, every
    number taken on it sees the same actions, and more subsets keep the earlier ones.
    """
    kept = n_kept(n_actions, share)
    rng = np.random.default_rng((seed, number, _PURPOSE))
    return np.sort(rng.permutation(n_actions)[:kept]).astype(np.int64)


def action_subsets(
    n_actions: int, *, seed: int, n_subsets: int = N_SUBSETS, share: float = SHARE
) -> Iterator[Actions]:
    """The first `n_subsets` subsets, one after the other."""
    for number in range(n_subsets):
        yield action_subset(n_actions, number, seed=seed, share=share)


def over_subsets(
    statistic: Callable[[Actions], float],
    n_actions: int,
    *,
    seed: int,
    n_subsets: int = N_SUBSETS,
    share: float = SHARE,
) -> SubsetResults:
    """Take a number on all actions and on every subset.

    Args:
        statistic: From places of actions, ascending, to a number; NaN where those
            actions leave it undefined. Kernels are cut by `kernel[np.ix_(at, at)]`, and
            alignment is taken anew on what is left.
        n_subsets: At least 200 for a claim; any number for a trial.

    Raises:
        BanditError: No subset, or a share that leaves too few actions or none out.
    """
    if n_subsets < 1:
        raise BanditError(
            f"subsets of actions: needs at least one subset, got {n_subsets}"
        )
    kept = n_kept(n_actions, share)
    whole = float(statistic(np.arange(n_actions, dtype=np.int64)))
    subsets = action_subsets(n_actions, seed=seed, n_subsets=n_subsets, share=share)
    values = np.array([float(statistic(subset)) for subset in subsets])
    return SubsetResults(whole, values, n_actions, kept, seed)


def jackknife_factor(n_actions: int, kept: int) -> float:
    """(n - d) / d for d = n - kept actions left out (Shao & Wu, 1989)."""
    if not 0 < kept < n_actions:
        raise BanditError(
            f"delete-d jackknife: needs to keep some of {n_actions} actions and leave"
            f" some out, got {kept} kept"
        )
    return kept / (n_actions - kept)


def summarize(results: SubsetResults) -> SubsetSummary:
    """Quantiles over the subsets, and the jackknife's standard error of the whole."""
    known = results.values[~np.isnan(results.values)]
    n, factor = len(results.values), jackknife_factor(results.n_actions, results.n_kept)
    if not len(known):
        no = math.nan
        return SubsetSummary(results.whole, no, no, no, no, no, no, factor, no, n, n)
    q025, q25, median, q75, q975 = (
        float(q) for q in np.percentile(known, [2.5, 25, 50, 75, 97.5])
    )
    error = math.sqrt(factor * float(known.var())) if len(known) > 1 else math.nan
    return SubsetSummary(
        results.whole, q025, q25, median, q75, q975, float(np.mean(known > 0)), factor,
        error, n, n - len(known),
    )  # fmt: skip
