"""How well people agree with each other: split halves and the noise ceiling.

A model cannot agree with the mean of some people better than the mean of others like
them would. With r the correlation between the means of two random halves of the
participants, Spearman and Brown's formula gives the reliability 2r / (1 + r) of the
mean of all, and its root is the correlation of that mean with what infinitely many
people would say: the ceiling of alignment.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from alignment.errors import TooFewRaters
from alignment.judgments import SimilarityJudgments
from alignment.matrices import FloatArray, IntArray, SimilarityMatrix
from alignment.uncertainty import Estimate, percentile_estimate

ONLY_MEANS = "no ceiling: only means are available"
# Splits averaged for each resample of participants: fewer than for the estimate, whose
# own scatter over splits they must only not add to noticeably.
SPLITS_PER_RESAMPLE = 5
# Resamples worked on at once.
CHUNK = 20


@dataclass(frozen=True)
class Ceiling:
    """The highest Spearman alignment to expect with the mean of these participants.

    estimate: sqrt(2r / (1 + r)) in [0, 1], with its 95 % interval over participants;
        NaN where r is not above 0.
    n_raters: Participants with a judgment of similarity.
    raters_per_pair: Median number of them, over judged pairs.
    mean_r: The mean r over splits, in [-1, 1].
    note: Why the value is NaN, or empty.
    """

    estimate: Estimate
    n_raters: int
    raters_per_pair: float
    mean_r: float
    note: str


def split_halves(
    judgments: SimilarityJudgments, *, seed: int
) -> tuple[SimilarityMatrix, SimilarityMatrix]:
    """The mean matrices of two random halves of the participants.

    With an odd number the first half has one more. NaN where nobody of a half judged.

    Raises:
        TooFewRaters: Fewer than 2 participants, or only published means.
    """
    raters = np.array(_raters(judgments))
    order = np.random.default_rng(seed).permutation(len(raters))
    first = (len(raters) + 1) // 2
    return (
        judgments.mean(raters[order[:first]], rater="human half a"),
        judgments.mean(raters[order[first:]], rater="human half b"),
    )


def noise_ceiling(
    judgments: SimilarityJudgments,
    *,
    n_splits: int = 100,
    n_resamples: int = 1000,
    seed: int,
) -> Ceiling:
    """sqrt(2r / (1 + r)), r the mean Spearman correlation between halves.

    Each of `n_splits` random halvings of the participants gives a correlation over the
    pairs judged in both halves.

    The interval draws participants with replacement; copies of a participant stay in
    one half, or a person would be found to agree with themselves. Such draws hold
    fewer different people, so their halves are noisier than the study's and r comes
    out too low, whatever the data: plain percentiles covered the true ceiling in 8 to
    63 of 100 simulated studies. In the odds r / (1 - r), the ratio of signal to noise,
    that loss is a factor, so the draws are brought back to the estimate there, by one
    factor for all (their median becomes r), and keep their spread; this covered it in
    about 93 of 100.

    Raises:
        TooFewRaters: Only published means; fewer than 2 participants; or fewer than 2
            raters a pair, in the median over the pairs judged at all.
    """
    raters = _raters(judgments)
    summed, weight = _by_rater(judgments, raters)
    per_pair = float(np.median((weight > 0).sum(axis=0)))
    if per_pair < 2:
        raise TooFewRaters(
            f"noise ceiling: needs at least 2 raters a pair (median over the "
            f"{weight.shape[1]:,} judged pairs), got {per_pair:g} from {len(raters)} "
            "raters; collect more judgments of the same pairs"
        )
    rng = np.random.default_rng(seed)
    everyone = np.ones((1, len(raters)), dtype=np.int64)
    r = float(_mean_r(summed, weight, everyone, n_splits, rng)[0])
    if not r > 0:
        found = "undefined" if np.isnan(r) else f"{r:.3f}"
        return Ceiling(
            Estimate(np.nan, np.nan, np.nan, 0),
            len(raters),
            per_pair,
            r,
            f"no ceiling: the halves must agree, their correlation is {found}",
        )
    share = np.full(len(raters), 1 / len(raters))
    counts = rng.multinomial(len(raters), share, n_resamples)
    draws = np.concatenate(
        [
            _mean_r(summed, weight, counts[i : i + CHUNK], SPLITS_PER_RESAMPLE, rng)
            for i in range(0, n_resamples, CHUNK)
        ]
    )
    value = float(_ceiling(np.array(r)))
    estimate = percentile_estimate(value, _ceiling(_recentred(draws, r)))
    return Ceiling(estimate, len(raters), per_pair, r, "")


def split_half_correlation(
    summed: FloatArray, weight: FloatArray, *, n_splits: int = 20, seed: int
) -> float:
    """Mean Spearman between the means of two random halves of the raters.

    The same r as `noise_ceiling` is made from, for any table of judgments: of pairs, or
    of actions on a dimension.

    Args:
        summed: (n_raters, n_cells) weighted sums of what each rater said of each cell.
        weight: (n_raters, n_cells) the weights, 0 where a rater said nothing.

    Returns:
        r in [-1, 1]; NaN where no split had three cells that varied in both halves.

    Raises:
        TooFewRaters: Fewer than 2 raters, or fewer than 2 a cell, in the median over the
            cells judged at all.
    """
    judged = (weight > 0).sum(axis=0)
    per_cell = float(np.median(judged[judged > 0])) if judged.any() else 0.0
    if len(summed) < 2 or per_cell < 2:
        raise TooFewRaters(
            f"split halves: needs at least 2 raters, and 2 for each thing judged, in "
            f"the median; got {len(summed)} and {per_cell:g}"
        )
    everyone = np.ones((1, len(summed)), dtype=np.int64)
    rng = np.random.default_rng(seed)
    return float(_mean_r(summed, weight, everyone, n_splits, rng)[0])


def stepped_up(r: float, times: float = 2.0) -> float:
    """Spearman and Brown: the reliability of `times` as many judgments, from r of one.

    `stepped_up(r)` of two halves is the reliability of the whole. NaN where r is not
    above -1 / (times - 1), beyond which the formula has no meaning.
    """
    below = 1 + (times - 1) * r
    return times * r / below if below > 0 else float("nan")


def _raters(judgments: SimilarityJudgments) -> tuple[str, ...]:
    if len(judgments) and not judgments.has_raters:
        raise TooFewRaters(ONLY_MEANS)
    if len(judgments.raters) < 2:
        raise TooFewRaters(
            f"split halves: needs at least 2 participants who judged similarity, "
            f"got {len(judgments.raters)}"
        )
    return judgments.raters


def _by_rater(
    judgments: SimilarityJudgments, raters: tuple[str, ...]
) -> tuple[FloatArray, FloatArray]:
    """(n_raters, n_pairs) weighted sums of similarities, and the weights.

    Only pairs that anybody judged have a column.
    """
    row = np.searchsorted(np.array(raters), judgments.rater)
    pair = judgments.a * len(judgments.actions) + judgments.b
    pairs, column = np.unique(pair, return_inverse=True)
    cell = row * len(pairs) + column
    shape = (len(raters), len(pairs))
    size = shape[0] * shape[1]
    summed = np.bincount(cell, judgments.weight * judgments.similarity, size)
    weight = np.bincount(cell, judgments.weight, size)
    return (
        summed.reshape(shape).astype(np.float64),
        weight.reshape(shape).astype(np.float64),
    )


def _mean_r(
    summed: FloatArray,
    weight: FloatArray,
    counts: IntArray,
    n_splits: int,
    rng: np.random.Generator,
) -> FloatArray:
    """(n_draws,) mean Spearman between halves, participant i counted counts[:, i] times.

    The different participants of a draw are halved `n_splits` times, copies staying
    with their person. NaN where no split had three pairs that varied in both halves.
    """
    first = np.zeros((len(counts), n_splits, counts.shape[1]))
    for draw, drawn in enumerate(counts):
        here = np.flatnonzero(drawn)
        for split in range(n_splits):
            chosen = rng.permutation(here)[: (len(here) + 1) // 2]
            first[draw, split, chosen] = drawn[chosen]
    second = counts[:, None, :] - first
    r = _correlations(
        first.reshape(-1, counts.shape[1]),
        second.reshape(-1, counts.shape[1]),
        summed,
        weight,
    ).reshape(len(counts), n_splits)
    usable = ~np.isnan(r)
    mean: FloatArray = np.full(len(counts), np.nan)
    n = usable.sum(axis=1)
    np.divide(np.where(usable, r, 0.0).sum(axis=1), n, out=mean, where=n > 0)
    return mean


def _correlations(
    first: FloatArray, second: FloatArray, summed: FloatArray, weight: FloatArray
) -> FloatArray:
    """(n_splits,) Spearman between the means of halves, on pairs judged in both.

    first, second: (n_splits, n_raters) how often each participant counts in a half.
    """
    weight_a, weight_b = first @ weight, second @ weight
    judged = (weight_a > 0) & (weight_b > 0)
    n = judged.sum(axis=1, keepdims=True)
    centred = []
    for half, total in ((first, weight_a), (second, weight_b)):
        mean = np.full(judged.shape, np.inf)  # ranks after all pairs that count
        np.divide(half @ summed, total, out=mean, where=judged)
        centred.append(np.where(judged, rankdata(mean, axis=1) - (n + 1) / 2, 0.0))
    a, b = centred
    size = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    r: FloatArray = np.full(len(first), np.nan)
    usable = (n[:, 0] >= 3) & (size > 0)
    np.divide((a * b).sum(axis=1), size, out=r, where=usable)
    return r


def _ceiling(r: FloatArray) -> FloatArray:
    return np.asarray(np.sqrt(2 * r / (1 + r)))


def _recentred(draws: FloatArray, r: float) -> FloatArray:
    """The draws with their odds r / (1 - r) multiplied so that the median is r.

    A draw at or below 0 becomes 0: no signal, at any factor.
    """
    clipped = np.clip(draws, 0.0, 1.0)
    median = float(np.nanmedian(clipped)) if not np.isnan(draws).all() else 0.0
    if not 0 < median < 1 or r >= 1:
        return clipped
    factor = (r / (1 - r)) / (median / (1 - median))
    scaled: FloatArray = clipped * factor / (1 + clipped * (factor - 1))
    return scaled
