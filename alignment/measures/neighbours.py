"""Nearest neighbours: do two raters put the same actions next to each other?

Huh et al. (2024): for each action, the share of its k nearest neighbours on one side
that are among its k nearest on the other, averaged over actions. Ratings tie, so the
k-th place is often shared; the overlap is then the expected one if ties were broken at
random and independently on both sides: the sum over actions of P_a(in) * P_b(in),
divided by k. An action is never its own neighbour.

On a bootstrap draw, an action drawn twice counts twice, as a centre and as a neighbour,
and copies of one action tie; copies of the centre itself are left out. Where a draw
leaves a centre fewer than k others, all of those are its neighbours.

Copies that tie on both sides raise a draw's score a little: in simulated studies by .03
with 20 unrelated actions, by .005 with 50, by nothing where raters agreed. Percentile
intervals covered the mean of such studies in 98 to 100 of 100: they are a little wide.
"""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import numpy as np

from alignment.errors import MatrixError
from alignment.matrices import FloatArray, IntArray, SimilarityMatrix
from alignment.measures.kinds import Draws, Invariance, MatrixMeasure

DEFAULT_K = 10

Score = TypeVar("Score", float, FloatArray)

# (near_a, near_b, copies (n_rows, n_actions), room (n_rows,)) -> (n_rows,): how well two
# neighbourhoods of one centre agree. A row of near_a holds the chance that one copy of
# each action is a neighbour, `copies` how many there are, `room` how many are named.
RowScores = Callable[[FloatArray, FloatArray, FloatArray, FloatArray], FloatArray]


def neighbourhood_size(n_actions: int, k: int | None = None) -> int:
    """k itself, or the default: 10, or half of the others where those are fewer.

    With k = n - 1 everybody is a neighbour and every score is 1, so k has to stay well
    below the number of other actions.

    Raises:
        MatrixError: k is not in 1 .. n_actions - 1.
    """
    if k is None:
        return max(1, min(DEFAULT_K, (n_actions - 1) // 2))
    if not 1 <= k < n_actions:
        raise MatrixError(
            f"nearest neighbours: k must lie in 1 to {n_actions - 1} for {n_actions} "
            f"actions, got {k}"
        )
    return k


def mutual_knn(a: SimilarityMatrix, b: SimilarityMatrix, k: int | None = None) -> float:
    """Mutual k-nearest-neighbour overlap, in [0, 1]; k / (n - 1) by chance.

    NaN where either matrix is constant. k: see `neighbourhood_size`.

    Raises:
        MatrixError: Different actions, pairs that were never judged, a k out of range.
    """
    a.same_actions(b)
    return float(knn_resampled(a, b, np.ones((1, len(a)), dtype=np.int64), k)[0])


def overlap(
    near_a: FloatArray, near_b: FloatArray, copies: FloatArray, room: FloatArray
) -> FloatArray:
    """(n_rows,) expected share of a row's neighbours on one side that are the other's."""
    shared: FloatArray = (copies * near_a * near_b).sum(axis=1)
    return shared / np.maximum(room, 1)


def shares_resampled(
    of_rows: RowScores,
    a: SimilarityMatrix,
    b: SimilarityMatrix,
    counts: IntArray,
    k: int | None = None,
) -> FloatArray:
    """(n_draws,) mean of `of_rows` over centres, action i drawn counts[:, i] times.

    O(draws * n_actions^2). NaN where no centre has another action beside it, or the
    matrix of a side is constant over all actions.
    """
    size = neighbourhood_size(len(a), k)
    c = counts.astype(np.float64)
    if flat(a) or flat(b):
        return np.full(len(c), np.nan)
    score = np.zeros(len(c))
    weight = np.zeros(len(c))
    for centre in range(len(a)):
        others, room = around(c, centre, size)
        near_a = membership_of_rows(a.values[centre], others, room)
        near_b = membership_of_rows(b.values[centre], others, room)
        counted = c[:, centre] * (room > 0)
        score += counted * of_rows(near_a, near_b, others, room)
        weight += counted
    made: FloatArray = np.full(len(c), np.nan)
    np.divide(score, weight, out=made, where=weight > 0)
    return made


def shares_permuted(
    of_rows: RowScores,
    a: SimilarityMatrix,
    b: SimilarityMatrix,
    orders: IntArray,
    k: int | None = None,
) -> FloatArray:
    """(n_draws,) mean of `of_rows` for `a` with b's actions put in each order."""
    size = neighbourhood_size(len(a), k)
    if flat(a) or flat(b):
        return np.full(len(orders), np.nan)
    near_a, near_b = membership(a, size), membership(b, size)
    made: FloatArray = np.zeros(len(orders))
    for centre in range(len(a)):
        moved = near_b[orders[:, centre, None], orders]
        room = np.full(len(orders), float(size))
        made += of_rows(near_a[None, centre], moved, np.ones_like(moved), room)
    return made / len(a)


knn_resampled = partial(shares_resampled, overlap)
"""`mutual_knn` on each draw; (a, b, counts (n_draws, n_actions), k) -> (n_draws,)."""

knn_permuted = partial(shares_permuted, overlap)
"""`mutual_knn` of `a` with b in each order; (a, b, orders, k) -> (n_draws,)."""


def chance_corrected(score: Score, n_actions: int, k: int) -> Score:
    """A mutual k-NN score s as (s - c) / (1 - c), where c = k / (n - 1) is chance.

    1 for the same neighbours, 0 on average for unrelated ones. NaN where k = n - 1:
    chance alone then gives 1.
    """
    by_chance = k / (n_actions - 1)
    if by_chance == 1:
        return score * np.nan
    return (score - by_chance) / (1 - by_chance)


def _corrected(
    draws: Draws, a: SimilarityMatrix, b: SimilarityMatrix, which: IntArray
) -> FloatArray:
    k = neighbourhood_size(len(a))
    return chance_corrected(draws(a, b, which), len(a), k)


def membership(matrix: SimilarityMatrix, k: int) -> FloatArray:
    """(n_actions, n_actions) chance that each column is among the row's k nearest."""
    n = len(matrix)
    others = 1.0 - np.eye(n)
    room = np.full(1, float(k))
    rows = [
        membership_of_rows(matrix.values[i], others[i : i + 1], room)[0]
        for i in range(n)
    ]
    return np.stack(rows) * others


def around(c: FloatArray, centre: int, size: int) -> tuple[FloatArray, FloatArray]:
    """Copies of each action but the centre, and how many neighbours there is room for.

    Args:
        c: (n_draws, n_actions) how often each action was drawn.
    """
    others = c.copy()
    others[:, centre] = 0.0
    return others, np.minimum(size, others.sum(axis=1))


def membership_of_rows(
    similarity: FloatArray, others: FloatArray, room: FloatArray
) -> FloatArray:
    """(n_draws, n) chance that one copy of each action is among the `room` nearest.

    Args:
        similarity: (n,) to the centre.
        others: (n_draws, n) copies of each action, 0 for the centre.
        room: (n_draws,) how many neighbours there are to name.
    """
    order = np.argsort(-similarity, kind="stable")
    ranked = similarity[order]
    starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])
    by_group = np.add.reduceat(others[:, order], starts, axis=1)
    before = np.cumsum(by_group, axis=1) - by_group
    left = np.clip(room[:, None] - before, 0.0, by_group)
    chance = np.divide(left, by_group, out=np.zeros_like(left), where=by_group > 0)
    made: FloatArray = np.empty_like(others)
    made[:, order] = np.repeat(chance, np.diff(np.r_[starts, len(ranked)]), axis=1)
    return made


def flat(matrix: SimilarityMatrix) -> bool:
    if not matrix.complete:
        raise MatrixError(
            f"nearest neighbours with {matrix.rater}: needs every pair judged, "
            f"{matrix.n_missing:,} of {matrix.n_pairs:,} are missing"
        )
    return bool(np.ptp(matrix.pairs()) == 0)


INVARIANT_TO: frozenset[Invariance] = frozenset({"monotone map", "affine map", "scale"})

ROWS = (
    MatrixMeasure(
        name="mutual_knn",
        label="mutual k-NN",
        use_when="only close neighbours should count, as for an agent that "
        "generalizes from the most similar action",
        misleads_when="compared between studies with different numbers of actions: "
        "chance is k / (n - 1)",
        reference="Huh et al. (2024), arXiv 2405.07987",
        cost="O(B n^2)",
        invariant_to=INVARIANT_TO,
        range=(0.0, 1.0),
        needs_complete=True,
        resampled=knn_resampled,
        permuted=knn_permuted,
        chance=lambda n: neighbourhood_size(n) / (n - 1),
    ),
    MatrixMeasure(
        name="mutual_knn_corrected",
        label="mutual k-NN above chance",
        use_when="only close neighbours should count, and studies with different "
        "numbers of actions are compared",
        misleads_when="raters tie: 1 is then out of reach, as ties are broken at random",
        reference="Huh et al. (2024), arXiv 2405.07987, with chance k / (n - 1) taken out",
        cost="O(B n^2)",
        invariant_to=INVARIANT_TO,
        range=(-1.0, 1.0),
        needs_complete=True,
        resampled=partial(_corrected, knn_resampled),
        permuted=partial(_corrected, knn_permuted),
    ),
)
