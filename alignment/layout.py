"""Where things stand in a figure: an order of the actions, and a map of them."""

import numpy as np
from scipy.cluster.hierarchy import leaves_list, linkage, optimal_leaf_ordering
from scipy.spatial.distance import squareform
from scipy.stats import rankdata

from alignment.matrices import FloatArray, IntArray, SimilarityMatrix


def shared_order(matrix: SimilarityMatrix) -> IntArray:
    """(n_actions,) row numbers that put like actions side by side.

    Average linkage on 1 - similarity, leaves ordered so that neighbours are as alike
    as the tree allows (Bar-Joseph et al., 2001). For looking only: unjudged pairs
    count as the mean.
    """
    distances = squareform(1 - _completed(matrix), checks=False)
    if len(matrix) == 2 or np.ptp(distances) == 0:
        return np.arange(len(matrix), dtype=np.int64)
    tree = optimal_leaf_ordering(linkage(distances, "average"), distances)
    return np.asarray(leaves_list(tree), dtype=np.int64)


def classical_map(matrix: SimilarityMatrix) -> tuple[FloatArray, float]:
    """Classical scaling of 1 - similarity to two dimensions (Torgerson, 1952).

    Signs are fixed (in each column the entry furthest from 0 is positive), so the same
    matrix gives the same map on any machine. Unjudged pairs count as the mean.

    Returns:
        (n_actions, 2) positions, and the share that the two dimensions hold of all
        positive eigenvalues.
    """
    squared = (1 - _completed(matrix)) ** 2
    centred = squared - squared.mean(axis=0) - squared.mean(axis=1)[:, None]
    kernel = -(centred + squared.mean()) / 2
    eigenvalues, vectors = np.linalg.eigh(kernel)
    positive = np.clip(eigenvalues, 0.0, None)
    top = [-1, -2]
    positions = vectors[:, top] * np.sqrt(positive[top])
    furthest = np.abs(positions).argmax(axis=0)
    signs = np.where(positions[furthest, [0, 1]] < 0, -1.0, 1.0)
    total = positive.sum()
    share = float(positive[top].sum() / total) if total > 0 else 0.0
    return positions * signs, share


def mid_ranks(matrix: SimilarityMatrix) -> FloatArray:
    """(n_actions, n_actions) rank of each pair in its matrix, 0 least to 1 most alike.

    Ties share their mean rank; NaN on the diagonal and where a pair was never judged.
    """
    pairs = matrix.pairs()
    judged = ~np.isnan(pairs)
    n = int(judged.sum())
    ranks: FloatArray = np.full(len(pairs), np.nan)
    if n:
        ranks[judged] = (rankdata(pairs[judged]) - 0.5) / n
    square = squareform(np.where(judged, ranks, 0.0))
    square[squareform(~judged)] = np.nan
    np.fill_diagonal(square, np.nan)
    return np.asarray(square, dtype=np.float64)


def _completed(matrix: SimilarityMatrix) -> FloatArray:
    pairs = matrix.pairs()
    judged = pairs[~np.isnan(pairs)]
    made: FloatArray = np.where(
        np.isnan(matrix.values), judged.mean() if len(judged) else 0.0, matrix.values
    )
    return made
