"""A sweep's work, cut into shards: checkpoint, resumption and distribution at once.

A shard is some computations on a range of replicates, named by the sweep's hash. No
number depends on how the work is cut or who does it (`bandits.noise`), so that a shard
that stands never has to be made again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bandits.plan import Plan, TaskSetup
from bandits.results import Array, PhaseRuns
from bandits.settings import Settings
from bandits.simulate import simulate
from bandits.task import Floats

RUNS_A_SHARD = {"cpu": 256, "cuda": 65536}
"""Replicates in one shard: what a core's cache holds at 50 actions, or fills a GPU."""
COMPUTATIONS_A_SHARD = 4
_HEAD = ("computation", "phase", "replicate")


@dataclass(frozen=True)
class Shard:
    """Computations `first` to `last` - 1 on replicates `start` to `stop` - 1."""

    name: str
    first: int
    last: int
    start: int
    stop: int

    @property
    def size(self) -> int:
        """Runs in it."""
        return (self.last - self.first) * (self.stop - self.start)


@dataclass(frozen=True, eq=False)
class ShardWork:
    """All that a shard's computations need: one agent on one task, several kernels.

    kernels: Each (n_actions, n_actions), or None for an agent that has none.
    """

    shard: Shard
    agent: str
    kernels: tuple[Floats | None, ...]
    task: TaskSetup
    settings: Settings
    seed: int


def shards(plan: Plan, identity: str, device: str) -> Iterator[Shard]:
    """Cut a plan's work: computations of one agent and task, by range of replicates."""
    first, runs = 0, RUNS_A_SHARD[device]
    computations = plan.computations
    while first < len(computations):
        head, last = computations[first], first + 1
        while (
            last < min(len(computations), first + COMPUTATIONS_A_SHARD)
            and computations[last].task == head.task
            and computations[last].agent == head.agent
        ):
            last += 1
        for start in range(0, plan.spec.n_runs, runs):
            stop = min(start + runs, plan.spec.n_runs)
            name = f"{identity[:16]}-{first:05}-{last:05}-{start:07}-{stop:07}.parquet"
            yield Shard(name, first, last, start, stop)
        first = last


def work_of(plan: Plan, shard: Shard) -> ShardWork:
    """The part of a plan that a shard needs; a whole plan may not fit every process."""
    computations = plan.computations[shard.first : shard.last]
    return ShardWork(
        shard,
        computations[0].agent,
        tuple(
            None if c.kernel is None else plan.kernels[c.kernel] for c in computations
        ),
        plan.tasks[computations[0].task],
        plan.settings,
        plan.spec.seed,
    )


def run_shard(work: ShardWork, path: Path, device: str) -> None:
    """Simulate one shard and write it, whole or not at all."""
    replicates = range(work.shard.start, work.shard.stop)
    task = work.task.task(replicates, seed=work.seed)
    blocks = []
    for place, kernel in enumerate(work.kernels, start=work.shard.first):
        results = simulate(
            kernel,
            task,
            work.agent,
            work.settings,
            seed=work.seed,
            replicates=replicates,
            device=device,
        )
        for phase, metrics in results.items():
            columns = {name: pa.array(found.numpy()) for name, found in metrics.items()}
            values = (place, phase)
            head = [pa.repeat(value, len(replicates)) for value in values]
            head.append(pa.array(np.array(replicates)))
            blocks.append(pa.table(dict(zip(_HEAD, head, strict=True)) | columns))
    partial = path.with_suffix(f".{os.getpid()}.partial")
    pq.write_table(pa.concat_tables(blocks, promote_options="default"), partial)
    partial.replace(path)


def merge(plan: Plan, tables: Sequence[pa.Table]) -> list[PhaseRuns]:
    """Every cell's runs, by phase, from the shards of its computation in order."""
    found: dict[tuple[int, str], dict[str, list[Array]]] = {}
    for table in tables:
        computation = table["computation"].to_numpy()
        phase = table["phase"].to_numpy(zero_copy_only=False)
        names = table.column_names[len(_HEAD) :]
        for place, which in dict.fromkeys(zip(computation, phase, strict=True)):
            rows = np.flatnonzero((computation == place) & (phase == which))
            part = table.take(rows)
            columns = found.setdefault((int(place), str(which)), {})
            for name in names:
                # A column a phase does not have came in as nulls, not as NaN.
                if part[name].null_count < len(rows):
                    values = part[name].to_numpy(zero_copy_only=False).astype(float)
                    columns.setdefault(name, []).append(values)
    phases = list(dict.fromkeys(phase for _, phase in found))
    return [
        PhaseRuns(
            cell,
            phase,
            {
                name: np.concatenate(parts)
                for name, parts in found[(computation, phase)].items()
            },
        )
        for cell, computation in zip(plan.cells, plan.computation_of, strict=True)
        for phase in phases
        if (computation, phase) in found
    ]
