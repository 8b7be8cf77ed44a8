"""Judgments of simulated people without pages: for calibrating tests over many studies.

The same people and the same truth as in `simulation.py`, but asked directly. A study
that walks the real pages takes a minute; hundreds of null studies need this door.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, combinations, cycle, islice

import numpy as np

from alignment.judgments import (
    SimilarityJudgments,
    TripletJudgments,
    ValueJudgments,
)
from collection.simulated_people import Beliefs, SimulatedPerson
from collection.truth import Truth


@dataclass(frozen=True)
class DirectJudgments:
    """What simulated people said, as the libraries read it."""

    values: ValueJudgments
    similarities: SimilarityJudgments
    triplets: TripletJudgments


def judgments_directly(
    truth: Truth,
    *,
    seed: int,
    similarity_raters: int,
    pairs_each: int,
    value_raters: int,
    dimensions_each: int = 2,
    triplet_raters: int = 0,
    triplets_each: int = 0,
    careless: float = 0.0,
) -> DirectJudgments:
    """Ask simulated people, in three groups of different people.

    Pairs are dealt evenly: no pair is judged twice more often than another, and no
    person meets a pair twice. Every value person rates all actions on
    `dimensions_each` whole dimensions, dealt evenly too. Triplets are drawn at random.

    Args:
        truth: What is true.
        seed: The people's seed; the same truth with another seed has other people.
        similarity_raters: How many people judge pairs.
        pairs_each: Pairs per person, at most n_actions (n_actions - 1) / 2.
        value_raters: How many people rate values.
        dimensions_each: Dimensions per value person.
        triplet_raters: How many people judge triplets.
        triplets_each: Triplets per person.
        careless: Share of careless people, 0 to 1.
    """
    beliefs = Beliefs.from_json(truth.as_json())
    rng = np.random.default_rng((seed, len(truth.action_ids)))
    n_people = similarity_raters + triplet_raters + value_raters
    people = iter(
        [
            SimulatedPerson(beliefs, seed=seed, number=number, careless=careless)
            for number in range(n_people)
        ]
    )
    return DirectJudgments(
        similarities=_pairs(
            truth, list(islice(people, similarity_raters)), pairs_each, rng
        ),
        triplets=_triplets(
            truth, list(islice(people, triplet_raters)), triplets_each, rng
        ),
        values=_values(truth, list(people), dimensions_each),
    )


def _name(person: SimulatedPerson) -> str:
    return f"p-{person.number:08x}"


def _pairs(
    truth: Truth,
    people: list[SimulatedPerson],
    pairs_each: int,
    rng: np.random.Generator,
) -> SimilarityJudgments:
    ids = truth.action_ids
    deck = _shuffled_rounds(list(combinations(range(len(ids)), 2)), rng)
    set_aside: list[tuple[int, int]] = []
    rows: list[tuple[int, int, str, float]] = []
    for person in people:
        for a, b in _hand(deck, pairs_each, set_aside):
            if (rating := person.similarity_rating(ids[a], ids[b])) is not None:
                rows.append((a, b, _name(person), rating / 100))
    return SimilarityJudgments(
        actions=ids,
        a=np.array([row[0] for row in rows], dtype=np.int64),
        b=np.array([row[1] for row in rows], dtype=np.int64),
        rater=np.array([row[2] for row in rows], dtype=np.str_),
        similarity=np.array([row[3] for row in rows], dtype=np.float64),
        weight=np.ones(len(rows)),
        group=np.full(len(rows), "similarity"),
    )


def _shuffled_rounds(
    pairs: list[tuple[int, int]], rng: np.random.Generator
) -> Iterator[tuple[int, int]]:
    """All pairs in random order, again and again, each round in a new order."""
    while True:
        yield from [pairs[i] for i in rng.permutation(len(pairs))]


def _hand(
    deck: Iterator[tuple[int, int]], size: int, set_aside: list[tuple[int, int]]
) -> list[tuple[int, int]]:
    """The next `size` different pairs.

    Where two rounds meet, a pair may come up twice: the second waits in `set_aside`
    for the next person, so that none is judged less often for it.
    """
    hand: list[tuple[int, int]] = []
    waiting, set_aside[:] = list(set_aside), []
    for pair in chain(waiting, deck):
        (set_aside if pair in hand else hand).append(pair)
        if len(hand) == size:
            break
    # Those who waited and were not reached wait on.
    set_aside += waiting[len(hand) + len(set_aside) :]
    return hand


def _triplets(
    truth: Truth,
    people: list[SimulatedPerson],
    triplets_each: int,
    rng: np.random.Generator,
) -> TripletJudgments:
    ids = truth.action_ids
    rows: list[tuple[list[int], int, str]] = []
    for person in people:
        for _ in range(triplets_each):
            three = sorted(int(i) for i in rng.choice(len(ids), 3, replace=False))
            if (odd := person.odd_one_out([ids[i] for i in three])) is not None:
                rows.append((three, ids.index(odd), _name(person)))
    n_triplets = len(ids) * (len(ids) - 1) * (len(ids) - 2) / 6
    return TripletJudgments(
        actions=ids,
        triplets=np.array([row[0] for row in rows], dtype=np.int64).reshape(-1, 3),
        odd=np.array([row[1] for row in rows], dtype=np.int64),
        rater=np.array([row[2] for row in rows], dtype=np.str_),
        sampler=np.full(len(rows), "random"),
        propensity=np.full(len(rows), 1 / n_triplets),
        group=np.full(len(rows), "triplets"),
    )


def _values(
    truth: Truth, people: list[SimulatedPerson], dimensions_each: int
) -> ValueJudgments:
    ids = truth.action_ids
    turns = cycle(truth.values)
    rows: list[tuple[int, str, str, float]] = []
    for person in people:
        for dimension in islice(turns, dimensions_each):
            for index, action in enumerate(ids):
                rating = person.value_rating(dimension, action)
                if rating is not None:
                    rows.append((index, dimension, _name(person), float(rating)))
    return ValueJudgments(
        actions=ids,
        action=np.array([row[0] for row in rows], dtype=np.int64),
        dimension=np.array([row[1] for row in rows], dtype=np.str_),
        rater=np.array([row[2] for row in rows], dtype=np.str_),
        value=np.array([row[3] for row in rows], dtype=np.float64),
        group=np.full(len(rows), "values"),
    )
