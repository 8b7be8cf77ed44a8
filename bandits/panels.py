"""The two kinds of panel in a sweep's figures, and labels that do not overlap."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes

from bandits.kernel_ends import SHUFFLED
from bandits.kernel_entry import CORRUPTED
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


# Points above a mark, and to its right (1) or left (-1), in the order they are tried.
_PLACES = tuple(
    (up, across) for up in (4, -12, 13, -21, 22, -30, 31, 40) for across in (1, -1)
)


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
    forms_of: dict[tuple[str, float], dict[str, Row]] = {}
    for row in rows:
        real = row["role"] not in ("none", *CORRUPTED) and row["kernel"] != SHUFFLED
        if real and known(row.get(metric)):
            # Of the human kernel there may be several, one for each halving.
            which = row["kernel"], float(row.get("draw", 0))
            forms_of.setdefault(which, {})[row["form"]] = row
    for (name, _), forms in forms_of.items():
        row = forms.get("matched") or forms["as_given"]
        x, y = row.get(f"alignment_{measure}", math.nan), row[metric]
        human = row["role"] == "human"
        colour = HUMAN if human else MODEL
        if not known(x):
            dashes = "-" if human else "-."
            axes.axhline(y, color=colour, linewidth=1.2, linestyle=dashes, zorder=2)
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
    axes.tick_params(length=0)
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
            f"{share:.0%}"
            + (f"\n{reached[share]:.2f}" if known(reached[share]) else "")
            for share in shares
        ],
    )
    axes.set_xlabel("Share of actions relabelled, and alignment reached")
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
    marks = []
    for label in labels:
        x = label.x if known(label.x) else axes.get_xlim()[0]
        marks.append(axes.transData.transform((x, label.y)) * to_points)
    taken = [(x - 4, y - 4, x + 4, y + 4) for x, y in marks]
    left, right = box.x0 * to_points, box.x1 * to_points
    for label, (x, y) in sorted(zip(labels, marks, strict=True), key=lambda m: m[1][1]):
        width = 0.7 * LABEL_SIZE * len(label.text)
        for up, across in _PLACES:
            start = x + 6 if across > 0 else x - 6 - width
            spot = (start, y + up, start + width, y + up + LABEL_SIZE)
            if (
                spot[0] >= left - 2
                and spot[2] <= right + 2
                and not any(_overlap(spot, other) for other in taken)
            ):
                break
        taken.append(spot)
        axes.annotate(
            label.text,
            (start if across > 0 else start + width, y + up),
            xycoords="figure points",
            fontsize=LABEL_SIZE,
            color=label.colour,
            ha="left" if across > 0 else "right",
            va="bottom",
            # Above the lines across, which would strike through it; below the marks.
            zorder=2.5,
            bbox={"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 0.5},
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


def _overlap(
    a: tuple[float, float, float, float], b: tuple[float, float, float, float]
) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _gap(low: float, high: float) -> float:
    return max(0.0, or_zero(high - low))


def _quiet(axes: Axes) -> None:
    axes.grid(axis="y", color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.margins(x=0.09, y=0.12)
