"""The two kinds of panel in a sweep's figures, and labels that do not overlap."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes

from bandits.policies import AGENTS

Row = Mapping[str, Any]

INK, QUIET, RULE = "#1d2430", "#69727f", "#d5d9df"
MODEL, HUMAN, STAMP = "#1f5f99", "#b8432f", "#a33a2a"
AGENT_LOOKS = (
    ("#1f5f99", "o"),
    ("#c7662a", "s"),
    ("#3d7d53", "^"),
    ("#8a4f8f", "D"),
    ("#8c6d1f", "v"),
    ("#4a6a73", "P"),
)
REFERENCES = {
    "uniform": ("uniform choice", ":"),
    "thompson_independent": ("Thompson, no kernel", "--"),
}
"""Agents without a kernel, drawn as lines across: their label and line style."""
LABEL_SIZE = 7.5


class Label(NamedTuple):
    """A name to be written beside what it names; x is NaN for a line across."""

    x: float
    y: float
    text: str
    colour: str


def real_kernels(
    axes: Axes, rows: Sequence[Row], metric: str, measure: str
) -> list[Label]:
    """One agent's outcome with each real kernel, against its alignment.

    The mark is the matched form, the dash the same kernel as given. A kernel without
    an alignment (the human one of published means) is a line across.

    Returns:
        The names of the marks, to be written once the limits stand.
    """
    _quiet(axes)
    labels: list[Label] = []
    forms_of: dict[str, dict[str, Row]] = {}
    for row in rows:
        if row["role"] not in ("none", "relabelled") and known(row.get(metric)):
            forms_of.setdefault(row["kernel"], {})[row["form"]] = row
    for name, forms in forms_of.items():
        row = forms.get("matched") or forms["as_given"]
        x, y = row.get(f"alignment_{measure}", math.nan), row[metric]
        human = row["role"] == "human"
        colour = HUMAN if human else MODEL
        if not known(x):
            axes.axhline(y, color=colour, linewidth=1.2, zorder=2)
            labels.append(Label(math.nan, y, name, colour))
            continue
        given = forms.get("as_given")
        if given is not None and given is not row and not human:
            axes.plot([x, x], [y, given[metric]], color=QUIET, linewidth=0.7, zorder=1)
            axes.plot(x, given[metric], "_", color=QUIET, ms=8, mew=1.6, zorder=2)
        low = row.get(f"alignment_{measure}_low", math.nan)
        high = row.get(f"alignment_{measure}_high", math.nan)
        axes.errorbar(
            x,
            y,
            xerr=[[_gap(low, x)], [_gap(x, high)]],
            yerr=1.96 * or_zero(row.get(f"{metric}_se")),
            fmt="D" if human else "o",
            color=colour,
            markerfacecolor="white" if row["role"] == "baseline" else colour,
            markersize=6.5 if human else 6,
            elinewidth=0.9,
            zorder=3,
        )
        labels.append(Label(x, y, name, colour))
    return labels


def corruption(axes: Axes, rows: Sequence[Row], measure: str) -> list[Label]:
    """Outcome along the share of actions relabelled, a line per agent.

    Returns:
        The agents' names at the ends of their lines.
    """
    _quiet(axes)
    axes.tick_params(labelleft=False, length=0)
    labels = []
    agents = [agent for agent in AGENTS if any(r["agent"] == agent for r in rows)]
    shares = sorted({row["share"] for row in rows})
    for place, agent in enumerate(agents):
        mine = sorted(
            (row for row in rows if row["agent"] == agent and known(row["value"])),
            key=lambda row: float(row["share"]),
        )
        if not mine:
            continue
        colour, mark = AGENT_LOOKS[place % len(AGENT_LOOKS)]
        # A small shift each, so that the intervals of four agents can be told apart.
        shift = (place - (len(agents) - 1) / 2) * 0.008
        axes.errorbar(
            [row["share"] + shift for row in mine],
            [row["value"] for row in mine],
            yerr=[1.96 * or_zero(row["se"]) for row in mine],
            color=colour,
            marker=mark,
            markersize=4.5,
            linewidth=1.4,
            elinewidth=0.9,
        )
        name = AGENTS[agent].label
        labels.append(Label(mine[-1]["share"], mine[-1]["value"], name, colour))
    reached = {row["share"]: row.get(f"alignment_{measure}", math.nan) for row in rows}
    axes.set_xticks(
        shares,
        [
            f"{share:.0%}" + (f"\n{reached[share]:.2f}" if known(reached[share]) else "")
            for share in shares
        ],
    )
    axes.set_xlabel("Share of actions relabelled" + "\n(below: alignment reached)")
    return labels


def references(axes: Axes, rows: Sequence[Row], metric: str) -> list[Label]:
    """Lines across for the agents that see no kernel.

    Returns:
        Their names, for the margin.
    """
    labels = []
    for row in rows:
        if row["agent"] in REFERENCES and known(row.get(metric)):
            name, dashes = REFERENCES[row["agent"]]
            axes.axhline(
                row[metric], color=QUIET, linestyle=dashes, linewidth=1, zorder=1
            )
            labels.append(Label(math.nan, row[metric], name, QUIET))
    return labels


def name_points(axes: Axes, labels: Sequence[Label]) -> None:
    """Write each name beside its mark, moved up or down until none overlap."""
    box = axes.get_window_extent()
    to_points = 72 / axes.figure.dpi
    placed: list[tuple[float, float, float, float]] = []
    for label in sorted(labels, key=lambda one: one.y):
        width = 0.62 * LABEL_SIZE * len(label.text)
        if known(label.x):
            x, y = axes.transData.transform((label.x, label.y)) * to_points
        else:
            _, y = axes.transData.transform((axes.get_xlim()[0], label.y)) * to_points
            x = box.x0 * to_points
        fits = x + width + 8 < box.x1 * to_points
        left = x + 6 if fits else x - 6 - width
        wanted = y + 4
        while any(
            left < right_edge
            and left + width > left_edge
            and wanted < over
            and wanted + LABEL_SIZE + 1 > under
            for left_edge, right_edge, under, over in placed
        ):
            wanted += 2
        placed.append((left, left + width, wanted, wanted + LABEL_SIZE + 1))
        axes.annotate(
            label.text,
            (left if fits else left + width, wanted),
            xycoords="figure points",
            fontsize=LABEL_SIZE,
            color=label.colour,
            ha="left" if fits else "right",
            va="bottom",
            zorder=4,
        )


def name_lines(axes: Axes, labels: Sequence[Label]) -> None:
    """Write names in the margin to the right, at the height of their lines."""
    box = axes.get_window_extent()
    to_points = 72 / axes.figure.dpi
    last = -math.inf
    for label in sorted(labels, key=lambda one: one.y):
        _, y = axes.transData.transform((axes.get_xlim()[1], label.y)) * to_points
        last = max(y, last + LABEL_SIZE + 3)
        axes.annotate(
            label.text,
            (box.x1 * to_points + 6, last),
            xycoords="figure points",
            fontsize=LABEL_SIZE,
            color=label.colour,
            va="center",
            annotation_clip=False,
        )


def known(number: object) -> bool:
    """Whether there is a number at all."""
    return isinstance(number, float | int) and not math.isnan(number)


def or_zero(number: float | None) -> float:
    """No error bar where there is no error."""
    return 0.0 if number is None or math.isnan(number) else number


def _gap(low: float, high: float) -> float:
    return max(0.0, or_zero(high - low))


def _quiet(axes: Axes) -> None:
    axes.grid(axis="y", color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.margins(x=0.09, y=0.12)
