"""How often people agree on the odd one: the ceiling of odd-one-out accuracy.

No model can name the odd one more often than people agree on it. Two numbers frame that.
The modal share (Hebart et al., 2020) is how many give the answer most gave, averaged over
triplets that several people judged. A maximum over the same answers that it is measured
on, it is too high, by much where few judged a triplet. The leave-one-out agreement asks
of each answer whether the mode of the others foretells it; with few others it is too low.
The ceiling lies between them, and both near it as judgments of a triplet grow.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from alignment.errors import TooFewRaters
from alignment.judgments import TripletJudgments
from alignment.matrices import FloatArray
from alignment.triplets import CHANCE
from alignment.uncertainty import Estimate


@dataclass(frozen=True)
class TripletCeiling:
    """How far people agree with each other on triplets that several judged.

    modal: Mean share of the most frequent answer, in [1/3, 1], with its interval,
        1.96 standard errors over triplets.
    leave_one_out: Mean share of answers that the mode of the others foretells, in
        [0, 1], with its interval likewise.
    n_triplets: Triplets that at least two people judged.
    raters_per_triplet: Median number of them.
    """

    modal: Estimate
    leave_one_out: Estimate
    n_triplets: int
    raters_per_triplet: float


def triplet_ceiling(triplets: TripletJudgments) -> TripletCeiling:
    """Agreement on the triplets that at least two people judged.

    A person has one vote on a triplet, parted evenly if they judged it more often.
    Modes that tie foretell each of their answers with equal chance.

    Raises:
        TooFewRaters: No triplet was judged by two people.
    """
    votes = _votes(triplets)
    if not votes:
        raise TooFewRaters(
            f"triplet ceiling: needs triplets that at least 2 people judged; none of "
            f"{len(triplets):,} judgments is of such a triplet"
        )
    modal = np.array([vote.sum(axis=0).max() / len(vote) for vote in votes])
    foretold = np.array([_foretold(vote) for vote in votes])
    return TripletCeiling(
        _with_interval(modal),
        _with_interval(foretold),
        len(votes),
        float(np.median([len(vote) for vote in votes])),
    )


def achieved_share(accuracy: float, ceiling: float) -> float:
    """(accuracy - 1/3) / (ceiling - 1/3); NaN where the ceiling is not above chance."""
    if not ceiling > CHANCE:
        return float("nan")
    return (accuracy - CHANCE) / (ceiling - CHANCE)


def _votes(triplets: TripletJudgments) -> list[FloatArray]:
    """(n_raters, 3) for each triplet that several judged; each row sums to 1."""
    different, which = np.unique(triplets.triplets, axis=0, return_inverse=True)
    _, who = np.unique(triplets.rater, return_inverse=True)
    named = (triplets.triplets == triplets.odd[:, None]).argmax(axis=1)
    order = np.argsort(which.ravel(), kind="stable")
    edges = np.searchsorted(which.ravel()[order], np.arange(len(different) + 1))
    made = []
    for start, end in pairwise(edges):
        rows = order[start:end]
        raters, row = np.unique(who[rows], return_inverse=True)
        if len(raters) < 2:
            continue
        vote: FloatArray = np.zeros((len(raters), 3))
        np.add.at(vote, (row, named[rows]), 1.0)
        made.append(vote / vote.sum(axis=1, keepdims=True))
    return made


def _foretold(vote: FloatArray) -> float:
    """Mean over people of the chance that the mode of the others is their answer."""
    others = vote.sum(axis=0) - vote
    best = np.isclose(others, others.max(axis=1, keepdims=True))
    return float(((vote * best).sum(axis=1) / best.sum(axis=1)).mean())


def _with_interval(each: FloatArray) -> Estimate:
    mean = float(each.mean())
    if len(each) < 2:
        return Estimate(mean, np.nan, np.nan, len(each))
    half = 1.96 * float(each.std(ddof=1)) / float(np.sqrt(len(each)))
    return Estimate(mean, mean - half, mean + half, len(each))
