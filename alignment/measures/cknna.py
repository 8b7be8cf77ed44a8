"""CKNNA: kernel alignment among shared nearest neighbours (Huh et al., 2024).

With a(i, j) = 1 where j is among the k nearest of i on both sides, i != j, and * entry
by entry,

    CKNNA = H(a * K, a * L) / sqrt(H(a_K * K, a_K * K) H(a_L * L, a_L * L)),
    H(P, Q) = tr(PQ) + 1'P1 1'Q1 / ((n-1)(n-2)) - 2 1'PQ1 / (n-2),

H is the unbiased HSIC of Song et al. (2012) without its factor; the two terms below
the line use one side's own neighbours. With k = n - 1 this is debiased CKA.

A neighbour need not be one in return, so masked matrices are not symmetric: 1'PQ1 then
depends on the order of the sides, the score need not stay below 1, and a side whose
neighbours are hardly ever mutual can have H < 0, which leaves no score (NaN).

Where the k-th place is shared, a(i, j) is the chance that j is a neighbour on both
sides when ties are broken at random and independently, also below the line, so that a
side agrees with itself to 1. On a bootstrap draw copies count as actions of their own
and are never neighbours of copies of themselves: the formula on the matrix of draws.
"""

import math

import numpy as np

from alignment.errors import MatrixError
from alignment.matrices import FloatArray, IntArray, SimilarityMatrix
from alignment.measures.cka import ROUNDING
from alignment.measures.cycle import in_pieces
from alignment.measures.kinds import MatrixMeasure
from alignment.measures.neighbours import (
    around,
    flat,
    membership,
    membership_of_rows,
    neighbourhood_size,
)


def cknna_size(n_actions: int, k: int | None = None) -> int:
    """k itself, or the default of `neighbourhood_size`, but 2 at least.

    Raises:
        MatrixError: Fewer than 4 actions, or k is not in 2 .. n_actions - 1.
    """
    if n_actions < 4:
        raise MatrixError(f"CKNNA: needs at least 4 actions, got {n_actions}")
    if k is None:
        return max(2, neighbourhood_size(n_actions))
    if not 2 <= k < n_actions:
        raise MatrixError(
            f"CKNNA: k must lie in 2 to {n_actions - 1} for {n_actions} actions, got {k}"
        )
    return k


def cknna(a: SimilarityMatrix, b: SimilarityMatrix, k: int | None = None) -> float:
    """CKNNA of two similarity matrices, taken as kernels; see the module.

    Raises:
        MatrixError: Different actions, pairs that were never judged, a k out of range.
    """
    a.same_actions(b)
    return float(cknna_resampled(a, b, np.ones((1, len(a)), dtype=np.int64), k)[0])


def cknna_resampled(
    a: SimilarityMatrix, b: SimilarityMatrix, counts: IntArray, k: int | None = None
) -> FloatArray:
    """(n_draws,) CKNNA with action i drawn counts[:, i] times; O(draws * n^2).

    NaN where a side is constant or its own term is not above 0, or fewer than 4
    different actions were drawn.
    """
    n = len(a)
    size = cknna_size(n, k)
    if flat(a) or flat(b):
        return np.full(len(counts), np.nan)
    made = []
    for piece in in_pieces(counts, n):
        c = piece.astype(np.float64)
        near_a, near_b = _near(a, c, size), _near(b, c, size)
        kl, _ = _term(near_a * near_b * a.values, near_a * near_b * b.values, c)
        kk, kk_size = _term(near_a**2 * a.values, near_a**2 * a.values, c)
        ll, ll_size = _term(near_b**2 * b.values, near_b**2 * b.values, c)
        defined = (kk > ROUNDING * kk_size) & (ll > ROUNDING * ll_size)
        defined &= (piece > 0).sum(axis=1) >= 4
        out = np.full(len(c), np.nan)
        made.append(np.divide(kl, np.sqrt(np.abs(kk * ll)), out=out, where=defined))
    return np.concatenate(made) if made else np.zeros(0)


def cknna_permuted(
    a: SimilarityMatrix, b: SimilarityMatrix, orders: IntArray, k: int | None = None
) -> FloatArray:
    """(n_draws,) CKNNA of `a` with b.take(order) for each row of `orders`."""
    size = cknna_size(len(a), k)
    if flat(a) or flat(b):
        return np.full(len(orders), np.nan)
    near_a, near_b = membership(a, size), membership(b, size)
    one = np.ones((1, len(a)))
    own = []
    for near, matrix in ((near_a, a), (near_b, b)):
        masked = (near**2 * matrix.values)[None]
        (term,), (scale,) = _term(masked, masked, one)
        own.append(term if term > ROUNDING * scale else np.nan)
    made = []
    for piece in in_pieces(orders, len(a)):
        at = piece[:, :, None], piece[:, None, :]
        both = near_a * near_b[at]
        made.append(_term(both * a.values, both * b.values[at], one)[0])
    scores: FloatArray = np.concatenate(made) if made else np.zeros(0)
    scores /= np.sqrt(own[0] * own[1])
    return scores


def _near(matrix: SimilarityMatrix, c: FloatArray, size: int) -> FloatArray:
    """(n_draws, n, n) chance that a copy of each column is near the row; diagonal 0."""
    made = np.empty((len(c), len(matrix), len(matrix)))
    for centre in range(len(matrix)):
        others, room = around(c, centre, size)
        made[:, centre] = membership_of_rows(matrix.values[centre], others, room)
        made[:, centre, centre] = 0.0
    return made


def _term(p: FloatArray, q: FloatArray, c: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(n_draws,) H(P, Q) with row and column i standing c[:, i] times, and sum |PQ|.

    Args:
        p, q: (n_draws, n, n) with a diagonal of 0; not symmetric.
        c: (n_draws, n), or (1, n) for all draws.
    """
    n = c.sum(axis=1)
    c = np.broadcast_to(c, p.shape[:2])
    rows_p, rows_q = _weighed(p, c), _weighed(q, c)
    columns_p = _weighed(p.transpose(0, 2, 1), c)
    trace = (c * _weighed(p * q.transpose(0, 2, 1), c)).sum(axis=1)
    size = (c * _weighed(np.abs(p * q), c)).sum(axis=1)
    total = (c * rows_p).sum(axis=1) * (c * rows_q).sum(axis=1)
    through = (c * columns_p * rows_q).sum(axis=1)
    return trace + total / ((n - 1) * (n - 2)) - 2 * through / (n - 2), size


def _weighed(matrices: FloatArray, c: FloatArray) -> FloatArray:
    """(n_draws, n) each row's sum, its columns standing c times."""
    made: FloatArray = np.matmul(matrices, c[:, :, None])[:, :, 0]
    return made


ROWS = (
    MatrixMeasure(
        name="cknna",
        label="CKNNA",
        use_when="among close neighbours the size of similarities should count, not "
        "only who they are",
        misleads_when="read against 0 or 1: unrelated raters who share neighbours by "
        "chance score above 0, and 1 is no bound",
        reference="Huh et al. (2024), arXiv 2405.07987; Song et al. (2012)",
        cost="O(B n^2)",
        symmetric=False,
        invariant_to=frozenset({"scale"}),
        range=(-math.inf, math.inf),
        needs_complete=True,
        resampled=cknna_resampled,
        permuted=cknna_permuted,
        chance=None,
    ),
)
