"""Rewards: what a pull of an action pays, and whose ratings it is paid from.

There are three sources (`science.md`, rule 18). The value plus Gaussian noise is what an
agent's belief assumes. Real people disagree otherwise: a *rater draw* pays what one of
the people who rated the action said of it, drawn anew at each pull. A *participant* pays
their own rating, plus the noise that their own second answers show.

All three are one table: a pull of action a pays one of the first `counts[a]` entries of
its row, each as likely, plus `sd` times a normal number. So the engine needs no case for
each source, on any backend.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bandits.errors import BanditError
from bandits.spec_parts import RewardSource

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SOURCES: tuple[RewardSource, ...] = get_args(RewardSource)


@dataclass(frozen=True, eq=False)
class Rewards:
    """What every action pays.

    Attributes:
        source: mean+noise, rater_draw or participant; for tables and messages.
        table: (n_actions, n_columns) what a pull may pay before noise. What stands
            beyond a row's count is never paid; it is set to the row's first entry.
        counts: (n_actions,) how many entries of each row count, at least 1.
        sd: Standard deviation of the Gaussian noise added, in points, at least 0.

    Raises:
        BanditError: A shape, a count or a number that no pull could pay.
    """

    source: RewardSource
    table: Floats
    counts: Ints
    sd: float

    def __post_init__(self) -> None:
        if self.source not in SOURCES:
            raise BanditError(
                f"rewards: source needs to be one of {', '.join(SOURCES)}, got "
                f"{self.source!r}"
            )
        table = np.array(self.table, dtype=np.float64)
        counts = np.array(self.counts, dtype=np.int64)
        if table.ndim != 2 or counts.shape != table.shape[:1] or not table.size:
            raise BanditError(
                "rewards: need a table (n_actions, n_columns) and a count for each "
                f"action, got {table.shape} and {counts.shape}"
            )
        if (counts < 1).any() or (counts > table.shape[1]).any():
            raise BanditError(
                f"rewards: every action needs 1 to {table.shape[1]:,} entries, got "
                f"{counts.min():,} to {counts.max():,}; leave actions nobody rated out"
            )
        beyond = np.arange(table.shape[1]) >= counts[:, None]
        table = np.where(beyond, table[:, :1], table)
        if bad := int((~np.isfinite(table)).sum()):
            raise BanditError(
                f"rewards: need a finite number wherever one may be paid, got {bad:,} "
                "entries without one"
            )
        if not (math.isfinite(self.sd) and self.sd >= 0):
            raise BanditError(
                f"rewards: sd needs to be a number of points, at least 0, got {self.sd!r}"
            )
        table.flags.writeable = counts.flags.writeable = False
        object.__setattr__(self, "table", table)
        object.__setattr__(self, "counts", counts)

    @property
    def means(self) -> Floats:
        """(n_actions,) what each action pays on average."""
        counted = np.arange(self.table.shape[1]) < self.counts[:, None]
        found: Floats = np.where(counted, self.table, 0.0).sum(1) / self.counts
        return found


class Payer(NamedTuple):
    """The rewards of a cell on its device, as the engine asks them.

    table: (n_arms, n_columns), in the dtype that the cell computes in.
    counts: (n_arms,) float64: whole numbers, to be multiplied by a uniform one.
    sd: Of the noise, in points.
    first: (n_arms,) the table's first column: all of it, where no rater is drawn.
    """

    table: Tensor
    counts: Tensor
    sd: float
    first: Tensor

    @property
    def draws(self) -> bool:
        """Whether a pull needs a uniform number, to choose among ratings."""
        return self.table.shape[1] > 1

    def pay(self, arms: Tensor, noise: Tensor, which: Tensor | None) -> Tensor:
        """What a pull of each run's arm pays.

        Args:
            arms: (n_runs,) int64.
            noise: (n_runs,) points, already times `sd`.
            which: (n_runs,) float64, uniform in (0, 1); None where `draws` is False.

        Returns:
            (n_runs,) in the dtype of the table.
        """
        if which is None:
            return self.first[arms] + noise
        # Below counts[arms] always: the largest uniform number is 1 - 2**-53.
        column = (which * self.counts[arms]).to(torch.int64)
        return self.table[arms, column] + noise


def payer(rewards: Rewards, *, dtype: torch.dtype, device: str | torch.device) -> Payer:
    """The rewards as tensors on a device."""
    table = torch.tensor(rewards.table, dtype=dtype, device=device)
    counts = torch.tensor(rewards.counts, dtype=torch.float64, device=device)
    # Indexing one column by itself is half as dear as indexing the table.
    return Payer(table, counts, rewards.sd, table[:, 0].contiguous())


def mean_and_noise(values: Floats, sd: float) -> Rewards:
    """The value of the action, plus noise of `sd` points."""
    given = np.asarray(values, dtype=np.float64)
    return Rewards("mean+noise", given[:, None], np.ones(len(given), np.int64), sd)


def rater_draw(ratings: Floats) -> Rewards:
    """A random rater's rating of the action at every pull; nothing is added to it.

    Args:
        ratings: (n_raters, n_actions) in 0-100, NaN where a rater did not rate.

    Raises:
        BanditError: An action that nobody rated.
    """
    given = np.asarray(ratings, dtype=np.float64)
    rated = ~np.isnan(given)
    counts = rated.sum(0).astype(np.int64)
    if empty := int((counts == 0).sum()):
        raise BanditError(
            f"rewards from raters: {empty:,} of {given.shape[1]:,} actions were rated "
            "by nobody; leave them out, or take mean+noise"
        )
    # Ratings first, gaps last: a stable sort of "not rated" keeps the raters' order.
    order = np.argsort(~rated, axis=0, kind="stable")
    packed = np.take_along_axis(given, order, axis=0)[: counts.max()]
    return Rewards("rater_draw", packed.T, counts, 0.0)


def participant(own: Floats, sd: float) -> Rewards:
    """One person's own ratings, plus the noise of their own second answers."""
    given = np.asarray(own, dtype=np.float64)
    return Rewards("participant", given[:, None], np.ones(len(given), np.int64), sd)


def measured_noise(ratings: Floats) -> float:
    """How far raters lie apart on one action, in points: the pooled standard deviation.

    The root of the within-action variance, over all actions that two or more rated:
    what a pull that pays a random rater's rating scatters by, around the mean.

    Args:
        ratings: (n_raters, n_actions) in 0-100, NaN where a rater did not rate.

    Raises:
        BanditError: No action was rated by two people.
    """
    given = np.asarray(ratings, dtype=np.float64)
    rated = ~np.isnan(given)
    counts = rated.sum(0)
    several = counts > 1
    if not several.any():
        raise BanditError(
            "measured reward noise: needs an action that two people rated; give the "
            "noise as a number"
        )
    filled = np.where(rated, given, 0.0)
    means = filled.sum(0) / np.maximum(counts, 1)
    squares = (np.where(rated, given - means, 0.0) ** 2).sum(0)
    return math.sqrt(squares[several].sum() / (counts[several] - 1).sum())
