"""Odd-one-out accuracy: does a similarity matrix choose as people did?

The matrix keeps together the two of three actions that it holds most alike and names
the third the odd one (Hebart et al., 2020). Chance is 1/3.
"""

import numpy as np

from alignment.errors import MatrixError
from alignment.judgments import TripletJudgments
from alignment.matrices import FloatArray, SimilarityMatrix
from alignment.uncertainty import CHUNK, Estimate, draw_actions, percentile_estimate

CHANCE = 1 / 3


def odd_one_out_accuracy(
    matrix: SimilarityMatrix,
    triplets: TripletJudgments,
    *,
    n_resamples: int = 1000,
    seed: int,
) -> Estimate:
    """Share of judged triplets in which the matrix names the same odd one.

    Where two or three pairs tie for the most alike, the choice among them is taken to
    be random: the judgment counts 1/2 or 1/3 if it is one of them. Triplets with an
    unjudged pair in the matrix are left out.

    The interval draws actions with replacement; a triplet counts as often as its three
    actions were drawn together, c_a * c_b * c_c.

    Returns:
        The accuracy in [0, 1]; NaN if no triplet could be decided.

    Raises:
        MatrixError: The judgments are of other actions, or in another order.
    """
    if matrix.actions != triplets.actions:
        raise MatrixError(
            f"triplets against {matrix.rater}: both must have the same actions in the "
            f"same order, got {len(matrix)} and {len(triplets.actions)} that differ"
        )
    scores = credits_of(matrix, triplets)
    decided = ~np.isnan(scores)
    scores, chosen = scores[decided], triplets.triplets[decided]
    if not len(scores):
        return Estimate(np.nan, np.nan, np.nan, 0)
    counts = draw_actions(len(matrix), n_resamples, seed).astype(np.float64)
    draws = np.full(n_resamples, np.nan)
    for start in range(0, n_resamples, CHUNK):
        c = counts[start : start + CHUNK]
        weight = c[:, chosen[:, 0]] * c[:, chosen[:, 1]] * c[:, chosen[:, 2]]
        total = weight.sum(axis=1)
        made = draws[start : start + CHUNK]  # a view: division fills `draws`
        np.divide(weight @ scores, total, out=made, where=total > 0)
    return percentile_estimate(float(scores.mean()), draws)


def credits_of(matrix: SimilarityMatrix, triplets: TripletJudgments) -> FloatArray:
    """(n_judgments,) chance that the matrix names the odd one that was named.

    1 or 0 without ties; NaN where a pair of the triplet was never judged.
    """
    a, b, c = triplets.triplets.T
    s = matrix.values
    # In column order: the similarity that remains when a, b or c is the odd one.
    kept = np.column_stack([s[b, c], s[a, c], s[a, b]])
    best = kept == kept.max(axis=1, keepdims=True)
    named = triplets.triplets == triplets.odd[:, None]
    made: FloatArray = (best & named).sum(axis=1) / np.maximum(best.sum(axis=1), 1)
    return np.where(np.isnan(kept).any(axis=1), np.nan, made)
