"""From answers in words to a rater's result; shared by all models that are asked.

A pair's similarity is the mean score of its usable answers over all conditions, a value
likewise. Nothing is imputed: a question that was refused or not answered on the scale
is counted, kept among the replies, and gives nothing.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import nan
from typing import Any

import numpy as np

from alignment.judgments import Actions
from alignment.matrices import FloatArray, from_pair_means
from alignment.raters.base import (
    Outcome,
    Provenance,
    RaterResult,
    Reply,
    Task,
    TripletChoices,
    ValueRatings,
)
from alignment.raters.questions import Question
from alignment.raters.variation import variation


@dataclass(frozen=True)
class Answer:
    """What a model made of one question.

    rating: As written, on the scale as shown. score: What counts, on that same scale;
        it may come from probabilities. chosen: 0, 1 or 2 of the three as shown.
    """

    text: str
    outcome: Outcome
    cached: bool
    rating: int | None = None
    score: float = nan
    chosen: int | None = None
    off_scale: float = nan


def gather(
    name: str,
    actions: Actions,
    questions: Sequence[Question],
    answers: Sequence[Answer],
    *,
    description: str,
    provenance: Provenance,
) -> RaterResult:
    """A rater's result from its answers, one for each question.

    Args:
        description: Who was asked what; the losses are added to it.
    """
    replies = tuple(
        _reply(question, answer, actions)
        for question, answer in zip(questions, answers, strict=True)
    )
    row = {id_: k for k, id_ in enumerate(actions.ids)}
    pairs = [reply for reply in replies if reply.task == "pair"]
    used = [reply for reply in pairs if reply.outcome == "used"]
    matrix = from_pair_means(
        actions.ids,
        np.array([row[reply.first] for reply in used], dtype=np.int64),
        np.array([row[reply.second] for reply in used], dtype=np.int64),
        np.array([reply.score for reply in used], dtype=np.float64) / 100,
        rater=name,
    )
    asked = np.zeros(matrix.values.shape, dtype=np.bool_)
    for reply in pairs:
        asked[row[reply.first], row[reply.second]] = True
    asked |= asked.T
    n_asked = int(asked.sum()) // 2
    n_lost = int((asked & np.isnan(matrix.values)).sum()) // 2
    return RaterResult(
        matrix,
        f"{description} {_losses(replies)}",
        n_asked=n_asked,
        n_refused=n_lost,
        replies=replies,
        asked=asked,
        values=_values(replies, row),
        triplets=_choices(replies, row),
        variation=variation(replies),
        provenance=replace(
            provenance, counts={**provenance.counts, **_counts(replies)}
        ),
    )


def _reply(question: Question, answer: Answer, actions: Actions) -> Reply:
    ids = [actions.ids[row] for row in question.rows]
    first, second, third = [*ids, "", ""][:3]
    how = question.condition
    return Reply(
        first=first,
        second=second,
        third=third,
        text=answer.text,
        rating=answer.rating,
        cached=answer.cached,
        task=question.task,
        dimension=question.dimension,
        paraphrase=how.paraphrase,
        order=how.order,
        reversed=how.reversed,
        repeat=how.repeat,
        outcome=answer.outcome,
        score=100 - answer.score if how.reversed else answer.score,
        odd="" if answer.chosen is None else ids[answer.chosen],
        off_scale=answer.off_scale,
    )


def _values(
    replies: Sequence[Reply], row: Mapping[str, int]
) -> dict[str, ValueRatings]:
    found: dict[str, ValueRatings] = {}
    for dimension in dict.fromkeys(r.dimension for r in replies if r.task == "value"):
        n_asked = np.zeros(len(row), dtype=np.int64)
        n_usable = np.zeros(len(row), dtype=np.int64)
        summed = np.zeros(len(row))
        for reply in replies:
            if reply.task == "value" and reply.dimension == dimension:
                n_asked[row[reply.first]] += 1
                if reply.outcome == "used":
                    n_usable[row[reply.first]] += 1
                    summed[row[reply.first]] += reply.score
        values: FloatArray = np.full(len(row), np.nan)
        np.divide(summed, n_usable, out=values, where=n_usable > 0)
        found[dimension] = ValueRatings(dimension, values, n_usable, n_asked)
    return found


def _choices(replies: Sequence[Reply], row: Mapping[str, int]) -> TripletChoices | None:
    asked = [reply for reply in replies if reply.task == "triplet"]
    place: dict[tuple[int, ...], int] = {}
    for reply in asked:
        place.setdefault(_rows_of(reply, row), len(place))
    if not place:
        return None
    named = np.zeros((len(place), 3))
    n_asked = np.zeros(len(place), dtype=np.int64)
    for reply in asked:
        rows = _rows_of(reply, row)
        n_asked[place[rows]] += 1
        if reply.outcome == "used":
            named[place[rows], rows.index(row[reply.odd])] += 1
    n_usable = named.sum(axis=1)
    shares = np.full_like(named, np.nan)
    np.divide(named, n_usable[:, None], out=shares, where=n_usable[:, None] > 0)
    triplets = np.array(list(place), dtype=np.int64)
    return TripletChoices(triplets, shares, n_usable.astype(np.int64), n_asked)


def _rows_of(reply: Reply, row: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(sorted(row[id_] for id_ in (reply.first, reply.second, reply.third)))


def _losses(replies: Sequence[Reply]) -> str:
    lost = Counter(reply.outcome for reply in replies)
    wanted: dict[Task, str] = {
        "pair": "one whole number from 0 to 100",
        "value": "one whole number from 0 to 100",
        "triplet": "one of the three",
    }
    meant = " or ".join(dict.fromkeys(wanted[reply.task] for reply in replies))
    n_not = lost["refused"] + lost["unparsable"]
    return (
        f"{n_not:,} of {len(replies):,} replies were not "
        f"{meant or wanted['pair']}; {lost['refused']:,} of those refused."
    )


def _counts(replies: Sequence[Reply]) -> dict[str, Any]:
    known = [r.off_scale for r in replies if r.off_scale == r.off_scale]
    outcomes = Counter((reply.task, reply.outcome) for reply in replies)
    tasks = dict.fromkeys(reply.task for reply in replies)
    return {
        "questions": len(replies),
        "from_cache": sum(reply.cached for reply in replies),
        "outcomes": {
            task: {o: n for (t, o), n in sorted(outcomes.items()) if t == task}
            for task in tasks
        },
        "mean_off_scale": float(np.mean(known)) if known else None,
        "answers_with_probabilities": len(known),
    }
