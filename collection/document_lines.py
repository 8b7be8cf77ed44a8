"""On which line of a document a fault is.

tomllib tells no lines, so the document is walked once more, by what its lines begin
with: tables, arrays of tables, keys, and the elements of an array. It never fails: what
it cannot place is placed at the table around it, or at the top. Nor does it take long:
what a stranger sends is walked once, each character once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Final

from collection.errors import Fault

_KEY: Final = re.compile(
    r"""\s*((?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')
        (?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*'))*)\s*=""",
    re.VERBOSE,
)
_STEP: Final = re.compile(r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'""")
_CSV_LINE: Final = re.compile(r"(?P<file>\S+) line (?P<line>\d+)$")
_AT_LINE: Final = re.compile(r"\(at line (\d+), column \d+\)")


def places_of(
    faults: Iterable[Fault], files: Mapping[str, str]
) -> Iterator[tuple[str, int] | None]:
    """Of each fault the file and line, from 1; None where it is in no file.

    Args:
        files: Name -> text of every file that was read.
    """
    lines = lru_cache(maxsize=None)(lambda file: lines_of(files[file]))
    for fault in faults:
        yield _place(fault, files, lines)


def _place(
    fault: Fault, files: Mapping[str, str], lines: Callable[[str], Mapping[str, int]]
) -> tuple[str, int] | None:
    if (found := _CSV_LINE.match(fault.place)) and found["file"] in files:
        return found["file"], int(found["line"])
    file, _, place = fault.place.partition(": ")
    if file not in files:
        return None
    if said := _AT_LINE.search(fault.message):
        return file, int(said[1])
    if file.endswith(".csv"):
        return file, _line_with(files[file], place.removeprefix("action "))
    return file, line_of(place, lines(file))


def line_of(place: str, lines: Mapping[str, int]) -> int:
    """The line of a place, or of the nearest thing around it that has one."""
    while place:
        if place in lines:
            return lines[place]
        place = re.sub(r"(\[\d+\]|\.?[^.\[\]]+|\W)$", "", place)
    return 1


def lines_of(text: str) -> dict[str, int]:
    """Place -> line, for every table, key and array element: `blocks[1].key` -> 42."""
    found: dict[str, int] = {}
    tables: dict[str, int] = {}
    table = ""
    rows = text.splitlines()
    at = 0
    while at < len(rows):
        row = rows[at]
        if header := _header(row):
            table = _table(*header, tables)
            found.setdefault(table, at + 1)
        elif key := _KEY.match(row):
            place = ".".join(filter(None, [table, *_steps(key[1])]))
            found.setdefault(place, at + 1)
            last = at
            for what, line in _walked(rows, at, key.end()):
                last = line
                if what is not None:
                    found.setdefault(f"{place}[{what}]", line + 1)
            at = last
        at += 1
    return found


def _header(row: str) -> tuple[str, bool] | None:
    """The name in a table's line, and whether it is one of an array of tables."""
    row = row.strip()
    is_array = row.startswith("[[")
    end = row.find("]")
    if not row.startswith("[") or end < 0:
        return None
    dotted = row[1 + is_array : end].strip()
    after = row[end + 1 :].removeprefix("]" * is_array).lstrip()
    if not dotted or "[" in dotted or not (after == "" or after.startswith("#")):
        return None
    return dotted, is_array


def _steps(dotted: str) -> list[str]:
    return [step.strip("\"'") for step in _STEP.findall(dotted)]


def _table(dotted: str, is_array: bool, counts: dict[str, int]) -> str:
    """The place of a table, with the number of every array on the way to it."""
    place = ""
    steps = _steps(dotted)
    for depth, step in enumerate(steps):
        place = f"{place}.{step}" if place else step
        if is_array and depth == len(steps) - 1:
            counts[place] = counts.get(place, -1) + 1
        if place in counts:
            place += f"[{counts[place]}]"
    return place


def _walked(
    rows: list[str], first: int, start: int
) -> Iterator[tuple[int | None, int]]:
    """Walk a value to its end: the number of each array element where it begins, by line.

    The last thing told is always the line on which the value ends.
    """
    depth = 0
    number = -1
    fresh = False  # an element may begin here
    quote = ""
    at, column = first, start
    while at < len(rows):
        row = rows[at]
        while column < len(row):
            here, step = row[column], 1
            if quote:
                if here == "\\" and quote[0] == '"':
                    step = 2
                elif row.startswith(quote, column):
                    step = len(quote)
                    quote = ""
            elif here == "#":
                break
            else:
                if fresh and depth == 1 and not here.isspace() and here != "]":
                    number += 1
                    fresh = False
                    yield number, at
                if row.startswith(('"""', "'''"), column):
                    quote, step = here * 3, 3
                elif here in "\"'":
                    quote = here
                elif here in "[{":
                    depth += 1
                    fresh = fresh or (depth == 1 and here == "[")
                elif here in "]}":
                    depth -= 1
                elif here == "," and depth == 1:
                    fresh = True
            column += step
        if len(quote) == 1:
            quote = ""  # a string of one line does not go on: it is no TOML
        if depth <= 0 and not quote:
            break
        at, column = at + 1, 0
    yield None, min(at, len(rows) - 1)


def _line_with(text: str, action_id: str) -> int:
    for number, row in enumerate(text.splitlines(), start=1):
        if action_id and row.split(",")[0].strip().strip('"') == action_id:
            return number
    return 1
