"""Debiased centred kernel alignment of two similarity matrices, taken as kernels.

Kornblith et al. (2019), with the unbiased HSIC of Song et al. (2012): the diagonals
are set to 0 and, with m = n - 1 and so on as printed there,

    HSIC_u(K, L) = [tr(KL) + 1'K1 1'L1 / ((n-1)(n-2)) - 2 1'KL1 / (n-2)] / (n (n-3))
    CKA_u(K, L) = HSIC_u(K, L) / sqrt(HSIC_u(K, K) HSIC_u(L, L)).

HSIC_u is, but for a factor, the product of the *U-centred* matrices (Szekely & Rizzo,
2014), and U-centring takes from each pair the least-squares effects of its two actions:
K_ij - a_i - a_j over i != j. So CKA_u is the cosine, over pairs, of what is left of two
matrices once each action's own level is taken out. That is how it is computed here.

On a bootstrap draw each pair weighs c_i * c_j, and the effects are the weighted
least-squares ones. This equals rebuilding the matrix of the n draws, leaving out pairs
of two copies of one action (their similarity of 1 is no information), fitting one
effect per draw by least squares on the pairs that remain, and taking the cosine of the
residuals. With every count 1 it is CKA_u itself, and it always lies in [-1, 1].
"""

import numpy as np

from alignment.errors import MatrixError
from alignment.matrices import FloatArray, IntArray, SimilarityMatrix
from alignment.measures.kinds import MatrixMeasure

# A norm of residuals below this share of the matrix's own is rounding, not structure.
ROUNDING = 1e-10


def cka_resampled(
    a: SimilarityMatrix, b: SimilarityMatrix, counts: IntArray
) -> FloatArray:
    """(n_draws,) debiased CKA with action i drawn counts[:, i] times; O(draws * n^2).

    NaN where a side has nothing but the levels of its actions (a constant matrix), or
    fewer than 4 different actions were drawn.

    Raises:
        MatrixError: Fewer than 4 actions, or pairs that were never judged.
    """
    if len(a) < 4:
        raise MatrixError(f"debiased CKA: needs at least 4 actions, got {len(a)}")
    k, l_ = _off_diagonal(a), _off_diagonal(b)
    c = counts.astype(np.float64)
    effects_k, effects_l = _effects(k, c), _effects(l_, c)
    kl = _product(k, l_, effects_k, c)
    kk, kk_total = _product(k, k, effects_k, c), _raw(k, k, c)
    ll, ll_total = _product(l_, l_, effects_l, c), _raw(l_, l_, c)
    defined = (
        (kk > ROUNDING * kk_total)
        & (ll > ROUNDING * ll_total)
        & ((counts > 0).sum(axis=1) >= 4)
    )
    made: FloatArray = np.full(len(c), np.nan)
    np.divide(kl, np.sqrt(np.abs(kk * ll)), out=made, where=defined)
    return np.clip(made, -1.0, 1.0)


def cka_permuted(
    a: SimilarityMatrix, b: SimilarityMatrix, orders: IntArray
) -> FloatArray:
    """(n_draws,) debiased CKA of `a` with b.take(order) for each row of `orders`."""
    one = np.ones((1, len(a)), dtype=np.int64)
    observed = float(cka_resampled(a, b, one)[0])
    if np.isnan(observed):
        return np.full(len(orders), np.nan)
    k, l_ = u_centred(a), u_centred(b)
    rows, columns = np.triu_indices(len(a), k=1)
    k_pairs = k[rows, columns]
    products = l_[orders[:, rows], orders[:, columns]] @ k_pairs
    size = np.linalg.norm(k_pairs) * np.linalg.norm(l_[rows, columns])
    made: FloatArray = products / size
    return made


def u_centred(matrix: SimilarityMatrix) -> FloatArray:
    """(n_actions, n_actions) what each pair holds beyond its two actions' levels.

    Diagonal 0, rows sum to 0 (Szekely & Rizzo, 2014).
    """
    k = _off_diagonal(matrix)
    effects = _effects(k, np.ones((1, len(k))))[0]
    made: FloatArray = k - effects[:, None] - effects[None, :]
    np.fill_diagonal(made, 0.0)
    return made


def _off_diagonal(matrix: SimilarityMatrix) -> FloatArray:
    if not matrix.complete:
        raise MatrixError(
            f"debiased CKA with {matrix.rater}: needs every pair judged, "
            f"{matrix.n_missing:,} of {matrix.n_pairs:,} are missing"
        )
    # Taking a common level out changes no residual and saves digits.
    k: FloatArray = matrix.values - matrix.pairs().mean()
    np.fill_diagonal(k, 0.0)
    return k


def _effects(k: FloatArray, c: FloatArray) -> FloatArray:
    """(n_draws, n) the a_i that minimise sum c_i c_j (k_ij - a_i - a_j)^2, i != j.

    The normal equations, a_i (N - 2 c_i) + s = (K c)_i with s = sum c_i a_i and
    N = sum c_i, are solved by first solving for s.
    """
    levels = c @ k
    free = c.sum(axis=1, keepdims=True) - 2 * c
    # One action makes up half the draws: its equation gives s and leaves a_i open,
    # which then follows from the definition of s.
    half = free == 0
    share = np.divide(c, free, out=np.zeros_like(c), where=~half)
    with np.errstate(divide="ignore", invalid="ignore"):  # two actions: no fit
        s = (share * levels).sum(axis=1) / (1 + share.sum(axis=1))
    s = np.where(half.any(axis=1), (half * levels).sum(axis=1), s)[:, None]
    effects: FloatArray = np.zeros_like(c)
    np.divide(levels - s, free, out=effects, where=~half)
    open_ = (s - (c * effects).sum(axis=1, keepdims=True)) / np.maximum(c, 1)
    return np.where(half, open_, effects)


def _product(
    k: FloatArray, l_: FloatArray, effects: FloatArray, c: FloatArray
) -> FloatArray:
    """(n_draws,) weighted product of residuals, by orthogonality of one side's."""
    made: FloatArray = _raw(k, l_, c) - 2 * (effects * c * (c @ l_)).sum(axis=1)
    return made


def _raw(k: FloatArray, l_: FloatArray, c: FloatArray) -> FloatArray:
    made: FloatArray = ((c @ (k * l_)) * c).sum(axis=1)
    return made


ROWS = (
    MatrixMeasure(
        name="cka",
        label="debiased CKA",
        use_when="what matters is structure beyond how alike each action is to all "
        "others on average",
        misleads_when="raters agree mostly on which actions are unlike everything "
        "else: those levels are taken out",
        reference="Kornblith et al. (2019); Song et al. (2012)",
        cost="O(B n^2)",
        invariant_to=frozenset({"affine map", "scale", "action levels"}),
        range=(-1.0, 1.0),
        needs_complete=True,
        resampled=cka_resampled,
        permuted=cka_permuted,
    ),
)
