"""Kernel ridge regression for one run at a time, compiled: 2 n_arms^2 a step.

The prediction is a Gaussian process's mean, and a covariance corrected by a rank of one
a step is all it needs; no sample is drawn, and so no root is kept. Of the covariance
only the rows of arms that can be pulled are ever looked at.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bandits.compiled_steps import (
    UPPER_BOUND,
    Runs,
    Steps,
    Told,
    act,
    draw,
    expected_best,
    luck_for,
    pay,
    upper_bounds,
)
from bandits.jit import FUSED, compiled

Floats = NDArray[np.floating]


@compiled(FUSED)
def _correct(row: Floats, pulled: Floats, at: np.floating, whole: np.floating) -> None:
    """An arm's row of the covariance, given its covariance with the arm pulled."""
    share = at / whole
    for i in range(np.uint64(len(row))):
        row[i] -= share * pulled[i]


@compiled(FUSED)
def play_ridge(
    covariance: Floats,
    mean: Floats,
    variance: Floats,
    needed: NDArray[np.bool_],
    runs: Runs,
    steps: Steps,
    told: Told,
) -> None:
    """Take the runs of a posterior kept as its covariance through some steps.

    Args:
        covariance: (n_runs, n_arms, n_padded), changed in place.
        mean, variance: (n_runs, n_padded), of each arm; changed in place.
        needed: (n_runs, n_arms), arms that may be pulled while the belief learns: the
            rows of the others are left as they are.
    """
    n_runs, p = mean.shape
    n, n_steps = len(runs.counts), len(told.arms)
    luck = luck_for(n_steps, 0)
    pulled, scores = np.empty(p, mean.dtype), np.empty(p, mean.dtype)
    limit = runs.tolerance
    for b in range(n_runs):
        mu, spread = mean[b], variance[b]
        blocked, key = runs.blocked[b], runs.keys[b]
        draw(luck, runs, steps, b)
        for t in range(n_steps):
            if steps.rule == UPPER_BOUND:
                upper_bounds(mu, spread, steps.width, scores)
            else:
                for i in range(np.uint64(p)):
                    scores[i] = mu[i]
            greedy = expected_best(mu, blocked, key, limit, steps, t)
            arm = act(scores, blocked, key, limit, steps, t, luck, greedy)
            reward = pay(luck, runs, arm, t)
            told.arms[t, b], told.rewards[t, b] = arm, reward
            told.greedy[t, b] = greedy
            told.mean[t, b], told.variance[t, b] = mu[arm], spread[arm]
            if steps.learns:
                for i in range(np.uint64(p)):
                    pulled[i] = covariance[b, arm, i]
                whole = pulled[arm] + runs.noise_var
                surprise = reward - mu[arm]
                for i in range(np.uint64(p)):
                    gain = pulled[i] / whole
                    mu[i] += gain * surprise
                    spread[i] -= gain * pulled[i]
                for i in range(n):
                    if needed[b, i]:
                        _correct(covariance[b, i], pulled, pulled[i], whole)
