"""The rows that every answer reads, fetched with one statement each.

For statements this small, the object layer takes longer to write one than the database
to run it (``tests/benchmarks/next_trial.py``), and a trial's page needs several. These
are written once; what comes back are the same models.
"""

from __future__ import annotations

import json
from typing import Any, Final, Generic, NamedTuple, TypeVar
from uuid import UUID

from django.db import connection, models

from collection.models import (
    Participant,
    Reservation,
    Response,
    Study,
    StudySession,
    Trial,
)

M = TypeVar("M", bound=models.Model)


class _Columns(Generic[M]):
    """A model's columns as a statement names them, and the objects made of their values.

    What is left out is fetched when it is asked for.
    """

    def __init__(self, model: type[M], alias: str, *, without: tuple[str, ...] = ()):
        fields = [f for f in model._meta.concrete_fields if f.name not in without]
        self._model = model
        self._names = [f.attname for f in fields]
        self._json = [
            i for i, f in enumerate(fields) if isinstance(f, models.JSONField)
        ]
        self.named = ", ".join(f'{alias}."{f.column}"' for f in fields)
        self.n = len(fields)

    def made(self, row: tuple[Any, ...]) -> M | None:
        """The object of these values; None where an outer join found no row."""
        values = list(row)
        if values[0] is None:
            return None
        for i in self._json:  # a plain cursor gives JSON as text
            if values[i] is not None:
                values[i] = json.loads(values[i])
        return self._model.from_db(connection.alias, self._names, values)


# A study's documents are large, and parsed once per process.
_STUDY: Final = _Columns(Study, "study", without=("definition", "simulation"))
_PARTICIPANT: Final = _Columns(Participant, "participant")
_SESSION: Final = _Columns(StudySession, "session")
_TRIAL: Final = _Columns(Trial, "trial")
_RESPONSE: Final = _Columns(Response, "response")
_RESERVATION: Final = _Columns(Reservation, "reservation")

# NO KEY: inserting a trial beside it must not wait for this lock.
_HELD: Final = f"""
SELECT {_SESSION.named}, {_STUDY.named}, {_PARTICIPANT.named}
FROM {StudySession._meta.db_table} AS session
JOIN {Study._meta.db_table} AS study ON study.id = session.study_id
JOIN {Participant._meta.db_table} AS participant
  ON participant.id = session.participant_id
WHERE session.code = %s
FOR NO KEY UPDATE OF session
"""
_SHOWN: Final = f"""
SELECT {_TRIAL.named}, {_RESPONSE.named}, {_RESERVATION.named}
FROM {Trial._meta.db_table} AS trial
LEFT JOIN {Response._meta.db_table} AS response ON response.trial_id = trial.id
LEFT JOIN {Reservation._meta.db_table} AS reservation
  ON reservation.id = trial.reservation_id
WHERE trial.id = %s AND trial.session_id = %s
"""
_ISSUED: Final = f"""
SELECT trial.id, trial.block, trial.dimension, trial.repeat, response.id IS NOT NULL
FROM {Trial._meta.db_table} AS trial
LEFT JOIN {Response._meta.db_table} AS response ON response.trial_id = trial.id
WHERE trial.session_id = %s ORDER BY trial.position
"""


class IssuedTrial(NamedTuple):
    """A trial that a session was given, in short."""

    pk: UUID
    block: str
    dimension: str
    repeat: bool
    answered: bool


def held_session(code: UUID) -> StudySession:
    """The session with its study and participant, its row held until the transaction ends.

    Raises:
        StudySession.DoesNotExist: no session has this code.
    """
    row = _row(_HELD, [code])
    session = None if row is None else _SESSION.made(row[: _SESSION.n])
    if row is None or session is None:
        raise StudySession.DoesNotExist("No session has this code.")
    study = _STUDY.made(row[_SESSION.n : _SESSION.n + _STUDY.n])
    participant = _PARTICIPANT.made(row[_SESSION.n + _STUDY.n :])
    assert study is not None
    assert participant is not None
    session.study, session.participant = study, participant
    return session


def shown_trial(trial_id: UUID, session: StudySession) -> Trial | None:
    """A trial of this session, with its response and reservation; None without one."""
    row = _row(_SHOWN, [trial_id, session.pk])
    trial = None if row is None else _TRIAL.made(row[: _TRIAL.n])
    if row is None or trial is None:
        return None
    trial.session = session
    response = _RESPONSE.made(row[_TRIAL.n : _TRIAL.n + _RESPONSE.n])
    if response is not None:
        response.trial = trial  # and the trial's own `response` with it
    else:
        # Known to have none: asking whether it was answered asks nobody.
        Trial._meta.get_field("response").set_cached_value(trial, None)
    trial.reservation = _RESERVATION.made(row[_TRIAL.n + _RESPONSE.n :])
    return trial


def issued_trials(session: StudySession) -> list[IssuedTrial]:
    """What the session was given so far, in order."""
    with connection.cursor() as cursor:
        cursor.execute(_ISSUED, [session.pk])
        return [IssuedTrial(*row) for row in cursor.fetchall()]


def _row(statement: str, values: list[UUID]) -> tuple[Any, ...] | None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        row: tuple[Any, ...] | None = cursor.fetchone()
        return row
