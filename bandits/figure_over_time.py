"""How agents' harm, or reward, goes over the steps of both phases. Draws only.

One figure per task and outcome, one row of panels per agent: on the left a line per real
kernel, on the right one per share of the human kernel's actions relabelled. Bands are
95 % over runs; where a line stands for several relabellings, over these as well.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from bandits import panels
from bandits.curves import curve_of
from bandits.figures import INTERVALS, STYLE, Task
from bandits.kernel_ends import SHUFFLED
from bandits.kernel_entry import CORRUPTED, RELABELLED
from bandits.panels import HUMAN, INK, MODEL, QUIET, RULE, STAMP, Label, Row, known
from bandits.policies import AGENTS
from bandits.still import save_still

OUTCOMES = {
    "mean_reward": "Reward over time (0-100)",
    "unsafe_share": "Share of steps that are unsafe, over time",
    "low_value_share": "Share of steps that are low-value, over time",
}
"""What is drawn, and what the figure is called."""
PHASES = ("personalization", "generalization")
FROM_HUMAN = LinearSegmentedColormap.from_list("relabelled", (HUMAN, "#d9a441", MODEL))
"""From the human kernel to one all of whose actions are relabelled."""
BY_ALIGNMENT = LinearSegmentedColormap.from_list("alignment", ("#8dbbe3", "#123a63"))
"""Of models: from the least to the best aligned one."""
_SPREAD = 2.35
"""Inches from one row of panels to the next."""


def over_time_figures(rows: Iterable[Row]) -> list[tuple[Task, str]]:
    """Task and outcome of every figure that has something to show."""
    found: dict[tuple[Task, str], None] = {}
    for row in rows:
        for outcome in OUTCOMES:
            if known(row.get(outcome)):
                found[_task(row), outcome] = None
    return list(found)


def of_task(rows: Iterable[Row], task: Task) -> list[Row]:
    """Only what the figures of one task need."""
    return [row for row in rows if _task(row) == task]


def save_over_time(
    rows: Sequence[Row],
    folder: Path,
    task: Task,
    outcome: str,
    *,
    mark: str,
    simulated: bool,
    alignment: Mapping[str, float] = MappingProxyType({}),
    definition: str = "",
) -> list[Path]:
    """Draw one figure and save it as SVG, PNG and PDF. Arguments as `draw_over_time`.

    Returns:
        The files, `<dimension>_<values_from>_<threshold>_over_time_<outcome>`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = "_".join((*task, "over_time", outcome)).replace(".", "-")
    with matplotlib.rc_context(STYLE):
        figure = _drawn(rows, task, outcome, mark, simulated, alignment, definition)
        return save_still(figure, folder / name)


def draw_over_time(
    rows: Sequence[Row],
    task: Task,
    outcome: str,
    *,
    mark: str,
    simulated: bool,
    alignment: Mapping[str, float] = MappingProxyType({}),
    definition: str = "",
) -> Figure:
    """One outcome over the steps of both phases.

    Args:
        rows: Of over_time.csv.
        outcome: One of `OUTCOMES`.
        mark: First digits of the sweep's hash.
        simulated: Whether the participants were.
        alignment: Of kernels by name; the better aligned a model, the darker its line.
        definition: Of the dimension, a sentence that stands under the figure.
    """
    with matplotlib.rc_context(STYLE):
        return _drawn(rows, task, outcome, mark, simulated, alignment, definition)


def _drawn(
    rows: Sequence[Row],
    task: Task,
    outcome: str,
    mark: str,
    simulated: bool,
    alignment: Mapping[str, float],
    definition: str,
) -> Figure:
    mine = [r for r in of_task(rows, task) if known(r.get(outcome))]
    seen = [r for r in mine if r["role"] != "none"]
    agents = [agent for agent in AGENTS if any(r["agent"] == agent for r in seen)]
    columns = 2 if any(r["role"] == RELABELLED for r in mine) else 1
    n_rows = max(1, len(agents))
    above, below = 1.05, 0.95
    height = above + below + _SPREAD * n_rows
    figure = Figure(figsize=(12.4 if columns == 2 else 8.4, height))
    grid = figure.add_gridspec(
        n_rows,
        columns,
        left=0.06 if columns == 2 else 0.085,
        right=0.87 if columns == 2 else 0.84,
        bottom=below / height,
        top=1 - above / height,
        hspace=0.32,
        wspace=0.36,
    )
    first: Axes | None = None
    to_name: list[tuple[Axes, list[Label]]] = []
    for place, agent in enumerate(agents or [""]):
        for column in range(columns):
            axes = figure.add_subplot(grid[place, column], sharex=first, sharey=first)
            first = first or axes
            own = [r for r in mine if r["agent"] == agent]
            lines = relabelled_lines(own) if column else real_lines(own, alignment)
            labels = _draw_lines(axes, lines, outcome)
            references = _draw_lines(axes, reference_lines(mine), outcome)
            if column == columns - 1:
                labels += references
            to_name.append((axes, labels))
            _dress(axes, mine, outcome)
            side = "real kernels" if column == 0 else "the human kernel, relabelled"
            axes.set_title(f"{AGENTS[agent].label}: {side}" if agent else "")
            last = place == n_rows - 1
            axes.tick_params(labelbottom=last, length=0)
            if last:
                axes.set_xlabel("Step")
    figure.draw_without_rendering()
    for axes, labels in to_name:
        panels.name_lines(axes, labels)
    shaded = bool(alignment)
    _frame(figure, mine, task, outcome, mark, simulated, shaded, definition)
    return figure


class Line(NamedTuple):
    """One line of a panel: a kernel, a share relabelled, or an agent without a kernel.

    rows: Of over_time.csv; of several draws they are taken together.
    dashes: As matplotlib names them.
    """

    name: str
    rows: Sequence[Row]
    colour: str
    dashes: object = "-"
    width: float = 1.2
    band: bool = True

    @property
    def dash(self) -> str:
        """The same for a page."""
        return {"-": "solid", ":": "dot"}.get(str(self.dashes), "dash")


def real_lines(rows: Sequence[Row], alignment: Mapping[str, float]) -> list[Line]:
    """A line per real kernel of one agent: its matched form where there is one."""
    shade = _shades(alignment)
    real = [
        r
        for r in rows
        if r["role"] not in ("none", *CORRUPTED) and r["kernel"] != SHUFFLED
    ]
    lines = []
    for name in dict.fromkeys(r["kernel"] for r in real):
        forms = {r["form"] for r in real if r["kernel"] == name}
        form = "matched" if "matched" in forms else min(forms)
        one = [r for r in real if r["kernel"] == name and r["form"] == form]
        role = one[0]["role"]
        colour = HUMAN if role == "human" else shade.get(name, MODEL)
        dashes = (0, (4, 1.5)) if role == "baseline" else "-"
        width = 1.9 if role == "human" else 1.2
        lines.append(Line(name, one, colour, dashes, width))
    return lines


def relabelled_lines(rows: Sequence[Row]) -> list[Line]:
    """A line per share of the human kernel's actions relabelled, draws together."""
    found = [
        r
        for r in rows
        if r["role"] == RELABELLED or (r["role"] == "human" and r["kernel"] == "human")
    ]
    # Relabelling keeps the spectrum: both forms are one kernel, and one is drawn.
    form = found[0]["form"] if found else ""
    # They are made from the kernel of the first halving of the people.
    first = min((r["draw"] for r in found if r["role"] == "human"), default=0)
    lines = []
    for share in sorted({r["share"] for r in found}):
        one = [
            r
            for r in found
            if r["share"] == share
            and r["form"] == form
            and (r["role"] == RELABELLED or r["draw"] == first)
        ]
        colour = matplotlib.colors.to_hex(FROM_HUMAN(share))
        lines.append(Line(f"{share:.0%} relabelled", one, colour, width=1.4))
    return lines


def reference_lines(rows: Sequence[Row]) -> list[Line]:
    """A line for each agent that sees no kernel."""
    found = []
    for agent, (name, dashes) in panels.REFERENCES.items():
        one = [r for r in rows if r["agent"] == agent and r["role"] == "none"]
        if one:
            found.append(Line(name, one, QUIET, dashes, 1.0, band=False))
    return found


def _shades(alignment: Mapping[str, float]) -> dict[str, str]:
    """A blue for each kernel, darker with its alignment."""
    given = {name: value for name, value in alignment.items() if known(value)}
    low, high = min(given.values(), default=0.0), max(given.values(), default=0.0)
    return {
        name: matplotlib.colors.to_hex(
            BY_ALIGNMENT((value - low) / (high - low) if high > low else 1.0)
        )
        for name, value in given.items()
    }


def _draw_lines(axes: Axes, lines: Sequence[Line], outcome: str) -> list[Label]:
    """Both phases of every line, each with its band; where they end, by name."""
    labels = []
    for line in lines:
        end = _line(axes, line, outcome)
        labels.append(Label(math.nan, end, line.name, line.colour))
    return labels


def _line(axes: Axes, line: Line, outcome: str) -> float:
    """Both phases of one line, with its band. Returns where it ends."""
    looks: dict[str, Any] = {"linestyle": line.dashes, "linewidth": line.width}
    end, begin = math.nan, 0.0
    for phase in PHASES:
        here = [r for r in line.rows if r["phase"] == phase]
        if not here:
            continue
        curve = curve_of(here, outcome)
        at = curve.at + begin
        axes.plot(at, curve.mean, color=line.colour, **looks)
        if line.band and np.isfinite(curve.error).all():
            axes.fill_between(
                at, curve.low, curve.high, color=line.colour, alpha=0.13, linewidth=0
            )
        end = float(curve.mean[-1])
        begin += max(r["last_step"] for r in here)
    return end


def _dress(axes: Axes, rows: Sequence[Row], outcome: str) -> None:
    axes.grid(axis="y", color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.margins(x=0.01)
    if outcome != "mean_reward":
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.set_ylim(bottom=0)
    last = {p: [r["last_step"] for r in rows if r["phase"] == p] for p in PHASES}
    if all(last.values()):
        cut = max(last["personalization"])
        axes.axvline(cut + 0.5, color=QUIET, linewidth=0.8)
        axes.annotate(
            "unseen actions",
            (cut + 0.5, 1),
            (4, -2),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            fontsize=7.5,
            color=QUIET,
            va="top",
        )


def _frame(
    figure: Figure,
    rows: Sequence[Row],
    task: Task,
    outcome: str,
    mark: str,
    simulated: bool,
    shaded: bool,
    definition: str,
) -> None:
    height = figure.get_figheight()
    dimension, source, rule = task
    whose = "the group's values" if source == "group" else f"the values of {source}"
    left = 0.06 if figure.get_figwidth() > 10 else 0.085
    figure.text(
        left,
        1 - 0.2 / height,
        f"{OUTCOMES[outcome]}: {dimension}",
        fontsize=13,
        fontweight="bold",
        color=INK,
        va="top",
    )
    better = "higher" if outcome == "mean_reward" else "lower"
    figure.text(
        left,
        1 - 0.47 / height,
        f"Agents learn {whose}; {better} is better.",
        color=QUIET,
        va="top",
    )
    if simulated:
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
    n_runs = int(rows[0]["n_runs"]) if rows else 0
    said = [
        f"Means over {n_runs:,} runs; bands are {INTERVALS} over runs, on the right over"
        " relabellings as well."
    ]
    if shaded:
        said.append("Models: the darker, the better aligned; dashes are baselines.")
    if rows and outcome != "mean_reward":
        word = outcome.removesuffix("_share").replace("_", "-")
        which = " (the median)" if rule == "median" else ""
        said.append(f"An action is {word} below {rows[0]['threshold']:.4g}{which}.")
    if definition:
        said.append(f"{dimension}: {definition.rstrip('.')}.")
    said.append("Runs tell how sure a line is, not how another kernel would do.")
    width = 178 if figure.get_figwidth() > 10 else 115
    figure.text(
        left,
        0.12 / height,
        "\n".join(textwrap.wrap(" ".join(said), width)),
        fontsize=8,
        color=QUIET,
        va="bottom",
    )
    figure.text(
        0.985,
        0.12 / height,
        f"sweep {mark}",
        fontsize=7,
        color=QUIET,
        ha="right",
        va="bottom",
        family="DejaVu Sans Mono",
    )


def _task(row: Row) -> Task:
    return row["dimension"], row["values_from"], row["threshold_rule"]
