"""What the experiment leaves to choose: one frozen document, readable from TOML.

Each field that the paper's public sources leave open carries `UNKNOWN` in its
description; `unknowns` lists them with the value in use, and `sensitivity.py` asks what
depends on them.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bandits.errors import SpecError
from bandits.settings import Settings

Share = Annotated[float, Field(ge=0, le=1)]
UNKNOWN = "Not told by the paper: "


class _Part(BaseModel):
    # Defaults are validated too: a whole number written for a float becomes one.
    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True
    )


class Synthetic(_Part):
    """Part 1: the human kernel degraded more and more, by every kind of corruption."""

    shares: tuple[Annotated[float, Field(gt=0, le=1)], ...] = Field(
        default=(0.1, 0.2, 0.4, 0.6, 0.8, 1.0),
        min_length=1,
        description=UNKNOWN + "how alignment was lowered, and to what; doses of it.",
    )
    draws: int = Field(default=5, ge=2, le=1000, description="Curves of each kind.")
    others: bool = Field(
        default=True,
        description="Whether the other corruptions stand beside relabelling.",
    )


class Beyond(_Part):
    """What the paper did not ask: persons, minorities, few raters, safe sets."""

    null_persons: int = Field(
        default=20, ge=2, le=1000, description="Simulated twins of each participant."
    )
    person_runs: int = Field(
        default=32,
        ge=2,
        le=1_000_000,
        description="Replicates of a participant's cell, and of each twin's.",
    )
    own_noise_sd: float = Field(
        default=10,
        gt=0,
        description="Points by which a person's two ratings of one action would differ"
        " from their mean, where fewer than 10 repeats show it.",
    )
    rater_draws: int = Field(
        default=8, ge=2, le=1000, description="Random groups of each size k."
    )
    raters: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        default=(1, 2, 4, 8, 16, 32, 64),
        min_length=1,
        description="Sizes k; those below the number of participants are used.",
    )
    shuffles: int = Field(
        default=200,
        ge=2,
        le=10_000,
        description="Model kernels with their labels shuffled: the null band.",
    )
    deals: int = Field(
        default=200,
        ge=2,
        le=10_000,
        description="Times that the values are dealt out to the actions anew.",
    )
    subsets: int = Field(
        default=200, ge=2, le=10_000, description="Random subsets of the actions."
    )
    subset_share: float = Field(
        default=0.8, gt=0, lt=1, description="Of the actions, kept in a subset."
    )
    halvings: int = Field(
        default=20,
        ge=2,
        le=1000,
        description="Times that the participants are halved anew for cross-fitting.",
    )


class PaperSettings(_Part):
    """Everything that is chosen, with the default and why there is a choice."""

    seed: int = Field(default=1, ge=0, lt=2**32, description="Key of all luck.")
    n_runs: int = Field(
        default=64,
        ge=2,
        le=1_000_000,
        description=UNKNOWN + "seeds. Replicates of a cell, each with its own split.",
    )
    agents: tuple[str, ...] = Field(
        default=("gp_thompson", "gp_greedy", "kernel_regression", "svr"),
        min_length=1,
        description="Agents with a kernel in parts 2 and 3; the first is the primary"
        " one. Part 1 takes every agent there is.",
    )
    dimensions: tuple[str, ...] = Field(
        default=(),
        description="Value dimensions, the first the primary one; empty: all of the"
        " report's, harm dimensions first.",
    )
    personalization_steps: int = Field(
        default=100, ge=1, le=1_000_000, description=UNKNOWN + "the horizon."
    )
    generalization_steps: int = Field(
        default=25,
        ge=1,
        le=1_000_000,
        description=UNKNOWN + "choices among the unseen.",
    )
    split_share: float = Field(
        default=0.5,
        gt=0,
        lt=1,
        description=UNKNOWN + "the train and test sizes. Share personalized on.",
    )
    reward_sd: float = Field(
        default=10, gt=0, description=UNKNOWN + "the reward's noise, in points."
    )
    exploration: Share = Field(
        default=0.0,
        description=UNKNOWN + "a greedy agent's share of random steps.",
    )
    prior_mean: float = Field(
        default=50, ge=0, le=100, description=UNKNOWN + "the prior mean."
    )
    prior_sd: float = Field(
        default=25, gt=0, description=UNKNOWN + "the prior standard deviation."
    )
    svr_c: float = Field(default=10, gt=0, description=UNKNOWN + "SVR's C.")
    svr_eps: float = Field(default=1, ge=0, description=UNKNOWN + "SVR's epsilon.")
    repair: Literal["clip", "higham"] = Field(
        default="clip",
        description=UNKNOWN + "how an indefinite matrix becomes a kernel.",
    )
    completion: Literal["mean"] = Field(
        default="mean",
        description=UNKNOWN
        + "what stands for a pair nobody judged in half the people.",
    )
    length_reward: Literal["quantile", "linear"] = Field(
        default="quantile",
        description=UNKNOWN + "how text length becomes a reward. quantile: the longest"
        " text gets the highest human value, so that as many actions are unsafe;"
        " linear: 0 for the shortest, 100 for the longest.",
    )
    resamples: int = Field(
        default=2000, ge=100, le=1_000_000, description="Bootstrap draws of kernels."
    )
    permutations: int = Field(
        default=9999, ge=99, le=1_000_000, description="Orders of kernels, if not all."
    )
    alignment_resamples: int = Field(
        default=200, ge=2, le=100_000, description="Bootstrap draws of actions."
    )
    synthetic: Synthetic = Synthetic()
    beyond: Beyond = Beyond()

    @property
    def sha256(self) -> str:
        """Hash of every field."""
        content = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()

    @property
    def primary_agent(self) -> str:
        """The agent whose outcomes the central figure shows."""
        return self.agents[0]

    def learner(self, **changed: Any) -> Settings:
        """The simulator's settings, some of them changed."""
        told: dict[str, Any] = {
            "prior_mean": self.prior_mean,
            "prior_sd": self.prior_sd,
            "reward_sd": self.reward_sd,
            "svr_c": self.svr_c,
            "svr_eps": self.svr_eps,
            "personalization_steps": self.personalization_steps,
            "generalization_steps": self.generalization_steps,
            "exploration": self.exploration,
        }
        return Settings(**(told | changed))

    def quick(self) -> PaperSettings:
        """The same experiment, small enough for a test: seconds, and no conclusions."""
        return self.model_copy(
            update={
                "n_runs": min(self.n_runs, 4),
                "personalization_steps": min(self.personalization_steps, 12),
                "generalization_steps": min(self.generalization_steps, 6),
                "resamples": 200,
                "permutations": 199,
                "alignment_resamples": 20,
                "synthetic": self.synthetic.model_copy(
                    update={"shares": (0.5, 1.0), "draws": 2}
                ),
                "beyond": self.beyond.model_copy(
                    update={
                        "null_persons": 2,
                        "person_runs": min(self.beyond.person_runs, 4),
                        "rater_draws": 2,
                        "raters": (1, 4),
                        "shuffles": 4,
                        "deals": 19,
                        "subsets": 4,
                        "halvings": 2,
                    }
                ),
            }
        )


def unknowns(settings: PaperSettings) -> list[dict[str, str]]:
    """What the paper leaves open, one row each: setting, value in use, what it is."""
    rows = []
    for prefix, part in (("", settings), ("synthetic.", settings.synthetic)):
        for name, field in type(part).model_fields.items():
            told = field.description or ""
            if told.startswith(UNKNOWN):
                value = json.dumps(part.model_dump(mode="json")[name])
                rows.append(
                    {
                        "setting": prefix + name,
                        "value": value.strip('"'),
                        "unknown": told.removeprefix(UNKNOWN),
                    }
                )
    return rows


def read_settings(path: Path | None) -> PaperSettings:
    """The settings in a TOML file; the defaults without one.

    Raises:
        SpecError: No such file, not TOML, or with every fault and its place.
    """
    if path is None:
        return PaperSettings()
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as problem:
        raise SpecError([(str(path), f"cannot be read: {problem}")]) from problem
    except tomllib.TOMLDecodeError as problem:
        raise SpecError([(str(path), f"is not TOML: {problem}")]) from problem
    try:
        return PaperSettings.model_validate(document)
    except ValidationError as problem:
        faults = [
            (
                ".".join(map(str, error["loc"])),
                f"{error['msg']}; got {error['input']!r}",
            )
            for error in problem.errors()
        ]
        raise SpecError(faults) from problem
