"""The loop: agents learn what actions are worth, then choose among unseen ones.

All runs of a chunk go through time together, one row each. What a run does depends on
its seed, its replicate number and its cell; never on which runs stand beside it.

Nothing in a step asks a tensor for a number (`.item()`, `.any()`), so that a GPU never
waits for the host; support vector regression alone does (`svr.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bandits import metrics
from bandits.cell import TIE_TOLERANCE, Cell, chunks, open_cell
from bandits.cell_totals import CellTotals
from bandits.noise import Phase, Purpose, normals, uniforms
from bandits.over_time import OverTime, over_time
from bandits.policies import choose
from bandits.settings import Settings
from bandits.task import ValueTask

__all__ = ["RunResults", "Settings", "Trace", "simulate", "trace"]

RunResults = dict[str, dict[str, Tensor]]
"""phase -> metric -> (n_runs,) float64 on the CPU, in the order of the replicates."""

STEPS_AT_ONCE = 16
"""Random numbers are made for so many steps in one call: many small calls cost more."""


class Trace(NamedTuple):
    """What every run did in a phase, for replay and tests.

    arms: (n_steps, n_runs) int64.
    rewards: (n_steps, n_runs).
    """

    phase: str
    arms: Tensor
    rewards: Tensor


def simulate(
    kernel: NDArray[np.float64] | Tensor | None,
    task: ValueTask,
    agent: str,
    settings: Settings,
    *,
    seed: int,
    replicates: Sequence[int],
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float64,
    chunk: int | None = None,
    kernel_name: str = "kernel",
    keep: Callable[[CellTotals], None] | None = None,
) -> RunResults:
    """Run one cell: every replicate through personalization, then generalization.

    The belief learns in the personalization phase. In the generalization phase it is
    frozen unless `settings.learn`; what it predicts for unseen actions is judged once,
    on entry.

    Args:
        kernel: (n_actions, n_actions) positive semi-definite with unit diagonal; None
            for agents that see none (`AGENTS[agent].uses_kernel`).
        task: Its `personalization` has one row per replicate, in the same order.
        agent: A name of `policies.AGENTS`.
        seed: The sweep's seed, 0 .. 2**32 - 1.
        replicates: (n_runs,) numbers, 0 .. 2**32 - 1. A replicate has the same luck in
            every cell with this seed.
        device: Where the tensors live, "cpu" or "cuda".
        dtype: torch.float64, the reference, or torch.float32.
        chunk: Runs that go through time together; None for what fits the cache. It
            changes no result.
        kernel_name: Whose kernel it is, for error messages.
        keep: Called with each chunk's totals over its runs; they add up (`plus`) to
            the same for any chunks.

    Returns:
        phase -> metric -> (n_runs,); `metrics.metric_names` lists them. A phase of no
        steps has no measures but those of the predictions.

    Raises:
        BanditError: An unknown agent, a kernel that is missing, superfluous, of the
            wrong size, or not a kernel, or a task for another number of runs.
    """
    cell = open_cell(
        kernel, task, agent, settings, seed, replicates, device, dtype, kernel_name
    )
    parts = [_measure(cell, rows, keep) for rows in chunks(cell, chunk)]
    return {
        phase: {name: torch.cat([p[phase][name] for p in parts]) for name in found}
        for phase, found in parts[0].items()
    }


def trace(
    kernel: NDArray[np.float64] | Tensor | None,
    task: ValueTask,
    agent: str,
    settings: Settings,
    *,
    seed: int,
    replicates: Sequence[int],
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float64,
    chunk: int | None = None,
    kernel_name: str = "kernel",
) -> dict[str, Trace]:
    """The same runs, step by step: phase -> Trace. Arguments as `simulate`."""
    cell = open_cell(
        kernel, task, agent, settings, seed, replicates, device, dtype, kernel_name
    )
    parts = [_record(cell, rows) for rows in chunks(cell, chunk)]
    return {
        phase: Trace(
            phase,
            torch.cat([part[phase].arms for part in parts], 1),
            torch.cat([part[phase].rewards for part in parts], 1),
        )
        for phase in parts[0]
    }


def _measure(
    cell: Cell, rows: slice, keep: Callable[[CellTotals], None] | None
) -> RunResults:
    """Both phases of some of a cell's runs, as measures."""
    state = cell.start(len(cell.replicates[rows]))
    results: RunResults = {}
    curves: dict[str, OverTime] = {}
    calibration = None
    for phase in Phase:
        scene = cell.scene(phase, rows)
        judged = {}
        if phase is Phase.GENERALIZATION:
            predicted = cell.agent.estimator.predict(state)
            judged = metrics.judge_predictions(predicted, scene)
        tally = metrics.start_tally(scene)

        def count(arms: Tensor, rewards: Tensor, scene: metrics.Scene = scene) -> None:
            nonlocal tally
            tally = metrics.add_block(tally, scene, arms, rewards)

        state = _play(cell, phase, rows, state, count)
        behaved = {}
        if tally.n_steps:
            behaved = metrics.finish(tally, scene, cell.agent.estimator.predict(state))
        results[phase.name.lower()] = {
            name: found.cpu() for name, found in (behaved | judged).items()
        }
        if keep is not None and tally.n_steps:
            curves[phase.name.lower()] = over_time(tally)
    if keep is not None:
        keep(CellTotals(curves, calibration))
    return results


def _record(cell: Cell, rows: slice) -> dict[str, Trace]:
    """Both phases of some of a cell's runs, as traces."""
    n_runs = len(cell.replicates[rows])
    state = cell.start(n_runs)
    traces = {}
    for phase in Phase:
        arms = [torch.zeros(0, n_runs, dtype=torch.int64)]
        rewards = [torch.zeros(0, n_runs, dtype=cell.values.dtype)]

        def keep(
            some_arms: Tensor,
            some_rewards: Tensor,
            arms: list[Tensor] = arms,
            rewards: list[Tensor] = rewards,
        ) -> None:
            arms.append(some_arms.cpu())
            rewards.append(some_rewards.cpu())

        state = _play(cell, phase, rows, state, keep)
        name = phase.name.lower()
        traces[name] = Trace(name, torch.cat(arms), torch.cat(rewards))
    return traces


def _play(
    cell: Cell,
    phase: Phase,
    rows: slice,
    state: Any,
    tell: Callable[[Tensor, Tensor], None],
) -> Any:
    """Take the runs through a phase, telling what they did block by block.

    Args:
        state: The estimator's state for these runs; used up.
        tell: Called with (arms, rewards), each (n_steps, n_runs), in order.

    Returns:
        The state after the phase.
    """
    estimator, values = cell.agent.estimator, cell.values
    allowed, learns = cell.allowed(phase, rows), cell.learns(phase)
    tolerance = TIE_TOLERANCE[values.dtype]
    n_steps = cell.n_steps(phase)
    for begin in range(0, n_steps, STEPS_AT_ONCE):
        luck = _luck(cell, phase, rows, begin, min(begin + STEPS_AT_ONCE, n_steps))
        arms, rewards = [], []
        for step in range(len(luck.ties)):
            if luck.samples is not None and estimator.sample is not None:
                scores = estimator.sample(state, luck.samples[step])
            else:
                scores = estimator.predict(state)
            explore = None if luck.explore is None else luck.explore[step]
            arm = choose(
                scores, allowed, luck.ties[step], tolerance=tolerance, explore=explore
            )
            which = None if luck.raters is None else luck.raters[step]
            reward = cell.payer.pay(arm, luck.rewards[step], which)
            if learns:
                state = estimator.learn(state, arm, reward)
            arms.append(arm)
            rewards.append(reward)
        tell(torch.stack(arms), torch.stack(rewards))
    return state


class _Luck(NamedTuple):
    """The random numbers of some steps; each has (n_steps, n_runs) in front.

    rewards: The noise added to what a pull pays, in points.
    ties: Uniform, which of the tied arms is taken.
    samples: (n_steps, n_runs, n_arms) normals, for Thompson sampling.
    explore: bool, whether the step is one of exploration.
    raters: Uniform, which of the action's raters is asked; None without raters.
    """

    rewards: Tensor
    ties: Tensor
    samples: Tensor | None
    explore: Tensor | None
    raters: Tensor | None


def _luck(cell: Cell, phase: Phase, rows: slice, begin: int, end: int) -> _Luck:
    replicates, dtype = cell.replicates[rows], cell.values.dtype
    steps = torch.arange(begin, end, device=replicates.device)

    def uniform(purpose: Purpose) -> Tensor:
        drawn = uniforms(cell.seed, replicates, steps, phase=phase, purpose=purpose)
        return drawn.squeeze(-1)

    def normal(purpose: Purpose, count: int = 1) -> Tensor:
        return normals(
            cell.seed, replicates, steps, phase=phase, purpose=purpose, count=count
        ).to(dtype)

    share, thompson = cell.settings.exploration, cell.agent.thompson
    explores = share > 0 and not thompson
    return _Luck(
        rewards=normal(Purpose.REWARD_NOISE).squeeze(-1) * cell.payer.sd,
        ties=uniform(Purpose.TIE_BREAK),
        samples=normal(Purpose.SAMPLING, len(cell.values)) if thompson else None,
        explore=uniform(Purpose.EXPLORATION) < share if explores else None,
        raters=uniform(Purpose.RATER) if cell.payer.draws else None,
    )
