"""The report page's matrices and map: pictures that name their actions, and the data."""

import base64
from html import escape
from io import BytesIO
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import TwoSlopeNorm, to_hex, to_rgba
from matplotlib.image import imsave

from alignment.figure_style import NEVER_JUDGED, raters_with_pairs, shown_name
from alignment.layout import classical_map, mid_ranks, shared_order
from alignment.matrices import FloatArray, IntArray, SimilarityMatrix
from alignment.report_files import GROUP, ReportData

RANKS = "cividis"
VALUES = "PuOr"
# The map's own units: its width, and the least height of a long map.
WIDE, LEAST, PAD, DOT = 100.0, 45.0, 3.0, 1.1
UNKNOWN = "#ffffff"
PLAIN = "#0072B2"


def page_data(report: ReportData) -> dict[str, Any]:
    """What the page's script reads: texts, every rater's pairs, values and colours."""
    shown = raters_with_pairs(report)
    order = _order(report)
    valued = _valued(report)
    return {
        "texts": list(report.actions.texts),
        "order": order.tolist(),
        "matrices": {
            name: {
                "name": shown_name(name),
                "values": _numbers(report.matrices[name].pairs(), 3),
                "ranks": _percent(report.matrices[name]),
                "image": _picture(report.matrices[name].take(order)),
            }
            for name in shown
        },
        "values": {name: _numbers(report.values[name, GROUP], 1) for name in valued},
        "colours": {name: _colours(report, name) for name in valued},
        "ends": {
            name: [
                report.dimensions[name].low_label,
                report.dimensions[name].high_label,
            ]
            for name in valued
        },
    }


def matrix_views(report: ReportData) -> str:
    """People's matrix beside a rater's that the reader chooses, under one cursor."""
    shown = raters_with_pairs(report)
    if not shown:
        return ""
    first, *others = shown
    order = _order(report)
    views = _matrix(report, first, order, chosen=False)
    choice = ""
    if others:
        options = "".join(
            f'<option value="{escape(name, quote=True)}">'
            f"{escape(shown_name(name))}</option>"
            for name in others
        )
        choice = (
            '<div class="controls js"><label>Beside people '
            f'<select id="rater" autocomplete="off">{options}</select></label></div>'
        )
        views += _matrix(report, others[0], order, chosen=True)
    return (
        '<p id="matrix-help">Colour is a pair\'s rank within its own matrix, from dark '
        "(least alike) to light; grey was never judged. One order for all, from "
        f"clustering {escape(shown_name(first))}. Point at a cell, touch it, or move "
        "with the arrow keys: both matrices tell the same pair.</p>"
        f"{choice}{_rank_scale()}"
        '<p class="readout js" id="pair-readout" role="status">No pair chosen yet.</p>'
        f'<div class="pair">{views}</div>'
    )


def map_view(report: ReportData) -> str:
    """Actions on a plane, coloured by a value; and a table of all of them."""
    shown = raters_with_pairs(report)
    if not shown:
        return _action_table(report)
    positions, share = classical_map(report.matrices[shown[0]])
    low, high = positions.min(axis=0), positions.max(axis=0)
    scale = (WIDE - 2 * PAD) / max(float(high[0] - low[0]), 1e-9)
    tall = float((high[1] - low[1]) * scale) + 2 * PAD
    if tall > WIDE:  # a tall map is shrunk to a square
        scale, tall = scale * (WIDE - 2 * PAD) / (tall - 2 * PAD), WIDE
    height = max(tall, LEAST)
    middle = (low + high) / 2
    places = (positions - middle) * scale * [1, -1] + [WIDE / 2, height / 2]
    valued = _valued(report)
    first = valued[0] if valued else ""
    colours = _colours(report, first) if first else [PLAIN] * len(positions)
    points = "".join(
        f'<circle class="point" cx="{x:.2f}" cy="{y:.2f}" r="{DOT}" fill="{colour}">'
        f"<title>{escape(text)}</title></circle>"
        for (x, y), colour, text in zip(
            places, colours, report.actions.texts, strict=True
        )
    )
    return (
        f"<p>Close together: seen as alike by {escape(shown_name(shown[0]))}. Classical "
        f"scaling; these two dimensions hold {share:.0%} of the structure. Point at an "
        "action, touch it, or move with the arrow keys.</p>"
        + _colour_choice(report, valued)
        + '<p class="readout js" id="map-readout" role="status">No action chosen yet.</p>'
        f'<svg class="view" id="map-view" viewBox="0 0 {WIDE:g} {height:.1f}" tabindex="0" '
        'role="application" aria-label="Map of the actions; arrow keys move between '
        'actions"><title>Map of the actions</title>'
        "<desc>Each point is an action; the table below lists all of them.</desc>"
        f"{points}</svg>" + _action_table(report)
    )


def _matrix(report: ReportData, rater: str, order: IntArray, *, chosen: bool) -> str:
    n = len(order)
    name = shown_name(rater)
    image = _picture(report.matrices[rater].take(order))
    own = "" if chosen else f' data-rater="{escape(rater, quote=True)}"'
    ids = (' id="chosen-matrix"', ' id="chosen-name"') if chosen else ("", "")
    mark = '<rect class="{}" x="0" y="0" width="1" height="1" visibility="hidden" {}/>'
    return (
        f"<figure><figcaption{ids[1]}>{escape(name)}</figcaption>"
        f'<svg class="view matrix"{ids[0]}{own} viewBox="0 0 {n} {n}" tabindex="0" '
        f'role="application" aria-label="Similarity matrix of {escape(name, quote=True)}; '
        'arrow keys move over its pairs" aria-describedby="matrix-help">'
        f"<title>Similarity matrix of {escape(name)}</title>"
        f"<desc>{n} by {n} cells, one for each pair of actions.</desc>"
        f'<image href="{image}" width="{n}" height="{n}" preserveAspectRatio="none"/>'
        + mark.format("mark cursor-edge", f'stroke-width="{0.009 * n:.3f}"')
        + mark.format("mark cursor", f'stroke-width="{0.004 * n:.3f}"')
        + "</svg></figure>"
    )


def _rank_scale() -> str:
    return _scale("least alike", "most alike", RANKS)


def _colour_choice(report: ReportData, valued: list[str]) -> str:
    if not valued:
        return ""
    first = report.dimensions[valued[0]]
    options = "".join(
        f'<option value="{escape(name, quote=True)}">{escape(name)}</option>'
        for name in valued
    )
    return (
        f'<p>Colour: people\'s mean value on <span id="colour-name">{escape(valued[0])}'
        "</span>; the middle is the threshold, white was never judged.</p>"
        '<div class="controls js"><label>Colour by <select id="colour" '
        f'autocomplete="off">{options}</select></label></div>'
        + _scale(first.low_label, first.high_label, VALUES, ids=True)
    )


def _scale(low: str, high: str, colours: str, *, ids: bool = False) -> str:
    stops = "".join(
        f'<rect x="{k * 5}" width="5.2" height="8" '
        f'fill="{to_hex(colormaps[colours](k / 19))}"/>'
        for k in range(20)
    )
    names = (' id="colour-low"', ' id="colour-high"') if ids else ("", "")
    return (
        f'<div class="scale"><span{names[0]}>{escape(low)}</span>'
        '<svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        f"{stops}</svg><span{names[1]}>{escape(high)}</span></div>"
    )


def _action_table(report: ReportData) -> str:
    valued = _valued(report)
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in valued)
    rows = "".join(
        f'<tr><th scope="row">{escape(text)}</th>'
        + "".join(
            f"<td>{_shown(report.values[name, GROUP][i])}</td>" for name in valued
        )
        + "</tr>"
        for i, text in enumerate(report.actions.texts)
    )
    return (
        "<details><summary>All actions, with people's mean values</summary>"
        '<div class="wide" tabindex="0" role="region" aria-label="All actions"><table>'
        "<caption>People's mean values, 0 to 100</caption>"
        f'<thead><tr><th scope="col">Action</th>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div></details>"
    )


def _order(report: ReportData) -> IntArray:
    shown = raters_with_pairs(report)
    if not shown:
        return np.arange(len(report.actions), dtype=np.int64)
    return shared_order(report.matrices[shown[0]])


def _valued(report: ReportData) -> list[str]:
    return [name for name in report.dimensions if (name, GROUP) in report.values]


def _picture(matrix: SimilarityMatrix) -> str:
    """One pixel a pair, coloured by its rank, as the address of a PNG."""
    ranks = mid_ranks(matrix)
    pixels = colormaps[RANKS](np.nan_to_num(ranks))
    pixels[np.isnan(ranks)] = to_rgba(NEVER_JUDGED)
    stream = BytesIO()
    # Without the drawing library's name: the same pixels are the same file.
    imsave(stream, pixels, format="png", metadata={"Software": ""})
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"


def _colours(report: ReportData, dimension: str) -> list[str]:
    """As in the figure: the dimension's threshold in the middle."""
    middle = min(max(report.dimensions[dimension].threshold, 1.0), 99.0)
    norm = TwoSlopeNorm(middle, 0.0, 100.0)
    return [
        UNKNOWN if np.isnan(value) else to_hex(colormaps[VALUES](norm(value)))
        for value in report.values[dimension, GROUP]
    ]


def _percent(matrix: SimilarityMatrix) -> list[float | None]:
    ranks = mid_ranks(matrix)[np.triu_indices(len(matrix), k=1)]
    return [None if np.isnan(rank) else round(100 * float(rank)) for rank in ranks]


def _numbers(values: FloatArray, places: int) -> list[float | None]:
    return [None if np.isnan(each) else round(float(each), places) for each in values]


def _shown(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.0f}"
