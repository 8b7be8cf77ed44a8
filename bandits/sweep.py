"""Runs a sweep: plan -> shards -> tables, resumable, on any number of processes.

A shard is some computations on a range of replicates, named by the sweep's hash. No
number depends on how the work is cut or who does it (`bandits.noise`), so that shards
are the checkpoint, the resumption and the distribution at once.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from alignment.errors import FolderError
from alignment.folders import locked, read_manifest, sha256_of, write_manifest
from alignment.progress import Progress
from alignment.report_files import read_report
from bandits.figures import Material, figure_names, save_figure
from bandits.plan import Plan, make_plan
from bandits.results import KIND, Array, PhaseRuns, Row, write_runs, write_table
from bandits.simulate import simulate
from bandits.spec import SweepSpec, to_toml
from bandits.summary import cell_rows, corruption_rows, effect_rows

RUNS_A_SHARD = 256
"""Replicates in one batch: about what fits a core's cache at 50 actions."""
COMPUTATIONS_A_SHARD = 4
LAYOUT = 1
"""Part of the sweep's hash: raised when the same spec would give other numbers."""


@dataclass(frozen=True)
class Shard:
    """Computations `first` to `last` - 1 on replicates `start` to `stop` - 1."""

    name: str
    first: int
    last: int
    start: int
    stop: int


def run_sweep(
    spec: SweepSpec,
    report_folder: Path,
    out: Path,
    *,
    processes: int = 2,
    resume: bool = False,
    device: str = "cpu",
) -> Path:
    """Simulate every cell of a spec with a report's kernels and values.

    Args:
        report_folder: What `python -m alignment report` wrote.
        out: The sweep folder, made if missing. An earlier sweep there is replaced.
        processes: Worker processes, one thread each; 1 works in this process.
        resume: Keep the shards that an interrupted sweep of the same spec and report
            left, and leave a finished one as it is.
        device: "cpu" or "cuda"; a GPU is served by one process.

    Returns:
        `out`.

    Raises:
        SpecError: Names the report does not have, or refused kernels.
        FolderError: `report_folder` is no report, or `out` holds something else.
        FolderInUse: Another process writes there.
    """
    started_at = datetime.now(UTC)
    report = read_report(report_folder)
    source = sha256_of(report_folder / "manifest.json")
    _refuse_other_kinds(out)
    with locked(out):
        identity = sweep_hash(spec, source, device)
        if resume and _stands(out, identity):
            return out
        (out / "manifest.json").unlink(missing_ok=True)
        plan = make_plan(report, spec)
        runs = _simulated(plan, out / "shards", identity, processes, resume, device)
        cells, effects, corruption = _write_tables(plan, runs, out)
        material = Material(
            cells=cells,
            effects=effects,
            corruption=corruption,
            mark=identity[:8],
            simulated=report.simulated,
            definitions={d: report.dimensions[d].definition for d in spec.dimensions},
            measure=spec.measures[0],
            cross_fit=plan.cross_fit,
            n_actions=len(report.actions.ids),
        )
        _draw(material, out / "figures")
        shutil.rmtree(out / "shards")
        write_manifest(
            out,
            kind=KIND,
            parameters=spec.model_dump(mode="json"),
            inputs={"report": source},
            simulated=report.simulated,
            seeds={"sweep": spec.seed},
            started_at=started_at,
            device=device,
            extra={
                "sweep_hash": identity,
                "n_cells": len(plan.cells),
                "n_computations": len(plan.computations),
                "cross_fit": plan.cross_fit,
                "skipped_kernels": dict(plan.skipped),
                "notes": {" ".join(task): n.note for task, n in plan.notes.items()},
            },
        )
    return out


def sweep_hash(spec: SweepSpec, report_sha256: str, device: str) -> str:
    """What a sweep is: the same for the same spec, report and device."""
    content = json.dumps([LAYOUT, spec.sha256, report_sha256, device])
    return hashlib.sha256(content.encode()).hexdigest()


def shards(plan: Plan, identity: str) -> Iterator[Shard]:
    """Cut a plan's work: computations of one agent and task, by range of replicates."""
    first = 0
    computations = plan.computations
    while first < len(computations):
        head, last = computations[first], first + 1
        while (
            last < min(len(computations), first + COMPUTATIONS_A_SHARD)
            and computations[last].task == head.task
            and computations[last].agent == head.agent
        ):
            last += 1
        for start in range(0, plan.spec.n_runs, RUNS_A_SHARD):
            stop = min(start + RUNS_A_SHARD, plan.spec.n_runs)
            name = f"{identity[:16]}-{first:05}-{last:05}-{start:07}-{stop:07}.parquet"
            yield Shard(name, first, last, start, stop)
        first = last


def run_shard(plan: Plan, shard: Shard, path: Path, device: str) -> None:
    """Simulate one shard and write it, whole or not at all."""
    replicates = range(shard.start, shard.stop)
    blocks = []
    for place in range(shard.first, shard.last):
        computation = plan.computations[place]
        task = plan.tasks[computation.task].task(replicates, seed=plan.spec.seed)
        kernel = computation.kernel
        results = simulate(
            None if kernel is None else plan.kernels[kernel],
            task,
            computation.agent,
            plan.settings,
            seed=plan.spec.seed,
            replicates=replicates,
            device=device,
        )
        for phase, metrics in results.items():
            columns = {name: values.cpu().numpy() for name, values in metrics.items()}
            head = {
                "computation": pa.repeat(place, len(replicates)),
                "phase": pa.repeat(phase, len(replicates)),
                "replicate": pa.array(np.arange(shard.start, shard.stop)),
            }
            blocks.append(pa.table(head | {k: pa.array(v) for k, v in columns.items()}))
    partial = path.with_suffix(f".{os.getpid()}.partial")
    pq.write_table(pa.concat_tables(blocks, promote_options="default"), partial)
    partial.replace(path)


def _simulated(
    plan: Plan,
    folder: Path,
    identity: str,
    processes: int,
    resume: bool,
    device: str,
) -> list[PhaseRuns]:
    if not resume:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    wanted = list(shards(plan, identity))
    missing = [shard for shard in wanted if not (folder / shard.name).is_file()]
    with Progress("sweep", len(plan.computations) * plan.spec.n_runs) as progress:
        done = set(wanted) - set(missing)
        progress.advance(sum(_size(shard) for shard in done))
        if processes <= 1 or len(missing) <= 1:
            threads = torch.get_num_threads()
            torch.set_num_threads(1)
            try:
                for shard in missing:
                    run_shard(plan, shard, folder / shard.name, device)
                    progress.advance(_size(shard))
            finally:
                torch.set_num_threads(threads)
        else:
            _run_in_processes(plan, missing, folder, processes, device, progress)
    return _merge(plan, [pq.read_table(folder / shard.name) for shard in wanted])


def _run_in_processes(
    plan: Plan,
    missing: Sequence[Shard],
    folder: Path,
    processes: int,
    device: str,
    progress: Progress,
) -> None:
    # Spawned, not forked: torch and CUDA do not survive a fork of a threaded process.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(
        min(processes, len(missing)), context, _start_worker, (plan, folder, device)
    )
    try:
        futures: dict[Future[None], Shard] = {
            pool.submit(_work, shard): shard for shard in missing
        }
        for future in as_completed(futures):
            future.result()
            progress.advance(_size(futures[future]))
    finally:
        pool.shutdown(cancel_futures=True)


_worker: tuple[Plan, Path, str] | None = None


def _start_worker(plan: Plan, folder: Path, device: str) -> None:
    # Two threads in each of two processes on two cores would wait for one another.
    global _worker
    torch.set_num_threads(1)
    _worker = (plan, folder, device)


def _work(shard: Shard) -> None:
    if _worker is None:
        raise RuntimeError("a sweep's worker process was not started by its pool")
    plan, folder, device = _worker
    run_shard(plan, shard, folder / shard.name, device)


def _merge(plan: Plan, tables: Sequence[pa.Table]) -> list[PhaseRuns]:
    """Every cell's runs, by phase, from the shards of its computation in order."""
    found: dict[tuple[int, str], dict[str, list[Array]]] = {}
    for table in tables:
        computation = table["computation"].to_numpy()
        phase = table["phase"].to_numpy(zero_copy_only=False)
        names = table.column_names[3:]
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


def _write_tables(
    plan: Plan, runs: Sequence[PhaseRuns], out: Path
) -> tuple[list[Row], list[Row], list[Row]]:
    spec = plan.spec
    metrics = list(dict.fromkeys(name for block in runs for name in block.metrics))
    cells = cell_rows(runs, plan.kernel_rows, plan.notes)
    effects = effect_rows(cells, metrics, spec.measures, seed=spec.seed)
    corruption = corruption_rows(runs, plan.kernel_rows, spec.measures)
    (out / "spec.toml").write_text(to_toml(spec), encoding="utf-8")
    write_runs(out / "runs.parquet", runs)
    write_table(out / "cells.csv", cells)
    write_table(out / "effects.csv", effects)
    write_table(out / "corruption.csv", corruption)
    write_table(out / "kernels.csv", plan.kernel_table)
    return cells, effects, corruption


def _draw(material: Material, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    wanted = figure_names(material)
    with Progress("figures", len(wanted)) as progress:
        for one in wanted:
            save_figure(material, folder, *one)
            progress.advance()


def _size(shard: Shard) -> int:
    return (shard.last - shard.first) * (shard.stop - shard.start)


def _refuse_other_kinds(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise FolderError(f"{out} is a file; a sweep needs a folder to write.")
    if (out / "manifest.json").is_file():
        read_manifest(out, KIND, verify=False)


def _stands(out: Path, identity: str) -> bool:
    try:
        return read_manifest(out, KIND).get("sweep_hash") == identity
    except FolderError:
        return False
