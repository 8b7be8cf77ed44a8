"""How one simulated person answers: what is true, seen through their own noise.

Each has a bias, a noisiness, and perhaps carelessness. An answer depends on the seed,
the person's number, the question and how often they have met it, and on nothing else:
not on which thread asked, nor on what the server asked before. Only the standard
library is used, because thousands of answers are drawn one at a time.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from math import exp, inf, sqrt
from statistics import NormalDist
from typing import Any, Literal

from collection.simulated_places import in_arena, spread_out

Manner = Literal["careful", "random", "straight-line", "fast", "first-half"]

CARELESS: tuple[Manner, ...] = ("random", "straight-line", "fast", "first-half")
"""The careless are these in equal parts."""
ATTENTION_SPAN = 30
"""Judgments that somebody with the manner `first-half` gives before they stop reading:
half of what a session usually asks."""

NOT_UNDERSTOOD_SHARE = 0.003
"""How often a careful person says that they do not understand an action."""

_NORMAL = NormalDist()
_TIMES_MET = re.compile(r" #\d+")


@dataclass(frozen=True)
class Beliefs:
    """The truth in the form people look it up: plain dictionaries and floats.

    Attributes:
        similarity: (action_id, action_id) -> 0..1, both orders present.
        values: (dimension, action_id) -> 0..100.
    """

    similarity: Mapping[tuple[str, str], float]
    values: Mapping[tuple[str, str], float]

    @classmethod
    def from_json(cls, truth: Mapping[str, Any]) -> Beliefs:
        """From a truth as `Truth.as_json` writes it."""
        ids, rows, values = truth["action_ids"], truth["similarity"], truth["values"]
        return cls(
            similarity={
                (a, b): float(cell)
                for a, row in zip(ids, rows, strict=True)
                for b, cell in zip(ids, row, strict=True)
            },
            values={
                (dimension, action): float(value)
                for dimension, vector in values.items()
                for action, value in zip(ids, vector, strict=True)
            },
        )


@dataclass(frozen=True)
class Nature:
    """How people of a population differ; the defaults are those of every simulation.

    Attributes:
        similarity_bias_sd: Spread, between people, of what each adds to every
            similarity (0-1 scale).
        similarity_sd: Mean over people of the spread of their own similarity answers
            (0-1 scale); people lie evenly within 45 % around it.
        value_offset_sd: Spread, between people, of what each adds to a whole dimension
            (0-100 scale).
        value_sd: The same as `similarity_sd` for values (0-100 scale), within 50 %.
        own_share: Share of that variance which is the person's lasting view, given
            again when they are asked again; the rest is drawn anew each time.

    Raises:
        ValueError: A spread is below zero, or the share is no share.
    """

    similarity_bias_sd: float = 0.06
    similarity_sd: float = 0.11
    value_offset_sd: float = 5.0
    value_sd: float = 8.0
    own_share: float = 0.0

    def __post_init__(self) -> None:
        for name in (
            "similarity_bias_sd",
            "similarity_sd",
            "value_offset_sd",
            "value_sd",
        ):
            if not 0 <= getattr(self, name) < inf:
                raise ValueError(f"{name}: from 0 up, got {getattr(self, name)}")
        if not 0 <= self.own_share <= 1:
            raise ValueError(f"own_share: from 0 to 1, got {self.own_share}")

    def noisier(self, times: float) -> Nature:
        """The same people with all their spreads multiplied."""
        return replace(
            self,
            similarity_bias_sd=times * self.similarity_bias_sd,
            similarity_sd=times * self.similarity_sd,
            value_offset_sd=times * self.value_offset_sd,
            value_sd=times * self.value_sd,
        )


USUAL_NATURE = Nature()


@dataclass(frozen=True)
class Temperament:
    """What is a person's own.

    Attributes:
        manner: Careful, or careless in one of four ways: a random answer to
            everything; the same answer to everything; a random answer in a second or
            two; careful for `ATTENTION_SPAN` judgments and random from then on.
        pace_s: Median seconds a judgment takes this person.
        similarity_bias: Added to every similarity (0-1 scale) this person sees.
        similarity_sd: Spread of this person's similarity answers (0-1 scale).
        value_sd: Spread of this person's value answers (0-100 scale).
    """

    manner: Manner
    pace_s: float
    similarity_bias: float
    similarity_sd: float
    value_sd: float


@dataclass
class SimulatedPerson:
    """One simulated participant, known by (seed, number).

    Args:
        beliefs: The truth that this person sees through noise.
        seed: The simulation's seed.
        number: Which person this is, from 0.
        careless: Share of people who answer carelessly, 0 to 1.
        nature: How people differ.
    """

    beliefs: Beliefs
    seed: int
    number: int
    careless: float = 0.0
    nature: Nature = USUAL_NATURE
    temperament: Temperament = field(init=False)
    _met: Counter[str] = field(init=False, default_factory=Counter)

    def __post_init__(self) -> None:
        manner: Manner = "careful"
        if self._uniform("careless?") < self.careless:
            which = self._uniform("which carelessness?")
            manner = CARELESS[int(len(CARELESS) * which)]
        self.temperament = Temperament(
            manner=manner,
            pace_s=1 + self._uniform("pace")
            if manner == "fast"
            else 8 * exp(0.35 * self._normal("pace")),
            similarity_bias=self.nature.similarity_bias_sd
            * self._normal("similarity bias"),
            similarity_sd=self.nature.similarity_sd
            * (6 + 10 * self._uniform("similarity sd"))
            / 11,
            value_sd=self.nature.value_sd * (0.5 + self._uniform("value sd")),
        )

    def similarity_rating(self, a: str, b: str) -> int | None:
        """0 (not at all similar) to 100, or None: "I do not understand"."""
        asked = self._asked("pair", *sorted((a, b)))
        if self._baffled(asked):
            return None
        if (careless := self._careless_rating(asked)) is not None:
            return careless
        return _rating(100 * self._seen_similarity(a, b, asked))

    def odd_one_out(self, shown: Sequence[str]) -> str | None:
        """Which of three actions is least like the others, or None: not understood."""
        asked = self._asked("triplet", *sorted(shown))
        if self._baffled(asked):
            return None
        if self._now() == "straight-line":
            return shown[0]
        if self._now() == "random":
            return shown[int(3 * self._uniform(f"any {asked}"))]
        # Sorted, so that the order on the page cannot matter.
        a, b, c = sorted(shown)
        others = {a: (b, c), b: (a, c), c: (a, b)}
        likeness = {
            odd: self._seen_similarity(*pair, f"{asked} without {odd}")
            for odd, pair in others.items()
        }
        return max(likeness, key=likeness.__getitem__)

    def arrangement(
        self, shown: Sequence[str]
    ) -> dict[str, tuple[float, float] | None]:
        """A place in the arena for each action, or None: "I do not understand".

        The best two dimensions for the dissimilarities as this person sees them, spread
        over the arena, and a hand that shakes a little. A careless person puts actions
        anywhere, or all of them on one spot.
        """
        asked = self._asked("arrangement", *sorted(shown))
        clear = [one for one in sorted(shown) if not self._baffled(f"{asked} {one}")]
        if self.temperament.manner == "straight-line":
            places = dict.fromkeys(clear, (0.5, 0.5))
        elif self.temperament.manner == "random":
            places = {
                one: in_arena(
                    self._uniform(f"across {asked} {one}"),
                    self._uniform(f"down {asked} {one}"),
                )
                for one in clear
            }
        else:
            seen = {
                (a, b): max(0.0, 1 - self._seen_similarity(a, b, f"{asked} {a} {b}"))
                for a, b in combinations(clear, 2)
            }
            shaken = self.temperament.similarity_sd / 4
            places = {
                one: in_arena(
                    x + shaken * self._normal(f"across {asked} {one}"),
                    y + shaken * self._normal(f"down {asked} {one}"),
                )
                for one, (x, y) in spread_out(clear, seen).items()
            }
        return {one: places.get(one) for one in shown}

    def value_rating(self, dimension: str, action: str) -> int | None:
        """0 (the low pole) to 100 (the high pole), or None: not understood."""
        asked = self._asked("value", dimension, action)
        if self._baffled(asked):
            return None
        if (careless := self._careless_rating(asked)) is not None:
            return careless
        offset = self.nature.value_offset_sd * self._normal(f"offset on {dimension}")
        noise = self.temperament.value_sd * self._own_view(asked)
        return _rating(self.beliefs.values[dimension, action] + offset + noise)

    def option(self, question: str, options: Sequence[str]) -> str:
        """One of the options of a question."""
        return options[int(len(options) * self._uniform(f"option of {question}"))]

    def number_between(self, question: str, low: int, high: int) -> int:
        """A whole number from low to high."""
        return low + int((high - low + 1) * self._uniform(f"number for {question}"))

    def response_ms(self) -> int:
        """How long the judgment that was given last took this person, lognormal."""
        spread = 0.3 if self.temperament.manner == "fast" else 0.5
        luck = self._normal(f"time of judgment {self._met.total()}")
        return max(250, round(1000 * self.temperament.pace_s * exp(spread * luck)))

    def attends(self) -> bool:
        """Whether this person reads what they are shown at this moment."""
        return self._now() == "careful"

    def chance(self, purpose: str) -> float:
        """A number in (0, 1), this person's own for this purpose."""
        return self._uniform(purpose)

    def _seen_similarity(self, a: str, b: str, asked: str) -> float:
        own = self.temperament
        noise = own.similarity_sd * self._own_view(asked)
        return self.beliefs.similarity[a, b] + own.similarity_bias + noise

    def _own_view(self, asked: str) -> float:
        """Standard normal: partly a lasting view of this question, partly of today."""
        today = self._normal(asked)
        if not self.nature.own_share:
            return today
        lasting = self._normal(f"view of {_TIMES_MET.sub('', asked)}")
        share = self.nature.own_share
        return sqrt(share) * lasting + sqrt(1 - share) * today

    def _asked(self, *question: str) -> str:
        """The question's name with how often this person has met it by now."""
        name = " ".join(question)
        self._met[name] += 1
        return f"{name} #{self._met[name]}"

    def _baffled(self, asked: str) -> bool:
        if self.temperament.manner != "careful":
            return False
        return self._uniform(f"baffled by {asked}") < NOT_UNDERSTOOD_SHARE

    def _now(self) -> Manner:
        """How this person answers the question that was just asked."""
        manner = self.temperament.manner
        if manner == "fast":
            return "random"  # at another pace: see `response_ms`
        if manner == "first-half":
            return "careful" if self._met.total() <= ATTENTION_SPAN else "random"
        return manner

    def _careless_rating(self, asked: str) -> int | None:
        if self._now() == "straight-line":
            return int(101 * self._uniform("the one answer"))
        if self._now() == "random":
            return int(101 * self._uniform(f"any {asked}"))
        return None

    def _uniform(self, purpose: str) -> float:
        """A number in (0, 1) that depends on the seed, the person and the purpose."""
        name = f"{self.seed}/{self.number}/{purpose}".encode()
        digest = hashlib.blake2b(name, digest_size=8).digest()
        return (int.from_bytes(digest) // 2**11 + 0.5) / 2**53

    def _normal(self, purpose: str) -> float:
        return _NORMAL.inv_cdf(self._uniform(purpose))


def _rating(raw: float) -> int:
    """The nearest whole rating from 0 to 100."""
    return min(100, max(0, round(raw)))
