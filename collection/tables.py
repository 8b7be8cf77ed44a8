"""Results files as tables for a page: read as text, shown rounded.

The web process has no numpy: CSV is read with the standard library, and a number stays
the text it was in the file until it is rounded for the eye. The whole file is always in
the download.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from alignment.folders import read_rows

Row = Mapping[str, str]
NOTHING = "–"
LONG = 30  # characters: a cell of more is prose, and must not become one word wide


@dataclass(frozen=True)
class Column:
    """One column of a shown table: numbers are set right, prose gets room."""

    heading: str
    number: bool = False
    prose: bool = False

    @property
    def css(self) -> str:
        """The class of the column's cells."""
        return "number" if self.number else "prose-cell" if self.prose else ""


@dataclass(frozen=True)
class Table:
    """A table as the page shows it: a caption, headings, and text in cells."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def marked_rows(self) -> list[list[tuple[str, str]]]:
        """Each cell with the class of its column, for the template."""
        classes = [column.css for column in self.columns]
        return [list(zip(row, classes, strict=True)) for row in self.rows]


def rows_of(folder: Path, name: str) -> list[dict[str, str]]:
    """The rows of one of a folder's CSV files; none where there is no such file."""
    path = folder / name
    return read_rows(path) if path.is_file() else []


def number(text: str) -> float:
    """The number that a cell holds; NaN for an empty or wordy one."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def rounded(text: str, digits: int = 2) -> str:
    """A number for the eye: a dash for none, no decimals where there were none."""
    value = number(text)
    if math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == int(value) and abs(value) >= 1:
        return f"{int(value):,}".replace("-", "−")
    text = f"{value:,.{digits}f}"
    # What rounds to nothing has no sign.
    return text.replace("-", "−" if text.strip("-0.,") else "")


def interval(row: Row) -> str:
    """``0.62 (0.51 to 0.71)``, or the value alone where no interval was computed."""
    low, high = rounded(row.get("low", "")), rounded(row.get("high", ""))
    value = rounded(row.get("value", ""))
    if NOTHING in (low, high):
        return value
    return f"{value} ({low} to {high})"


def p_value(text: str) -> str:
    """A p for the eye: never zero, for a permutation test cannot give it."""
    value = number(text)
    if math.isnan(value):
        return NOTHING
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def words(name: str) -> str:
    """A column's or file's name as a heading."""
    return name.replace("_", " ").replace("-", " ").strip().capitalize()


def pivot(
    rows: Iterable[Row],
    *,
    down: str,
    across: str,
    show: Callable[[Row], str],
    caption: str,
    headings: Mapping[str, str] | None = None,
) -> Table:
    """One row per value of ``down``, one column per value of ``across``.

    Args:
        headings: Of the columns; the value itself where it has none.
    """
    cells: dict[str, dict[str, str]] = {}
    across_values: dict[str, None] = {}
    for row in rows:
        across_values.setdefault(row[across])
        cells.setdefault(row[down], {})[row[across]] = show(row)
    columns = (
        Column(words(down)),
        *(
            Column((headings or {}).get(value, words(value)), number=True)
            for value in across_values
        ),
    )
    shown = tuple(
        (name, *(found.get(value, NOTHING) for value in across_values))
        for name, found in cells.items()
    )
    return Table(caption, columns, shown)


def plain(
    rows: Sequence[Row],
    *,
    caption: str,
    columns: Mapping[str, str | Callable[[Row], str]] | None = None,
) -> Table:
    """Rows as they stand, or the named columns of them.

    Args:
        columns: Heading -> the file's column, or what to show of a row. Left out: every
            column of the file.
    """
    if not columns:
        columns = {words(name): name for name in (rows[0] if rows else {})}
    shown = []
    for row in rows:
        cells = []
        for source in columns.values():
            if callable(source):
                cells.append(source(row))
            else:
                text = row.get(source, "")
                is_number = not math.isnan(number(text))
                cells.append(rounded(text) if is_number else text or NOTHING)
        shown.append(tuple(cells))
    by_column = list(zip(*shown, strict=True)) or [()] * len(columns)
    heads = tuple(
        Column(
            heading,
            number=bool(cells) and all(map(_is_number, cells)),
            prose=any(len(cell) > LONG for cell in cells),
        )
        for heading, cells in zip(columns, by_column, strict=True)
    )
    return Table(caption, heads, tuple(shown))


def _is_number(cell: str) -> bool:
    """A rounded number, alone or with its error or interval; or none."""
    start = cell.removeprefix("< ").removeprefix("−").partition(" ")[0]
    return cell == NOTHING or not math.isnan(number(start.replace(",", "")))
