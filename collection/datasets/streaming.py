"""Write a table as CSV and Parquet at once, a piece at a time.

Nothing is held but one piece of rows, so that a million judgments need no more memory
than a thousand. What looks at the rows on their way (the hash, the matrices) is handed
each piece.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from collection.datasets.tables import Column, Table
from collection.errors import DatasetRefused

PIECE_BYTES = 1 << 18
PIECE_ROWS = 8_192

ARROW: Mapping[str, Any] = {
    "text": pa.string(),
    "number": pa.float64(),
    "integer": pa.int64(),
    "boolean": pa.bool_(),
}
Look = Callable[[Any], None]


def frugally() -> None:
    """Have Arrow give memory back at once, and use one thread; for a process of its own.

    Its own pools keep what they once had: fast, and a third of a whole export's memory.
    """
    _without_pandas()
    pa.set_memory_pool(pa.system_memory_pool())
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)


class _Hidden:
    """Finds modules before anybody else does, and says that there is no pandas."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name=name)


def _without_pandas() -> None:
    """Keep Arrow from importing pandas with the first list it is given: 50 MB for nothing.

    It looks once, unless it is asked for a data frame.
    """
    if "pandas" in sys.modules:
        return
    hidden = _Hidden()
    sys.meta_path.insert(0, hidden)
    try:
        pa.array([0])
    finally:
        sys.meta_path.remove(hidden)


def schema_of(columns: Sequence[Column]) -> Any:
    """The Arrow schema of these columns; the meaning of each goes with it."""
    return pa.schema(
        pa.field(one.name, ARROW[one.type], metadata={"meaning": one.meaning})
        for one in columns
    )


def write_table(
    table: Table,
    pieces: Iterable[Any],
    csv_path: Path,
    parquet: Path,
    looks: Sequence[Look] = (),
) -> int:
    """Write both files of a table from its pieces; returns how many rows.

    Args:
        pieces: Record batches that have at least the table's columns.
        looks: Functions that see every piece as it is written.
    """
    schema = schema_of(table.columns)
    csv_path.parent.mkdir(parents=True, exist_ok=True)
    parquet.parent.mkdir(parents=True, exist_ok=True)
    n = 0
    # Arrow would put the names of all columns in quotes.
    options = pa.csv.WriteOptions(include_header=False)
    with (
        _begun(csv_path, table) as file,
        pa.csv.CSVWriter(file, schema, write_options=options) as as_csv,
        pa.parquet.ParquetWriter(parquet, schema, compression="zstd") as as_parquet,
    ):
        for piece in pieces:
            if not piece.num_rows:
                continue
            ordered = pa.record_batch(
                [piece.column(column.name) for column in table.columns], schema=schema
            )
            as_csv.write(ordered)
            as_parquet.write(ordered)
            for look in looks:
                look(ordered)
            n += ordered.num_rows
    return n


def _begun(path: Path, table: Table) -> BinaryIO:
    """A CSV with its first line."""
    with path.open("w", encoding="utf-8", newline="") as file:
        names = [column.name for column in table.columns]
        csv.writer(file, lineterminator="\n").writerow(names)
    return path.open("ab")


def pieces_of_file(path: Path, table: Table) -> Iterator[Any]:
    """A snapshot's or a package's CSV, piece by piece, with the table's types.

    Raises:
        DatasetRefused: a column is missing, or a value is not of its column's type.
    """
    names = [column.name for column in table.columns]
    try:
        reader = pa.csv.open_csv(
            path,
            read_options=pa.csv.ReadOptions(block_size=PIECE_BYTES, use_threads=False),
            parse_options=pa.csv.ParseOptions(newlines_in_values=True),
            convert_options=pa.csv.ConvertOptions(
                include_columns=names,
                column_types={c.name: ARROW[c.type] for c in table.columns},
                # An empty text is an empty text; an empty number is none.
                strings_can_be_null=False,
                null_values=[""],
            ),
        )
        yield from reader
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        raise DatasetRefused([(path.name, f"cannot be read: {error}")]) from error


def columns_of_file(path: Path) -> list[str]:
    """The names in the first line of a CSV."""
    with path.open(encoding="utf-8", newline="") as file:
        return next(csv.reader(file), [])


def pieces_of_rows(
    rows: Iterable[Mapping[str, object]], columns: Sequence[Column]
) -> Iterator[Any]:
    """Rows made here, piece by piece."""
    schema = schema_of(columns)
    held: list[Mapping[str, object]] = []
    for row in rows:
        held.append(row)
        if len(held) == PIECE_ROWS:
            yield pa.RecordBatch.from_pylist(held, schema=schema)
            held = []
    if held:
        yield pa.RecordBatch.from_pylist(held, schema=schema)


def with_column(piece: Any, column: Column, values: Any) -> Any:
    """The piece with one column more; a single value stands in every row of it.

    Args:
        values: An array of Arrow's, a row each, or the single value.
    """
    type_ = ARROW[column.type]
    array = (
        values
        if isinstance(values, pa.Array)
        else pa.repeat(pa.scalar(values, type=type_), piece.num_rows)
    )
    return piece.append_column(column.name, array)


def columns_of(piece: Any, names: Sequence[str]) -> list[list[Any]]:
    """These columns of a piece as Python values."""
    return [piece.column(name).to_pylist() for name in names]


def rows_of(piece: Any, names: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """The rows of a piece as Python values of these columns."""
    return zip(*columns_of(piece, names), strict=True)
