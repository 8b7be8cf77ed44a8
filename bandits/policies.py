"""Policies: from a belief to an arm; and the table of agents, estimator by rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

import torch
from torch import Tensor

from bandits import beliefs, regressors, svr
from bandits.errors import BanditError
from bandits.settings import Settings

State = TypeVar("State")


class Start(NamedTuple):
    """What an estimator starts from.

    kernel: (n_arms, n_arms), or None for estimators that use none.
    """

    kernel: Tensor | None
    n_runs: int
    n_arms: int
    settings: Settings
    dtype: torch.dtype
    device: torch.device

    def given_kernel(self) -> Tensor:
        """The kernel, for the estimators that cannot do without."""
        if self.kernel is None:
            raise BanditError("kernel: this estimator needs one, got None")
        return self.kernel


@dataclass(frozen=True)
class Estimator(Generic[State]):
    """How a belief starts, learns and predicts, for all runs of a batch at once.

    Attributes:
        start: The state before any reward.
        learn: (state, arms (n_runs,), rewards (n_runs,)) -> state; uses up the old one.
        predict: state -> (n_runs, n_arms), the expected value of each arm.
        sample: (state, normals (n_runs, n_arms)) -> (n_runs, n_arms), one joint draw
            from the belief; None where there is no variance to draw with.
    """

    start: Callable[[Start], State]
    learn: Callable[[State, Tensor, Tensor], State]
    predict: Callable[[State], Tensor]
    sample: Callable[[State, Tensor], Tensor] | None = None


@dataclass(frozen=True)
class Agent:
    """A policy by name: an estimator and a rule that turns it into an arm.

    Attributes:
        label: For people, in figures.
        thompson: Whether it acts on a draw from its belief; else greedily, on what it
            expects, with the share of random steps the settings name.
        uses_kernel: Whether it sees a kernel; where not, its cells need none.
    """

    label: str
    estimator: Estimator[Any]
    thompson: bool = False
    uses_kernel: bool = True


def choose(
    scores: Tensor,
    allowed: Tensor,
    draws: Tensor,
    *,
    tolerance: float,
    explore: Tensor | None = None,
) -> Tensor:
    """The admissible arm with the highest score; ties broken by the run's own draw.

    `argmax` would take the first of several maxima, so that every run whose belief is
    still constant would start with the same action. Scores within `tolerance` tie:
    rounding must not decide.

    Args:
        scores: (n_runs, n_arms).
        allowed: (n_runs, n_arms) bool, at least one True in each row.
        draws: (n_runs,) uniform in (0, 1), which of the tied arms is taken.
        explore: (n_runs,) bool, runs that take any admissible arm; None for no run.

    Returns:
        (n_runs,) int64.
    """
    within = scores.masked_fill(~allowed, -torch.inf)
    tied = within >= within.amax(1, keepdim=True) - tolerance
    if explore is not None:
        tied = torch.where(explore.unsqueeze(1), allowed, tied)
    place = tied.cumsum(1)
    # A draw in (0, 1) times the number of tied arms, rounded up: 1 .. that number.
    wanted = (draws.unsqueeze(1) * place[:, -1:]).ceil()
    # The count steps up at tied arms alone; how many arms lie before is the index.
    return (place < wanted).sum(1)


GAUSSIAN_PROCESS: Estimator[beliefs.Belief] = Estimator(
    start=lambda at: beliefs.prior(at.given_kernel(), at.n_runs, at.settings),
    learn=beliefs.condition,
    predict=lambda belief: belief.mean,
    sample=beliefs.sample,
)

INDEPENDENT: Estimator[beliefs.Independent] = Estimator(
    start=lambda at: beliefs.independent_prior(
        at.n_runs, at.n_arms, at.settings, dtype=at.dtype, device=at.device
    ),
    learn=beliefs.condition_independent,
    predict=lambda belief: belief.mean,
    sample=beliefs.sample_independent,
)

KERNEL_REGRESSION: Estimator[regressors.Regression] = Estimator(
    start=lambda at: regressors.kernel_regression(
        at.given_kernel(), at.n_runs, at.settings
    ),
    learn=regressors.regress,
    predict=regressors.predict_regression,
)

SUPPORT_VECTORS: Estimator[svr.Machine] = Estimator(
    start=lambda at: svr.machine(at.given_kernel(), at.n_runs, at.settings),
    learn=svr.learn,
    predict=svr.predict,
)

# All arms tie for ever, and the tie-break is uniform.
NOTHING_LEARNT: Estimator[Tensor] = Estimator(
    start=lambda at: torch.full(
        (at.n_runs, at.n_arms),
        at.settings.prior_mean,
        dtype=at.dtype,
        device=at.device,
    ),
    learn=lambda state, arms, rewards: state,
    predict=lambda state: state,
)

AGENTS: dict[str, Agent] = {
    "gp_thompson": Agent("GP, Thompson sampling", GAUSSIAN_PROCESS, thompson=True),
    "gp_greedy": Agent("GP, greedy", GAUSSIAN_PROCESS),
    "kernel_regression": Agent("Kernel regression", KERNEL_REGRESSION),
    "svr": Agent("Support vector regression", SUPPORT_VECTORS),
    "thompson_independent": Agent(
        "Thompson sampling, no kernel", INDEPENDENT, thompson=True, uses_kernel=False
    ),
    "uniform": Agent("Uniform choice", NOTHING_LEARNT, uses_kernel=False),
}
"""Every agent there is. `uniform` is the yardstick outcomes are set against."""


def agent_named(name: str) -> Agent:
    """The agent of that name.

    Raises:
        BanditError: There is none; the sentence lists those there are.
    """
    if name not in AGENTS:
        raise BanditError(
            f"agent: needs to be one of {', '.join(AGENTS)}; got {name!r}"
        )
    return AGENTS[name]
