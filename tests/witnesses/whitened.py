"""The whitened cosine by its covariance of pairs, written out."""

from itertools import combinations

import numpy as np

from alignment.matrices import FloatArray


def expanded(values: FloatArray, draw: list[int]) -> FloatArray:
    """Dissimilarities of the draw's copies; NaN between copies of one action."""
    d = 1 - values[np.ix_(draw, draw)]
    for i, j in combinations(range(len(draw)), 2):
        if draw[i] == draw[j]:
            d[i, j] = d[j, i] = np.nan
    np.fill_diagonal(d, 0)
    return d


def whitening(n: int) -> FloatArray:
    """V = Xi o Xi with Xi = C C', a row of C for each pair of n."""
    pairs = list(combinations(range(n), 2))
    contrasts = np.zeros((len(pairs), n))
    for row, (i, j) in enumerate(pairs):
        contrasts[row, i], contrasts[row, j] = 1, -1
    return np.asarray((contrasts @ contrasts.T) ** 2)


def whitened(a: FloatArray, b: FloatArray, draw: list[int], *, centred: bool) -> float:
    """d1' V^-1 d2 over the pairs that were judged, V cut down to them."""
    i, j = np.triu_indices(len(draw), k=1)
    d, e = expanded(a, draw)[i, j], expanded(b, draw)[i, j]
    judged = ~np.isnan(d)
    d, e = d[judged], e[judged]
    if centred:
        d, e = d - d.mean(), e - e.mean()
    inverse = np.linalg.inv(whitening(len(draw))[np.ix_(judged, judged)])
    return float(d @ inverse @ e / np.sqrt((d @ inverse @ d) * (e @ inverse @ e)))


def filled(d: FloatArray) -> FloatArray:
    """The missing entries that make the double-centred matrix smallest, by regression."""
    n = len(d)
    centre = np.eye(n) - 1 / n
    missing = [(i, j) for i, j in combinations(range(n), 2) if np.isnan(d[i, j])]
    known = centre @ np.nan_to_num(d) @ centre
    columns = []
    for i, j in missing:
        one = np.zeros((n, n))
        one[i, j] = one[j, i] = 1
        columns.append((centre @ one @ centre).ravel())
    made = np.nan_to_num(d)
    if missing:
        found = np.linalg.lstsq(np.array(columns).T, -known.ravel(), rcond=None)[0]
        for (i, j), value in zip(missing, found, strict=True):
            made[i, j] = made[j, i] = value
    return made


def bures(a: FloatArray, b: FloatArray, draw: list[int]) -> float:
    """|A^1/2 B^1/2|_* / (|A^1/2| |B^1/2|), A and B the clipped, centred kernels."""
    n = len(draw)
    centre = np.eye(n) - 1 / n
    roots = []
    for values in (a, b):
        kernel = -centre @ filled(expanded(values, draw)) @ centre / 2
        level, axes = np.linalg.eigh(kernel)
        roots.append((axes * np.sqrt(np.maximum(level, 0))) @ axes.T)
    shared = np.linalg.svd(roots[0] @ roots[1], compute_uv=False).sum()
    return float(shared / np.linalg.norm(roots[0]) / np.linalg.norm(roots[1]))
