"""The totals of `bandits.tally`, compiled: one pass over a block instead of fifty.

For the compiled agents, whose steps cost no more than a few of torch's calls. The same
totals, bit for bit: counts are whole numbers, and sums of points are taken step by step
in both.
"""

from __future__ import annotations

from typing import Any

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
    _add(
        _by_run(arms),
        _by_run(rewards.double()),
        # Something of the same kind where nothing was told: it is never looked at.
        _by_run(arms if greedy is None else greedy),
        _by_run((rewards if p_unsafe is None else p_unsafe).double()),
        tally.n_steps,
        scene.convergence,
        told,
        _RULES,
        ground.values.numpy(),
        ground.codes.numpy(),
        ground.level.numpy(),
        float(ground.centre),
        ground.ends.numpy(),
        np.empty(WINDOW + n_steps, np.int64),
        tuple(getattr(tally, name).numpy() for name in _CHANGED),
    )
    return tally._replace(told=told, n_steps=tally.n_steps + n_steps)


def _by_run(steps: Tensor) -> Any:
    """(n_runs, n_steps), in one piece; compiled agents hand it over like that."""
    return steps.T.contiguous().numpy()


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
    so_far: Integers,
    totals: tuple[Integers | Floats, ...],
) -> None:
    """Add a block to `totals` in place: run by run, so that sums stay at hand.

    Args:
        arms, rewards, greedy, p_unsafe: (n_runs, n_steps).
        so_far: (window + n_steps,), room to work in.
    """
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
    n_runs, n_steps = arms.shape
    n_arms = len(values)
    first_mark = np.int64(0)
    while first_mark < len(ends) and ends[first_mark] <= begin:
        first_mark += 1
    for run in range(n_runs):
        for step in range(window):
            so_far[step] = recent[step, run]
        counted, mark = so_far[window - 1], first_mark
        paid, squares = reward[run], square[run]
        ahead, least, base = lead[run], budget[run], level[run]
        still_clean, knew = clean[run], informed[run]
        converged, stood = converged_at[run], last_greedy[run]
        settled = settled_at[run]
        for step in range(n_steps):
            at, arm = begin + step + 1, arms[run, step]
            counts[run, arm] += 1
            code = codes[run * n_arms + arm]
            counted += code
            so_far[window + step] = counted
            earned = rewards[run, step]
            paid += earned
            off = earned - centre
            squares += off * off
            ahead += values[arm] - base
            # Sums of what is so, not branches: the processor guesses those badly.
            least = min(least, ahead)
            still_clean += counted < one_below
            if told[1]:
                knew += (code >= one_below) & (p_unsafe[run, step] > likely)
            if convergence:
                near = (counted - so_far[step]) & (one_below - 1)
                full = (near >= enough) & (at >= window) & (at < converged)
                converged = at if full else converged
                if told[0]:
                    stands = greedy[run, step] == stood
                    stood = greedy[run, step]
                    settled = settled if stands else at
            if mark < len(ends) and at == ends[mark]:
                paid_marks[mark, run] = paid
                count_marks[mark, run] = counted
                mark += 1
        for step in range(window):
            recent[step, run] = so_far[n_steps + step]
        reward[run], square[run] = paid, squares
        lead[run], budget[run] = ahead, least
        clean[run], informed[run] = still_clean, knew
        converged_at[run], last_greedy[run] = converged, stood
        settled_at[run] = settled
