"""A part of the experiment: its cells, its tables, its words, its figures."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bandits.paper.cells import PaperCell, Results
from bandits.paper.study import Study

Row = dict[str, Any]
Tables = Mapping[str, Sequence[Row]]
Outcomes = Sequence[tuple[PaperCell, Results]]

PHASES = ("personalization", "generalization")


@dataclass(frozen=True)
class Found:
    """What a part found.

    tables: Name of each CSV file, without its ending, to its rows.
    lines: Markdown, for a person to read from top to bottom.
    """

    tables: dict[str, list[Row]]
    lines: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Part:
    """One part.

    cells: What it simulates on a study; nothing where `why_not` says why.
    tables: (study, (cell, results) of each, tables of earlier parts) -> what it found.
    why_not: A sentence where the study cannot serve it, else "".
    """

    name: str
    title: str
    cells: Callable[[Study], list[PaperCell]]
    tables: Callable[[Study, Outcomes, Tables], Found]
    why_not: Callable[[Study], str] = lambda study: ""


def markdown(
    rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]
) -> list[str]:
    """Rows as a table, blank lines around it; numbers as text already, or to 3 digits.

    Args:
        columns: Column to its heading, in order.
    """
    if not rows:
        return []
    lines = ["", _line(columns.values())]
    ends = ["---" if isinstance(rows[0].get(name), str) else "---:" for name in columns]
    lines.append(_line(ends))
    lines += [_line(shown(row.get(name)) for name in columns) for row in rows]
    return [*lines, ""]


def shown(value: object) -> str:
    """A number as a person reads it."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        size = abs(value)
        if size < 1e-9:
            return "0"
        if value == int(value) and size < 1e6:
            return f"{int(value):,}"
        if size >= 100:
            return f"{value:,.0f}"
        if size >= 10:
            return f"{value:.1f}"
        return f"{value:.2f}" if size >= 0.01 else f"{value:.1g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def interval(value: float, low: float, high: float) -> str:
    """Value and 95 % interval."""
    if math.isnan(value):
        return "-"
    if math.isnan(low):
        return shown(value)
    return f"{value:.2f} [{low:.2f}, {high:.2f}]"


def shown_p(p: float) -> str:
    """A p value: three digits, never 0."""
    if math.isnan(p):
        return "-"
    return f"{p:.3f}" if p >= 0.001 else f"{p:.0e}" if p > 0 else "under 1e-300"


def _line(fields: Any) -> str:
    return f"| {' | '.join(fields)} |"
