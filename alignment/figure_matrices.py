"""Figure: every rater's similarity matrix, side by side in one order."""

from math import ceil

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from alignment.figure_style import (
    INK,
    NEVER_JUDGED,
    QUIET,
    WIDTH,
    Drawing,
    axes_at,
    clipped,
    new_figure,
    raters_with_pairs,
    shown_name,
    write_text,
)
from alignment.layout import mid_ranks, shared_order
from alignment.matrices import IntArray
from alignment.report_files import (
    ReportData,
)


def draw_matrices(report: ReportData) -> Drawing | None:
    """Every rater's matrix in one order: people large, the others beside them."""
    shown = raters_with_pairs(report)
    if not shown:
        return None
    first, *others = shown
    order = shared_order(report.matrices[first])
    side, left, bottom, gap = 4.75, 1.2, 0.95, 0.3
    figure = new_figure(bottom + side + 1.0)
    axes = axes_at(figure, left, bottom, side, side)
    image = _matrix(axes, report, first, order)
    axes.set_title(_heading(report, first), fontsize=9, color=INK, pad=5)
    _label_rows(axes, report, order, side)
    start = left + side + 0.4
    columns, cell = _grid(len(others), WIDTH - start - 0.25, side, gap)
    for i, name in enumerate(others):
        row, column = divmod(i, columns)
        x = start + column * (cell + gap)
        y = bottom + side - cell - row * (cell + gap)
        small = axes_at(figure, x, y, cell, cell)
        _matrix(small, report, name, order)
        small.set_xticks([])
        small.set_yticks([])
        small.set_title(_heading(report, name), fontsize=8, color=INK, pad=4)
    _rank_bar(figure, image, left, 0.62, side)
    write_text(
        figure,
        left,
        0.12,
        f"One order for all, from clustering {shown_name(first)}. "
        "Light grey: never judged.",
    )
    return (
        figure,
        "How alike each rater sees the actions",
        "Colour is a pair's rank within its own matrix, so raters with different "
        "scales can be compared",
    )


def _grid(n: int, width: float, height: float, gap: float) -> tuple[int, float]:
    """Columns, and the side of a square, with which n squares fill an area best."""
    fits = [
        (
            columns,
            min(
                (width + gap) / columns - gap,
                (height + gap) / ceil(max(n, 1) / columns) - gap,
            ),
        )
        for columns in range(1, max(n, 1) + 1)
    ]
    return max(fits, key=lambda fit: fit[1])


def _matrix(axes: Axes, report: ReportData, rater: str, order: IntArray) -> AxesImage:
    ranks = mid_ranks(report.matrices[rater].take(order))
    axes.set_facecolor(NEVER_JUDGED)
    return axes.imshow(
        ranks, cmap="cividis", vmin=0, vmax=1, interpolation="nearest", aspect="auto"
    )


def _heading(report: ReportData, rater: str) -> str:
    matrix = report.matrices[rater]
    judged = matrix.pairs()[~np.isnan(matrix.pairs())]
    if np.ptp(judged) == 0:
        return f"{shown_name(rater)} (all pairs equal)"
    if matrix.n_missing:
        share = len(judged) / matrix.n_pairs
        return f"{shown_name(rater)} ({share:.0%} of pairs)"
    return shown_name(rater)


def _label_rows(axes: Axes, report: ReportData, order: IntArray, inches: float) -> None:
    """Action ids beside the rows, as large as there is room, or none."""
    points = inches * 72 / len(order)
    axes.set_xticks([])
    if points < 4:
        axes.set_yticks([])
        return
    names = [clipped(report.actions.ids[i], 24) for i in order]
    longest = max(len(name) for name in names)
    size = min(8.0, points * 0.95, 1.1 * 72 / (0.56 * longest))
    axes.set_yticks(range(len(order)), names, fontsize=size)
    axes.tick_params(axis="y", length=0)


def _rank_bar(
    figure: Figure, image: AxesImage, x: float, y: float, width: float
) -> None:
    axes = axes_at(figure, x, y, width, 0.09)
    bar = figure.colorbar(image, cax=axes, orientation="horizontal", ticks=[0, 1])
    bar.outline.set_visible(False)
    axes.tick_params(length=0)
    axes.set_xticklabels(["least alike", "most alike"])
    for label, side in zip(axes.get_xticklabels(), ("left", "right"), strict=True):
        label.set(ha=side, fontsize=8, color=QUIET)
