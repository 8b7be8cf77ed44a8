"""The figures of a report to explore: the same numbers as in the still ones.

Points name their actions and raters. Like `figures`, this computes nothing but places.
"""

from collections.abc import Callable, Sequence
from math import ceil, isnan
from pathlib import Path

from alignment.figure_data_dots import alignment_data, blocks_data, values_data
from alignment.figure_map import first_dimension
from alignment.figure_style import raters_with_pairs, shown_name
from alignment.interactive import (
    QUIET,
    Interactive,
    Spec,
    axis,
    heading,
    place,
    save_interactive,
    shown,
)
from alignment.layout import classical_map, mid_ranks, shared_order
from alignment.report_blocks import BlockRow
from alignment.report_files import GROUP, ReportData

MOST_CELLS = 400_000
"""Of matrices in one figure: beyond it the browser is slow, and others are left out."""
_NAMED_ROWS = 60


def matrices_data(report: ReportData) -> Interactive | None:
    """Every rater's matrix in one order; zooming into one zooms into all."""
    names = raters_with_pairs(report)
    if not names:
        return None
    order = shared_order(report.matrices[names[0]])
    ids = [report.actions.ids[i] for i in order]
    drawn = names[: max(1, MOST_CELLS // len(ids) ** 2)]
    traces: list[Spec] = []
    layout: Spec = {"annotations": []}
    rows = []
    for number, (name, (across, up)) in enumerate(
        zip(drawn, _squares(len(drawn)), strict=True), start=1
    ):
        matrix = report.matrices[name].take(order)
        ranks = mid_ranks(matrix)
        title = shown(shown_name(name))
        traces.append(
            {
                "type": "heatmap",
                "x": ids,
                "y": ids,
                "z": ranks,
                "customdata": matrix.values,
                "zmin": 0,
                "zmax": 1,
                "colorscale": "Cividis",
                "showscale": number == 1,
                "colorbar": _RANK_BAR,
                "hovertemplate": "<b>%{y}</b><br><b>%{x}</b><br>similarity "
                "%{customdata:.2f}, above %{z:.0%} of the pairs"
                f"<extra>{title}</extra>",
                **place(number),
            }
        )
        bare = {"showgrid": False, "ticks": "", "type": "category"}
        bare |= {"showticklabels": False}
        if number > 1:
            bare["matches"] = "x"
        key, spec = axis(number, "x", domain=across, **bare)
        layout[key] = spec
        key, spec = axis(number, "y", domain=up, **bare)
        if number > 1:
            spec["matches"] = "y"
        else:
            spec |= {"autorange": "reversed", "automargin": True}
            spec["showticklabels"] = len(ids) <= _NAMED_ROWS
            spec |= {"tickfont": {"size": 9}, "tickvals": ids, "ticktext": ids}
        layout[key] = spec
        layout["annotations"].append(heading(title, number))
        for i, first in enumerate(ids):
            rows += [
                {
                    "rater": name,
                    "action_a": min(first, ids[j]),
                    "action_b": max(first, ids[j]),
                    "similarity": matrix.values[i, j],
                    "rank": ranks[i, j],
                }
                for j in range(i)
            ]
    return Interactive(traces, layout, rows, height=660)


def map_data(report: ReportData) -> Interactive | None:
    """Actions on a plane; a point tells its action's text and mean value."""
    names = raters_with_pairs(report)
    if not names:
        return None
    positions, _ = classical_map(report.matrices[names[0]])
    dimension = first_dimension(report)
    ids = report.actions.ids
    marks: Spec = {"size": 11, "color": "#0072B2", "line": {"width": 1, "color": QUIET}}
    values = [float("nan")] * len(ids)
    if dimension is not None:
        values = [float(v) for v in report.values[dimension.dimension, GROUP]]
        middle = min(max(dimension.threshold, 1.0), 99.0)
        marks |= {
            "color": values,
            "cmin": 0,
            "cmax": 100,
            # Half of the colours lie below the threshold, as in the still figure.
            "colorscale": [
                [0, "#7f3b08"],
                [middle / 200, "#f1a340"],
                [middle / 100, "#f7f7f7"],
                [(middle + 100) / 200, "#998ec3"],
                [1, "#2d004b"],
            ],
            "colorbar": {
                "title": {"text": shown(dimension.dimension), "side": "right"},
                "thickness": 12,
                "outlinewidth": 0,
            },
        }
    told = "" if dimension is None else f"<br>{shown(dimension.dimension)} "
    texts = [
        f"<b>{shown(id_)}</b><br>{shown(text, 50)}"
        + (f"{told}{value:.1f}" if told and not isnan(value) else "")
        for id_, text, value in zip(ids, report.actions.texts, values, strict=True)
    ]
    trace = {
        "type": "scatter",
        "mode": "markers+text" if len(ids) <= _NAMED_ROWS else "markers",
        "x": positions[:, 0],
        "y": positions[:, 1],
        "text": [shown(id_) for id_ in ids],
        "textposition": "top center",
        "textfont": {"size": 10},
        "customdata": texts,
        "hovertemplate": "%{customdata}<extra></extra>",
        "marker": marks,
        "cliponaxis": False,
    }
    bare: Spec = {"showgrid": False, "showticklabels": False, "ticks": ""}
    bare["showline"] = False
    layout = dict(
        [
            axis(1, "x", **bare),
            axis(1, "y", **bare, scaleanchor="x", scaleratio=1),
        ]
    )
    rows = [
        {"action_id": id_, "text": text, "x": x, "y": y, "value": value}
        for id_, text, (x, y), value in zip(
            ids, report.actions.texts, positions, values, strict=True
        )
    ]
    if dimension is not None:
        rows = [
            {**row, "dimension": dimension.dimension, "value": row.pop("value")}
            for row in rows
        ]
    return Interactive([trace], layout, rows, height=680)


def save_all(
    report: ReportData, folder: Path, *, mark: str, blocks: Sequence[BlockRow] | None
) -> list[Path]:
    """Every figure that the report has something for, as JSON and CSV."""
    steps: dict[str, Callable[[ReportData], Interactive | None]] = {
        "matrices": matrices_data,
        "alignment": alignment_data,
        "map": map_data,
    }
    if blocks is not None:
        steps["blocks"] = lambda report: blocks_data(report, blocks)
        steps["values"] = lambda report: values_data(report, blocks)
    files = []
    for name, step in steps.items():
        figure = step(report)
        if figure is not None:
            files += save_interactive(
                folder / name, figure, mark=mark, simulated=report.simulated
            )
    return files


# ------------------------------------------------------------------ the pieces

_RANK_BAR: Spec = {
    "orientation": "h",
    "x": 0,
    "xanchor": "left",
    "y": -0.03,
    "yanchor": "top",
    "len": 0.4,
    "thickness": 10,
    "outlinewidth": 0,
    "tickvals": [0, 1],
    "ticktext": ["least alike", "most alike"],
}
_WIDE = 0.48  # of the page, for the first matrix


def _squares(n: int) -> list[tuple[list[float], list[float]]]:
    """Domains of n matrices: the first one large, the others beside it in a grid."""
    places = [([0.0, _WIDE if n > 1 else 1.0], [0.0, 1.0])]
    columns = lines = ceil((n - 1) ** 0.5)
    for i in range(n - 1):
        line, column = divmod(i, columns)
        left, width = _WIDE + 0.03, (1 - _WIDE - 0.03) / columns
        top, height = 1 - line / lines, 1 / lines
        # Room for a heading above each but those of the first line.
        places.append(
            (
                [left + column * width, left + (column + 1) * width - 0.015],
                [max(0.0, top - height), top - (0.05 if line else 0.0)],
            )
        )
    return places
