"""Places for the labels of a map, so that they can be read."""

from collections.abc import Sequence

import numpy as np

from alignment.matrices import FloatArray

# Where a label may stand around its point: right, left, above, below, then corners.
SIDES = np.array(
    [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1)], dtype=float
)
GAPS = (1.0, 2.2, 3.6)
ROUNDS = 12


def label_places(
    points: FloatArray,
    sizes: Sequence[tuple[float, float]],
    *,
    gap: float,
    bounds: tuple[float, float, float, float],
) -> FloatArray:
    """(n, 2) lower left corners of labels that overlap little; all in one unit.

    Each label tries the places around its point, nearer ones first, and takes the one
    that covers least of other labels, of points and of the outside; a few rounds, since
    places depend on each other. Deterministic. O(rounds * n^2).

    Args:
        points: (n, 2) where the points are.
        sizes: Width and height of each label.
        gap: Distance of a label from its point.
        bounds: x0, y0, x1, y1 of the area to stay in.
    """
    n = len(points)
    extent = np.asarray(sizes, dtype=np.float64).reshape(n, 2)
    offered = np.stack([_offers(points[i], extent[i], gap) for i in range(n)])
    cost_alone = np.stack(
        [_cost_alone(offered[i], extent[i], i, points, gap, bounds) for i in range(n)]
    )
    chosen = cost_alone.argmin(axis=1)
    for _ in range(ROUNDS):
        moved = False
        for i in range(n):
            others = np.arange(n) != i
            standing = offered[np.arange(n), chosen]
            covered = _overlap(
                offered[i][:, None], extent[i], standing[others][None], extent[others]
            ).sum(axis=1)
            best = int((cost_alone[i] + 4 * covered).argmin())
            moved |= best != chosen[i]
            chosen[i] = best
        if not moved:
            break
    placed: FloatArray = offered[np.arange(n), chosen]
    return placed


def _offers(point: FloatArray, extent: FloatArray, gap: float) -> FloatArray:
    """(n_offers, 2) lower left corners around one point."""
    offers = []
    for factor in GAPS:
        for side in SIDES:
            centre = point + side * (gap * factor + extent / 2)
            offers.append(centre - extent / 2)
    return np.array(offers)


def _cost_alone(
    offers: FloatArray,
    extent: FloatArray,
    own: int,
    points: FloatArray,
    gap: float,
    bounds: tuple[float, float, float, float],
) -> FloatArray:
    """(n_offers,) area covered of points and of the outside, plus a price of distance."""
    area = extent.prod()
    others = np.delete(points, own, axis=0)
    dots = _overlap(
        offers[:, None], extent, others[None] - gap, np.full_like(others, 2 * gap)
    ).sum(axis=1)
    low = np.maximum(offers, bounds[:2])
    high = np.minimum(offers + extent, bounds[2:])
    inside = np.clip(high - low, 0, None).prod(axis=1)
    distance = np.repeat(np.array(GAPS) - GAPS[0], len(SIDES)) * 0.12 * area
    corner = np.tile(np.r_[np.zeros(4), np.full(4, 0.03)], len(GAPS)) * area
    cost: FloatArray = 8 * dots + 8 * (area - inside) + distance + corner
    return cost


def _overlap(
    a: FloatArray, a_extent: FloatArray, b: FloatArray, b_extent: FloatArray
) -> FloatArray:
    """Area that boxes share, by lower left corners and extents; last axis x and y."""
    low = np.maximum(a, b)
    high = np.minimum(a + a_extent, b + b_extent)
    shared: FloatArray = np.clip(high - low, 0, None).prod(axis=-1)
    return shared
