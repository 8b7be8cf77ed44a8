"""Linear centred kernel alignment of two representations, biased and debiased.

Kornblith et al. (2019). With X and Y centred, the score is the sum of the squared
covariances of all units of one with all of the other, over that within each:

    CKA = |X'Y|^2 / (|X'X| |Y'Y|).

The same number is the **RV coefficient** (Robert & Escoufier, 1976), and the whitened
cosine of the squared Euclidean RDMs (Diedrichsen et al., 2021): one score, three names.

That of unrelated sides is far from 0 where units are as many as actions or more: about
.9 for 8 actions and 60 units. The debiased one (Song et al., 2012; Murphy et al., 2024)
takes out the products of an action with itself. With K = XX' and L = YY', diagonals 0,

    HSIC_u(K, L) = [tr(KL) + 1'K1 1'L1 / ((n-1)(n-2)) - 2 1'KL1 / (n-2)] / (n (n-3)),

and, from the centred sides with rows x_i and y_i, n (n-3) HSIC_u is

    h(X, Y) = |X'Y|^2 - n/(n-2) sum_i |x_i|^2 |y_i|^2 + |X|^2 |Y|^2 / ((n-1)(n-2));

    CKA_u = h(X, Y) / sqrt(h(X, X) h(Y, Y)), 0 on average under shuffling (of h).

Both are had from covariances of units, p x q, or of actions, n x n, whichever are fewer;
the features are centred block by block, so that no copy of them is held.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from alignment.matrices import FloatArray
from alignment.measures.centring import ROUNDING
from alignment.measures.kinds import FeatureMeasure, Invariance

# Rows (or columns) centred at a time. Fixed, so that no score depends on it.
BLOCK = 1700

# Features of which the largest is below this, or above its inverse, are copied to be
# rescaled: their fourth powers would be lost.
SMALL = 1e-60


def linear_cka(x: FloatArray, y: FloatArray) -> float:
    """Linear CKA, or RV, in [0, 1]; NaN where a side is constant.

    x (n, p), y (n, q). O(n (p + q) min(n, p + q)); memory of the largest of n^2, or of
    p^2, p q and q^2, and of a block of rows.
    """
    made = _products(x, y)
    if not (made.xx and made.yy):
        return float("nan")
    return float(np.clip(made.xy / np.sqrt(made.xx) / np.sqrt(made.yy), 0.0, 1.0))


def linear_cka_debiased(x: FloatArray, y: FloatArray) -> float:
    """Debiased linear CKA, in [-1, 1], about 0 for unrelated sides; cost as above.

    NaN where a side is constant, or all that its pairs tell is which actions are alike
    to all others. Equals the measure `cka` of the similarity matrices XX' and YY'.
    """
    made = _products(x, y)
    xx = _without_diagonal(made.xx, made.x_rows, made.x_rows)
    yy = _without_diagonal(made.yy, made.y_rows, made.y_rows)
    if xx <= ROUNDING * made.xx or yy <= ROUNDING * made.yy:
        return float("nan")
    xy = _without_diagonal(made.xy, made.x_rows, made.y_rows)
    return float(np.clip(xy / np.sqrt(xx) / np.sqrt(yy), -1.0, 1.0))


def linear_cka_angle(x: FloatArray, y: FloatArray) -> float:
    """arccos of linear CKA, in [0, pi/2]: a metric (Williams et al., 2021)."""
    return float(np.arccos(linear_cka(x, y)))


class _Products(NamedTuple):
    """What linear CKA is made of.

    xy, xx, yy: sums of squared covariances between and within the sides.
    x_rows, y_rows: (n,) squared lengths of the centred rows.
    """

    xy: float
    xx: float
    yy: float
    x_rows: FloatArray
    y_rows: FloatArray


class _Side(NamedTuple):
    """How to centre any block of a side."""

    table: FloatArray
    mean: FloatArray

    def rows(self) -> Iterator[FloatArray]:
        """Blocks of centred rows."""
        for start in range(0, len(self.table), BLOCK):
            yield self.table[start : start + BLOCK] - self.mean

    def columns(self) -> Iterator[FloatArray]:
        """Blocks of centred columns."""
        for start in range(0, len(self.mean), BLOCK):
            some = slice(start, start + BLOCK)
            yield self.table[:, some] - self.mean[some]


def _side(x: FloatArray) -> _Side:
    low, high = x.min(axis=0), x.max(axis=0)
    peak = max(float(high.max()), -float(low.min())) or 1.0
    if not SMALL < peak < 1 / SMALL:
        x, low, high = x / peak, low / peak, high / peak
    # Rounded, the mean of a constant is not the constant; clipped, it is.
    mean: FloatArray = np.clip(np.full(len(x), 1 / len(x)) @ x, low, high)
    return _Side(x, mean)


def _products(x: FloatArray, y: FloatArray) -> _Products:
    a, b = _side(x), _side(y)
    if len(x) < x.shape[1] + y.shape[1]:
        k, l_ = _between_actions(a), _between_actions(b)
        return _Products(
            xy=float(np.vdot(k, l_)),
            xx=float(np.vdot(k, k)),
            yy=float(np.vdot(l_, l_)),
            x_rows=k.diagonal().copy(),
            y_rows=l_.diagonal().copy(),
        )
    p, q = x.shape[1], y.shape[1]
    shapes = ((p, q), (p, p), (q, q))
    xy, xx, yy = (np.zeros(shape) for shape in shapes)
    parts = [np.empty(shape) for shape in shapes]  # fresh ones each time cost a tenth
    x_rows, y_rows = [], []
    for left, right in zip(a.rows(), b.rows(), strict=True):
        np.add(xy, np.matmul(left.T, right, out=parts[0]), out=xy)
        # numpy knows a matrix times itself: half the time.
        np.add(xx, np.matmul(left.T, left, out=parts[1]), out=xx)
        np.add(yy, np.matmul(right.T, right, out=parts[2]), out=yy)
        x_rows.append(np.einsum("ij,ij->i", left, left))
        y_rows.append(np.einsum("ij,ij->i", right, right))
    return _Products(
        xy=float(np.vdot(xy, xy)),
        xx=float(np.vdot(xx, xx)),
        yy=float(np.vdot(yy, yy)),
        x_rows=np.concatenate(x_rows),
        y_rows=np.concatenate(y_rows),
    )


def _between_actions(side: _Side) -> FloatArray:
    """(n, n) XX' of a centred side."""
    product: FloatArray = np.zeros((len(side.table), len(side.table)))
    for block in side.columns():
        product += block @ block.T
    return product


def _without_diagonal(product: float, x_rows: FloatArray, y_rows: FloatArray) -> float:
    """h(X, Y) from |X'Y|^2 and the squared lengths of the rows."""
    n = len(x_rows)
    return float(
        product
        - n / (n - 2) * (x_rows @ y_rows)
        + x_rows.sum() * y_rows.sum() / ((n - 1) * (n - 2))
    )


_LIKE_DISTANCES: frozenset[Invariance] = frozenset(
    {"orthogonal map", "translation", "scale", "order of units"}
)
_COST = "O(n (p+q) min(n, p+q))"

ROWS = (
    FeatureMeasure(
        name="cka_linear",
        label="linear CKA",
        use_when="actions are many times the units, and figures are to stand beside "
        "published ones, most of which are this",
        misleads_when="units are as many as actions or more: unrelated sides then score "
        "near 1",
        reference="Kornblith et al. (2019)",
        range=(0.0, 1.0),
        cost=_COST,
        invariant_to=_LIKE_DISTANCES,
        of_features=linear_cka,
    ),
    FeatureMeasure(
        name="cka_linear_debiased",
        label="debiased linear CKA",
        use_when="embeddings with more units than there are actions are compared",
        misleads_when="a few directions hold most of the variance: they alone decide",
        reference="Song et al. (2012); Murphy et al. (2024)",
        range=(-1.0, 1.0),
        cost=_COST,
        invariant_to=_LIKE_DISTANCES,
        of_features=linear_cka_debiased,
        least_actions=4,
        chance=lambda n, p, q: 0.0,
    ),
    FeatureMeasure(
        name="cka_linear_angle",
        label="angle of linear CKA",
        use_when="models are to be clustered or mapped by how far apart they are: it "
        "keeps the triangle inequality",
        misleads_when="units are as many as actions or more, as for linear CKA",
        reference="Williams et al. (2021)",
        range=(0.0, np.pi / 2),
        cost=_COST,
        is_distance=True,
        invariant_to=_LIKE_DISTANCES,
        of_features=linear_cka_angle,
    ),
    FeatureMeasure(
        name="rv",
        label="RV coefficient",
        use_when="a paper reports it: RV is linear CKA under its older name, the same "
        "number to the last digit",
        misleads_when="shown beside linear CKA as if it were a second opinion",
        reference="Robert & Escoufier (1976)",
        range=(0.0, 1.0),
        cost=_COST,
        invariant_to=_LIKE_DISTANCES,
        of_features=linear_cka,
    ),
)
