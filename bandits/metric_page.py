"""The table of measures as text: what `python -m bandits measures` prints."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from bandits.metric_table import METRICS

_INDENT = "    "


def table_lines(width: int = 88) -> Iterator[str]:
    """Each measure: its label, which way is better, definition, gaps and source."""
    for name, metric in METRICS.items():
        better = f" ({metric.better} is better)" if metric.better else ""
        yield f"{name}: {metric.label}{better}"
        parts = [metric.definition]
        if metric.undefined:
            parts.append(f"Undefined where {metric.undefined}.")
        if metric.source:
            parts.append(f"Source: {metric.source}.")
        for part in parts:
            yield from textwrap.wrap(
                part, width, initial_indent=_INDENT, subsequent_indent=_INDENT
            )
