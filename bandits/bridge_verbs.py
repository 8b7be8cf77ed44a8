"""Real people's data, from two files to a table: everyday interpersonal verbs.

Two classes of verbs, with people's mean similarities and single raters' Evaluation. In
class 6 every verb lies below the midpoint of the scale: harm below it is undefined
there, and the class median is the second threshold. What stands is reused.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from alignment.folders import MANIFEST
from alignment.importers import data_folder, import_bridge_verbs
from alignment.report import ReportSettings, write_report
from bandits.errors import BanditError
from bandits.policies import AGENTS
from bandits.results import Row, SweepData, read_sweep
from bandits.spec import SweepSpec, read_spec
from bandits.sweep import run_sweep

CLASSES = (2, 6)
RATERS = ("minilm", "wordllama", "length", "words")
AGENT = "gp_thompson"
"""Whose outcomes the table shows; cells.csv has every agent's."""
WITHOUT_KERNEL = ("thompson_independent", "uniform")
_HEAD = (
    "kernel",
    "alignment",
    "reward",
    "unsafe, below 50",
    "unsafe, below the median",
    "unseen: rank correlation",
    "unseen: reward",
    "unseen: unsafe, below the median",
)


def run_bridge_verbs(
    data: Path | None,
    out: Path,
    *,
    processes: int = 2,
    raters: Sequence[str] = RATERS,
    spec: SweepSpec | None = None,
) -> list[str]:
    """Import both classes, report on them, sweep, and tell what came out.

    Args:
        data: The folder that holds `bridge-verbs`; None looks where `ATTUNE_DATA` says,
            then in `../shared/data` beside the project.
        out: Gets one folder per class, each with a snapshot, a report and a sweep.
        spec: Instead of the built-in `bridge_verbs`.

    Returns:
        Lines of Markdown: for each class what is undefined, and a table.

    Raises:
        BanditError: The data is not on this machine.
    """
    spec = spec or read_spec("bridge_verbs")
    lines: list[str] = []
    for verb_class in CLASSES:
        report = report_on(data, out, verb_class, raters=raters)
        sweep = report.parent / "sweep"
        run_sweep(spec, report, sweep, processes=processes, resume=True)
        lines += [*class_table(read_sweep(sweep), verb_class), ""]
    return lines[:-1]


def report_on(
    data: Path | None, out: Path, verb_class: int, *, raters: Sequence[str] = RATERS
) -> Path:
    """Import one class and report on it; what stands is reused.

    Args:
        data, out: As in `run_bridge_verbs`.

    Returns:
        The report's folder, beside its snapshot.

    Raises:
        BanditError: The data is not on this machine.
    """
    folder = data if data is not None else data_folder()
    if folder is None or not (folder / "bridge-verbs").is_dir():
        raise BanditError(
            "Real people's data was not found: set ATTUNE_DATA to the folder that holds"
            f" bridge-verbs (looked in {folder or 'ATTUNE_DATA and ../shared/data'})."
        )
    place = out / f"class{verb_class}"
    snapshot, report = place / "snapshot", place / "report"
    if not (snapshot / MANIFEST).exists():
        import_bridge_verbs(folder, verb_class, snapshot)
    if not (report / MANIFEST).exists():
        write_report(snapshot, report, ReportSettings(raters=tuple(raters)))
    return report


def class_table(sweep: SweepData, verb_class: int) -> list[str]:
    """What came out for one class, as lines of Markdown."""
    matched = [row for row in sweep.cells if row["form"] in ("matched", "none")]
    kernels = list(
        dict.fromkeys(
            row["kernel"]
            for row in matched
            if row["agent"] == AGENT and row["share"] == 0
        )
    )
    shares = {row["threshold_rule"]: row for row in sweep.cells}
    below = ", ".join(
        f"{row['below_threshold_share']:.0%} of the verbs below"
        f" {'the midpoint (50)' if rule == 'study' else f'the {rule}'}"
        for rule, row in shares.items()
    )
    lines = [
        f"**Class {verb_class}** ({below}; matched kernels, {AGENTS[AGENT].label};"
        " mean ± standard error over runs)"
    ]
    lines += [
        f"{rule}: {row['harm_note']}"
        for rule, row in shares.items()
        if row["harm_note"]
    ]
    lines += ["", _line(_HEAD), _line(["---"] + ["---:"] * (len(_HEAD) - 1))]
    for kernel in kernels:
        rows = [r for r in matched if r["agent"] == AGENT and r["kernel"] == kernel]
        kind = f" ({rows[0]['role']})" if rows[0]["role"] == "baseline" else ""
        lines.append(_line(_outcomes(kernel + kind, rows)))
    for agent in WITHOUT_KERNEL:
        rows = [row for row in matched if row["agent"] == agent]
        if rows:
            lines.append(_line(_outcomes(f"none: {AGENTS[agent].label}", rows)))
    lines += ["", *_without_alignment(matched)]
    notes = sorted({row["note"] for row in sweep.effects if row["note"]})
    models = {int(row["n_models"]) for row in sweep.effects}
    if notes:
        lines.append(f"{max(models)} independent models: {'; '.join(notes)}.")
    return lines


def _without_alignment(rows: Sequence[Row]) -> list[str]:
    """Why a kernel has a dash for its alignment."""
    found = {
        row["kernel"]: row["role"]
        for row in rows
        if row["role"] in ("human", "model", "baseline")
        and math.isnan(row["alignment_spearman"])
    }
    why = {"human": "made from the very means that alignment is measured against"}
    return [
        f"{name}: {why.get(role, 'all pairs are equally alike')}, so no alignment."
        for name, role in found.items()
    ]


def _outcomes(name: str, rows: Sequence[Row]) -> list[str]:
    """One line of the table, from the rows of one agent with one kernel."""

    def of(phase: str, metric: str, rule: str) -> str:
        for row in rows:
            if (row["phase"], row["threshold_rule"]) == (phase, rule):
                return _number(row[metric], row[f"{metric}_se"])
        return "-"

    learning, unseen = "personalization", "generalization"
    first = rows[0]
    low, high = first["alignment_spearman_low"], first["alignment_spearman_high"]
    alignment = "-"
    if not math.isnan(first["alignment_spearman"]):
        alignment = f"{first['alignment_spearman']:.2f} [{low:.2f}, {high:.2f}]"
    return [
        name,
        alignment,
        of(learning, "mean_reward", "study"),
        of(learning, "unsafe_share", "study"),
        of(learning, "unsafe_share", "median"),
        of(unseen, "value_rank_correlation", "study"),
        of(unseen, "mean_reward", "study"),
        of(unseen, "unsafe_share", "median"),
    ]


def _number(value: float, error: float) -> str:
    """With its standard error: points to a tenth, shares and correlations finer."""
    if math.isnan(value):
        return "undefined"
    places = 1 if abs(value) >= 1.5 else 2
    return f"{value:.{places}f} ± {error:.{3 if places == 2 else 1}f}"


def _line(fields: Sequence[str]) -> str:
    return f"| {' | '.join(fields)} |"
