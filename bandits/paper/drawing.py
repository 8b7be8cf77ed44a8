"""What the experiment's figures have in common: panels, points, bands, captions."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from alignment.figure_style import (
    FAINT,
    INK,
    QUIET,
    WIDTH,
    axes_at,
    finish,
    new_figure,
    write_text,
)
from bandits.paper.parts import Row, Tables
from bandits.paper.study import Study

HUMAN, MODEL, BASELINE, END = "#B8432F", "#0072B2", "#8A6D3B", "#444444"
BAND = "#E7E7E7"
SERIES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#8A6D3B", "#56B4E9")
ROLES = {"human": HUMAN, "model": MODEL, "baseline": BASELINE, "end": END}
MARKS = {"human": "D", "model": "o", "baseline": "o", "end": "s"}
UNSEEN, LEARNING = "generalization", "personalization"
LABELS = {
    "mean_reward": "reward a step (0-100)",
    "unsafe_share": "share of choices unsafe",
    "low_value_share": "share of choices of low value",
    "unique_actions": "different actions tried",
    "value_rank_correlation": "values ranked right",
}
SHOWN = {"value_oracle": "value oracle", "none": "no kernel"}


class Page(NamedTuple):
    """A figure being drawn: where it goes and what it says of itself."""

    study: Study
    tables: Tables
    folder: Path
    mark: str

    def rows(self, table: str, **wanted: Any) -> list[Row]:
        """The rows of a table that have these values; none if there is no table."""
        return [
            row
            for row in self.tables.get(table, ())
            if all(row.get(name) == value for name, value in wanted.items())
        ]

    def blank(self, height: float, caption: Sequence[str]) -> tuple[Figure, float]:
        """`page`, which also says what the value is that everything turns on."""
        named = {task.dimension for task in self.study.tasks}
        meant = [
            f"{name}: {row.definition.rstrip('.')}."
            for name, row in self.study.report.dimensions.items()
            if name in named and row.definition
        ]
        # Of many dimensions no figure has room to tell: the summary does.
        return page(height, [*caption, *(meant if len(named) == 1 else ())])

    def save(self, figure: Figure, name: str, title: str, subtitle: str) -> list[Path]:
        """Write SVG, PNG and PDF, stamped where participants are simulated."""
        return finish(
            figure,
            self.folder / name,
            title=title,
            subtitle=subtitle,
            mark=self.mark,
            simulated=self.study.simulated,
        )


def page(height: float, caption: Sequence[str]) -> tuple[Figure, float]:
    """A figure so high above its caption, and where the space above that begins."""
    lines = textwrap.wrap(" ".join(caption), 150)
    bottom = 0.3 + 0.16 * len(lines)
    figure = new_figure(height + bottom + 0.95)
    write_text(figure, 0.25, 0.22, "\n".join(lines))
    return figure, bottom


def panel(
    figure: Figure,
    place: tuple[float, float, float, float],
    title: str,
    *,
    x: str = "",
    y: str = "",
) -> Axes:
    """Axes at (left, bottom, width, height) inches, with a title and quiet grid."""
    axes = axes_at(figure, *place)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.set_title(title, fontsize=9, color=INK, loc="left", pad=7, weight="bold")
    axes.set_xlabel(x, fontsize=8, color=INK, labelpad=4)
    axes.set_ylabel(y, fontsize=8, color=INK, labelpad=4)
    axes.grid(axis="y", color=FAINT, linewidth=0.5)
    axes.set_axisbelow(True)
    return axes


def said(axes: Axes, sentence: str) -> None:
    """A panel that cannot be drawn says why."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
    axes.text(
        0.5,
        0.5,
        textwrap.fill(sentence, 38),
        transform=axes.transAxes,
        ha="center",
        va="center",
        fontsize=8,
        color=QUIET,
    )


def point(axes: Axes, x: float, y: float, role: str, **more: Any) -> None:
    """One kernel: human, model, baseline (hollow) or an end of the scale."""
    colour = more.pop("color", ROLES.get(role, QUIET))
    axes.plot(
        [x],
        [y],
        linestyle="none",
        marker=MARKS.get(role, "o"),
        markersize=more.pop("markersize", 6),
        color=colour,
        markerfacecolor="white" if role == "baseline" else colour,
        zorder=4,
        **more,
    )


def bars(
    axes: Axes,
    at: tuple[float, float],
    across: tuple[float, float] | None,
    up: tuple[float, float] | None,
    colour: str,
) -> None:
    """Intervals through a point, thin; none where an end is not known."""
    x, y = at
    if across is not None and not any(map(math.isnan, across)):
        axes.plot(across, [y, y], color=colour, linewidth=0.8, alpha=0.7, zorder=3)
    if up is not None and not any(map(math.isnan, up)):
        axes.plot([x, x], up, color=colour, linewidth=0.8, alpha=0.7, zorder=3)


def curve(
    axes: Axes,
    rows: Sequence[Row],
    colour: str,
    *,
    shift: float = 0.0,
    band: bool = True,
    dots: bool = False,
    seed: int = 0,
) -> tuple[float, float]:
    """One agent's corruption curve: mean over curves at each dose, 95 % band.

    The band resamples whole curves. At each dose the alignments differ a little from
    curve to curve: their mean is where it is drawn.

    Returns:
        The place of its end at the lowest alignment, for a label.
    """
    draws = sorted({row["draw"] for row in rows} - {0.0})
    shares = sorted({row["share"] for row in rows} - {0.0})
    whole = next(row for row in rows if row["draw"] == 0)
    of = {(row["draw"], row["share"]): row for row in rows}

    def table(name: str) -> Any:
        return np.array(
            [
                [whole[name], *(of[draw, share][name] for share in shares)]
                for draw in draws
            ]
        )

    x, y = table("alignment"), table("mean") - shift
    middle = x.mean(0)
    axes.plot(middle, y.mean(0), color=colour, linewidth=1.6, zorder=3)
    if band and len(draws) > 2:
        rng = np.random.default_rng(seed)
        drawn = y[rng.integers(0, len(y), (1000, len(y)))].mean(1)
        low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
        axes.fill_between(middle, low, high, color=colour, alpha=0.15, linewidth=0)
    if dots:
        axes.plot(
            x.ravel(),
            y.ravel(),
            linestyle="none",
            marker="o",
            markersize=2.5,
            color=colour,
            alpha=0.45,
        )
    return float(middle[-1]), float(y.mean(0)[-1])


def settle(axes: Axes) -> None:
    """Fix the limits: names move apart in points of the page, and must know them."""
    figure = axes.get_figure(root=True)
    if isinstance(figure, Figure):
        figure.draw_without_rendering()


def spread(places: Sequence[float], gap: float) -> list[float]:
    """The same places, in order, moved apart until neighbours are `gap` away."""
    order = np.argsort(places, kind="stable")
    moved = np.array(places, dtype=float)[order]
    for _ in range(200):
        close = np.diff(moved) < gap - 1e-9
        if not close.any():
            break
        for at in np.flatnonzero(close):
            push = (gap - (moved[at + 1] - moved[at])) / 2
            moved[at] -= push
            moved[at + 1] += push
    found = np.empty(len(moved))
    found[order] = moved
    return [float(one) for one in found]


def name_ends(axes: Axes, ends: Sequence[tuple[float, float, str, str]]) -> None:
    """Names beside the right ends of lines, moved apart; (x, y, text, colour) each."""
    if not ends:
        return
    low, high = axes.get_ylim()
    height = axes.get_window_extent().height
    gap = (high - low) * 11 * axes.figure.get_dpi() / 72 / height
    for (_, _, text, colour), y in zip(
        ends, spread([end[1] for end in ends], gap), strict=True
    ):
        axes.annotate(
            text,
            (1.0, y),
            (4, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            fontsize=7,
            color=colour,
            va="center",
            annotation_clip=False,
        )


def named(axes: Axes, labels: Sequence[tuple[float, float, str, str]]) -> None:
    """Names beside points, those that would overlap moved up or down."""
    figure = axes.figure
    scale = figure.get_dpi() / 72
    taken: list[tuple[float, float, float, float]] = []
    marks = [tuple(axes.transData.transform((x, y))) for x, y, _, _ in labels]
    taken += [(x - 4, y - 4, x + 4, y + 4) for x, y in marks]
    box = axes.get_window_extent()
    for (_, _, text, colour), (px, py) in zip(labels, marks, strict=True):
        width, tall = 4.1 * len(text) * scale, 8 * scale
        best = None
        for up in (5, -6, 9, -9, 18, -18, 27, -27, 36, -36):
            for right in (True, False):
                left = px + 7 * scale if right else px - 7 * scale - width
                low = py + up * scale - tall / 2
                spot = (left, low, left + width, low + tall)
                inside = box.x0 <= spot[0] and spot[2] <= box.x1 + 40
                free = all(
                    spot[2] < other[0]
                    or other[2] < spot[0]
                    or spot[3] < other[1]
                    or other[3] < spot[1]
                    for other in taken
                )
                if inside and free:
                    best = (spot, up, right)
                    break
            if best:
                break
        spot, up, right = best or ((px, py, px, py), 9, True)
        taken.append(spot)
        axes.annotate(
            text,
            tuple(axes.transData.inverted().transform((px, py))),
            (7 if right else -7, up),
            textcoords="offset points",
            fontsize=7,
            color=colour,
            va="center",
            ha="left" if right else "right",
            annotation_clip=False,
        )


def shown(name: str) -> str:
    """A kernel's name as a reader should see it."""
    return SHOWN.get(name, name)


def plain(rows: Sequence[Mapping[str, Any]], phase: str, metric: str) -> float:
    """What Thompson sampling without a kernel did, from the synthetic curve's rows."""
    for row in rows:
        if (row["kind"], row["agent"], row["phase"], row["metric"]) == (
            "none",
            "thompson_independent",
            phase,
            metric,
        ):
            return float(row["mean"])
    return math.nan


__all__ = ["FAINT", "INK", "QUIET", "WIDTH", "axes_at", "new_figure", "write_text"]
