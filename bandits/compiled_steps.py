"""What every compiled agent shares: which steps, whose runs, their luck, their pay."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bandits.compiled_choice import choose, softmax
from bandits.compiled_noise import (
    AT_ONCE,
    normals_across,
    normals_along,
    room,
    uniforms_along,
)
from bandits.compiled_vectors import alike, fused, load, root_of, store, where_above
from bandits.jit import compiled
from bandits.noise import Purpose

Floats = NDArray[np.floating]
Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]
Words = NDArray[np.uint64]

PADDED_TO = 128
"""Arms are padded to so many bytes, two vectors, so that no arm is left to be done
alone."""

GREEDY, SCORED, UPPER_BOUND, SOFTMAX, ANY = range(5)
"""Rules a compiled agent knows, by number: strings are slow to pass. `SCORED` takes the
best of a sample."""

SAMPLING, REWARD_NOISE, TIE_BREAK, EXPLORATION, RATER = (
    int(purpose) << 32
    for purpose in (
        Purpose.SAMPLING,
        Purpose.REWARD_NOISE,
        Purpose.TIE_BREAK,
        Purpose.EXPLORATION,
        Purpose.RATER,
    )
)
"""Purposes where the compiled words want them: a phase is added."""


class Steps(NamedTuple):
    """Some steps of a phase, and how an agent goes through them.

    phase: `noise.Phase` as a number.
    begin: The first step's number in its phase.
    learns: Whether rewards change the belief.
    rule: One of `GREEDY` .. `ANY`.
    width: For `UPPER_BOUND`, standard deviations above the mean; for `SOFTMAX`, the
        points that make an arm e times as likely.
    own: What the rule's own uniform number is for, a `noise.Purpose`; -1 without one.
    exploration: Share of steps with any admissible action.
    """

    phase: int
    begin: int
    learns: bool
    rule: int
    width: float
    own: int
    exploration: float


class Runs(NamedTuple):
    """Whose steps: a chunk of runs, one row each.

    keys: (n_runs, 2) uint64, seed and replicate.
    blocked: (n_runs, n_padded), 0 for admissible arms and -inf for the others.
    table, counts, sd: As in `rewards.Payer`; table and sd, like the next two, in the
        dtype that all is computed in.
    noise_var: What the agent takes the variance of the reward noise to be.
    tolerance: Scores that differ by less tie.
    """

    keys: Words
    blocked: Floats
    table: Floats
    counts: Doubles
    sd: np.floating
    noise_var: np.floating
    tolerance: np.floating


class Told(NamedTuple):
    """What the runs did, each (n_runs, n_steps), written by the compiled agent.

    greedy: The arm with the highest expected value before the step.
    mean, variance: The latent value of the arm taken, as believed before the step;
        whatever was there where the agent has no variance.
    """

    arms: Integers
    rewards: Floats
    greedy: Integers
    mean: Floats
    variance: Floats


class Luck(NamedTuple):
    """A run's random numbers, one of each for every step of a block, and room for more.

    noise: Standard normal, for the reward.
    explore, own, which: Uniform: whether to explore, the rule's own, and which rating
        is paid.
    """

    noise: Doubles
    explore: Doubles
    own: Doubles
    which: Doubles


class Scratch(NamedTuple):
    """What a run's steps are worked out in, made once for all runs and steps.

    luck: Of the run at work.
    scores, gain, pulled: (n_padded,), in the agent's dtype.
    normals: (at least `compiled_noise.room(n_padded)`,).
    reached: (n_padded,) float64, for `softmax` and support vectors.
    """

    luck: Luck
    scores: Floats
    gain: Floats
    pulled: Floats
    normals: Floats
    reached: Doubles


def scratch_for(n_steps: int, n_padded: int, dtype: Any) -> Scratch:
    """Room to work in for a block of steps."""
    luck = luck_for(n_steps)
    scores, gain, pulled = (aligned((n_padded,), dtype) for _ in range(3))
    normals = aligned((room(n_padded),), dtype)
    return Scratch(luck, scores, gain, pulled, normals, np.empty(n_padded))


def luck_for(n_steps: int, *n_runs: int) -> Luck:
    """Room for the luck of a block of steps, of one run or of some."""
    shape = *n_runs, -(-n_steps // AT_ONCE) * AT_ONCE
    noise, own, which = (aligned(shape, np.float64) for _ in range(3))
    return Luck(noise, aligned(shape, np.float64, 1.0), own, which)


def aligned(shape: tuple[int, ...], dtype: Any, filled: float | None = 0.0) -> Any:
    """As `numpy.full`, at an address that vectors like: none lies on two lines.

    Args:
        filled: With what; None for whatever is there.
    """
    n_bytes = math.prod(shape) * np.dtype(dtype).itemsize
    whole = np.empty(n_bytes + PADDED_TO, np.uint8)
    begin = -whole.ctypes.data % PADDED_TO
    made = whole[begin : begin + n_bytes].view(dtype).reshape(shape)
    if filled is not None:
        made[...] = filled
    return made


def padded(n_arms: int, dtype: Any) -> int:
    """For so many arms arrays have room for so many."""
    at_once = PADDED_TO // int(np.dtype(dtype).itemsize)
    return -(-n_arms // at_once) * at_once


@compiled()
def draw(luck: Luck, runs: Runs, steps: Steps, run: int) -> None:
    """The luck of one run in a block, as far as it needs any."""
    noise, explore, own, which = luck
    n, begin, phase, key = len(noise), steps.begin, steps.phase, runs.keys[run]
    normals_along(noise, n, begin, phase + REWARD_NOISE, key)
    if steps.exploration > 0:
        uniforms_along(explore, n, begin, phase + EXPLORATION, key)
    if steps.own >= 0:
        uniforms_along(own, n, begin, phase + (steps.own << 32), key)
    if runs.table.shape[1] > 1:
        uniforms_along(which, n, begin, phase + RATER, key)


@compiled()
def pay(luck: Luck, runs: Runs, arm: int, step: int) -> np.floating:
    """What a pull pays, as `rewards.Payer.pay`; `step` counts from the block's first."""
    column = int(luck.which[step] * runs.counts[arm])
    noise = runs.table.dtype.type(luck.noise[step]) * runs.sd
    reward: np.floating = runs.table[arm, column] + noise
    return reward


@compiled()
def sampling(key: Words, steps: Steps, step: int, n: int, out: Floats) -> None:
    """out[:n] = the standard normals of a Thompson sample; `compiled_noise.room(n)`."""
    normals_across(out, n, steps.begin + step, steps.phase + SAMPLING, key)


@compiled()
def expected_best(
    mean: Floats,
    blocked: Floats,
    key: Words,
    tolerance: np.floating,
    steps: Steps,
    step: int,
) -> int:
    """The admissible arm of the highest expected value, ties by the step's own draw.

    Args:
        blocked, key: The run's rows of `Runs`: taking a row costs, and is done once.
        step: From the block's first.
    """
    at, where = steps.begin + step, steps.phase + TIE_BREAK
    return choose(mean, blocked, tolerance, at, where, key)


@compiled()
def act(
    scores: Floats,
    blocked: Floats,
    key: Words,
    tolerance: np.floating,
    steps: Steps,
    step: int,
    scratch: Scratch,
    greedy: int,
) -> int:
    """The arm taken. Arguments as `expected_best`, and:

    Args:
        scores: (n_padded,), what the rule goes by: a sample, upper bounds, or for
            `SOFTMAX` what is expected.
        greedy: What `expected_best` said.
    """
    rule = steps.rule
    at, where = steps.begin + step, steps.phase + TIE_BREAK
    luck = scratch.luck
    if luck.explore[step] < steps.exploration or rule == ANY:
        return choose(blocked, blocked, tolerance, at, where, key)
    if rule == GREEDY:
        return greedy
    if rule == SOFTMAX:
        return softmax(scores, blocked, steps.width, luck.own[step], scratch.reached)
    return choose(scores, blocked, tolerance, at, where, key)


@compiled()
def upper_bounds(mean: Floats, variance: Floats, width: float, out: Floats) -> None:
    """out = mean + width standard deviations, arm by arm."""
    for i in range(0, len(out), len(load(mean, 0, 1))):
        v = load(variance, i, 1)
        none = alike(0.0, v)
        spread = root_of(where_above(v, none, v, none))
        store(out, i, fused(alike(width, v), spread, load(mean, i, 1)))


@compiled()
def copy(values: Floats, out: Floats) -> None:
    """out = values, both (n_padded,)."""
    for i in range(0, len(out), len(load(values, 0, 1))):
        store(out, i, load(values, i, 1))
