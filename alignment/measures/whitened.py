"""Whitened cosine and correlation, and Bures similarity, of two dissimilarity matrices.

Dissimilarities d = 1 - s that share an action share its noise. With independent, equal
noise on the actions' representations, squared distances have the covariance V = Xi o Xi,
Xi = C C' for the contrasts C of all pairs (Diedrichsen et al., 2021), and the whitened
cosine is d1' V^-1 d2 / sqrt(d1' V^-1 d1 . d2' V^-1 d2). No m x m matrix is needed: up to
a factor, d1' V^-1 d2 is the product of the double-centred matrices,

    <H D1 H, H D2 H> = tr(D1 D2) - 2/n (D1 1)'(D2 1) + (1'D1 1)(1'D2 1) / n^2,

so that the whitened cosine is linear CKA of the similarities, taken as kernels with
ones on the diagonal. The whitened correlation takes the mean of d from it first.

A bootstrap draw holds some actions more than once, and the pairs of their copies were
judged by nobody. Whitening the pairs that are left is, by the partitioned inverse, the
same as giving those pairs the values that make <H D H, H D H> least. All copies of one
action stand alike, so it is one value f_i for each action drawn c_i > 1 times, and the
equations of the least value,

    f_i (1 - 2 (c_i - 1) / N) = 2 r_i / N - T / N^2,

with r_i the row sum without them and T the sum over everything, hang together by T
alone: they are solved in closed form, for all draws at once.

Bures similarity (the fidelity of two covariances) compares the double-centred kernels
-HDH/2 as shapes of spread: tr (A^1/2 B A^1/2)^1/2 / sqrt(tr A tr B), in [0, 1]. Judged
similarities need not be a kernel; what is negative in the spectrum is set to 0.
"""

import numpy as np

from alignment.errors import MatrixError
from alignment.matrices import FloatArray, IntArray, SimilarityMatrix
from alignment.measures.kinds import MatrixMeasure

# An eigenvalue below this share of the largest is rounding, not structure.
ROUNDING = 1e-12


def whitened_cosine_resampled(
    a: SimilarityMatrix, b: SimilarityMatrix, counts: IntArray
) -> FloatArray:
    """(n_draws,) whitened cosine, action i drawn counts[:, i] times; O(draws * n^2).

    In [-1, 1]. NaN where a side is constant over the pairs drawn, or fewer than 3
    different actions were.

    Raises:
        MatrixError: Fewer than 3 actions, or pairs that were never judged.
    """
    return _resampled(_dissimilarities(a), _dissimilarities(b), counts, centred=False)


def whitened_correlation_resampled(
    a: SimilarityMatrix, b: SimilarityMatrix, counts: IntArray
) -> FloatArray:
    """As `whitened_cosine_resampled`, the mean taken from each draw's pairs first."""
    return _resampled(_dissimilarities(a), _dissimilarities(b), counts, centred=True)


def whitened_cosine_permuted(
    a: SimilarityMatrix, b: SimilarityMatrix, orders: IntArray
) -> FloatArray:
    """(n_draws,) whitened cosine of `a` with b.take(order) for each row of `orders`."""
    return _permuted(_dissimilarities(a), _dissimilarities(b), orders, centred=False)


def whitened_correlation_permuted(
    a: SimilarityMatrix, b: SimilarityMatrix, orders: IntArray
) -> FloatArray:
    """As `whitened_cosine_permuted`, the mean taken from the pairs first."""
    return _permuted(_dissimilarities(a), _dissimilarities(b), orders, centred=True)


def bures_resampled(
    a: SimilarityMatrix, b: SimilarityMatrix, counts: IntArray
) -> FloatArray:
    """(n_draws,) Bures similarity, action i drawn counts[:, i] times; O(draws * n^3).

    Copies of an action have the dissimilarity that the whitened cosine gives them: the
    least informative one. NaN as there.

    Raises:
        MatrixError: Fewer than 3 actions, or pairs that were never judged.
    """
    d, e = _dissimilarities(a), _dissimilarities(b)
    c = counts.astype(np.float64)
    fill_d, fill_e = _filled(d, c), _filled(e, c)
    defined = _varied(d, c) & _varied(e, c)
    made: FloatArray = np.full(len(c), np.nan)
    for draw in np.flatnonzero(defined):
        one = _spread(d, c[draw], fill_d[draw])
        other = _spread(e, c[draw], fill_e[draw])
        made[draw] = _fidelity(one, other)
    return made


def bures_permuted(
    a: SimilarityMatrix, b: SimilarityMatrix, orders: IntArray
) -> FloatArray:
    """(n_draws,) Bures similarity of `a` with b.take(order) for each of `orders`."""
    d, e = _dissimilarities(a), _dissimilarities(b)
    ones = np.ones(len(d))
    if not (_varied(d, ones[None])[0] and _varied(e, ones[None])[0]):
        return np.full(len(orders), np.nan)
    one, other = _spread(d, ones, ones * 0), _spread(e, ones, ones * 0)
    return np.array(
        [_fidelity(one, (other[0][np.ix_(order, order)], other[1])) for order in orders]
    )


def _dissimilarities(matrix: SimilarityMatrix) -> FloatArray:
    if len(matrix) < 3:
        raise MatrixError(f"whitened: needs at least 3 actions, got {len(matrix)}")
    if not matrix.complete:
        raise MatrixError(
            f"whitened with {matrix.rater}: needs every pair judged, "
            f"{matrix.n_missing:,} of {matrix.n_pairs:,} are missing"
        )
    d: FloatArray = 1.0 - matrix.values
    np.fill_diagonal(d, 0.0)
    return d


def _resampled(
    d: FloatArray, e: FloatArray, counts: IntArray, *, centred: bool
) -> FloatArray:
    c = counts.astype(np.float64)
    mean_d, mean_e = (
        _means(each, c) if centred else np.zeros(len(c)) for each in (d, e)
    )
    de = _product(d, e, c, mean_d, mean_e)
    dd = _product(d, d, c, mean_d, mean_d)
    ee = _product(e, e, c, mean_e, mean_e)
    defined = _varied(d, c) & _varied(e, c)
    made: FloatArray = np.full(len(c), np.nan)
    with np.errstate(invalid="ignore"):
        np.divide(de, np.sqrt(dd * ee), out=made, where=defined & (dd * ee > 0))
    return np.clip(made, -1.0, 1.0)


def _permuted(
    d: FloatArray, e: FloatArray, orders: IntArray, *, centred: bool
) -> FloatArray:
    one = np.ones((1, len(d)))
    if not (_varied(d, one)[0] and _varied(e, one)[0]):
        return np.full(len(orders), np.nan)
    sides = []
    for each in (d, e):
        mean = _means(each, one)[0] if centred else 0.0
        moved = each - mean * (1 - np.eye(len(each)))
        doubly = moved - moved.mean(axis=0) - moved.mean(axis=1)[:, None] + moved.mean()
        sides.append(doubly / np.linalg.norm(doubly))
    i, j = np.triu_indices(len(d), k=1)
    pairs = sides[1][orders[:, i], orders[:, j]] @ sides[0][i, j]
    diagonal = np.diag(sides[1])[orders] @ np.diag(sides[0])
    return np.asarray(np.clip(2 * pairs + diagonal, -1.0, 1.0))


def _means(d: FloatArray, c: FloatArray) -> FloatArray:
    """(n_draws,) weighted mean of d over the pairs drawn, copies' own pairs left out."""
    n = c.sum(axis=1)
    total = n**2 - (c**2).sum(axis=1)
    made: FloatArray = np.zeros(len(c))
    np.divide(((c @ d) * c).sum(axis=1), total, out=made, where=total > 0)
    return made


def _filled(d: FloatArray, c: FloatArray, mean: FloatArray | float = 0.0) -> FloatArray:
    """(n_draws, n) what copies of an action are given between them; see the module.

    0 where an action was not drawn twice. mean: (n_draws,) taken from each d first.
    """
    n = c.sum(axis=1, keepdims=True)
    rows = c @ d - np.reshape(mean, (-1, 1)) * (n - c)
    within = c * (c - 1)
    slope = 1 - 2 * (c - 1) / n
    open_ = (within > 0) & (np.abs(slope) > 1e-9)
    slope = np.where(open_, slope, 1.0)
    within = np.where(open_, within, 0.0)
    total = (c * rows).sum(axis=1, keepdims=True)
    total = (total + (within * 2 * rows / (n * slope)).sum(axis=1, keepdims=True)) / (
        1 + (within / (n**2 * slope)).sum(axis=1, keepdims=True)
    )
    made: FloatArray = np.where(open_, (2 * rows / n - total / n**2) / slope, 0.0)
    return made


def _product(
    d: FloatArray,
    e: FloatArray,
    c: FloatArray,
    mean_d: FloatArray,
    mean_e: FloatArray,
) -> FloatArray:
    """(n_draws,) <H D H, H E H> over all draws' copies, d and e less their means."""
    n = c.sum(axis=1)
    f, g = _filled(d, c, mean_d), _filled(e, c, mean_e)
    others = n[:, None] - c  # of how many other draws a copy has pairs
    rows_d = c @ d - mean_d[:, None] * others + (c - 1) * f
    rows_e = c @ e - mean_e[:, None] * others + (c - 1) * g
    sums_d, sums_e = c @ d, c @ e
    across = (c * (c @ (d * e))).sum(axis=1)
    across -= mean_d * (c * sums_e).sum(axis=1) + mean_e * (c * sums_d).sum(axis=1)
    across += mean_d * mean_e * (c * others).sum(axis=1)
    across += (c * (c - 1) * f * g).sum(axis=1)
    made: FloatArray = (
        across
        - 2 / n * (c * rows_d * rows_e).sum(axis=1)
        + (c * rows_d).sum(axis=1) * (c * rows_e).sum(axis=1) / n**2
    )
    return made


def _varied(d: FloatArray, c: FloatArray) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """(n_draws,) whether d has two values among pairs drawn, of 3 different actions."""
    i, j = np.triu_indices(len(d), k=1)
    drawn = (c[:, i] > 0) & (c[:, j] > 0)
    pairs = d[i, j]
    low = np.where(drawn, pairs, np.inf).min(axis=1)
    high = np.where(drawn, pairs, -np.inf).max(axis=1)
    made: np.ndarray[tuple[int], np.dtype[np.bool_]] = (high > low) & (
        (c > 0).sum(axis=1) >= 3
    )
    return made


def _spread(
    d: FloatArray, c: FloatArray, fill: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """The kernel -HDH/2 of a draw's copies, in two parts that do not meet.

    Returns: (n, n) its part on sums over copies, an action's weight sqrt(c_i) on either
        side; (n,) the sum of its eigenvalues, f_i / 2 each, on the c_i - 1 contrasts
        between the copies of an action.
    """
    root = np.sqrt(c)
    expanded = root[:, None] * d * root
    np.fill_diagonal(expanded, np.maximum(c - 1, 0) * fill)
    unit = root / np.linalg.norm(root)
    once = expanded - unit[:, None] * (unit @ expanded)
    return -(once - (once @ unit)[:, None] * unit) / 2, np.maximum(
        c - 1, 0
    ) * np.maximum(fill, 0) / 2


def _fidelity(
    one: tuple[FloatArray, FloatArray], other: tuple[FloatArray, FloatArray]
) -> float:
    roots, sizes = [], []
    for kernel, apart in (one, other):
        values, vectors = np.linalg.eigh(kernel)
        # Also what is 0 but for rounding: its root would not be small.
        values = np.where(values > ROUNDING * values[-1], values, 0.0)
        roots.append((vectors * np.sqrt(values)) @ vectors.T)
        sizes.append(values.sum() + apart.sum())
    # tr (A^1/2 B A^1/2)^1/2 is the sum of the singular values of A^1/2 B^1/2.
    shared = np.linalg.svd(roots[0] @ roots[1], compute_uv=False).sum()
    shared += np.sqrt(one[1] * other[1]).sum()
    size = np.sqrt(sizes[0] * sizes[1])
    return float(min(1.0, shared / size)) if size > 0 else float("nan")


ROWS = (
    MatrixMeasure(
        name="whitened_cosine",
        label="whitened cosine",
        use_when="dissimilarities have a true zero and their noise is shared between "
        "pairs with an action in common; the same number as linear CKA of the matrices",
        misleads_when="read against 0: matrices of unlike actions, all far apart, score "
        "high whatever their structure",
        reference="Diedrichsen et al. (2021); Schuett et al. (2023), eLife 82566",
        range=(-1.0, 1.0),
        cost="O(B n^2)",
        invariant_to=frozenset(),
        chance=None,
        needs_complete=True,
        resampled=whitened_cosine_resampled,
        permuted=whitened_cosine_permuted,
    ),
    MatrixMeasure(
        name="whitened_correlation",
        label="whitened correlation",
        use_when="the zero of a rater's scale means nothing, and noise is shared between "
        "pairs with an action in common",
        misleads_when="the spacing of similarities is not comparable between raters, or "
        "their noise is not spread over actions as the whitening takes it to be",
        reference="Diedrichsen et al. (2021); Schuett et al. (2023), eLife 82566",
        range=(-1.0, 1.0),
        cost="O(B n^2)",
        invariant_to=frozenset({"affine map", "scale"}),
        needs_complete=True,
        resampled=whitened_correlation_resampled,
        permuted=whitened_correlation_permuted,
    ),
    MatrixMeasure(
        name="bures",
        label="Bures",
        use_when="both matrices are kernels, and how their spread is shaped matters, "
        "small directions included",
        misleads_when="judged matrices are far from being kernels: what is negative in "
        "their spectrum is set to 0; fewer actions score higher, so that a bootstrap gives "
        "no interval (it covered 40 of 60 simulated studies)",
        reference="Bures (1969); Harvey et al. (2024), arXiv 2310.05742",
        range=(0.0, 1.0),
        cost="O(B n^3)",
        invariant_to=frozenset(),
        chance=None,
        needs_complete=True,
        has_interval=False,
        resampled=bures_resampled,
        permuted=bures_permuted,
    ),
)
