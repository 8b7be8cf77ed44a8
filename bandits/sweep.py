"""Runs a sweep: plan -> shards -> tables -> figures, in one resumable command.

The results are the same for any number of processes, and with or without resumption.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq

from alignment.errors import FolderError
from alignment.folders import (
    locked,
    read_manifest,
    sha256_of,
    short_hash,
    write_manifest,
)
from alignment.progress import Progress
from alignment.report_files import read_report
from bandits.figures import Material, figure_names, save_figure
from bandits.plan import Plan, make_plan
from bandits.results import KIND, PhaseRuns, Row, write_runs, write_table
from bandits.shards import merge, run_shard, shards, work_of
from bandits.spec import SweepSpec, to_toml
from bandits.summary import cell_rows, corruption_rows, effect_rows
from bandits.workers import Each, workers

LAYOUT = 1
"""Part of a sweep's hash: raised when the same spec would give other numbers."""


def run_sweep(
    spec: SweepSpec,
    report_folder: Path,
    out: Path,
    *,
    processes: int = 2,
    resume: bool = False,
    device: str = "cpu",
    figures: bool = True,
) -> Path:
    """Simulate every cell of a spec with a report's kernels and values.

    Args:
        report_folder: What `python -m alignment report` wrote.
        out: The sweep folder, made if missing. An earlier sweep there is replaced.
        processes: Worker processes, one thread each; 1 works in this process.
        resume: Keep the shards that an interrupted sweep of the same spec and report
            left, and leave a finished one as it is.
        device: "cpu" or "cuda"; a GPU is served by one process.
        figures: Whether to draw them; the tables are the same without.

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
        plan = make_plan(report, spec)
        (out / "manifest.json").unlink(missing_ok=True)
        with workers(processes) as each:
            runs = _simulated(plan, out / "shards", identity, resume, device, each)
            cells, effects, corruption = _write_tables(plan, runs, out)
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
                _draw(material, out / "figures", each)
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
                "figure_mark": f"sweep {identity[:8]}",
                "report_mark": short_hash(report_folder),
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


def _simulated(
    plan: Plan,
    folder: Path,
    identity: str,
    resume: bool,
    device: str,
    each: Each,
) -> list[PhaseRuns]:
    if not resume:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    wanted = list(shards(plan, identity, device))
    missing = [shard for shard in wanted if not (folder / shard.name).is_file()]
    with Progress("sweep", sum(shard.size for shard in wanted)) as progress:
        done = set(wanted) - set(missing)
        progress.advance(sum(shard.size for shard in done))
        tasks = [(work_of(plan, s), folder / s.name, device) for s in missing]
        for place in each(run_shard, tasks):
            progress.advance(missing[place].size)
    return merge(plan, [pq.read_table(folder / shard.name) for shard in wanted])


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
    write_table(out / "tasks.csv", plan.task_table)
    return cells, effects, corruption


def _draw(material: Material, folder: Path, each: Each) -> None:
    wanted = figure_names(material)
    with Progress("figures", len(wanted)) as progress:
        tasks = [(material.of_task(one[0]), folder, *one) for one in wanted]
        for _ in each(save_figure, tasks):
            progress.advance()


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
