"""Settings: what is equal for every run of a cell, chosen by a person."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bandits.errors import BanditError
from bandits.yardsticks import USUAL, Yardsticks


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
            admissible action at random. Thompson sampling explores by itself.
        yardsticks: What some measures are taken against; they change no run.

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
    yardsticks: Yardsticks = USUAL

    def __post_init__(self) -> None:
        if not math.isfinite(self.prior_mean):
            raise _out_of_range("prior_mean", "a finite number", self.prior_mean)
        for name in ("prior_sd", "reward_sd", "svr_c"):
            found = getattr(self, name)
            if not (math.isfinite(found) and found > 0):
                raise _out_of_range(name, "above 0", found)
        if not (math.isfinite(self.svr_eps) and self.svr_eps >= 0):
            raise _out_of_range("svr_eps", "at least 0", self.svr_eps)
        for name, least in (("personalization_steps", 1), ("generalization_steps", 0)):
            steps = getattr(self, name)
            if not (isinstance(steps, int) and steps >= least):
                raise _out_of_range(name, f"a whole number, at least {least}", steps)
        if not 0 <= self.exploration <= 1:
            raise _out_of_range("exploration", "between 0 and 1", self.exploration)

    @property
    def learning_steps(self) -> int:
        """Steps after which the belief is updated: the most rewards a run sees."""
        more = self.generalization_steps if self.learn else 0
        return self.personalization_steps + more


def _out_of_range(name: str, needs: str, found: object) -> BanditError:
    return BanditError(f"settings: {name} needs to be {needs}, got {found!r}")
