"""The totals of `bandits.tally`, compiled: one pass over a block instead of fifty.

For the compiled agents, whose steps cost no more than a few of torch's calls. The same
totals, bit for bit: counts are whole numbers, and sums of points are taken step by step
in both.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from bandits.jit import compiled
from bandits.metric_table import INFORMED, WINDOW
from bandits.tally import BELOW, ENOUGH, Scene, Tally

Floats = NDArray[np.floating]
Integers = NDArray[np.int64]


def add_block(
    tally: Tally,
    scene: Scene,
    arms: Tensor,
    rewards: Tensor,
    greedy: Tensor | None = None,
    p_unsafe: Tensor | None = None,
) -> Tally:
    """`tally.add_block` on a CPU; the old totals are used up. Arguments as there."""
    ground, n_steps = tally.ground, len(arms)
    told = (greedy is not None, p_unsafe is not None)
    so_far = _add(
        arms.contiguous().numpy(),
        rewards.double().contiguous().numpy(),
        # Something of the same kind where nothing was told: it is never looked at.
        (arms if greedy is None else greedy).contiguous().numpy(),
        (rewards if p_unsafe is None else p_unsafe).double().contiguous().numpy(),
        tally.n_steps,
        scene.convergence,
        told,
        _RULES,
        ground.values.numpy(),
        ground.codes.numpy(),
        ground.level.numpy(),
        float(ground.centre),
        ground.ends.numpy(),
        tuple(getattr(tally, name).numpy() for name in _CHANGED),
    )
    if n_steps < WINDOW:
        tally.recent[: WINDOW - n_steps] = tally.recent[n_steps:].clone()
    tally.recent[-n_steps:] = tally.recent.new_tensor(so_far[-WINDOW:])
    return tally._replace(told=told, n_steps=tally.n_steps + n_steps)


# Told to the compiled code, which would keep what they were when it was compiled.
_RULES = (WINDOW, ENOUGH, BELOW, INFORMED)
_CHANGED = (
    "counts",
    "reward",
    "square",
    "lead",
    "budget",
    "clean",
    "recent",
    "converged_at",
    "greedy",
    "settled_at",
    "informed",
    "paid_marks",
    "count_marks",
)


@compiled()
def _add(
    arms: Integers,
    rewards: Floats,
    greedy: Integers,
    p_unsafe: Floats,
    begin: int,
    convergence: bool,
    told: tuple[bool, bool],
    rules: tuple[int, int, int, float],
    values: Floats,
    codes: Integers,
    level: Floats,
    centre: float,
    ends: Integers,
    totals: tuple[Integers | Floats, ...],
) -> Integers:
    """Add a block to `totals` in place. Returns both counts up to each step."""
    (
        counts,
        reward,
        square,
        lead,
        budget,
        clean,
        recent,
        converged_at,
        last_greedy,
        settled_at,
        informed,
        paid_marks,
        count_marks,
    ) = totals
    window, enough, one_below, likely = rules
    n_steps, n_runs = arms.shape
    n_arms = len(values)
    so_far = np.empty((n_steps, n_runs), np.int64)
    mark = np.searchsorted(ends, begin, side="right")
    for step in range(n_steps):
        at = begin + step + 1
        for run in range(n_runs):
            arm = arms[step, run]
            counts[run, arm] += 1
            code = codes[run * n_arms + arm]
            before = recent[window - 1, run] if step == 0 else so_far[step - 1, run]
            counted = before + code
            so_far[step, run] = counted
            paid = rewards[step, run]
            reward[run] += paid
            off = paid - centre
            square[run] += off * off
            ahead = lead[run] + (values[arm] - level[run])
            lead[run] = ahead
            # Sums of what is so, not branches: the processor guesses those badly.
            budget[run] = min(budget[run], ahead)
            clean[run] += counted < one_below
            if told[1]:
                informed[run] += (code >= one_below) & (p_unsafe[step, run] > likely)
            if convergence:
                if at >= window:
                    earlier = (
                        recent[step, run]
                        if step < window
                        else so_far[step - window, run]
                    )
                    near = (counted - earlier) & (one_below - 1)
                    if near >= enough and at < converged_at[run]:
                        converged_at[run] = at
                if told[0]:
                    stands = greedy[step, run] == last_greedy[run]
                    last_greedy[run] = greedy[step, run]
                    settled_at[run] = settled_at[run] if stands else at
        if mark < len(ends) and at == ends[mark]:
            paid_marks[mark] = reward
            count_marks[mark] = so_far[step]
            mark += 1
    return so_far
