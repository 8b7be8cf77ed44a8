"""One study of simulated people in memory: everyone joins, answers, leaves or finishes.

The people are those of `manage.py simulateparticipants`; the desk deals them trials.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from alignment.matrices import FloatArray, IntArray
from collection.definition_parts import QuestionsBlock
from collection.definitions import StudyDefinition
from collection.forecasting.desk import Ask, Desk
from collection.forecasting.settings import ForecastSettings
from collection.simulated_people import Beliefs, SimulatedPerson
from collection.truth import ORDERED, SIMILARITY_WEIGHTS, Truth, plant

LEAST_REPEATS = 5
"""As in `collection/quality.py`: fewer repeats exclude nobody."""
BUTTON_VALUES = range(0, 101, 10)
"""The places of a row of buttons (`collection/trial_page.py`)."""
USUAL_PACE_S = 8.0
"""Median seconds of a simulated person's judgment, made into the block's own."""


@dataclass(frozen=True, eq=False)
class Rows:
    """What was said of one target: pairs, triplets, or one dimension's actions.

    cell, rater: (n_judgments,) int64. A rater is the place of a person in `people`.
    value: (n_judgments,) on 0-1 for pairs, 0 or 1 for the pairs in triplets (1: these two
        stayed together), 0-100 for values.
    first, second: (n_repeats,) ratings on 0-100 and those given when asked again, by
        `repeat_rater`, (n_repeats,).
    """

    cell: IntArray
    rater: IntArray
    value: FloatArray
    first: FloatArray
    second: FloatArray
    repeat_rater: IntArray


@dataclass(frozen=True)
class Sitting:
    """How one person fared. `usable`: by the definition's own exclusion rules."""

    group: str
    finished: bool
    usable: bool
    minutes: float


@dataclass(frozen=True, eq=False)
class SimulatedStudy:
    """Everybody who joined, in order, and what they said.

    Attributes:
        people: In the order in which they joined.
        rows: Target -> judgments; "pairs", "triplets" or "value <dimension>".
        truth: What was true in this study.
        desk: The loads as they stood in the end.
    """

    people: tuple[Sitting, ...]
    rows: dict[str, Rows]
    truth: Truth
    desk: Desk

    def joined_for(self, n_finished: int) -> int:
        """How many had joined when so many had finished."""
        finished = np.cumsum([one.finished for one in self.people])
        return int(np.searchsorted(finished, n_finished)) + 1


@dataclass
class _Columns:
    """Rows while they are written."""

    said: list[tuple[int, int, float]] = field(default_factory=list)
    again: list[tuple[int, float, float]] = field(default_factory=list)

    def rows(self) -> Rows:
        cell, rater, value = zip(*self.said, strict=True) if self.said else ((), (), ())
        by, first, second = zip(*self.again, strict=True) if self.again else ((),) * 3
        return Rows(
            np.array(cell, dtype=np.int64),
            np.array(rater, dtype=np.int64),
            np.array(value, dtype=np.float64),
            np.array(first, dtype=np.float64),
            np.array(second, dtype=np.float64),
            np.array(by, dtype=np.int64),
        )


def planted(definition: StudyDefinition, seed: int) -> Truth:
    """A truth for these actions; attributes are dealt at random where none is usable."""
    named = usable_attributes(definition)
    attributes = [
        {name: action.attributes[name] for name in named}
        for action in definition.actions
    ]
    if not named:
        rng = np.random.default_rng((seed, 11))
        attributes = [
            {
                "area": f"area-{rng.integers(5)}",
                "valence": ("harmful", "neutral", "good")[rng.integers(3)],
                "stakes": ("low", "medium", "high")[rng.integers(3)],
            }
            for _ in attributes
        ]
    return plant(
        definition.action_ids,
        attributes,
        [dimension.name for dimension in definition.dimensions],
        world="follows",
        seed=seed,
    )


def usable_attributes(definition: StudyDefinition) -> list[str]:
    """The columns of actions.csv that a truth can be planted on.

    Every action has them, they differ between actions (or all would be alike, and no
    study of them reliable), and ordered ones hold codes that are known.
    """
    found = []
    for name in SIMILARITY_WEIGHTS:
        codes = {action.attributes.get(name, "") for action in definition.actions}
        known = name not in ORDERED or codes <= set(ORDERED[name])
        if "" not in codes and len(codes) > 1 and known:
            found.append(name)
    return found


def simulate(
    definition: StudyDefinition, settings: ForecastSettings, *, seed: int
) -> SimulatedStudy:
    """One study, until as many have finished as the longest forecast asks for.

    Studies of fewer people are its beginning.

    Args:
        seed: Of the truth, the people and all that is dealt.
    """
    truth = planted(definition, seed)
    beliefs = Beliefs.from_json(truth.as_json())
    rng = np.random.default_rng((seed, 7))
    desk = Desk(definition, rng)
    columns: defaultdict[str, _Columns] = defaultdict(_Columns)
    people: list[Sitting] = []
    finished = 0
    while finished < settings.participants[-1]:
        person = SimulatedPerson(
            beliefs, seed, len(people), settings.careless, settings.nature
        )
        group, blocks = desk.join()
        asks = list(desk.deal(blocks))
        leaves = bool(rng.random() < settings.dropout)
        stays = int(rng.integers(len(asks))) if leaves and asks else len(asks)
        session = _Session(definition, settings, person, len(people))
        for number, ask in enumerate(asks[:stays]):
            session.take(ask, columns)
            # A dimension is whole with the last of its first ratings.
            following = asks[number + 1] if number + 1 < len(asks) else None
            desk.answered(ask, last=_ends_dimension(ask, following))
        people.append(session.sitting(group, finished=not leaves))
        finished += not leaves
    return SimulatedStudy(
        tuple(people),
        {name: found.rows() for name, found in sorted(columns.items())},
        truth,
        desk,
    )


def _ends_dimension(ask: Ask, following: Ask | None) -> bool:
    return following is None or following.repeat or following.cell != ask.cell


class _Session:
    """One person's answers, as they give them."""

    def __init__(
        self,
        definition: StudyDefinition,
        settings: ForecastSettings,
        person: SimulatedPerson,
        rater: int,
    ) -> None:
        self._definition, self._settings = definition, settings
        self._person, self._rater = person, rater
        self._ids = definition.action_ids
        self._seconds = 60 * settings.extra_minutes
        self._failed_checks = 0
        self._earlier: dict[tuple[str, tuple[int, ...], str], int | None] = {}
        self._apart: list[float] = []

    def take(self, ask: Ask, columns: defaultdict[str, _Columns]) -> None:
        """Answer one trial."""
        block = self._definition.block(ask.block)
        seconds = self._settings.pace * block.seconds_per_trial
        if isinstance(block, QuestionsBlock):
            self._seconds += seconds
            self._question(ask.question)
            return
        _ANSWERS.get(ask.kind, _Session._nothing)(self, ask, columns)
        self._seconds += seconds * self._person.response_ms() / 1000 / USUAL_PACE_S

    def sitting(self, group: str, *, finished: bool) -> Sitting:
        """How this person fared, judged by the definition's exclusion rules."""
        rules = self._definition.exclusion
        limit = rules.max_repeat_difference
        consistent = (
            limit is None
            or len(self._apart) < LEAST_REPEATS
            or sum(self._apart) / len(self._apart) <= limit
        )
        return Sitting(
            group,
            finished,
            usable=consistent
            and (finished or not rules.require_finished)
            and self._failed_checks <= rules.max_failed_checks,
            minutes=self._seconds / 60,
        )

    def _nothing(self, ask: Ask, columns: defaultdict[str, _Columns]) -> None:
        """An arena: it takes its time, what it would say is not forecast."""

    def _pair(self, ask: Ask, columns: defaultdict[str, _Columns]) -> None:
        a, b = ask.actions
        rating = self._person.similarity_rating(self._ids[a], self._ids[b])
        self._rated(ask, "pairs", ask.cell, rating, 100.0, columns)

    def _value(self, ask: Ask, columns: defaultdict[str, _Columns]) -> None:
        (action,) = ask.actions
        rating = self._person.value_rating(ask.dimension, self._ids[action])
        self._rated(ask, f"value {ask.dimension}", action, rating, 1.0, columns)

    def _rated(
        self,
        ask: Ask,
        target: str,
        cell: int,
        rating: int | None,
        scale: float,
        columns: defaultdict[str, _Columns],
    ) -> None:
        if rating is not None and self._definition.scale.input == "buttons":
            wanted = rating
            rating = min(BUTTON_VALUES, key=lambda place: abs(place - wanted))
        key = (ask.block, ask.actions, ask.dimension)
        if not ask.repeat:
            self._earlier[key] = rating
            if rating is not None:
                columns[target].said.append((cell, self._rater, rating / scale))
            return
        first = self._earlier.get(key)
        if rating is not None and first is not None:
            columns[target].again.append((self._rater, float(first), float(rating)))
            self._apart.append(abs(rating - first))

    def _triplet(self, ask: Ask, columns: defaultdict[str, _Columns]) -> None:
        shown = [self._ids[i] for i in ask.actions]
        odd = self._person.odd_one_out(shown)
        if odd is None:
            return
        a, b, c = ask.actions
        for i, j, third in ((a, b, c), (a, c, b), (b, c, a)):
            stayed = float(self._ids[third] == odd)
            cell = pair_cell(i, j, len(self._ids))
            columns["triplets"].said.append((cell, self._rater, stayed))

    def _question(self, key: str) -> None:
        """A check of attention; everybody passes a check of the instructions."""
        question = self._definition.question(key)
        if question.purpose != "attention" or self._person.attends():
            return
        options = [option.key for option in question.options]
        self._failed_checks += self._person.option(key, options) != question.correct


_ANSWERS: dict[str, Callable[[_Session, Ask, defaultdict[str, _Columns]], None]] = {
    "pair": _Session._pair,
    "value": _Session._value,
    "triplet": _Session._triplet,
}


def pair_cell(a: int, b: int, n_actions: int) -> int:
    """The place of the pair a < b in `combinations(range(n_actions), 2)`."""
    return a * (2 * n_actions - a - 1) // 2 + b - a - 1
