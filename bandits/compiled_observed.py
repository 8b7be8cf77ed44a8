"""Thompson sampling with many arms, compiled: nothing but the arms tried is kept.

A run of few steps tries few of many arms. Of what it knows it keeps the inverse M of
the tried arms' covariance with their noise, k by k for k arms tried, bordered for a new
one and corrected by a rank of one for a repeat. The mean is m + K_o' M (y - m), and a
sample, by Matheron's rule, f0 + K_o' M (y - m - f0_o - e): f0 a draw from the prior, e
noise as of y, both by the step's own normals. Exact: 2 n r for f0, r the kernel's rank,
4 n k and 8 k^2 operations a step, where a root of the posterior takes 6 n r.

f0 depends on nothing that happens, and is made for all steps of a block in one product
whose sums stay in registers. Only arms that may be pulled, or were, are followed.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bandits import rules
from bandits.cell import STEPS_COMPILED, Cell
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
    sampling,
)
from bandits.compiled_vectors import BYTES, alike, fused, load, store
from bandits.jit import compiled
from bandits.noise import Phase

Floats = NDArray[np.floating]
Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]

FEW_ARMS = 100
"""Among no more arms a run is a root of all of them."""
UPPER = rules.UPPER_BOUND.name
"""The one rule that needs the variance of every arm at every step."""
ROWS = 8
"""Steps whose prior draws are made together, each in two vectors."""


class Prior(NamedTuple):
    """What all runs share.

    root: (n_rows, n_arms), root' root is the covariance; in the agent's dtype.
    covariance: (n_arms, n_padded) float64.
    """

    root: Floats
    covariance: Doubles


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


class Desk(NamedTuple):
    """What one run's block is worked out on, made once for all runs.

    arms: (n_places,), which arm stands at a place; -1 where there is none.
    slot: (n_places,), where in `tried` it stands; -1 before its first pull.
    place: (n_most,), the place of each arm tried.
    blocked: (n_places,), 0 for admissible arms, -inf for others.
    near: (n_most * n_places,), covariances of the arms tried with those followed.
    panels: (n_places / width * n_rows * width,), the root's columns of those followed.
    normals: (n_steps * n_normals,).
    drawn: (n_steps * n_places,), prior draws.
    mean, scores, weights: (n_places,) or (n_wide,), in the agent's dtype.
    average, share, gain, pulled, off: (n_wide,) float64.
    """

    arms: Integers
    slot: Integers
    place: Integers
    blocked: Floats
    near: Floats
    panels: Floats
    normals: Floats
    drawn: Floats
    mean: Floats
    scores: Floats
    weights: Floats
    average: Doubles
    share: Doubles
    gain: Doubles
    pulled: Doubles
    off: Doubles


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


def desk(n_followed: int, n_most: int, n_rows: int, n_steps: int, dtype: Any) -> Desk:
    """Room for a block of steps.

    Args:
        n_followed: Arms that are admissible, or tried, at most.
        n_rows: Of the root.
    """
    n_places, n_wide = padded(n_followed, dtype), padded(n_most, np.float64)
    n_steps = -(-n_steps // ROWS) * ROWS

    def numbers(*shape: int) -> Floats:
        made: Floats = aligned(shape, dtype)
        return made

    doubles = [aligned((n_wide,), np.float64) for _ in range(5)]
    return Desk(
        np.zeros(n_places, np.int64),
        np.zeros(n_places, np.int64),
        np.zeros(n_most, np.int64),
        numbers(n_places),
        numbers(n_most * n_places),
        numbers(n_rows * n_places),
        numbers(n_steps * room(n_rows + n_most)),
        numbers(n_steps * n_places),
        numbers(n_places),
        numbers(n_places),
        numbers(n_wide),
        *doubles,
    )


@compiled()
def _follow(on: Desk, prior: Prior, tried: Integers, blocked: Floats) -> None:
    """Set the desk for a run: its admissible arms, then others that it tried."""
    n_arms, n_places, here = prior.root.shape[1], len(on.arms), 0
    for arm in range(n_arms):
        if blocked[arm] == 0:
            on.arms[here], on.blocked[here], on.slot[here] = arm, 0, -1
            here += 1
    n_may = here
    for slot in range(len(tried)):
        arm, at = tried[slot], 0
        if blocked[arm] == 0:
            while on.arms[at] != arm:
                at += 1
        else:
            at = here
            on.arms[at], on.blocked[at] = arm, -np.inf
            here += 1
        on.slot[at], on.place[slot] = slot, at
    for empty in range(max(here, n_may), n_places):
        on.arms[empty], on.blocked[empty], on.slot[empty] = -1, -np.inf, -1
    for slot in range(len(tried)):
        _lay_near(on, prior, slot, tried[slot])


@compiled()
def _lay_near(on: Desk, prior: Prior, slot: int, arm: int) -> None:
    n_places = len(on.arms)
    row = prior.covariance[arm]
    for at in range(n_places):
        other = on.arms[at]
        on.near[slot * n_places + at] = row[other] if other >= 0 else 0


@compiled()
def _lay_panels(on: Desk, root: Floats) -> None:
    """The root's columns of the arms followed, so many side by side as go together."""
    n_rows, width = len(root), len(load(on.drawn, 0, 2))
    for row in range(n_rows):
        for begin in range(0, len(on.arms), width):
            at = (begin // width * n_rows + row) * width
            for lane in range(width):
                on.panels[at + lane] = root[row, max(on.arms[begin + lane], 0)]


@compiled()
def _eight(
    normals: Floats, first: int, stride: int, panel: Floats, n_rows: int, out: Floats
) -> None:
    """Eight rows of normals times one panel: out, row by row."""
    width = len(load(out, 0, 2))
    s0 = alike(out.dtype.type(0), load(out, 0, 2))
    s1, s2, s3, s4, s5, s6, s7 = s0, s0, s0, s0, s0, s0, s0
    z1, z2, z3 = first + stride, first + 2 * stride, first + 3 * stride
    z4, z5, z6 = first + 4 * stride, first + 5 * stride, first + 6 * stride
    z7 = first + 7 * stride
    for j in range(n_rows):
        row = load(panel, j * width, 2)
        s0 = fused(alike(normals[first + j], row), row, s0)
        s1 = fused(alike(normals[z1 + j], row), row, s1)
        s2 = fused(alike(normals[z2 + j], row), row, s2)
        s3 = fused(alike(normals[z3 + j], row), row, s3)
        s4 = fused(alike(normals[z4 + j], row), row, s4)
        s5 = fused(alike(normals[z5 + j], row), row, s5)
        s6 = fused(alike(normals[z6 + j], row), row, s6)
        s7 = fused(alike(normals[z7 + j], row), row, s7)
    store(out, 0, s0)
    store(out, width, s1)
    store(out, 2 * width, s2)
    store(out, 3 * width, s3)
    store(out, 4 * width, s4)
    store(out, 5 * width, s5)
    store(out, 6 * width, s6)
    store(out, 7 * width, s7)


@compiled()
def _draw_priors(
    on: Desk, root: Floats, key: NDArray[np.uint64], steps: Steps, n_steps: int
) -> None:
    """Normals of all steps of a block, and their draws from the prior.

    `drawn` holds, for each eight steps, panel by panel, a step's part of it.
    """
    n_rows, n_places, width = len(root), len(on.arms), len(load(on.drawn, 0, 2))
    stride = room(n_rows + len(on.place))
    for t in range(n_steps):
        known = n_rows + len(on.place)
        sampling(key, steps, t, known, on.normals[t * stride : (t + 1) * stride])
    size = n_rows * width
    for begin in range(0, n_places, width):
        panel = on.panels[begin // width * size : (begin // width + 1) * size]
        for t in range(0, n_steps, ROWS):
            at = t * n_places + begin * ROWS
            out = on.drawn[at : at + ROWS * width]
            _eight(on.normals, t * stride, stride, panel, n_rows, out)


@compiled()
def _take_draw(on: Desk, t: int) -> None:
    """scores = the prior's draw of a step."""
    n_places, width = len(on.arms), len(load(on.drawn, 0, 2))
    whole, row = t // ROWS * ROWS, t % ROWS
    for begin in range(0, n_places, width):
        at = whole * n_places + begin * ROWS + row * width
        store(on.scores, begin, load(on.drawn, at, 2))


@compiled()
def _add_rows(on: Desk, share: Doubles, k: int, out: Floats) -> None:
    """out += share K_o, over the arms tried."""
    for slot in range(k):
        on.weights[slot] = share[slot]
    mix(on.near, on.weights[:k], out)


@compiled()
def _sample(
    on: Desk,
    inverse: Doubles,
    counts: Doubles,
    k: int,
    t: int,
    n_rows: int,
    noise_var: float,
) -> None:
    """scores = a sample of what every arm followed is worth."""
    _take_draw(on, t)
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
        _follow(on, prior, tried[:k], runs.blocked[b])
        if steps.rule == SCORED:
            _lay_panels(on, prior.root)
            _draw_priors(on, prior.root, key, steps, n_steps)
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
                _sample(on, inverse, counts, k, t, n_rows, noise_var)
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
                    _lay_near(on, prior, k, arm)
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
    prior_mean: float,
    mean: Floats,
    variance: Floats,
) -> None:
    """Fill in mean and variance of all arms: (n_runs, n_padded).

    Args:
        panel: (n_most * width,), to work in, as are tile, (ROWS * width,), and share,
            (n_wide,).
    """
    n_padded, n_wide, width = mean.shape[1], len(share), len(load(tile, 0, 2))
    n_arms = len(prior.covariance)
    for b in range(len(mean)):
        inverse, k = known.inverse[b], known.n_tried[b]
        share[:] = 0
        for slot in range(k):
            average = known.sums[b, slot] / known.counts[b, slot]
            row = inverse[slot * n_wide : (slot + 1) * n_wide]
            for other in range(k):
                share[other] += average * row[other]
        for begin in range(0, n_padded, width):
            for slot in range(k):
                row = prior.covariance[known.tried[b, slot]]
                for i in range(0, width, len(load(tile, 0, 1))):
                    store(panel, slot * width + i, load(row, begin + i, 1))
            for lane in range(width):
                arm = begin + lane
                total, left = prior_mean, 0.0
                if arm < n_arms:
                    left = prior.covariance[arm, arm]
                    for slot in range(k):
                        total += share[slot] * panel[slot * width + lane]
                else:
                    total = 0.0
                mean[b, arm], variance[b, arm] = total, left
            for first in range(0, k, ROWS):
                _eight(inverse, first * n_wide, n_wide, panel, k, tile)
                for row in range(min(ROWS, k - first)):
                    for lane in range(width):
                        mine = tile[row * width + lane]
                        theirs = panel[(first + row) * width + lane]
                        variance[b, begin + lane] -= mine * theirs


class Many(NamedTuple):
    """A cell's prior, and where its runs are worked on one after the other."""

    prior: Prior
    on: Desk
    n_most: int
    prior_mean: float


class Beliefs(NamedTuple):
    """What some runs of a cell know, and what they were last found to believe."""

    many: Many
    known: Observed
    found: list[tuple[Doubles, Doubles]]


def most_tried(cell: Cell) -> int:
    """How many arms a run can have tried when it learns no more."""
    return min(
        len(cell.values),
        sum(
            min(cell.n_steps(phase), int(cell.allowed(phase, slice(None)).sum(1).max()))
            for phase in Phase
            if cell.learns(phase)
        ),
    )


def suits(cell: Cell) -> bool:
    """Whether a cell's runs try so few of so many arms that this is the quicker form.

    Among few arms the root of `compiled_gp.py` is as quick, and its runs equal torch's;
    here they do so in law, for samples are made of other normals.
    """
    n_arms, n_most = len(cell.values), most_tried(cell)
    return (
        n_arms > FEW_ARMS
        and 2 * n_most <= n_arms
        and cell.agent.rule.name != UPPER
        and cell.settings.reward_sd > 0
    )


def open_many(cell: Cell, root: Tensor) -> Many:
    """What a cell's runs share.

    Args:
        root: (n_rows, n_arms) float64, of the kernel.
    """
    assert cell.exact_kernel is not None  # open_cell saw to it
    settings, n_arms, n_most = cell.settings, len(cell.values), most_tried(cell)
    dtype = np.float64 if cell.values.dtype == torch.float64 else np.float32
    wide = aligned((n_arms, padded(n_arms, np.float64)), np.float64)
    wide[:, :n_arms] = settings.prior_sd**2 * cell.exact_kernel.numpy()
    prior = Prior((settings.prior_sd * root.numpy()).astype(dtype), wide)
    followed = max(
        int(cell.allowed(phase, slice(None)).sum(1).max()) for phase in Phase
    )
    room_for = min(n_arms, followed + n_most)
    longest = min(STEPS_COMPILED, max(cell.horizons))
    on = desk(room_for, n_most, len(root), longest, dtype)
    return Many(prior, on, n_most, settings.prior_mean)


def start_observed(many: Many, n_runs: int) -> Beliefs:
    """So many runs before any reward."""
    return Beliefs(many, observed(n_runs, many.n_most), [])


def play(
    beliefs: Beliefs, runs: Runs, steps: Steps, scratch: Scratch, told: Told
) -> None:
    """Take the runs through some steps."""
    many = beliefs.many
    if steps.learns:
        beliefs.found.clear()
    prior_mean = many.on.mean.dtype.type(many.prior_mean)
    play_observed(
        many.prior, beliefs.known, many.on, prior_mean, runs, steps, scratch, told
    )


def believed(beliefs: Beliefs) -> tuple[Doubles, Doubles]:
    """Mean and variance of all arms, each (n_runs, n_padded)."""
    if not beliefs.found:
        many, known = beliefs.many, beliefs.known
        shape = len(known.n_tried), many.prior.covariance.shape[1]
        mean, variance = (aligned(shape, np.float64, None) for _ in range(2))
        width = 2 * BYTES // 8
        believe_observed(
            many.prior,
            known,
            np.empty(known.counts.shape[1] * width),
            np.empty(ROWS * width),
            np.empty(known.counts.shape[1]),
            float(many.prior_mean),
            mean,
            variance,
        )
        beliefs.found.append((mean, variance))
    return beliefs.found[0]
