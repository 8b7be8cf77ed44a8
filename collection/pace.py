"""How long a place is held without an answer: as long as people here take, and some.

A lease that is too short gives a pair to two people; one that is too long keeps it from
everybody after someone has left. So it follows the pace that a study's own people keep:
`TIMES_PACE` times the time within which nineteen of twenty answered lately, from the
moment the trial was given to the moment the answer came. Until enough have answered, and
never longer, it is what the settings say.

Each web process asks the database again after `FRESH_S` seconds; in between it knows.
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db import connection

from collection.models import Response, StudySession, Trial

TIMES_PACE: Final = 3.0
ENOUGH: Final = 30
FRESH_S: Final = 20.0

# The newest trials first, through their own index: never a pass over all answers.
_PACE: Final = f"""
SELECT count(*), percentile_cont(0.95) WITHIN GROUP (ORDER BY took)
FROM (
    SELECT extract(epoch FROM response.received_at - trial.issued_at) AS took
    FROM {Trial._meta.db_table} AS trial
    JOIN {Response._meta.db_table} AS response ON response.trial_id = trial.id
    JOIN {StudySession._meta.db_table} AS session ON session.code = trial.session_id
    WHERE session.study_id = %s
    ORDER BY trial.issued_at DESC LIMIT 300
) AS lately
"""

_known: dict[int, tuple[float, timedelta]] = {}


def lease(study_id: int) -> timedelta:
    """How long a place in this study is held without an answer."""
    known = _known.get(study_id)
    now = time.monotonic()
    if known is None or now - known[0] > FRESH_S:
        known = _known[study_id] = (now, observed_lease(study_id))
    return known[1]


def observed_lease(study_id: int) -> timedelta:
    """The same, asked of the database now."""
    longest = timedelta(minutes=settings.ATTUNE_RESERVATION_MINUTES)
    shortest = timedelta(seconds=settings.ATTUNE_RESERVATION_LEAST_S)
    with connection.cursor() as cursor:
        cursor.execute(_PACE, [study_id])
        n_answers, pace_s = cursor.fetchone()
    if n_answers < ENOUGH:
        return longest
    return min(longest, max(shortest, timedelta(seconds=TIMES_PACE * float(pace_s))))
