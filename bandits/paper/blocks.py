"""Alignment on the blocks that a split makes: the paper's three measures of it."""

from __future__ import annotations

import numpy as np

from alignment.matrices import SimilarityMatrix
from bandits.paper.statistics import Floats, spearman
from bandits.task import Bools

FULL, PERSONALIZATION, CROSS = (
    "full",
    "personalization",
    "personalization_x_generalization",
)
BLOCKS = (FULL, PERSONALIZATION, CROSS)


def block_alignments(
    one: SimilarityMatrix, other: SimilarityMatrix, splits: Bools
) -> dict[str, Floats]:
    """Spearman of two matrices on each split's blocks, over pairs that both have.

    Args:
        splits: (n_runs, n_actions) bool, each run's personalization actions.

    Returns:
        Block -> (n_runs,): all pairs; pairs within the personalization actions; pairs
        of a personalization action with an unseen one.
    """
    a, b = one.values, other.values
    n_runs, n = splits.shape
    rows, columns = np.triu_indices(n, k=1)
    found = {FULL: np.full(n_runs, spearman(a[rows, columns], b[rows, columns]))}
    inside, across = np.empty(n_runs), np.empty(n_runs)
    for run, mask in enumerate(splits):
        within = mask[rows] & mask[columns]
        inside[run] = spearman(a[rows, columns][within], b[rows, columns][within])
        block = np.ix_(mask, ~mask)
        across[run] = spearman(a[block].ravel(), b[block].ravel())
    return found | {PERSONALIZATION: inside, CROSS: across}
