"""A trial as its page shows it: words, sides and places, ready for the template.

Why ratings are given the way they are:

* Without JavaScript every scale is a row of eleven radio buttons. None is selected at
  the start: "not answered" is a state, not a value. A range input cannot be empty, so it
  is never used there. Eleven is the most that keeps a row unbroken at 320 px with places
  of 26 px, above the 24 px of WCAG 2.5.8; a row broken in two would mean something else
  on a phone than on a desk. The places stand for 0, 10, ... 100.
* With JavaScript and ``scale.input = "slider"``, ``scale.js`` puts a line in its place
  that has no handle until the first click, tap or key, and 101 places. Without a handle
  there is nothing that an answer could stay close to (Liu & Conrad, 2018). With
  ``"buttons"`` everybody has the row.
* A scale runs the way its language is written: 0 stands where lines start, which in a
  right-to-left language is the right end ("left" below is that start). What is stored
  is the same in every language. An arena is a picture: left is left everywhere.
* No numbers and no ticks: ticks alone change the distribution of answers (Matejka et
  al., 2016). The anchors stand at the ends, and in the middle where it has a meaning.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from django.utils.translation import gettext as _

from collection.definition_parts import (
    PREFER_NOT_TO_SAY,
    ArrangementBlock,
    Question,
)
from collection.definitions import StudyDefinition
from collection.models import Trial

SCALE_STEPS: Final = 10
"""Steps between the ends of the row of buttons, which has one place more."""


@dataclass(frozen=True)
class Shown:
    """One action on the page."""

    action_id: str
    text: str


@dataclass(frozen=True)
class Place:
    """One place on the row of buttons: its rating as shown, and its name when read out."""

    rating: int
    name: str


@dataclass(frozen=True)
class ScaleShown:
    """A scale from its left end (0) to its right end (100), as it stands on the page."""

    left: str
    right: str
    middle: str = ""
    slider: bool = False

    @property
    def places(self) -> list[Place]:
        """The places of the row, left to right."""
        anchors = {0: self.left, SCALE_STEPS // 2: self.middle, SCALE_STEPS: self.right}
        return [
            Place(100 * step // SCALE_STEPS, self._name(step, anchors.get(step, "")))
            for step in range(SCALE_STEPS + 1)
        ]

    @staticmethod
    def _name(step: int, anchor: str) -> str:
        place = _("%(place)d of %(steps)d") % {"place": step, "steps": SCALE_STEPS}
        return f"{place}: {anchor}" if anchor else place


@dataclass(frozen=True)
class Choice:
    """One option of a question."""

    key: str
    text: str


@dataclass(frozen=True)
class TrialPage:
    """All that the page of one trial says, besides progress."""

    trial: Trial
    question: str
    missing: str
    meaning: str = ""
    actions: list[Shown] = field(default_factory=list)
    scale: ScaleShown | None = None
    options: list[Choice] = field(default_factory=list)
    asked: Question | None = None
    not_understood: str = ""

    @property
    def template(self) -> str:
        """The template that shows this kind of trial."""
        return f"participant/trial_{self.trial.kind}.html"

    @property
    def minimum(self) -> str:
        """Lowest number asked for, as HTML writes it; empty without one."""
        low = self.asked.minimum if self.asked else None
        return "" if low is None else f"{low:g}"

    @property
    def maximum(self) -> str:
        """Highest number asked for, as HTML writes it; empty without one."""
        high = self.asked.maximum if self.asked else None
        return "" if high is None else f"{high:g}"

    @property
    def range(self) -> str:
        """Which numbers are asked for, in words."""
        bounds = {"low": self.minimum, "high": self.maximum}
        if self.minimum and self.maximum:
            return _("A number from %(low)s to %(high)s.") % bounds
        if self.minimum:
            return _("A number, %(low)s or more.") % bounds
        if self.maximum:
            return _("A number, %(high)s or less.") % bounds
        return _("A number.")

    @property
    def optional(self) -> bool:
        """True where an empty answer is an answer."""
        return self.asked is not None and self.asked.may_be_empty


def trial_page(trial: Trial, definition: StudyDefinition) -> TrialPage:
    """What the page of `trial` shows."""
    if trial.kind == "question":
        return _question(trial, definition.question(trial.question))
    texts = {action.action_id: action.text for action in definition.actions}
    actions = [Shown(action_id, texts[action_id]) for action_id in trial.actions]
    wording = definition.wording
    slider = definition.scale.input == "slider"
    if trial.kind == "pair":
        return TrialPage(
            trial=trial,
            question=wording.pair,
            missing=_("Choose a place on the scale to say how similar they are."),
            actions=actions,
            scale=ScaleShown(wording.pair_low, wording.pair_high, slider=slider),
            not_understood=wording.not_understood,
        )
    if trial.kind == "triplet":
        return TrialPage(
            trial=trial,
            question=wording.triplet,
            missing=_("Choose the action that is least like the other two."),
            actions=actions,
            not_understood=wording.not_understood,
        )
    if trial.kind == "arrangement":
        block = definition.block(trial.block)
        assert isinstance(block, ArrangementBlock)
        return TrialPage(
            trial=trial,
            question=block.question,
            missing=_(
                "Place every action in the circle, or say that you do not understand it."
            ),
            actions=actions,
        )
    dimension = definition.dimension(trial.dimension)
    left, right = dimension.low, dimension.high
    if trial.polarity == Trial.Polarity.REVERSED:
        left, right = right, left
    return TrialPage(
        trial=trial,
        question=dimension.question,
        missing=_("Choose a place on the scale."),
        meaning=f"{dimension.label}: {dimension.definition}",
        actions=actions,
        scale=ScaleShown(left, right, dimension.midpoint or "", slider),
        not_understood=wording.not_understood,
    )


def _question(trial: Trial, asked: Question) -> TrialPage:
    options = [Choice(option.key, option.text) for option in asked.options]
    if asked.may_be_declined:
        options.append(Choice(PREFER_NOT_TO_SAY, _("I prefer not to say")))
    return TrialPage(
        trial=trial,
        question=asked.text,
        missing=_("Choose or type an answer.")
        if asked.kind != "choice"
        else _("Choose an answer."),
        options=options,
        asked=asked,
    )
