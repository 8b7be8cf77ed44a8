"""Where raters' differences come from: what they share, their own views, and chance.

Low agreement between people is not yet noise: they may each hold a view of their own,
and hold it steadily. Only repeats, a rater asked the same twice, tell the two apart
(Martinez, Funk & Todorov, 2020). This is the place for both: how consistent raters are
with themselves, and the parts of the variance that are shared, a rater's level, a
rater's own view, and chance.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from alignment.agreement import one_way
from alignment.crossed import CrossedFit, fit_crossed
from alignment.errors import TooFewRaters
from alignment.matrices import FloatArray, IntArray
from alignment.ratings import Ratings
from alignment.uncertainty import Estimate

# Groups of raters left out in turn: as many fits as an interval costs.
GROUPS = 20
NAN = float("nan")


@dataclass(frozen=True)
class RepeatConsistency:
    """How well raters agree with themselves, from things they rated more than once.

    rater: Number of the rater, or -1 for all together.
    n_repeated: Things rated more than once, by that rater.
    icc: ICC(1) of a rater's ratings of one thing among those; NaN for fewer than 2 such
        things or without variance. For all together, raters' levels are taken out
        first, so that it is about things and not about who rates high.
    sd: Of one rating about the rater's own mean of the thing, in the ratings' units.
    """

    rater: int
    n_repeated: int
    icc: float
    sd: float


@dataclass(frozen=True)
class VarianceShares:
    """Where differences between ratings come from; shares of the whole, adding to 1.

    shared: what a thing is to everybody; also the ICC(A, 1), or ICC(2, 1), of absolute
    agreement (McGraw & Wong, 1996), here for any design. level: a rater's use of the
    scale; ICC(C, 1), of consistency, is shared / (shared + unexplained).
    own: what a thing is to one rater, beyond both. noise: chance. Without repeats `own`
    and `noise` are NaN and `unexplained` is both together; it is their sum anyway.
    own_of_stable: own / (shared + own), Hoenekopp's (2006) first beholder index, NaN
    without repeats. Intervals by leaving groups of raters out, where asked.
    fit: the components, in the squared units of the ratings.
    """

    shared: Estimate
    level: Estimate
    own: Estimate
    noise: Estimate
    unexplained: Estimate
    own_of_stable: Estimate
    n_raters: int
    n_things: int
    n_repeated: int
    fit: CrossedFit


def repeat_consistency(ratings: Ratings) -> tuple[RepeatConsistency, ...]:
    """All raters together first, then each rater who rated anything twice.

    Empty where nobody repeated anything. The order of repeats is not used: neither
    rating is more the right one than the other.
    """
    _, at = np.unique(
        ratings.thing * max(1, ratings.n_raters) + ratings.rater, return_inverse=True
    )
    repeated = np.bincount(at)[at] > 1
    if not repeated.any():
        return ()
    value, who = ratings.value[repeated], ratings.rater[repeated]
    _, within = np.unique(at[repeated], return_inverse=True)
    level = np.bincount(who, value) / np.maximum(np.bincount(who), 1)
    found = [_consistency(-1, value - level[who], within)]
    for rater in np.unique(who):
        own = who == rater
        found.append(_consistency(int(rater), value[own], within[own]))
    return tuple(found)


def variance_shares(ratings: Ratings, *, interval: bool = False) -> VarianceShares:
    """Shared, level, own and chance, by restricted maximum likelihood (`crossed`).

    Args:
        interval: Also leave out each of up to 20 groups of raters in turn, for 95 %
            intervals (the delete-a-group jackknife, t with groups - 1 degrees): 20 more
            fits. Copies of a rater, which a bootstrap would draw, would count a view of
            their own as shared. NaN otherwise, or where a fit is refused.

    Raises:
        TooFewRaters: Fewer than 2 things or raters, or no thing that two raters rated.
    """
    fit = _fit(ratings)
    shares = _shares(fit)
    low = high = np.full(len(shares), NAN)
    n_groups = 0
    if interval:
        names = np.unique(ratings.rater)
        n_groups = min(GROUPS, len(names))
        try:
            left = np.array(
                [
                    _shares(_fit(ratings.without(names[group::n_groups])))
                    for group in range(n_groups)
                ]
            )
            spread = ((left - left.mean(axis=0)) ** 2).sum(axis=0)
            half = student.ppf(0.975, n_groups - 1) * np.sqrt(
                spread * (n_groups - 1) / n_groups
            )
            low, high = np.clip(shares - half, 0, 1), np.clip(shares + half, 0, 1)
        except TooFewRaters:
            n_groups = 0
    cells = np.unique(
        ratings.thing * max(1, ratings.n_raters) + ratings.rater, return_counts=True
    )[1]
    shared, level, own, noise, unexplained, own_of_stable = (
        Estimate(
            float(value),
            float(at_least),
            float(at_most),
            0 if np.isnan(at_least) else n_groups,
        )
        for value, at_least, at_most in zip(shares, low, high, strict=True)
    )
    return VarianceShares(
        shared=shared,
        level=level,
        own=own,
        noise=noise,
        unexplained=unexplained,
        own_of_stable=own_of_stable,
        n_raters=len(np.unique(ratings.rater)),
        n_things=len(np.unique(ratings.thing)),
        n_repeated=int((cells > 1).sum()),
        fit=fit,
    )


def _fit(ratings: Ratings) -> CrossedFit:
    return fit_crossed(
        ratings.thing,
        ratings.rater,
        ratings.value,
        weight=ratings.weight,
        n_things=ratings.n_things,
        n_raters=ratings.n_raters,
    )


def _shares(fit: CrossedFit) -> FloatArray:
    """shared, level, own, noise, unexplained, own of stable; NaN where undefined."""
    cells, noise = fit.var_cells, fit.var_noise
    rest = noise if np.isnan(cells) else cells + noise
    noise = NAN if np.isnan(cells) else noise
    total = fit.var_things + fit.var_raters + rest
    stable = fit.var_things + cells
    parts = np.array([fit.var_things, fit.var_raters, cells, noise, rest, cells])
    whole = np.array([total] * 5 + [stable])
    made: FloatArray = np.full(6, NAN)
    np.divide(parts, whole, out=made, where=whole > 0)
    return made


def _consistency(rater: int, value: FloatArray, within: IntArray) -> RepeatConsistency:
    _, thing = np.unique(within, return_inverse=True)
    n = int(thing.max()) + 1
    size = np.bincount(thing)
    off = value - (np.bincount(thing, value) / size)[thing]
    sd = float(np.sqrt((off**2).sum() / (len(value) - n)))
    single, _ = one_way(thing, value, np.ones((1, n), dtype=np.int64))
    return RepeatConsistency(rater, n, float(single[0]), sd)
