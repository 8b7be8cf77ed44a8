"""`beliefs.py` for one run at a time, compiled: the root stays in the core's own cache.

The same square-root form, row by row of R: a row is as long as the number of arms, so
that both products of a step run along the arms and need no sum across a vector. The
product that draws the next sample rides along with the update, for R is in hand there.

Arms are taken in tiles of up to eight vectors, whose sums stay in registers while the
rows go by. Arrays hold arms padded to pairs of vectors; what is padded is 0 and stays 0.
Rows are summed in order, whatever the tile.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

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
from bandits.compiled_vectors import alike, fused, load, store
from bandits.jit import FUSED, compiled

Floats = NDArray[np.floating]


class Tile(NamedTuple):
    """The three products for so many vectors of arms, from the arm `at` on."""

    mix: Callable[[Floats, Floats, Floats, int], None]
    shrink: Callable[[Floats, Floats, Floats, Floats, Floats, int], None]
    squares: Callable[[Floats, Floats, int], None]


def _tile(count: int) -> Tile:
    @compiled()
    def mix_tile(root: Floats, weights: Floats, out: Floats, at: int) -> None:
        total, row = load(out, at, count), at
        for j in range(len(weights)):
            total = fused(load(root, row, count), alike(weights[j], total), total)
            row += len(out)
        store(out, at, total)

    @compiled()
    def shrink_tile(
        root: Floats,
        pulled: Floats,
        gain: Floats,
        weights: Floats,
        out: Floats,
        at: int,
    ) -> None:
        total, step, row = load(out, at, count), load(gain, at, count), at
        for j in range(len(weights)):
            x = fused(alike(pulled[j], step), step, load(root, row, count))
            store(root, row, x)
            total = fused(x, alike(weights[j], total), total)
            row += len(out)
        store(out, at, total)

    @compiled()
    def squares_tile(root: Floats, out: Floats, at: int) -> None:
        total = alike(out.dtype.type(0), load(out, at, count))
        for row in range(at, len(root), len(out)):
            x = load(root, row, count)
            total = fused(x, x, total)
        store(out, at, total)

    return Tile(mix_tile, shrink_tile, squares_tile)


_mix_8, _shrink_8, _squares_8 = _tile(8)
_mix_4, _shrink_4, _squares_4 = _tile(4)
_mix_2, _shrink_2, _squares_2 = _tile(2)


@compiled()
def mix(root: Floats, weights: Floats, out: Floats) -> None:
    """out += weights R.

    Args:
        root: (n_rows * n_padded,), R row by row.
        weights: (n_rows,).
        out: (n_padded,), pairs of vectors.
    """
    p, lanes = len(out), len(load(out, 0, 1))
    whole = p // (8 * lanes) * 8 * lanes
    for at in range(0, whole, 8 * lanes):
        _mix_8(root, weights, out, at)
    if p - whole >= 4 * lanes:
        _mix_4(root, weights, out, whole)
        whole += 4 * lanes
    for at in range(whole, p, 2 * lanes):
        _mix_2(root, weights, out, at)


@compiled()
def shrink(
    root: Floats, pulled: Floats, gain: Floats, weights: Floats, out: Floats
) -> None:
    """R += pulled' gain, and then out += weights R. Shapes as `mix`."""
    p, lanes = len(out), len(load(out, 0, 1))
    whole = p // (8 * lanes) * 8 * lanes
    for at in range(0, whole, 8 * lanes):
        _shrink_8(root, pulled, gain, weights, out, at)
    if p - whole >= 4 * lanes:
        _shrink_4(root, pulled, gain, weights, out, whole)
        whole += 4 * lanes
    for at in range(whole, p, 2 * lanes):
        _shrink_2(root, pulled, gain, weights, out, at)


@compiled()
def variances(root: Floats, out: Floats) -> None:
    """out = the diagonal of R' R: (n_padded,)."""
    p, lanes = len(out), len(load(out, 0, 1))
    whole = p // (8 * lanes) * 8 * lanes
    for at in range(0, whole, 8 * lanes):
        _squares_8(root, out, at)
    if p - whole >= 4 * lanes:
        _squares_4(root, out, whole)
        whole += 4 * lanes
    for at in range(whole, p, 2 * lanes):
        _squares_2(root, out, at)


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


@compiled()
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
    lanes = len(load(gain, 0, 1))
    for i in range(0, len(gain), lanes):
        store(gain, i, alike(0.0, load(gain, i, 1)))
    mix(root, pulled, gain)
    whole = variance + noise_var
    step, part = surprise / whole, -1 / (whole + np.sqrt(whole * noise_var))
    for i in range(0, len(gain), lanes):
        g = load(gain, i, 1)
        expected = fused(g, alike(step, g), load(mean, i, 1))
        store(mean, i, expected)
        store(scores, i, expected)
        store(gain, i, g * part)
    shrink(root, pulled, gain, normals, scores)


@compiled()
def play(
    root: Floats,
    mean: Floats,
    runs: Runs,
    steps: Steps,
    scratch: Scratch,
    told: Told,
) -> None:
    """Take a Gaussian-process agent's runs through some steps.

    Args:
        root: (n_runs, n_rows * n_padded), each run's R row by row; changed in place.
        mean: (n_runs, n_padded), what each arm is expected to be worth; in place.
    """
    n_runs, p = mean.shape
    n_rows, n_steps = root.shape[1] // p, told.arms.shape[1]
    luck, scores, gain = scratch.luck, scratch.scores, scratch.gain
    pulled, drawn = scratch.pulled[:n_rows], scratch.normals
    normals = drawn[:n_rows]
    rule, limit, noise_var = steps.rule, runs.tolerance, runs.noise_var
    for b in range(n_runs):
        R, mu = root[b], mean[b]
        blocked, key = runs.blocked[b], runs.keys[b]
        draw(luck, runs, steps, b)
        sampled = False
        for t in range(n_steps):
            if not sampled:
                copy(mu, scores)
                if rule == SCORED:
                    sampling(key, steps, t, n_rows, drawn)
                    mix(R, normals, scores)
                elif rule == UPPER_BOUND:
                    variances(R, gain)
                    upper_bounds(mu, gain, steps.width, scores)
            greedy = expected_best(mu, blocked, key, limit, steps, t)
            arm = act(scores, blocked, key, limit, steps, t, scratch, greedy)
            variance = _column(R, arm, p, pulled)
            reward = pay(luck, runs, arm, t)
            told.arms[b, t], told.rewards[b, t] = arm, reward
            told.greedy[b, t] = greedy
            told.mean[b, t], told.variance[b, t] = mu[arm], variance
            if steps.learns:
                sampled = rule == SCORED and t + 1 < n_steps
                if sampled:
                    sampling(key, steps, t + 1, n_rows, drawn)
                surprise = reward - mu[arm]
                _condition(
                    R, mu, pulled, gain, variance, surprise, noise_var, normals, scores
                )
