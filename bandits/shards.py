"""A sweep's work, cut into shards: checkpoint, resumption and distribution at once.

A shard is some computations on a range of replicates, named by the sweep's hash and
that range. No number depends on how the work is cut or who does it (`bandits.noise`),
so that a shard that stands never has to be made again.

On disk it is a Parquet file, one row group per computation and phase, and beside it a
JSON header with the file's sha256, written last: a shard without a header that fits it
(killed half-way, cut off by a full disk, made by other versions) does not stand.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from alignment.folders import sha256_of
from bandits.cell_totals import CellTotals
from bandits.engine import Engine, library_versions
from bandits.plan import Plan, TaskSetup
from bandits.settings import Settings
from bandits.simulate import simulate
from bandits.task import Floats

RUNS_A_SHARD = {"cpu": 4096, "cuda": 65536}
"""Runs in one shard, at most: a few megabytes of measures, or a full GPU."""
RUN_STEPS_A_SHARD = {"cpu": 2**19, "cuda": 2**27}
"""Run-steps in one shard, about: seconds of work, so that starting it costs little."""
SHARDS_AT_LEAST = 32
"""Into so many a small sweep is cut, so that several processes end together."""
LEAST_RUNS = 64
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
    engine: Engine

    def make(self) -> ShardData:
        """Simulate it."""
        return make_shard(self)

    def keep(self, made: ShardData, path: Path) -> None:
        """Write it."""
        keep_shard(made, path, self.engine)


class Group(NamedTuple):
    """One row group of a shard: a computation in a phase, and the measures it has."""

    computation: int
    phase: str
    metrics: tuple[str, ...]


class ShardData(NamedTuple):
    """A shard as made: the bytes of its Parquet file, and what its row groups are.

    totals: Of each computation, sums over the shard's runs.
    """

    content: bytes
    groups: tuple[Group, ...]
    totals: tuple[tuple[int, CellTotals], ...] = ()


def shards(plan: Plan, identity: str, device: str) -> Iterator[Shard]:
    """Cut a plan's work: computations of one agent and task, by range of replicates.

    The cut depends on the plan and the device alone, never on who will do the work.
    """
    computations = plan.computations
    runs, together = _cut(plan, device)
    first = 0
    while first < len(computations):
        head, last = computations[first], first + 1
        while (
            last < min(len(computations), first + together)
            and computations[last].task == head.task
            and computations[last].agent == head.agent
        ):
            last += 1
        for start in range(0, plan.spec.n_runs, runs):
            stop = min(start + runs, plan.spec.n_runs)
            name = f"{identity[:16]}-{first:05}-{last:05}-{start:07}-{stop:07}.parquet"
            yield Shard(name, first, last, start, stop)
        first = last


def _cut(plan: Plan, device: str) -> tuple[int, int]:
    """Replicates and computations in a shard."""
    steps, n_runs = plan.steps, plan.spec.n_runs
    run_steps = min(RUN_STEPS_A_SHARD[device], plan.run_steps // SHARDS_AT_LEAST)
    wanted = min(max(LEAST_RUNS, run_steps // steps), RUNS_A_SHARD[device])
    runs = min(n_runs, wanted)
    return runs, max(1, wanted // runs)


def work_of(plan: Plan, shard: Shard, engine: Engine) -> ShardWork:
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
        engine,
    )


def make_shard(work: ShardWork) -> ShardData:
    """Simulate one shard."""
    replicates = range(work.shard.start, work.shard.stop)
    task = work.task.task(replicates, seed=work.seed)
    blocks: list[pa.Table] = []
    groups: list[Group] = []
    totals: list[tuple[int, CellTotals]] = []
    for place, kernel in enumerate(work.kernels, start=work.shard.first):
        results = simulate(
            kernel,
            task,
            work.agent,
            work.settings,
            seed=work.seed,
            replicates=replicates,
            device=work.engine.device,
            dtype=work.engine.torch_dtype,
            backend=work.engine.asks,
            keep=(kept := list[CellTotals]()).append,
        )
        totals.append((place, reduce(CellTotals.plus, kept)))
        for phase, metrics in results.items():
            columns = {name: pa.array(found.numpy()) for name, found in metrics.items()}
            values = (place, phase)
            head = [pa.repeat(value, len(replicates)) for value in values]
            head.append(pa.array(np.array(replicates)))
            blocks.append(pa.table(dict(zip(_HEAD, head, strict=True)) | columns))
            groups.append(Group(place, phase, tuple(metrics)))
    schema = pa.unify_schemas([block.schema for block in blocks])
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, schema) as writer:
        for block in blocks:
            whole = pa.concat_tables(
                [schema.empty_table(), block], promote_options="default"
            )
            writer.write_table(whole, row_group_size=len(replicates))
    return ShardData(sink.getvalue().to_pybytes(), tuple(groups), tuple(totals))


def keep_shard(data: ShardData, path: Path, engine: Engine) -> None:
    """Write a shard, whole or not at all; the header that makes it stand comes last."""
    _replace(path, data.content)
    header = {
        "shard": path.name,
        "sha256": hashlib.sha256(data.content).hexdigest(),
        "engine": engine._asdict(),
        "versions": library_versions(),
        "groups": [list(group) for group in data.groups],
        "totals": [[place, totals.to_json()] for place, totals in data.totals],
    }
    _replace(_header(path), json.dumps(header).encode())


def standing_groups(path: Path, engine: Engine) -> tuple[Group, ...] | None:
    """The row groups of a shard that stands; None for one that must be made (again).

    It does where its header is missing or broken, where it was made on another engine
    or by other versions, and where the file's bytes are not those that were written.
    """
    try:
        header = json.loads(_header(path).read_bytes())
        if (
            header["engine"] != engine._asdict()
            or header["versions"] != library_versions()
            or not path.is_file()
            or header["sha256"] != sha256_of(path)
        ):
            return None
        return tuple(Group(c, p, tuple(names)) for c, p, names in header["groups"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def shard_totals(path: Path) -> dict[int, CellTotals]:
    """Of each computation of a shard that stands, sums over the shard's runs."""
    header = json.loads(_header(path).read_bytes())
    return {place: CellTotals.from_json(found) for place, found in header["totals"]}


def _header(path: Path) -> Path:
    return path.with_suffix(".json")


def _replace(path: Path, content: bytes) -> None:
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    partial.write_bytes(content)
    partial.replace(path)
