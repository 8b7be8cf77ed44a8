"""Partial correlation and its permutation test, by textbook formulas."""

from itertools import combinations, permutations

import numpy as np
from scipy.stats import rankdata


def first_order(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> float:
    """(r_xy - r_xz r_yz) / sqrt((1 - r_xz^2) (1 - r_yz^2))."""
    r = np.corrcoef([x, y, z])
    below = (1 - r[0, 2] ** 2) * (1 - r[1, 2] ** 2)
    return float((r[0, 1] - r[0, 2] * r[1, 2]) / np.sqrt(below))


def exact_p(a: np.ndarray, b: np.ndarray, c: np.ndarray, *, ranked: bool) -> float:
    """The share of orders of b's rest whose partial correlation is no smaller."""
    n = len(a)
    pairs = list(combinations(range(n), 2))
    ranks = rankdata if ranked else np.asarray
    x, y, z = (ranks([m[pair] for pair in pairs]) for m in (a, b, c))
    slope, intercept = np.polyfit(z, y, 1)
    rest = {}
    for (i, j), value in zip(pairs, y - slope * z - intercept, strict=True):
        rest[i, j] = rest[j, i] = value
    observed = first_order(x, y, z)
    scores = [
        first_order(x, np.array([rest[o[i], o[j]] for i, j in pairs]), z)
        for o in permutations(range(n))
    ]
    return sum(score >= observed - 1e-9 for score in scores) / len(scores)
