"""The arms without a kernel for one run at a time, compiled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bandits.compiled_steps import (
    SCORED,
    UPPER_BOUND,
    Runs,
    Scratch,
    Steps,
    Told,
    act,
    copy,
    draw,
    expected_best,
    pay,
    sampling,
    upper_bounds,
)
from bandits.compiled_vectors import fused, load, root_of, store
from bandits.jit import compiled

Floats = NDArray[np.floating]


@compiled()
def play_independent(
    mean: Floats,
    variance: Floats,
    runs: Runs,
    steps: Steps,
    scratch: Scratch,
    told: Told,
) -> None:
    """Take runs whose arms say nothing about each other through some steps.

    Args:
        mean, variance: (n_runs, n_padded), of each arm; changed in place.
    """
    n_runs, p = mean.shape
    n, n_steps = len(runs.counts), told.arms.shape[1]
    luck, limit = scratch.luck, runs.tolerance
    normals, scores = scratch.normals, scratch.scores
    for b in range(n_runs):
        mu, spread = mean[b], variance[b]
        blocked, key = runs.blocked[b], runs.keys[b]
        draw(luck, runs, steps, b)
        for t in range(n_steps):
            if steps.rule == SCORED:
                sampling(key, steps, t, n, normals)
                for i in range(0, p, len(load(mu, 0, 1))):
                    drawn = load(normals, i, 1)
                    wide = root_of(load(spread, i, 1))
                    store(scores, i, fused(wide, drawn, load(mu, i, 1)))
            elif steps.rule == UPPER_BOUND:
                upper_bounds(mu, spread, steps.width, scores)
            else:
                copy(mu, scores)
            greedy = expected_best(mu, blocked, key, limit, steps, t)
            arm = act(scores, blocked, key, limit, steps, t, scratch, greedy)
            reward = pay(luck, runs, arm, t)
            told.arms[b, t], told.rewards[b, t] = arm, reward
            told.greedy[b, t] = greedy
            told.mean[b, t], told.variance[b, t] = mu[arm], spread[arm]
            if steps.learns:
                share = spread[arm] / (spread[arm] + runs.noise_var)
                mu[arm] += share * (reward - mu[arm])
                spread[arm] -= share * spread[arm]
