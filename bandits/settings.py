"""Settings: what is equal for every run of a cell, chosen by a person."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from bandits.errors import BanditError
from bandits.yardsticks import USUAL, Yardsticks

Hyperparameters = Literal["fixed", "marginal_likelihood"]
"""Whether a Gaussian process keeps the width of its prior and the noise it assumes."""


@dataclass(frozen=True)
class Settings:
    """How every agent of a cell is set, and how long its two phases last.

    The same numbers hold for all kernels (`science.md`, rule 13), so that kernels
    differ in what they call alike and in nothing else.

    Attributes:
        prior_mean: Value expected of an action nothing is known about, 0-100.
        prior_sd: Standard deviation of that belief; the prior covariance is
            `prior_sd**2` times the kernel. Above 0.
        reward_sd: Standard deviation of the reward noise that agents assume; and of
            the noise itself, unless the task says otherwise. Above 0.
        svr_c: Support vector regression's box on one observation's weight. Above 0.
        svr_eps: Half-width of its insensitive tube, on the 0-100 scale. At least 0.
        personalization_steps: Steps of the personalization phase, at least 1.
        generalization_steps: Steps of the generalization phase, at least 0.
        learn: Whether the belief goes on learning in the generalization phase.
        exploration: Share of steps, 0-1, in which a greedy agent takes an
            admissible action at random. Agents of other rules explore by their own.
        epsilon: The same share, for the epsilon-greedy agents.
        softmax_temperature: Points by which an action must be expected to be better to
            be e times as likely, for the softmax agents. Above 0.
        ucb_beta: An upper confidence bound lies sqrt(ucb_beta) standard deviations
            above what is expected. At least 0.
        safe_beta: The same for SafeOpt's intervals. At least 0.
        safe_seeds: How many safe actions SafeOpt is told of at the start, at least 1.
        safe_probability: How likely to be safe an action must be to pass the gate of
            the gated agents, 0-1.
        ridge: Kernel ridge regression's ridge, for a kernel with a diagonal of 1.
            Above 0; None for reward_sd**2 / prior_sd**2, which makes it the Gaussian
            process's mean.
        yardsticks: What some measures are taken against; they change no run.
        hyperparameters: "fixed", or "marginal_likelihood": each run of a Gaussian
            process chooses prior_sd and reward_sd by its personalization rewards
            (`hyperparameters.py`); the two numbers above are then where it starts.

    Raises:
        BanditError: A number outside its range.
    """

    prior_mean: float = 50.0
    prior_sd: float = 25.0
    reward_sd: float = 10.0
    svr_c: float = 10.0
    svr_eps: float = 1.0
    personalization_steps: int = 100
    generalization_steps: int = 50
    learn: bool = False
    exploration: float = 0.0
    epsilon: float = 0.1
    softmax_temperature: float = 5.0
    ucb_beta: float = 4.0
    safe_beta: float = 4.0
    safe_seeds: int = 1
    safe_probability: float = 0.9
    ridge: float | None = None
    yardsticks: Yardsticks = USUAL
    hyperparameters: Hyperparameters = "fixed"

    def __post_init__(self) -> None:
        if not math.isfinite(self.prior_mean):
            raise _out_of_range("prior_mean", "a finite number", self.prior_mean)
        for name in ("prior_sd", "reward_sd", "svr_c", "softmax_temperature"):
            found = getattr(self, name)
            if not (math.isfinite(found) and found > 0):
                raise _out_of_range(name, "above 0", found)
        if self.ridge is not None and not (
            math.isfinite(self.ridge) and self.ridge > 0
        ):
            raise _out_of_range("ridge", "above 0, or unset", self.ridge)
        for name in ("svr_eps", "ucb_beta", "safe_beta"):
            found = getattr(self, name)
            if not (math.isfinite(found) and found >= 0):
                raise _out_of_range(name, "at least 0", found)
        for name, least in (
            ("personalization_steps", 1),
            ("generalization_steps", 0),
            ("safe_seeds", 1),
        ):
            steps = getattr(self, name)
            if not (isinstance(steps, int) and steps >= least):
                raise _out_of_range(name, f"a whole number, at least {least}", steps)
        for name in ("exploration", "epsilon", "safe_probability"):
            if not 0 <= getattr(self, name) <= 1:
                raise _out_of_range(name, "between 0 and 1", getattr(self, name))

        if self.hyperparameters not in get_args(Hyperparameters):
            known = ", ".join(get_args(Hyperparameters))
            raise _out_of_range(
                "hyperparameters", f"one of {known}", self.hyperparameters
            )

    @property
    def learning_steps(self) -> int:
        """Steps after which the belief is updated: the most rewards a run sees."""
        more = self.generalization_steps if self.learn else 0
        return self.personalization_steps + more


def _out_of_range(name: str, needs: str, found: object) -> BanditError:
    return BanditError(f"settings: {name} needs to be {needs}, got {found!r}")
