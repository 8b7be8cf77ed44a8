"""Alignment beyond what a third thing explains: the partial Mantel test.

Two raters may agree only because both follow something plain, such as how long the
texts are. A partial correlation takes that out of both sides first: the least-squares
fit of each side's pairs on the controls' pairs (and a constant), of mid-ranks for
Spearman. What is left is correlated.

For p, the rest of one side is put in other orders of the actions and its partial
correlation taken anew (Legendre, 2000, the permutation of residuals of the reduced
model). Mixing up the raw side instead would also undo its link to the controls, and so
test against a null in which the controls explain nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import rankdata

from alignment.errors import MatrixError
from alignment.matrices import FloatArray, SimilarityMatrix
from alignment.measures.on_pairs import judged_in_both
from alignment.uncertainty import SAME, draw_orders

PartialMeasure = Literal["spearman", "pearson"]
# A rest below this share of a side's own spread is rounding: the controls explain it all.
ROUNDING = 1e-10


@dataclass(frozen=True)
class PartialMantel:
    """A partial correlation and its one-sided permutation p.

    value: In [-1, 1]; NaN where either side is constant or wholly explained by the
        controls. p: In (0, 1]; NaN where the value is.
    plain: The correlation without controls, for comparison.
    n_pairs: Pairs judged on both sides.
    n_permutations: Orders tried; all there are up to 7 actions.
    """

    value: float
    p: float
    plain: float
    n_pairs: int
    n_permutations: int


def partial_mantel(
    a: SimilarityMatrix,
    b: SimilarityMatrix,
    controls: Sequence[SimilarityMatrix],
    *,
    measure: PartialMeasure = "spearman",
    n_permutations: int = 1000,
    seed: int,
) -> PartialMantel:
    """Partial correlation of `a` and `b` given the controls, with a permutation p.

    Taken over the pairs judged on both sides; up to 7 actions over all orders. An
    order that leaves it undefined counts as at least the observed value, against the
    claim. A control that is constant, or a sum of others, changes nothing.

    Args:
        controls: At least one matrix with every pair, such as the likeness of text
            lengths.
        measure: "pearson", or "spearman" for mid-ranks of both sides and the controls.
            Other measures are no least-squares fit, and have no partial form here.

    Raises:
        MatrixError: No control, one with gaps, different actions, an unknown measure,
            or fewer common pairs than the fit needs.
    """
    if measure not in ("spearman", "pearson"):
        raise MatrixError(
            f"partial Mantel: the measure must be spearman or pearson, got {measure}"
        )
    if not controls:
        raise MatrixError("partial Mantel: needs at least one matrix to control for")
    for other in (b, *controls):
        a.same_actions(other)
    for control in controls:
        if not control.complete:
            raise MatrixError(
                f"partial Mantel: a control must have every pair, {control.rater} "
                f"lacks {control.n_missing:,} of {control.n_pairs:,}"
            )
    i, j = judged_in_both(a, b).T
    if len(i) < len(controls) + 3:
        raise MatrixError(
            f"partial Mantel: needs at least {len(controls) + 3} pairs judged by both "
            f"for {len(controls)} control(s), got {len(i)}"
        )
    ranks = rankdata if measure == "spearman" else np.asarray
    x, y = (np.asarray(ranks(m.values[i, j]), dtype=np.float64) for m in (a, b))
    rows = [np.asarray(ranks(m.values[i, j]), dtype=np.float64) for m in controls]
    known = np.column_stack([np.ones(len(i)), *rows])
    plain = _correlation(x - x.mean(), y - y.mean())
    basis = _basis(known)
    rest_x, rest_y = _rest(x, basis), _rest(y, basis)
    value = _correlation(rest_x, rest_y)
    orders = draw_orders(len(a), n_permutations, seed)
    found = PartialMantel(value, np.nan, plain, len(i), len(orders.rows))
    if np.isnan(value):
        return found
    rest_b: FloatArray = np.full((len(a), len(a)), np.nan)
    rest_b[i, j] = rest_b[j, i] = rest_y
    as_large = 0
    for chunk in orders.chunks():
        moved = rest_b[chunk[:, i], chunk[:, j]]
        if len(i) == a.n_pairs:
            scores = _of_rows(rest_x, moved, basis)
        else:
            scores = np.array([_on_common(rest_x, row, known) for row in moved])
        as_large += int((~(scores < value - SAME)).sum())
    return PartialMantel(value, orders.p(as_large), plain, len(i), len(orders.rows))


def _basis(known: FloatArray) -> FloatArray:
    """(n_pairs, n_kept) orthonormal columns that span those of `known`."""
    size = np.linalg.norm(known, axis=0)
    columns, spread, _ = np.linalg.svd(
        known / np.where(size > 0, size, 1.0), full_matrices=False
    )
    kept: FloatArray = columns[:, spread > ROUNDING * spread[0]]
    return kept


def _rest(x: FloatArray, basis: FloatArray) -> FloatArray:
    """What the least-squares fit on the basis leaves of x; exactly 0 where nothing."""
    rest: FloatArray = x - basis @ (basis.T @ x)
    if np.linalg.norm(rest) <= ROUNDING * np.linalg.norm(x):
        return np.zeros_like(x)
    return rest


def _correlation(x: FloatArray, y: FloatArray) -> float:
    """Cosine of two rests; NaN where either is nothing."""
    size = float(np.linalg.norm(x) * np.linalg.norm(y))
    return float(np.clip(x @ y / size, -1.0, 1.0)) if size > 0 else float("nan")


def _of_rows(rest_x: FloatArray, moved: FloatArray, basis: FloatArray) -> FloatArray:
    """(n_orders,) partial correlation of a rest with each row, fitted anew.

    rest_x is orthogonal to the basis, so only the rows' sizes change by the fit.
    """
    size = (moved**2).sum(axis=1)
    left = size - ((moved @ basis) ** 2).sum(axis=1)
    made: FloatArray = np.full(len(moved), np.nan)
    below = np.linalg.norm(rest_x) * np.sqrt(np.maximum(left, 0.0))
    np.divide(moved @ rest_x, below, out=made, where=left > ROUNDING * size)
    return made


def _on_common(rest_x: FloatArray, row: FloatArray, known: FloatArray) -> float:
    """The same for one row with gaps: both sides fitted anew on the pairs it has."""
    judged = ~np.isnan(row)
    if judged.sum() < known.shape[1] + 2:
        return float("nan")
    basis = _basis(known[judged])
    return _correlation(_rest(rest_x[judged], basis), _rest(row[judged], basis))
