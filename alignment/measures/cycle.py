"""Cycle k-NN: from an action to its neighbours on one side, and back on the other.

The share of actions i that are among the k nearest on side a of one, at least, of
their own k nearest on side b (`cycle_knn` of Huh et al., 2024):

    i in union over j in N_b(i) of N_a(j).

It is not symmetric, and it saturates: k * k actions are named on the way, so unrelated
sides come near 1 as k * k nears n. The default k is therefore half of the root of n.

Where the k-th place is shared, it is the chance to come back if ties are broken at
random, independently for each action and side. The way misses i with chance
prod (1 - P(i in N_a(j))) over j in N_b(i); the mean of that product over the choices
of r among the tied is an elementary symmetric polynomial over their number.
"""

from collections.abc import Iterator

import numpy as np
from scipy.special import comb

from alignment.matrices import FloatArray, IntArray, SimilarityMatrix
from alignment.measures.kinds import MatrixMeasure
from alignment.measures.neighbours import (
    DEFAULT_K,
    INVARIANT_TO,
    around,
    flat,
    membership,
    membership_of_rows,
    neighbourhood_size,
)

# Numbers held at once, times 8 bytes: draws are taken in pieces of this size.
HELD = 2_000_000


def cycle_size(n_actions: int) -> int:
    """The default k: half of the root of the number of actions, from 1 to 10."""
    return max(1, min(DEFAULT_K, int(np.sqrt(n_actions) / 2)))


def cycle(
    near_b: FloatArray, back: FloatArray, copies: FloatArray, room: FloatArray
) -> FloatArray:
    """(n_rows,) chance that a centre is found again; 0 with nobody around it.

    Args:
        near_b: (n_rows, n_actions) chance that a copy of each is near on side b.
        back: (n_rows, n_actions) chance that each has the centre near on side a.
        copies: (n_rows, n_actions) copies of each action, 0 for the centre.
        room: (n_rows,) how many neighbours each centre has.
    """
    away = 1 - back
    sure = (near_b == 1) & (copies > 0)
    tied = (near_b > 0) & (near_b < 1) & (copies > 0)
    missed = np.where(sure, away, 1.0) ** copies
    left = np.rint(room - (copies * sure).sum(axis=1)).astype(np.int64)
    # by_choice[:, r]: sum over choices of r tied copies of the product of their `away`.
    by_choice = np.zeros((len(near_b), int(left.max(initial=0)) + 1))
    by_choice[:, 0] = 1.0
    for column in np.flatnonzero(tied.any(axis=0)):
        for copy in range(int(copies[:, column].max())):
            there = tied[:, column] & (copies[:, column] > copy)
            factor = np.where(there, away[:, column], 0.0)[:, None]
            by_choice[:, 1:] += factor * by_choice[:, :-1]
    among = (copies * tied).sum(axis=1)
    mean = by_choice[np.arange(len(left)), left] / comb(among, left)
    found: FloatArray = 1 - missed.prod(axis=1) * mean
    return found


def cycle_resampled(
    a: SimilarityMatrix, b: SimilarityMatrix, counts: IntArray, k: int | None = None
) -> FloatArray:
    """(n_draws,) cycle k-NN with action i drawn counts[:, i] times; O(draws * n^2 k).

    Each copy is a centre and a neighbour; a copy has found itself again when it is
    itself among the neighbours, not another copy of its action. NaN where a side is
    constant or no draw differs from the others.

    Raises:
        MatrixError: Pairs that were never judged, a k out of range.
    """
    n = len(a)
    size = neighbourhood_size(n, cycle_size(n) if k is None else k)
    if flat(a) or flat(b):
        return np.full(len(counts), np.nan)
    made = []
    for piece in in_pieces(counts, n):
        c = piece.astype(np.float64)
        rings = [around(c, centre, size) for centre in range(n)]
        near_a = np.stack(
            [membership_of_rows(a.values[i], *ring) for i, ring in enumerate(rings)]
        )
        score, weight = np.zeros(len(c)), np.zeros(len(c))
        for centre, (others, room) in enumerate(rings):
            near_b = membership_of_rows(b.values[centre], others, room)
            counted = c[:, centre] * (room > 0)
            score += counted * cycle(near_b, near_a[:, :, centre].T, others, room)
            weight += counted
        out = np.full(len(c), np.nan)
        made.append(np.divide(score, weight, out=out, where=weight > 0))
    return np.concatenate(made) if made else np.zeros(0)


def cycle_permuted(
    a: SimilarityMatrix, b: SimilarityMatrix, orders: IntArray, k: int | None = None
) -> FloatArray:
    """(n_draws,) cycle k-NN of `a` with b.take(order) for each row of `orders`."""
    n = len(a)
    size = neighbourhood_size(n, cycle_size(n) if k is None else k)
    if flat(a) or flat(b):
        return np.full(len(orders), np.nan)
    near_a, near_b = membership(a, size), membership(b, size)
    score: FloatArray = np.zeros(len(orders))
    room = np.full(len(orders), float(size))
    for centre in range(n):
        moved = near_b[orders[:, centre, None], orders]
        back = np.broadcast_to(near_a[:, centre], moved.shape)
        score += cycle(moved, back, np.ones_like(moved), room)
    return score / n


def in_pieces(draws: IntArray, n_actions: int) -> Iterator[IntArray]:
    """The draws, so many at once that an n by n matrix for each is no burden."""
    step = max(1, HELD // n_actions**2)
    for start in range(0, len(draws), step):
        yield draws[start : start + step]


ROWS = (
    MatrixMeasure(
        name="cycle_knn",
        label="cycle k-NN",
        use_when="it is enough that an action's neighbours for one rater lead back to "
        "it for the other",
        misleads_when="k * k is not small beside n: unrelated raters then come near 1; "
        "or both directions are taken for one, as they differ",
        reference="Huh et al. (2024), arXiv 2405.07987, code",
        cost="O(B n^2 k)",
        symmetric=False,
        invariant_to=INVARIANT_TO,
        range=(0.0, 1.0),
        needs_complete=True,
        resampled=cycle_resampled,
        permuted=cycle_permuted,
        chance=None,
    ),
)
