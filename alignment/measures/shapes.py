"""Distances between the shapes of two representations: all here are metrics.

Williams et al. (2021). A side is centred, brought to the other by the best map that is
allowed, and what is left is its distance; the narrower side counts as having further
units that are always 0. With |.| the Frobenius and |.|_* the nuclear norm:

    size and shape      sqrt(|X|^2 + |Y|^2 - 2 |X'Y|_*)         best rotation, own size
    angle theta         arccos(|X'Y|_* / (|X| |Y|))              best rotation, any size
    Procrustes          sqrt(2 - 2 cos theta)                    both of size 1
    whitened by alpha   theta of X Z_x and Y Z_y
    permutation         theta with the best pairing of units for the best rotation

Z = V diag(alpha + (1 - alpha) lambda^-1/2) V' with X'X = V diag(lambda) V' whitens a side
on its way to alpha = 0, where only the space that its units span is left; alpha = 1 is
Procrustes. Directions that hold no variance stay at 0: a floor under lambda, which
others use, makes the distance depend on the unit of the features.

What is computed is |X Q - Y| with the map Q itself, not the difference of norms: two
sides of equal shape are then apart by rounding (1e-15), not by its root (1e-8).
"""

from functools import partial

import numpy as np
from scipy.optimize import linear_sum_assignment

from alignment.errors import MatrixError
from alignment.matrices import FloatArray
from alignment.measures.cca import bases
from alignment.measures.centring import ROUNDING, centred, unit_size, varies
from alignment.measures.kinds import FeatureMeasure, Invariance

# Procrustes and what whitens fully are the ends; the row in between that is shown.
HALF = 0.5


def procrustes_angle(x: FloatArray, y: FloatArray) -> float:
    """Angle between two shapes, in [0, pi/2]; NaN where a side is constant.

    x (n, p), y (n, q). O(n p q + p q min(p, q)), with n for a width above n.
    """
    return min(_angle(procrustes(x, y)), np.pi / 2)


def procrustes(x: FloatArray, y: FloatArray) -> float:
    """Distance of two shapes of size 1, in [0, sqrt 2]; NaN where a side is constant."""
    if not (varies(x) and varies(y)):
        return float("nan")
    return min(_after_rotation(unit_size(x), unit_size(y)), float(np.sqrt(2)))


def size_and_shape(x: FloatArray, y: FloatArray) -> float:
    """Distance after rotation alone, from 0 up, in the unit of the features.

    NaN where a side is constant.
    """
    if not (varies(x) and varies(y)):
        return float("nan")
    return _after_rotation(centred(x), centred(y))


def whitened_angle(x: FloatArray, y: FloatArray, alpha: float) -> float:
    """Angle between two shapes, each whitened as `alpha` says, in [0, pi/2].

    alpha = 1 is `procrustes_angle`. alpha = 0 is arccos(sum rho_i / sqrt(p q)) with the
    canonical correlations and the ranks p and q. In between, the formula adds a number
    to one over a size, so that the unit of the features decides how far they are
    whitened. NaN where a side is constant.

    Raises:
        MatrixError: alpha is not in [0, 1]; or it is 0 and both sides together have as
            many dimensions as there are actions, or more.
    """
    if not 0 <= alpha <= 1:
        raise MatrixError(f"whitened angle: alpha must lie in 0 to 1, got {alpha}")
    if not (varies(x) and varies(y)):
        return float("nan")
    if alpha == 0:
        x, y = bases(x, y, "linear_angle")
    else:
        x, y = _partly_whitened(x, alpha), _partly_whitened(y, alpha)
    x, y = x / np.linalg.norm(x), y / np.linalg.norm(y)
    return min(_angle(_after_rotation(x, y)), np.pi / 2)


def permutation_angle(x: FloatArray, y: FloatArray) -> float:
    """Angle between two sides once each unit has at most one partner, in [0, pi].

    The pairing is the one with the largest sum of covariances of the sides at size 1.
    NaN where a side is constant. O(n p q + p q min(p, q)).
    """
    if not (varies(x) and varies(y)):
        return float("nan")
    x, y = unit_size(x), unit_size(y)
    if x.shape[1] < y.shape[1]:
        x, y = y, x
    units, others = linear_sum_assignment(x.T @ y, maximize=True)
    left = x.copy()
    left[:, units] -= y[:, others]
    return _angle(float(np.linalg.norm(left)))


def _after_rotation(x: FloatArray, y: FloatArray) -> float:
    """|x Q - y| at its smallest over rotations and reflections of centred sides."""
    x, y = _narrowed(x), _narrowed(y)
    if x.shape[1] < y.shape[1]:
        x, y = y, x
    u, _, vt = np.linalg.svd(x.T @ y, full_matrices=False)
    return float(np.linalg.norm(x - y @ (u @ vt).T))


def _narrowed(x: FloatArray) -> FloatArray:
    """A rotation of x that needs no more units than there are actions."""
    if x.shape[1] <= len(x):
        return x
    return np.asarray(np.linalg.qr(x.T, mode="r")).T


def _partly_whitened(x: FloatArray, alpha: float) -> FloatArray:
    """A rotation of X Z."""
    x = centred(x)
    u, sizes, _ = np.linalg.svd(x, full_matrices=False)
    kept = sizes > ROUNDING * sizes[0]
    made: FloatArray = u[:, kept] * (alpha * sizes[kept] + (1 - alpha))
    return made


def _angle(distance: float) -> float:
    """Between two sides of size 1 at this distance; exact near 0, unlike arccos."""
    return float(2 * np.arcsin(np.minimum(distance / 2, 1.0)))


_SHAPE: frozenset[Invariance] = frozenset(
    {"orthogonal map", "translation", "scale", "order of units"}
)
_SIZED: frozenset[Invariance] = _SHAPE - {"scale"}
_COST = "O(n p q + p q min(p, q))"
_REFERENCE = "Williams et al. (2021)"

ROWS = (
    FeatureMeasure(
        name="procrustes_angle",
        label="Procrustes angle",
        use_when="a metric is needed, for clustering or mapping models, that no single "
        "direction decides",
        misleads_when="units are as many as actions or more: chance alone can turn one "
        "side far towards the other",
        reference=_REFERENCE,
        range=(0.0, np.pi / 2),
        cost=_COST,
        is_distance=True,
        invariant_to=_SHAPE,
        of_features=procrustes_angle,
    ),
    FeatureMeasure(
        name="procrustes",
        label="Procrustes distance",
        use_when="as for the angle, beside papers that report the distance at size 1",
        misleads_when="as for the angle, of which it is a function",
        reference="Ding et al. (2021); Williams et al. (2021)",
        range=(0.0, float(np.sqrt(2))),
        cost=_COST,
        is_distance=True,
        invariant_to=_SHAPE,
        of_features=procrustes,
    ),
    FeatureMeasure(
        name="size_and_shape",
        label="size-and-shape distance",
        use_when="the size of the features means the same on both sides, as for two "
        "stages of one model",
        misleads_when="units of measurement differ: the larger side's size is the "
        "distance",
        reference=_REFERENCE,
        range=(0.0, float("inf")),
        cost=_COST,
        is_distance=True,
        invariant_to=_SIZED,
        of_features=size_and_shape,
    ),
    FeatureMeasure(
        name="half_whitened_angle",
        label=f"angle, whitened by half (alpha {HALF})",
        use_when="small directions should count for more than in Procrustes and less "
        "than in CCA, and the features of both sides are of like size",
        misleads_when="the unit of the features is arbitrary: it decides how far they "
        "are whitened",
        reference=_REFERENCE,
        range=(0.0, np.pi / 2),
        cost="O(n (p^2+q^2))",
        is_distance=True,
        invariant_to=_SIZED,
        of_features=partial(whitened_angle, alpha=HALF),
    ),
    FeatureMeasure(
        name="linear_angle",
        label="angle, whitened (alpha 0)",
        use_when="a metric is needed of what any linear map can read, and actions are "
        "many times the units",
        misleads_when="actions are not many times the units; or the sides differ in "
        "width, which alone sets them apart",
        reference=_REFERENCE,
        range=(0.0, np.pi / 2),
        cost="O(n (p^2+q^2))",
        is_distance=True,
        invariant_to=_SHAPE | {"scale of each unit", "invertible linear map"},
        of_features=partial(whitened_angle, alpha=0.0),
    ),
    FeatureMeasure(
        name="permutation_angle",
        label="permutation angle",
        use_when="single units are what is to be compared, one with one",
        misleads_when="units are arbitrary directions of their space, as in most "
        "embeddings",
        reference=_REFERENCE,
        range=(0.0, np.pi),
        cost=_COST,
        is_distance=True,
        invariant_to=_SHAPE - {"orthogonal map"},
        of_features=permutation_angle,
    ),
)
