"""Measures on the pairs that both matrices have: correlations of all kinds.

A new one is a function in `alignment.measures.rdm` and a row here.
"""

from collections.abc import Callable
from functools import partial
from typing import Protocol

import numpy as np
from scipy.spatial.distance import squareform
from scipy.stats import rankdata

from alignment.matrices import FloatArray, IntArray, SimilarityMatrix
from alignment.measures import rdm
from alignment.measures.kinds import Invariance, MatrixMeasure

# (x (n_pairs,), y (n_draws, n_pairs)) -> (n_draws,) scores, all weights 1.
Rows = Callable[[FloatArray, FloatArray], FloatArray]


# x and y (n_pairs,) -> the measure of these pairs, for any weights.
Prepare = Callable[[FloatArray, FloatArray], rdm.Weighted]
# Entries of an array that stays in a processor's cache: draws x pairs worked on at once.
IN_CACHE = 2**14
# Draws worked on at once by measures that sort for each.
AT_ONCE = 128


class PairMeasure(Protocol):
    """A measure on pairs with weights; see `alignment.measures.rdm`."""

    def __call__(
        self, x: FloatArray, y: FloatArray, weights: FloatArray, /
    ) -> FloatArray:
        """(n_draws,) scores."""


def judged_in_both(a: SimilarityMatrix, b: SimilarityMatrix) -> IntArray:
    """(n, 2) row numbers of the pairs that both matrices have, first below second."""
    rows, columns = np.triu_indices(len(a), k=1)
    both = ~np.isnan(a.pairs()) & ~np.isnan(b.pairs())
    return np.column_stack([rows[both], columns[both]])


def _pairs_resampled(
    measure: PairMeasure,
    prepare: Prepare | None,
    rows: Rows,
    ranked: bool,
    a: SimilarityMatrix,
    b: SimilarityMatrix,
    counts: IntArray,
) -> FloatArray:
    if len(counts) == 1 and (counts == 1).all():
        return _plain(rows, ranked, a, b)
    i, j = judged_in_both(a, b).T
    if not len(i):
        return np.full(len(counts), np.nan)
    x, y = a.values[i, j], b.values[i, j]
    on_draws = prepare(x, y) if prepare else partial(measure, x, y)
    c = counts.astype(np.float64)
    at_once = max(1, IN_CACHE // len(i)) if prepare else AT_ONCE
    pieces = (c[start : start + at_once] for start in range(0, len(c), at_once))
    return np.concatenate([on_draws(_weights(piece, i, j)) for piece in pieces])


def _plain(
    rows: Rows, ranked: bool, a: SimilarityMatrix, b: SimilarityMatrix
) -> FloatArray:
    """(1,) the measure itself, on as few arrays of all pairs as will do."""
    x, y = _upper(a.values), _upper(b.values)
    both = ~(np.isnan(x) | np.isnan(y))
    if not both.all():
        x, y = x[both], y[both]
    del both
    if not len(x):
        return np.full(1, np.nan)
    if ranked:
        _rank(x)
        _rank(y)
    return rows(x, y[None])


def _upper(values: FloatArray) -> FloatArray:
    """(n_pairs,) the upper triangle, row by row, without an index of it."""
    return np.concatenate([row[i + 1 :] for i, row in enumerate(values)])


def _rank(x: FloatArray) -> None:
    """Put mid-ranks, from 1, in the place of values."""
    order = np.argsort(x)
    in_order = x[order]
    new = np.r_[True, in_order[1:] != in_order[:-1]]
    del in_order
    if new.all():
        x[order] = np.arange(1, len(x) + 1)
        return
    first = np.flatnonzero(new)
    size = np.diff(np.r_[first, len(x)])
    x[order] = np.repeat(first + (size + 1) / 2, size)


def _weights(c: FloatArray, i: IntArray, j: IntArray) -> FloatArray:
    """(n_draws, n_pairs) c_i * c_j; all products at once cost less than picking twice."""
    n = c.shape[1]
    products = (c[:, :, None] * c[:, None, :]).reshape(len(c), n * n)
    made: FloatArray = np.take(products, i * n + j, axis=1)
    return made


def _pairs_permuted(
    rows: Rows,
    ranked: bool,
    a: SimilarityMatrix,
    b: SimilarityMatrix,
    orders: IntArray,
) -> FloatArray:
    """Scores of `a` with b in each order; `rows` wants mid-ranks where `ranked`."""
    if not b.complete and a.complete:
        # Ordering b by p is ordering a by the inverse of p: then what moves has no gaps.
        a, b, orders = b, a, np.argsort(orders, axis=1)
    i, j = judged_in_both(a, a).T
    if not len(i):
        return np.full(len(orders), np.nan)
    ranks = rankdata if ranked else np.asarray
    x, values = a.values[i, j], b.values
    if a.complete and b.complete:
        # The ranks of pairs put in another order are their ranks in another order.
        values = squareform(ranks(b.pairs()))
        return rows(ranks(x), values[orders[:, i], orders[:, j]])
    y = values[orders[:, i], orders[:, j]]
    if b.complete:
        return rows(ranks(x), rankdata(y, axis=1) if ranked else y)
    # Gaps on both sides: which pairs both have depends on the order.
    made = [
        rows(ranks(x[judged]), ranks(row[judged])[None])[0] if judged.any() else np.nan
        for row, judged in zip(y, ~np.isnan(y), strict=True)
    ]
    return np.array(made)


def _row(
    name: str,
    label: str,
    weighted: PairMeasure,
    rows: Rows,
    prepare: Prepare | None = None,
    *,
    ranked: bool,
    use_when: str,
    misleads_when: str,
    reference: str,
    invariant_to: frozenset[Invariance],
    cost: str = "O(B m)",
    chance: Callable[[int], float] | None = lambda n_actions: 0.0,
) -> MatrixMeasure:
    return MatrixMeasure(
        name=name,
        label=label,
        use_when=use_when,
        misleads_when=misleads_when,
        reference=reference,
        range=(-1.0, 1.0),
        cost=cost,
        invariant_to=invariant_to,
        chance=chance,
        needs_complete=False,
        resampled=partial(_pairs_resampled, weighted, prepare, rows, ranked),
        permuted=partial(_pairs_permuted, rows, ranked),
    )


_MONOTONE: frozenset[Invariance] = frozenset({"monotone map", "affine map", "scale"})
_AFFINE: frozenset[Invariance] = frozenset({"affine map", "scale"})

ROWS: tuple[MatrixMeasure, ...] = (
    _row(
        "spearman",
        "Spearman",
        rdm.spearman,
        rdm.pearson_rows,
        rdm.spearman_of,
        ranked=True,
        use_when="only the order of pairs should count, and few of them tie",
        misleads_when="a rater uses few levels: ties raise its score above that of "
        "a rater who orders as well in finer steps",
        reference="Spearman (1904); Kriegeskorte et al. (2008)",
        invariant_to=_MONOTONE,
    ),
    _row(
        "pearson",
        "Pearson",
        rdm.pearson,
        rdm.pearson_rows,
        ranked=False,
        use_when="the spacing of similarities is comparable between raters",
        misleads_when="one rater uses the scale in a bent way, or a few pairs lie "
        "far out and decide alone",
        reference="Kriegeskorte et al. (2008)",
        invariant_to=_AFFINE,
    ),
    _row(
        "rho_a",
        "rho-a",
        rdm.rho_a,
        rdm.rho_a_rows,
        rdm.rho_a_of,
        ranked=True,
        use_when="only the order should count and raters tie",
        misleads_when="read against 1: with ties 1 is out of reach, so compare "
        "raters with each other and with the ceiling",
        reference="Schuett et al. (2023), eLife 82566",
        invariant_to=_MONOTONE,
    ),
    _row(
        "tau_a",
        "tau-a",
        rdm.tau_a,
        rdm.tau_a_rows,
        ranked=False,
        use_when="only the order should count, raters tie, and a chance reading is "
        "wanted: how much more often two pairs are ordered alike than not",
        misleads_when="read as a correlation: it is lower than Spearman for the "
        "same agreement, and with ties 1 is out of reach",
        reference="Kendall (1938); Nili et al. (2014)",
        invariant_to=_MONOTONE,
        cost="O(B m log m)",
    ),
    _row(
        "tau_b",
        "tau-b",
        rdm.tau_b,
        rdm.tau_b_rows,
        ranked=False,
        use_when="results are to be put beside others' that were given in tau-b",
        misleads_when="a rater uses few levels: what it leaves tied is taken out of the "
        "count, so its score rises above that of a rater who orders as well in finer steps",
        reference="Kendall (1945)",
        invariant_to=_MONOTONE,
        cost="O(B m log m)",
    ),
    _row(
        "cosine",
        "cosine",
        rdm.cosine,
        rdm.cosine_rows,
        ranked=False,
        use_when="a dissimilarity of 0 means the same for both raters, and the size of "
        "dissimilarities counts",
        misleads_when="read against 0: two raters who find most actions unlike score high "
        "whatever they tell apart",
        reference="Walther et al. (2016); Kriegeskorte et al. (2008)",
        invariant_to=frozenset(),
        chance=None,
    ),
)
