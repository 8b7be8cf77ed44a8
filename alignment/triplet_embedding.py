"""A similarity matrix from triplets by way of an ordinal embedding.

Choice frequencies (`matrices.from_triplets`) need uniformly drawn triplets and many per
pair. An embedding borrows strength across pairs, judges pairs that no triplet held, and
may use triplets that were chosen by the answers before (their likelihood is the same).
"""

from dataclasses import dataclass
from math import ceil, log2

import numpy as np

from alignment.judgments import TripletJudgments
from alignment.matrices import FloatArray, IntArray, SimilarityMatrix
from alignment.ordinal import (
    Embedding,
    count_answers,
    counts_of,
    fit,
    odd_probabilities,
)

DIMENSIONS = (1, 2, 3, 5, 8)
FOLDS = 4


@dataclass(frozen=True, eq=False)
class TripletEmbedding:
    """What triplets gave: the matrix, and how it was found.

    held_out: Share of random triplets, left out of the fit in turn, whose odd one the
        embedding names; NaN where no triplet was drawn at random.
    """

    matrix: SimilarityMatrix
    embedding: Embedding
    n_judgments: int
    held_out: float


def enough(n_actions: int) -> int:
    """Judgments below which no embedding is made: 5 n log2(n).

    Half of what random triplets need for one dimension; the prior does the rest.
    """
    return ceil(5 * n_actions * log2(n_actions))


def embed_triplets(
    judgments: TripletJudgments, *, rater: str, seed: int
) -> TripletEmbedding | None:
    """The matrix in as many dimensions as foretell left-out judgments best.

    Returns:
        None where there are fewer than `enough` judgments.
    """
    n = len(judgments.actions)
    if len(judgments) < enough(n):
        return None
    order = np.random.default_rng(seed).permutation(len(judgments))
    fold = np.empty(len(judgments), dtype=np.int64)
    fold[order] = np.arange(len(judgments)) % FOLDS
    tried = {d: _held_out(judgments, fold, d) for d in DIMENSIONS if d < n}
    best = max(tried, key=lambda d: tried[d][0])
    embedding = fit(counts_of(judgments), best)
    return TripletEmbedding(
        embedding.similarity(judgments.actions, rater=rater),
        embedding,
        len(judgments),
        tried[best][1],
    )


def _held_out(
    judgments: TripletJudgments, fold: IntArray, n_dimensions: int
) -> tuple[float, float]:
    """Mean log probability of left-out judgments, and accuracy on random ones."""
    named = judgments.triplets == judgments.odd[:, None]
    chance = np.empty(named.shape)
    for left_out in range(FOLDS):
        kept, tested = fold != left_out, fold == left_out
        counts = count_answers(
            judgments.triplets[kept], judgments.odd[kept], len(judgments.actions)
        )
        found = fit(counts, n_dimensions)
        chance[tested] = odd_probabilities(found, judgments.triplets[tested])
    right: FloatArray = (chance.argmax(axis=1) == named.argmax(axis=1)).astype(float)
    fair = judgments.uniform
    accuracy = float(right[fair].mean()) if fair.any() else float("nan")
    return float(np.log(chance[named]).mean()), accuracy
