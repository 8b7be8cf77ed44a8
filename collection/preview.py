"""A session that is nobody's: every page of a study, without anybody taking part.

Preview sessions exist in memory only: no participant, no session, no place is reserved, and
nothing is counted. Their trials are made by the definition alone, in the order in which a
session has them; which pairs and triplets people get depends on what others judged, so
here they are drawn at random. What differs between people (their dimensions, the order of
blocks, which way scales run) differs between the *variants* of a group.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import ceil, comb
from random import Random
from typing import Final

from django.utils import timezone

from collection.assignment import block_orders, dimensions_of, shuffled_actions
from collection.comprehension import checks
from collection.definition_parts import (
    ArrangementBlock,
    Block,
    Group,
    PairBlock,
    QuestionsBlock,
    TripletBlock,
    ValueBlock,
)
from collection.definitions import StudyDefinition
from collection.models import Participant, Study, StudySession, Trial
from collection.models.trials import Kind
from collection.quotas import limited

_NAMESPACE: Final = uuid.UUID("8d1f0a52-7f6c-4a0e-9d2b-6b0f7a4f5c11")
RATER: Final = "p-preview"
# Pages beside the way from the front page to the end: name -> what it is.
ASIDES: Final = {
    "declined": "Declined",
    "withdraw": "Withdraw?",
    "withdrawn": "Withdrawn",
    "trouble": "Something does not work",
    "stopped": "Stopped for our trouble",
    "again": "A check that was missed once",
    "return": "A check that was missed twice",
    "screened": "Screened out",
    "full": "The study is full",
}
BEFORE: Final = {
    "join": "Front page",
    "consent": "Consent",
    "instructions": "How it works",
}
AFTER: Final = {"debrief": "Thank you"}


@dataclass(frozen=True)
class Part:
    """A block of the session: its first page and how many trials it has."""

    block: str
    kind: str
    first: int
    n_trials: int

    @property
    def page(self) -> str:
        """The name of its first page."""
        return f"q{self.first}"


class Preview:
    """One variant of one group's session.

    Args:
        group: A group of the study's definition.
        variant: From 0; see :func:`n_variants`.
    """

    def __init__(self, study: Study, group: Group, variant: int) -> None:
        self.study = study
        self.group = group
        self.variant = variant
        self.definition: StudyDefinition = study.definition_model()
        orders = block_orders(group.blocks, self.definition)
        self.blocks = orders[variant % len(orders)]

    def session(self, status: str, language: str = "") -> StudySession:
        """The session as it would be at some page; it is never saved."""
        # The front page would turn people away from a draft.
        self.study.status = Study.Status.OPEN
        session = StudySession(
            code=self.code,
            participant=Participant(
                pk=0, study=self.study, rater_id=RATER, group=self.group.name
            ),
            study=self.study,
            status=status,
            group=self.group.name,
            blocks=self.blocks,
            language=language,
        )
        if status != StudySession.Status.ARRIVED:
            session.consented_at = timezone.now()
        return session

    @property
    def code(self) -> uuid.UUID:
        """Nobody's code: no session has it, as theirs are random."""
        name = f"{self.study.slug}/{self.group.name}/{self.variant}"
        return uuid.uuid5(_NAMESPACE, name)

    @cached_property
    def trials(self) -> list[Trial]:
        """Every trial of the session, in order."""
        trials: list[Trial] = []
        for key in self.blocks:
            for trial in self._of_block(self.definition.block(key)):
                trial.position = len(trials)
                trials.append(trial)
        return trials

    @cached_property
    def parts(self) -> list[Part]:
        """The session's blocks with where each begins, from 1."""
        parts: list[Part] = []
        first = 1
        for key in self.blocks:
            block = self.definition.block(key)
            n = sum(trial.block == key for trial in self.trials)
            parts.append(Part(key, block.kind, first, n))
            first += n
        return parts

    @property
    def differs(self) -> str:
        """What this session has that others of the group have not; empty if nothing."""
        if n_variants(self.study, self.group) == 1:
            return ""
        said = [" then ".join(self.blocks)] if self._turned_round else []
        rated = [trial for trial in self.trials if trial.kind == Kind.VALUE]
        said += dict.fromkeys(trial.dimension for trial in rated)
        if any(trial.polarity == Trial.Polarity.REVERSED for trial in rated):
            said.append("scales the other way round")
        return ", ".join(said)

    @property
    def _turned_round(self) -> bool:
        return len(block_orders(self.group.blocks, self.definition)) > 1

    @cached_property
    def pages(self) -> list[str]:
        """The names of the pages from the first to the last: `q7` is trial 7."""
        numbers = (f"q{n + 1}" for n in range(len(self.trials)))
        return [*BEFORE, *numbers, *AFTER]

    @cached_property
    def asides(self) -> dict[str, str]:
        """The pages that only some people see, and what they are."""
        checked = checks(self.definition)
        there = {
            "again": checked,
            "return": checked,
            "screened": any(q.screens for q in self.definition.questions),
            "full": limited(self.definition),
        }
        return {name: told for name, told in ASIDES.items() if there.get(name, True)}

    def second_attempt(self) -> Trial:
        """A comprehension question that was missed once."""
        asked = next(
            trial
            for trial in self.trials
            if trial.kind == Kind.QUESTION
            and self.definition.question(trial.question).purpose == "comprehension"
        )
        again = self._trial(asked.block, Kind.QUESTION, question=asked.question)
        again.position, again.repeat = asked.position + 1, True
        return again

    def _trial(self, block: str, kind: Kind, **shown: object) -> Trial:
        trial = Trial(block=block, kind=kind, **shown)
        trial.issued_at = timezone.now()
        return trial

    def _of_block(self, block: Block) -> Iterator[Trial]:
        rng = Random(f"{self.code}:{block.key}")
        if isinstance(block, QuestionsBlock):
            for key in block.questions:
                yield self._trial(block.key, Kind.QUESTION, question=key)
            return
        n = block.trials_in_session(len(self.definition.actions))
        if isinstance(block, ValueBlock):
            yield from self._values(block, rng)
            return
        n_actions, kind = _SHOWN[type(block)]
        if isinstance(block, ArrangementBlock):
            n_actions = min(block.actions_per_arena, len(self.definition.actions))
        for actions in _draws(self.definition.action_ids, n_actions, n, rng):
            yield self._trial(block.key, kind, actions=actions)

    def _values(self, block: ValueBlock, rng: Random) -> Iterator[Trial]:
        dimensions = dimensions_of(block, self.definition)
        turned = block.polarity == "randomised" and self.variant % 2 == 1
        polarity = Trial.Polarity.REVERSED if turned else Trial.Polarity.NORMAL
        if block.trials_per_session is not None:
            asked = [(a, d) for d in dimensions for a in self.definition.action_ids]
            n = min(block.trials_per_session, len(asked))
            for action, dimension in rng.sample(asked, n):
                yield self._rating(block, dimension, action, polarity)
            return
        session = self.session(StudySession.Status.CONSENTED)
        for dimension in _turn(dimensions, block.dimensions_per_session, self.variant):
            first, again = shuffled_actions(session, block, dimension, self.definition)
            for action in [*first, *again]:
                yield self._rating(block, dimension, action, polarity)

    def _rating(
        self, block: ValueBlock, dimension: str, action: str, polarity: str
    ) -> Trial:
        return self._trial(
            block.key,
            Kind.VALUE,
            actions=[action],
            dimension=dimension,
            polarity=polarity,
        )


_SHOWN: Final[dict[type, tuple[int, Kind]]] = {
    PairBlock: (2, Kind.PAIR),
    TripletBlock: (3, Kind.TRIPLET),
    ArrangementBlock: (0, Kind.ARRANGEMENT),
}


def n_variants(study: Study, group: Group) -> int:
    """How many sessions of a group have to be seen to see everything that differs."""
    definition = study.definition_model()
    n = len(block_orders(group.blocks, definition))
    for key in group.blocks:
        block = definition.block(key)
        if isinstance(block, ValueBlock):
            n = max(n, 2 if block.polarity == "randomised" else 1)
            if block.trials_per_session is None:
                all_of_them = len(dimensions_of(block, definition))
                n = max(n, ceil(all_of_them / block.dimensions_per_session))
    return n


def _turn(dimensions: list[str], per_session: int, variant: int) -> list[str]:
    """The dimensions of a variant: the next few of all, going round."""
    n = min(per_session, len(dimensions))
    return [dimensions[(variant * n + i) % len(dimensions)] for i in range(n)]


def _draws(
    action_ids: tuple[str, ...], n_actions: int, n: int, rng: Random
) -> Iterator[list[str]]:
    """So many different sets of actions, or all that there are, in random order."""
    seen: set[frozenset[str]] = set()
    there_are = comb(len(action_ids), n_actions)
    while len(seen) < min(n, there_are):
        actions = rng.sample(action_ids, n_actions)
        if frozenset(actions) not in seen:
            seen.add(frozenset(actions))
            yield actions
