"""Runs read back from their shards, a piece at a time: a sweep may not fit in memory.

What is held at once is one row group of a shard, or, for the tables of cells, a few
columns of one cell; never all cells' runs.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import overload

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from alignment.errors import FolderError
from bandits.cell_totals import CellTotals
from bandits.plan import Plan
from bandits.results import Array, Cell, PhaseRuns
from bandits.shards import Contents, Shard

KEEP_BYTES = 2**26
"""Columns kept for the next who asks: the uniform agent's are asked for by all."""
TOGETHER_BYTES = 2**23
"""Neighbouring columns that are read together: whoever asks for one asks for the next,
and every reading goes through all shards of the cell."""
_OPEN_FILES = 64

_Key = tuple[int, str]


class StoredRuns(Sequence[PhaseRuns]):
    """Every cell's runs, by phase, in the plan's order; read when asked for."""

    def __init__(
        self,
        plan: Plan,
        folder: Path,
        made: Sequence[tuple[Shard, Contents]],
    ) -> None:
        self._plan = plan
        self._folder = folder
        self._places: dict[_Key, list[tuple[Shard, int]]] = {}
        self._names: dict[_Key, tuple[str, ...]] = {}
        self._totals: dict[int, CellTotals] = {}
        for shard, contents in made:
            for row_group, (computation, phase, metrics) in enumerate(contents.groups):
                key = (computation, phase)
                self._places.setdefault(key, []).append((shard, row_group))
                self._names[key] = metrics
            for computation, total in contents.totals.items():
                others = self._totals.get(computation)
                whole = total if others is None else others.plus(total)
                self._totals[computation] = whole
        phases = list(dict.fromkeys(phase for _, phase in self._places))
        self._index = [
            (place, (computation, phase))
            for place, computation in enumerate(plan.computation_of)
            for phase in phases
            if (computation, phase) in self._places
        ]
        self._open: OrderedDict[Path, pq.ParquetFile] = OrderedDict()
        self._kept: OrderedDict[tuple[_Key, str], Array] = OrderedDict()

    @property
    def metrics(self) -> tuple[str, ...]:
        """Every measure that any cell has in any phase."""
        cells = (self._names[key] for _, key in self._index)
        return tuple(dict.fromkeys(name for names in cells for name in names))

    def __len__(self) -> int:
        return len(self._index)

    @overload
    def __getitem__(self, at: int) -> PhaseRuns: ...
    @overload
    def __getitem__(self, at: slice) -> list[PhaseRuns]: ...
    def __getitem__(self, at: int | slice) -> PhaseRuns | list[PhaseRuns]:
        if isinstance(at, slice):
            return [self[place] for place in range(*at.indices(len(self)))]
        cell, key = self._index[at]
        return PhaseRuns(self._plan.cells[cell], key[1], _Columns(self, key))

    def parts(self) -> Iterator[PhaseRuns]:
        """The same runs in pieces of a shard's range of replicates, in order."""
        for cell, key in self._index:
            names = self._names[key]
            for shard, row_group in self._places[key]:
                table = self._read(shard, row_group, names)
                columns = {name: _floats(table[name]) for name in names}
                yield PhaseRuns(
                    self._plan.cells[cell], key[1], columns, first=shard.start
                )

    def totals(self) -> Iterator[tuple[Cell, CellTotals]]:
        """Every cell, with the sums over all of its runs."""
        for cell, computation in zip(
            self._plan.cells, self._plan.computation_of, strict=True
        ):
            yield cell, self._totals[computation]

    def names(self, key: _Key) -> tuple[str, ...]:
        """The measures of a computation in a phase."""
        return self._names[key]

    def column(self, key: _Key, name: str) -> Array:
        """(n_runs,) one measure of a computation in a phase, by replicate."""
        if (key, name) not in self._kept:
            names = self._names[key]
            together = max(1, TOGETHER_BYTES // (8 * self._plan.spec.n_runs))
            first = names.index(name) // together * together
            self._fetch(key, names[first : first + together])
        self._kept.move_to_end((key, name))
        return self._kept[key, name]

    def close(self) -> None:
        """Close the files that are open."""
        while self._open:
            self._open.popitem()[1].close()

    def _fetch(self, key: _Key, names: Sequence[str]) -> None:
        tables = [self._read(*place, names) for place in self._places[key]]
        for name in names:
            parts = [_floats(table[name]) for table in tables]
            column = np.concatenate(parts)
            column.flags.writeable = False
            self._kept[key, name] = column
        size = sum(column.nbytes for column in self._kept.values())
        while size > KEEP_BYTES and len(self._kept) > len(names):
            size -= self._kept.popitem(last=False)[1].nbytes

    def _read(self, shard: Shard, row_group: int, names: Sequence[str]) -> pa.Table:
        path = self._folder / shard.name
        try:
            if path not in self._open:
                self._open[path] = pq.ParquetFile(path)
                if len(self._open) > _OPEN_FILES:
                    self._open.popitem(last=False)[1].close()
            return self._open[path].read_row_group(row_group, columns=list(names))
        except (OSError, pa.ArrowException) as problem:
            raise FolderError(
                f"{path}: this shard was damaged while the sweep went on ({problem});"
                " the same command with --resume makes it again"
            ) from problem


class _Columns(Mapping[str, Array]):
    """The measures of one computation in a phase, each read when it is asked for."""

    def __init__(self, runs: StoredRuns, key: _Key) -> None:
        self._runs, self._key = runs, key

    def __getitem__(self, name: str) -> Array:
        if name not in self._runs.names(self._key):
            raise KeyError(name)
        return self._runs.column(self._key, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._runs.names(self._key))

    def __len__(self) -> int:
        return len(self._runs.names(self._key))


def _floats(column: pa.ChunkedArray) -> Array:
    return np.asarray(column.to_numpy(), dtype=float)
