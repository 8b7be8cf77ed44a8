"""Slow twins of the measures of features, from the papers' formulas.

They share nothing with the package: loops, explicit centring matrices, eigenvalues of
explicit inverses. For well-conditioned sides of full rank.
"""

from collections.abc import Callable
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def centring(n: int) -> Array:
    return np.eye(n) - np.ones((n, n)) / n


def rbf_kernel(x: Array, fraction: float) -> Array:
    n = len(x)
    distances = np.array(
        [[np.sqrt(((x[i] - x[j]) ** 2).sum()) for j in range(n)] for i in range(n)]
    )
    median = np.median([distances[i, j] for i in range(n) for j in range(i)])
    return np.asarray(np.exp(-(distances**2) / (2 * (fraction * median) ** 2)))


def hsic(k: Array, l_: Array) -> float:
    """The biased HSIC: tr(KHLH)."""
    h = centring(len(k))
    return float(np.trace(k @ h @ l_ @ h))


def hsic_debiased(k: Array, l_: Array) -> float:
    """Song et al. (2012), equation 5, as printed."""
    n = len(k)
    k, l_ = k - np.diag(np.diag(k)), l_ - np.diag(np.diag(l_))
    one = np.ones(n)
    inner = (
        np.trace(k @ l_)
        + (one @ k @ one) * (one @ l_ @ one) / ((n - 1) * (n - 2))
        - 2 * (one @ k @ l_ @ one) / (n - 2)
    )
    return float(inner / (n * (n - 3)))


def cka(k: Array, l_: Array, product: Callable[[Array, Array], float]) -> float:
    return float(product(k, l_) / np.sqrt(product(k, k) * product(l_, l_)))


def rv(x: Array, y: Array) -> float:
    """Robert & Escoufier (1976): covariances of units."""
    p = x.shape[1]
    both = np.cov(np.hstack([x, y]).T).reshape(p + y.shape[1], -1)
    s_xx, s_yy, s_xy = both[:p, :p], both[p:, p:], both[:p, p:]
    return float(
        np.trace(s_xy @ s_xy.T) / np.sqrt(np.trace(s_xx @ s_xx) * np.trace(s_yy @ s_yy))
    )


def squared_distances(x: Array) -> Array:
    """Pairs in the order (0, 1), (0, 2), ..."""
    n = len(x)
    return np.array(
        [((x[i] - x[j]) ** 2).sum() for i in range(n) for j in range(i + 1, n)]
    )


def whitened_cosine(d: Array, e: Array, n: int) -> float:
    """Diedrichsen et al. (2021): d'V^-1 e over both sizes, V = (CC') o (CC')."""
    contrasts = np.zeros((len(d), n))
    pairs = [(i, j) for i in range(n) for j in range(i + 1, n)]
    for row, (i, j) in enumerate(pairs):
        contrasts[row, i], contrasts[row, j] = 1, -1
    inverse = np.linalg.inv((contrasts @ contrasts.T) ** 2)
    return float(d @ inverse @ e / np.sqrt((d @ inverse @ d) * (e @ inverse @ e)))


def canonical(x: Array, y: Array) -> tuple[Array, Array]:
    """Canonical correlations, and X's variates of length 1, from covariances.

    Eigenvectors w of Sxx^-1 Sxy Syy^-1 Syx (Hotelling, 1936); the variates are X w.
    """
    h = centring(len(x))
    x, y = h @ x, h @ y
    within_x, within_y, between = x.T @ x, y.T @ y, x.T @ y
    squares, w = np.linalg.eig(
        np.linalg.inv(within_x) @ between @ np.linalg.inv(within_y) @ between.T
    )
    best = np.argsort(-squares.real)[: min(x.shape[1], y.shape[1])]
    variates = x @ w.real[:, best]
    return np.sqrt(squares.real[best]), variates / np.linalg.norm(variates, axis=0)


def pwcca(x: Array, y: Array) -> float:
    """Morcos et al. (2018), section 2: rho weighted by sum_j |<h_i, x_j>|."""
    rho, variates = canonical(x, y)
    x = centring(len(x)) @ x
    weights = [
        sum(abs(float(h @ x[:, j])) for j in range(x.shape[1])) for h in variates.T
    ]
    return float(np.dot(weights, rho) / sum(weights))


def principal(x: Array, share: float) -> Array:
    """Scores on components, taken one by one until they hold the share."""
    x = centring(len(x)) @ x
    variances, directions = np.linalg.eigh(x.T @ x)
    kept, held = [], 0.0
    for each in np.argsort(-variances):
        kept.append(each)
        held += variances[each]
        if held >= share * variances.sum():
            break
    return x @ directions[:, kept]


def widened(x: Array, width: int) -> Array:
    return np.hstack([x, np.zeros((len(x), width - x.shape[1]))])


def shape_angle(x: Array, y: Array, alpha: float = 1.0) -> float:
    """Williams et al. (2021): whiten by eigenvectors, then the nuclear norm."""
    sides = []
    for side in (x, y):
        centred = centring(len(x)) @ side
        if alpha < 1:
            lam, v = np.linalg.eigh(centred.T @ centred)
            centred = centred @ v @ np.diag(alpha + (1 - alpha) / np.sqrt(lam)) @ v.T
        sides.append(widened(centred, max(x.shape[1], y.shape[1])))
    a, b = sides
    nuclear = np.linalg.svd(a.T @ b)[1].sum()
    return float(np.arccos(nuclear / np.linalg.norm(a) / np.linalg.norm(b)))


def size_and_shape(x: Array, y: Array) -> float:
    h = centring(len(x))
    x, y = h @ x, h @ y
    nuclear = np.linalg.svd(x.T @ y)[1].sum()
    return float(np.sqrt((x**2).sum() + (y**2).sum() - 2 * nuclear))


def permutation_angle(x: Array, y: Array) -> float:
    """All orders of the units are tried."""
    h, width = centring(len(x)), max(x.shape[1], y.shape[1])
    x, y = widened(h @ x, width), widened(h @ y, width)
    best = max(float((x[:, order] * y).sum()) for order in permutations(range(width)))
    return float(np.arccos(best / np.linalg.norm(x) / np.linalg.norm(y)))
