"""`beliefs.py` for one run at a time, compiled: the root stays in the core's own cache.

The same square-root form, row by row of R: a row is as long as the number of arms, so
that both products of a step run along the arms and need no sum across a vector. The
product that draws the next sample rides along with the update, for R is in hand there.

Arrays hold arms padded to whole vectors and rows to pairs; what is padded is
0 and stays 0. Indices are unsigned: signed ones may wrap around, and would be tested.
"""

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

_ONE, _TWO = np.uint64(1), np.uint64(2)


@compiled(FUSED)
def mix(root: Floats, weights: Floats, out: Floats) -> None:
    """out += weights R.

    Args:
        root: (n_rows * n_padded,), R row by row; an even number of rows.
        weights: (n_rows,).
        out: (n_padded,).
    """
    p = np.uint64(len(out))
    for j in range(np.uint64(0), np.uint64(len(weights)), _TWO):
        w0, w1 = weights[j], weights[j + _ONE]
        r0 = j * p
        r1 = r0 + p
        for i in range(p):
            out[i] += root[r0 + i] * w0 + root[r1 + i] * w1


@compiled(FUSED)
def shrink(
    root: Floats, pulled: Floats, gain: Floats, weights: Floats, out: Floats
) -> None:
    """R -= pulled' gain, and then out += weights R. Shapes as `mix`."""
    p = np.uint64(len(out))
    # Two rows at a time: with more, the compiler cannot tell that they lie apart.
    for j in range(np.uint64(0), np.uint64(len(weights)), _TWO):
        v0, v1 = pulled[j], pulled[j + _ONE]
        w0, w1 = weights[j], weights[j + _ONE]
        r0 = j * p
        r1 = r0 + p
        for i in range(p):
            x0, x1 = root[r0 + i] - v0 * gain[i], root[r1 + i] - v1 * gain[i]
            root[r0 + i], root[r1 + i] = x0, x1
            out[i] += x0 * w0 + x1 * w1


@compiled(FUSED)
def variances(root: Floats, out: Floats) -> None:
    """out = the diagonal of R' R: (n_padded,)."""
    p = np.uint64(len(out))
    for i in range(p):
        out[i] = 0
    for r in range(np.uint64(0), np.uint64(len(root)), _TWO * p):
        for i in range(p):
            x0, x1 = root[r + i], root[r + p + i]
            out[i] += x0 * x0 + x1 * x1


@compiled(FUSED)
def _column(root: Floats, arm: int, n_padded: int, out: Floats) -> np.floating:
    """Copy an arm's column of R; return the sum of its squares: the arm's variance."""
    at, total = np.uint64(arm), out.dtype.type(0)
    for j in range(np.uint64(len(out))):
        x = root[at]
        out[j] = x
        total += x * x
        at += np.uint64(n_padded)
    return total


@compiled(FUSED)
def _condition(
    root: Floats,
    mean: Floats,
    pulled: Floats,
    gain: Floats,
    variance: np.floating,
    surprise: np.floating,
    noise_var: np.floating,
    normals: Floats,
    scores: Floats,
) -> None:
    """One reward more; and scores = the next sample, by its normals."""
    p = np.uint64(len(mean))
    for i in range(p):
        gain[i] = 0
    mix(root, pulled, gain)
    whole = variance + noise_var
    step = surprise / whole
    for i in range(p):
        mean[i] += gain[i] * step
        scores[i] = mean[i]
    part = whole + np.sqrt(whole * noise_var)
    for j in range(np.uint64(len(pulled))):
        pulled[j] /= part
    shrink(root, pulled, gain, normals, scores)


@compiled(FUSED)
def play(root: Floats, mean: Floats, runs: Runs, steps: Steps, told: Told) -> None:
    """Take a Gaussian-process agent's runs through some steps.

    Args:
        root: (n_runs, n_rows * n_padded), each run's R row by row; changed in place.
        mean: (n_runs, n_padded), what each arm is expected to be worth; in place.
    """
    n_runs, p = mean.shape
    n_rows, n_steps = root.shape[1] // p, len(told.arms)
    luck = luck_for(n_steps, n_rows)
    normals, scores = np.zeros(n_rows, mean.dtype), np.empty(p, mean.dtype)
    pulled, gain = np.empty(n_rows, mean.dtype), np.empty(p, mean.dtype)
    rule = steps.rule
    limit = runs.tolerance
    for b in range(n_runs):
        R, mu = root[b], mean[b]
        blocked, key = runs.blocked[b], runs.keys[b]
        draw(luck, runs, steps, b)
        sampled = False
        for t in range(n_steps):
            if not sampled:
                for i in range(np.uint64(p)):
                    scores[i] = mu[i]
                if rule == SCORED:
                    sampling(luck, runs, steps, b, t, n_rows, normals)
                    mix(R, normals, scores)
                elif rule == UPPER_BOUND:
                    variances(R, gain)
                    upper_bounds(mu, gain, steps.width, scores)
            greedy = expected_best(mu, blocked, key, limit, steps, t)
            arm = act(scores, blocked, key, limit, steps, t, luck, greedy)
            variance = _column(R, arm, p, pulled)
            reward = pay(luck, runs, arm, t)
            told.arms[t, b], told.rewards[t, b] = arm, reward
            told.greedy[t, b] = greedy
            told.mean[t, b], told.variance[t, b] = mu[arm], variance
            if steps.learns:
                sampled = rule == SCORED and t + 1 < n_steps
                if sampled:
                    sampling(luck, runs, steps, b, t + 1, n_rows, normals)
                surprise, noise_var = reward - mu[arm], runs.noise_var
                _condition(
                    R, mu, pulled, gain, variance, surprise, noise_var, normals, scores
                )
