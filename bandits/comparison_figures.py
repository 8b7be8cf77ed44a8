"""The figures of a comparison: second minus first, a dot and interval per kernel.

One figure per task, phase and measure, a panel per agent. Draws; computes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from alignment.interactive import (
    BOTTOM,
    TOP,
    Interactive,
    Spec,
    axis,
    error_bars,
    heading,
    interval,
    place,
    save_interactive,
    shown,
)
from alignment.progress import Progress
from bandits.figure_data import title_of
from bandits.figures import FIGURED, STYLE
from bandits.kernel_ends import SHUFFLED
from bandits.kernel_entry import CORRUPTED
from bandits.metric_table import METRICS
from bandits.panels import HUMAN, MODEL, QUIET, RULE, STAMP, Row
from bandits.policies import AGENTS
from bandits.still import save_still

NO_KERNEL = "no kernel"
_LINE = 0.24


def draw_comparison(
    rows: Sequence[Row], folder: Path, *, mark: str, simulated: bool
) -> list[Path]:
    """Draw every default figure that has something to show.

    Args:
        rows: Of differences.csv.
        mark: Of both sweeps, for the corner.

    Returns:
        The files, `<dimension>_<values_from>_<threshold>_<phase>_<metric>`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [
        (task, phase, metric)
        for task in dict.fromkeys(_task(row) for row in rows)
        for phase, metrics in FIGURED
        for metric in metrics
    ]
    files: list[Path] = []
    with Progress("figures", len(wanted)) as progress:
        for task, phase, metric in wanted:
            mine = shown_rows(rows, task, phase, metric)
            if mine:
                name = "_".join((*task, phase, metric)).replace(".", "-")
                label = METRICS[metric].label
                title = f"{label}, second minus first: {task[0]}, {phase} phase"
                with matplotlib.rc_context(STYLE):
                    still = _still(mine, title, mark, simulated)
                    files += save_still(still, folder / name)
                files += save_interactive(
                    folder / name,
                    explored(mine, title),
                    mark=mark,
                    simulated=simulated,
                )
            progress.advance()
    return files


def shown_rows(
    rows: Sequence[Row], task: tuple[str, ...], phase: str, metric: str
) -> list[Row]:
    """What one figure shows: real kernels, matched where both forms are compared."""
    mine = [
        row
        for row in rows
        if _task(row) == task
        and (row["phase"], row["metric"]) == (phase, metric)
        and row["role"] not in CORRUPTED
        and row["kernel"] != SHUFFLED
    ]
    matched = {
        (row["agent"], row["kernel"]) for row in mine if row["form"] == "matched"
    }
    return [
        row
        for row in mine
        if row["form"] != "as_given" or (row["agent"], row["kernel"]) not in matched
    ]


def explored(rows: Sequence[Row], title: str) -> Interactive:
    """The figure to explore: a point tells its agent, kernel and both means."""
    agents, kernels = _agents(rows), _kernels(rows)
    layout: Spec = {
        "title": title_of(title),
        "annotations": [],
        "shapes": [],
        "showlegend": False,
    }
    traces: list[Spec] = []
    width = 1 / len(agents)
    for number, agent in enumerate(agents, start=1):
        mine = [row for row in rows if row["agent"] == agent]
        left = (number - 1) * width
        same: Spec = {"matches": "x"} if number > 1 else {}
        key, spec = axis(
            number, "x", domain=[left, left + width - 0.02], nticks=5, **same
        )
        layout[key] = spec
        same = {"matches": "y"} if number > 1 else {}
        key, spec = axis(
            number,
            "y",
            type="category",
            categoryarray=kernels,
            range=[len(kernels) - 0.4, -0.6],
            showticklabels=number == 1,
            automargin=True,
            ticks="",
            **same,
        )
        layout[key] = spec
        layout["annotations"].append(
            heading(shown(AGENTS[agent].label), number, size=12)
        )
        at = "" if number == 1 else str(number)
        layout["shapes"].append(
            {
                "type": "line",
                "x0": 0,
                "x1": 0,
                "y0": 0,
                "y1": 1,
                "xref": f"x{at}",
                "yref": f"y{at} domain",
                "line": {"color": QUIET, "width": 1},
                "layer": "below",
            }
        )
        for colour in dict.fromkeys(map(_colour, mine)):
            some = [row for row in mine if _colour(row) == colour]
            traces.append(_dots(some, colour, number))
    tall = 40 + 26 * len(kernels)
    return Interactive(traces, layout, rows, height=TOP + BOTTOM + tall)


# ------------------------------------------------------------------ the pieces


def _still(rows: Sequence[Row], title: str, mark: str, simulated: bool) -> Figure:
    agents, kernels = _agents(rows), _kernels(rows)
    height = 1.75 + _LINE * max(3, len(kernels))
    figure = Figure(figsize=(12.4, height))
    axes_row = figure.subplots(1, len(agents), sharex=True, sharey=True, squeeze=False)
    figure.subplots_adjust(
        left=0.13, right=0.985, bottom=0.72 / height, top=1 - 0.9 / height, wspace=0.08
    )
    for agent, axes in zip(agents, axes_row[0], strict=True):
        axes.axvline(0, color=QUIET, linewidth=0.9)
        axes.grid(axis="y", color=RULE, linewidth=0.6)
        axes.tick_params(length=0)
        axes.set_title(AGENTS[agent].label)
        for row in rows:
            if row["agent"] == agent:
                line, colour = kernels.index(_name(row)), _colour(row)
                if not math.isnan(row["low"]):
                    axes.plot(
                        [row["low"], row["high"]],
                        [line] * 2,
                        color=colour,
                        linewidth=1.6,
                    )
                axes.plot(row["difference"], line, "o", color=colour, markersize=5)
        axes.set_yticks(range(len(kernels)), kernels)
        axes.set_ylim(len(kernels) - 0.4, -0.6)
    words: dict[str, Any] = {"fontsize": 8, "color": QUIET, "va": "bottom"}
    figure.text(
        0.015, 1 - 0.2 / height, title, fontsize=13, fontweight="bold", va="top"
    )
    how = "paired by replicate" if rows[0]["paired"] else "of two independent samples"
    n_runs = min(int(row["n"]) for row in rows)
    told = (
        f"95 % intervals {how}, over the luck and the splits of {n_runs:,} runs. They "
        "say how sure a difference is for these kernels, not for others."
    )
    figure.text(0.015, 0.12 / height, told, **words)
    corner = words | {"fontsize": 7, "ha": "right", "family": "DejaVu Sans Mono"}
    figure.text(0.985, 0.12 / height, mark, **corner)
    if simulated:
        stamp: dict[str, Any] = {"color": STAMP, "fontsize": 11, "fontweight": "bold"}
        at = 0.985, 1 - 0.2 / height
        figure.text(*at, "SIMULATED PARTICIPANTS", ha="right", va="top", **stamp)
    return figure


def _dots(rows: Sequence[Row], colour: str, number: int) -> Spec:
    apart, low, high = (
        [row[name] for row in rows] for name in ("difference", "low", "high")
    )
    return {
        "type": "scatter",
        "mode": "markers",
        "x": apart,
        "y": [_name(row) for row in rows],
        "error_x": error_bars(apart, low, high, colour),
        "marker": {"size": 9, "color": colour},
        "customdata": [_told(row) for row in rows],
        "hovertemplate": "%{customdata}<extra></extra>",
        **place(number),
    }


def _told(row: Row) -> str:
    return (
        f"<b>{shown(_name(row))}</b>, {shown(AGENTS[row['agent']].label)}<br>"
        f"second minus first {interval(row['difference'], row['low'], row['high'])}<br>"
        f"first {row['first']:.2f}, second {row['second']:.2f}<br>"
        f"{row['n']:,.0f} {'pairs of ' if row['paired'] else ''}runs"
    )


def _agents(rows: Sequence[Row]) -> list[str]:
    return [agent for agent in AGENTS if any(row["agent"] == agent for row in rows)]


def _kernels(rows: Sequence[Row]) -> list[str]:
    """People first, then as they stand; agents without a kernel last."""
    names = dict.fromkeys(_name(row) for row in rows)
    first = {_name(row) for row in rows if row["role"] == "human"}
    return sorted(names, key=lambda name: (name == NO_KERNEL, name not in first))


def _name(row: Row) -> str:
    if row["role"] == "none":
        return NO_KERNEL
    name = str(row["kernel"])
    if row["role"] == "human" and row["draw"]:
        name += f" {row['draw']:.0f}"
    return name if row["form"] != "as_given" else f"{name} (as given)"


def _colour(row: Row) -> str:
    return {"human": HUMAN, "none": QUIET}.get(row["role"], MODEL)


def _task(row: Row) -> tuple[str, str, str]:
    return row["dimension"], row["values_from"], row["threshold_rule"]
