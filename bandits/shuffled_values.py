"""Is it alignment, or one chance fit of people's view to the values? Shuffled values.

Permuting models takes their outcomes for exchangeable. They are not where well-aligned
models resemble each other: one chance fit between what they share and the values lifts
them together (`bandits.effects`). Here the kernels stay as they are, related as they
are, and the values are dealt out to the actions anew; outcomes are simulated for every
deal. The null tested is that the values have nothing to do with the actions' likeness,
whatever the kernels share. It is exact where values were dealt out at random to begin
with, and says nothing of other models: for that, models are the unit.

The same deals answer for a slope or a correlation, and for a few kernels as for many,
because it is not kernels that are permuted. Two kernels can do; below `MIN_MODELS` the
statistic itself is withheld as everywhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from bandits.effects import CONSTANT, MIN_MODELS, SAME, TOO_FEW
from bandits.errors import BanditError

Array = NDArray[np.float64]
Statistic = Literal["spearman", "pearson", "slope"]
MIN_SHUFFLES = 19
"""Fewer cannot reach p = .05."""
_PURPOSE = 0x5A1E5
"""Keeps shuffles apart from whatever else a caller draws from (seed, number)."""


@dataclass(frozen=True)
class ShuffledValueTest:
    """A statistic of outcome on alignment, against the same with shuffled values.

    value: NaN below `MIN_MODELS` kernels or where `note` says why.
    null_low, null_high: 95 % band of the statistic over the shuffles: what these kernels
        give when the values mean nothing. Its centre need not be 0, because a kernel
        may do better than another whatever the values are.
    p: Two-sided, by distance from the shuffles' mean, the observed value with them.
    p_greater: One-sided: as large as observed.
    smallest_p: 1 / (n_shuffles + 1).
    n_undefined: Shuffles without a statistic; they count as at least the observed one.
    """

    value: float
    null_mean: float
    null_low: float
    null_high: float
    p: float
    p_greater: float
    smallest_p: float
    n_kernels: int
    n_shuffles: int
    n_undefined: int
    note: str


def shuffle_values(values: Array, n_shuffles: int, *, seed: int) -> Array:
    """(n_shuffles, n_actions) the same values, dealt out to the actions anew.

    Shuffle k depends on `seed` and k alone: more shuffles keep the earlier ones, and a
    job can make its own.
    """
    given = np.asarray(values, dtype=float)
    if given.ndim != 1 or n_shuffles < 1:
        raise BanditError(
            f"shuffled values: needs a list of values and at least one shuffle, got"
            f" shape {given.shape} and {n_shuffles}"
        )
    return np.array(
        [
            np.random.default_rng((seed, k, _PURPOSE)).permutation(given)
            for k in range(n_shuffles)
        ]
    )


def shuffled_value_test(
    alignment: Array,
    outcome: Array,
    shuffled_outcomes: Array,
    *,
    statistic: Statistic = "spearman",
) -> ShuffledValueTest:
    """Test a correlation or slope over kernels against shuffled values.

    The observed value is measured against the mean of all, itself included, so that it
    is exchangeable with the others under the null; p adds it (Phipson & Smyth, 2010).

    Args:
        alignment: (n_kernels,) with people, one per independent model.
        outcome: (n_kernels,) with the values as they are.
        shuffled_outcomes: (n_shuffles, n_kernels), every row from one deal of the values
            for all kernels; simulated like `outcome`, noise included.
        statistic: "spearman", "pearson", or "slope" of least squares, in outcome per
            unit of alignment.

    Raises:
        BanditError: Shapes that do not fit, fewer than `MIN_SHUFFLES` shuffles, or a
            number that is not finite: leave that kernel out of all three.
    """
    x, y, table = (
        np.asarray(numbers, dtype=float)
        for numbers in (alignment, outcome, shuffled_outcomes)
    )
    _check(x, y, table, statistic)
    n, n_shuffles = len(x), len(table)
    found = _statistics(x, np.vstack([y, table]), statistic)
    value, null = float(found[0]), found[1:]
    smallest, defined = 1 / (n_shuffles + 1), null[~np.isnan(null)]
    n_undefined = n_shuffles - len(defined)
    no, note = math.nan, TOO_FEW if n < MIN_MODELS else ""
    if math.isnan(value):
        return ShuffledValueTest(
            no, no, no, no, no, no, smallest, n, n_shuffles, n_undefined,
            note or CONSTANT,
        )  # fmt: skip
    room = SAME * max(1.0, float(np.abs(found[~np.isnan(found)]).max()))
    centre = float(np.append(defined, value).mean())
    far = int(np.sum(np.abs(defined - centre) >= abs(value - centre) - room))
    above = int(np.sum(defined >= value - room))
    p, p_greater = (
        (1 + k + n_undefined) / (n_shuffles + 1) for k in (far, above)
    )  # fmt: skip
    mean = low = high = no
    if not note and len(defined):
        mean = float(defined.mean())
        low, high = (float(bound) for bound in np.percentile(defined, [2.5, 97.5]))
    return ShuffledValueTest(
        no if note else value, mean, low, high, p, p_greater, smallest, n, n_shuffles,
        n_undefined, note,
    )  # fmt: skip


def _check(x: Array, y: Array, table: Array, statistic: str) -> None:
    if statistic not in ("spearman", "pearson", "slope"):
        raise BanditError(
            "shuffled values: statistic must be spearman, pearson or slope, got"
            f" {statistic}"
        )
    if x.ndim != 1 or y.shape != x.shape or table.ndim != 2 or table.shape[1] != len(x):
        raise BanditError(
            "shuffled values: needs one alignment and outcome per kernel and a row of as"
            f" many outcomes per shuffle, got shapes {x.shape}, {y.shape} and"
            f" {table.shape}"
        )
    if len(table) < MIN_SHUFFLES:
        raise BanditError(
            f"shuffled values: needs at least {MIN_SHUFFLES} shuffles, or no p could be"
            f" .05, got {len(table)}; science asks for 200"
        )
    for name, numbers in (
        ("alignment", x), ("outcome", y), ("shuffled outcomes", table),
    ):  # fmt: skip
        if not np.isfinite(numbers).all():
            raise BanditError(
                f"shuffled values: {name} must be finite; leave a kernel whose outcome is"
                " undefined out of all three"
            )


def _statistics(x: Array, table: Array, statistic: Statistic) -> Array:
    """(n_rows,) of x (n,) with each row of the table; NaN where one is constant."""
    if len(x) < 2:
        return np.full(len(table), math.nan)
    flat = (np.ptp(table, axis=1) == 0) | (np.ptp(x) == 0)
    if statistic == "spearman":
        x, table = rankdata(x), rankdata(table, axis=1)
    a, b = x - x.mean(), table - table.mean(axis=1, keepdims=True)
    product, size = b @ a, float(a @ a)
    if statistic == "slope":
        # An outcome that is the same for all has a slope, 0; an alignment has none.
        return np.full(len(table), math.nan) if np.ptp(x) == 0 else product / size
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Array = product / np.sqrt(size * (b**2).sum(axis=1))
    return np.where(flat, math.nan, np.clip(found, -1, 1))
