"""How a phase went over time: a curve per cell, kept without keeping any run.

A phase is cut into at most 50 stretches of steps (`tally.bin_ends`). Of each, what is
kept are sums over runs and of their squares, which give a mean and its error. They are
whole numbers (rewards in 1/1,024 of a point), so that they add up to the same whatever
way the runs were cut into chunks and shards, and in whatever order those came in.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from bandits.tally import Tally, split_counts

POINT = 1024
"""Parts of a point that mean rewards of a stretch are kept in."""
KINDS = ("reward", "below", "near")
"""What is kept: the mean reward, and steps below the threshold and near the best."""

Sums = Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]]


class OverTime(NamedTuple):
    """Sums over the runs of a cell in one phase.

    ends: The last step of each stretch, from 1.
    n_runs: Runs summed over.
    sums: Of each of `KINDS`, the sums over runs and of their squares, by stretch.
    """

    ends: tuple[int, ...]
    n_runs: int
    sums: Sums

    def plus(self, other: OverTime) -> OverTime:
        """The same of both's runs, which are not the same ones."""
        assert self.ends == other.ends
        return OverTime(
            self.ends,
            self.n_runs + other.n_runs,
            {
                kind: (
                    _add(mine, other.sums[kind][0]),
                    _add(squares, other.sums[kind][1]),
                )
                for kind, (mine, squares) in self.sums.items()
            },
        )

    def mean(self, kind: str) -> list[float]:
        """Of each stretch: the mean reward, or the share of steps."""
        sums, _ = self.sums[kind]
        return [
            total / (self.n_runs * unit)
            for total, unit in zip(sums, self._units(kind), strict=True)
        ]

    def standard_error(self, kind: str) -> list[float]:
        """Of each mean, over runs; NaN of one run."""
        n = self.n_runs
        if n < 2:
            return [math.nan] * len(self.ends)
        # In whole numbers until the end: a difference of two large ones is exact.
        return [
            math.sqrt((n * squares - total * total) / (n - 1)) / (n * unit)
            for total, squares, unit in zip(
                *self.sums[kind], self._units(kind), strict=True
            )
        ]

    def _units(self, kind: str) -> list[int]:
        if kind == "reward":
            return [POINT] * len(self.ends)
        return [
            end - begin for begin, end in zip((0, *self.ends), self.ends, strict=False)
        ]


def over_time(tally: Tally) -> OverTime:
    """A finished phase's curves. The one place that asks a GPU for them."""
    lengths = tally.ground.ends.diff(prepend=tally.ground.ends.new_zeros(1))
    below, near = split_counts(_of_stretches(tally.count_marks))
    paid = _of_stretches(tally.paid_marks) / lengths.unsqueeze(1)
    kinds = ((paid * POINT).round().long(), below, near)
    return OverTime(
        tally.ends,
        tally.counts.shape[0],
        {
            name: (tuple(x.sum(1).tolist()), tuple(x.square().sum(1).tolist()))
            for name, x in zip(KINDS, kinds, strict=True)
        },
    )


def over_time_rows(
    curves: OverTime, *, harm: bool, harm_defined: bool
) -> list[dict[str, Any]]:
    """A row for each stretch: its steps, and each kind's mean and standard error.

    Args:
        harm: Whether steps below the threshold are unsafe, or of low value.
        harm_defined: Whether their share has a meaning; NaN where not.
    """
    share = "unsafe_share" if harm else "low_value_share"
    names = dict(zip(("mean_reward", share, "near_optimal_share"), KINDS, strict=True))
    columns: dict[str, Sequence[float]] = {
        "first_step": [1, *(end + 1 for end in curves.ends[:-1])],
        "last_step": curves.ends,
        "n_runs": [curves.n_runs] * len(curves.ends),
    }
    for name, kind in names.items():
        defined = harm_defined or kind != "below"
        nothing = [math.nan] * len(curves.ends)
        columns[name] = curves.mean(kind) if defined else nothing
        columns[f"{name}_se"] = curves.standard_error(kind) if defined else nothing
    return [
        dict(zip(columns, row, strict=True))
        for row in zip(*columns.values(), strict=True)
    ]


def _of_stretches(marks: Tensor) -> Tensor:
    """(n_bins, n_runs) sums within each stretch, from those up to its end."""
    return torch.cat((marks[:1], marks[1:] - marks[:-1]))


def _add(a: Sequence[int], b: Sequence[int]) -> tuple[int, ...]:
    return tuple(x + y for x, y in zip(a, b, strict=True))
