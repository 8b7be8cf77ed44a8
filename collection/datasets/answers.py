"""What the database knows beside a judgment: its place in the session, how long it took,
and where things were put on an arena.

Read in the order in which the snapshot was written, a few sessions at a time that a
server-side cursor gives, so that the two run side by side and neither is held in memory.
Answers that came in since the snapshot, and those it left out, are passed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from collection.datasets.tables import BESIDE
from collection.disclosure import released_id
from collection.errors import DatasetRefused
from collection.models import SnapshotRecord, StudySession, Trial
from collection.models.trials import Kind

ROWS_AT_ONCE = 5_000
SESSIONS_AT_ONCE = 200
KINDS = {
    "values": Kind.VALUE,
    "similarities": Kind.PAIR,
    "triplets": Kind.TRIPLET,
    "arrangements": Kind.ARRANGEMENT,
}
"""Table of judgments -> the kind of trial that it comes from."""


class Beside:
    """Walks along a snapshot's table: place and response time of each judgment."""

    def __init__(self, snapshot: SnapshotRecord, table: str) -> None:
        self._snapshot = snapshot
        self._table = table
        self._rows = _answered(
            snapshot, KINDS[table], "pk", "position", "response__rt_ms"
        )
        self._row: tuple[str, int, int | None] = ("", 0, None)

    def of(self, trial_ids: Iterable[str]) -> tuple[list[int], list[int | None]]:
        """Position and rt_ms of the next judgments of the table.

        Raises:
            DatasetRefused: one of them is not in the database.
        """
        positions: list[int] = []
        times: list[int | None] = []
        for trial_id in trial_ids:
            # Every pair of one arena stands under the same trial.
            while self._row[0] != trial_id:
                self._row = self._next(trial_id)
            positions.append(self._row[1])
            times.append(self._row[2])
        return positions, times

    def _next(self, wanted: str) -> tuple[str, int, int | None]:
        for pk, position, rt_ms in self._rows:
            return str(pk), position, rt_ms
        number = self._snapshot.number
        raise DatasetRefused(
            f"The answers of snapshot {number} are not all in the database any more "
            f"({self._table}: {wanted} was not found in its place). Freeze a new "
            "snapshot, and make the dataset of that one."
        )


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


def _answered(
    snapshot: SnapshotRecord, kind: Kind, *columns: str
) -> Iterator[tuple[Any, ...]]:
    """Columns of the answered trials of a kind, in the order of snapshots.

    A few sessions at a time: sorting a million trials at once would keep the first of
    them waiting, and a busy database writing to disk.
    """
    sessions = (
        StudySession.objects.filter(study=snapshot.study, simulated=snapshot.simulated)
        .order_by("participant__rater_id", "created_at", "pk")
        .values_list("pk", flat=True)
        .iterator(chunk_size=ROWS_AT_ONCE)
    )
    while some := list(islice(sessions, SESSIONS_AT_ONCE)):
        place = {session: number for number, session in enumerate(some)}
        found = Trial.objects.filter(
            session__in=some, kind=kind, response__isnull=False
        ).values_list("session", "position", *columns)
        yield from (
            row[2:] for row in sorted(found, key=lambda row: (place[row[0]], row[1]))
        )
