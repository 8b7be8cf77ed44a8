"""Figure: the actions on a plane, alike ones close together."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure

from alignment.figure_style import (
    INK,
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
from alignment.label_places import label_places
from alignment.layout import classical_map
from alignment.matrices import FloatArray
from alignment.report_files import (
    GROUP,
    DimensionRow,
    ReportData,
)


def draw_map(report: ReportData) -> Drawing | None:
    """Actions on a plane, alike ones close, coloured by the first value dimension."""
    shown = raters_with_pairs(report)
    if not shown:
        return None
    first = shown[0]
    matrix = report.matrices[first]
    positions, share = classical_map(matrix)
    dimension = first_dimension(report)
    figure = new_figure(7.3)
    axes = axes_at(figure, 0.25, 0.65, WIDTH - 0.5, 5.8)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(0.09)
    if dimension is None:
        axes.scatter(
            positions[:, 0],
            positions[:, 1],
            s=34,
            c="#0072B2",
            lw=0.6,
            ec=INK,
            zorder=2,
        )
        told = coloured = ""
    else:
        values = report.values[dimension.dimension, GROUP]
        _coloured_points(figure, axes, positions, values, dimension)
        told = f"{dimension.dimension}: {dimension.definition}\n"
        coloured = f". Colour: mean value on {dimension.dimension}"
    _label_points(figure, axes, positions, report.actions.ids)
    gaps = matrix.n_missing
    missing = (
        f" {gaps:,} pairs that were never judged count as the mean." if gaps else ""
    )
    write_text(
        figure,
        0.25,
        0.12,
        told + f"Classical scaling; these two dimensions hold {share:.0%} of the "
        f"structure.{missing}",
    )
    return (
        figure,
        "Map of the actions",
        f"Close together: seen as alike by {shown_name(first)}{coloured}",
    )


def first_dimension(report: ReportData) -> DimensionRow | None:
    for name, dimension in report.dimensions.items():
        if (name, GROUP) in report.values:
            return dimension
    return None


def _coloured_points(
    figure: Figure,
    axes: Axes,
    positions: FloatArray,
    values: FloatArray,
    dimension: DimensionRow,
) -> None:
    judged = ~np.isnan(values)
    x, y = positions.T
    axes.scatter(x[~judged], y[~judged], s=40, c="white", lw=0.7, ec=QUIET, zorder=2)
    low, high = 0.0, 100.0
    middle = min(max(dimension.threshold, low + 1), high - 1)
    points = axes.scatter(
        x[judged],
        y[judged],
        s=46,
        c=values[judged],
        cmap="PuOr",
        norm=TwoSlopeNorm(middle, low, high),
        lw=0.6,
        ec=INK,
        zorder=2,
    )
    height = float(figure.get_size_inches()[1])
    bar_axes = axes_at(figure, WIDTH - 3.1, height - 0.62, 2.0, 0.1)
    ticks = sorted({low, middle, high})
    bar = figure.colorbar(points, cax=bar_axes, orientation="horizontal", ticks=ticks)
    bar.outline.set_visible(False)
    bar_axes.tick_params(length=2, labelsize=7.5, labelcolor=QUIET)
    bar_axes.set_xticklabels([f"{tick:g}" for tick in ticks])
    for side, ha, label in (
        (-0.02, "right", dimension.low_label),
        (1.02, "left", dimension.high_label),
    ):
        bar_axes.text(
            side,
            0.5,
            clipped(label, 18),
            transform=bar_axes.transAxes,
            ha=ha,
            va="center",
            fontsize=7.5,
            color=QUIET,
        )


def _label_points(
    figure: Figure, axes: Axes, positions: FloatArray, names: tuple[str, ...]
) -> None:
    """Each action's id beside its point, placed so that labels can be read."""
    size = 8.0 if len(names) <= 60 else 6.5
    axes.apply_aspect()
    texts = [
        axes.text(0, 0, clipped(name, 26), fontsize=size, color=INK, zorder=3)
        for name in names
    ]
    renderer = FigureCanvasAgg(figure).get_renderer()  # type: ignore[no-untyped-call]
    boxes = [text.get_window_extent(renderer) for text in texts]
    points = np.asarray(axes.transData.transform(positions))
    frame = axes.get_window_extent(renderer)
    dot = figure.dpi / 72
    places = label_places(
        points,
        [(box.width, box.height) for box in boxes],
        gap=5.0 * dot,
        bounds=(frame.x0, frame.y0, frame.x1, frame.y1),
    )
    back = axes.transData.inverted()
    for text, place, box, point in zip(texts, places, boxes, points, strict=True):
        text.set_position(tuple(back.transform(place)))
        text.set_verticalalignment("bottom")
        nearest = np.clip(point, place, place + np.array([box.width, box.height]))
        if np.linalg.norm(nearest - point) > 9 * dot:  # far: show what it belongs to
            line = back.transform([point, nearest])
            axes.plot(*line.T, color=QUIET, lw=0.5, zorder=1)
