"""From Pearson's ceiling to Spearman's: what ranks lose of the same errors.

`alignment.mean_error` is exact for Pearson. Ranks weigh errors otherwise: where pairs
lie close together a small error moves many ranks, where they lie apart it moves none.
How much that makes of 1 - r^2 is found by drawing errors of the estimated size around
means that are shrunken to the estimated spread of mu, and taking both correlations of
the same draws. Splitting the raters and stepping Spearman's r up by the formula of
Spearman and Brown (1910) takes the factor for 1, in effect: at a reliability of .67 of
normal pairs the ceiling then comes out .004 too high.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from alignment.matrices import FloatArray
from alignment.mean_error import MeanError

# Draws worked on at once.
CHUNK = 50


@dataclass(frozen=True)
class RankLoss:
    """How 1 - r^2 of ranks goes with that of the means they were made from.

    times: The ratio of the two, on average.
    spread: The ratio of the variances of their logarithms, given the observed means.
    """

    times: float
    spread: float


def rank_loss(
    known: MeanError, *, n_raters: float | None = None, n_draws: int, seed: int
) -> RankLoss:
    """What ranking makes of these errors. O(n_draws * n_pairs log n_pairs).

    Args:
        known: With a signal and an error above 0.
        n_raters: For the mean of so many raters; of those asked if left out.
    """
    fewer = 1.0 if n_raters is None else known.per_pair / n_raters
    size = known.signal + known.error
    centred = known.mean - known.mean.mean()
    mu = np.sqrt(known.signal / size) * centred
    scale = np.sqrt(fewer * _smoothed(known))
    rng = np.random.default_rng(seed)
    mu_ranks = rankdata(mu)
    of_means, of_ranks, squares = [], [], []
    for start in range(0, n_draws, CHUNK):
        draws = (min(CHUNK, n_draws - start), len(mu))
        x = mu + scale * rng.standard_normal(draws)
        of_means.append(_unshared(x, mu))
        of_ranks.append(_unshared(_ranks(x), mu_ranks))
        squares.append(((x - x.mean(axis=1, keepdims=True)) ** 2).sum(axis=1))
    means, ranks = np.concatenate(of_means), np.concatenate(of_ranks)
    total = np.concatenate(squares)
    times = float(ranks.mean() / means.mean()) if means.mean() > 0 else 1.0
    usable = (means > 0) & (ranks > 0)
    if usable.sum() < 3:
        return RankLoss(times, 1.0)
    # Given the observed spread of the means, which carries the luck that both share.
    with_means = np.log(means[usable] * total[usable]).var()
    with_ranks = np.log(ranks[usable] * total[usable]).var()
    return RankLoss(times, float(with_ranks / with_means) if with_means > 0 else 1.0)


def _smoothed(known: MeanError) -> FloatArray:
    """(n_pairs,) error variances, averaged over pairs with means alike.

    A few raters' variance of one pair is a poor guess; but near the ends of a scale
    there is less room to differ, so one variance for all would not do. Scaled to the
    error that Q leaves.
    """
    n_pairs = len(known.mean)
    width = min(n_pairs, max(5, n_pairs // 10))
    order = np.argsort(known.mean, kind="stable")
    summed = np.concatenate([[0.0], np.cumsum(known.variance[order])])
    first = np.clip(np.arange(n_pairs) - width // 2, 0, n_pairs - width)
    smooth: FloatArray = np.empty(n_pairs)
    smooth[order] = np.maximum(summed[first + width] - summed[first], 0.0)
    smooth *= known.error / smooth.sum()
    return smooth


def _ranks(x: FloatArray) -> FloatArray:
    """Of each row; draws of errors do not tie."""
    ranks: FloatArray = np.empty(x.shape)
    places = np.arange(x.shape[1], dtype=np.float64)[None]
    np.put_along_axis(ranks, np.argsort(x, axis=1), places, axis=1)
    return ranks


def _unshared(x: FloatArray, y: FloatArray) -> FloatArray:
    """(n_draws,) 1 - r^2 of each row of x with y."""
    x, y = x - x.mean(axis=1, keepdims=True), y - y.mean()
    made: FloatArray = 1 - (x @ y) ** 2 / ((x**2).sum(axis=1) * (y @ y))
    return np.maximum(made, 0.0)
