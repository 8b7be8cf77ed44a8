"""What a sweep will take, told before it starts: cells, run-steps, time and memory.

Time comes from a calibration on this machine, not from a table of rates: for every
agent, runs of this sweep's own are simulated by the code that will make the shards, for
a second or so, and the rest is taken in proportion. Nothing is written.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from bandits.cell import STEPS_COMPILED, TOLD, runs_at_once
from bandits.deals import dealt_run_steps, declared_cells
from bandits.engine import Engine
from bandits.plan import Plan
from bandits.shards import Shard, ShardWork, make_shard, shards, work_of
from bandits.simulate import STEPS_AT_ONCE
from bandits.spec import SweepSpec
from bandits.stored import KEEP_BYTES
from bandits.workers import one_thread

BUDGET_S = 0.5
"""Seconds that the calibration of one agent may take, about, after a first try."""
FIRST_TRY = 16
"""Steps of the first try; what it takes once (a root, compilation) is not counted."""
BYTES_A_NORMAL = 64
"""What a random number takes while it is made: 32-bit words are held as int64."""
BYTES_A_ROW = 500
"""A row of runs.parquet before compression, about, and of a shard."""


class Forecast(NamedTuple):
    """What a sweep will take.

    rates: Agent to run-steps a second of one process, measured here.
    seconds: Of one process, for the simulation alone.
    chunk_bytes: What the runs that go through time together take.
    process_bytes: A process with its libraries and one chunk.
    disk_bytes: Shards and runs.parquet together, at the most.
    """

    plan: Plan
    n_shards: int
    rates: Mapping[str, float]
    seconds: float
    chunk_runs: int
    chunk_bytes: int
    process_bytes: int
    disk_bytes: int

    def lines(self, processes: int | None) -> list[str]:
        """In sentences.

        Args:
            processes: How many will work; None where that is a cluster's to say.
        """
        plan = self.plan
        spec = plan.spec
        n_agents = len({cell.agent for cell in plan.cells})
        lines = [
            f"{len(plan.cells):,} cells: {len(plan.tasks)} tasks,"
            f" {len(plan.entries)} kernels (forms and relabellings counted),"
            f" {n_agents} agents.",
            f"{len(plan.computations):,} of them to compute, the others equal one of"
            " these.",
            f"{spec.n_runs:,} runs of {plan.steps:,} steps each:"
            f" {len(plan.computations) * spec.n_runs:,} runs and"
            f" {plan.run_steps:,} run-steps in {self.n_shards:,} shards.",
            *_dealt(plan),
            "Time: about " + self._time(processes) + " Kernels' alignment, tables and"
            " figures come on top.",
            f"Memory: about {_size(self.process_bytes)} a process, of which"
            f" {_size(self.chunk_bytes)} for {self.chunk_runs:,} runs at a time,"
            " however many there are. Disk: at most"
            f" {_size(self.disk_bytes)} while it works.",
        ]
        lines += [
            f"{' '.join(task)}: {note.note}"
            for task, note in plan.notes.items()
            if note.note
        ]
        return lines + [f"{rater}: {said}" for rater, said in plan.skipped.items()]

    @property
    def _run_steps(self) -> int:
        return self.plan.run_steps + dealt_run_steps(self.plan)

    def _time(self, processes: int | None) -> str:
        slowest = min(self.rates, key=lambda agent: self.rates[agent])
        measured = (
            f" (measured here: {self._run_steps / self.seconds:,.0f} run-steps/s,"
            f" the slowest agent {slowest} {self.rates[slowest]:,.0f})."
        )
        if processes is None:
            whole = duration(self.seconds)
            return f"{whole} of one process, shared by the cluster's workers{measured}"
        many = "process" if processes == 1 else "processes that have a core each"
        whole = duration(self.seconds / processes)
        return f"{whole} with {processes} {many}{measured}"


def _dealt(plan: Plan) -> list[str]:
    """What the declared outcome's shuffles come to, in a sentence; none without them."""
    declared, n_models = plan.spec.confirmatory, len(declared_cells(plan))
    if declared is None or not n_models:
        return []
    return [
        f"The declared outcome with the values dealt out {declared.shuffles:,} times, for"
        f" {n_models} models: {dealt_run_steps(plan):,} run-steps more."
    ]


def without_report(spec: SweepSpec) -> list[str]:
    """What can be said of a spec alone, in sentences."""
    steps = spec.phases.personalization_steps + spec.phases.generalization_steps
    return [
        f"The spec is sound. Every cell: {spec.n_runs:,} runs of {steps:,} steps each.",
        "Its kernels, dimensions and raters were not checked: name a report.",
    ]


def make_forecast(plan: Plan, engine: Engine) -> Forecast:
    """Count a plan's work and time a little of it. Takes up to a second an agent."""
    cut = list(shards(plan, "forecast", engine.device))
    runs_of: dict[str, int] = {}
    first_of: dict[str, Shard] = {}
    for shard in cut:
        agent = plan.computations[shard.first].agent
        runs_of[agent] = runs_of.get(agent, 0) + shard.size
        first_of.setdefault(agent, shard)
    libraries = _libraries()
    with one_thread():
        rates = {
            agent: calibrate(plan, shard, engine) for agent, shard in first_of.items()
        }
    seconds = sum(runs_of[agent] * plan.steps / rates[agent] for agent in runs_of)
    if dealt := dealt_run_steps(plan):
        seconds += dealt / rates[declared_cells(plan)[0].agent]
    n_actions = len(plan.tasks[0].values)
    chunk_runs, chunk = chunk_memory(n_actions, plan.spec.n_runs, engine)
    largest = max(shard.size for shard in cut)
    rows = 2 * plan.spec.n_runs * (len(plan.computations) + len(plan.cells))
    return Forecast(
        plan=plan,
        n_shards=len(cut),
        rates=rates,
        seconds=seconds,
        chunk_runs=chunk_runs,
        chunk_bytes=chunk,
        process_bytes=libraries + chunk + 2 * largest * BYTES_A_ROW + KEEP_BYTES,
        disk_bytes=rows * BYTES_A_ROW,
    )


def calibrate(plan: Plan, shard: Shard, engine: Engine) -> float:
    """Run-steps a second of a shard's agent, in this process.

    Ever longer runs are timed until the next would go over the budget, or until they
    are as long as the sweep's. Of runs that stay shorter the last stretch counts alone:
    what a cell takes once is left out, and an agent that slows as it learns has begun to.
    """
    one = replace(shard, last=shard.first + 1)
    work = work_of(plan, one, engine)
    _timed(work, 1)  # what is compiled is compiled now
    before, seconds_before = 0, 0.0
    horizon = min(FIRST_TRY, plan.steps)
    while True:
        seconds = _timed(work, horizon)
        if horizon == plan.steps:
            return one.size * horizon / seconds
        if 4 * seconds > BUDGET_S:
            stretch = max(seconds - seconds_before, 1e-9)
            return one.size * (horizon - before) / stretch
        before, seconds_before = horizon, seconds
        horizon = min(4 * horizon, plan.steps)


def chunk_memory(n_actions: int, n_runs: int, engine: Engine) -> tuple[int, int]:
    """Runs that go through time together by the chunk rule, and their bytes, about.

    The roots twice (the second for what a step makes of one), and the random numbers of
    the steps that are made at once; of compiled runs, which are worked on in place, the
    roots once, and what is told of a block of steps.
    """
    n_bytes, root = engine.torch_dtype.itemsize, n_actions**2
    compiled = engine.backend == "numba"
    place = "numba" if compiled else engine.device
    runs = min(n_runs, runs_at_once(place, n_actions, 1, n_bytes, STEPS_COMPILED))
    if compiled:
        return runs, runs * (root + TOLD * STEPS_COMPILED) * n_bytes
    luck = STEPS_AT_ONCE * n_actions * BYTES_A_NORMAL
    return runs, runs * (2 * root * n_bytes + luck)


def duration(seconds: float) -> str:
    """Seconds as a person says them: no finer than a forecast is."""
    if seconds < 1:
        return "less than a second"
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86400:.1f} days"


def _timed(work: ShardWork, horizon: int) -> float:
    """Seconds that the shard takes with runs cut to so many steps."""
    learning = min(work.settings.personalization_steps, horizon)
    unseen = min(work.settings.generalization_steps, horizon - learning)
    settings = replace(
        work.settings, personalization_steps=learning, generalization_steps=unseen
    )
    begun = time.perf_counter()
    make_shard(replace(work, settings=settings))
    return time.perf_counter() - begun


def _libraries() -> int:
    """Bytes of this process, which has the libraries and the plan that a worker has."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def _size(n_bytes: float) -> str:
    for unit in ("B", "KB", "MB"):
        if n_bytes < 1000:
            return f"{n_bytes:,.0f} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:,.1f} GB"
