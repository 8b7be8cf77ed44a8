"""Whether a group has all its judgments: every cell as many as it is wanted.

Asked at every arrival of a study with `stop_when_covered`, so it must cost the same with
half a million pairs as with ten. Pairs all want the same, and the index that finds the
next trial begins with the cell of the lowest load, so one row says whether any lacks
judgments that nobody is making. Those that are being made are looked up through the
places held, which are as many as people. Values have few cells, and triplets are counted
no further than is wanted.

Each web process asks again after `FRESH_S` seconds; in between it knows. Somebody who
arrives in these seconds gets in and is paid: a few judgments too many.
"""

from __future__ import annotations

import time
from typing import Any, Final

from django.db import connection

from collection.definition_parts import (
    ArrangementBlock,
    Block,
    Group,
    PairBlock,
    QuestionsBlock,
    TripletBlock,
    ValueBlock,
)
from collection.definitions import StudyDefinition
from collection.models import Cell, Reservation, Response, Study, StudySession, Trial
from collection.models.trials import Kind

FRESH_S: Final = 5.0

_CELLS: Final = Cell._meta.db_table
_RESERVATIONS: Final = Reservation._meta.db_table

_LEAST_LACKS: Final = f"""
SELECT load < wanted FROM {_CELLS}
WHERE study_id = %(study)s AND kind = %(kind)s ORDER BY load LIMIT 1
"""
_HELD_LACKS: Final = f"""
SELECT EXISTS (
    SELECT FROM {_RESERVATIONS} AS held JOIN {_CELLS} AS cell ON cell.id = held.cell_id
    WHERE held.state = '{Reservation.State.HELD}' AND cell.study_id = %(study)s
      AND cell.kind = %(kind)s AND cell.completed < cell.wanted
)
"""
_VALUE_LACKS: Final = f"""
SELECT EXISTS (
    SELECT FROM {_CELLS} WHERE study_id = %(study)s AND kind = %(kind)s
      AND (action_a_id IS NULL) = %(whole)s AND dimension = ANY(%(dimensions)s)
      AND completed < wanted
)
"""
_TRIPLETS: Final = f"""
SELECT count(*) < %(wanted)s FROM (
    SELECT FROM {StudySession._meta.db_table} AS session
    JOIN {Trial._meta.db_table} AS trial ON trial.session_id = session.code
    JOIN {Response._meta.db_table} AS response ON response.trial_id = trial.id
    WHERE session.study_id = %(study)s AND trial.block = %(block)s
      AND session.status <> '{StudySession.Status.WITHDRAWN}' AND response.choice <> ''
    LIMIT %(wanted)s
) AS judged
"""

_known: dict[tuple[int, str], tuple[float, bool]] = {}


def is_covered(study: Study, group: Group) -> bool:
    """Whether every judgment that the group's blocks want is completed.

    Never of a group that only asks questions: of those no number is wanted.
    """
    definition = study.definition_model()
    blocks = [definition.block(key) for key in group.blocks]
    judged = [block for block in blocks if not isinstance(block, QuestionsBlock)]
    # Triplets last: they alone are counted.
    judged.sort(key=lambda block: isinstance(block, TripletBlock))
    return bool(judged) and not any(_lacks(study, definition, b) for b in judged)


def lacks_judgments(study: Study, definition: StudyDefinition, block: Block) -> bool:
    """Whether a block wants judgments that are not completed; asked now."""
    if isinstance(block, QuestionsBlock):
        return False
    of = {"study": study.pk}
    if isinstance(block, TripletBlock):
        wanted = block.judgments_wanted
        return _says(_TRIPLETS, of | {"block": block.key, "wanted": wanted})
    if isinstance(block, ValueBlock):
        asked = block.dimensions or [d.name for d in definition.dimensions]
        return _says(
            _VALUE_LACKS,
            of
            | {
                "kind": Kind.VALUE.value,
                "whole": block.assign == "dimension",
                "dimensions": list(asked),
            },
        )
    kind = Kind.ARRANGEMENT if isinstance(block, ArrangementBlock) else Kind.PAIR
    assert isinstance(block, PairBlock | ArrangementBlock)
    values = of | {"kind": kind.value}
    return _says(_LEAST_LACKS, values) or _says(_HELD_LACKS, values)


def _lacks(study: Study, definition: StudyDefinition, block: Block) -> bool:
    """The same, as of a few seconds ago at most."""
    key = (study.pk, block.key)
    now = time.monotonic()
    known = _known.get(key)
    if known is None or now - known[0] >= FRESH_S:
        lacking = lacks_judgments(study, definition, block)
        known = _known[key] = (now, lacking)
    return known[1]


def _says(statement: str, values: dict[str, Any]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        row = cursor.fetchone()
        return bool(row and row[0])
