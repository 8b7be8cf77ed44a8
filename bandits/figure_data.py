"""The figures of outcomes to explore: a point per kernel that tells what it is.

The same rows as in `figures`, and like there the human kernel with relabelled actions
stands in a panel of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from alignment.corruption import RELABEL
from alignment.interactive import (
    BOTTOM,
    QUIET,
    TOP,
    Interactive,
    Spec,
    axis,
    error_bars,
    heading,
    interval,
    place,
    shown,
)
from alignment.measures.table import MATRIX_MEASURES
from bandits.figures import Material, Task
from bandits.kernel_ends import SHUFFLED
from bandits.kernel_entry import CORRUPTED
from bandits.metrics import METRICS
from bandits.panels import AGENT_LOOKS, HUMAN, MODEL, REFERENCES, Row, known, or_zero
from bandits.policies import AGENTS
from bandits.tails import Z95

LEFT = 0.63
"""Share of the width that the real kernels have, where there is a curve beside them."""
_SYMBOLS = {"D": "diamond", "o": "circle", "s": "square", "^": "triangle-up"}
_SYMBOLS |= {"v": "triangle-down", "P": "cross"}


def outcome_data(
    material: Material, task: Task, phase: str, metric: str
) -> Interactive:
    """One outcome against alignment: real kernels left, relabelled ones right."""
    cells = [r for r in material.cells if _of(r, task, phase) and known(r.get(metric))]
    agents = [
        agent
        for agent in AGENTS
        if any(row["agent"] == agent and row["role"] != "none" for row in cells)
    ]
    curve = [
        row
        for row in material.corruption
        if _of(row, task, phase)
        and row["metric"] == metric
        and row.get("corruption", RELABEL) == RELABEL
    ]
    label = METRICS[metric].label
    lines = max(1, math.ceil(len(agents) / 2))
    right = LEFT if curve else 1.0
    layout: Spec = {
        "title": title_of(f"{label}: {task[0]}, {phase} phase"),
        "annotations": [],
        # Of the legend's lines there are more than in other figures.
        "margin": {"l": 64, "r": 24, "t": TOP, "b": BOTTOM + 50},
    }
    traces: list[Spec] = []
    rows: list[dict[str, Any]] = []
    measure = MATRIX_MEASURES[material.measure].label
    shown_already: set[str] = set()
    for number, agent in enumerate(agents, start=1):
        mine = [row for row in cells if row["agent"] == agent]
        layout |= _axes(number, len(agents), lines, right, f"Alignment ({measure})")
        layout["annotations"].append(heading(AGENTS[agent].label, number))
        for trace in _kernels(mine, metric, material.measure, number):
            traces.append(_once(trace, shown_already))
        reach = [
            row.get(f"alignment_{material.measure}{end}", math.nan)
            for row in mine
            for end in ("", "_low", "_high")
        ]
        span = [x for x in reach if known(x)] or [0.0, 1.0]
        for trace in _references(cells, metric, (min(span), max(span)), number):
            traces.append(_once(trace, shown_already))
        rows += [_row(row, metric, material.measure) for row in mine]
    without = [row for row in cells if row["role"] == "none"]
    rows += [_row(row, metric, material.measure) for row in without]
    if curve:
        number = len(agents) + 1
        key, spec = axis(
            number,
            "x",
            domain=[right + 0.06, 1],
            tickformat=".0%",
            title={"text": "Share of actions relabelled"},
        )
        layout[key] = spec
        key, spec = axis(number, "y", **({"matches": "y"} if agents else {}))
        layout[key] = spec
        layout["annotations"].append(heading("The human kernel, relabelled", number))
        for trace in _curves(curve, material.measure, number):
            traces.append(_once(trace, shown_already))
        rows += [_curve_row(row, material.measure) for row in curve]
    return Interactive(traces, layout, rows, height=270 + 240 * lines)


def title_of(text: str) -> Spec:
    """A figure's title, on the left."""
    return {
        "text": shown(text),
        "x": 0,
        "xanchor": "left",
        "xref": "paper",
        "font": {"size": 15},
    }


# ------------------------------------------------------------------ the pieces


def _axes(number: int, n: int, lines: int, right: float, label: str) -> Spec:
    """A panel's place in a grid of two columns; all share both scales."""
    line, column = divmod(number - 1, 2)
    columns = min(2, n)
    width, height = right / columns, 1 / lines
    top = 1 - line * height
    same: Spec = {"matches": "x"} if number > 1 else {}
    last = number + 2 > n
    x = axis(
        number,
        "x",
        domain=[column * width, (column + 1) * width - 0.03],
        title={"text": label if last else ""},
        showticklabels=last,
        **same,
    )
    same = {"matches": "y"} if number > 1 else {}
    low = max(0.0, top - height + (0.0 if line == lines - 1 else 0.11))
    y = axis(number, "y", domain=[low, top], showticklabels=column == 0, **same)
    return dict((x, y))


def _kernels(rows: Sequence[Row], metric: str, measure: str, number: int) -> list[Spec]:
    """A trace for each way in which a kernel is drawn."""
    real = [
        row
        for row in rows
        if row["role"] not in ("none", *CORRUPTED) and row["kernel"] != SHUFFLED
    ]
    both = {row["form"] for row in real} >= {"matched", "as_given"}
    groups: dict[str, list[Row]] = {}
    for row in real:
        groups.setdefault(_look(row, both), []).append(row)
    traces = []
    for look, some in groups.items():
        x = [row.get(f"alignment_{measure}", math.nan) for row in some]
        low = [row.get(f"alignment_{measure}_low", math.nan) for row in some]
        high = [row.get(f"alignment_{measure}_high", math.nan) for row in some]
        y = [float(row[metric]) for row in some]
        error = [Z95 * or_zero(row.get(f"{metric}_se")) for row in some]
        given = look.startswith("as given")
        human = look.endswith("human kernel")
        colour = HUMAN if human else MODEL
        open_ = given or "baseline" in look
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": look,
                "legendgroup": look,
                # A click on the legend adds them: they would crowd the others.
                "visible": "legendonly" if given else True,
                "x": x,
                "y": y,
                "error_x": error_bars(x, low, high, colour),
                "error_y": {
                    "type": "data",
                    "color": colour,
                    "array": error,
                    "thickness": 1.4,
                    "width": 0,
                },
                "marker": {
                    "color": "#ffffff" if open_ else colour,
                    "size": 10,
                    "symbol": "diamond" if human else "circle",
                    "line": {"color": colour, "width": 1.6},
                },
                "customdata": [_told(row, metric, measure) for row in some],
                "hovertemplate": "%{customdata}<extra></extra>",
                **place(number),
            }
        )
    return traces


def _look(row: Row, both_forms: bool) -> str:
    role = {"human": "human kernel", "baseline": "baseline, a control"}.get(
        row["role"], "language model" if row["role"] == "model" else str(row["role"])
    )
    return f"as given: {role}" if both_forms and row["form"] == "as_given" else role


def _references(
    rows: Sequence[Row], metric: str, span: tuple[float, float], number: int
) -> list[Spec]:
    """Lines across for the agents that see no kernel."""
    traces = []
    for agent, (label, dashes) in REFERENCES.items():
        for row in rows:
            if row["agent"] == agent:
                name = shown(f"{label}: {row[metric]:.2f}")
                traces.append(
                    {
                        "type": "scatter",
                        "mode": "lines",
                        "name": label,
                        "legendgroup": label,
                        "x": list(span),
                        "y": [row[metric]] * 2,
                        "line": {
                            "color": QUIET,
                            "width": 1.2,
                            "dash": {":": "dot", "--": "dash"}[dashes],
                        },
                        "hovertemplate": f"{name}<extra></extra>",
                        **place(number),
                    }
                )
    return traces


def _curves(rows: Sequence[Row], measure: str, number: int) -> list[Spec]:
    traces = []
    agents = [agent for agent in AGENTS if any(r["agent"] == agent for r in rows)]
    for at, agent in enumerate(agents):
        mine = sorted(
            (row for row in rows if row["agent"] == agent and known(row["value"])),
            key=lambda row: float(row["share"]),
        )
        colour, mark = AGENT_LOOKS[at % len(AGENT_LOOKS)]
        label = AGENTS[agent].label
        texts = []
        for row in mine:
            half = Z95 * or_zero(row["se"])
            value = interval(row["value"], row["value"] - half, row["value"] + half)
            reached = row.get(f"alignment_{measure}", math.nan)
            texts.append(
                f"<b>{shown(label)}</b><br>{row['share']:.0%} of the actions relabelled"
                f"<br>{value}"
                + (f"<br>alignment {reached:.2f}" if known(reached) else "")
            )
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": f"relabelled: {label}",
                "legendgroup": f"relabelled: {label}",
                "x": [row["share"] for row in mine],
                "y": [row["value"] for row in mine],
                "error_y": {
                    "type": "data",
                    "array": [Z95 * or_zero(row["se"]) for row in mine],
                    "thickness": 1.2,
                    "width": 0,
                },
                "line": {"color": colour, "width": 1.8},
                "marker": {"symbol": _SYMBOLS[mark], "size": 7},
                "customdata": texts,
                "hovertemplate": "%{customdata}<extra></extra>",
                **place(number),
            }
        )
    return traces


def _once(trace: Spec, already: set[str]) -> Spec:
    """In the legend a name stands once, however many panels it has."""
    name = trace["name"]
    trace["showlegend"] = name not in already
    already.add(name)
    return trace


def _told(row: Row, metric: str, measure: str) -> str:
    half = Z95 * or_zero(row.get(f"{metric}_se"))
    value = float(row[metric])
    middle, low, high = (
        float(row.get(f"alignment_{measure}{end}", math.nan))
        for end in ("", "_low", "_high")
    )
    aligned = interval(middle, low, high)
    lines = [
        f"<b>{shown(str(row['kernel']))}</b> ({str(row['form']).replace('_', ' ')})",
        shown(METRICS[metric].label)
        + f" {interval(value, value - half, value + half)}",
        f"alignment {aligned}",
    ]
    if known(row.get(f"{metric}_vs_uniform")):
        lines.append(f"against uniform choice {row[f'{metric}_vs_uniform']:+.2f}")
    return "<br>".join(lines).replace("-", "\N{MINUS SIGN}")


def _row(row: Row, metric: str, measure: str) -> dict[str, Any]:
    half = Z95 * float(row.get(f"{metric}_se", math.nan))
    return {
        "panel": "kernels",
        "agent": row["agent"],
        "kernel": row["kernel"],
        "role": row["role"],
        "form": row["form"],
        "share": row["share"],
        "alignment": row.get(f"alignment_{measure}", math.nan),
        "alignment_low": row.get(f"alignment_{measure}_low", math.nan),
        "alignment_high": row.get(f"alignment_{measure}_high", math.nan),
        metric: row[metric],
        "low": row[metric] - half,
        "high": row[metric] + half,
        "n_runs": row["n_runs"],
    }


def _curve_row(row: Row, measure: str) -> dict[str, Any]:
    half = Z95 * float(row["se"])
    return {
        "panel": "relabelled",
        "agent": row["agent"],
        "kernel": "human",
        "role": "relabelled",
        "form": "",
        "share": row["share"],
        "alignment": row.get(f"alignment_{measure}", math.nan),
        "alignment_low": math.nan,
        "alignment_high": math.nan,
        row["metric"]: row["value"],
        "low": row["value"] - half,
        "high": row["value"] + half,
        "n_runs": math.nan,
    }


def _of(row: Row, task: Task, phase: str) -> bool:
    found = (row["dimension"], row["values_from"], row["threshold_rule"])
    return found == task and row["phase"] == phase
