"""What the database knows beside a judgment: its place in the session, how long it took,
and where things were put on an arena.

Read in the order in which the snapshot was written, some sessions at a time, so that the
two run side by side and neither is held in memory. Answers that came in since the
snapshot, and those it left out, are passed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from itertools import islice
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.csv
from django.db import connection

from collection.datasets.streaming import ARROW
from collection.datasets.tables import BESIDE, TRIAL
from collection.disclosure import released_id
from collection.errors import DatasetRefused
from collection.models import SnapshotRecord, StudySession, Trial
from collection.models.trials import Kind

ROWS_AT_ONCE = 5_000
SESSIONS_AT_ONCE = 200
TRIALS_AT_ONCE = 50_000
"""For so many, the database goes through its responses once, which takes longer than
finding them does: with fewer it would do so more often."""
KINDS = {
    "values": Kind.VALUE,
    "similarities": Kind.PAIR,
    "triplets": Kind.TRIPLET,
    "arrangements": Kind.ARRANGEMENT,
}
"""Table of judgments -> the kind of trial that it comes from."""
_SCHEMA = pa.schema((one.name, ARROW[one.type]) for one in (TRIAL, *BESIDE))


class Beside:
    """Walks along a snapshot's table: place and response time of each judgment."""

    def __init__(self, snapshot: SnapshotRecord, table: str) -> None:
        self._snapshot = snapshot
        self._table = table
        self._batches = _batches(snapshot, KINDS[table])
        self._batch = _SCHEMA.empty_table()
        self._row: dict[str, int] = {}

    def of(self, trial_ids: Any) -> Sequence[Any]:
        """The columns `BESIDE` of the next judgments of the table, as Arrow has them.

        Args:
            trial_ids: Arrow's column of their names. Every pair of one arena stands
                under the same one.

        Raises:
            DatasetRefused: one of them is not in the database.
        """
        left = trial_ids.to_pylist()
        found = [self._batch.slice(0, 0)]
        while left:
            rows = list(map(self._row.get, left))
            n = rows.index(None) if None in rows else len(rows)
            found.append(self._batch.take(pa.array(rows[:n], pa.int64())))
            left = left[n:]
            if left:
                self._next(left[0])
        together = pa.concat_tables(found).combine_chunks()
        return [_one(together.column(column.name)) for column in BESIDE]

    def _next(self, wanted: str) -> None:
        self._row, self._batch = {}, _SCHEMA.empty_table()  # one is held, never two
        for batch in self._batches:
            self._batch = batch
            names = batch.column(TRIAL.name).to_pylist()
            self._row = {name: row for row, name in enumerate(names)}
            return
        number = self._snapshot.number
        raise DatasetRefused(
            f"The answers of snapshot {number} are not all in the database any more "
            f"({self._table}: {wanted} was not found in its place). Freeze a new "
            "snapshot, and make the dataset of that one."
        )


def _one(column: Any) -> Any:
    """A column in one piece."""
    return column.chunk(0) if column.num_chunks else pa.array([], column.type)


def columns_beside(snapshot: SnapshotRecord) -> Sequence[Any]:
    """The columns that the database adds; none where the trials were named anew."""
    return () if snapshot.release_key else BESIDE


def places(
    snapshot: SnapshotRecord, trial_ids: Iterable[str]
) -> Iterator[dict[str, object]]:
    """Where each action was put, of the arenas that are in the snapshot.

    Args:
        trial_ids: Names of those arenas, as the snapshot has them.
    """
    wanted = set(trial_ids)
    if not wanted:
        return
    key = snapshot.release_key
    found = _answered(
        snapshot,
        Kind.ARRANGEMENT,
        "pk",
        "session__participant__rater_id",
        "response__positions",
    )
    rows = []
    for pk, rater_id, positions in found:
        trial = released_id(key, str(pk)) if key else str(pk)
        if trial in wanted:
            rater = released_id(key, rater_id) if key else rater_id
            rows.append((rater, trial, positions or {}))
    if key:  # in an order that says nothing about the one in the database
        rows.sort(key=lambda row: row[:2])
    for rater, trial, positions in rows:
        for action_id, (x, y) in sorted(positions.items()):
            yield {
                "rater_id": rater,
                "trial_id": trial,
                "action_id": action_id,
                "x": x,
                "y": y,
            }


def _sessions(snapshot: SnapshotRecord) -> Iterator[UUID]:
    """The sessions of a snapshot's people, in the order of snapshots."""
    return (
        StudySession.objects.filter(study=snapshot.study, simulated=snapshot.simulated)
        .order_by("participant__rater_id", "created_at", "pk")
        .values_list("pk", flat=True)
        .iterator(chunk_size=ROWS_AT_ONCE)
    )


def _batches(snapshot: SnapshotRecord, kind: Kind) -> Iterator[Any]:
    """The answered trials of a kind with what stands `BESIDE` them, as Arrow's tables.

    Some sessions each, in the order of snapshots, and within a table in no order. The
    database writes them as text and Arrow reads that: a million rows never become
    objects here.
    """
    sessions = _sessions(snapshot)
    at_once = SESSIONS_AT_ONCE
    while some := list(islice(sessions, at_once)):
        query = (
            Trial.objects.filter(session__in=some, kind=kind, response__isnull=False)
            .order_by()
            .values_list("pk", "position", "response__rt_ms")
        )
        batch = _copied(*query.query.sql_with_params())
        at_once = max(1, len(some) * TRIALS_AT_ONCE // max(batch.num_rows, len(some)))
        yield batch
        del batch


def _copied(sql: str, parameters: Sequence[Any]) -> Any:
    """The rows of a query, with the columns of `_SCHEMA`."""
    text = BytesIO()
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY ({sql}) TO STDOUT (FORMAT csv)", parameters) as rows,
    ):
        for piece in rows:
            text.write(piece)
    if not text.tell():
        return _SCHEMA.empty_table()
    text.seek(0)
    return pa.csv.read_csv(
        text,
        read_options=pa.csv.ReadOptions(column_names=_SCHEMA.names, use_threads=False),
        convert_options=pa.csv.ConvertOptions(column_types=_SCHEMA, null_values=[""]),
    )


def _answered(
    snapshot: SnapshotRecord, kind: Kind, *columns: str
) -> Iterator[tuple[Any, ...]]:
    """Columns of the answered trials of a kind, in the order of snapshots.

    A few sessions at a time: sorting a million trials at once would keep the first of
    them waiting, and a busy database writing to disk.
    """
    sessions = _sessions(snapshot)
    while some := list(islice(sessions, SESSIONS_AT_ONCE)):
        place = {session: number for number, session in enumerate(some)}
        found = Trial.objects.filter(
            session__in=some, kind=kind, response__isnull=False
        ).values_list("session", "position", *columns)
        yield from (
            row[2:] for row in sorted(found, key=lambda row: (place[row[0]], row[1]))
        )
