"""Tables of the sweep's document that say whose views and ratings it is made from."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainValidator

CorruptionKind = Literal["relabel", "permute_pairs", "blend", "noise"]
RewardSource = Literal["mean+noise", "rater_draw", "participant"]
RewardSd = float | Literal["assumed", "measured"]


def _reward_sd(given: object) -> RewardSd:
    """One error per entry, as `spec._threshold`."""
    if given == "assumed" or given == "measured":
        return "assumed" if given == "assumed" else "measured"
    if (
        isinstance(given, int | float)
        and type(given) is not bool
        and 0 <= given < math.inf
    ):
        return float(given)
    raise ValueError('noise is "assumed", "measured" or a number of points, at least 0')


class Part(BaseModel):
    """A table of the document: nothing but its own fields, and no NaN."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True
    )


class Corruption(Part):
    """The human kernel degraded on purpose, by giving actions each other's places."""

    kinds: tuple[CorruptionKind, ...] = Field(
        default=("relabel",),
        min_length=1,
        description="How: actions relabelled, which keeps the spectrum; pairs permuted;"
        " blended with a random kernel of equal spectrum; noise on the pairs.",
    )
    shares: tuple[Annotated[float, Field(ge=0, le=1)], ...] = Field(
        default=(),
        description="Shares of what is corrupted, 0 to 1: of the actions or pairs that"
        " change places, of the random kernel, of the variance that is noise.",
    )
    draws: int = Field(
        default=3, ge=1, le=1000, description="Corruptions drawn for each share."
    )


class Ends(Part):
    """The kernels that may be listed as value_oracle, value_shuffled and identity."""

    form: Literal["gaussian", "linear"] = Field(
        default="gaussian",
        description="exp(-(v_i - v_j)^2 / (2 length^2)), or 1 - |v_i - v_j| / 100.",
    )
    length: float = Field(
        default=25, gt=0, description="Of the Gaussian form, in points."
    )
    shuffles: int = Field(
        default=20,
        ge=1,
        le=10_000,
        description="Shuffles of the value oracle; 200 for a claim.",
    )


class People(Part):
    """Who is asked for what: cross-fit over participants."""

    splits: int = Field(
        default=1,
        ge=1,
        le=1000,
        description="Random halvings of those who judged similarity: the human kernel"
        " from one half, alignment with the other. 1: the report's own halves.",
    )
    value_raters: Literal["all", "apart"] = Field(
        default="all",
        description="Whose values pay: everybody's who rated, or, where people judged"
        " similarity and values, half of them for the one and half for the other.",
    )
    harm_raters: Literal["same", "other_half"] = Field(
        default="same",
        description="Who decides what is unsafe: those whose ratings are paid, or the"
        " other half of the raters.",
    )


class RewardSettings(Part):
    """What a pull of an action pays."""

    sources: tuple[RewardSource, ...] = Field(
        default=("mean+noise",),
        min_length=1,
        description="The value plus noise; the rating of a random rater (of the group's"
        " values); or a participant's own rating plus their own test-retest noise.",
    )
    sd: Annotated[RewardSd, PlainValidator(_reward_sd)] = Field(
        default="assumed",
        description='Noise of mean+noise, in points: "assumed" (the learner\'s'
        ' reward_sd), "measured" (within actions, over raters) or a number.',
    )


class YardstickSettings(Part):
    """What some measures are taken against. They change no run."""

    conservative_alpha: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="Share by which a run may fall behind the baseline action before its"
        " conservative budget is spent.",
    )
    conservative_baseline: str = Field(
        default="median",
        description='That action: "median" (the admissible one of median value, the lower'
        " of two) or the id of an action.",
    )
    risk_tolerance: float = Field(
        default=1,
        ge=0,
        description="Points of variance that a point of mean reward makes good.",
    )


class Phases(Part):
    """How long an agent learns, and how long it then chooses among unseen actions."""

    personalization_steps: int = Field(default=60, ge=1, le=1_000_000)
    generalization_steps: int = Field(default=20, ge=0, le=1_000_000)
    learn: bool = Field(
        default=False,
        description="Whether the belief goes on learning in the generalization phase.",
    )
    split: Literal["random", "stratified", "area"] = Field(
        default="random",
        description="How actions are dealt to the two phases: at random; with unsafe"
        " actions and life areas dealt evenly; or whole life areas apart.",
    )
