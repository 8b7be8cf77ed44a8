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
    Scratch,
    Steps,
    Told,
    act,
    copy,
    draw,
    expected_best,
    pay,
    upper_bounds,
)
from bandits.compiled_vectors import alike, fused, load, store
from bandits.jit import compiled

Floats = NDArray[np.floating]
Integers = NDArray[np.int64]


_TILE = 8
"""Vectors of arms whose covariance with the arm pulled stays in registers."""


@compiled()
def _correct(covariance: Floats, rows: Integers, pulled: Floats, share: Floats) -> None:
    """The rows of a covariance, given its covariance with the arm pulled.

    Args:
        covariance: (n_arms * n_padded,), row by row.
        rows: The arms whose rows are corrected.
        share: (n_padded,), minus what each arm learns of a surprise.
    """
    p, lanes = len(pulled), len(load(pulled, 0, 1))
    whole = p // (_TILE * lanes) * _TILE * lanes
    for at in range(0, whole, _TILE * lanes):
        known = load(pulled, at, _TILE)
        for arm in rows:
            row = arm * p + at
            corrected = fused(
                alike(share[arm], known), known, load(covariance, row, _TILE)
            )
            store(covariance, row, corrected)
    for at in range(whole, p, 2 * lanes):
        two = load(pulled, at, 2)
        for arm in rows:
            row = arm * p + at
            corrected_two = fused(alike(share[arm], two), two, load(covariance, row, 2))
            store(covariance, row, corrected_two)


@compiled()
def _learn(
    pulled: Floats,
    mean: Floats,
    variance: Floats,
    whole: np.floating,
    surprise: np.floating,
    share: Floats,
) -> None:
    """Every arm's mean and variance, given its covariance with the arm pulled."""
    for i in range(0, len(mean), len(load(mean, 0, 1))):
        known = load(pulled, i, 1)
        gain = known / whole
        store(share, i, gain * -1.0)
        store(mean, i, fused(gain, alike(surprise, gain), load(mean, i, 1)))
        store(variance, i, load(variance, i, 1) - gain * known)


@compiled()
def play_ridge(
    covariance: Floats,
    mean: Floats,
    variance: Floats,
    needed: Integers,
    n_needed: Integers,
    runs: Runs,
    steps: Steps,
    scratch: Scratch,
    told: Told,
) -> None:
    """Take the runs of a posterior kept as its covariance through some steps.

    Args:
        covariance: (n_runs, n_arms * n_padded), row by row; changed in place.
        mean, variance: (n_runs, n_padded), of each arm; changed in place.
        needed: (n_runs, n_arms), arms that may be pulled while the belief learns before
            all others: the rows of the others are left as they are.
        n_needed: (n_runs,), how many those are.
    """
    n_runs, p = mean.shape
    n_steps = told.arms.shape[1]
    luck, scores = scratch.luck, scratch.scores
    pulled, share = scratch.pulled, scratch.gain
    limit = runs.tolerance
    for b in range(n_runs):
        mu, spread = mean[b], variance[b]
        blocked, key = runs.blocked[b], runs.keys[b]
        beliefs, rows = covariance[b], needed[b, : n_needed[b]]
        draw(luck, runs, steps, b)
        for t in range(n_steps):
            if steps.rule == UPPER_BOUND:
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
                for i in range(0, p, len(load(mu, 0, 1))):
                    store(pulled, i, load(beliefs, arm * p + i, 1))
                whole = pulled[arm] + runs.noise_var
                _learn(pulled, mu, spread, whole, reward - mu[arm], share)
                _correct(beliefs, rows, pulled, share)
