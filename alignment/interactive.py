"""Figures that can be explored: plotly's JSON as plain dicts, and their data as CSV.

A page draws the JSON with plotly.js; nothing here imports plotly. Text from a study is
escaped, since plotly reads text as markup. A figure says itself whether participants
were simulated, and which folder it is of: it may be copied off its page.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import Any

from alignment.folders import write_rows

INK = "#222222"
QUIET = "#6b6b6b"
FAINT = "#d9d9d9"
ALARM = "#B00020"
DIGITS = 6
"""Significant digits of a number in the JSON: more than a screen shows."""
STAMP = "SIMULATED PARTICIPANTS"
TOP, BOTTOM = 60, 100
"""Pixels above the panels, and below them for the legend."""
Spec = dict[str, Any]


@dataclass(frozen=True)
class Interactive:
    """One figure to explore.

    traces, layout: As plotly.js wants them; numbers may be numpy's, NaN is a gap.
    rows: What is drawn, one row a mark; all rows have the same keys, in the same order.
    height: In pixels.
    """

    traces: Sequence[Spec]
    layout: Spec
    rows: Sequence[Mapping[str, Any]]
    height: int = 520


def save_interactive(
    path: Path, figure: Interactive, *, mark: str, simulated: bool
) -> list[Path]:
    """Write `path`.json and `path`.csv; the same figure gives the same bytes.

    Args:
        path: Where the still figure lies, without its ending.
        mark: What stands in a corner, so that a figure can be traced to its data.
    """
    notes = [*figure.layout.get("annotations", ()), _corner(mark, simulated)]
    layout = {
        "template": "none",
        "font": {"family": "system-ui, sans-serif", "size": 13, "color": INK},
        "margin": {"l": 64, "r": 24, "t": TOP, "b": BOTTOM},
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 0,
            "yref": "container",
            "yanchor": "bottom",
        },
        "hoverlabel": {"align": "left", "bgcolor": "#ffffff", "bordercolor": QUIET},
        "hovermode": "closest",
        "dragmode": "zoom",
        "paper_bgcolor": "#ffffff",
        "plot_bgcolor": "#ffffff",
        **figure.layout,
        "annotations": notes,
        "height": figure.height,
    }
    files = [path.with_name(f"{path.name}{ending}") for ending in (".json", ".csv")]
    told = json.dumps(
        {"data": _plain(figure.traces), "layout": _plain(layout)},
        ensure_ascii=False,
        allow_nan=False,
        separators=(",", ":"),
    )
    files[0].write_text(told + "\n", encoding="utf-8")
    rows = [{key: _blank(value) for key, value in row.items()} for row in figure.rows]
    write_rows(files[1], list(rows[0]) if rows else ["nothing"], rows)
    return files


def shown(text: str, width: int = 0) -> str:
    """A text as plotly shows it letter by letter, broken into lines of `width`."""
    lines = wrap(text, width) if width else [text]
    escaped = (
        line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        for line in lines
    )
    return "<br>".join(escaped)


def axis(number: int, letter: str, **more: Any) -> tuple[str, Spec]:
    """The name of a panel's axis in the layout, and how ours look.

    Args:
        number: Of the panel, from 1. letter: "x" or "y".
    """
    if "title" in more:
        more["title"] = {
            "font": {"size": 12, "color": QUIET},
            "standoff": 6,
            **more["title"],
        }
    return f"{letter}axis{number if number > 1 else ''}", {
        "gridcolor": "#eeeeee",
        "zeroline": False,
        "linecolor": FAINT,
        "tickcolor": FAINT,
        "anchor": f"{'y' if letter == 'x' else 'x'}{number if number > 1 else ''}",
        **more,
    }


def place(number: int) -> Spec:
    """The keys with which a trace says that it stands in a panel, from 1."""
    at = "" if number == 1 else str(number)
    return {"xaxis": f"x{at}", "yaxis": f"y{at}"}


def heading(text: str, number: int, *, size: int = 13) -> Spec:
    """A panel's title above it, on the left."""
    at = "" if number == 1 else str(number)
    return {
        "text": text,
        "xref": f"x{at} domain",
        "yref": f"y{at} domain",
        "x": 0,
        "y": 1,
        "xanchor": "left",
        "yanchor": "bottom",
        "showarrow": False,
        "align": "left",
        "font": {"size": size, "color": INK},
    }


def error_bars(
    values: Sequence[float], low: Sequence[float], high: Sequence[float], colour: str
) -> Spec:
    """Bars from low to high, each in the units of the values; none where NaN.

    Args:
        colour: Told, because plotly would take the marker's: white, where it is open.
    """
    return {
        "color": colour,
        "type": "data",
        "symmetric": False,
        "array": [h - v for v, h in zip(values, high, strict=True)],
        "arrayminus": [v - w for v, w in zip(values, low, strict=True)],
        "thickness": 1.4,
        "width": 0,
    }


def interval(value: float, low: float, high: float, digits: int = 2) -> str:
    """`0.62 [0.51, 0.71]`, or the value alone where there is no interval."""
    if math.isnan(value):
        return "undefined"
    told = f"{value:.{digits}f}"
    if not (math.isnan(low) or math.isnan(high)):
        told += f" [{low:.{digits}f}, {high:.{digits}f}]"
    return told.replace("-", "\N{MINUS SIGN}")


def _corner(mark: str, simulated: bool) -> Spec:
    """Above the panels, to the left of the buttons that plotly puts in the corner."""
    stamp = f'<b style="color:{ALARM}">{STAMP}</b>   ' if simulated else ""
    return {
        "text": f"{stamp}{shown(mark)}",
        "xref": "paper",
        "yref": "paper",
        "x": 1,
        "y": 1,
        "xanchor": "right",
        "yanchor": "bottom",
        "xshift": -135,
        "yshift": 26,
        "showarrow": False,
        "font": {"size": 11, "color": QUIET},
    }


def _plain(value: Any) -> Any:
    """JSON's own types: numpy's numbers and arrays unpacked, NaN as null."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
    return value


def _blank(value: Any) -> Any:
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and math.isnan(value) else value
