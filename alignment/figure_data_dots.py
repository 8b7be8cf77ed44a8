"""Figures of dots to explore: how well raters agree with people, by measure and block."""

from collections.abc import Sequence
from math import ceil, isnan

from alignment.figure_alignment import KINDS, REFERENCES, ceiling_of, lines_by_kind
from alignment.figure_blocks import (
    CEILING_COLOUR,
    HUMAN_COLOUR,
    block_panels,
    value_panels,
)
from alignment.figure_style import shown_name
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
from alignment.measures.table import reported
from alignment.report_blocks import CEILING, BlockRow
from alignment.report_files import AlignmentRow, ReportData


def alignment_data(report: ReportData) -> Interactive | None:
    """Each rater's alignment by every measure, with its interval and p."""
    known = {one.name for one in reported()}
    found = {
        (row.rater, row.measure): row
        for row in report.alignment
        if row.measure in known and row.against in REFERENCES
    }
    # A measure that needs all pairs has no panel where nobody judged them all.
    defined = {row.measure for row in found.values() if not isnan(row.value)}
    measures = [one for one in reported() if one.name in defined]
    if not measures:
        return None
    raters = [
        name for name, (_, is_rater) in lines_by_kind(report, found).items() if is_rater
    ]
    widths = [2.2 if place_ == 0 else 1.0 for place_ in range(len(measures))]
    layout: Spec = {"annotations": [], "shapes": []}
    traces: list[Spec] = []
    start, gap = 0.0, 0.025
    room = (1 - gap * (len(measures) - 1)) / sum(widths)
    for number, (measure, width) in enumerate(
        zip(measures, widths, strict=True), start=1
    ):
        end = min(1.0, start + width * room)
        key, spec = axis(number, "x", domain=[start, end], nticks=5)
        layout[key] = spec
        start = end + gap
        layout |= _rater_axis(number, raters)
        layout["annotations"].append(heading(measure.label, number))
        chance = measure.chance(len(report.actions)) if measure.chance else 0.0
        layout["shapes"].append(_line_down(chance, number))
        for kind, (name, colour) in KINDS.items():
            mine = [
                found[rater, measure.name]
                for rater in raters
                if report.rater(rater).kind == kind and (rater, measure.name) in found
            ]
            if mine:
                trace = _dots(mine, colour, number, [_told(row) for row in mine])
                trace |= {"name": name, "legendgroup": kind, "showlegend": number == 1}
                traces.append(trace)
    ceiling = ceiling_of(report)
    if ceiling is not None and not isnan(ceiling.value):
        told = interval(ceiling.value, ceiling.low, ceiling.high)
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": [ceiling.value, ceiling.value],
                "y": [raters[0], raters[-1]],
                "line": {"color": CEILING_COLOUR, "width": 2},
                "name": "noise ceiling",
                "hovertemplate": f"noise ceiling {told}<extra></extra>",
                **place(1),
            }
        )
    rows = [
        {
            "rater": row.rater,
            "measure": row.measure,
            "against": row.against,
            "value": row.value,
            "low": row.low,
            "high": row.high,
            "p": row.p,
            "n_pairs": row.n_pairs,
        }
        for row in found.values()
    ]
    return Interactive(traces, layout, rows, height=200 + 30 * len(raters))


def blocks_data(report: ReportData, rows: Sequence[BlockRow]) -> Interactive | None:
    """Every rater on all pairs, within personalization, and across to the unseen."""
    return _panels(report, *block_panels(rows), key="block")


def values_data(report: ReportData, rows: Sequence[BlockRow]) -> Interactive | None:
    """How far each rater's similarity follows differences on every value dimension."""
    return _panels(report, *value_panels(rows), key="dimension")


def _rater_axis(number: int, raters: Sequence[str]) -> Spec:
    """Raters down a panel, their names beside the first one."""
    more: Spec = {
        "type": "category",
        "categoryorder": "array",
        "categoryarray": list(raters),
        "range": [len(raters) - 0.4, -0.6],
        "ticktext": [shown(shown_name(name)) for name in raters],
        "tickvals": list(raters),
        "showticklabels": number == 1,
        "automargin": True,
        "ticks": "",
    }
    if number > 1:
        more["matches"] = "y"
    key, spec = axis(number, "y", **more)
    return {key: spec}


def _line_down(at: float, number: int) -> Spec:
    name = "" if number == 1 else str(number)
    return {
        "type": "line",
        "x0": at,
        "x1": at,
        "y0": 0,
        "y1": 1,
        "xref": f"x{name}",
        "yref": f"y{name} domain",
        "line": {"color": QUIET, "width": 1},
        "layer": "below",
    }


def _dots(
    rows: Sequence[AlignmentRow] | Sequence[BlockRow],
    colour: str,
    number: int,
    texts: Sequence[str],
) -> Spec:
    values = [row.value for row in rows]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": values,
        "y": [row.rater for row in rows],
        "error_x": error_bars(
            values, [row.low for row in rows], [row.high for row in rows], colour
        ),
        "marker": {"color": colour, "size": 9},
        "customdata": list(texts),
        "hovertemplate": "%{customdata}<extra></extra>",
        **place(number),
    }


def _told(row: AlignmentRow) -> str:
    p = ""
    if not isnan(row.p):
        p = "<br>p &lt; 0.001" if row.p < 0.001 else f"<br>p = {row.p:.3f}"
    return (
        f"<b>{shown(shown_name(row.rater))}</b><br>{row.measure} "
        f"{interval(row.value, row.low, row.high)}{p}<br>{row.n_pairs:,} pairs"
    )


def _panels(
    report: ReportData,
    raters: Sequence[str],
    panels: Sequence[tuple[str, str, Sequence[BlockRow]]],
    *,
    key: str,
) -> Interactive | None:
    """Dots of block rows, a panel for each heading, raters down them all."""
    if not raters or not panels:
        return None
    columns = min(5, len(panels))
    lines = ceil(len(panels) / columns)
    tall = lines * (50 + 22 * len(raters))
    layout: Spec = {"annotations": [], "shapes": [], "showlegend": False}
    traces, rows = [], []
    for number, (name, title, mine) in enumerate(panels, start=1):
        line, column = divmod(number - 1, columns)
        width, height = 1 / columns, 1 / lines
        across = [column * width, (column + 1) * width - 0.02]
        top = 1 - line * height
        up = [max(0.0, top - height + (46 / tall if lines > 1 else 0.0)), top]
        more: Spec = {"matches": "x"} if number > 1 else {}
        axis_key, spec = axis(number, "x", domain=across, nticks=4, **more)
        layout[axis_key] = spec
        layout |= _rater_axis(number, raters)
        y = layout["yaxis" if number == 1 else f"yaxis{number}"]
        y |= {"domain": up, "showticklabels": column == 0}
        layout["annotations"].append(heading(shown(title), number, size=12))
        layout["shapes"].append(_line_down(0.0, number))
        for row in mine:
            rows.append(
                {
                    key: name,
                    "rater": row.rater,
                    "value": row.value,
                    "low": row.low,
                    "high": row.high,
                    "n_pairs": row.n_pairs,
                    "note": row.note,
                }
            )
            if row.rater == CEILING and not isnan(row.value):
                layout["shapes"].append(
                    _line_down(row.value, number)
                    | {"line": {"color": CEILING_COLOUR, "width": 2}}
                )
        dots = [row for row in mine if row.rater != CEILING]
        by_colour: dict[str, list[BlockRow]] = {}
        for row in dots:
            kind = report.rater(row.rater).kind
            by_colour.setdefault(KINDS.get(kind, ("", HUMAN_COLOUR))[1], []).append(row)
        for colour, some in by_colour.items():
            texts = [
                f"<b>{shown(shown_name(row.rater))}</b><br>{shown(title)}<br>"
                f"Spearman {interval(row.value, row.low, row.high)}"
                for row in some
            ]
            traces.append(_dots(some, colour, number, texts))
    return Interactive(traces, layout, rows, height=TOP + BOTTOM + tall)
