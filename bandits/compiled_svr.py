"""`svr.py` for one run at a time, compiled: the same pairs of arms, in the same order.

What takes all runs along in torch, until the slowest has arrived, costs each run only
its own rounds here. The reasoning is told there; names are the same.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bandits.compiled_steps import (
    Runs,
    Scratch,
    Steps,
    Told,
    act,
    draw,
    expected_best,
    pay,
)
from bandits.jit import FUSED, NO_NAN, compiled

Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]


@compiled()
def observe(
    slopes: Doubles,
    begins: Integers,
    position: Doubles,
    up: Doubles,
    down: Doubles,
    arm: int,
    above: float,
    below: float,
) -> None:
    """Insert two slopes of an arm; theta stays.

    Args:
        slopes: One run's list, with room for two more.
        begins: (n_arms + 1,) where each arm's part of the list begins; then its end.
        above, below: The reward plus and minus the half-width of the tube.
    """
    n = len(begins) - 1
    first = begins[arm] + 1
    while slopes[first] >= above:
        first += 1
    second = first
    while slopes[second] >= below:
        second += 1
    for at in range(begins[n] - 1, second - 1, -1):
        slopes[at + 2] = slopes[at]
    slopes[second + 1] = below
    for at in range(second - 1, first - 1, -1):
        slopes[at + 1] = slopes[at]
    slopes[first] = above
    position[arm] += 1
    for i in range(arm + 1, n):
        position[i] += 2
    for i in range(arm + 1, n + 1):
        begins[i] += 2
    # Of every arm: a position can be rounded onto a change of slope as it moves on.
    for i in range(n):
        up[i] = slopes[int(np.floor(position[i]))]
        down[i] = slopes[int(np.ceil(position[i])) - 1]


@compiled(NO_NAN)
def _most_raised(up: Doubles, pull: Doubles) -> float:
    most: float = up[0] - pull[0]
    for i in range(np.uint64(len(up))):
        gain = up[i] - pull[i]
        most = gain if gain > most else most
    return most


@compiled(NO_NAN)
def _least_lowered(down: Doubles, pull: Doubles) -> float:
    least: float = down[0] - pull[0]
    for i in range(np.uint64(len(down))):
        loss = down[i] - pull[i]
        least = loss if loss < least else least
    return least


@compiled(NO_NAN)
def _best_partner(
    highest: float, down: Doubles, pull: Doubles, ease: Doubles, score: Doubles
) -> float:
    """score = what lowering each arm gains, by second order; return the largest."""
    best = -math.inf
    for i in range(np.uint64(len(down))):
        gain = (highest - (down[i] - pull[i])) * ease[i]
        score[i] = gain
        best = gain if gain > best else best
    return best


@compiled(FUSED)
def _pull_on(pull: Doubles, move: float, raised: Doubles, lowered: Doubles) -> None:
    for i in range(np.uint64(len(pull))):
        pull[i] += move * (raised[i] - lowered[i])


@compiled()
def solve(
    slopes: Doubles,
    position: Doubles,
    up: Doubles,
    down: Doubles,
    pull: Doubles,
    reach: Doubles,
    ease: Doubles,
    score: Doubles,
    gap: float,
    most_rounds: int,
) -> int:
    """Move pairs of arms until none violates its optimality by `gap`.

    Returns:
        Rounds taken; `most_rounds` where that was not enough.
    """
    for done in range(most_rounds):
        highest = _most_raised(up, pull)
        if not highest - _least_lowered(down, pull) >= gap:
            return done
        raised = 0
        while up[raised] - pull[raised] != highest:
            raised += 1
        best = _best_partner(highest, down, pull, ease[raised], score)
        lowered = 0
        while score[lowered] != best:
            lowered += 1
        whole = best * ease[raised, lowered]
        at, back = position[raised], -position[lowered]
        corner, corner_back = math.floor(at) + 1.0, math.floor(back) + 1.0
        space, space_back = corner - at, corner_back - back
        move = min(whole, space, space_back)
        at = corner if move >= space else at + move
        back = -(corner_back if move >= space_back else back + move)
        position[raised], position[lowered] = at, back
        up[raised] = slopes[int(np.floor(at))]
        down[raised] = slopes[int(np.ceil(at)) - 1]
        up[lowered] = slopes[int(np.floor(back))]
        down[lowered] = slopes[int(np.ceil(back)) - 1]
        _pull_on(pull, move, reach[raised], reach[lowered])
    return most_rounds


@compiled()
def predict(
    up: Doubles, down: Doubles, pull: Doubles, prior_mean: float, out: Doubles
) -> None:
    """out = the regression function, or the prior mean before any reward."""
    highest = _most_raised(up, pull)
    constant = prior_mean
    if highest > -math.inf:
        constant = (highest + _least_lowered(down, pull)) / 2
    for i in range(np.uint64(len(pull))):
        out[i] = pull[i] + constant


class Machines(NamedTuple):
    """The regressions of a chunk of runs; fields as in `svr.Machine`, arms padded.

    begins: (n_runs, n_arms + 1) int64, where each arm's part of `slopes` begins.
    mean: (n_runs, n_padded), what is predicted.
    """

    reach: Doubles
    ease: Doubles
    slopes: Doubles
    begins: Integers
    position: Doubles
    up: Doubles
    down: Doubles
    pull: Doubles
    mean: Doubles


class Limits(NamedTuple):
    """eps and prior_mean as in `svr.Machine`; and the two bounds on the solver."""

    eps: float
    prior_mean: float
    gap: float
    most_rounds: int


@compiled()
def play_svr(
    machines: Machines,
    limits: Limits,
    runs: Runs,
    steps: Steps,
    scratch: Scratch,
    told: Told,
) -> bool:
    """Take a support vector regression's runs through some steps.

    Args:
        machines: Changed in place.

    Returns:
        Whether every optimum was reached within `limits.most_rounds`.
    """
    n_runs, n_steps = told.arms.shape
    luck, score, limit = scratch.luck, scratch.reached, runs.tolerance
    for b in range(n_runs):
        mu, slopes, position = (
            machines.mean[b],
            machines.slopes[b],
            machines.position[b],
        )
        up, down, pull = machines.up[b], machines.down[b], machines.pull[b]
        begins = machines.begins[b]
        blocked, key = runs.blocked[b], runs.keys[b]
        draw(luck, runs, steps, b)
        for t in range(n_steps):
            greedy = expected_best(mu, blocked, key, limit, steps, t)
            arm = act(mu, blocked, key, limit, steps, t, scratch, greedy)
            reward = pay(luck, runs, arm, t)
            told.arms[b, t], told.rewards[b, t] = arm, reward
            told.greedy[b, t] = greedy
            if steps.learns:
                high = np.float64(reward) + limits.eps
                low = np.float64(reward) - limits.eps
                observe(slopes, begins, position, up, down, arm, high, low)
                rounds = solve(
                    slopes,
                    position,
                    up,
                    down,
                    pull,
                    machines.reach,
                    machines.ease,
                    score,
                    limits.gap,
                    limits.most_rounds,
                )
                if rounds == limits.most_rounds:
                    return False
                predict(up, down, pull, limits.prior_mean, mu)
    return True
