"""The sections of a study's definition, as pydantic models.

Every field is described here and nowhere else; unknown fields are refused. How the
sections are read from `study.toml`, and an example, is in `collection/definitions.py`.
Rules that look across sections (a block naming a dimension that is not there) are in
`collection/definition_checks.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from math import ceil
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    StringConstraints,
    field_validator,
    model_serializer,
    model_validator,
)

from collection.screening_rules import screening_fault

SLUG = r"^[a-z0-9]+([-_][a-z0-9]+)*$"
SLUG_MEANS = "lower-case letters, digits, single hyphens or underscores"
Slug = Annotated[
    str, StringConstraints(pattern=SLUG, min_length=1, max_length=60, strict=True)
]
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
MaybeText = Annotated[str, StringConstraints(strip_whitespace=True)]

PREFER_NOT_TO_SAY = "prefer-not-to-say"


class Section(BaseModel):
    """What all sections share: frozen, and no unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ActionText(Section):
    """One row of the actions file."""

    action_id: Annotated[
        str, StringConstraints(pattern=SLUG, min_length=1, max_length=80)
    ] = Field(description=f"Names the action everywhere: {SLUG_MEANS}.")
    text: Line = Field(description="What people judge: one short sentence.")
    attributes: Mapping[str, str] = Field(
        default_factory=dict,
        description="Every other column, as text: area, valence (good, neutral or "
        "harmful) and any hand-coded attribute.",
    )


class Use(Section):
    """One use of the data, with a tick of its own on the consent page."""

    key: Slug = Field(description="this_study, open_release or simulated_agents.")
    text: Line = Field(description="The sentence beside the tick.")
    required: bool = Field(
        default=False,
        description="Without this tick nobody can take part. Only for this_study.",
    )


class SupportLink(Section):
    """Somewhere to turn to, shown on the debrief."""

    label: Line = Field(description="What the link says.")
    url: Line = Field(description="An https, mailto or tel address.")

    @field_validator("url")
    @classmethod
    def _reachable(cls, url: str) -> str:
        if urlsplit(url).scheme not in {"https", "mailto", "tel"}:
            raise ValueError(
                f"a support link starts with https:, mailto: or tel:, got {url!r}"
            )
        return url


class ConsentForm(Section):
    """What people agree to. Fields may be empty in a draft; `openstudy` refuses then."""

    text: MaybeText = Field(
        default="", description="The consent page; blank lines part paragraphs."
    )
    minimum_age: int | None = Field(
        default=None, ge=0, le=120, description="Age gate in years, asked on the page."
    )
    ethics: MaybeText = Field(
        default="",
        description='Ethics approval number, or "none" said openly.',
    )
    controller: MaybeText = Field(
        default="", description="Who is responsible for the data: name and address."
    )
    contact: MaybeText = Field(
        default="", description="Whom to write to, with an e-mail address."
    )
    duration_minutes: float | None = Field(
        default=None, gt=0, description="How long it takes, in minutes."
    )
    pay: MaybeText = Field(
        default="",
        description='What people are paid, or "none". Never depends on withdrawing.',
    )
    content_warning: MaybeText = Field(
        default="", description='What may upset someone, or "none".'
    )
    uses: tuple[Use, ...] = Field(
        default=(), description="Data uses, each ticked or not on its own."
    )
    withdrawal_until: date | None = Field(
        default=None, description="Last date on which data can still be withdrawn."
    )
    identity_days: int = Field(
        default=90,
        ge=1,
        le=3650,
        description="Days after consent for which a platform's id of a person is kept, "
        "to pay them and to recognise them. It is never kept with the answers.",
    )
    support: tuple[SupportLink, ...] = Field(
        default=(), description="Support links, shown on the debrief."
    )

    @property
    def counted_minutes(self) -> int:
        """Whole minutes, for grammar alone: 1.4 minutes are several."""
        return ceil(self.duration_minutes or 0)


class Completion(Section):
    """How a person who finished is thanked and paid. At least one field is needed."""

    code: Annotated[
        str,
        StringConstraints(pattern=r"^[A-Za-z0-9_-]*$", max_length=100),
    ] = Field(default="", description="Completion code shown on the debrief.")
    redirect: MaybeText = Field(
        default="", description="https address that the debrief's button leads to."
    )

    @field_validator("redirect")
    @classmethod
    def _secure(cls, redirect: str) -> str:
        parts = urlsplit(redirect)
        if redirect and (parts.scheme != "https" or not parts.hostname):
            raise ValueError(f"must be an https address, got {redirect!r}")
        return redirect

    @model_validator(mode="after")
    def _some_way_out(self) -> Completion:
        if not self.code and not self.redirect:
            raise ValueError("needs a code, a redirect, or both")
        return self


class Dimension(Section):
    """A value dimension: what an action is judged on."""

    name: Slug = Field(description=f"Names the dimension: {SLUG_MEANS}.")
    title: MaybeText = Field(
        default="", description="What people read; the name in words if empty."
    )
    definition: Line = Field(description="What the dimension means, in one sentence.")
    perspective: Literal["self", "others"] = Field(
        description='"self": in your own view. "others": in other people\'s eyes.'
    )
    polarity: Literal["bipolar", "unipolar"] = Field(
        description="bipolar: from bad over neither to good, with a labelled midpoint. "
        "unipolar: from none to much."
    )
    low: Line = Field(description="Anchor of the low or bad end (0).")
    high: Line = Field(description="Anchor of the high or good end (100).")
    midpoint: Line | None = Field(
        default=None, description="Anchor of the middle (50). Bipolar scales only."
    )
    question: Line = Field(description="The question put about each action.")
    low_threshold: float = Field(
        default=50, ge=0, le=100, description="Values below this count as low."
    )
    harm: bool = Field(
        description="Whether a low value is harm, so that such actions are unsafe."
    )

    @model_validator(mode="after")
    def _midpoint_fits(self) -> Dimension:
        if self.polarity == "bipolar" and self.midpoint is None:
            raise ValueError("a bipolar dimension needs a midpoint label")
        if self.polarity == "unipolar" and self.midpoint is not None:
            raise ValueError("a unipolar dimension has no midpoint; remove it")
        return self

    @property
    def label(self) -> str:
        """What people read."""
        return self.title or self.name.replace("_", " ").replace("-", " ").capitalize()


class Wording(Section):
    """Sentences shown to people and given to language models word for word."""

    pair: Line = Field(
        default="How similar are these two actions? "
        "Use whatever seems important to you.",
        description="The question put about two actions.",
    )
    pair_low: Line = Field(
        default="Not at all similar", description="Left end (0) of the pair scale."
    )
    pair_high: Line = Field(
        default="Very similar", description="Right end (100) of the pair scale."
    )
    triplet: Line = Field(
        default="Which of these three actions is least like the other two?",
        description="The question put about three actions.",
    )
    not_understood: Line = Field(
        default="I do not understand this action",
        description="Offered at every action; stored, never a rating.",
    )


class Scale(Section):
    """How a rating is given."""

    input: Literal["slider", "buttons"] = Field(
        default="slider",
        description="slider: a line without a handle until touched. buttons: a row.",
    )


class Option(Section):
    """One option of a choice question."""

    key: Slug = Field(description="Stored as the answer.")
    text: Line = Field(description="What people read.")


class Question(Section):
    """One question of a questions block."""

    key: Slug = Field(description="Names the question.")
    kind: Literal["choice", "number", "text"] = Field(
        description="choice: one option. number: a number. text: a short text, which "
        "never leaves the database in a snapshot."
    )
    text: Line = Field(description="The question.")
    options: tuple[Option, ...] = Field(
        default=(), description="Choice only: at least two options."
    )
    minimum: float | None = Field(default=None, description="Number only: lowest.")
    maximum: float | None = Field(default=None, description="Number only: highest.")
    max_length: int = Field(
        default=500, gt=0, le=5000, description="Text only: longest answer."
    )
    required: bool = Field(
        default=True, description="Whether an empty answer is refused."
    )
    prefer_not_to_say: bool = Field(
        default=True,
        description=f'Offers "prefer not to say", stored as {PREFER_NOT_TO_SAY}.',
    )
    purpose: Literal["about", "comprehension", "attention"] = Field(
        default="about",
        description="about: the person. comprehension: whether the instructions were "
        "understood: asked a second time if missed, then the person is asked to return; "
        "never excludes. attention: an instruction in the question itself "
        '("choose often here"); see exclusion.max_failed_checks.',
    )
    correct: Slug | None = Field(
        default=None,
        description="The option that is right; comprehension and attention only.",
    )
    also_correct: tuple[Slug, ...] = Field(
        default=(), description="Further options that are right; comprehension only."
    )
    screen_out: tuple[Slug, ...] = Field(
        default=(),
        description="Options that end the session at once, in a way that is paid as "
        f"recruitment.completion.screened_out says; {PREFER_NOT_TO_SAY} only if named.",
    )
    screen_out_below: float | None = Field(
        default=None, description="Number only: smaller answers end the session so."
    )
    screen_out_above: float | None = Field(
        default=None, description="Number only: larger answers end the session so."
    )

    @model_serializer(mode="wrap")
    def _as_before_there_was_screening(
        self, dump: SerializerFunctionWrapHandler
    ) -> dict[str, Any]:
        """Without what it does not use: older studies keep their hash."""
        dumped: dict[str, Any] = dump(self)
        if not self.screens:
            for name in ("screen_out", "screen_out_below", "screen_out_above"):
                del dumped[name]
        return dumped

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Question:
        keys = [option.key for option in self.options]
        if self.kind == "choice" and len(keys) < 2:
            raise ValueError("a choice needs at least two options")
        if self.kind != "choice" and keys:
            raise ValueError(f"a {self.kind} question has no options; remove them")
        if len(set(keys)) < len(keys) or PREFER_NOT_TO_SAY in keys:
            raise ValueError(
                f"option keys must differ, and not be {PREFER_NOT_TO_SAY}; got {keys}"
            )
        if not self.right_answers <= set(keys):
            raise ValueError(f"correct must be one of the options {keys}")
        if self.also_correct and self.purpose != "comprehension":
            raise ValueError("only a comprehension question has also_correct")
        if (self.correct is None) != (self.purpose == "about"):
            raise ValueError(
                "a comprehension or attention question needs its correct option, and a "
                "question about the person has none"
            )
        bounds = (self.minimum, self.maximum)
        if self.kind != "number" and bounds != (None, None):
            raise ValueError(f"a {self.kind} question has no minimum or maximum")
        if None not in bounds and bounds[0] > bounds[1]:  # type: ignore[operator]
            raise ValueError("minimum must not exceed maximum")
        return self

    @model_validator(mode="after")
    def _screens_some_and_lets_some_in(self) -> Question:
        if self.screens and (
            fault := screening_fault(self, declined=PREFER_NOT_TO_SAY)
        ):
            raise ValueError(fault)
        return self

    @property
    def screens(self) -> bool:
        """Whether an answer can end the session: who cannot take part is asked first."""
        limits = (self.screen_out_below, self.screen_out_above)
        return bool(self.screen_out) or limits != (None, None)

    @property
    def right_answers(self) -> frozenset[str]:
        """The options that are right; none where a question is about the person."""
        return frozenset(
            (*([self.correct] if self.correct else ()), *self.also_correct)
        )

    @property
    def may_be_declined(self) -> bool:
        """Whether "prefer not to say" is offered: only about oneself is it an answer."""
        return self.prefer_not_to_say and self.purpose == "about"

    @property
    def may_be_empty(self) -> bool:
        """Whether an empty answer is one."""
        return not self.required and self.purpose == "about"


class _Block(Section):
    key: Slug = Field(description="Names the block in groups and in the data.")
    instructions: MaybeText = Field(
        default="", description="Shown before the block; blank lines part paragraphs."
    )
    seconds_per_trial: float = Field(
        default=5, gt=0, description="Expected pace, for the plan."
    )


class ValueBlock(_Block):
    """Value ratings. Whole dimensions per person, unless assigned by cells."""

    kind: Literal["value"] = Field(description="value")
    assign: Literal["dimension", "cells"] = Field(
        default="dimension",
        description="dimension: a session rates every action on whole dimensions, so "
        "that its values are complete. cells: scattered ratings; personal values are "
        "then not available.",
    )
    dimensions: tuple[Slug, ...] = Field(
        default=(), description="Which dimensions the block asks; all if empty."
    )
    dimensions_per_session: int = Field(
        default=2, ge=1, description='With assign = "dimension": how many per session.'
    )
    trials_per_session: int | None = Field(
        default=None, ge=1, description='With assign = "cells" only: how many ratings.'
    )
    judgments_per_cell: int = Field(
        ge=1,
        description="Complete vectors wanted per dimension; with cells: ratings wanted "
        "per action and dimension.",
    )
    polarity: Literal["fixed", "randomised"] = Field(
        default="fixed",
        description="randomised: each session sees all its scales one way round, "
        "drawn at random, with the poles on every trial.",
    )
    repeats: int = Field(
        default=0,
        ge=0,
        description="Trials asked a second time at the end (of each dimension, where "
        "dimensions are whole), to measure consistency.",
    )

    def trials_in_session(self, n_actions: int) -> int:
        """Trials that one session meets in this block, repeats included."""
        if self.trials_per_session is not None:
            return self.trials_per_session + self.repeats
        return self.dimensions_per_session * (n_actions + self.repeats)

    @model_validator(mode="after")
    def _one_way_to_count(self) -> ValueBlock:
        if self.assign == "cells" and self.trials_per_session is None:
            raise ValueError('assign = "cells" needs trials_per_session')
        if self.assign == "dimension" and self.trials_per_session is not None:
            raise ValueError(
                'trials_per_session belongs to assign = "cells"; with whole dimensions '
                "every action is rated on dimensions_per_session dimensions"
            )
        return self


class PairBlock(_Block):
    """Similarity ratings of pairs of actions."""

    kind: Literal["pair"] = Field(description="pair")
    trials_per_session: int = Field(ge=1, description="Pairs rated per session.")
    judgments_per_cell: int = Field(ge=1, description="Ratings wanted per pair.")
    repeats: int = Field(
        default=0,
        ge=0,
        description="Pairs asked a second time at the end, sides changed.",
    )
    seconds_per_trial: float = Field(
        default=6, gt=0, description="Expected pace, for the plan."
    )

    def trials_in_session(self, n_actions: int) -> int:
        """Trials that one session meets in this block, repeats included."""
        return self.trials_per_session + self.repeats


class TripletBlock(_Block):
    """Odd-one-out choices among three actions."""

    kind: Literal["triplet"] = Field(description="triplet")
    trials_per_session: int = Field(ge=1, description="Triplets judged per session.")
    judgments_wanted: int = Field(ge=1, description="Triplets wanted over all people.")
    sampler: Literal["random", "adaptive"] = Field(
        default="random",
        description="random: each triplet not yet seen by the person is equally likely. "
        "adaptive: a worker chooses those that teach most about all the others, which "
        "saves judgments where few dimensions suffice; 15 % are still drawn at random, "
        "as a fair test set, and all are while too few were judged or the worker is "
        "late.",
    )
    embedding_dimensions: int = Field(
        default=3,
        ge=1,
        le=20,
        description='With sampler = "adaptive": dimensions in which the worker lays out '
        "the actions to find what is not known yet. As many as people may use.",
    )
    seconds_per_trial: float = Field(
        default=7, gt=0, description="Expected pace, for the plan."
    )

    @model_serializer(mode="wrap")
    def _as_before_there_was_a_choice(
        self, dump: SerializerFunctionWrapHandler
    ) -> dict[str, Any]:
        """Without what only the other sampler reads: older studies keep their hash."""
        dumped: dict[str, Any] = dump(self)
        if self.sampler == "random":
            del dumped["embedding_dimensions"]
        return dumped

    def trials_in_session(self, n_actions: int) -> int:
        """Trials that one session meets in this block, repeats included."""
        return self.trials_per_session


class ArrangementBlock(_Block):
    """Actions laid out in an arena: the nearer, the more alike (every pair at once)."""

    kind: Literal["arrangement"] = Field(description="arrangement")
    question: Line = Field(
        default="Place these actions so that similar ones lie close together and "
        "different ones far apart. Use whatever seems important to you.",
        description="The question put above the arena.",
    )
    actions_per_arena: int = Field(
        default=12,
        ge=3,
        le=20,
        description="Actions in one arena. More than twenty do not fit a phone, nor a "
        "person's mind.",
    )
    arenas_per_session: int = Field(
        ge=1, le=50, description="Arenas that one session lays out."
    )
    judgments_per_cell: int = Field(
        ge=1, description="Arenas wanted per pair, over all people."
    )
    seconds_per_trial: float = Field(
        default=90, gt=0, description="Expected pace of one arena, for the plan."
    )

    def trials_in_session(self, n_actions: int) -> int:
        """Trials that one session meets in this block: its arenas."""
        return self.arenas_per_session


class QuestionsBlock(_Block):
    """Questions about the person."""

    kind: Literal["questions"] = Field(description="questions")
    questions: tuple[Slug, ...] = Field(
        min_length=1, description="Keys of the questions, in order."
    )
    seconds_per_trial: float = Field(
        default=10, gt=0, description="Expected pace, for the plan."
    )

    def trials_in_session(self, n_actions: int) -> int:
        """Trials that one session meets in this block, repeats included."""
        return len(self.questions)


Block = Annotated[
    ValueBlock | PairBlock | TripletBlock | ArrangementBlock | QuestionsBlock,
    Field(discriminator="kind"),
]


class Exclusion(Section):
    """Which people's judgments a snapshot leaves out, declared before anyone answers.

    Withdrawn people and those who did not tick the use are always left out. Disagreeing
    with others, or with a language model, never excludes anybody.
    """

    require_finished: bool = Field(
        default=True, description="Leave out sessions that were not finished."
    )
    max_failed_checks: int = Field(
        default=0, ge=0, description="Attention questions that may be answered wrong."
    )
    max_repeat_difference: float | None = Field(
        default=None,
        gt=0,
        le=100,
        description="Largest mean absolute difference, on the 0-100 scale, between a "
        "person's first and second ratings (at least 5 repeats). Empty: no rule.",
    )


class Group(Section):
    """Who does which blocks."""

    name: Slug = Field(description="Names the group in the data.")
    blocks: tuple[Slug, ...] = Field(
        min_length=1, description="Keys of the group's blocks, in order."
    )
    share: float = Field(
        default=1, gt=0, description="Share of participants, relative to the others."
    )
    quota: int | None = Field(
        default=None,
        ge=1,
        description="People that this group may have and no more; no limit if empty. "
        "Who leaves gives their place back (collection/quotas.py).",
    )

    @model_serializer(mode="wrap")
    def _as_before_there_were_quotas(
        self, dump: SerializerFunctionWrapHandler
    ) -> dict[str, Any]:
        """Without a quota that is not there: older studies keep their hash."""
        dumped: dict[str, Any] = dump(self)
        if self.quota is None:
            del dumped["quota"]
        return dumped
