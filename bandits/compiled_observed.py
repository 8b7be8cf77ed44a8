"""Gaussian processes with many arms, compiled: nothing but the arms tried is kept.

A run of few steps tries few of many arms. Of what it knows it keeps the inverse M of
the tried arms' covariance with their noise, k by k for k arms tried, bordered for a new
one and corrected by a rank of one for a repeat. The mean is m + K_o' M (y - m), and a
sample, by Matheron's rule, f0 + K_o' M (y - m - f0_o - e): f0 a draw from the prior, e
noise as of y, both by the step's own normals. Exact: 2 n r for f0, r the kernel's rank,
4 n k and 8 k^2 operations a step, where a root of the posterior takes 6 n r.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bandits.compiled_desk import (
    ROWS,
    Desk,
    Prior,
    draw_priors,
    follow,
    lay_near,
    lay_panels,
    take_draw,
    times_panel,
)
from bandits.compiled_gp import mix, shrink
from bandits.compiled_noise import room
from bandits.compiled_steps import (
    SCORED,
    Runs,
    Scratch,
    Steps,
    Told,
    act,
    aligned,
    copy,
    draw,
    expected_best,
    padded,
    pay,
)
from bandits.compiled_vectors import alike, fused, load, store
from bandits.jit import compiled

Floats = NDArray[np.floating]
Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]


class Observed(NamedTuple):
    """What each run knows; room for n_most arms tried.

    inverse: (n_runs, n_wide * n_wide), M row by row, 0 beyond the arms tried.
    tried: (n_runs, n_most), arms in the order of their first pulls.
    n_tried: (n_runs,).
    counts, sums: (n_runs, n_wide), pulls, and rewards minus the prior mean.
    """

    inverse: Doubles
    tried: Integers
    n_tried: Integers
    counts: Doubles
    sums: Doubles


def observed(n_runs: int, n_most: int) -> Observed:
    """What is known before any reward, with room for so many arms tried."""
    n_wide = padded(n_most, np.float64)
    return Observed(
        inverse=aligned((n_runs, n_wide * n_wide), np.float64),
        tried=np.zeros((n_runs, n_most), np.int64),
        n_tried=np.zeros(n_runs, np.int64),
        counts=aligned((n_runs, n_wide), np.float64),
        sums=aligned((n_runs, n_wide), np.float64),
    )


@compiled()
def _add_rows(on: Desk, share: Doubles, k: int, out: Floats) -> None:
    """out += share K_o, over the arms tried."""
    for slot in range(k):
        on.weights[slot] = share[slot]
    mix(on.near, on.weights[:k], out)


@compiled()
def sample(
    on: Desk,
    inverse: Doubles,
    counts: Doubles,
    k: int,
    t: int,
    n_rows: int,
    noise_var: float,
) -> None:
    """scores = a sample of what every arm followed is worth."""
    take_draw(on, t)
    noise = t * room(n_rows + len(on.place)) + n_rows
    for slot in range(k):
        spread = np.sqrt(noise_var / counts[slot])
        said = on.scores[on.place[slot]] + spread * on.normals[noise + slot]
        on.off[slot] = on.average[slot] - said
    on.gain[:] = 0
    mix(inverse, on.off[:k], on.gain)
    _add_rows(on, on.gain, k, on.scores)


@compiled()
def _pulled_before(
    on: Desk, inverse: Doubles, counts: Doubles, slot: int, k: int, noise_var: float
) -> tuple[float, float]:
    """The arm's variance, and by what its correction counts; gain = its column of M."""
    n_wide = len(on.gain)
    copy(inverse[slot * n_wide : (slot + 1) * n_wide], on.gain)
    own, c = inverse[slot * n_wide + slot], counts[slot]
    noise = noise_var / c
    less = noise - noise_var / (c + 1)
    return noise - noise * noise * own, less / (1 - less * own)


@compiled()
def _never_pulled(
    on: Desk,
    prior: Prior,
    inverse: Doubles,
    tried: Integers,
    arm: int,
    k: int,
    noise_var: float,
) -> tuple[float, float]:
    """The arm's variance, and one over the reward's; gain = M times its covariance."""
    row = prior.covariance[arm]
    for slot in range(k):
        on.off[slot] = row[tried[slot]]
    on.gain[:] = 0
    mix(inverse, on.off[:k], on.gain)
    variance = row[arm]
    for slot in range(k):
        variance -= on.gain[slot] * on.off[slot]
    return variance, 1 / (variance + noise_var)


@compiled()
def _correct(on: Desk, inverse: Doubles, counted: float, k: int) -> None:
    """M += counted gain gain'; and share = M times what the arms paid on average."""
    for slot in range(k):
        on.pulled[slot] = counted * on.gain[slot]
    on.share[:] = 0
    shrink(inverse, on.pulled[:k], on.gain, on.average[:k], on.share)


@compiled()
def _renew(
    on: Desk,
    prior: Prior,
    inverse: Doubles,
    tried: Integers,
    counts: Doubles,
    k: int,
    noise_var: float,
) -> None:
    """M from nothing, arm by arm: what rounding did in a block does not add up."""
    inverse[:] = 0
    for slot in range(k):
        variance, _ = _never_pulled(
            on, prior, inverse, tried, tried[slot], slot, noise_var
        )
        on.gain[slot] = -1
        _correct(on, inverse, 1 / (variance + noise_var / counts[slot]), slot + 1)


@compiled()
def play_observed(
    prior: Prior,
    known: Observed,
    on: Desk,
    prior_mean: np.floating,
    runs: Runs,
    steps: Steps,
    scratch: Scratch,
    told: Told,
) -> None:
    """Take a Gaussian-process agent's runs through some steps.

    Args:
        known: Changed in place.
        on: To work on; nothing on it is kept from one run to the next.
    """
    n_runs, n_steps = told.arms.shape
    luck, limit = scratch.luck, runs.tolerance
    noise_var, n_rows = np.float64(runs.noise_var), len(prior.root)
    for b in range(n_runs):
        inverse, tried, key = known.inverse[b], known.tried[b], runs.keys[b]
        counts, sums, k = known.counts[b], known.sums[b], known.n_tried[b]
        draw(luck, runs, steps, b)
        follow(on, prior, tried[:k], runs.blocked[b])
        if steps.rule == SCORED:
            lay_panels(on, prior.root)
            draw_priors(on, prior.root, key, steps, n_steps)
        on.average[:] = 0
        for slot in range(k):
            on.average[slot] = sums[slot] / counts[slot]
        if steps.learns:
            _renew(on, prior, inverse, tried, counts, k, noise_var)
        on.share[:] = 0
        mix(inverse, on.average[:k], on.share)
        _expect(on, k, prior_mean)
        for t in range(n_steps):
            if steps.rule == SCORED:
                sample(on, inverse, counts, k, t, n_rows, noise_var)
            else:
                copy(on.mean, on.scores)
            greedy = expected_best(on.mean, on.blocked, key, limit, steps, t)
            at = act(on.scores, on.blocked, key, limit, steps, t, scratch, greedy)
            arm, slot = on.arms[at], on.slot[at]
            if slot >= 0:
                variance, counted = _pulled_before(
                    on, inverse, counts, slot, k, noise_var
                )
            else:
                variance, counted = _never_pulled(
                    on, prior, inverse, tried, arm, k, noise_var
                )
            reward = pay(luck, runs, arm, t)
            told.arms[b, t], told.rewards[b, t] = arm, reward
            told.greedy[b, t] = on.arms[greedy]
            told.mean[b, t], told.variance[b, t] = on.mean[at], variance
            if steps.learns:
                if slot < 0:
                    # M with a row and a column of 0, and then (w, -1) (w, -1)'.
                    slot = k
                    on.gain[k] = -1
                    tried[k], on.place[k], on.slot[at] = arm, at, k
                    lay_near(on, prior, k, arm)
                    k += 1
                counts[slot] += 1
                sums[slot] += np.float64(reward) - np.float64(prior_mean)
                on.average[slot] = sums[slot] / counts[slot]
                _correct(on, inverse, counted, k)
                _expect(on, k, prior_mean)
        known.n_tried[b] = k


@compiled()
def _expect(on: Desk, k: int, prior_mean: np.floating) -> None:
    """mean = what every arm followed is expected to be worth."""
    on.mean[:] = prior_mean
    _add_rows(on, on.share, k, on.mean)


@compiled()
def believe_observed(
    prior: Prior,
    known: Observed,
    panel: Doubles,
    tile: Doubles,
    share: Doubles,
    off: Doubles,
    prior_mean: float,
    noise_var: float,
    mean: Doubles,
    variance: Doubles,
) -> None:
    """Fill in mean and variance of all arms: (n_runs, n_padded).

    Args:
        panel: (n_most * width,), to work in, as are tile, (ROWS * width,), and share
            and off, (n_wide,).
    """
    n_arms, n_padded = prior.covariance.shape
    n_wide, width = len(share), len(load(tile, 0, 2))
    for b in range(len(mean)):
        inverse, k = known.inverse[b], known.n_tried[b]
        expected, left = mean[b], variance[b]
        expected[:n_arms] = prior_mean
        copy(prior.variance, left)
        tried, counts, sums = known.tried[b], known.counts[b], known.sums[b]
        share[:] = 0
        # Twice: the second time for what rounding left over, which a kernel of few
        # ranks makes large.
        for _ in range(2):
            for slot in range(k):
                row, own = prior.covariance[tried[slot]], noise_var / counts[slot]
                left_over = sums[slot] / counts[slot] - own * share[slot]
                for other in range(k):
                    left_over -= row[tried[other]] * share[other]
                off[slot] = left_over
            mix(inverse, off[:k], share)
        for begin in range(0, n_padded, width):
            total = load(expected, begin, 2)
            for slot in range(k):
                row = load(prior.covariance[known.tried[b, slot]], begin, 2)
                store(panel, slot * width, row)
                total = fused(alike(share[slot], row), row, total)
            store(expected, begin, total)
            rest = load(left, begin, 2)
            for first in range(0, k, ROWS):
                times_panel(inverse, first * n_wide, n_wide, panel, k, tile)
                for slot in range(first, min(first + ROWS, k)):
                    less = load(tile, (slot - first) * width, 2) * -1.0
                    rest = fused(less, load(panel, slot * width, 2), rest)
            store(left, begin, rest)
