"""Kernel regression for a few runs at a time, compiled: O(admissible arms) a step.

A step is so short that one run would mostly wait for itself: for the largest mean, for
the arm that has it, for that arm's weights. So a few runs take each step side by side,
and the processor works on one while another waits. None looks at another.

While a block lasts only the arms that may be pulled are followed, side by side in
memory. What the rewards say of all others is a sum over the arms that paid them, and is
made at the block's end.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bandits.compiled_steps import (
    Luck,
    Runs,
    Scratch,
    Steps,
    Told,
    act,
    aligned,
    draw,
    expected_best,
    luck_for,
    pay,
)
from bandits.compiled_vectors import (
    alike,
    fused,
    load,
    store,
    where_above,
    where_at_least,
)
from bandits.jit import compiled

Floats = NDArray[np.floating]
Integers = NDArray[np.int64]

SIDE_BY_SIDE = 4
"""Runs that take a step together: enough that the processor always has work."""


class Followed(NamedTuple):
    """What is followed of the runs side by side, n_may places for admissible arms.

    luck: Each (SIDE_BY_SIDE, n_steps or more).
    arms: (SIDE_BY_SIDE, n_may), which arm stands at a place.
    blocked: (SIDE_BY_SIDE, n_may), 0 for admissible arms, -inf where there is none.
    total, weight, mean: (SIDE_BY_SIDE, n_may), as `regressors.Regression`.
    near: (SIDE_BY_SIDE, n_slots, n_may), the weights of arms that were pulled.
    slot: (SIDE_BY_SIDE, n_may), where in `near` a place's arm has its weights; -1 for
        an arm that was not pulled in this block.
    pulled: (SIDE_BY_SIDE, n_slots), which arm a slot belongs to.
    paid, times: (SIDE_BY_SIDE, n_slots), what it was paid, and how often.
    n_slots: (SIDE_BY_SIDE,), how many arms were pulled.
    """

    luck: Luck
    arms: Integers
    blocked: Floats
    total: Floats
    weight: Floats
    mean: Floats
    near: Floats
    slot: Integers
    pulled: Integers
    paid: Floats
    times: Floats
    n_slots: Integers


def followed(n_may: int, n_steps: int, dtype: type) -> Followed:
    """Room for runs side by side: places for arms, whole vectors, and a block's steps."""
    side, n_slots = SIDE_BY_SIDE, min(n_may, n_steps)

    def numbers(*shape: int) -> Floats:
        made: Floats = aligned((side, *shape), dtype)
        return made

    def places(*shape: int) -> Integers:
        return np.zeros((side, *shape), np.int64)

    return Followed(
        luck=luck_for(n_steps, side),
        arms=places(n_may),
        blocked=numbers(n_may),
        total=numbers(n_may),
        weight=numbers(n_may),
        mean=numbers(n_may),
        near=numbers(n_slots, n_may),
        slot=places(n_may),
        pulled=places(n_slots),
        paid=numbers(n_slots),
        times=numbers(n_slots),
        n_slots=places(),
    )


@compiled()
def _ratio(
    paid: Floats,
    heard: Floats,
    out: Floats,
    at: int,
    least: np.floating,
    prior: np.floating,
) -> None:
    """out[at ...] = paid / heard, the prior mean where next to nothing was heard."""
    whole = load(heard, at, 1)
    enough = alike(least, whole)
    share = load(paid, at, 1) / where_above(whole, enough, whole, enough)
    store(out, at, where_at_least(whole, enough, share, alike(prior, share)))


@compiled()
def _follow(
    side: Followed, g: int, blocked: Floats, total: Floats, weight: Floats, mean: Floats
) -> None:
    """Take a run's admissible arms out of all of its arms."""
    place, n_may = 0, side.arms.shape[1]
    side.n_slots[g] = 0
    for arm in range(len(blocked)):
        if blocked[arm] == 0:
            side.arms[g, place] = arm
            side.blocked[g, place] = 0
            side.total[g, place] = total[arm]
            side.weight[g, place] = weight[arm]
            side.mean[g, place] = mean[arm]
            side.slot[g, place] = -1
            place += 1
    for empty in range(place, n_may):
        side.arms[g, empty] = -1
        side.blocked[g, empty] = -np.inf
        side.total[g, empty] = 0
        side.weight[g, empty] = 0
        side.mean[g, empty] = 0


@compiled()
def _slot_of(side: Followed, g: int, place: int, weights: Floats) -> int:
    """Where the arm's weights stand; on its first pull they are put there."""
    slot = side.slot[g, place]
    if slot < 0:
        slot, arm = side.n_slots[g], side.arms[g, place]
        side.n_slots[g] = slot + 1
        side.slot[g, place], side.pulled[g, slot] = slot, arm
        side.paid[g, slot], side.times[g, slot] = 0, 0
        for other in range(side.arms.shape[1]):
            at = side.arms[g, other]
            side.near[g, slot, other] = weights[arm, max(at, 0)] if at >= 0 else 0
    found: int = slot
    return found


@compiled()
def _learn(
    near: Floats,
    reward: np.floating,
    total: Floats,
    weight: Floats,
    mean: Floats,
    least: np.floating,
    prior_mean: np.floating,
) -> None:
    for i in range(0, len(mean), len(load(mean, 0, 1))):
        like = load(near, i, 1)
        store(total, i, fused(like, alike(reward, like), load(total, i, 1)))
        store(weight, i, load(weight, i, 1) + like)
        _ratio(total, weight, mean, i, least, prior_mean)


@compiled()
def _spread(
    side: Followed,
    g: int,
    weights: Floats,
    total: Floats,
    weight: Floats,
    mean: Floats,
    least: np.floating,
    prior_mean: np.floating,
) -> None:
    """What a block's rewards say of all arms; the admissible ones know already."""
    lanes = len(load(mean, 0, 1))
    for slot in range(side.n_slots[g]):
        near, paid, times = (
            weights[side.pulled[g, slot]],
            side.paid[g, slot],
            side.times[g, slot],
        )
        for i in range(0, len(mean), lanes):
            like = load(near, i, 1)
            store(total, i, fused(like, alike(paid, like), load(total, i, 1)))
            store(weight, i, fused(like, alike(times, like), load(weight, i, 1)))
    for place in range(side.arms.shape[1]):
        arm = side.arms[g, place]
        if arm >= 0:
            total[arm] = side.total[g, place]
            weight[arm] = side.weight[g, place]
    for i in range(0, len(mean), lanes):
        _ratio(total, weight, mean, i, least, prior_mean)


@compiled()
def play_regression(
    weights: Floats,
    total: Floats,
    weight: Floats,
    mean: Floats,
    least: np.floating,
    prior_mean: np.floating,
    runs: Runs,
    steps: Steps,
    side: Followed,
    scratch: Scratch,
    told: Told,
) -> None:
    """Take a kernel regression's runs through some steps.

    Args:
        weights: (n_padded, n_padded), at least 0.
        total, weight, mean: (n_runs, n_padded), rewards times weights, weights, and
            what is predicted; changed in place.
        least: The summed weight from which an arm has heard of a reward.
        side: Room for the admissible arms of a few runs.
    """
    n_runs, n_steps = told.arms.shape
    limit, luck = runs.tolerance, side.luck
    for first in range(0, n_runs, SIDE_BY_SIDE):
        n_side = min(SIDE_BY_SIDE, n_runs - first)
        for g in range(n_side):
            b = first + g
            mine = Luck(luck.noise[g], luck.explore[g], luck.own[g], luck.which[g])
            draw(mine, runs, steps, b)
            _follow(side, g, runs.blocked[b], total[b], weight[b], mean[b])
        for t in range(n_steps):
            for g in range(n_side):
                b = first + g
                mine = Luck(luck.noise[g], luck.explore[g], luck.own[g], luck.which[g])
                room = Scratch(
                    mine,
                    scratch.scores,
                    scratch.gain,
                    scratch.pulled,
                    scratch.normals,
                    scratch.reached,
                )
                mu, blocked, key = side.mean[g], side.blocked[g], runs.keys[b]
                top = expected_best(mu, blocked, key, limit, steps, t)
                place = act(mu, blocked, key, limit, steps, t, room, top)
                arm = side.arms[g, place]
                reward = pay(mine, runs, arm, t)
                told.arms[b, t], told.rewards[b, t] = arm, reward
                told.greedy[b, t] = side.arms[g, top]
                if steps.learns:
                    slot = _slot_of(side, g, place, weights)
                    side.paid[g, slot] += reward
                    side.times[g, slot] += 1
                    _learn(
                        side.near[g, slot],
                        reward,
                        side.total[g],
                        side.weight[g],
                        mu,
                        least,
                        prior_mean,
                    )
        if steps.learns:
            for g in range(n_side):
                b = first + g
                _spread(
                    side, g, weights, total[b], weight[b], mean[b], least, prior_mean
                )
