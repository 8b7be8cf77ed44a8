"""Lower and upper noise ceilings: how well a model could agree with *single* raters.

Nili et al. (2014). The upper ceiling is the mean, over raters, of the measure between a
rater and the pool of all: no model can do better on average, as the pool is the best
there is for these raters, themselves included. The lower is the mean between a rater
and the pool of all others: what the population's own view would at least reach. Hold
against them the mean of a model's agreement with single raters; the agreement of a
model with the raters' *mean* is held against `alignment.reliability.noise_ceiling`. No
root is taken here, and no formula of Spearman and Brown.

Pools are those for which the mean agreement is largest: of standardised judgments for
Pearson, of mid-ranks for Spearman and rho-a (and, nearly, for Kendall's, whose optimum
has no closed form), of what is compared at length 1 for cosines: dissimilarities, their
double-centred matrices (whitened), or what pairs hold beyond their actions' levels
(debiased CKA). For neighbourhoods and Bures similarity no such pool is known, so there
are no such ceilings.

Raters who judged different pairs: each is compared on their own pairs that others
judged too, and standardised or ranked among their own pairs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata
from scipy.stats import t as student

from alignment.errors import AlignmentError, MatrixError, TooFewRaters
from alignment.judgments import SimilarityJudgments
from alignment.matrices import FloatArray, IntArray, SimilarityMatrix
from alignment.measures import rdm
from alignment.measures.cka import u_centred
from alignment.reliability import ONLY_MEANS
from alignment.uncertainty import Estimate

# With more raters, groups of them are left out together.
MOST_GROUPS = 50
# Pairs in common with others that a rater needs to be compared on.
LEAST_PAIRS = 3
# Up to so many pairs of a rater, Kendall's compare each with each: quicker than sorting.
SHORT = 150

BoolArray = npt.NDArray[np.bool_]
# (x, y, shared: (n_raters, n_own)) -> (n_raters,) each rater's score on what is shared.
Scores = Callable[[FloatArray, FloatArray, BoolArray], FloatArray]


@dataclass(frozen=True)
class Pooling:
    """How raters are pooled for one measure, and compared with the pool.

    scaled: (n_entries,) what is compared of one rater -> what is averaged over raters.
    scores: NaN where either side says nothing.
    ranked: Whether `scores` wants mid-ranks.
    entries: One rater's matrix -> (n_entries,) what is compared: their similarities, NaN
        for none, unless something else is given.
    """

    scaled: Callable[[FloatArray], FloatArray]
    scores: Scores
    ranked: bool = False
    entries: Callable[[SimilarityMatrix], FloatArray] = SimilarityMatrix.pairs


@dataclass(frozen=True)
class RaterCeilings:
    """Between what bounds the best model's mean agreement with single raters lies.

    lower, upper: In the measure's range, with 95 % intervals over raters (NaN with
        fewer than 3); lower <= upper.
    n_raters: Raters compared.
    n_left_out: Raters who cannot be: the same answer to everything, or fewer than 3
        pairs that anybody else judged.
    """

    measure: str
    lower: Estimate
    upper: Estimate
    n_raters: int
    n_left_out: int


def rater_ceilings(
    judgments: SimilarityJudgments, *, measure: str = "spearman", seed: int = 0
) -> RaterCeilings:
    """Lower and upper ceilings of single raters' agreement.

    Intervals are over raters, by the jackknife and Student's t: the pool is made anew
    without each rater. Resampling raters with replacement would put copies of one
    person into pool and comparison; with copies left out, pools are of fewer people,
    and the draws lie lower (the upper ceiling: higher) than the study by up to several
    standard errors. With more than 50 raters, 50 random groups are left out in turn.

    What an interval covers is the expected ceiling for so many raters: with more of
    them both ceilings approach the agreement of the population's view.

    Args:
        measure: A name in `POOLINGS`.
        seed: Of the groups.

    Raises:
        TooFewRaters: Only published means, or fewer than 2 raters can be compared.
        AlignmentError: No pool is known for this measure; or it needs raters who judged
            every pair, and one did not.
    """
    if measure not in POOLINGS:
        raise AlignmentError(
            f"lower and upper ceilings: no pool of raters is known to agree best with "
            f"them by {measure}; there are ceilings for {', '.join(POOLINGS)}"
        )
    if len(judgments) and not judgments.has_raters:
        raise TooFewRaters(ONLY_MEANS)
    pooling = POOLINGS[measure]
    matrices = [judgments.by_rater(rater) for rater in judgments.raters]
    n_asked = len(matrices)
    table = np.array([pooling.entries(one) for one in matrices if _differs(one)])
    table = table.reshape(len(table), -1) if len(table) else np.empty((0, 0))
    raters = _padded(table, pooling)
    found = _ceilings(raters, pooling, np.ones(len(table), dtype=bool))
    if found is None:
        raise TooFewRaters(
            f"lower and upper ceilings: need 2 raters or more who differ between pairs "
            f"and share {LEAST_PAIRS} pairs with others, got {n_asked} raters, of whom "
            "fewer can be compared"
        )
    lower, upper, used = found
    without = _left_out(raters, pooling, seed)
    ends = [
        _jackknifed(value, without[:, column] if without is not None else None)
        for column, value in enumerate((lower, upper))
    ]
    return RaterCeilings(measure, ends[0], ends[1], used, n_asked - used)


@dataclass(frozen=True)
class _Raters:
    """Each rater's own pairs, in rows as long as the longest.

    column: (n_raters, n_own) which pair. own, part: what they said of it, as compared
        and as pooled. filled: Where there is an entry.
    """

    column: IntArray
    own: FloatArray
    part: FloatArray
    filled: BoolArray


def _differs(matrix: SimilarityMatrix) -> bool:
    """Whether a rater tells any two pairs apart."""
    said = matrix.pairs()
    said = said[~np.isnan(said)]
    return bool(said.size and np.ptp(said) > 0)


def _padded(table: FloatArray, pooling: Pooling) -> _Raters:
    judged = ~np.isnan(table)
    longest = int(judged.sum(axis=1).max(initial=0))
    # What was judged stands first, in the order of the pairs.
    column = np.argsort(~judged, axis=1, kind="stable")[:, :longest].astype(np.int64)
    filled = np.take_along_axis(judged, column, axis=1)
    own = np.where(filled, np.take_along_axis(table, column, axis=1), 0.0)
    part = np.zeros(own.shape)
    for row, here in enumerate(filled):
        part[row, here] = pooling.scaled(own[row, here])
    return _Raters(column, own, part, filled)


def _ceilings(
    raters: _Raters, pooling: Pooling, kept: BoolArray
) -> tuple[float, float, int] | None:
    """Lower and upper of those kept, and how many could be compared; None below 2."""
    column, own, part = raters.column[kept], raters.own[kept], raters.part[kept]
    filled = raters.filled[kept]
    if not filled.any():
        return None
    total = np.bincount(column[filled], part[filled], column.max() + 1)[column]
    n = np.bincount(column[filled], minlength=column.max() + 1)[column]
    shared = filled & (n > 1)
    # Sums in another order are no difference of views: hence the rounding.
    others = np.round((total - part) / np.maximum(n - 1, 1), 12)
    everybody = np.round(total / np.maximum(n, 1), 12)
    if pooling.ranked:
        own, others, everybody = (
            rankdata(np.where(shared, side, np.inf), axis=1)
            for side in (own, others, everybody)
        )
    lower = pooling.scores(own, others, shared)
    upper = pooling.scores(own, everybody, shared)
    usable = shared.sum(axis=1) >= LEAST_PAIRS
    usable &= ~np.isnan(lower) & ~np.isnan(upper)
    if usable.sum() < 2:
        return None
    low, high = float(lower[usable].mean()), float(upper[usable].mean())
    return low, max(low, high), int(usable.sum())


def _left_out(raters: _Raters, pooling: Pooling, seed: int) -> FloatArray | None:
    """(n_groups, 2) ceilings without each group; None where one leaves too few."""
    n_raters = len(raters.own)
    order = np.random.default_rng(seed).permutation(n_raters)
    groups = np.array_split(order, min(n_raters, MOST_GROUPS))
    made = []
    for group in groups:
        kept = np.ones(n_raters, dtype=bool)
        kept[group] = False
        found = _ceilings(raters, pooling, kept)
        if found is None:
            return None
        made.append(found[:2])
    return np.array(made)


def _jackknifed(value: float, without: FloatArray | None) -> Estimate:
    """With the interval of the delete-a-group jackknife (Efron & Stein, 1981)."""
    if without is None:
        return Estimate(value, np.nan, np.nan, 0)
    g = len(without)
    error = np.sqrt((g - 1) / g * ((without - without.mean()) ** 2).sum())
    half = float(student.ppf(0.975, g - 1) * error)
    return Estimate(value, max(value - half, -1.0), min(value + half, 1.0), g)


def _standardised(own: FloatArray) -> FloatArray:
    centred = own - own.mean()
    made: FloatArray = centred / np.sqrt((centred**2).mean())
    return made


def _ranked(own: FloatArray) -> FloatArray:
    """Mid-ranks from -1/2 to 1/2, so that those of fewer pairs count alike."""
    n = len(own)
    made: FloatArray = (rankdata(own) - (n + 1) / 2) / n
    return made


def _of_length_one(own: FloatArray) -> FloatArray:
    """A mean square of 1, so that those of fewer pairs count alike; 0 for nothing."""
    size = np.sqrt((own**2).mean())
    made: FloatArray = own / size if size > 1e-12 else np.zeros(len(own))
    return made


def _dissimilarities(matrix: SimilarityMatrix) -> FloatArray:
    return 1 - matrix.pairs()


def _beyond_levels(matrix: SimilarityMatrix) -> FloatArray:
    return u_centred(matrix)[np.triu_indices(len(matrix), k=1)]


def _double_centred(matrix: SimilarityMatrix, *, centred: bool) -> FloatArray:
    """(n_actions^2,) H D H, whose plain products are whitened ones of D's pairs.

    centred: Take the mean over pairs from D first.
    """
    if not matrix.complete:
        raise MatrixError(
            f"whitened ceilings with {matrix.rater}: needs every pair judged, "
            f"{matrix.n_missing:,} of {matrix.n_pairs:,} are missing"
        )
    d = 1 - matrix.values
    if centred:
        d = d - (1 - matrix.pairs()).mean() * (1 - np.eye(len(d)))
    d = d - d.mean(axis=0)
    made: FloatArray = (d - d.mean(axis=1, keepdims=True)).ravel()
    return made


def _cosines(x: FloatArray, y: FloatArray, shared: BoolArray) -> FloatArray:
    x, y = np.where(shared, x, 0.0), np.where(shared, y, 0.0)
    size = np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))
    made: FloatArray = np.full(len(x), np.nan)
    np.divide((x * y).sum(axis=1), size, out=made, where=size > 1e-12)
    return np.clip(made, -1.0, 1.0)


def _correlations(x: FloatArray, y: FloatArray, shared: BoolArray) -> FloatArray:
    return _cosines(_centred(x, shared), _centred(y, shared), shared)


def _rho_a(x: FloatArray, y: FloatArray, shared: BoolArray) -> FloatArray:
    defined = ~np.isnan(_correlations(x, y, shared))
    m = np.maximum(shared.sum(axis=1), 2)
    products = (_centred(x, shared) * _centred(y, shared)).sum(axis=1)
    return np.where(defined, 12 * products / (m**3 - m), np.nan)


def _kendall(
    rows: Callable[[FloatArray, FloatArray], FloatArray],
    all_count: bool,
    x: FloatArray,
    y: FloatArray,
    shared: BoolArray,
) -> FloatArray:
    """Of each row, by `rows`; tau-a where `all_count`, tied or not, else tau-b."""
    made: FloatArray = np.full(len(x), np.nan)
    for row, here in enumerate(shared):
        one, other = x[row, here], y[row, here]
        m = len(one)
        if m < 2 or np.ptp(one) == 0 or np.ptp(other) == 0:
            continue
        if m > SHORT:
            made[row] = rows(one, other[None])[0]
            continue
        a, b = (np.sign(side[:, None] - side) for side in (one, other))
        n = m * (m - 1) if all_count else np.sqrt(abs(a).sum() * abs(b).sum())
        made[row] = (a * b).sum() / n
    return made


def _centred(x: FloatArray, shared: BoolArray) -> FloatArray:
    x = np.where(shared, x, 0.0)
    level = x.sum(axis=1, keepdims=True) / np.maximum(shared.sum(axis=1), 1)[:, None]
    return np.where(shared, x - level, 0.0)


POOLINGS: dict[str, Pooling] = {
    "spearman": Pooling(_ranked, _correlations, ranked=True),
    "pearson": Pooling(_standardised, _correlations),
    "rho_a": Pooling(_ranked, _rho_a, ranked=True),
    "tau_a": Pooling(_ranked, partial(_kendall, rdm.tau_a_rows, True)),
    "tau_b": Pooling(_ranked, partial(_kendall, rdm.tau_b_rows, False)),
    "cosine": Pooling(_of_length_one, _cosines, entries=_dissimilarities),
    "whitened_cosine": Pooling(
        _of_length_one, _cosines, entries=partial(_double_centred, centred=False)
    ),
    "whitened_correlation": Pooling(
        _of_length_one, _cosines, entries=partial(_double_centred, centred=True)
    ),
    "cka": Pooling(_of_length_one, _cosines, entries=_beyond_levels),
}
"""The measures with lower and upper ceilings. For another one a row has to be added."""
