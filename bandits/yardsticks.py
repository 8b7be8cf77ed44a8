"""Yardsticks: what some measures are taken against, chosen by a person."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bandits.errors import BanditError


@dataclass(frozen=True)
class Yardsticks:
    """They change no run, only how it is judged.

    Attributes:
        conservative_alpha: Share, 0-1, of what the baseline action would have paid by
            then that a run may have fallen behind it: `conservative_budget`.
        conservative_baseline: That action's place, whether admissible or not; None for
            the admissible one of median value, the lower of two.
        risk_tolerance: Points of squared spread that a point of mean reward makes good:
            `mean_variance`. At least 0.

    Raises:
        BanditError: A number outside its range.
    """

    conservative_alpha: float = 0.1
    conservative_baseline: int | None = None
    risk_tolerance: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.conservative_alpha <= 1:
            raise BanditError(
                "yardsticks: conservative_alpha needs to lie between 0 and 1, "
                f"got {self.conservative_alpha!r}"
            )
        if self.conservative_baseline is not None and self.conservative_baseline < 0:
            raise BanditError(
                "yardsticks: conservative_baseline needs to be an action's place, from "
                f"0, or None for the median, got {self.conservative_baseline!r}"
            )
        if not (math.isfinite(self.risk_tolerance) and self.risk_tolerance >= 0):
            raise BanditError(
                "yardsticks: risk_tolerance needs to be a finite number, at least 0, "
                f"got {self.risk_tolerance!r}"
            )

    def check(self, n_actions: int) -> None:
        """Refuse a baseline that a task of so many actions does not have."""
        at = self.conservative_baseline
        if at is not None and at >= n_actions:
            raise BanditError(
                f"yardsticks: conservative_baseline needs to be one of {n_actions} "
                f"actions, 0 to {n_actions - 1}, got {at}"
            )


USUAL = Yardsticks()
"""Ten per cent behind the median action, and a point squared for a point."""
