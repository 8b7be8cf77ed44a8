"""The error on unseen actions that a kernel leads to, for many values at once.

A Gaussian process that was rewarded once for every personalization action predicts the
others' values by W, which depends on the kernel alone: its expected squared error is
|v_* - W v_n|^2 + s^2 |W|^2 (`science.md`, rule 22), exactly and without a simulation. So
the same kernels can be asked about hundreds of ways of dealing the values out to the
actions (`bandits.shuffled_values`) for the price of one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bandits.errors import BanditError

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def expected_errors(
    kernels: Sequence[Floats],
    values: Floats,
    splits: Bools,
    *,
    prior_mean: float,
    prior_sd: float,
    reward_sd: float,
) -> Floats:
    """Expected squared error on unseen actions, mean over them and over the splits.

    Args:
        kernels: Each (n_actions, n_actions), unit diagonal, positive semi-definite.
        values: (n_actions, n_values) on the 0-100 scale, a column per way of dealing.
        splits: (n_splits, n_actions) bool, the actions that are rewarded.

    Returns:
        (n_kernels, n_values) points squared.

    Raises:
        BanditError: Shapes that do not fit, or no noise in the rewards.
    """
    n = len(values)
    if values.ndim != 2 or splits.ndim != 2 or splits.shape[1] != n:
        raise BanditError(
            "expected error: needs values (n_actions, n_values) and splits (n_splits,"
            f" n_actions), got {values.shape} and {splits.shape}"
        )
    if not (prior_sd > 0 and reward_sd > 0):
        raise BanditError(
            "expected error: the prior's and the reward's sd need to be above 0, got"
            f" {prior_sd:g} and {reward_sd:g}"
        )
    noise = (reward_sd / prior_sd) ** 2
    centred = values - prior_mean
    total = np.zeros((len(kernels), values.shape[1]))
    for place, kernel in enumerate(kernels):
        if kernel.shape != (n, n):
            raise BanditError(
                f"expected error: kernel {place} needs shape ({n}, {n}), got"
                f" {kernel.shape}"
            )
        for seen in splits:
            weights = weights_of(kernel, seen, noise)
            bias = centred[~seen] - weights @ centred[seen]
            spread = reward_sd**2 * (weights**2).sum() / len(weights)
            total[place] += (bias**2).mean(0) + spread
    return total / len(splits)


def weights_of(kernel: Floats, seen: Bools, noise: float) -> Floats:
    """W: (n_unseen, n_seen), how rewards of the seen actions predict the others.

    Args:
        noise: Variance of a reward's noise as a share of the prior's.
    """
    known = kernel[np.ix_(seen, seen)] + noise * np.eye(int(seen.sum()))
    solved = np.linalg.solve(known, kernel[np.ix_(seen, ~seen)])
    return np.asarray(solved.T, dtype=np.float64)
