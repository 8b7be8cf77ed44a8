"""The rules of the adaptive triplet sampler that a server keeps too.

Standard library only: the web process imports this module. What chooses the triplets is
in `alignment/adaptive.py`.
"""

RANDOM_FLOOR = 0.15
# Random judgments per action before an embedding is worth asking what it does not know.
WARM_UP = 4
# A covariance of this many coordinates takes 32 MB and about a second to invert.
MAX_COORDINATES = 2000


def batch_size(n_judgments: int) -> int:
    """How many triplets to choose at once: a tenth of those judged, at least 100.

    Larger batches are chosen with less knowledge, smaller ones ask for more fits.
    """
    return max(100, n_judgments // 10)


def propensity(n_unseen: int, n_batch: int, *, in_batch: bool) -> float:
    """Probability of one triplet under the mixture: floor plus batch.

    Args:
        n_unseen: Triplets that this person has not judged, among which the floor draws.
        n_batch: Those of them that wait in the batch; without any, all are drawn
            uniformly.
        in_batch: Whether this triplet is one of them.
    """
    if not n_batch:
        return 1 / n_unseen
    chosen = (1 - RANDOM_FLOOR) / n_batch if in_batch else 0.0
    return RANDOM_FLOOR / n_unseen + chosen
