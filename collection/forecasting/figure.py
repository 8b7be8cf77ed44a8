"""The plot of a forecast: reliability and ceiling against participants, and the cost.

Drawn in the process of the command, never in the web's.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from alignment.figure_style import (
    FAINT,
    INK,
    QUIET,
    axes_at,
    finish,
    new_figure,
    write_text,
)
from collection.forecasting.curve import CurvePoint
from collection.forecasting.runs import Forecast
from collection.forecasting.settings import NOISE, Level

BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#7B4F9E"
COLOURS = {"reliability": BLUE, "ceiling": ORANGE}
PANEL, GAP, FOOT, COST = 2.1, 0.75, 0.75, 1.5
MOST_VALUES = 12
"""More dimensions than this are no lines to tell apart."""


def draw_forecast(result: Forecast, path: Path) -> list[Path]:
    """Draw `path`.svg, .png and .pdf: a panel for each kind of judgment, cost below."""
    alike = [t for t in result.targets if not t.startswith("value ")]
    values = [t for t in result.targets if t.startswith("value ")]
    n_panels = len(alike) + bool(values)
    paid = result.pay is not None
    height = 1.0 + n_panels * (PANEL + GAP) + (COST + GAP) * paid + 0.35
    figure = new_figure(height)
    top = height - 1.15
    for target in alike:
        axes = axes_at(figure, 0.85, top - PANEL, 6.6, PANEL)
        _agreement(axes, result, target)
        _beside(figure, result, target, top)
        top -= PANEL + GAP
    if values:
        axes = axes_at(figure, 0.85, top - PANEL, 6.6, PANEL)
        _values(axes, result, values)
        write_text(
            figure,
            7.7,
            top - 0.15,
            "Each line: the mean over people\non one value dimension.\n"
            "Band: 95 of 100 studies.",
            va="top",
        )
        top -= PANEL + GAP
    if paid:
        axes = axes_at(figure, 0.85, top - COST, 6.6, COST)
        _cost(axes, result)
    settings = result.settings
    return finish(
        figure,
        path,
        title=f"What participants buy: {result.title}",
        subtitle=f"{settings.replicates} simulated studies a level of noise; "
        f"{settings.careless:.0%} careless, {settings.dropout:.0%} drop out and are "
        "replaced",
        mark=f"{result.slug} {result.definition_sha256[:8]} seed {settings.seed}",
        simulated=True,
    )


def _agreement(axes: Axes, result: Forecast, target: str) -> None:
    points = result.expected[target]
    for what, colour in COLOURS.items():
        _line(axes, points, what, colour, label=what)
    others_than_expected: tuple[Level, ...] = ("optimistic", "pessimistic")
    for level in others_than_expected:
        others = result.curves[level][target]
        x = [point.n for point in others if _stands(point)]
        y = [point.reliability.value for point in others if _stands(point)]
        axes.plot(x, y, color=BLUE, lw=0.9, ls=(0, (4, 3)))
    _scaled(axes, result)
    axes.set_title(target, fontsize=10, color=INK, loc="left", pad=6)
    axes.legend(fontsize=7.5, frameon=False, loc="lower right")


def _stands(point: CurvePoint) -> bool:
    return not isnan(point.reliability.value) and point.refused <= 0.5


def _line(
    axes: Axes, points: Sequence[CurvePoint], what: str, colour: str, *, label: str
) -> None:
    standing = [point for point in points if _stands(point)]
    bands = [getattr(point, what) for point in standing]
    x = [point.n for point in standing]
    axes.plot(
        x, [b.value for b in bands], color=colour, lw=1.8, marker="o", ms=4, label=label
    )
    axes.fill_between(
        x,
        [b.low for b in bands],
        [b.high for b in bands],
        color=colour,
        alpha=0.16,
        lw=0,
    )
    for point in points:
        if not _stands(point) and what == "reliability":
            axes.annotate(
                "refused",
                (point.n, 0.02),
                fontsize=7,
                color=QUIET,
                ha="center",
                va="bottom",
            )


def _values(axes: Axes, result: Forecast, values: Sequence[str]) -> None:
    for target in values[:MOST_VALUES]:
        standing = [point for point in result.expected[target] if _stands(point)]
        x = [point.n for point in standing]
        axes.fill_between(
            x,
            [p.reliability.low for p in standing],
            [p.reliability.high for p in standing],
            color=GREEN,
            alpha=0.25 / len(values),
            lw=0,
        )
        axes.plot(
            x,
            [p.reliability.value for p in standing],
            color=GREEN,
            lw=1.2,
            marker="o",
            ms=2.5,
        )
    _scaled(axes, result)
    axes.set_title(
        f"reliability of values ({len(values)} "
        f"{'dimension' if len(values) == 1 else 'dimensions'})",
        fontsize=10,
        color=INK,
        loc="left",
        pad=6,
    )


def _scaled(axes: Axes, result: Forecast) -> None:
    _participants(axes, result)
    axes.set_ylim(0, 1.02)
    axes.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    axes.axhline(0.8, color=FAINT, lw=0.8, zorder=0)


def _participants(axes: Axes, result: Forecast) -> None:
    numbers = result.settings.participants
    axes.set_xscale("log")
    axes.set_xlim(numbers[0] / 1.15, numbers[-1] * 1.15)
    axes.set_xticks(numbers)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("participants who finish", fontsize=8, color=QUIET, labelpad=2)


def _cost(axes: Axes, result: Forecast) -> None:
    pay = result.pay
    assert pay is not None
    numbers = result.settings.participants
    totals = [pay.cost(n).total / 100 for n in numbers]
    axes.plot(numbers, totals, color=PURPLE, lw=1.8, marker="o", ms=4)
    for n, total in zip(numbers, totals, strict=True):
        axes.annotate(
            pay.shown(round(100 * total)),
            (n, total),
            xytext=(0, 5),
            textcoords="offset points",
            fontsize=7.5,
            color=PURPLE,
            ha="center",
        )
    _participants(axes, result)
    axes.set_yscale("log")
    axes.margins(y=0.25)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:,.0f}"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_title(
        f"cost with fees and tax ({pay.section.currency})",
        fontsize=10,
        color=INK,
        loc="left",
        pad=6,
    )


def _beside(figure: Figure, result: Forecast, target: str, top: float) -> None:
    """What the largest study would look like, beside the panel."""
    point = result.expected[target][-1]
    said = (
        f"At {point.n:,} participants:\n"
        f"{point.per_cell:.1f} judgments a pair\n"
        f"{point.unjudged:.0%} of pairs unjudged\n"
        f"{point.n_usable:.0f} usable people\n"
        "\nBand: 95 of 100 studies.\nBroken lines: reliability with\n"
        f"noise x {NOISE['optimistic']:g} (above) and x {NOISE['pessimistic']:g}."
    )
    write_text(figure, 7.7, top - 0.15, said, va="top")
