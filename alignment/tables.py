"""CSV files that other people wrote: read with their line numbers, refused in words.

Files of our own are read by `alignment.folders.read_rows`; here a fault is somebody
else's to mend, so every message can name the file and the line.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from alignment.errors import AlignmentError


@dataclass(frozen=True)
class Line:
    """One row of a file, with what is needed to speak about it."""

    path: Path
    number: int
    fields: dict[str, str]

    def __getitem__(self, column: str) -> str:
        return self.fields[column]

    def fault(self, sentence: str) -> AlignmentError:
        """An error that names this line; the caller raises it."""
        return AlignmentError(f"{self.path}, line {self.number}: {sentence}")

    def number_in(self, column: str, low: float, high: float) -> float | None:
        """The number in a column, or None for an empty field.

        Raises:
            AlignmentError: It is not a number from low to high.
        """
        text = self.fields[column].strip()
        if not text:
            return None
        try:
            number = float(text)
        except ValueError:
            number = float("nan")
        if not low <= number <= high:  # False for NaN as well
            upper = "" if high == float("inf") else f" to {high:g}"
            reach = f"at least {low:g}" if not upper else f"{low:g}{upper}"
            raise self.fault(f"{column} must be a number, {reach}; got {text!r}")
        return number


def read_lines(path: Path, needed: Sequence[str] = ()) -> list[Line]:
    """The rows of a CSV file in UTF-8 whose first line names the columns.

    Args:
        needed: Columns that must be there; others may be.

    Raises:
        AlignmentError: No such file, not CSV in UTF-8, a column missing or named
            twice, a row of another length, or no row at all.
    """
    path = Path(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            columns = [column.strip() for column in next(reader, [])]
            rows = [(reader.line_num, row) for row in reader if row]
    except (FileNotFoundError, IsADirectoryError) as error:
        raise AlignmentError(f"{path}: there is no such file") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise AlignmentError(
            f"{path}: must be a CSV file in UTF-8 ({error})"
        ) from error
    missing = [column for column in needed if column not in columns]
    if missing:
        raise AlignmentError(
            f"{path}, line 1: needs the columns {', '.join(needed)}; "
            f"missing: {', '.join(missing)}"
        )
    if len(set(columns)) != len(columns):
        twice = next(column for column in columns if columns.count(column) > 1)
        raise AlignmentError(f"{path}, line 1: the column {twice} stands twice")
    if not rows:
        raise AlignmentError(f"{path}: needs rows below its first line, got none")
    for number, row in rows:
        if len(row) != len(columns):
            raise AlignmentError(
                f"{path}, line {number}: needs {len(columns)} fields, got {len(row)}"
            )
    return [
        Line(path, number, dict(zip(columns, row, strict=True))) for number, row in rows
    ]
