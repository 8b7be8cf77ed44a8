"""Finding the cell with the fewest judgments that a person has not met.

Written in SQL because every trial asks for it: the object layer would take longer to
put these statements together than the database to run them (``tests/benchmarks/
next_trial.py`` measures both). An index in the order of `(study, kind, load, shuffle)`
serves them, so that neither the number of cells nor the number of answers matters.

What a person has met is read once, as a short list, and compared with each candidate:
an anti-join could be planned as a pass over all pairs of a large study.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection

from collection.models import Action, Cell, Reservation, StudySession

_UNSEEN: Final = f"""
FROM {Cell._meta.db_table} AS cell
LEFT JOIN {Action._meta.db_table} AS a ON a.id = cell.action_a_id
LEFT JOIN {Action._meta.db_table} AS b ON b.id = cell.action_b_id
WHERE cell.study_id = %(study)s AND cell.kind = %(kind)s
  AND cell.action_a_id IS NOT NULL
  AND (%(any_dimension)s OR cell.dimension = ANY(%(dimensions)s))
  AND cell.id <> ALL (ARRAY(
    SELECT met.cell_id FROM {Reservation._meta.db_table} AS met
    JOIN {StudySession._meta.db_table} AS sitting ON sitting.code = met.session_id
    WHERE sitting.participant_id = %(participant)s
  ))
"""
_COLUMNS: Final = """
SELECT cell.id, cell.load, cell.shuffle, cell.dimension, a.action_id, b.action_id
"""
_LOWEST_LOAD: Final = f"SELECT cell.load {_UNSEEN} ORDER BY cell.load LIMIT 1"
# Each row is read again once it is locked, so a cell that was taken in between no longer
# has this load, and is passed over.
_AT_LEVEL: Final = f"""
{_COLUMNS} {_UNSEEN} AND cell.load = %(load)s AND cell.shuffle >= %(start)s
ORDER BY cell.shuffle LIMIT 1 FOR NO KEY UPDATE OF cell SKIP LOCKED
"""
_ANY: Final = f"""
{_COLUMNS} {_UNSEEN} ORDER BY cell.load, cell.shuffle LIMIT 1 FOR NO KEY UPDATE OF cell
"""


@dataclass(frozen=True)
class Candidates:
    """Which cells a person may get.

    Attributes:
        study: The study's id.
        kind: pair or value.
        participant: Whose cells, met before, are left out.
        dimensions: Only cells on these; all where it is empty.
    """

    study: int
    kind: str
    participant: int
    dimensions: Sequence[str] = ()

    def values(self) -> dict[str, Any]:
        """The parameters of every statement here."""
        return {
            "study": self.study,
            "kind": str(self.kind),
            "participant": self.participant,
            "any_dimension": not self.dimensions,
            "dimensions": list(self.dimensions),
        }


@dataclass(frozen=True)
class FreeCell:
    """A cell whose row is locked: its id, counters as they were, and what it asks."""

    pk: int
    load: int
    shuffle: float
    dimension: str
    action_a: str
    action_b: str | None


def lowest_load(candidates: Candidates) -> int | None:
    """The fewest judgments, made or being made, of any candidate; None without one."""
    row = _one(_LOWEST_LOAD, candidates.values())
    return None if row is None else int(row[0])


def at_level(candidates: Candidates, load: int, start: float) -> FreeCell | None:
    """Lock the first candidate with this load, from `start` in the shuffled order.

    None where all of them are being taken at this moment. Needs a transaction.
    """
    return _cell(_AT_LEVEL, candidates.values() | {"load": load, "start": start})


def any_free(candidates: Candidates) -> FreeCell | None:
    """Lock the least judged candidate, whatever its load; wait for it if need be."""
    values = candidates.values()
    return _cell(f"{_ANY} SKIP LOCKED", values) or _cell(_ANY, values)


def explained(candidates: Candidates, load: int, start: float) -> str:
    """How the database means to find :func:`at_level`, in its own words."""
    values = candidates.values() | {"load": load, "start": start}
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {_AT_LEVEL}", values)
        return "\n".join(line for (line,) in cursor.fetchall())


def _cell(statement: str, values: dict[str, Any]) -> FreeCell | None:
    row = _one(statement, values)
    return None if row is None else FreeCell(*row)


def _one(statement: str, values: dict[str, Any]) -> tuple[Any, ...] | None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        row: tuple[Any, ...] | None = cursor.fetchone()
        return row
