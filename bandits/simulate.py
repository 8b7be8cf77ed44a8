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
from bandits.backends import Backend, Player, backend_of, players
from bandits.cell import TIE_TOLERANCE, Cell, chunks, open_cell
from bandits.cell_totals import CellTotals
from bandits.harm_calibration import harm_calibration
from bandits.noise import Phase, Purpose, normals, uniforms
from bandits.over_time import OverTime, over_time
from bandits.predictions import probability_below
from bandits.rules import View, choose
from bandits.settings import Settings
from bandits.task import ValueTask

__all__ = ["RunResults", "Settings", "Trace", "simulate", "trace"]

RunResults = dict[str, dict[str, Tensor]]
"""phase -> metric -> (n_runs,) float64 on the CPU, in the order of the replicates."""

STEPS_AT_ONCE = 16
"""Random numbers are made for so many steps in one call: many small calls cost more."""


class Block(NamedTuple):
    """What every run did in some steps, as the measures are told it.

    arms: (n_steps, n_runs) int64, the arms taken.
    rewards: (n_steps, n_runs), what they paid.
    greedy: (n_steps, n_runs) int64, the admissible arm of the highest expected value
        before the step, ties told apart by the step's own draw.
    p_unsafe: (n_steps, n_runs), how likely the value of the arm taken lay below the
        threshold, as believed before the step; None without a posterior.
    """

    arms: Tensor
    rewards: Tensor
    greedy: Tensor
    p_unsafe: Tensor | None


class Trace(NamedTuple):
    """What every run did in a phase, for replay and tests; tensors as in `Block`."""

    phase: str
    arms: Tensor
    rewards: Tensor
    greedy: Tensor
    p_unsafe: Tensor | None


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
    backend: Backend = "auto",
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
        backend: "torch", the reference; "numba", one run after the other on a CPU; or
            "auto", numba where it has the agent. Runs are the same but for rounding.
        kernel_name: Whose kernel it is, for error messages.
        keep: Called with each chunk's totals over its runs; they add up (`plus`) to
            the same for any chunks.

    Returns:
        phase -> metric -> (n_runs,); `metrics.metric_names` lists them. A phase of no
        steps has no measures but those of the predictions.

    Raises:
        BanditError: An unknown agent, a kernel that is missing, superfluous, of the
            wrong size, or not a kernel, a task for another number of runs, or a
            backend that does not have the agent.
    """
    cell = open_cell(
        kernel, task, agent, settings, seed, replicates, device, dtype, kernel_name
    )
    backend = backend_of(cell, backend)
    start = _starter(cell, backend)
    results: RunResults = {}
    for rows in chunks(cell, chunk, backend):
        part = _measure(cell, rows, start(rows), keep)
        for phase, found in part.items():
            # Room for all runs at once: parts kept one by one would lie between the
            # chunks' own memory, which then could not be used again.
            whole = results.setdefault(phase, {})
            for name, value in found.items():
                if name not in whole:
                    whole[name] = value.new_empty(len(cell.replicates))
                whole[name][rows] = value
    return results


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
    backend: Backend = "auto",
    kernel_name: str = "kernel",
) -> dict[str, Trace]:
    """The same runs, step by step: phase -> Trace. Arguments as `simulate`."""
    cell = open_cell(
        kernel, task, agent, settings, seed, replicates, device, dtype, kernel_name
    )
    backend = backend_of(cell, backend)
    start = _starter(cell, backend)
    parts = [_record(cell, rows, start(rows)) for rows in chunks(cell, chunk, backend)]
    return {
        phase: Trace(phase, *_joined([part[phase] for part in parts], torch.hstack))
        for phase in parts[0]
    }


def _starter(cell: Cell, backend: str) -> Callable[[slice], Any]:
    """Makes what some of the runs start from: a state, or a compiled player."""
    if backend == "numba":
        return players(cell)
    return lambda rows: cell.start(len(cell.replicates[rows]))


def _believes(cell: Cell, state: Any) -> tuple[Tensor, Tensor | None]:
    """Mean and, where there is one, variance of all arms: (n_runs, n_arms)."""
    if isinstance(state, Player):
        return state.believes()
    return cell.agent.estimator.believes(state)


def _measures(state: Any) -> Any:
    """The module that measures: `metrics`, or its compiled twin beside a player."""
    if not isinstance(state, Player):
        return metrics
    # Imported here, as numba is: torch's path needs neither.
    from bandits import compiled_measures

    return compiled_measures


def _measure(
    cell: Cell,
    rows: slice,
    state: Any,
    keep: Callable[[CellTotals], None] | None,
) -> RunResults:
    """Both phases of some of a cell's runs, as measures."""
    results: RunResults = {}
    curves: dict[str, OverTime] = {}
    calibration, measures = None, _measures(state)
    for phase in Phase:
        scene = cell.scene(phase, rows)
        if keep is None:
            # Nobody asks how the phase went over time.
            scene = scene._replace(n_steps=0)
        judged = {}
        if phase is Phase.GENERALIZATION:
            mean, variance = _believes(cell, state)
            judged = measures.judge_predictions(mean, scene, variance)
            if keep is not None:
                calibration = harm_calibration(scene, mean, variance)
        behaved = {}
        if cell.n_steps(phase):
            state, tally = _tallied(cell, phase, rows, state, scene)
            mean, variance = _believes(cell, state)
            behaved = measures.finish(tally, scene, mean, variance)
            if keep is not None:
                curves[phase.name.lower()] = over_time(tally)
        results[phase.name.lower()] = {
            name: found.cpu() for name, found in (behaved | judged).items()
        }
    if keep is not None:
        keep(CellTotals(curves, calibration))
    return results


def _tallied(
    cell: Cell, phase: Phase, rows: slice, state: Any, scene: metrics.Scene
) -> tuple[Any, metrics.Tally]:
    """Take the runs through a phase: the state after it, and its totals."""
    measures = _measures(state)
    tally = measures.start_tally(scene)

    def count(block: Block) -> None:
        nonlocal tally
        tally = measures.add_block(tally, scene, *block)

    return _play(cell, phase, rows, state, count), tally


def _record(cell: Cell, rows: slice, state: Any) -> dict[str, Block]:
    """Both phases of some of a cell's runs, step by step, on the CPU."""
    n_runs = len(cell.replicates[rows])
    found = {}
    no_arms = torch.zeros(0, n_runs, dtype=torch.int64)
    nothing = Block(no_arms, no_arms.to(cell.values.dtype), no_arms, None)
    for phase in Phase:
        told = [nothing]

        def keep(block: Block, told: list[Block] = told) -> None:
            told.append(_joined([block], lambda parts: parts[0].cpu()))

        state = _play(cell, phase, rows, state, keep)
        found[phase.name.lower()] = _joined(told, torch.cat)
    return found


def _play(
    cell: Cell,
    phase: Phase,
    rows: slice,
    state: Any,
    tell: Callable[[Block], None],
) -> Any:
    """Take the runs through a phase, telling what they did block by block.

    Args:
        state: The estimator's state for these runs, or their player; used up.
        tell: Called with what the runs did, in order.

    Returns:
        The state after the phase.
    """
    if isinstance(state, Player):
        for fields in state.play(phase):
            tell(Block(*fields))
        return state
    rule, estimator = cell.agent.rule, cell.agent.estimator
    allowed, learns = cell.allowed(phase, rows), cell.learns(phase)
    tolerance = TIE_TOLERANCE[cell.values.dtype]
    n_steps = cell.n_steps(phase)
    unsafe = cell.unsafe if estimator.sees_truth else None
    seeds = (
        cell.seed_arms(rows) if rule.seeded and phase is Phase.PERSONALIZATION else None
    )
    for begin in range(0, n_steps, STEPS_AT_ONCE):
        luck = _luck(cell, phase, rows, begin, min(begin + STEPS_AT_ONCE, n_steps))
        told: list[Block] = []
        for step in range(len(luck.ties)):
            ties = luck.ties[step]
            expected = estimator.predict(state)
            greedy = choose(expected, allowed, ties, tolerance=tolerance)
            arm = rule.act(
                View(
                    estimator,
                    cell.settings,
                    state,
                    allowed,
                    expected,
                    greedy,
                    ties,
                    tolerance,
                    learns,
                    cell.task.threshold,
                    normals=_at(luck.samples, step),
                    draw=_at(luck.draw, step),
                    explore=_at(luck.explore, step),
                    seeds=seeds,
                    unsafe=unsafe,
                )
            )
            p_unsafe = None
            if estimator.marginal_at is not None:
                found = estimator.marginal_at(state, arm)
                p_unsafe = probability_below(*found, cell.task.threshold)
            reward = cell.payer.pay(arm, luck.rewards[step], _at(luck.raters, step))
            if learns:
                state = estimator.learn(state, arm, reward)
            told.append(Block(arm, reward, greedy, p_unsafe))
        tell(_joined(told, torch.stack))
    return state


def _joined(blocks: list[Block], join: Callable[[list[Tensor]], Tensor]) -> Block:
    """One block of several, field by field."""
    arms, rewards, greedy, p_unsafe = zip(*blocks, strict=True)
    known = [p for p in p_unsafe if p is not None]
    return Block(
        join(list(arms)),
        join(list(rewards)),
        join(list(greedy)),
        join(known) if known else None,
    )


def _at(drawn: Tensor | None, step: int) -> Tensor | None:
    return None if drawn is None else drawn[step]


class _Luck(NamedTuple):
    """The random numbers of some steps; each has (n_steps, n_runs) in front.

    rewards: The noise added to what a pull pays, in points.
    ties: Uniform, which of the tied arms is taken.
    samples: (n_steps, n_runs, n_arms) normals, for Thompson sampling.
    draw: Uniform, the rule's own; None for rules without one.
    explore: bool, whether the step is one of exploration.
    raters: Uniform, which of the action's raters is asked; None without raters.
    """

    rewards: Tensor
    ties: Tensor
    samples: Tensor | None
    draw: Tensor | None
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

    rule = cell.agent.rule
    share = rule.explores(cell.settings)
    samples = "sample" in rule.needs
    return _Luck(
        rewards=normal(Purpose.REWARD_NOISE).squeeze(-1) * cell.payer.sd,
        ties=uniform(Purpose.TIE_BREAK),
        samples=normal(Purpose.SAMPLING, len(cell.values)) if samples else None,
        draw=None if rule.purpose is None else uniform(rule.purpose),
        explore=uniform(Purpose.EXPLORATION) < share if share > 0 else None,
        raters=uniform(Purpose.RATER) if cell.payer.draws else None,
    )
