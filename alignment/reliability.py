"""How well people agree with each other: split halves and the noise ceiling.

A model cannot agree with the mean of some raters better than all there could be would.
The *reliability* of that mean is the squared correlation with what infinitely many
raters would say; it is also what a second group of as many would correlate with the
first. Its root, the correlation itself, is the ceiling of a model's alignment: models
are held against the root, other groups of people against the reliability.

Spearman and Brown's formula makes the reliability of the whole from the correlation r
of two halves, 2r / (1 + r). That holds for correlations that errors attenuate as they do
Pearson's, and for halves with half of the raters of every pair each. Where different
raters judged different pairs, random halves are uneven within a pair and r is too low:
with 20 raters a pair the distance from 1 comes out a twentieth too large, more than an
interval is wide. So r is reported, and the ceiling comes from `alignment.mean_error`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from scipy.stats import rankdata

from alignment.errors import AlignmentError, TooFewRaters
from alignment.judgments import SimilarityJudgments
from alignment.matrices import FloatArray, SimilarityMatrix
from alignment.mean_error import MeanError
from alignment.rank_error import RankLoss, rank_loss
from alignment.uncertainty import Estimate

ONLY_MEANS = "no ceiling: only means are available"
# Splits worked on at once.
CHUNK = 20
# Below this share of error nothing but rounding is left of it.
NO_ERROR = 1e-12

CeilingMeasure = Literal["spearman", "pearson"]
"""The measures whose ceiling is the root of a reliability; for the others there are the
lower and upper ceilings of `alignment.rater_ceilings`."""


@dataclass(frozen=True)
class Ceiling:
    """The highest alignment to expect with the mean of these raters.

    estimate: In [0, 1], with its 95 % interval; NaN where the raters do not agree.
    n_raters: Raters with a judgment of similarity.
    raters_per_pair: Median number of them, over judged pairs.
    mean_r: The mean correlation r between random halves of the raters, in [-1, 1], over
        pairs judged in both.
    note: Why the value is NaN, or empty.
    """

    estimate: Estimate
    n_raters: int
    raters_per_pair: float
    mean_r: float
    note: str

    @property
    def reliability(self) -> float:
        """The squared ceiling: of the mean with that of a second group of as many."""
        return self.estimate.value**2


def split_halves(
    judgments: SimilarityJudgments, *, seed: int
) -> tuple[SimilarityMatrix, SimilarityMatrix]:
    """The mean matrices of two random halves of the participants.

    With an odd number the first half has one more. NaN where nobody of a half judged.

    Raises:
        TooFewRaters: Fewer than 2 participants, or only published means.
    """
    first, second = halved(_raters(judgments), seed=seed)
    return (
        judgments.mean(first, rater="human half a"),
        judgments.mean(second, rater="human half b"),
    )


def halved(
    raters: Sequence[str], *, seed: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Two random halves of the raters; with an odd number the first has one more."""
    order = np.random.default_rng(seed).permutation(len(raters))
    first = (len(raters) + 1) // 2
    return (
        tuple(str(raters[i]) for i in order[:first]),
        tuple(str(raters[i]) for i in order[first:]),
    )


def noise_ceiling(
    judgments: SimilarityJudgments,
    *,
    measure: str = "spearman",
    n_splits: int = 100,
    n_resamples: int = 1000,
    seed: int,
) -> Ceiling:
    """The correlation of the mean of the raters asked with that of all there could be.

    Over all pairs judged, which are taken as given; only raters are a sample. They may
    have judged all pairs or different ones, may have offsets and use the scale in their
    own ways. Pairs with a single rater count with the mean error of single judgments.

    `tests/benchmarks/coverage.py` counts how often the 95 % interval holds the true
    correlation of simulated studies. Two limits, seen in 300 studies each: with 2 or 3
    raters a pair nothing shows errors that a rater repeats on many pairs, and where
    people had lasting views of single actions the interval held it in 80 %; and where
    the ceiling is below .4, studies that find none at all (NaN) are the unlucky ones,
    so those that find one give it too high: 83 to 96 % with 2 to 5 raters a pair.

    Args:
        measure: "spearman" or "pearson".
        n_splits: Random halvings of the raters behind `mean_r`.
        n_resamples: Draws of errors behind Spearman's ceiling; Pearson's needs none.

    Raises:
        TooFewRaters: Only published means; fewer than 2 raters; or fewer than 2
            raters a pair, in the median over the pairs judged at all.
        AlignmentError: Another measure.
    """
    _check_measure(measure)
    raters = _raters(judgments)
    summed, weight, per_pair = _enough(judgments, raters)
    rng = np.random.default_rng(seed)
    ranked = measure == "spearman"
    r = _mean_r(summed, weight, n_splits, rng, ranked=ranked)
    known = MeanError.of(summed, weight)
    note = _no_ceiling(r, known)
    if known is None or note:
        none = Estimate(np.nan, np.nan, np.nan, 0)
        return Ceiling(none, len(raters), per_pair, r, note)
    estimate = ceiling_of(known, ranked=ranked, n_resamples=n_resamples, seed=seed)
    return Ceiling(estimate, len(raters), per_pair, r, note)


def others_ceiling(
    judgments: SimilarityJudgments,
    *,
    n_raters: int = 1,
    measure: str = "spearman",
    n_resamples: int = 1000,
    seed: int,
) -> Estimate:
    """The correlation with the population's mean to expect of `n_raters` like these.

    With 1, that of a single person's matrix; where the raters are the repeats of one
    language model, that of a single answer to every pair, while `noise_ceiling` is that
    of the mean of its repeats. Two such answers correlate with each other by the square.

    Raters are taken to be alike in error and in use of the scale. Where 5 simulated
    raters differed in noisiness (1 to 2.7) the interval held the expectation of others
    in 48 to 88 % only: it does not know how noisy raters it never saw are. For people
    it is a rough guide. NaN where raters do not agree.

    Raises:
        TooFewRaters, AlignmentError: As `noise_ceiling`; or n_raters is below 1.
    """
    _check_measure(measure)
    if n_raters < 1:
        raise AlignmentError(f"ceiling: of at least 1 rater, got {n_raters}")
    summed, weight, _ = _enough(judgments, _raters(judgments))
    known = MeanError.of(summed, weight)
    if known is None or not known.signal > 0:
        return Estimate(np.nan, np.nan, np.nan, 0)
    return ceiling_of(
        known,
        ranked=measure == "spearman",
        n_raters=n_raters,
        n_resamples=n_resamples,
        seed=seed,
    )


def ceiling_of(
    known: MeanError,
    *,
    ranked: bool,
    n_raters: float | None = None,
    n_resamples: int,
    seed: int,
) -> Estimate:
    """Pearson's ceiling, or Spearman's where `ranked`, from the error of a mean.

    Args:
        known: With a signal above 0.
        n_raters: For the mean of so many others; of the raters asked if left out.
    """
    if not known.share > NO_ERROR:
        return Estimate(1.0, 1.0, 1.0, 0)
    loss, drawn = RankLoss(1.0, 1.0), 0
    if ranked:
        drawn = n_resamples
        loss = rank_loss(known, n_raters=n_raters, n_draws=drawn, seed=seed)
    if n_raters is None:
        shares = (loss.times * known.share, *known.interval(loss.times, loss.spread))
    else:
        share, *ends = known.share_of(n_raters)
        low, high = (share * (end / share) ** np.sqrt(loss.spread) for end in ends)
        shares = (loss.times * share, loss.times * low, loss.times * high)
    value, high, low = (float(np.sqrt(max(1 - each, 0.0))) for each in shares)
    return Estimate(value, min(low, value), max(high, value), drawn)


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
    return _mean_r(summed, weight, n_splits, np.random.default_rng(seed))


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


def rater_tables(
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


def _check_measure(measure: str) -> None:
    allowed = " or ".join(get_args(CeilingMeasure))
    if measure not in get_args(CeilingMeasure):
        raise AlignmentError(
            f"noise ceiling: {measure} is not attenuated as a correlation of means is, "
            f"so no root of a reliability bounds it; use {allowed}, or the lower and "
            "upper ceilings of alignment.rater_ceilings"
        )


def _enough(
    judgments: SimilarityJudgments, raters: tuple[str, ...]
) -> tuple[FloatArray, FloatArray, float]:
    """`rater_tables`, and the median number of raters a pair, at least 2."""
    summed, weight = rater_tables(judgments, raters)
    per_pair = float(np.median((weight > 0).sum(axis=0)))
    if per_pair < 2:
        raise TooFewRaters(
            f"noise ceiling: needs at least 2 raters a pair (median over the "
            f"{weight.shape[1]:,} judged pairs), got {per_pair:g} from {len(raters)} "
            "raters; collect more judgments of the same pairs"
        )
    return summed, weight, per_pair


def _no_ceiling(r: float, known: MeanError | None) -> str:
    """Why there is no ceiling, or nothing."""
    if not r > 0:
        found = "undefined" if np.isnan(r) else f"{r:.3f}"
        return f"no ceiling: the halves must agree, their correlation is {found}"
    if known is None:
        return "no ceiling: it takes 3 pairs that differ"
    if not known.signal > 0:
        return (
            "no ceiling: pairs differ no more than the raters' disagreement alone "
            "would make them"
        )
    return ""


def _mean_r(
    summed: FloatArray,
    weight: FloatArray,
    n_splits: int,
    rng: np.random.Generator,
    *,
    ranked: bool = True,
) -> float:
    """Mean correlation between halves; NaN where no split had three pairs in both.

    In an odd number of raters the first half has one more.
    """
    n_raters = len(summed)
    first = np.zeros((n_splits, n_raters))
    for split in range(n_splits):
        first[split, rng.permutation(n_raters)[: (n_raters + 1) // 2]] = 1.0
    pieces = (first[start : start + CHUNK] for start in range(0, n_splits, CHUNK))
    r = np.concatenate(
        [_correlations(one, 1 - one, summed, weight, ranked) for one in pieces]
    )
    return float(np.nanmean(r)) if not np.isnan(r).all() else float("nan")


def _correlations(
    first: FloatArray,
    second: FloatArray,
    summed: FloatArray,
    weight: FloatArray,
    ranked: bool,
) -> FloatArray:
    """(n_splits,) correlation between the means of halves, on pairs judged in both.

    first, second: (n_splits, n_raters) 1 for who is in a half. ranked: Spearman's.
    """
    weight_a, weight_b = first @ weight, second @ weight
    judged = (weight_a > 0) & (weight_b > 0)
    n = judged.sum(axis=1, keepdims=True)
    centred = []
    for half, total in ((first, weight_a), (second, weight_b)):
        mean = np.full(judged.shape, np.inf)  # ranks after all pairs that count
        np.divide(half @ summed, total, out=mean, where=judged)
        if ranked:
            centred.append(np.where(judged, rankdata(mean, axis=1) - (n + 1) / 2, 0.0))
            continue
        mean = np.where(judged, mean, 0.0)
        level = mean.sum(axis=1, keepdims=True) / np.maximum(n, 1)
        centred.append(np.where(judged, mean - level, 0.0))
    a, b = centred
    size = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    r: FloatArray = np.full(len(first), np.nan)
    usable = (n[:, 0] >= 3) & (size > 1e-12)
    np.divide((a * b).sum(axis=1), size, out=r, where=usable)
    return r
