"""Dealing trials out in memory, as the scheduler does on the database.

What is dealt is what `assignment.py` and `reservations.py` would deal: groups by how far
they lag behind their shares, cells by the fewest judgments with ties at random, whole
dimensions alike, nothing twice to one person. People come one after the other here;
with many at a time the real scheduler counts what is being answered, so that the loads
come out as even (`tests/collection/forecasting/test_desk.py` compares them).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np

from alignment.matrices import IntArray
from collection.assignment import REPEAT_DISTANCE, block_orders, dimensions_of
from collection.definition_parts import (
    ArrangementBlock,
    PairBlock,
    QuestionsBlock,
    TripletBlock,
    ValueBlock,
)
from collection.definitions import StudyDefinition


@dataclass(frozen=True, eq=False)
class Ask:
    """One trial that was dealt.

    Attributes:
        kind: pair, value, triplet, arrangement or question.
        block: Key of its block.
        actions: Row numbers of the actions shown.
        dimension: Of a value.
        repeat: Whether this person was asked the same before.
        question: Key of a question.
        cell: The counted place that it fills: of a pair, of a scattered value, or of a
            whole dimension, in which case it counts once the last action is answered.
    """

    kind: str
    block: str
    actions: tuple[int, ...] = ()
    dimension: str = ""
    repeat: bool = False
    question: str = ""
    cell: int = -1


class Desk:
    """Who gets what, over one study. Holds the loads.

    Attributes:
        pair_load: (n_pairs,) judgments completed of each pair, in the order of
            `combinations(range(n_actions), 2)`.
        value_load: (n_dimensions, n_actions) the same of scattered values.
        vector_load: (n_dimensions,) complete vectors.
    """

    def __init__(self, definition: StudyDefinition, rng: np.random.Generator) -> None:
        self._definition = definition
        self._rng = rng
        self._n = len(definition.actions)
        self._joined: Counter[tuple[str, str]] = Counter()
        self._dimensions = [dimension.name for dimension in definition.dimensions]
        self.pair_load: IntArray = np.zeros(
            self._n * (self._n - 1) // 2, dtype=np.int64
        )
        shape = (len(self._dimensions), self._n)
        self.value_load: IntArray = np.zeros(shape, dtype=np.int64)
        self.vector_load: IntArray = np.zeros(shape[0], dtype=np.int64)

    @cached_property
    def pairs(self) -> IntArray:
        """(n_pairs, 2) row numbers of the actions of each pair."""
        return np.array(list(combinations(range(self._n), 2)), dtype=np.int64)

    def join(self) -> tuple[str, list[str]]:
        """The group and block order that lag most behind their shares, ties at random.

        The twin of `assignment.choose_group`: everybody who joined counts.
        """
        lags = [
            (
                self._joined[group.name, ">".join(order)] * len(orders) / group.share,
                group.name,
                order,
            )
            for group in self._definition.groups
            for orders in [block_orders(group.blocks, self._definition)]
            for order in orders
        ]
        least = min(lag for lag, _, _ in lags)
        tied = [(name, order) for lag, name, order in lags if lag == least]
        name, order = tied[int(self._rng.integers(len(tied)))]
        self._joined[name, ">".join(order)] += 1
        return name, order

    def deal(self, blocks: list[str]) -> Iterator[Ask]:
        """The trials of one session, in order.

        Whoever takes them stops when the person leaves, and reports what was answered
        (`answered`) before the next person comes.
        """
        met = _Met(np.zeros(len(self.pair_load), dtype=bool), set(), set(), set())
        position = 0
        for key in blocks:
            block = self._definition.block(key)
            for ask in self._of_block(block, met, position):
                position += 1
                yield ask

    def answered(self, ask: Ask, *, last: bool = False) -> None:
        """Count an answer. `last`: it completes its whole dimension."""
        if ask.repeat or ask.cell < 0:
            return
        if ask.kind == "pair":
            self.pair_load[ask.cell] += 1
        elif ask.kind == "value" and self._is_scattered(ask.block):
            self.value_load[ask.cell, ask.actions[0]] += 1
        elif ask.kind == "value" and last:
            self.vector_load[ask.cell] += 1

    def _is_scattered(self, key: str) -> bool:
        block = self._definition.block(key)
        return isinstance(block, ValueBlock) and block.assign == "cells"

    def _of_block(self, block: object, met: _Met, position: int) -> Iterator[Ask]:
        if isinstance(block, QuestionsBlock):
            for question in block.questions:
                yield Ask("question", block.key, question=question)
        elif isinstance(block, ArrangementBlock):
            for _ in range(block.arenas_per_session):
                yield Ask("arrangement", block.key)
        elif isinstance(block, TripletBlock):
            yield from self._triplets(block, met)
        elif isinstance(block, PairBlock):
            yield from self._with_repeats(self._pairs(block, met), block, position)
        elif isinstance(block, ValueBlock) and block.assign == "cells":
            yield from self._with_repeats(self._values(block, met), block, position)
        elif isinstance(block, ValueBlock):
            yield from self._whole_dimensions(block, met)

    def _pairs(self, block: PairBlock, met: _Met) -> list[Ask]:
        # Nobody else's answers come in between, so the session's pairs are the least
        # judged ones, taken together.
        free = np.flatnonzero(~met.pairs)
        chosen = free[self._least(self.pair_load[free], block.trials_per_session)]
        met.pairs[chosen] = True
        return [
            Ask("pair", block.key, (int(a), int(b)), cell=int(cell))
            for cell, (a, b) in zip(chosen, self.pairs[chosen], strict=True)
        ]

    def _values(self, block: ValueBlock, met: _Met) -> list[Ask]:
        wanted = [
            self._dimensions.index(name)
            for name in dimensions_of(block, self._definition)
        ]
        free = [
            (d, a) for d in wanted for a in range(self._n) if (d, a) not in met.values
        ]
        load = np.array([self.value_load[cell] for cell in free], dtype=np.int64)
        chosen = [free[i] for i in self._least(load, block.trials_per_session or 0)]
        met.values.update(chosen)
        return [
            Ask("value", block.key, (a,), self._dimensions[d], cell=d)
            for d, a in chosen
        ]

    def _least(self, load: IntArray, wanted: int) -> IntArray:
        """The places of the `wanted` smallest loads, ties at random."""
        wanted = min(wanted, len(load))
        key = load + self._rng.random(len(load))
        if wanted < len(load):
            near: IntArray = np.argpartition(key, wanted)[:wanted]
        else:
            near = np.arange(len(load), dtype=np.int64)
        return np.asarray(near[np.argsort(key[near])], dtype=np.int64)

    def _with_repeats(
        self, first: list[Ask], block: PairBlock | ValueBlock, position: int
    ) -> Iterator[Ask]:
        """The trials, and then some of the earlier ones again, not the very last."""
        yield from first
        left = list(enumerate(first, start=position))
        for at in range(position + len(first), position + len(first) + block.repeats):
            if not left:
                return
            distant = [one for one in left if at - one[0] > REPEAT_DISTANCE] or left
            again = distant[int(self._rng.integers(len(distant)))]
            left.remove(again)
            yield Ask(
                again[1].kind,
                block.key,
                again[1].actions,
                again[1].dimension,
                repeat=True,
            )

    def _whole_dimensions(self, block: ValueBlock, met: _Met) -> Iterator[Ask]:
        free = [
            place
            for name in dimensions_of(block, self._definition)
            if (place := self._dimensions.index(name)) not in met.dimensions
        ]
        load = self.vector_load[free]
        chosen = [free[i] for i in self._least(load, block.dimensions_per_session)]
        met.dimensions.update(chosen)
        for place in chosen:
            name = self._dimensions[place]
            first = [int(a) for a in self._rng.permutation(self._n)]
            for action in first:
                yield Ask("value", block.key, (action,), name, cell=place)
            early = first[: max(block.repeats, len(first) - REPEAT_DISTANCE)]
            again = self._rng.choice(len(early), block.repeats, replace=False)
            for i in again:
                yield Ask("value", block.key, (early[i],), name, repeat=True)

    def _triplets(self, block: TripletBlock, met: _Met) -> Iterator[Ask]:
        n_all = self._n * (self._n - 1) * (self._n - 2) // 6
        for _ in range(block.trials_per_session):
            if len(met.triplets) >= n_all:
                return
            drawn = frozenset(int(i) for i in self._rng.choice(self._n, 3, False))
            while drawn in met.triplets:
                drawn = frozenset(int(i) for i in self._rng.choice(self._n, 3, False))
            met.triplets.add(drawn)
            yield Ask("triplet", block.key, tuple(sorted(drawn)))


@dataclass
class _Met:
    """What one person was shown: (n_pairs,) flags, and sets of the rest."""

    pairs: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
    values: set[tuple[int, int]]
    dimensions: set[int]
    triplets: set[frozenset[int]]
