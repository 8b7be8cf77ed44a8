"""Runs the experiment: part after part, each kept as it is done, then the figures."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from alignment.folders import locked, write_manifest
from bandits.paper import (
    central,
    compared,
    control,
    dealt,
    few_raters,
    folder,
    halvings,
    minority,
    personal,
    real,
    safe_sets,
    sampled_actions,
    sensitivity,
    synthetic,
    theory,
)
from bandits.paper.cells import Store, forecast
from bandits.paper.parts import Found, Part, Row
from bandits.paper.settings import PaperSettings
from bandits.paper.study import Study, open_study
from bandits.paper.summary import summary
from bandits.workers import Each, workers

PARTS: tuple[Part, ...] = (
    synthetic.PART,
    real.PART,
    control.PART,
    theory.PART,
    central.PART,
    dealt.PART,
    sampled_actions.PART,
    halvings.PART,
    personal.PART,
    minority.PART,
    few_raters.PART,
    safe_sets.PART,
    compared.PART,
    sensitivity.PART,
)
Say = Callable[[str], None]


def run_paper(
    report: Path,
    out: Path,
    settings: PaperSettings | None = None,
    *,
    snapshot: Path | None = None,
    processes: int = 2,
    resume: bool = False,
    figures: bool = True,
    say: Say | None = None,
) -> Path:
    """Do the whole experiment on a report's kernels and values.

    Args:
        report: What `python -m alignment report` wrote.
        out: The folder to write, made if missing; an earlier run there is replaced.
        settings: What the paper leaves open; the defaults where None.
        snapshot: Where the report's snapshot is; looked for beside it where None.
        processes: Worker processes, one thread each; 1 works in this process.
        resume: Keep the parts and cells that an interrupted run of the same report and
            settings left, and leave a finished one as it is.
        figures: Whether to draw them; the tables are the same without.
        say: Told the forecast; standard error where None.

    Returns:
        `out`.

    Raises:
        FolderError: No report there, or `out` holds something else.
        BanditError: The report cannot serve the experiment, or names are unknown.
        FolderInUse: Another process writes there.
    """
    started_at = datetime.now(UTC)
    chosen = settings or PaperSettings()
    folder.refuse_other_kinds(out)
    study = open_study(report, chosen, snapshot)
    run = folder.identity(study)
    with locked(out):
        if resume and folder.stands(out, run):
            return out
        (out / "manifest.json").unlink(missing_ok=True)
        if not resume:
            folder.clear(out)
        left_out = {part.title: part.why_not(study) for part in PARTS}
        left_out = {title: why for title, why in left_out.items() if why}
        with workers(processes) as each:
            told = f"{processes} process{'es' * (processes != 1)}"
            found = _parts(study, out, run, each, told, say or _to_stderr)
            if figures:
                _figures(study, out, found, run, each)
        text = summary(
            study, [(part, found.get(part.name)) for part in PARTS], left_out
        )
        folder.write_text(out / "summary.md", text)
        (out / "settings.toml").write_text(
            folder.settings_toml(chosen), encoding="utf-8"
        )
        shutil.rmtree(out / "cells", ignore_errors=True)
        inputs = {"report": study.report_sha256}
        if study.snapshot is not None:
            inputs["snapshot"] = study.report.manifest["inputs"]["snapshot"]
        write_manifest(
            out,
            kind=folder.KIND,
            parameters=chosen.model_dump(mode="json"),
            inputs=inputs,
            simulated=study.simulated,
            seeds={"paper": chosen.seed},
            started_at=started_at,
            extra={
                "paper_hash": run,
                "figure_mark": f"paper {run[:8]}",
                "cross_fit": study.cross_fit,
                "left_out": left_out,
                "notes": list(study.notes),
            },
        )
    return out


def _parts(
    study: Study, out: Path, run: str, each: Each, told: str, say: Say
) -> dict[str, Found]:
    """What every part found, read back from its files even if just written.

    So that a later part, a figure and a resumed run see the very same numbers.
    """
    wanted = [part for part in PARTS if not part.why_not(study)]
    standing = {part.name: folder.load_part(out, part.name, run) for part in wanted}
    cells = {
        part.name: part.cells(study) for part in wanted if standing[part.name] is None
    }
    count, seconds = forecast([one for some in cells.values() for one in some])
    if count:
        say(
            f"{count:,} different cells in {len(cells)} parts, about"
            f" {_duration(seconds)} of one free core, in {told}"
        )
    store = Store(out / "cells")
    found: dict[str, Found] = {}
    tables: dict[str, Sequence[Row]] = {}
    for number, part in enumerate(wanted, start=1):
        one = standing[part.name]
        if one is None:
            mine = cells[part.name]
            store.fill(mine, each, f"{number}/{len(wanted)} {part.name}")
            outcomes = [(cell, store.of(cell)) for cell in mine]
            made = part.tables(study, outcomes, tables)
            folder.save_part(out, part.name, run, made)
            one = folder.load_part(out, part.name, run)
        if one is None:  # pragma: no cover - the disk lost what it was given
            raise OSError(f"{out}/parts/{part.name}.json cannot be read back")
        found[part.name] = one
        tables |= one.tables
    return found


def _figures(
    study: Study, out: Path, found: dict[str, Found], run: str, each: Each
) -> None:
    tables = {name: rows for one in found.values() for name, rows in one.tables.items()}
    shutil.rmtree(out / "figures", ignore_errors=True)
    (out / "figures").mkdir()
    # Imported here: a run without figures needs no matplotlib.
    from bandits.paper.figures import draw_all

    draw_all(study, tables, out / "figures", f"paper {run[:8]}", each)


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def _to_stderr(line: str) -> None:
    sys.stderr.write(f"{line}\n")
