"""The three figures of a report. They draw what the report holds and compute nothing.

A figure of simulated participants says so. Its corner carries the short hash of the
snapshot: the report's own manifest is written after its figures and hashes them.
"""

from collections.abc import Callable, Mapping
from math import ceil, isnan, sqrt
from pathlib import Path
from textwrap import fill

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from alignment.figure_style import (
    FAINT,
    INK,
    NEVER_JUDGED,
    QUIET,
    WIDTH,
    axes_at,
    finish,
    new_figure,
    write_text,
)
from alignment.label_places import label_places
from alignment.layout import classical_map, mid_ranks, shared_order
from alignment.matrices import FloatArray, IntArray
from alignment.measures.table import MEASURES, Measure
from alignment.progress import Progress
from alignment.report_files import (
    GROUP,
    HALF_A,
    HALF_B,
    HUMAN,
    TRIPLETS,
    AlignmentRow,
    DimensionRow,
    ReliabilityRow,
    ReportData,
)

# Kind of rater -> heading and colour, in the order in which they stand.
KINDS = {
    "triplets": ("people", "#111111"),
    "embedding": ("embedding models", "#0072B2"),
    "chat": ("chat models", "#D55E00"),
    "recorded": ("recorded", "#009E73"),
    "baseline": ("baselines", "#8A6D3B"),
}
NAMES = {HUMAN: "people", TRIPLETS: "people (triplets)"}
LINE = 0.27  # inches of height for one rater

Drawing = tuple[Figure, str, str]  # the figure, its title and its subtitle


def draw(report: ReportData, folder: Path, *, mark: str) -> list[Path]:
    """Draw the figures that the report has something for, as SVG and PNG.

    Args:
        mark: What stands in a corner, so that a figure can be traced to its data.

    Returns:
        The files written.
    """
    steps: dict[str, Callable[[ReportData], Drawing | None]] = {
        "matrices": draw_matrices,
        "alignment": draw_alignment,
        "map": draw_map,
    }
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    with Progress("drawing figures", len(steps)) as progress:
        for name, step in steps.items():
            drawn = step(report)
            if drawn is not None:
                figure, title, subtitle = drawn
                files += finish(
                    figure,
                    folder / name,
                    title=title,
                    subtitle=subtitle,
                    mark=mark,
                    simulated=report.simulated,
                )
            progress.advance()
    return files


def draw_matrices(report: ReportData) -> Drawing | None:
    """Every rater's matrix in one order: people large, the others beside them."""
    shown = _with_any_pair(report)
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
    columns = ceil(sqrt(len(others))) if others else 1
    rows = ceil(len(others) / columns)
    cell = min(
        (WIDTH - start - 0.25 + gap) / columns - gap,
        (side + gap) / max(rows, 1) - gap,
    )
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
        f"One order for all, from clustering {_name(first)}. Light grey: never judged.",
    )
    return (
        figure,
        "How alike each rater sees the actions",
        "Colour is a pair's rank within its own matrix, so raters with different "
        "scales can be compared",
    )


def draw_alignment(report: ReportData) -> Drawing | None:
    """Each rater's alignment with people, by every measure; Spearman with the ceiling."""
    found = {
        (row.rater, row.measure): row
        for row in report.alignment
        if row.measure in MEASURES and row.against in (HUMAN, TRIPLETS)
    }
    if not found:
        return None
    lines = _lines_by_kind(report, found)
    raters = {name: line for name, (line, is_rater) in lines.items() if is_rater}
    bottom, tall = 0.95, len(lines) * LINE
    figure = new_figure(bottom + tall + 1.15)
    left = 1.6
    for number, measure in enumerate(MEASURES.values()):
        width = 3.1 if number == 0 else 0.92
        axes = axes_at(figure, left, bottom, width, tall)
        left += width + (0.55 if number == 0 else 0.14)
        rows = {name: found[name, measure.name] for name in raters}
        _dots(axes, report, rows, raters, measure, large=number == 0)
        axes.set_ylim(len(lines) - 0.4, -0.6)
        axes.set_title(measure.label, fontsize=8 + (number == 0), color=INK, pad=5)
    main = figure.axes[0]
    _ceiling_band(main, _ceiling(report))
    main.set_yticks(list(raters.values()), [_name(name) for name in raters], fontsize=9)
    for heading, (line, is_rater) in lines.items():
        if not is_rater:
            main.text(
                -0.015,
                line,
                heading,
                transform=main.get_yaxis_transform(),
                ha="right",
                va="center",
                fontsize=7.5,
                color=QUIET,
                style="italic",
            )
    write_text(figure, 0.25, 0.12, _alignment_caption(report))
    against = "the participants' mean" if HUMAN in report.matrices else "triplets"
    return (
        figure,
        "Alignment with people",
        f"Agreement of each rater's similarities with {against}; dot and bar: value "
        "and 95 % interval over actions",
    )


def draw_map(report: ReportData) -> Drawing | None:
    """Actions on a plane, alike ones close, coloured by the first value dimension."""
    shown = _with_any_pair(report)
    if not shown:
        return None
    first = shown[0]
    matrix = report.matrices[first]
    positions, share = classical_map(matrix)
    dimension = _first_dimension(report)
    figure = new_figure(7.6)
    axes = axes_at(figure, 0.25, 1.0, WIDTH - 0.5, 5.75)
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
        told = ""
    else:
        values = report.values[dimension.dimension, GROUP]
        _coloured_points(figure, axes, positions, values, dimension)
        told = f"{dimension.dimension}: {dimension.definition}\n"
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
        f"Close together: seen as alike by {_name(first)}",
    )


def _name(rater: str) -> str:
    return NAMES.get(rater, rater)


def _with_any_pair(report: ReportData) -> list[str]:
    """Raters with a matrix to show, people first; not the halves."""
    return [
        name
        for name, matrix in report.matrices.items()
        if name not in (HALF_A, HALF_B) and matrix.n_missing < matrix.n_pairs
    ]


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
        return f"{_name(rater)} (all pairs equal)"
    if matrix.n_missing:
        share = len(judged) / matrix.n_pairs
        return f"{_name(rater)} ({share:.0%} of pairs)"
    return _name(rater)


def _label_rows(axes: Axes, report: ReportData, order: IntArray, inches: float) -> None:
    """Action ids beside the rows, as large as there is room, or none."""
    points = inches * 72 / len(order)
    axes.set_xticks([])
    if points < 4:
        axes.set_yticks([])
        return
    names = [_clipped(report.actions.ids[i], 24) for i in order]
    longest = max(len(name) for name in names)
    size = min(8.0, points * 0.95, 1.1 * 72 / (0.56 * longest))
    axes.set_yticks(range(len(order)), names, fontsize=size)
    axes.tick_params(axis="y", length=0)


def _clipped(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


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


def _lines_by_kind(
    report: ReportData, found: Mapping[tuple[str, str], AlignmentRow]
) -> dict[str, tuple[int, bool]]:
    """Name or heading -> its line from the top, and whether it is a rater.

    Kinds in their order, within a kind the best aligned first, undefined ones last.
    """
    compared = {rater for rater, _ in found}
    best = next(iter(MEASURES))
    lines: dict[str, tuple[int, bool]] = {}
    for kind, (heading, _) in KINDS.items():
        names = [row.rater for row in report.raters if row.kind == kind]
        names = [name for name in names if name in compared]
        if names:
            lines[heading] = (len(lines), False)
        values = {name: found[name, best].value for name in names}
        for name in sorted(
            names, key=lambda n: -2.0 if isnan(values[n]) else values[n], reverse=True
        ):
            lines[name] = (len(lines), True)
    return lines


def _dots(
    axes: Axes,
    report: ReportData,
    rows: Mapping[str, AlignmentRow],
    lines: Mapping[str, int],
    measure: Measure,
    *,
    large: bool,
) -> None:
    """One dot and interval for each rater, or a word where there is none."""
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.set_yticks([])
    chance = measure.chance(len(report.actions))
    reach = [chance]
    axes.axvline(chance, color=QUIET, lw=0.8, zorder=1)
    for name, row in rows.items():
        colour = KINDS[report.rater(name).kind][1]
        line = lines[name]
        axes.axhline(line, color=FAINT, lw=0.6, zorder=0)
        if isnan(row.value):
            word = "undefined" if "undefined" in row.note else "needs all pairs"
            axes.text(
                chance,
                line,
                f" {word}",
                fontsize=7.5 if large else 6,
                color=QUIET,
                va="center",
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8},
            )
            continue
        reach += [each for each in (row.low, row.value, row.high) if not isnan(each)]
        axes.plot([row.low, row.high], [line, line], color=colour, lw=2, alpha=0.55)
        axes.plot(row.value, line, "o", color=colour, ms=6.5 if large else 4.5)
    low, high = min(reach), max(reach)
    pad = 0.08 * max(high - low, 0.1)
    axes.set_xlim(low - pad, high + pad + (0.0 if large else pad))


def _ceiling(report: ReportData) -> ReliabilityRow | None:
    return next(
        (row for row in report.reliability if row.what == "noise_ceiling"), None
    )


def _ceiling_band(axes: Axes, ceiling: ReliabilityRow | None) -> None:
    if ceiling is None or isnan(ceiling.value):
        return
    if not isnan(ceiling.low):
        axes.axvspan(ceiling.low, ceiling.high, color="#CC79A7", alpha=0.22, lw=0)
    axes.axvline(ceiling.value, color="#A2527F", lw=1.2)
    low, high = axes.get_xlim()
    axes.set_xlim(low, max(high, min(1.02, (ceiling.high or ceiling.value) + 0.03)))


def _alignment_caption(report: ReportData) -> str:
    ceiling = _ceiling(report)
    if ceiling is None:
        first = ""
    elif isnan(ceiling.value):
        first = f"{ceiling.note[:1].upper()}{ceiling.note[1:]}."
    else:
        first = (
            f"Band: noise ceiling {ceiling.value:.2f} [{ceiling.low:.2f}, "
            f"{ceiling.high:.2f}] for Spearman, from {ceiling.n_raters:,} participants."
        )
    asked = [
        f"{row.rater} was asked {row.n_asked:,} of {row.n_pairs:,} pairs and gave "
        f"{row.n_refused:,} unusable replies"
        for row in report.raters
        if row.kind == "chat"
    ]
    sentences = [first, "Grey vertical line: chance.", *(f"{each}." for each in asked)]
    return fill(" ".join(sentences), width=150)


def _first_dimension(report: ReportData) -> DimensionRow | None:
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
            _clipped(label, 18),
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
    canvas = figure.canvas
    assert isinstance(canvas, FigureCanvasAgg)
    size = 8.0 if len(names) <= 60 else 6.5
    axes.apply_aspect()
    texts = [
        axes.text(0, 0, _clipped(name, 26), fontsize=size, color=INK, zorder=3)
        for name in names
    ]
    renderer = canvas.get_renderer()  # type: ignore[no-untyped-call]
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
