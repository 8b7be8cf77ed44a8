"""What is usual in a study: the distributions that a session is held against.

Tallies are kept whole, and a session's own answers are taken off them when it is judged
(leave one out), so that nobody is compared with themselves. Building costs one pass over
the answers; 400 sessions of 60 trials take well under a second.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median

from collection.attention.evidence import Judged, Question, SessionEvidence
from collection.attention.statistics import correlation, normal_scores, quantile

LEVELS = (0.25, 0.5, 0.75)
"""Quantiles of the sessions at which agreement is taken: attentive people differ."""
STILL = 0.7
"""Quantile of the sessions at which staying in place is taken: attentive people who use
a narrow part of the scale are above the middle."""
LEAST_IN_SCALE = 6
"""Answers on one scale that can be put in order at all."""

Tally = Mapping[Question, tuple[float, int]]


@dataclass(frozen=True)
class Compared:
    """One answer beside what the others answered.

    at: Place among the session's answers.
    own, others: Both as normal scores within the session's answers on that scale
        (ratings), or whether the odd one out was the one that the others' judgments
        predict (`own` 1 or 0, `others` 1).
    """

    at: int
    kind: str
    own: float
    others: float


@dataclass(frozen=True)
class Reference:
    """The study's own distributions, by kind of trial where kinds differ.

    members: Sessions whose answers are in the tallies.
    ratings: Question -> sum and number of first ratings.
    together: Two actions on a triplet scale -> how often they stayed together, and how
        often they were shown.
    agreement: Kind -> agreement with the others at `LEVELS` of the sessions:
        correlations, or hit rates of triplets. Kinds nobody could be compared on are
        left out.
    repeated: Kind -> median correlation of first with second ratings.
    usual_ms: Kind -> median over sessions of their median response time.
    same_place: Kind -> share of answers that stand where the one before stood, at the
        quantile `STILL` of the sessions.
    """

    members: frozenset[str]
    ratings: Tally
    together: Tally
    agreement: Mapping[str, tuple[float, ...]]
    repeated: Mapping[str, float]
    usual_ms: Mapping[str, float]
    same_place: Mapping[str, float]

    def summary(self) -> dict[str, object]:
        """What a run stores of it: the distributions, not the tallies."""
        return {
            "n_sessions": len(self.members),
            "agreement": {
                k: [round(r, 3) for r in v] for k, v in self.agreement.items()
            },
            "repeated": {k: round(r, 3) for k, r in self.repeated.items()},
            "usual_ms": {k: round(ms) for k, ms in self.usual_ms.items()},
            "same_place": {k: round(r, 3) for k, r in self.same_place.items()},
        }


def reference_of(
    sessions: Collection[SessionEvidence], *, least_others: int, tolerance: float
) -> Reference:
    """The reference that these sessions make.

    Args:
        least_others: Others who must have judged a question before it counts.
        tolerance: Places (0-100) no further apart than this are the same.
    """
    ratings: dict[Question, tuple[float, int]] = {}
    together: dict[Question, tuple[float, int]] = {}
    for session in sessions:
        _add(session, ratings, together)
    tallied = Reference(
        members=frozenset(session.session for session in sessions),
        ratings=ratings,
        together=together,
        agreement={},
        repeated={},
        usual_ms={},
        same_place={},
    )
    agreement: dict[str, list[float]] = defaultdict(list)
    repeated: dict[str, list[float]] = defaultdict(list)
    usual: dict[str, list[float]] = defaultdict(list)
    stayed: dict[str, list[float]] = defaultdict(list)
    for session in sessions:
        for kind, found in _by_kind(compared(session, tallied, least_others)).items():
            if (level := agreement_level(kind, found)) is not None:
                agreement[kind].append(level)
        by_kind: dict[str, list[tuple[float, float]]] = defaultdict(list)
        for kind, first, second in repeats_of(session):
            by_kind[kind].append((first, second))
        for kind, pairs in by_kind.items():
            r = correlation([one for one, _ in pairs], [two for _, two in pairs])
            if r is not None and len(pairs) >= 4:
                repeated[kind].append(r)
        for kind in {answer.kind for answer in session.answers}:
            times = [a.rt_ms for a in session.answers if a.kind == kind and a.rt_ms]
            if times:
                usual[kind].append(median(times))
            steps = [
                same
                for of, same in same_places(session, 1, tolerance)
                if of == kind and same is not None
            ]
            if steps:
                stayed[kind].append(sum(steps) / len(steps))
    return Reference(
        members=tallied.members,
        ratings=ratings,
        together=together,
        agreement={
            kind: tuple(quantile(levels, share) for share in LEVELS)
            for kind, levels in agreement.items()
        },
        repeated={kind: median(found) for kind, found in repeated.items()},
        usual_ms={kind: median(found) for kind, found in usual.items()},
        same_place={kind: quantile(found, STILL) for kind, found in stayed.items()},
    )


def compared(
    session: SessionEvidence, reference: Reference, least_others: int
) -> list[Compared]:
    """The session's first answers beside the others', in the session's order."""
    own_ratings: dict[Question, tuple[float, int]] = {}
    own_together: dict[Question, tuple[float, int]] = {}
    if session.session in reference.members:
        _add(session, own_ratings, own_together)
    by_scale: dict[tuple[str, str], list[tuple[int, float, float]]] = defaultdict(list)
    found: list[Compared] = []
    for at, answer in enumerate(session.answers):
        if answer.repeat:
            continue
        if answer.rating is not None:
            mean = _mean(reference.ratings, own_ratings, answer.question, least_others)
            if mean is not None:
                scale = (answer.kind, answer.scale)
                by_scale[scale].append((at, answer.rating, mean))
        elif answer.odd:
            guess = _predicted_odd(answer, reference, own_together, least_others)
            if guess is not None:
                hit = 1.0 if guess == answer.odd else 0.0
                found.append(Compared(at, answer.kind, hit, 1.0))
    for (kind, _), rows in by_scale.items():
        if len(rows) < LEAST_IN_SCALE:
            continue
        own = normal_scores([rating for _, rating, _ in rows])
        others = normal_scores([mean for _, _, mean in rows])
        found += [
            Compared(at, kind, x, y)
            for (at, _, _), x, y in zip(rows, own, others, strict=True)
        ]
    return sorted(found, key=lambda one: one.at)


def agreement_level(kind: str, found: Sequence[Compared]) -> float | None:
    """Correlation with the others, or the hit rate of triplets; None if too few."""
    if len(found) < LEAST_IN_SCALE:
        return None
    if kind == "triplet":
        return sum(one.own for one in found) / len(found)
    return correlation([one.own for one in found], [one.others for one in found])


def repeats_of(session: SessionEvidence) -> list[tuple[str, float, float]]:
    """(kind, first, second) of every question rated twice, as normal scores.

    Scores are taken within all of the session's ratings on that scale, so that a person
    whose ratings all lie close together is not taken for a consistent one.
    """
    by_scale: dict[tuple[str, str], list[Judged]] = defaultdict(list)
    for answer in session.answers:
        if answer.rating is not None:
            by_scale[answer.kind, answer.scale].append(answer)
    found = []
    for (kind, _), answers in by_scale.items():
        scores = normal_scores([answer.rating or 0.0 for answer in answers])
        if not any(scores):
            continue
        first: dict[Question, float] = {}
        for answer, score in zip(answers, scores, strict=True):
            if not answer.repeat:
                first[answer.question] = score
            elif answer.question in first:
                found.append((kind, first[answer.question], score))
    return found


def same_places(
    session: SessionEvidence, period: int, tolerance: float
) -> list[tuple[str, bool | None]]:
    """(kind, whether it stands where the answer `period` before stood) of each answer.

    None where there is no such answer on the same scale: nothing can be said.
    """
    earlier: dict[str, list[float]] = defaultdict(list)
    found: list[tuple[str, bool | None]] = []
    for answer in session.answers:
        if answer.place is None:
            found.append((answer.kind, None))
            continue
        places = earlier[answer.scale]
        same = None
        if len(places) >= period:
            allowed = 0 if answer.kind == "triplet" else tolerance
            same = abs(answer.place - places[-period]) <= allowed
        found.append((answer.kind, same))
        places.append(answer.place)
    return found


# ------------------------------------------------------------------ the pieces


def _add(
    session: SessionEvidence,
    ratings: dict[Question, tuple[float, int]],
    together: dict[Question, tuple[float, int]],
) -> None:
    for answer in session.answers:
        if answer.repeat:
            continue
        if answer.rating is not None:
            total, n = ratings.get(answer.question, (0.0, 0))
            ratings[answer.question] = (total + answer.rating, n + 1)
        elif answer.odd:
            for pair in combinations(sorted(answer.actions), 2):
                total, n = together.get((answer.scale, pair), (0.0, 0))
                stayed = answer.odd not in pair
                together[answer.scale, pair] = (total + stayed, n + 1)


def _mean(tally: Tally, own: Tally, question: Question, least: int) -> float | None:
    total, n = tally.get(question, (0.0, 0))
    mine, n_mine = own.get(question, (0.0, 0))
    return (total - mine) / (n - n_mine) if n - n_mine >= least else None


def _predicted_odd(
    answer: Judged, reference: Reference, own: Tally, least: int
) -> str | None:
    """The action whose two companions the others kept together most often."""
    shares = {}
    for odd in answer.actions:
        pair = tuple(sorted(set(answer.actions) - {odd}))
        question = (answer.scale, pair)
        share = _mean(reference.together, own, question, least)
        if share is None:
            return None
        shares[odd] = share
    return max(sorted(shares), key=shares.__getitem__)


def _by_kind(found: Sequence[Compared]) -> dict[str, list[Compared]]:
    kinds: dict[str, list[Compared]] = defaultdict(list)
    for one in found:
        kinds[one.kind].append(one)
    return kinds
