"""`regressors.py` and the arms without a kernel for one run at a time, compiled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bandits.compiled_steps import (
    SCORED,
    UPPER_BOUND,
    Runs,
    Steps,
    Told,
    act,
    draw,
    expected_best,
    luck_for,
    pay,
    sampling,
    upper_bounds,
)
from bandits.jit import FUSED, compiled

Floats = NDArray[np.floating]


@compiled(FUSED)
def _learn_regression(
    near: Floats,
    reward: np.floating,
    total: Floats,
    weight: Floats,
    mean: Floats,
    prior_mean: np.floating,
    least: np.floating,
) -> None:
    for i in range(np.uint64(len(mean))):
        total[i] += near[i] * reward
        weight[i] += near[i]
        ratio = total[i] / max(weight[i], least)
        mean[i] = ratio if weight[i] >= least else prior_mean


@compiled(FUSED)
def play_regression(
    weights: Floats,
    total: Floats,
    weight: Floats,
    mean: Floats,
    least: np.floating,
    prior_mean: np.floating,
    runs: Runs,
    steps: Steps,
    told: Told,
) -> None:
    """Take a kernel regression's runs through some steps.

    Args:
        weights: (n_padded, n_padded), at least 0.
        total, weight, mean: (n_runs, n_padded), rewards times weights, weights, and
            what is predicted; changed in place.
        least: The summed weight from which an arm has heard of a reward.
    """
    n_runs, n_steps = len(mean), len(told.arms)
    luck = luck_for(n_steps, 0)
    limit = runs.tolerance
    for b in range(n_runs):
        mu, paid, heard = mean[b], total[b], weight[b]
        blocked, key = runs.blocked[b], runs.keys[b]
        draw(luck, runs, steps, b)
        for t in range(n_steps):
            greedy = expected_best(mu, blocked, key, limit, steps, t)
            arm = act(mu, blocked, key, limit, steps, t, luck, greedy)
            reward = pay(luck, runs, arm, t)
            told.arms[t, b], told.rewards[t, b] = arm, reward
            told.greedy[t, b] = greedy
            if steps.learns:
                near = weights[arm]
                _learn_regression(near, reward, paid, heard, mu, prior_mean, least)


@compiled(FUSED)
def play_independent(
    mean: Floats,
    variance: Floats,
    runs: Runs,
    steps: Steps,
    told: Told,
) -> None:
    """Take runs whose arms say nothing about each other through some steps.

    Args:
        mean, variance: (n_runs, n_padded), of each arm; changed in place.
    """
    n_runs, p = mean.shape
    n, n_steps = len(runs.counts), len(told.arms)
    luck = luck_for(n_steps, p)
    normals, scores = np.zeros(p + 1, mean.dtype), np.zeros(p, mean.dtype)
    limit = runs.tolerance
    for b in range(n_runs):
        mu, spread = mean[b], variance[b]
        blocked, key = runs.blocked[b], runs.keys[b]
        draw(luck, runs, steps, b)
        for t in range(n_steps):
            if steps.rule == SCORED:
                sampling(luck, runs, steps, b, t, n, normals)
                for i in range(np.uint64(p)):
                    scores[i] = mu[i] + np.sqrt(spread[i]) * normals[i]
            elif steps.rule == UPPER_BOUND:
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
                share = spread[arm] / (spread[arm] + runs.noise_var)
                mu[arm] += share * (reward - mu[arm])
                spread[arm] -= share * spread[arm]
