"""Centred kernel alignment of two representations with RBF kernels.

Kornblith et al. (2019), Cortes et al. (2012). Each side has the kernel
exp(-|x - x'|^2 / (2 sigma^2)), and sigma is a fraction of the median distance between its
actions; a measure's label records the fraction, `bandwidth` gives sigma itself. With
H = I - 11'/n,

    CKA = tr(KHLH) / sqrt(tr(KHKH) tr(LHLH)),

and the debiased score is the cosine of the *U-centred* kernels, which is the ratio of
unbiased HSICs (Song et al., 2012; see `features_cka`). As the fraction grows, both go to
those of the linear kernel. O(n^2 (p + q)), memory of a few n^2.
"""

from functools import partial

import numpy as np
from scipy.spatial.distance import squareform

from alignment.errors import MatrixError
from alignment.matrices import FloatArray
from alignment.measures.centring import ROUNDING, centred, unit_size, varies
from alignment.measures.kinds import FeatureMeasure, Invariance

# Of the median distance: what Kornblith et al. (2019) show RBF CKA with in their code.
FRACTION = 0.5

# Squared distances below this share of the squared lengths are those of equal actions.
EQUAL = 1e-14


def rbf_cka(x: FloatArray, y: FloatArray, fraction: float = FRACTION) -> float:
    """RBF CKA, in [0, 1]; NaN where a side is constant.

    Raises:
        MatrixError: A fraction outside 0.001 to 1000, or a median distance of 0.
    """
    if not (varies(x) and varies(y)):
        return float("nan")
    k, l_ = (_double_centred(_kernel(side, fraction)) for side in (x, y))
    return max(_cosine(k, l_), 0.0)


def rbf_cka_debiased(x: FloatArray, y: FloatArray, fraction: float = FRACTION) -> float:
    """Debiased RBF CKA, in [-1, 1], about 0 for unrelated sides.

    NaN where a side is constant or all its actions are equally far apart.

    Raises:
        MatrixError: As `rbf_cka`.
    """
    if not (varies(x) and varies(y)):
        return float("nan")
    k, l_ = _kernel(x, fraction), _kernel(y, fraction)
    before = np.linalg.norm(k), np.linalg.norm(l_)
    k, l_ = _u_centred(k), _u_centred(l_)
    after = np.linalg.norm(k), np.linalg.norm(l_)
    if after[0] <= ROUNDING * before[0] or after[1] <= ROUNDING * before[1]:
        return float("nan")
    return _cosine(k, l_)


def bandwidth(x: FloatArray, fraction: float = FRACTION) -> float:
    """sigma of one side, (n, p): the fraction of the median distance of two actions.

    Kornblith et al. (2019) give the rule. Their code counts the distance of 0 from each
    action to itself as well; here it is left out.

    Raises:
        MatrixError: As `rbf_cka`.
    """
    peak = float(np.abs(x).max()) or 1.0
    return peak * _sigma(_squared_distances(centred(x / peak)), fraction)


def _kernel(x: FloatArray, fraction: float) -> FloatArray:
    """(n, n) RBF kernel."""
    squares = _squared_distances(unit_size(x))
    squares /= -2 * _sigma(squares, fraction) ** 2
    return np.asarray(np.exp(squares, out=squares))


def _squared_distances(x: FloatArray) -> FloatArray:
    """(n, n) from the products of centred rows; 0 where only rounding tells two apart."""
    squares: FloatArray = x @ x.T
    lengths = squares.diagonal().copy()
    for row, length in zip(squares, lengths, strict=True):
        both = length + lengths
        row *= -2
        row += both
        row[row <= EQUAL * both] = 0.0
    np.fill_diagonal(squares, 0.0)
    return squares


def _sigma(squares: FloatArray, fraction: float) -> float:
    if not 1e-3 <= fraction <= 1e3:
        raise MatrixError(
            "RBF CKA: the bandwidth, as a fraction of the median distance, must lie in "
            f"0.001 to 1000, got {fraction}"
        )
    median = float(np.median(np.sqrt(squareform(squares, checks=False))))
    if not median:
        raise MatrixError(
            "RBF CKA: half or more of the pairs of actions have equal features, so that "
            "the median distance, which sets the bandwidth, is 0; compare different "
            "actions only, or use linear CKA"
        )
    return fraction * median


def _double_centred(kernel: FloatArray) -> FloatArray:
    """HKH, in place."""
    levels = kernel.mean(axis=0)
    kernel -= levels[:, None]
    kernel -= levels - levels.mean()
    return kernel


def _u_centred(kernel: FloatArray) -> FloatArray:
    """Less each action's level over all others (Szekely & Rizzo, 2014), in place.

    Diagonal 0; rows sum to 0.
    """
    n = len(kernel)
    np.fill_diagonal(kernel, 0.0)
    levels = kernel.sum(axis=0) / (n - 2)
    kernel -= levels[:, None]
    kernel -= levels - levels.sum() / (n - 1)
    np.fill_diagonal(kernel, 0.0)
    return kernel


def _cosine(k: FloatArray, l_: FloatArray) -> float:
    score = np.vdot(k, l_) / np.linalg.norm(k) / np.linalg.norm(l_)
    return float(np.clip(score, -1.0, 1.0))


_LIKE_DISTANCES: frozenset[Invariance] = frozenset(
    {"orthogonal map", "translation", "scale", "order of units"}
)

ROWS = (
    FeatureMeasure(
        name="cka_rbf",
        label=f"RBF CKA (bandwidth {FRACTION} x median)",
        use_when="what is close should count more than what is far apart",
        misleads_when="actions are few, units many or the bandwidth small: each action "
        "is then like itself alone, on both sides, and all scores are near 1",
        reference="Kornblith et al. (2019); Cortes et al. (2012)",
        range=(0.0, 1.0),
        cost="O(n^2 (p+q))",
        invariant_to=_LIKE_DISTANCES,
        of_features=partial(rbf_cka, fraction=FRACTION),
    ),
    FeatureMeasure(
        name="cka_rbf_debiased",
        label=f"debiased RBF CKA (bandwidth {FRACTION} x median)",
        use_when="what is close should count more, and actions are few",
        misleads_when="all actions of a side are about equally far apart, as in many "
        "dimensions: then noise is what is left to compare",
        reference="Kornblith et al. (2019); Song et al. (2012)",
        range=(-1.0, 1.0),
        cost="O(n^2 (p+q))",
        invariant_to=_LIKE_DISTANCES,
        of_features=partial(rbf_cka_debiased, fraction=FRACTION),
        least_actions=4,
        chance=lambda n, p, q: 0.0,
    ),
)
