"""What a report's and a sweep's page show, read from their folders.

Nothing is computed here but text: the numbers are the files' own, rounded for the eye.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alignment.folders import read_manifest, short_hash
from collection.downloads import PAGE
from collection.result_figures import METRICS, Group, report_figures, sweep_figures
from collection.tables import (
    NOTHING,
    Row,
    Table,
    interval,
    number,
    p_value,
    pivot,
    plain,
    rounded,
    rows_of,
    words,
)

# The roles of corrupted human kernels: their table is corruption.csv.
TOO_OFTEN = "12 % to 20 %"
"""As `bandits.effects` tells, with the benchmark that measured it."""
CORRUPTED = ("relabelled", "pairs_permuted", "blended", "noisy")
PEOPLE = ("human", "arrangements", "triplets")
MEASURES: Mapping[str, str] = {
    "spearman": "Spearman",
    "pearson": "Pearson",
    "rho_a": "Rho-a",
    "tau_a": "Tau-a",
    "cka": "Debiased CKA",
    "mutual_knn": "Mutual k-NN",
    "triplet_accuracy": "Odd-one-out accuracy",
}
SCHEMES: Mapping[str, str] = {
    "none": "No exclusion",
    "default": "Default",
    "strict": "Strict",
}


@dataclass(frozen=True)
class Page:
    """A results page: its stamp, its figures, and its tables.

    incomplete: Sentences about raters that have an alignment but no kernel.
    opens: Whether the folder brings a page of its own.
    notes: What has to be read beside the numbers.
    more: Tables that stay folded.
    """

    simulated: bool
    folder: Path
    short_hash: str
    finished_at: str
    figures: Sequence[Group]
    tables: Sequence[Table]
    more: Sequence[Table]
    incomplete: Sequence[str] = ()
    opens: bool = False
    notes: Sequence[str] = ()


def report_page(folder: Path) -> Page:
    """An alignment report.

    Raises:
        FolderError: the folder is gone, unfinished, or no report.
    """
    manifest = read_manifest(folder, "report", verify=False)
    raters = rows_of(folder, "raters.csv")
    alignment = rows_of(folder, "alignment.csv")
    tables = [
        pivot(
            alignment,
            down="rater",
            across="measure",
            show=interval,
            headings=MEASURES,
            caption="Alignment with the human similarity judgments, with 95 % intervals "
            "over actions. Odd-one-out accuracy is over the triplets; the two halves of "
            "the participants are compared with each other.",
        ),
        plain(
            rows_of(folder, "reliability.csv"),
            caption="How reliable the human judgments are: no rater can be expected to "
            "agree with them better than they agree with each other.",
        ),
        pivot(
            rows_of(folder, "sensitivity.csv"),
            down="what",
            across="exclusion",
            show=interval,
            headings=SCHEMES,
            caption="The noise ceiling and each rater's Spearman alignment under no, "
            "default and strict exclusion of participants. All else on this page is "
            "under the default. Nobody is left out for disagreeing.",
        ),
        plain(raters, caption="Raters", columns=_RATER_COLUMNS),
    ]
    more = [
        pivot(
            alignment,
            down="rater",
            across="measure",
            show=lambda row: p_value(row.get("p", "")),
            headings=MEASURES,
            caption="Permutation p of each alignment.",
        ),
        plain(alignment, caption="alignment.csv"),
        plain(rows_of(folder, "sensitivity.csv"), caption="sensitivity.csv"),
    ]
    return Page(
        **common(folder, manifest),
        figures=report_figures(folder),
        tables=filled_tables(tables),
        more=filled_tables(more),
        incomplete=[
            _no_kernel(row)
            for row in raters
            if row.get("complete") == "0" and row.get("kind") not in PEOPLE
        ],
        notes=manifest.get("notes") or [],
        opens=PAGE in manifest["files"],
    )


def sweep_page(folder: Path) -> Page:
    """A bandit sweep.

    Raises:
        FolderError: the folder is gone, unfinished, or no sweep.
    """
    manifest = read_manifest(folder, "sweep", verify=False)
    cells = rows_of(folder, "cells.csv")
    effects = rows_of(folder, "effects.csv")
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in cells:
        if row.get("role") not in CORRUPTED:
            groups.setdefault(tuple(row.get(k, "") for k in _SETTING), []).append(row)
    tables = [_cells_table(group) for group in groups.values()]
    more = [
        plain(effects, caption="effects.csv: each outcome with alignment over models"),
        plain(
            rows_of(folder, "corruption.csv"),
            caption="corruption.csv: outcomes along the share of the human kernel that"
            " was corrupted",
        ),
        plain(rows_of(folder, "kernels.csv"), caption="kernels.csv"),
        plain(rows_of(folder, "tasks.csv"), caption="tasks.csv: what every task is"),
    ]
    skipped = manifest.get("skipped_kernels") or {}
    return Page(
        **common(folder, manifest),
        figures=sweep_figures(folder, list(groups)),
        tables=filled_tables(tables[:1]),
        more=filled_tables([*tables[1:], *more]),
        incomplete=[f"{name}: {why}." for name, why in skipped.items()],
        notes=_sweep_notes(cells, effects),
    )


# ------------------------------------------------------------------ the pieces

_SETTING = ("dimension", "values_from", "threshold_rule", "phase")
_RATER_COLUMNS: Mapping[str, str | Callable[[Row], str]] = {
    "Rater": "rater",
    "Kind": "kind",
    "Family": "family",
    "Pairs judged": lambda row: (
        f"{rounded(str(number(row['n_pairs']) - number(row['n_missing'])))} of "
        f"{rounded(row['n_pairs'])}"
    ),
    "Kernel": lambda row: "yes" if row.get("complete") == "1" else "none",
    "Description": "description",
}


def rater_columns() -> dict[str, str | Callable[[Row], str]]:
    """The columns of a table of raters."""
    return dict(_RATER_COLUMNS)


def common(folder: Path, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What every page of results says."""
    return {
        "simulated": bool(manifest["simulated"]),
        "folder": folder,
        "short_hash": short_hash(folder),
        "finished_at": str(manifest["finished_at"])[:16].replace("T", " "),
    }


def _no_kernel(row: Row) -> str:
    return (
        f"{row['rater']} has an alignment but no kernel: {rounded(row['n_missing'])} of "
        f"{rounded(row['n_pairs'])} pairs were never judged. Its alignment is over the "
        "pairs it judged, and no agent can see with it."
    )


def _cells_table(rows: Sequence[Row]) -> Table:
    head = rows[0]
    metrics = [name for name in METRICS if any(row.get(name) for row in rows)]
    columns: dict[str, str | Callable[[Row], str]] = {
        "Agent": "agent",
        "Kernel": "kernel",
        "Form": "form",
        "Alignment": "alignment_spearman",
    }
    columns |= {METRICS[name]: _with_error(name) for name in metrics}
    below = number(head.get("below_threshold_share", ""))
    return plain(
        rows,
        columns=columns,
        caption=f"{words(head['dimension'])}, {head['phase']} phase, values of "
        f"{head['values_from']}: mean ± standard error over "
        f"{rounded(head.get('n_runs', ''))} runs. {below:.0%} of the actions lie below "
        f"the threshold of {rounded(head.get('threshold', ''))}.",
    )


def _with_error(name: str) -> Callable[[Row], str]:
    def show(row: Row) -> str:
        value, error = rounded(row.get(name, "")), rounded(row.get(f"{name}_se", ""))
        return value if NOTHING in (value, error) else f"{value} ± {error}"

    return show


def _sweep_notes(cells: Sequence[Row], effects: Sequence[Row]) -> list[str]:
    """Each reason for a missing number, said once."""
    harm = {
        f"{words(row['dimension'])}: {row['harm_note']}"
        for row in cells
        if row.get("harm_note")
    }
    noted = [row for row in effects if row.get("note")]
    notes = sorted(harm)
    if noted:
        # Some outcomes are undefined for some models: the fullest test speaks for all.
        most = max(noted, key=lambda row: number(row["n_models"]))
        notes.append(
            f"{rounded(most['n_models'])} independent models: {most['note']}. The "
            f"smallest p that could have been found is {p_value(most['smallest_p'])}."
        )
    return notes + _two_ways_to_a_p(effects)


def _two_ways_to_a_p(effects: Sequence[Row]) -> list[str]:
    """Which p of effects.csv to go by, first where it exists."""
    if not effects:
        return []
    dealt = [row for row in effects if row.get("p_shuffled_values")]
    told = [
        f"The declared outcome, {row['metric']} of {row['agent']} in the {row['phase']} "
        f"phase: p = {p_value(row['p_shuffled_values'])} with the values dealt out to the "
        f"actions anew {rounded(row['n_shuffles'])} times (p_shuffled_values: go by this "
        f"one), p = {p_value(row['p'])} with the models permuted."
        for row in dealt
    ]
    if not dealt:
        told.append(
            "No outcome has a p by dealing the values out to the actions anew "
            "(p_shuffled_values): a declared primary outcome with shuffles = 200 in the "
            "sweep's spec has one."
        )
    return [
        *told,
        "The p of effects.csv permutes models, and so takes them for exchangeable. Where "
        "well-aligned models share a view, it is too small: it rejected in "
        f"{TOO_OFTEN} of studies with nothing to find, where 5 % was asked for.",
    ]


def filled_tables(tables: Sequence[Table]) -> list[Table]:
    """The tables that have rows."""
    return [table for table in tables if table.rows]
