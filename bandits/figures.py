"""The figures of a sweep: each outcome against alignment. Draws; computes nothing.

One figure per task, phase and outcome, in two parts that are never pooled: on the left
the real kernels, one small panel per agent; on the right the human kernel with more and
more of its actions relabelled. A figure carries the sweep's mark in a corner, says
whether participants were simulated, and how many independent models it rests on.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from alignment.corruption import RELABEL
from alignment.measures.table import MATRIX_MEASURES
from bandits import panels
from bandits.metrics import METRICS
from bandits.panels import HUMAN, INK, MODEL, QUIET, RULE, STAMP, Row, known
from bandits.policies import AGENTS
from bandits.still import save_still
from bandits.task_table import paid_in_words, rule_in_words

Task = tuple[str, str, str]

# Any: matplotlib's stubs list every name a key may have.
STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.edgecolor": RULE,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "text.color": INK,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "svg.hashsalt": "attune",
    "svg.fonttype": "none",
    # Whole letters in a PDF, so that its text can be searched and edited.
    "pdf.fonttype": 42,
}
INTERVALS = "95\N{NO-BREAK SPACE}% intervals"
FIGURED = (
    ("personalization", ("mean_reward",)),
    ("personalization", ("unsafe_share", "low_value_share")),
    ("generalization", ("mean_reward",)),
    ("generalization", ("unsafe_share", "low_value_share")),
    ("generalization", ("value_rank_correlation",)),
)
"""Phases and outcomes drawn by default; of several names, the one a task has."""


@dataclass(frozen=True)
class Material:
    """What figures are drawn from: rows of the sweep's tables, and what to say.

    mark: First digits of the sweep's hash.
    definitions: Of each dimension, one sentence that stands under its figures.
    measure: Of alignment, on the horizontal axis.
    cross_fit: Whether alignment was measured on people held out from the human kernel.
    """

    cells: Sequence[Row]
    effects: Sequence[Row]
    corruption: Sequence[Row]
    mark: str
    simulated: bool
    definitions: Mapping[str, str]
    measure: str
    cross_fit: bool
    n_actions: int

    def of_task(self, task: Task) -> Material:
        """Only what the figures of one task need."""
        return replace(
            self,
            cells=[row for row in self.cells if _task(row) == task],
            effects=[row for row in self.effects if _task(row) == task],
            corruption=[row for row in self.corruption if _task(row) == task],
        )


def figure_names(material: Material) -> list[tuple[Task, str, str]]:
    """Task, phase and metric of every default figure that has something to show."""
    drawn = []
    for task in dict.fromkeys(_task(row) for row in material.cells):
        rows = [row for row in material.cells if _task(row) == task]
        for phase, names in FIGURED:
            here = [row for row in rows if row["phase"] == phase]
            for metric in names:
                if any(known(row.get(metric)) for row in here):
                    drawn.append((task, phase, metric))
    return drawn


def save_figure(
    material: Material, folder: Path, task: Task, phase: str, metric: str
) -> list[Path]:
    """Draw one figure and save it as SVG, PNG and PDF.

    Returns:
        The files, `<dimension>_<values_from>_<threshold>_<phase>_<metric>`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = "_".join((*task, phase, metric)).replace(".", "-")
    with matplotlib.rc_context(STYLE):
        return save_still(_outcome(material, task, phase, metric), folder / name)


def draw_outcome(material: Material, task: Task, phase: str, metric: str) -> Figure:
    """One outcome against alignment: real kernels left, relabelled ones right."""
    with matplotlib.rc_context(STYLE):
        return _outcome(material, task, phase, metric)


def _outcome(material: Material, task: Task, phase: str, metric: str) -> Figure:
    rows = [r for r in material.cells if _task(r) == task and r["phase"] == phase]
    agents = [
        agent
        for agent in AGENTS
        if any(row["agent"] == agent and row["role"] != "none" for row in rows)
    ]
    curve = [
        row
        for row in material.corruption
        if _task(row) == task
        and row["phase"] == phase
        and row["metric"] == metric
        # The other kinds change the spectrum too: they stand in the table alone.
        and row.get("corruption", RELABEL) == RELABEL
    ]
    caption = _caption(material, rows, task, phase, metric, bool(curve))
    n_rows = max(1, math.ceil(len(agents) / 2))
    below, above = 1.08 + 0.165 * len(caption), 0.98
    height = above + below + 2.2 * n_rows
    figure = Figure(figsize=(12.4, height))
    bottom, top = below / height, 1 - above / height

    grid = figure.add_gridspec(
        n_rows,
        min(2, max(1, len(agents))),
        left=0.065,
        right=0.615 if curve else 0.93,
        bottom=bottom,
        top=top,
        hspace=0.3,
        wspace=0.09,
    )
    first, tall = None, False
    to_name: list[tuple[Axes, list[panels.Label]]] = []
    for place, agent in enumerate(agents):
        axes = figure.add_subplot(grid[divmod(place, 2)], sharex=first, sharey=first)
        first = first or axes
        mine = [row for row in rows if row["agent"] == agent]
        to_name.append(
            (axes, panels.real_kernels(axes, mine, metric, material.measure))
        )
        panels.references(axes, rows, metric)
        effect = _effect(material, task, phase, metric, agent)
        tall = tall or bool(effect)
        axes.set_title(AGENTS[agent].label, pad=15 if tall else None)
        axes.annotate(
            effect,
            (0, 1),
            (0, 4),
            xycoords="axes fraction",
            textcoords="offset points",
            fontsize=8,
            color=QUIET,
        )
        axes.tick_params(
            labelbottom=place + 2 >= len(agents), labelleft=place % 2 == 0, length=0
        )
    ends: list[panels.Label] = []
    if curve:
        right = figure.add_gridspec(
            1, 1, left=0.67, right=0.875, bottom=bottom, top=top
        )
        axes = figure.add_subplot(right[0], sharey=first)
        ends = panels.corruption(axes, curve, material.measure)
        ends += panels.references(axes, rows, metric)
        axes.set_title("The human kernel, relabelled", pad=15 if tall else None)
    # Labels move apart in points of the page, which needs the final limits.
    figure.draw_without_rendering()
    for one, labels in to_name:
        panels.name_points(one, labels)
    panels.name_lines(axes, ends)
    _frame(figure, material, rows, task, phase, metric, caption)
    figure.text(
        (0.065 + (0.615 if curve else 0.93)) / 2,
        (below - 0.34) / height,
        _x_label(material),
        ha="center",
        va="top",
    )
    return figure


def _frame(
    figure: Figure,
    material: Material,
    rows: Sequence[Row],
    task: Task,
    phase: str,
    metric: str,
    caption: Sequence[str],
) -> None:
    height = figure.get_figheight()
    dimension, source, _ = task
    whose = paid_in_words(source)
    better = METRICS[metric].better
    figure.text(
        0.065,
        1 - 0.2 / height,
        f"{METRICS[metric].label}: {dimension}, {phase} phase",
        fontsize=13,
        fontweight="bold",
        va="top",
    )
    figure.text(
        0.065,
        1 - 0.47 / height,
        f"Agents learn {whose}; {better} is better."
        if better
        else f"Agents learn {whose}.",
        color=QUIET,
        va="top",
    )
    if material.simulated:
        figure.text(
            0.985,
            1 - 0.2 / height,
            "SIMULATED PARTICIPANTS",
            color=STAMP,
            fontsize=11,
            fontweight="bold",
            ha="right",
            va="top",
        )
    _legend(figure, rows, metric, height, len(caption), material.cross_fit)
    for place, line in enumerate(caption, start=1):
        y = (0.1 + 0.165 * (len(caption) - place)) / height
        figure.text(0.065, y, line, fontsize=8, color=QUIET, va="bottom")
    figure.text(
        0.985,
        0.1 / height,
        f"sweep {material.mark}",
        fontsize=7,
        color=QUIET,
        ha="right",
        family="DejaVu Sans Mono",
    )


def _legend(
    figure: Figure,
    rows: Sequence[Row],
    metric: str,
    height: float,
    n_lines: int,
    cross_fit: bool,
) -> None:
    roles = {row["role"] for row in rows}
    forms = {row["form"] for row in rows}
    drawn = {row["agent"] for row in rows if known(row.get(metric))}
    handles: list[Line2D] = []

    def mark(label: str, shape: str, colour: str, inside: str | None = None) -> None:
        line = Line2D([], [], linestyle="none", marker=shape, color=colour, label=label)
        line.set_markerfacecolor(inside or colour)
        handles.append(line)

    if "model" in roles:
        mark("language model", "o", MODEL)
    if "baseline" in roles:
        mark("baseline, a control", "o", MODEL, "white")
    if "human" in roles and cross_fit:
        mark("human kernel", "D", HUMAN)
    elif "human" in roles:
        handles.append(Line2D([], [], color=HUMAN, label="human kernel"))
    if {"matched", "as_given"} <= forms:
        mark("the same kernel as given (marks: matched)", "_", QUIET)
    for agent, (label, dashes) in panels.REFERENCES.items():
        if agent in drawn:
            looks: dict[str, Any] = {"linestyle": dashes, "color": QUIET}
            handles.append(Line2D([], [], label=label, **looks))
    figure.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(0.058, (0.16 + 0.165 * n_lines) / height),
        ncols=max(1, len(handles)),
        frameon=False,
        fontsize=8,
        handletextpad=0.5,
        columnspacing=1.6,
    )


def _of_deals(effects: Sequence[Row]) -> list[str]:
    """The declared outcome's p by deals of the values, and which p to go by."""
    return [
        f"Declared outcome ({effect['form'].replace('_', ' ')} kernels): p"
        f" {_p(effect['p_shuffled_values'])} against {int(effect['n_shuffles'])} deals of"
        " the values; go by it, for permuting models rejects too often where aligned"
        " models share a view."
        for effect in effects
        if effect.get("n_shuffles") and effect["p_shuffled_values"] > 0
    ]


def _caption(
    material: Material,
    rows: Sequence[Row],
    task: Task,
    phase: str,
    metric: str,
    curve: bool,
) -> list[str]:
    effects = [
        row
        for row in material.effects
        if _task(row) == task and row["phase"] == phase and row["metric"] == metric
    ]
    n_runs = int(rows[0]["n_runs"])
    said = [
        f"Left: one mark per kernel, mean over {n_runs:,} runs; bars are {INTERVALS},"
        " over runs (up) and over actions (across)."
    ]
    if effects:
        n, names = int(effects[0]["n_models"]), effects[0]["models"].replace(" ", ", ")
        models = f"{n} independent model{'s' * (n != 1)} ({names})"
        smallest = max(row["smallest_p"] for row in effects)
        note = effects[0]["note"]
        if note:
            said.append(
                f"{models}: {note} (exact permutation p over each panel, smallest"
                f" attainable p {_p(smallest)})."
            )
        else:
            kind = "exact" if effects[0]["exact"] else "sampled"
            said.append(f"{models}; {kind} permutation p over each panel.")
        said += _of_deals(effects)
        said.append("Human kernel and baselines never enter the test.")
    if not material.cross_fit:
        said.append(
            "Only published means are available: the human kernel has no alignment of"
            " its own and is a line across."
        )
    if curve:
        said.append(
            f"Right: relabelling keeps the spectrum; {INTERVALS} over relabellings"
            " and runs; never pooled with the left."
        )
    row = rows[0]
    word = "unsafe" if row["harm"] else "low-value"
    rule = rule_in_words(task[2])
    said.append(
        f"{round(row['below_threshold_share'] * material.n_actions)} of the"
        f" {material.n_actions} actions ({row['below_threshold_share']:.0%}) are {word}:"
        f" value below {row['threshold']:.4g}{rule}."
    )
    if row["harm_note"]:
        said.append(f"{row['harm_note'][0].upper()}{row['harm_note'][1:]}.")
    definition = material.definitions.get(task[0], "")
    if definition:
        said.append(f"{task[0]}: {definition.rstrip('.')}.")
    return textwrap.wrap(" ".join(said), 178)


def _effect(material: Material, task: Task, phase: str, metric: str, agent: str) -> str:
    """What stands over an agent's panel: of the matched form where there is one."""
    found = [
        row
        for row in material.effects
        if _task(row) == task
        and (row["phase"], row["metric"], row["agent"]) == (phase, metric, agent)
        and row["measure"] == material.measure
    ]
    best = [row for row in found if row["form"] == "matched"] or found
    if not best or not known(best[0]["p"]):
        return ""
    row = best[0]
    if not known(row["spearman"]):
        return f"exact p {_p(row['p'])}"
    return (
        f"Spearman {row['spearman']:.2f} [{row['low']:.2f}, {row['high']:.2f}],"
        f" p {_p(row['p'])}"
    )


def _x_label(material: Material) -> str:
    against = (
        "people held out from the human kernel"
        if material.cross_fit
        else "people's published means"
    )
    return f"Alignment with {against} ({MATRIX_MEASURES[material.measure].label})"


def _task(row: Row) -> Task:
    return row["dimension"], row["values_from"], row["threshold_rule"]


def _p(p: float) -> str:
    return f"{p:.3f}" if p >= 0.001 else f"{p:.1g}"
