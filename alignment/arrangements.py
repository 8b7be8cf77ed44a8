"""From partial arrangements to one matrix of distances: inverse MDS.

An arena shows a few actions, and only the ratios of its distances mean something: the
same two actions lie further apart where nothing more different stands beside them. The
arenas are brought to one scale by the pairs that they share (Kriegeskorte & Mur, 2012;
the iteration as in rsatoolbox's `rdm.combine.rescale`):

    estimate = weighted mean over arenas of each pair's distance, of unit norm
    each arena is scaled so that its root mean square is the estimate's on its own pairs
    until the estimate rests

The weight of a distance is its evidence, the squared distance on screen but at least
.2 squared: actions could be placed only so exactly, so that a large distance was
measured better than a small one. How large an arena was drawn has no part in where its
pairs end up, only in how much they count against other arenas of the same pairs.

Arenas that share no pair with any other keep the scale that they had on screen.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from alignment.errors import JudgmentsError
from alignment.judgments import ArrangementJudgments
from alignment.matrices import (
    DistanceRule,
    FloatArray,
    IntArray,
    SimilarityMatrix,
    from_distances,
)

Weighting = Literal["evidence", "setsize", "equal"]

LEAST_EVIDENCE = 0.2**2
RESTS = 1e-8
MOST_ITERATIONS = 10_000


@dataclass(frozen=True, eq=False)
class Arranged:
    """One matrix of distances from several arenas, or from several people.

    distances: (n_actions, n_actions), symmetric, 0 on the diagonal, NaN where no arena
        held both actions; the root mean square over the pairs above it is 1.
    evidence: (n_actions, n_actions), the sum of the weights behind each pair, 0 where
        there is none and on the diagonal.
    left_out: Arenas (or people) without any distance, all actions on one spot: they
        have no scale, and say nothing here.
    settled: Whether the iteration came to rest.
    """

    distances: FloatArray
    evidence: FloatArray
    left_out: tuple[str, ...]
    settled: bool


def combine_arenas(
    judgments: ArrangementJudgments, *, weighting: Weighting = "evidence"
) -> Arranged:
    """The arenas, whoever laid them out, as one matrix; each has a scale of its own.

    O(n_judgments) for each of usually 10 to 1000 iterations.

    Args:
        weighting: "evidence" is max(d squared, .04); "setsize" 1 / number of pairs in
            the arena; "equal" 1.

    Raises:
        JudgmentsError: No arena holds two actions apart; an unknown weighting.
    """
    names, part = np.unique(judgments.arena, return_inverse=True)
    n = len(judgments.actions)
    return _combine(
        n,
        part,
        judgments.a * n + judgments.b,
        judgments.distance,
        _weights(judgments.distance, part, weighting),
        names=tuple(map(str, names)),
    )


def combine_people(
    judgments: ArrangementJudgments, *, weighting: Weighting = "evidence"
) -> Arranged:
    """Each person's arenas as one matrix, and those of all people as one again.

    People have a scale of their own, too. A pair of a person counts by the evidence
    that this person gave for it.

    Raises:
        JudgmentsError: No arena holds two actions apart; an unknown weighting.
    """
    n = len(judgments.actions)
    upper = np.triu_indices(n, k=1)
    people: list[tuple[FloatArray, FloatArray]] = []
    silent: list[str] = []
    settled = True
    for rater in judgments.raters:
        own = judgments.only([rater])
        if not own.distance.any():
            silent.append(rater)
            continue
        one = combine_arenas(own, weighting=weighting)
        people.append((one.distances[upper], one.evidence[upper]))
        settled = settled and one.settled
    if not people:
        raise _no_scale(len(judgments))
    distance, evidence = (np.stack(columns) for columns in zip(*people, strict=True))
    part, column = np.nonzero(evidence)
    pair = upper[0] * n + upper[1]
    made = _combine(
        n,
        part,
        pair[column],
        distance[part, column],
        evidence[part, column],
        names=tuple(r for r in judgments.raters if r not in silent),
    )
    return Arranged(
        made.distances,
        made.evidence,
        (*silent, *made.left_out),
        settled and made.settled,
    )


def arrangement_similarity(
    judgments: ArrangementJudgments,
    *,
    rater: str,
    weighting: Weighting = "evidence",
    rule: DistanceRule = "linear",
) -> tuple[SimilarityMatrix, FloatArray]:
    """What people's arrangements say of how alike actions are, and its evidence.

    Args:
        rater: The name the matrix gets.
        rule: How distances become similarities; see `from_distances`.

    Returns:
        The matrix, NaN for pairs that no arena held, and (n_actions, n_actions) the
        evidence behind each pair.

    Raises:
        JudgmentsError: No arena holds two actions apart; an unknown weighting.
    """
    made = combine_people(judgments, weighting=weighting)
    matrix = from_distances(made.distances, judgments.actions, rater=rater, rule=rule)
    return matrix, made.evidence


def _weights(distance: FloatArray, part: IntArray, weighting: Weighting) -> FloatArray:
    if weighting == "evidence":
        return np.maximum(distance**2, LEAST_EVIDENCE)
    if weighting == "setsize":
        return np.asarray(1 / np.bincount(part)[part], dtype=np.float64)
    if weighting == "equal":
        return np.ones(len(distance))
    raise JudgmentsError(
        f"arrangements: the weighting must be evidence, setsize or equal, "
        f"got {weighting}"
    )


def _combine(
    n_actions: int,
    part: IntArray,
    pair: IntArray,
    distance: FloatArray,
    weight: FloatArray,
    *,
    names: tuple[str, ...],
) -> Arranged:
    """The iteration of this module's docstring over parts: arenas, or people.

    part, pair: (n_judgments,) which part, and a * n_actions + b with a < b.
    """
    size = np.sqrt(np.bincount(part, distance**2, len(names)))
    kept = size[part] > 0  # a part on one spot has no scale
    if not kept.any():
        raise _no_scale(len(distance))
    part, distance, weight = part[kept], distance[kept], weight[kept]
    pairs, column = np.unique(pair[kept], return_inverse=True)
    total = np.bincount(column, weight, len(pairs))

    def mean(scaled: FloatArray) -> FloatArray:
        summed = np.bincount(column, weight * scaled, len(pairs)) / total
        return np.asarray(summed / np.sqrt((summed**2).sum()), dtype=np.float64)

    estimate = mean(distance)
    settled = False
    for _ in range(MOST_ITERATIONS):
        wanted = np.sqrt(np.bincount(part, estimate[column] ** 2, len(names)))
        new = mean(distance * wanted[part] / size[part])
        change = float(np.sqrt(((new - estimate) ** 2).sum()))
        estimate = new
        if change < RESTS:
            settled = True
            break
    estimate = estimate * np.sqrt(len(pairs))
    return Arranged(
        _square(n_actions, pairs, estimate, np.nan),
        _square(n_actions, pairs, total, 0.0),
        tuple(name for name, large in zip(names, size, strict=True) if not large > 0),
        settled,
    )


def _square(
    n_actions: int, pairs: IntArray, values: FloatArray, empty: float
) -> FloatArray:
    """(n_actions, n_actions) symmetric, 0 on the diagonal."""
    square = np.full((n_actions, n_actions), empty)
    np.fill_diagonal(square, 0.0)
    rows, columns = np.divmod(pairs, n_actions)
    square[rows, columns] = square[columns, rows] = values
    return square


def _no_scale(n_judgments: int) -> JudgmentsError:
    return JudgmentsError(
        "arrangements: needs an arena in which two actions lie apart, got none among "
        f"{n_judgments:,} distances"
    )
