"""Three ways to make one human matrix of sparse ratings of pairs.

*mean*: each pair's mean. Honest and simple, but a pair seen by two lenient raters
stands high, and one seen twice counts like one seen twenty times.
*centred*: each rater's own mean is moved to the mean of all first. Takes lenient and
strict apart, but also what differs because raters were shown different pairs: with few
pairs a rater it takes out what is wanted. Of a rater with one pair nothing is left.
*shrunken*: crossed random effects (`alignment.crossed`). Raters' levels are estimated
together with the pairs, and each pair is drawn towards the mean of all, the more so the
fewer ratings it has. Nearest to the truth with few raters, if ratings scatter alike.

The mean is the default everywhere; a result that changes with the way of pooling hangs
on the raters more than on the actions, and should be shown under all three. A pair that
nobody judged is NaN in all three: nothing is imputed.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from alignment.crossed import CrossedFit, fit_crossed
from alignment.errors import TooFewRaters
from alignment.judgments import SimilarityJudgments
from alignment.matrices import FloatArray, IntArray, SimilarityMatrix
from alignment.ratings import ratings_of_pairs

# Beyond these a similarity holds rounding only.
DECIMALS = 12


@dataclass(frozen=True, eq=False)
class Pooled:
    """One human matrix and how it was made.

    name: "mean", "centred" or "shrunken". n_clipped: pairs moved back into [0, 1].
    n_unused: judgments that could not be used. fit: the variance components behind
    "shrunken", of similarities in [0, 1]; None for the others.
    """

    name: str
    matrix: SimilarityMatrix
    n_clipped: int
    n_unused: int = 0
    fit: CrossedFit | None = None


def pooled_mean(judgments: SimilarityJudgments, *, rater: str = "human") -> Pooled:
    """The weighted mean of each pair's judgments; `SimilarityJudgments.mean`."""
    return Pooled("mean", judgments.mean(rater=rater), n_clipped=0)


def pooled_centred(judgments: SimilarityJudgments, *, rater: str = "human") -> Pooled:
    """Each judgment less its rater's mean, plus the mean of all; then means of pairs.

    A rater who judged a single pair has nothing left once centred, and is not used: to
    put the mean of all there instead would be to invent a judgment. A constant rater's
    judgments all become the mean of all.

    Raises:
        TooFewRaters: Only published means, or no rater with two pairs.
    """
    _needs_raters(judgments, "rater-centred pooling")
    ratings, pairs = ratings_of_pairs(judgments)
    w, y = ratings.weight, ratings.value
    own = ratings.once()
    several = np.bincount(own.rater, minlength=ratings.n_raters)[ratings.rater] > 1
    if not several.any():
        raise TooFewRaters(
            "rater-centred pooling: needs raters who judged at least 2 pairs, "
            f"each of the {ratings.n_raters} judged 1; take the mean"
        )
    grand = float((w * y)[several].sum() / w[several].sum())
    per_rater = np.bincount(ratings.rater, w, ratings.n_raters)
    level = np.bincount(ratings.rater, w * y, ratings.n_raters) / per_rater
    centred = y - level[ratings.rater] + grand
    thing, w = ratings.thing[several], w[several]
    total = np.bincount(thing, w, ratings.n_things)
    summed = np.bincount(thing, w * centred[several], ratings.n_things)
    values: FloatArray = np.full(ratings.n_things, np.nan)
    np.divide(summed, total, out=values, where=total > 0)
    matrix, n_clipped = _matrix(judgments.actions, pairs, values, rater)
    return Pooled("centred", matrix, n_clipped, n_unused=int((~several).sum()))


def pooled_shrunken(judgments: SimilarityJudgments, *, rater: str = "human") -> Pooled:
    """mu + u_pair of y = mu + u_pair + v_rater + e, var e = s_e / weight, by REML.

    Where pairs differ by nothing but chance (u has variance 0) every judged pair
    becomes mu, and the matrix is constant: alignment with it is undefined, and says so.

    Raises:
        TooFewRaters: Only published means; fewer than 2 pairs or raters; or no pair
            that two raters judged, so that nothing tells pairs from chance.
    """
    _needs_raters(judgments, "pooling with shrinkage")
    ratings, pairs = ratings_of_pairs(judgments)
    fit = fit_crossed(
        ratings.thing,
        ratings.rater,
        ratings.value,
        weight=ratings.weight,
        n_things=ratings.n_things,
        n_raters=ratings.n_raters,
        cells=False,
    )
    matrix, n_clipped = _matrix(judgments.actions, pairs, fit.mean + fit.things, rater)
    return Pooled("shrunken", matrix, n_clipped, fit=fit)


POOLINGS: dict[str, Callable[[SimilarityJudgments], Pooled]] = {
    "mean": pooled_mean,
    "centred": pooled_centred,
    "shrunken": pooled_shrunken,
}
"""The three ways by name; "mean" is the default."""


def _needs_raters(judgments: SimilarityJudgments, what: str) -> None:
    if not judgments.has_raters:
        raise TooFewRaters(
            f"{what}: needs the judgments of single raters, got "
            + ("only published means" if len(judgments) else "none")
        )


def _matrix(
    actions: tuple[str, ...],
    pairs: IntArray,
    values: FloatArray,
    rater: str,
) -> tuple[SimilarityMatrix, int]:
    # Pairs that tie must still tie once levels were taken off and put back.
    values = np.round(values, DECIMALS)
    n_clipped = int(((values < 0) | (values > 1)).sum())
    full = np.full((len(actions), len(actions)), np.nan)
    i, j = pairs.T
    full[i, j] = full[j, i] = np.clip(values, 0.0, 1.0)
    np.fill_diagonal(full, 1.0)
    return SimilarityMatrix(full, actions, rater), n_clipped
