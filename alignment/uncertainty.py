"""How sure an alignment is: intervals over actions, and permutation tests.

The actions are a sample of the actions there could be. An interval draws as many of
them as there are, with replacement, and takes the measure over the pairs of different
actions drawn, each pair as often as it comes up (`methods.md`, 1.3). A permutation test
asks what the measure would be if one rater's actions had been mixed up.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from alignment.errors import AlignmentError
from alignment.matrices import FloatArray, IntArray, SimilarityMatrix
from alignment.measures.kinds import MatrixMeasure

# Up to this many actions every order is tried; 7! = 5,040.
EXACT_UP_TO = 7
# A permuted score this close to the observed one is the same number, rounded.
SAME = 1e-12
# Permutations, or draws of triplets, worked on at once: few enough to stay in memory.
CHUNK = 128
# Draws given to a measure at once: what it prepares for its pairs serves all of them.
DRAWS_AT_ONCE = 512


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval.

    value: What the data give; NaN where undefined.
    low, high: 2.5 and 97.5 percentiles over the resamples; NaN without any.
    resampled: How many resamples gave a number. Those that did not (all pairs alike,
        too few different actions) are left out, so a small count is a warning.
    """

    value: float
    low: float
    high: float
    resampled: int


def percentile_estimate(value: float, draws: FloatArray) -> Estimate:
    """The estimate with this value and these resamples; NaN among them is left out."""
    usable = draws[~np.isnan(draws)]
    if not usable.size or np.isnan(value):
        return Estimate(value, np.nan, np.nan, len(usable))
    low, high = np.quantile(usable, [0.025, 0.975])
    return Estimate(value, float(low), float(high), len(usable))


def draw_actions(n_actions: int, n_resamples: int, seed: int) -> IntArray:
    """(n_resamples, n_actions) how often each action is drawn, n_actions draws each.

    The same for one seed whatever is measured, so that measures and raters can be
    compared draw by draw.
    """
    if n_resamples < 1:
        raise AlignmentError(f"bootstrap: needs at least 1 resample, got {n_resamples}")
    rng = np.random.default_rng(seed)
    return rng.multinomial(n_actions, np.full(n_actions, 1 / n_actions), n_resamples)


def bootstrap_draws(
    measure: MatrixMeasure, a: SimilarityMatrix, b: SimilarityMatrix, counts: IntArray
) -> FloatArray:
    """(n_resamples,) the measure on each draw of actions; NaN where undefined."""
    a.same_actions(b)
    pieces = (
        counts[start : start + DRAWS_AT_ONCE]
        for start in range(0, len(counts), DRAWS_AT_ONCE)
    )
    return np.concatenate([measure.resampled(a, b, piece) for piece in pieces])


def needs_interval(measure: MatrixMeasure) -> None:
    """Refuse a measure whose draws of actions say nothing of its scatter.

    Raises:
        AlignmentError: See `MatrixMeasure.has_interval`.
    """
    if not measure.has_interval:
        raise AlignmentError(
            f"bootstrap over actions: {measure.name} has no interval, since a draw's "
            "fewer different actions raise it by themselves; test it by permutation"
        )


def bootstrap_actions(
    measure: MatrixMeasure,
    a: SimilarityMatrix,
    b: SimilarityMatrix,
    *,
    n_resamples: int = 1000,
    seed: int,
) -> Estimate:
    """The measure with its 95 % percentile interval over actions.

    Every measure is computed exactly on each draw, in a form with weights: a pair of
    actions drawn c_i and c_j times counts c_i * c_j times, and pairs of copies of one
    action are left out. Treating those as perfectly similar would raise every score.

    A measure that has no such interval (`has_interval`) gives its value alone.

    Raises:
        MatrixError: As `Measure.compute`.
    """
    value = measure.compute(a, b)
    if not measure.has_interval:
        return Estimate(value, np.nan, np.nan, 0)
    counts = draw_actions(len(a), n_resamples, seed)
    return percentile_estimate(value, bootstrap_draws(measure, a, b, counts))


@dataclass(frozen=True, eq=False)
class Orders:
    """Orders in which one side's actions are put, to see what chance gives.

    rows: (n_orders, n_actions) row numbers.
    exact: Whether these are all the orders there are, the one that is among them;
        otherwise they are drawn at random.
    """

    rows: IntArray
    exact: bool

    def chunks(self) -> Iterator[IntArray]:
        """The rows, as many at a time as stay in cache."""
        for start in range(0, len(self.rows), CHUNK):
            yield self.rows[start : start + CHUNK]

    def p(self, as_large: int) -> float:
        """The share of orders that gave at least the observed score; never 0.

        Of orders drawn at random the observed one is added: (1 + k) / (1 + n).
        """
        if self.exact:
            return as_large / len(self.rows)
        return (1 + as_large) / (1 + len(self.rows))


def draw_orders(n_actions: int, n_permutations: int, seed: int) -> Orders:
    """All orders of up to 7 actions; beyond, `n_permutations` of them at random.

    The same for one seed whatever is measured, so that scores of many raters or layers
    can be compared order by order.

    Raises:
        AlignmentError: Fewer than one permutation.
    """
    if n_permutations < 1:
        raise AlignmentError(
            f"permutation test: needs at least 1 permutation, got {n_permutations}"
        )
    if n_actions <= EXACT_UP_TO:
        every = np.array(list(permutations(range(n_actions))), dtype=np.int64)
        return Orders(every, exact=True)
    rng = np.random.default_rng(seed)
    still = np.tile(np.arange(n_actions), (n_permutations, 1))
    return Orders(rng.permuted(still, axis=1), exact=False)


def permutation_p(
    measure: MatrixMeasure,
    a: SimilarityMatrix,
    b: SimilarityMatrix,
    *,
    n_permutations: int = 1000,
    seed: int,
) -> float:
    """One-sided p: how often mixing up b's actions gives at least the observed score.

    Mantel (1967): rows and columns of `b` move together, unjudged pairs with them. Up
    to 7 actions all orders are tried and p is exact; beyond, p is
    (1 + #{permuted >= observed}) / (1 + n_permutations), never 0. An order that leaves
    the measure undefined counts as at least the observed score, against the claim.
    NaN where the observed score is undefined.

    Raises:
        MatrixError: As `Measure.compute`.
    """
    observed = measure.compute(a, b)
    if np.isnan(observed):
        return float("nan")
    orders = draw_orders(len(a), n_permutations, seed)
    as_large = 0
    for rows in orders.chunks():
        scores = measure.permuted(a, b, rows)
        as_large += int((~(scores < observed - SAME)).sum())
    return orders.p(as_large)
