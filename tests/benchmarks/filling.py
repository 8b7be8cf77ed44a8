"""A study filled with people's answers by SQL, and somebody who goes on answering."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from multiprocessing.synchronize import Event
from typing import Any

from stage import ROOT

PAIRS_EACH = 60

_FILL = """
WITH people AS (
    INSERT INTO collection_participant (study_id, rater_id, "group", simulated, created_at)
    SELECT %(study)s, 'p-' || to_hex(i + 268435456), 'all', true, now()
    FROM generate_series(1, %(people)s) AS i RETURNING id, rater_id
), sessions AS (
    INSERT INTO collection_studysession (code, participant_id, study_id, status, "group",
        blocks, dimensions, simulated, created_at, consented_at, finished_at,
        completion_code)
    SELECT gen_random_uuid(), id, %(study)s, 'finished', 'all', %(blocks)s, '[]', true,
        now(), now(), now(), 'x' FROM people RETURNING code
)
INSERT INTO collection_consent (session_id, version, uses, given_at)
SELECT code, repeat('0', 64), %(uses)s, now() FROM sessions
"""
_TRIALS = """
INSERT INTO collection_trial (id, session_id, block, kind, position, actions, dimension,
    polarity, question, sampler, repeat, issued_at, reserved_until)
SELECT gen_random_uuid(), session.code, %(block)s, 'pair', pair.place - 1, pair.actions,
    '', 'normal', '', '', false, now(), now()
FROM (SELECT code, row_number() OVER (ORDER BY code) AS i FROM collection_studysession
      WHERE study_id = %(study)s) AS session
CROSS JOIN LATERAL (
    SELECT jsonb_build_array(a.action_id, b.action_id) AS actions, place
    FROM generate_series(1, %(each)s) AS place
    JOIN collection_cell AS cell ON cell.study_id = %(study)s
      AND cell.id = %(first)s + (session.i * %(each)s + place) %% %(cells)s
    JOIN collection_action AS a ON a.id = cell.action_a_id
    JOIN collection_action AS b ON b.id = cell.action_b_id
) AS pair
"""
_RESPONSES = """
INSERT INTO collection_response (trial_id, rating, choice, text, not_understood, rt_ms,
    received_at)
SELECT trial.id, floor(random() * 101)::int, '', '', false,
    (3000 + random() * 9000)::int, now()
FROM collection_trial AS trial JOIN collection_studysession AS session
  ON session.code = trial.session_id WHERE session.study_id = %(study)s
"""
# What the pages' own functions would have counted, answer by answer.
_COUNTERS = """
UPDATE collection_cell AS cell SET completed = found.n
FROM (
    SELECT least(trial.actions->>0, trial.actions->>1) AS a,
        greatest(trial.actions->>0, trial.actions->>1) AS b, count(*) AS n
    FROM collection_trial AS trial JOIN collection_studysession AS session
      ON session.code = trial.session_id
    WHERE session.study_id = %(study)s GROUP BY 1, 2
) AS found, collection_action AS one, collection_action AS other
WHERE cell.study_id = %(study)s AND one.id = cell.action_a_id
  AND other.id = cell.action_b_id
  AND found.a = least(one.action_id, other.action_id)
  AND found.b = greatest(one.action_id, other.action_id)
"""


def fill(study: Any, n_judgments: int) -> int:
    """People with their answers; returns how many answers."""
    import json

    from django.db import connection, transaction

    definition = study.definition_model()
    people = -(-n_judgments // PAIRS_EACH)
    cells = list(study.cells.order_by("pk").values_list("pk", flat=True))
    with transaction.atomic(), connection.cursor() as cursor:
        # References are right by how they are made: checking each one takes longest.
        cursor.execute("SET LOCAL session_replication_role = replica")
        of: dict[str, object] = {"study": study.pk}
        cursor.execute(
            _FILL,
            of
            | {
                "people": people,
                "blocks": json.dumps(list(definition.groups[0].blocks)),
                "uses": json.dumps({use.key: True for use in definition.consent.uses}),
            },
        )
        cursor.execute(
            _TRIALS,
            of
            | {
                "block": definition.groups[0].blocks[0],
                "each": PAIRS_EACH,
                "first": cells[0],
                "cells": len(cells),
            },
        )
        cursor.execute(_RESPONSES, of)
        cursor.execute(_COUNTERS, of)
        cursor.execute("SET LOCAL session_replication_role = origin")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return people * PAIRS_EACH


def go_on_answering(slug: str, stop: Event, answered: Any, times: Any = None) -> None:
    """Somebody takes part, one person after the other, until told to stop.

    answered: A shared number, raised with each answer that was committed.
    times: Shared numbers; the n-th becomes the n-th answer's ``time.monotonic()``.
    """
    from django.db import connections

    from collection import participation
    from collection.models import Study
    from collection.participation import Answer

    connections.close_all()  # what was inherited is the parent's
    study = Study.objects.get(slug=slug)
    uses = {use.key: True for use in study.definition_model().consent.uses}
    while not stop.is_set():
        session = participation.enrol(study, simulated=True)
        participation.give_consent(session, uses, of_age=True)
        while not stop.is_set():
            trial = participation.current_trial(session)
            if trial is None:
                participation.finish(session)
                break
            participation.record_response(
                session, trial_id=trial.pk, answer=Answer(rating=50), rt_ms=4000
            )
            if times is not None:
                if answered.value == len(times):
                    return
                times[answered.value] = time.monotonic()
            with answered.get_lock():
                answered.value += 1
    connections.close_all()


def measured(*words: str) -> tuple[float, float, float]:
    """Of a command of manage.py: seconds, those at work, largest resident megabytes."""
    started = time.monotonic()
    child = subprocess.Popen(
        [sys.executable, "manage.py", *words], cwd=ROOT, stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(child.pid, 0)
    took = time.monotonic() - started
    if status:
        raise SystemExit(f"{' '.join(words)} ended with status {status}")
    return took, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6
