"""Which pairs and actions a rater sees most differently from people, in words.

Raters use their scales differently, so what is compared is ranks: the share of all pairs
that a pair is more alike than. People's own ranks are uncertain, most where few judged, so
a difference counts by how far it exceeds what the noise in people's mean could do to any
pair; chance differences do not lead.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan
from pathlib import Path

import numpy as np
from scipy.stats import norm, rankdata

from alignment.folders import write_records
from alignment.judgments import Actions, SimilarityJudgments
from alignment.matrices import FloatArray, SimilarityMatrix

DRAWS = 200
SHOWN_PAIRS = 20
SHOWN_ACTIONS = 10
NEAREST = 2
# Differences in rank, as words.
FAR, PLAIN = 0.5, 0.25
# Of all pairs together: how often noise alone may make one of them stand out.
LEVEL = 0.05


@dataclass(frozen=True)
class PairDifference:
    """A pair that a rater sees closer, or further apart, than people do.

    place: 1 the most different, within a rater. people, model: Similarity in [0, 1].
    people_rank, model_rank: Mid-rank in (0, 1) among the pairs that both judged, 1 the
    most alike. noise: Standard deviation of people's rank; NaN where only means are
    known. excess: By how much |model_rank - people_rank| exceeds what noise would do to
    any of the pairs; not above 0, the difference may be chance.
    """

    rater: str
    place: int
    action_a: str
    action_b: str
    people: float
    model: float
    people_rank: float
    model_rank: float
    noise: float
    excess: float
    sentence: str


@dataclass(frozen=True)
class ActionDifference:
    """An action whose place among the others a rater sees differently.

    difference: Mean |rank difference| over its pairs. expected: What the noise in
    people's mean alone gives on average (NaN where only means are known).
    """

    rater: str
    place: int
    action: str
    difference: float
    expected: float
    sentence: str


@dataclass(frozen=True)
class Differences:
    """Of every rater, the pairs and the actions that it sees most differently."""

    pairs: tuple[PairDifference, ...]
    actions: tuple[ActionDifference, ...]

    def of(self, rater: str) -> tuple[list[PairDifference], list[ActionDifference]]:
        """Those of one rater, the most different first."""
        return (
            [each for each in self.pairs if each.rater == rater],
            [each for each in self.actions if each.rater == rater],
        )


def rank_noise(judgments: SimilarityJudgments, *, seed: int) -> FloatArray | None:
    """(n_pairs,) standard deviation of each pair's rank, from the raters' scatter.

    One variance of a single rating, pooled over pairs (a pair judged twice says little
    of its own), makes a normal error of each mean, by its number of judgments. The
    means with such errors are ranked anew, 200 times.

    Returns:
        NaN where a pair was never judged; None where the scatter cannot be known: only
        means, or no pair judged twice.
    """
    if not judgments.has_raters:
        return None
    n = len(judgments.actions)
    cell = judgments.a * n + judgments.b
    weight = np.bincount(cell, judgments.weight, n * n)
    summed = np.bincount(cell, judgments.weight * judgments.similarity, n * n)
    squares = np.bincount(cell, judgments.weight**2, n * n)
    mean: FloatArray = np.full(n * n, nan)
    np.divide(summed, weight, out=mean, where=weight > 0)
    counts = np.bincount(cell, minlength=n * n)
    freedom = int((counts[counts > 0] - 1).sum())
    if freedom < 1:
        return None
    gaps = judgments.similarity - mean[cell]
    spread = np.sqrt(
        (judgments.weight * gaps**2).sum() / judgments.weight.mean() / freedom
    )
    upper = np.ravel_multi_index(np.triu_indices(n, k=1), (n, n))
    known = upper[weight[upper] > 0]
    error = spread * np.sqrt(squares[known]) / weight[known]
    rng = np.random.default_rng(seed)
    draws = mean[known] + error * rng.standard_normal((DRAWS, len(known)))
    ranks = (rankdata(np.clip(draws, 0, 1), axis=1) - 0.5) / len(known)
    noise: FloatArray = np.full(len(upper), nan)
    noise[weight[upper] > 0] = ranks.std(axis=0, ddof=1)
    return noise


def differences(
    human: SimilarityMatrix,
    matrices: Mapping[str, SimilarityMatrix],
    actions: Actions,
    noise: FloatArray | None,
) -> Differences:
    """What each rater sees most differently from people, in words.

    A rater that gave all pairs one similarity, or judged fewer than 3 of people's pairs,
    has no rows: it has no order of its own.

    Args:
        noise: From `rank_noise`; None ranks by the difference alone, and says so.
    """
    pairs: list[PairDifference] = []
    changed: list[ActionDifference] = []
    for name, matrix in matrices.items():
        human.same_actions(matrix)
        both = ~np.isnan(human.pairs()) & ~np.isnan(matrix.pairs())
        if both.sum() < 3 or np.ptp(matrix.pairs()[both]) == 0:
            continue
        compared = _Compared(human, matrix, both, noise)
        pairs += _pairs(name, compared, actions)
        changed += _actions(name, compared, actions)
    return Differences(tuple(pairs), tuple(changed))


def write_differences(found: Differences, folder: Path) -> None:
    """`differences.csv` and `different_actions.csv`; an empty field for NaN."""
    write_records(folder / "differences.csv", PairDifference, found.pairs)
    write_records(folder / "different_actions.csv", ActionDifference, found.actions)


class _Compared:
    """Ranks of one rater and of people over the pairs that both judged."""

    def __init__(
        self,
        human: SimilarityMatrix,
        matrix: SimilarityMatrix,
        both: np.ndarray[tuple[int], np.dtype[np.bool_]],
        noise: FloatArray | None,
    ) -> None:
        rows = np.triu_indices(len(human), k=1)
        self.n = len(human)
        self.i, self.j = rows[0][both], rows[1][both]
        self.people, self.model = human.pairs()[both], matrix.pairs()[both]
        n_pairs = len(self.people)
        self.people_rank, self.model_rank = (
            (rankdata(each) - 0.5) / n_pairs for each in (self.people, self.model)
        )
        self.gap = self.model_rank - self.people_rank
        self.noise = np.full(n_pairs, nan) if noise is None else noise[both]
        # Two-sided, for all pairs together (Bonferroni).
        reach = float(norm.isf(LEVEL / 2 / n_pairs))
        doubt = np.where(np.isnan(self.noise), 0.0, self.noise)
        self.excess = np.abs(self.gap) - reach * doubt


def _pairs(rater: str, seen: _Compared, actions: Actions) -> list[PairDifference]:
    lead = np.argsort(-seen.excess, kind="stable")[:SHOWN_PAIRS]
    return [
        PairDifference(
            rater=rater,
            place=place,
            action_a=actions.ids[seen.i[k]],
            action_b=actions.ids[seen.j[k]],
            people=float(seen.people[k]),
            model=float(seen.model[k]),
            people_rank=float(seen.people_rank[k]),
            model_rank=float(seen.model_rank[k]),
            noise=float(seen.noise[k]),
            excess=float(seen.excess[k]),
            sentence=_pair_sentence(rater, seen, int(k), actions),
        )
        for place, k in enumerate(lead, start=1)
    ]


def _pair_sentence(rater: str, seen: _Compared, k: int, actions: Actions) -> str:
    gap = float(seen.gap[k])
    size = abs(gap)
    how = "far " if size >= FAR else "" if size >= PLAIN else "a little "
    way = "closer together" if gap > 0 else "further apart"
    first, second = (_quoted(actions, row) for row in (seen.i[k], seen.j[k]))
    chance = ""
    if not isnan(seen.noise[k]) and seen.excess[k] <= 0:
        chance = " (within people's noise)"
    return (
        f"{rater} puts {first} and {second} {how}{way} (more alike than "
        f"{_share(seen.model_rank[k])} of pairs) than people do "
        f"({_share(seen.people_rank[k])}){chance}."
    )


def _actions(rater: str, seen: _Compared, actions: Actions) -> list[ActionDifference]:
    judged = np.bincount(seen.i, minlength=seen.n) + np.bincount(
        seen.j, minlength=seen.n
    )
    # Half a normal variable's deviation on average: what noise alone would show.
    expected = _mean_by_action(seen, seen.noise * np.sqrt(2 / np.pi), judged)
    found = _mean_by_action(seen, np.abs(seen.gap), judged)
    score = found - np.where(np.isnan(expected), 0.0, expected)
    enough = judged >= 3
    lead = [int(k) for k in np.argsort(-score, kind="stable") if enough[k]]
    return [
        ActionDifference(
            rater=rater,
            place=place,
            action=actions.ids[k],
            difference=float(found[k]),
            expected=float(expected[k]),
            sentence=_action_sentence(rater, seen, k, actions),
        )
        for place, k in enumerate(lead[:SHOWN_ACTIONS], start=1)
    ]


def _mean_by_action(
    seen: _Compared,
    amount: FloatArray,
    judged: np.ndarray[tuple[int], np.dtype[np.int64]],
) -> FloatArray:
    summed = np.bincount(seen.i, amount, seen.n) + np.bincount(seen.j, amount, seen.n)
    mean: FloatArray = np.full(seen.n, nan)
    np.divide(summed, judged, out=mean, where=judged > 0)
    return mean


def _action_sentence(rater: str, seen: _Compared, k: int, actions: Actions) -> str:
    mine = (seen.i == k) | (seen.j == k)
    other = np.where(seen.i == k, seen.j, seen.i)[mine]

    def nearest(ranks: FloatArray) -> str:
        closest = other[np.argsort(-ranks[mine], kind="stable")[:NEAREST]]
        return _listed([_quoted(actions, row) for row in closest])

    return (
        f"{rater} puts {_quoted(actions, k)} nearest to {nearest(seen.model_rank)}; "
        f"people put it nearest to {nearest(seen.people_rank)}."
    )


def _share(rank: float) -> str:
    """Of all pairs; a rank never reaches none or all of them."""
    return f"{min(max(rank, 0.01), 0.99):.0%}"


def _quoted(actions: Actions, row: int) -> str:
    return f"“{actions.texts[row].rstrip('.')}”"


def _listed(names: Sequence[str]) -> str:
    return " and ".join(names)
