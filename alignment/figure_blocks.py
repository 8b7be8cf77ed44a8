"""Figures: alignment on the blocks that a sweep uses, and what each value explains."""

from collections.abc import Sequence
from math import ceil, isnan
from textwrap import fill

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from alignment.figure_alignment import KINDS, LINE
from alignment.figure_style import (
    FAINT,
    INK,
    QUIET,
    WIDTH,
    Drawing,
    axes_at,
    clipped,
    new_figure,
    shown_name,
    write_text,
)
from alignment.report_blocks import ALL, BLOCKS, CEILING, SIMILARITY, BlockRow
from alignment.report_files import ReportData

CEILING_COLOUR = "#A2527F"
HUMAN_COLOUR = "#111111"
LEFT = 1.75
COLUMNS = 5  # dimensions side by side

Panel = tuple[str, str, list[BlockRow]]
"""The key, the heading and the rows of one panel."""


def draw_blocks(report: ReportData, rows: Sequence[BlockRow]) -> Drawing | None:
    """Every rater on all pairs, within personalization, and across to the unseen."""
    raters, panels = block_panels(rows)
    if not raters:
        return None
    mine = [row for _, _, some in panels for row in some]
    tall = max(len(raters), 2) * LINE
    figure = new_figure(tall + 1.95)
    gap = 0.3
    width = (WIDTH - LEFT - 0.3 - gap * (len(BLOCKS) - 1)) / len(BLOCKS)
    span = _span(mine)
    for number, (_, heading, some) in enumerate(panels):
        axes = axes_at(figure, LEFT + number * (width + gap), 0.92, width, tall)
        _panel(axes, report, some, raters, span)
        axes.set_title(heading, fontsize=9, color=INK, pad=5)
        if not number:
            axes.set_yticks(range(len(raters)), raters, fontsize=9)
    splits = max((row.n_splits for row in mine), default=1)
    told = (
        f"Spearman; bars: 95 % intervals over actions. The blocks are means over {splits} "
        "random splits of the actions, those of a sweep's replicates. Pink line: noise "
        "ceiling there, where single raters are known."
    )
    write_text(figure, 0.25, 0.12, fill(told, 138))
    return (
        figure,
        "Alignment where a sweep uses it",
        "An agent learns on pairs within personalization; what it can carry over hangs "
        "on pairs between the phases",
    )


def draw_values(report: ReportData, rows: Sequence[BlockRow]) -> Drawing | None:
    """How far each rater's similarity follows differences on every value dimension."""
    raters, panels = value_panels(rows)
    if not panels or not raters:
        return None
    mine = [row for _, _, some in panels for row in some]
    columns = min(COLUMNS, len(panels))
    lines = ceil(len(panels) / columns)
    tall, gap = max(len(raters), 2) * 0.22, 0.22
    step = tall + 0.62
    figure = new_figure(lines * step + 1.55)
    room = WIDTH - LEFT - 0.3
    width = min((room - gap * (columns - 1)) / columns, 4.5)
    span = _span(mine)
    for number, (_, name, some) in enumerate(panels):
        line, column = divmod(number, columns)
        bottom = 0.95 + (lines - 1 - line) * step
        axes = axes_at(figure, LEFT + column * (width + gap), bottom, width, tall)
        _panel(axes, report, some, raters, span)
        axes.set_title(clipped(name, 24), fontsize=8.5, color=INK, pad=4)
        if not column:
            shown = [shown_name(rater) for rater in raters]
            axes.set_yticks(range(len(raters)), shown, fontsize=8)
    told = (
        "Spearman between a rater's similarities and 1 - |difference in people's mean "
        "value|, all pairs; bars: 95 % intervals over actions. Pink line: the most that "
        "people's noise in this value allows."
    )
    write_text(figure, 0.25, 0.12, fill(told, 138))
    return (
        figure,
        "What each view of the actions follows",
        "How far similarity follows differences in people's values; black: people's own "
        "similarity",
    )


def block_panels(rows: Sequence[BlockRow]) -> tuple[list[str], list[Panel]]:
    """Raters from the best aligned down, and a panel for each block of pairs."""
    mine = [row for row in rows if row.target == SIMILARITY]
    panels = [
        (block, heading, [row for row in mine if row.block == block])
        for block, heading in BLOCKS.items()
    ]
    return _order(mine), panels


def value_panels(rows: Sequence[BlockRow]) -> tuple[list[str], list[Panel]]:
    """Raters, people's own first, and a panel for each value dimension."""
    mine = [row for row in rows if row.block == ALL and row.target != SIMILARITY]
    names = list(dict.fromkeys(row.target for row in mine))
    raters = _order([row for row in rows if row.block == ALL])
    people = [row.rater for row in mine if row.rater not in (*raters, CEILING)]
    panels = [
        (name, name, [row for row in mine if row.target == name]) for name in names
    ]
    return [*dict.fromkeys(people), *raters], panels


def _order(rows: Sequence[BlockRow]) -> list[str]:
    """Raters of the similarity rows, the best aligned on all pairs first."""
    value = {
        row.rater: -2.0 if isnan(row.value) else row.value
        for row in rows
        if row.block == ALL and row.target == SIMILARITY and row.rater != CEILING
    }
    return sorted(value, key=lambda rater: -value[rater])


def _span(rows: Sequence[BlockRow]) -> tuple[float, float]:
    """One scale for all panels."""
    reach = [
        number
        for row in rows
        for number in (row.value, row.low, row.high)
        if not isnan(number)
    ]
    low, high = min([0.0, *reach]), max([0.1, *reach])
    pad = 0.06 * (high - low)
    return low - pad, high + pad


def _panel(
    axes: Axes,
    report: ReportData,
    rows: Sequence[BlockRow],
    raters: Sequence[str],
    span: tuple[float, float],
) -> None:
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.set_yticks([])
    axes.axvline(0, color=QUIET, lw=0.8, zorder=1)
    for row in rows:
        if row.rater == CEILING:
            if not isnan(row.value):
                axes.axvline(row.value, color=CEILING_COLOUR, lw=1.2, zorder=1)
            continue
        line = raters.index(row.rater)
        axes.axhline(line, color=FAINT, lw=0.6, zorder=0)
        colour = KINDS.get(report.rater(row.rater).kind, ("", HUMAN_COLOUR))[1]
        if isnan(row.value):
            axes.text(0, line, " undefined", fontsize=6.5, color=QUIET, va="center")
            continue
        axes.plot([row.low, row.high], [line, line], color=colour, lw=2, alpha=0.55)
        axes.plot(row.value, line, "o", color=colour, ms=5)
    axes.set_ylim(len(raters) - 0.4, -0.6)
    axes.set_xlim(*span)
    axes.xaxis.set_major_locator(MaxNLocator(4))
