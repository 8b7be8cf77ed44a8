"""A rule set: a document that says which rules judge a study's sessions, and how.

A TOML file names what differs from the defaults; its hash names everything.

    name = "stricter"
    flag_at = 1.5

    [too_fast]
    floor_ms = 1500

    [agreement]
    use = false

Every rule has a `version`. It is raised when what the rule computes changes, so that
two runs whose hashes are equal computed the same. A document that names a version which
this code does not have is refused.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from collection.definition_parts import Line, Section
from collection.errors import DefinitionError, Fault

VERSION = "Which form of the rule: a change of what it computes is another version."


class RuleSettings(Section):
    """What every rule has."""

    use: bool = Field(default=True, description="Whether the rule is asked at all.")
    flag_at: float = Field(
        default=2.0,
        description="The rule itself flags from this score on (natural log of how "
        "much likelier the evidence is of a careless than of an attentive person).",
    )
    most: float = Field(
        default=10.0, gt=0, description="Highest score that the rule can give."
    )
    least: float = Field(
        default=0.0,
        le=0,
        description="Lowest score. 0: the rule never speaks in somebody's favour.",
    )


class FailedChecks(RuleSettings):
    """Instructed checks that were not followed."""

    version: Literal["1"] = Field(default="1", description=VERSION)
    least: float = Field(default=-3.0, le=0, description="Lowest score.")
    careless_fails: float = Field(
        default=0.6, gt=0, lt=1, description="Share of checks careless people fail."
    )
    attentive_fails: float = Field(
        default=0.04, gt=0, lt=1, description="Share of checks attentive people fail."
    )


class Repeats(RuleSettings):
    """Second answers to the same questions that have nothing to do with the first."""

    version: Literal["1"] = Field(default="1", description=VERSION)
    most: float = Field(default=8.0, gt=0, description="Highest score.")
    least: float = Field(default=-8.0, le=0, description="Lowest score.")
    least_repeats: int = Field(
        default=4, ge=3, description="With fewer repeats the rule cannot tell."
    )


class TooFast(RuleSettings):
    """Answers faster than the question can be read."""

    version: Literal["1"] = Field(default="1", description=VERSION)
    floor_ms: int = Field(
        default=1200, gt=0, description="Any answer below this is fast."
    )
    share_of_usual: float = Field(
        default=0.25,
        gt=0,
        lt=1,
        description="So is one below this share of the study's usual time for the kind "
        "of trial (median over sessions of their medians).",
    )
    careless_fast: float = Field(
        default=0.75, gt=0, lt=1, description="Share of fast answers if careless."
    )
    attentive_fast: float = Field(
        default=0.08, gt=0, lt=1, description="Share of fast answers if attentive."
    )
    least_answers: int = Field(
        default=10, ge=5, description="With fewer measured answers it cannot tell."
    )


class StraightLining(RuleSettings):
    """The same place again and again, or the same two or three places in turn."""

    version: Literal["1"] = Field(default="1", description=VERSION)
    tolerance: float = Field(
        default=5.0,
        ge=0,
        description="Two ratings no further apart (0-100) stand on the same place.",
    )
    careless_same: float = Field(
        default=0.75, gt=0, lt=1, description="Share of same places if straight-lining."
    )
    longest_period: int = Field(
        default=3, ge=1, le=6, description="Patterns up to this length are found."
    )
    least_answers: int = Field(
        default=10, ge=5, description="With fewer answers it cannot tell."
    )


class Agreement(RuleSettings):
    """Answers that have nothing to do with what everybody else answered.

    `most` is low on purpose: consistent repeats weigh more, so that a dissenter whose
    judgment is stable is not flagged for dissent.
    """

    version: Literal["1"] = Field(default="1", description=VERSION)
    most: float = Field(default=3.0, gt=0, description="Highest score.")
    least: float = Field(default=-4.0, le=0, description="Lowest score.")
    least_others: int = Field(
        default=3, ge=1, description="Others who must have judged the same question."
    )
    least_answers: int = Field(
        default=15, ge=6, description="With fewer comparable answers it cannot tell."
    )


class Fading(Agreement):
    """Agreement with others that ends somewhere in the middle of the session."""

    earliest: float = Field(
        default=0.3, gt=0, lt=1, description="Share of the session before any change."
    )
    latest: float = Field(
        default=0.7, gt=0, lt=1, description="Share of it before the last change."
    )


class Traces(RuleSettings):
    """What the page saw of hands at work. No trace at all says nothing."""

    version: Literal["1"] = Field(default="1", description=VERSION)
    most: float = Field(default=6.0, gt=0, description="Highest score.")
    careless_odd: float = Field(
        default=0.8, gt=0, lt=1, description="Share of odd traces if a script answers."
    )
    attentive_odd: float = Field(
        default=0.05, gt=0, lt=1, description="Share of odd traces if a person does."
    )
    least_answers: int = Field(
        default=10, ge=5, description="With fewer measured answers it cannot tell."
    )


class RuleSet(Section):
    """The rules of one run, with the operating point at which a session is flagged."""

    name: Line = Field(default="default", description="What people call it.")
    flag_at: float = Field(
        default=2.0,
        description="A session is flagged from this combined score on. The default is "
        "the operating point of tests/benchmarks/quality_rules.py.",
    )
    failed_checks: FailedChecks = Field(default=FailedChecks(), description="Checks.")
    repeats: Repeats = Field(default=Repeats(), description="Repeated trials.")
    too_fast: TooFast = Field(default=TooFast(), description="Speed.")
    straight_lining: StraightLining = Field(
        default=StraightLining(), description="The same place again and again."
    )
    traces: Traces = Field(default=Traces(), description="Traces of hands at work.")
    agreement: Agreement = Field(default=Agreement(), description="With the others.")
    fading: Fading = Field(default=Fading(), description="Attentive at first only.")

    @model_validator(mode="after")
    def _some_rule(self) -> RuleSet:
        if not any(
            part.use
            for name in type(self).model_fields
            if isinstance(part := getattr(self, name), RuleSettings)
        ):
            raise ValueError("at least one rule must be in use")
        if self.fading.earliest >= self.fading.latest:
            raise ValueError("fading: earliest must lie before latest")
        return self

    @cached_property
    def sha256(self) -> str:
        """Hash of the whole rule set, defaults and versions included."""
        canonical = json.dumps(
            self.model_dump(mode="json"), sort_keys=True, separators=(",", ":")
        )
        return hashlib.sha256(canonical.encode()).hexdigest()


def load_rules(path: Path) -> RuleSet:
    """Read a rule set from a TOML document.

    Raises:
        DefinitionError: with every fault of the document.
    """
    try:
        raw: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise DefinitionError([Fault(path.name, f"cannot be read: {error}")]) from error
    except tomllib.TOMLDecodeError as error:
        raise DefinitionError([Fault(path.name, f"is not TOML: {error}")]) from error
    try:
        return RuleSet.model_validate(raw)
    except ValidationError as error:
        raise DefinitionError(
            [
                Fault(
                    ".".join([path.name, *map(str, one["loc"])]),
                    "unknown field; is it misspelt?"
                    if one["type"] == "extra_forbidden"
                    else one["msg"].removeprefix("Value error, "),
                )
                for one in error.errors()
            ]
        ) from error
