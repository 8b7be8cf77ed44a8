"""The sweep folder: what is written, and how it is read back.

    sweep/  manifest.json   kind "sweep"; inputs by hash, skipped kernels, notes
            spec.toml       the spec with every field written out
            kernels.csv     every kernel and rater: spectrum, repair, alignment
            tasks.csv       every task: its threshold, rewards, and how sure they are
            cells.csv       one row per cell and phase: means and standard errors
            runs.parquet    one row per cell, replicate and phase: every metric
            effects.csv     outcome with alignment over independent models; which row
                            was declared beforehand, and that all others explore
            over_time.csv   each cell's curves over the steps, in stretches
            calibration.csv predicted probability of harm against what was so
            corruption.csv  outcome along the share of actions relabelled, a table apart
            figures/

Tables are plain: CSV for what people read, one Parquet file for the runs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from alignment.errors import FolderError
from alignment.folders import read_manifest, read_rows, write_rows
from bandits.spec import SweepSpec, read_spec

Array = NDArray[np.float64]
Row = dict[str, Any]
KIND = "sweep"
NO_KERNEL = "none"
ROWS_A_GROUP = 2**16
"""Rows of runs.parquet that are written, and can be read, together, at most."""
_RUN_FIELDS = (
    ("cell", pa.int64()),
    ("agent", pa.string()),
    ("kernel", pa.string()),
    ("role", pa.string()),
    ("form", pa.string()),
    ("share", pa.float64()),
    ("draw", pa.int64()),
    ("dimension", pa.string()),
    ("values_from", pa.string()),
    ("threshold_rule", pa.string()),
    ("threshold", pa.float64()),
    ("phase", pa.string()),
    ("replicate", pa.int64()),
)


@dataclass(frozen=True)
class Cell:
    """One combination of a sweep's axes.

    kernel, form: "none" for agents that have no kernel.
    role: human, model, baseline, arrangements, triplets, end, none, or how the human
        kernel was corrupted: relabelled, pairs_permuted, blended, noisy.
    share, draw: Of the corruption, and which one; see `KernelEntry.draw`.
    values_from, threshold_rule: With how they are paid, and what becomes of disputed
        actions, where that is not as usual (`task_table.names_of`).
    threshold_rule: As the spec says it; `threshold` is the number it came to.
    """

    number: int
    agent: str
    kernel: str
    role: str
    form: str
    share: float
    draw: int
    dimension: str
    values_from: str
    threshold_rule: str
    threshold: float

    @property
    def task(self) -> tuple[str, str, str]:
        """Dimension, whose values, and threshold rule: cells of one task compare."""
        return self.dimension, self.values_from, self.threshold_rule


@dataclass(frozen=True)
class PhaseRuns:
    """Every metric of one cell in one phase; (n_runs,) by replicate.

    first: The first replicate's number, where these are only some of the cell's runs.
    """

    cell: Cell
    phase: str
    metrics: Mapping[str, Array]
    first: int = 0


@dataclass(frozen=True)
class SweepData:
    """A sweep folder read back.

    cells, kernels, effects, corruption: Rows of the CSV files, numbers as floats
        (NaN where the file is empty), all else as text.
    """

    folder: Path
    manifest: Mapping[str, Any]
    spec: SweepSpec
    cells: list[Row]
    kernels: list[Row]
    effects: list[Row]
    corruption: list[Row]

    @property
    def simulated(self) -> bool:
        """Whether the judgments came from simulated participants."""
        return bool(self.manifest["simulated"])

    def runs(self) -> pa.Table:
        """The runs table, read on demand: it is the large one."""
        return pq.read_table(self.folder / "runs.parquet")


def read_sweep(folder: Path) -> SweepData:
    """Read a finished sweep folder.

    Raises:
        FolderError: It is missing, no sweep, unfinished, or a file was changed.
    """
    manifest = read_manifest(folder, KIND)
    tables = {}
    for name in ("cells", "kernels", "effects", "corruption"):
        path = folder / f"{name}.csv"
        if not path.is_file():
            raise FolderError(f"{path} is missing: this is not a whole sweep folder.")
        tables[name] = [_numbers(row) for row in read_rows(path)]
    return SweepData(folder, manifest, read_spec(folder / "spec.toml"), **tables)


def write_runs(
    path: Path, parts: Iterable[PhaseRuns], metrics: Sequence[str] | None = None
) -> None:
    """Write runs.parquet; a metric that a row's task does not have is null there.

    Rows are written as soon as `ROWS_A_GROUP` have come: what is held does not grow
    with the number of runs.

    Args:
        parts: Runs in the order of their rows.
        metrics: Every metric that any part has; None to look through all parts first.
    """
    if metrics is None:
        parts = list(parts)
        metrics = list(dict.fromkeys(name for part in parts for name in part.metrics))
    schema = pa.schema([*_RUN_FIELDS, *((name, pa.float64()) for name in metrics)])
    waiting: list[pa.RecordBatch] = []
    n_rows = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for part in parts:
            batch = _rows(part, schema)
            if n_rows and n_rows + len(batch) > ROWS_A_GROUP:
                writer.write_table(pa.Table.from_batches(waiting), n_rows)
                waiting, n_rows = [], 0
            waiting.append(batch)
            n_rows += len(batch)
        if waiting:
            writer.write_table(pa.Table.from_batches(waiting), n_rows)


def _rows(part: PhaseRuns, schema: pa.Schema) -> pa.RecordBatch:
    n_runs, cell = len(next(iter(part.metrics.values()))), part.cell
    columns = [
        pa.repeat(pa.scalar(value, schema.field(name).type), n_runs)
        for name, value in (
            ("cell", cell.number),
            ("agent", cell.agent),
            ("kernel", cell.kernel),
            ("role", cell.role),
            ("form", cell.form),
            ("share", cell.share),
            ("draw", cell.draw),
            ("dimension", cell.dimension),
            ("values_from", cell.values_from),
            ("threshold_rule", cell.threshold_rule),
            ("threshold", cell.threshold),
            ("phase", part.phase),
        )
    ]
    columns.append(pa.array(np.arange(part.first, part.first + n_runs)))
    for name in schema.names[len(_RUN_FIELDS) :]:
        values = part.metrics.get(name)
        columns.append(
            pa.nulls(n_runs, pa.float64())
            if values is None
            else pa.array(values, pa.float64(), from_pandas=True)
        )
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def write_table(
    path: Path, rows: Sequence[Mapping[str, Any]], *, empty: Sequence[str] = ("agent",)
) -> None:
    """Write rows as CSV with every column any of them has; undefined is empty.

    Args:
        empty: The columns of a table without rows.
    """
    columns = list(dict.fromkeys(key for row in rows for key in row)) or list(empty)
    full = ({name: _defined(row.get(name)) for name in columns} for row in rows)
    write_rows(path, columns, full)


def _defined(value: object) -> object:
    return None if isinstance(value, float) and math.isnan(value) else value


_TEXT = {
    "agent",
    "kernel",
    "role",
    "kind",
    "family",
    "form",
    "dimension",
    "values_from",
    "threshold_rule",
    "phase",
    "metric",
    "measure",
    "models",
    "note",
    "harm_note",
    "skipped",
    "status",
    "corruption",
}


def _numbers(row: Mapping[str, str]) -> Row:
    return {
        name: text if name in _TEXT else float(text or "nan")
        for name, text in row.items()
    }
