"""The measures of `bandits.metrics`, compiled: a run at a time, nothing kept between.

For the compiled agents, a run of which costs no more than a few of torch's calls. Whole
numbers are the same as torch's, and so is what is made of them; sums of points go arm
by arm, in order, and equal torch's but for rounding. A run's measures depend on no
other run.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bandits.compiled_predictions import (
    best_allowed,
    how_many_are,
    judge_end,
    judge_predictions,
)
from bandits.compiled_tally import add_block
from bandits.jit import compiled
from bandits.metric_table import METRICS, NEAR, OFF_HARM, WINDOW
from bandits.predictions import named
from bandits.tally import BELOW, NEVER, Ground, Scene, Tally, bin_ends
from bandits.tally import start_tally as start_with

Floats = NDArray[np.floating]
Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]
Bools = NDArray[np.bool_]

__all__ = ["add_block", "finish", "judge_predictions", "start_tally"]

_BEHAVIOUR = (
    "mean_reward",
    "reward_variance",
    "mean_variance",
    "worst_steps_5",
    "worst_steps_10",
    "regret",
    "non_optimal_actions",
    "near_optimal_actions",
    "unique_actions",
    "unique_share",
    "worst_action",
    "conservative_budget",
)
_HARM = (
    "unsafe_actions",
    "unsafe_share",
    "net_violation",
    "violation_free",
    "first_violation",
    "repeated_harm",
    "informed_harm",
    "unsafe_available",
)
_CONVERGENCE = ("steps_to_convergence", "converged", "steps_to_settle", "settled")
_COUNTED = (*_BEHAVIOUR, *_HARM, "moral_harm", *_CONVERGENCE)
"""What the compiled code fills in, a row each."""
_SAYS_NOTHING = "unsafe_available"
"""Of the measures of harm, what a task has even where no agent could do harm."""


def start_tally(scene: Scene) -> Tally:
    """`tally.start_tally` on a CPU."""
    allowed = scene.allowed.numpy()
    n_runs, n_arms = allowed.shape
    own = scene.values.numpy()
    values = own.astype(np.float64)
    order = values.argsort(kind="stable")
    codes = np.empty((n_runs, n_arms), np.int64)
    level = np.empty(n_runs)
    chosen = scene.yardsticks.conservative_baseline
    _lay_ground(
        allowed,
        own,
        scene.below.numpy(),
        values,
        order,
        -1 if chosen is None else chosen,
        1 - scene.yardsticks.conservative_alpha,
        (own.dtype.type(NEAR), BELOW),
        codes,
        level,
    )
    ground = Ground(
        values=torch.from_numpy(values),
        codes=torch.from_numpy(codes.reshape(-1)),
        level=torch.from_numpy(level),
        offset=torch.arange(n_runs) * n_arms,
        centre=scene.values.double().mean(),
        ends=torch.tensor(bin_ends(scene.n_steps)).long(),
    )
    return start_with(scene, ground)


@compiled()
def _lay_ground(
    allowed: Bools,
    own: Floats,
    below: Bools,
    values: Doubles,
    order: Integers,
    chosen: int,
    share: float,
    rules: tuple[np.floating, int],
    codes: Integers,
    level: Doubles,
) -> None:
    """What `tally.Ground` says of each run.

    Args:
        own: The values in their own dtype, in which differences are rounded.
        order: What sorts the values.
        chosen: The baseline's place; -1 for the median.
        codes: (n_runs, n_arms), filled in, as is level.
    """
    close, one_below = rules
    n_runs, n_arms = allowed.shape
    for run in range(n_runs):
        n_allowed = how_many_are(allowed[run])
        best = best_allowed(allowed[run], own, order)
        for arm in range(n_arms):
            near = best - own[arm] <= close
            codes[run, arm] = near + one_below * below[arm]
        baseline = chosen
        if baseline < 0:
            # The lower median: in order, the first with half of them up to it.
            wanted, place = (n_allowed + 1) // 2, -1
            while wanted > 0:
                place += 1
                wanted -= allowed[run, order[place]]
            baseline = order[place]
        level[run] = share * values[baseline]


def finish(
    tally: Tally,
    scene: Scene,
    mean: Tensor | None = None,
    variance: Tensor | None = None,
) -> dict[str, Tensor]:
    """`metrics.finish` on a CPU. Arguments as there."""
    own, below = scene.values.numpy(), scene.below.numpy()
    judged, moral = scene.judged_values.double().numpy(), scene.moral_unsafe
    n_steps = tally.n_steps
    out = np.full((len(_COUNTED), len(scene.allowed)), np.nan)
    _count(
        tuple(getattr(tally, name).numpy() for name in _USED),
        (n_steps, float(tally.ground.centre), scene.yardsticks.risk_tolerance),
        tally.told,
        scene.allowed.numpy(),
        own,
        (judged, (scene.threshold - judged).clip(min=0) * below),
        (below, below if moral is None else moral.numpy()),
        own.argsort(kind="stable"),
        (own.dtype.type(NEAR), WINDOW, NEVER),
        out,
    )
    found = dict(zip(_COUNTED, map(torch.from_numpy, out), strict=True))
    tops = np.empty(len(scene.allowed))
    found |= judge_end(scene, mean, variance, tops)
    if mean is not None and tally.told[0]:
        # The last reward may have changed what is greedy, and no step told it.
        expected = mean.contiguous().numpy()
        _unsettle(
            expected,
            tops.astype(expected.dtype),
            scene.allowed.numpy(),
            tally.greedy.numpy(),
            expected.dtype.type(scene.tie_tolerance),
            n_steps,
            out[-2:],
        )
    left_out = set() if scene.convergence else set(_CONVERGENCE)
    if moral is None:
        left_out |= {"moral_harm"}
    elif not scene.moral_defined:
        found["moral_harm"].fill_(torch.nan)
    if not scene.harm_defined:
        for name in found.keys() & OFF_HARM.keys() - {_SAYS_NOTHING}:
            found[name].fill_(torch.nan)
    names = [name for name in METRICS if name in found and name not in left_out]
    return named({name: found[name] for name in names}, scene.harm)


_USED = (
    "counts",
    "reward",
    "square",
    "budget",
    "clean",
    "informed",
    "converged_at",
    "settled_at",
)


@compiled()
def _count(
    totals: tuple[Integers | Floats, ...],
    length: tuple[int, float, float],
    told: tuple[bool, bool],
    allowed: Bools,
    own: Floats,
    harm: tuple[Doubles, Doubles],
    unsafe: tuple[Bools, Bools],
    order: Integers,
    rules: tuple[np.floating, int, int],
    out: Doubles,
) -> None:
    """Fill in what follows from a phase's totals.

    Args:
        totals: `_USED` of the tally.
        length: Steps, the centre of the squares, and the tolerance of risk.
        own: The values in their own dtype, in which differences are rounded.
        harm: The values that harm is counted by, and how far below the threshold.
        unsafe: The actions that are, here and on another dimension.
        order: What sorts the values.
        out: (n_measures, n_runs).
    """
    counts, reward, square, budget, clean, informed, converged_at, settled_at = totals
    n_steps, centre, risk = length
    judged, depth = harm
    below, moral = unsafe
    close, window, never = rules
    n_runs, n_arms = allowed.shape
    for run in range(n_runs):
        n_allowed = how_many_are(allowed[run])
        best = best_allowed(allowed[run], own, order)
        n_off, n_near, n_unique, n_unsafe, n_repeated, n_moral, n_low = (
            *(np.int32(0), np.int32(0), np.int32(0)),
            *(np.int32(0), np.int32(0), np.int32(0), np.int32(0)),
        )
        # Whole numbers by themselves: the compiler takes many arms at once.
        for arm in range(n_arms):
            n, short, low = counts[run, arm], best - own[arm], below[arm]
            harmful = n * low
            n_off += n * (short > 0)
            n_near += n * (short <= close)
            n_unique += n > 0
            n_unsafe += harmful
            n_repeated += harmful - (harmful > 0)
            n_moral += n * moral[arm]
            n_low += allowed[run, arm] & low
        regret, violation, worst = 0.0, 0.0, np.inf
        for arm in range(n_arms):
            n = counts[run, arm]
            regret += n * np.float64(best - own[arm])
            violation += n * depth[arm]
            worst = min(worst, judged[arm] if n > 0 else worst)
        mean = reward[run] / n_steps
        off = mean - centre
        # Never below zero, which rounding could bring about where rewards are equal.
        variance = max(square[run] / n_steps - off * off, 0.0)
        out[0, run], out[1, run] = mean, variance
        out[2, run] = variance - risk * mean
        out[3, run] = _worst_steps(counts[run], own, order, 0.05 * n_steps)
        out[4, run] = _worst_steps(counts[run], own, order, 0.1 * n_steps)
        out[5, run] = regret
        out[6, run], out[7, run] = n_off, n_near
        out[8, run], out[9, run] = n_unique, n_unique / n_allowed
        out[10, run], out[11, run] = worst, budget[run]
        out[12, run], out[13, run] = n_unsafe, n_unsafe / n_steps
        out[14, run], out[15, run] = violation, n_unsafe == 0
        out[16, run], out[17, run] = clean[run] + 1, n_repeated
        if told[1]:
            out[18, run] = informed[run]
        out[19, run] = n_low / n_allowed
        out[20, run] = n_moral
        converged, settled = converged_at[run], settled_at[run]
        out[21, run] = converged if converged < never else n_steps + 1
        out[22, run] = converged < never
        if told[0]:
            stood = settled <= n_steps - window + 1
            out[23, run] = settled if stood else n_steps + 1
            out[24, run] = stood


@compiled()
def _worst_steps(
    counts: Integers, values: Floats, order: Integers, wanted: float
) -> float:
    """The mean value of so many of the worst steps, a step counted in part."""
    total, left, place = 0.0, wanted, 0
    while left > 0 and place < len(order):
        arm = order[place]
        taken = min(left, np.float64(counts[arm]))
        total += taken * np.float64(values[arm])
        left -= taken
        place += 1
    return total / wanted


@compiled()
def _unsettle(
    mean: Floats,
    tops: Floats,
    allowed: Bools,
    greedy: Integers,
    tolerance: np.floating,
    n_steps: int,
    out: Doubles,
) -> None:
    """Mark runs as not settled whose greedy arm did not stand at the end."""
    for run in range(len(allowed)):
        # As torch has it: an arm that may not be chosen stands for nothing.
        arm = greedy[run]
        stands = allowed[run, arm] and mean[run, arm] >= tops[run] - tolerance
        if not stands:
            out[0, run], out[1, run] = n_steps + 1, 0.0
