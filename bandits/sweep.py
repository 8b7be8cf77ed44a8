"""Runs a sweep: plan -> shards -> tables -> figures, in one resumable command.

The results are the same for any number of processes, and with or without resumption.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from alignment.errors import FolderError
from alignment.folders import (
    locked,
    read_manifest,
    sha256_of,
    short_hash,
    write_manifest,
)
from alignment.interactive import save_interactive
from alignment.progress import Progress
from alignment.report_files import read_report
from bandits.cell_tables import add_calibration, calibration_table, over_time_table
from bandits.cell_totals import CellTotals
from bandits.confirmatory import declare, mark
from bandits.deals import add_shuffled, deals, declared_cells, simulated_deals
from bandits.engine import Engine, open_engine
from bandits.figure_data import outcome_data
from bandits.figure_data_over_time import over_time_data
from bandits.figure_over_time import of_task, over_time_figures, save_over_time
from bandits.figures import Material, Task, figure_names, save_figure
from bandits.plan import Plan, make_plan
from bandits.results import KIND, Cell, Row, write_runs, write_table
from bandits.shards import shards, standing_groups, work_of
from bandits.spec import SweepSpec, to_toml
from bandits.stored import StoredRuns
from bandits.summary import cell_rows, corruption_rows, effect_rows
from bandits.workers import Each, Make, Tasks, make_and_keep, workers

LAYOUT = 3
"""Part of a sweep's hash: raised when the same spec would give other numbers."""


def run_sweep(
    spec: SweepSpec,
    report_folder: Path,
    out: Path,
    *,
    processes: int = 2,
    resume: bool = False,
    device: str = "cpu",
    backend: str = "auto",
    dtype: str = "float64",
    figures: bool = True,
    cluster: str | None = None,
    cluster_options: Path | None = None,
) -> Path:
    """Simulate every cell of a spec with a report's kernels and values.

    Args:
        report_folder: What `python -m alignment report` wrote.
        out: The sweep folder, made if missing. An earlier sweep there is replaced.
        processes: Worker processes, one thread each; 1 works in this process.
        resume: Keep the shards that an interrupted sweep of the same spec and report
            left, and leave a finished one as it is.
        device: "cpu" or "cuda"; a GPU is served by one process.
        backend, dtype: As `bandits.engine.open_engine`.
        figures: Whether to draw them; the tables are the same without.
        cluster, cluster_options: Where shards are made, as
            `bandits.cluster.cluster_workers`; None for this machine's processes.

    Returns:
        `out`.

    Raises:
        SpecError: Names the report does not have, or refused kernels.
        BanditError: An unknown engine, or a worker that was killed.
        FolderError: `report_folder` is no report, or `out` holds something else.
        FolderInUse: Another process writes there.
    """
    started_at = datetime.now(UTC)
    engine = open_engine(backend, dtype, device)
    report = read_report(report_folder)
    source = sha256_of(report_folder / "manifest.json")
    _refuse_other_kinds(out)
    with locked(out):
        identity = sweep_hash(spec, source, engine)
        if resume and _stands(out, identity):
            return out
        plan = make_plan(report, spec)
        shard_folder = _open_shards(out, resume)
        declared = declare(spec, shard_folder, _finished_there(out))
        (out / "manifest.json").unlink(missing_ok=True)
        with workers(processes) as each:
            with _maker(each, cluster, processes, cluster_options) as make:
                runs = _simulated(plan, shard_folder, identity, engine, make)
                wanted = deals(plan, engine)
                dealt = simulated_deals(wanted, shard_folder, identity, make)
            totals = runs.totals()
            cells, effects, corruption = _tables(plan, runs, totals, out)
            if wanted:
                add_shuffled(effects, cells, declared_cells(plan), dealt)
            write_table(out / "effects.csv", effects)
            curves = _write_curves(plan, totals, out)
            runs.close()
            material = Material(
                cells=cells,
                effects=effects,
                corruption=corruption,
                mark=identity[:8],
                simulated=report.simulated,
                definitions={
                    name: report.dimensions[name].definition for name in spec.dimensions
                },
                measure=spec.measures[0],
                cross_fit=plan.cross_fit,
                n_actions=len(report.actions.ids),
            )
            shutil.rmtree(out / "figures", ignore_errors=True)
            if figures:
                _draw(material, curves, plan, out / "figures", each)
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
                "backend": engine.backend,
                "dtype": engine.dtype,
                "figure_mark": f"sweep {identity[:8]}",
                "report_mark": short_hash(report_folder),
                # For replays, while both folders stand where they are.
                "report_folder": os.path.relpath(
                    report_folder.resolve(), out.resolve()
                ),
                "confirmatory": declared,
                "n_cells": len(plan.cells),
                "n_computations": len(plan.computations),
                "cross_fit": plan.cross_fit,
                "skipped_kernels": dict(plan.skipped),
                "notes": {" ".join(task): n.note for task, n in plan.notes.items()},
            },
        )
    return out


def stands(
    spec: SweepSpec,
    report_folder: Path,
    out: Path,
    *,
    device: str = "cpu",
    backend: str = "auto",
    dtype: str = "float64",
) -> bool:
    """Whether the folder holds this very sweep, finished and unchanged."""
    source = sha256_of(report_folder / "manifest.json")
    return _stands(out, sweep_hash(spec, source, open_engine(backend, dtype, device)))


def sweep_hash(spec: SweepSpec, report_sha256: str, engine: Engine) -> str:
    """What a sweep is: the same for the same spec, report and engine."""
    content = json.dumps([LAYOUT, spec.sha256, report_sha256, *engine])
    return hashlib.sha256(content.encode()).hexdigest()


def _open_shards(out: Path, resume: bool) -> Path:
    """The shards' folder; what stands there is kept for a resumption alone."""
    folder = out / "shards"
    if not resume:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _finished_there(out: Path) -> str | None:
    """Hash of the sweep that was finished in this folder, if one was."""
    try:
        return str(read_manifest(out, KIND, verify=False)["sweep_hash"])
    except (FolderError, KeyError):
        return None


@contextmanager
def _maker(
    each: Each, cluster: str | None, processes: int, options: Path | None
) -> Iterator[Make]:
    """What makes shards and deals: this machine's processes, or a cluster.

    The cluster is asked for once there is something to make, and given back when the
    block ends: a queue's machines do not wait while tables are written.
    """
    if cluster is None:
        yield partial(each, make_and_keep)
        return
    # Imported here: Dask is an extra, and slow to load.
    from bandits.cluster import cluster_workers, make_on

    with ExitStack() as stack:
        opened: list[Any] = []

        def make(tasks: Tasks) -> Iterator[int]:
            if not opened:
                there = cluster_workers(cluster, processes, options)
                opened.append(stack.enter_context(there))
            yield from make_on(opened[0], tasks)

        yield make


def _simulated(
    plan: Plan,
    folder: Path,
    identity: str,
    engine: Engine,
    make: Make,
) -> StoredRuns:
    wanted = list(shards(plan, identity, engine.device))
    made = {one: standing_groups(folder / one.name, engine) for one in wanted}
    missing = [shard for shard in wanted if made[shard] is None]
    already = sum(shard.size for shard in wanted) - sum(one.size for one in missing)
    tasks = [(work_of(plan, one, engine), folder / one.name) for one in missing]
    total = sum(shard.size for shard in wanted)
    if missing:
        with Progress("sweep", total, already=already) as progress:
            for place in make(tasks):
                shard = missing[place]
                made[shard] = standing_groups(folder / shard.name, engine)
                progress.advance(shard.size)
    whole = [(shard, groups) for shard, groups in made.items() if groups is not None]
    if broken := len(wanted) - len(whole):
        raise FolderError(
            f"{folder}: {broken:,} of {len(wanted):,} shards are not what was just"
            " written there; is the disk full or faulty?"
        )
    return StoredRuns(plan, folder, whole)


def _tables(
    plan: Plan,
    runs: StoredRuns,
    totals: Sequence[tuple[Cell, CellTotals]],
    out: Path,
) -> tuple[list[Row], list[Row], list[Row]]:
    spec = plan.spec
    write_runs(out / "runs.parquet", runs.parts(), runs.metrics)
    cells = cell_rows(runs, plan.kernel_rows, plan.notes)
    add_calibration(cells, {cell.number: found for cell, found in totals})
    effects = effect_rows(cells, runs.metrics, spec.measures, seed=spec.seed)
    mark(effects, spec.confirmatory)
    corruption = corruption_rows(runs, plan.kernel_rows, spec.measures)
    (out / "spec.toml").write_text(to_toml(spec), encoding="utf-8")
    write_table(out / "cells.csv", cells)
    write_table(out / "corruption.csv", corruption)
    write_table(out / "kernels.csv", plan.kernel_table)
    write_table(out / "tasks.csv", plan.task_table)
    return cells, effects, corruption


def _write_curves(
    plan: Plan, totals: Sequence[tuple[Cell, CellTotals]], out: Path
) -> list[Row]:
    curves = over_time_table(totals, plan.notes)
    write_table(out / "over_time.csv", curves)
    write_table(out / "calibration.csv", calibration_table(totals))
    return curves


def _draw(
    material: Material, curves: Sequence[Row], plan: Plan, folder: Path, each: Each
) -> None:
    wanted, over_time = figure_names(material), over_time_figures(curves)
    column = f"alignment_{material.measure}"
    aligned = {
        name: row[column]
        for (name, _, share, _), row in plan.kernel_rows.items()
        if column in row and not share
    }
    save = partial(
        _save_curves,
        mark=material.mark,
        simulated=material.simulated,
        alignment=aligned,
    )
    with Progress("figures", len(wanted) + len(over_time)) as progress:
        tasks = [(material.of_task(one[0]), folder, *one) for one in wanted]
        for _ in each(_save_outcome, tasks):
            progress.advance()
        told = material.definitions
        lines = [
            (of_task(curves, task), folder, task, outcome, told.get(task[0], ""))
            for task, outcome in over_time
        ]
        for _ in each(save, lines):
            progress.advance()


def _save_outcome(
    material: Material, folder: Path, task: Task, phase: str, metric: str
) -> list[Path]:
    """The still figure, and beside it the one to explore and its data."""
    files = save_figure(material, folder, task, phase, metric)
    return files + save_interactive(
        files[0].with_suffix(""),
        outcome_data(material, task, phase, metric),
        mark=f"sweep {material.mark}",
        simulated=material.simulated,
    )


def _save_curves(
    rows: Sequence[Row],
    folder: Path,
    task: Task,
    outcome: str,
    definition: str,
    **more: Any,
) -> list[Path]:
    files = save_over_time(rows, folder, task, outcome, definition=definition, **more)
    return files + save_interactive(
        files[0].with_suffix(""),
        over_time_data(rows, task, outcome, alignment=more["alignment"]),
        mark=f"sweep {more['mark']}",
        simulated=more["simulated"],
    )


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
