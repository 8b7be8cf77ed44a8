"""Degrade a similarity matrix on purpose, to lower its alignment.

Relabelling is the default (`science.md`, rule 14): the matrix is that of somebody who
takes some actions for others. Every similarity and every eigenvalue stays, so what
changes in an agent's behaviour is due to alignment alone, and nothing needs repair.
"""

import numpy as np

from alignment.errors import MatrixError
from alignment.matrices import IntArray, SimilarityMatrix


def relabel(matrix: SimilarityMatrix, share: float, *, seed: int) -> SimilarityMatrix:
    """P K P': a random share of the actions trade places, each of them with another.

    A single action cannot trade places, so the number relabelled is 0 or at least 2:
    share times n_actions rounded, and 2 where that would be 1. With one seed, the
    actions relabelled at a share are among those relabelled at any larger one.
    Unjudged pairs move with their actions.

    Args:
        share: Of the actions, in [0, 1].

    Returns:
        A matrix with the same actions in the same order, of rater
        "<rater>~<share>"; its alignment must be measured, not guessed from the share.

    Raises:
        MatrixError: `share` is not in [0, 1].
    """
    if not 0 <= share <= 1:
        raise MatrixError(
            f"corruption of {matrix.rater}: the share must lie in [0, 1], got {share}"
        )
    n = len(matrix)
    rng = np.random.default_rng(seed)
    count = round(share * n)
    chosen = rng.permutation(n)[: 2 if count == 1 else count]
    source = np.arange(n)
    source[chosen] = chosen[_derangement(len(chosen), rng)]
    return SimilarityMatrix(
        values=matrix.values[np.ix_(source, source)],
        actions=matrix.actions,
        rater=f"{matrix.rater}~{share:g}",
    )


def _derangement(n: int, rng: np.random.Generator) -> IntArray:
    """A uniform permutation of n that leaves nothing in its place.

    By rejection: about e draws, whatever n.
    """
    if n == 0:
        return np.arange(0)
    while True:
        order = rng.permutation(n)
        if not np.any(order == np.arange(n)):
            return order
