"""Learning curves to explore: a line and its 95 % band per kernel, over the steps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from alignment.interactive import (
    Interactive,
    Spec,
    axis,
    heading,
    interval,
    place,
    shown,
)
from bandits.curves import curve_of
from bandits.figure_data import title_of
from bandits.figure_over_time import (
    OUTCOMES,
    PHASES,
    Line,
    of_task,
    real_lines,
    reference_lines,
    relabelled_lines,
)
from bandits.figures import Task
from bandits.kernel_entry import RELABELLED
from bandits.panels import Row, known
from bandits.policies import AGENTS

REAL = "real kernels"


def over_time_data(
    rows: Sequence[Row],
    task: Task,
    outcome: str,
    *,
    alignment: Mapping[str, float],
) -> Interactive:
    """One outcome over the steps of both phases; a click in the legend hides a kernel.

    Args:
        rows: Of over_time.csv.
        alignment: Of kernels by name; the better aligned a model, the darker its line.
    """
    mine = [row for row in of_task(rows, task) if known(row.get(outcome))]
    seen = [row for row in mine if row["role"] != "none"]
    agents = [agent for agent in AGENTS if any(r["agent"] == agent for r in seen)]
    layout: Spec = {
        "title": title_of(f"{OUTCOMES[outcome]}: {task[0]}"),
        "annotations": [],
        "shapes": [],
    }
    relabelled = any(row["role"] == RELABELLED for row in mine)
    panels = []
    for agent in agents:
        own = [row for row in mine if row["agent"] == agent]
        panels.append((agent, REAL, real_lines(own, alignment)))
        if relabelled:
            panels.append(
                (agent, "the human kernel, relabelled", relabelled_lines(own))
            )
    references = reference_lines(mine)
    traces: list[Spec] = []
    table: list[dict[str, Any]] = []
    named: set[str] = set()
    for number, (agent, side, lines) in enumerate(panels, start=1):
        where = agents.index(agent), int(side != REAL)
        layout |= _axes(number, where, (len(agents), 1 + relabelled), outcome)
        title = f"{AGENTS[agent].label}: {side}"
        layout["annotations"].append(heading(shown(title), number))
        for line in [*lines, *references]:
            found = _points(line, outcome)
            traces += _drawn(line, found, number, first=line.name not in named)
            named.add(line.name)
            head = {"agent": agent, "panel": side, "line": line.name}
            table += [head | point for point in found]
        layout["shapes"].append(_cut(mine, number))
    height = 180 + 270 * max(1, len(agents))
    return Interactive(traces, layout, table, height=height)


def _axes(
    number: int, where: tuple[int, int], grid: tuple[int, int], outcome: str
) -> Spec:
    """A panel's axes, at a row and column of a grid; all share both scales."""
    (down, across), (n_lines, sides) = where, grid
    width, height = 1 / sides, 1 / n_lines
    top = 1 - down * height
    x: Spec = {"domain": [across * width, (across + 1) * width - 0.04 * (sides > 1)]}
    y: Spec = {"domain": [max(0.0, top - height + 0.25 * height), top]}
    if number > 1:
        x["matches"], y["matches"] = "x", "y"
    x["showticklabels"] = down == n_lines - 1
    if down == n_lines - 1:
        x["title"] = {"text": "Step"}
    if outcome != "mean_reward":
        y |= {"tickformat": ".0%", "rangemode": "tozero"}
    return dict((axis(number, "x", **x), axis(number, "y", **y)))


def _points(line: Line, outcome: str) -> list[dict[str, Any]]:
    """The stretches of both phases, one after the other."""
    found, begin = [], 0.0
    for phase in PHASES:
        here = [row for row in line.rows if row["phase"] == phase]
        if not here:
            continue
        curve = curve_of(here, outcome)
        stretches = sorted({(row["first_step"], row["last_step"]) for row in here})
        for (first, last), at, mean, low, high in zip(
            stretches, curve.at, curve.mean, curve.low, curve.high, strict=True
        ):
            found.append(
                {
                    "phase": phase,
                    "first_step": first,
                    "last_step": last,
                    "step": float(at) + begin,
                    outcome: float(mean),
                    "low": float(low),
                    "high": float(high),
                }
            )
        begin += max(row["last_step"] for row in here)
    return found


def _drawn(
    line: Line, points: Sequence[Mapping[str, Any]], number: int, *, first: bool
) -> list[Spec]:
    """A line with a band for each phase: between the two nothing is learnt."""
    traces: list[Spec] = []
    shared = {"legendgroup": line.name, **place(number)}
    for phase in PHASES:
        here = [point for point in points if point["phase"] == phase]
        if not here:
            continue
        outcome = next(k for k in here[0] if k in OUTCOMES)
        x = [point["step"] for point in here]
        y = [point[outcome] for point in here]
        if line.band and all(math.isfinite(point["low"]) for point in here):
            traces.append(
                {
                    "type": "scatter",
                    "mode": "lines",
                    "x": x + x[::-1],
                    "y": [p["high"] for p in here] + [p["low"] for p in reversed(here)],
                    "fill": "toself",
                    "fillcolor": _thin(line.colour),
                    "line": {"width": 0},
                    "hoverinfo": "skip",
                    "showlegend": False,
                    **shared,
                }
            )
        share = outcome != "mean_reward"
        texts = [
            f"<b>{shown(line.name)}</b><br>{phase}, steps {p['first_step']:.0f} to "
            f"{p['last_step']:.0f}<br>"
            + interval(p[outcome], p["low"], p["high"], 3 if share else 2)
            for p in here
        ]
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": shown(line.name),
                "showlegend": first and not any(t["showlegend"] for t in traces),
                "x": x,
                "y": y,
                "line": {"color": line.colour, "width": 2, "dash": line.dash},
                "customdata": texts,
                "hovertemplate": "%{customdata}<extra></extra>",
                **shared,
            }
        )
    return traces


def _cut(rows: Sequence[Row], number: int) -> Spec:
    """Where unseen actions begin."""
    name = "" if number == 1 else str(number)
    ends = [row["last_step"] for row in rows if row["phase"] == PHASES[0]]
    at = max(ends, default=0) + 0.5
    return {
        "type": "line",
        "x0": at,
        "x1": at,
        "y0": 0,
        "y1": 1,
        "xref": f"x{name}",
        "yref": f"y{name} domain",
        "line": {"color": "#69727f", "width": 1, "dash": "dot"},
    }


def _thin(colour: str) -> str:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.14)"
