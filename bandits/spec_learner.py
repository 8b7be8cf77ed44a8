"""The table of the sweep's document that says what agents assume and how they act."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from bandits.spec_parts import Part


class Learner(Part):
    """What every agent assumes; equal for all kernels, so that only they differ."""

    prior_mean: float = Field(default=50, ge=0, le=100)
    prior_sd: float = Field(default=25, gt=0)
    reward_sd: float = Field(default=10, gt=0)
    svr_c: float = Field(default=10, gt=0)
    svr_eps: float = Field(default=1, ge=0)
    exploration: float = Field(
        default=0,
        ge=0,
        le=1,
        description="Share of steps in which a greedy agent acts at random.",
    )
    epsilon: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="The same for the epsilon-greedy agents.",
    )
    softmax_temperature: float = Field(
        default=5,
        gt=0,
        description="Points by which an action must be expected to be better to be e"
        " times as likely, for the softmax agents.",
    )
    ucb_beta: float = Field(
        default=4,
        ge=0,
        description="An upper confidence bound lies sqrt(ucb_beta) standard deviations"
        " above what is expected.",
    )
    safe_beta: float = Field(
        default=4, ge=0, description="The same for SafeOpt's intervals."
    )
    safe_seeds: int = Field(
        default=1,
        ge=1,
        description="How many safe actions SafeOpt is told of at the start.",
    )
    safe_probability: float = Field(
        default=0.9,
        ge=0,
        le=1,
        description="How likely to be safe an action must be to pass a gated agent's"
        " gate.",
    )
    ridge: float | None = Field(
        default=None,
        gt=0,
        description="Kernel ridge regression's ridge. Unset: reward_sd^2 / prior_sd^2,"
        " which makes its predictions the Gaussian process's.",
    )
    hyperparameters: Literal["fixed", "marginal_likelihood"] = Field(
        default="fixed",
        description="Whether a Gaussian process keeps prior_sd and reward_sd, or each"
        " run chooses both by marginal likelihood of its personalization rewards.",
    )
