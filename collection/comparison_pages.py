"""What the pages of a comparison and of models' answers show, read from their folders."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from alignment.folders import read_manifest
from collection.result_figures import answers_figures, sweep_figures
from collection.results_pages import Page, common, filled_tables, rater_columns
from collection.tables import (
    NOTHING,
    Row,
    Table,
    number,
    p_value,
    plain,
    rounded,
    rows_of,
    words,
)

SIDES = ("first", "second")
# Of each measure, those that a person asks first; all are in differences.csv.
SHOWN = ("mean_reward", "unsafe_share", "low_value_share", "value_rank_correlation")
_STATUS: Mapping[str, str] = {
    "the same": "the same",
    "another": "another of the same name",
}


def comparison_page(folder: Path) -> Page:
    """Two sweeps side by side.

    Raises:
        FolderError: the folder is gone, unfinished, or no comparison.
    """
    manifest = read_manifest(folder, "comparison", verify=False)
    rows = rows_of(folder, "differences.csv")
    kernels = rows_of(folder, "kernels.csv")
    settings = rows_of(folder, "settings.csv")
    apart = [row for row in kernels if row["status"] != "the same"]
    tasks = dict.fromkeys(
        (row["dimension"], row["values_from"], row["threshold_rule"], row["phase"])
        for row in rows
    )
    tables = [
        plain(
            settings,
            columns={"What": "what", "First": "first", "Second": "second"},
            caption="What differs between the two: fields of the spec, the report, the "
            "engine. All else is the same.",
        ),
        plain(
            apart,
            columns={
                "Kernel": _kernel_name,
                "In which sweep": lambda r: _STATUS.get(r["status"], r["status"]),
                "Alignment, first": "alignment_spearman_first",
                "Alignment, second": "alignment_spearman_second",
            },
            caption="Kernels that are not the same in both.",
        ),
        *(_differences(rows, metric) for metric in SHOWN),
    ]
    more = [
        plain(kernels, caption="kernels.csv"),
        plain(rows[:500], caption=_all_rows(len(rows))),
    ]
    return Page(
        **common(folder, manifest),
        figures=sweep_figures(folder, list(tasks), kind="comparison"),
        tables=filled_tables(tables),
        more=filled_tables(more),
        notes=_notes(manifest, settings, rows),
    )


def answers_page(folder: Path) -> Page:
    """What models answered, one matrix a rater.

    Raises:
        FolderError: the folder is gone, unfinished, or holds no answers.
    """
    manifest = read_manifest(folder, "answers", verify=False)
    raters = rows_of(folder, "raters.csv")
    refused = rows_of(folder, "refused.csv")
    tables = [
        plain(
            raters,
            caption="Who was asked",
            columns={
                **rater_columns(),
                "Asked": "n_asked",
                "Of no use": "n_refused",
            },
        )
    ]
    return Page(
        **common(folder, manifest),
        figures=answers_figures(folder),
        tables=filled_tables(tables),
        more=filled_tables(
            [
                plain(
                    rows_of(folder, "replies.csv")[:200],
                    caption="replies.csv, its first 200 rows",
                )
            ]
        ),
        incomplete=[
            f"{row['rater']} was not asked: {row['reason']}" for row in refused
        ],
    )


# ------------------------------------------------------------------ the pieces


def _differences(rows: list[dict[str, str]], metric: str) -> Table:
    mine = [
        row
        for row in rows
        if row["metric"] == metric
        and row["role"] in ("human", "model", "baseline", "none")
    ]
    return plain(
        mine,
        columns={
            "Agent": "agent",
            "Kernel": _kernel_name,
            "Dimension": lambda row: words(row["dimension"]),
            "Phase": "phase",
            "First": "first",
            "Second": "second",
            "Second minus first": _with_interval,
            "p": lambda row: p_value(row["p"]),
            "p, Holm": lambda row: p_value(row["p_holm"]),
        },
        caption=f"{words(metric)}: second minus first, with 95 % intervals over runs.",
    )


def _with_interval(row: Row) -> str:
    value, low, high = (rounded(row[name]) for name in ("difference", "low", "high"))
    return value if NOTHING in (low, high) else f"{value} ({low} to {high})"


def _kernel_name(row: Row) -> str:
    name = row["kernel"]
    if name == "none":
        return "no kernel"
    if number(row.get("share", "")) > 0:
        name += f", {number(row['share']):.0%} {row['role'].replace('_', ' ')}"
    return f"{name} ({row['form'].replace('_', ' ')})"


def _all_rows(n: int) -> str:
    return f"differences.csv{', its first 500 rows' if n > 500 else ''}"


def _notes(
    manifest: Mapping[str, object],
    settings: list[dict[str, str]],
    rows: list[dict[str, str]],
) -> list[str]:
    paired = (
        "The seeds agree: replicate by replicate, both sweeps had the same luck, and "
        "differences are taken run by run."
        if manifest["paired"]
        else "The seeds differ: the runs are two independent samples (Welch’s interval)."
    )
    source = (
        "Both are of the same report."
        if manifest["same_report"]
        else "They are of different reports: kernels, values and alignment differ too."
    )
    tested = [row for row in rows if number(row["p"]) >= 0]
    found = sum(number(row["p"]) < 0.05 for row in tested)
    adjusted = sum(number(row["p_holm"]) < 0.05 for row in tested)
    many = (
        f"{len(tested):,} differences are told, {found:,} with p below 0.05: about "
        f"{0.05 * len(tested):,.0f} would be by chance alone if nothing differed. After "
        f"Holm’s adjustment within a measure and phase, {adjusted:,} remain. Intervals "
        "are over luck and splits: they say nothing of other kernels or people."
    )
    same = "No setting differs." if not settings else ""
    return [one for one in (paired, source, same, many) if one]
