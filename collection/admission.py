"""Let people in as fast as the machine can serve them, in the order in which they came.

A launch can bring more people within a minute than can answer at once. Whoever is already
in must not feel it: a slow page costs answers, and bends response times. So newcomers
wait on a page of their own, which asks again by itself every few seconds, and the line
moves as others finish. Nobody who began is ever kept out, and nothing is stored about
who waits but a random name and two times.

How many are answering is counted from the trials that were given lately, across all
studies, because they share one machine.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db import connection
from django.utils import timezone

from collection.models import StudySession, Trial, WaitingPlace

LATELY: Final = timedelta(minutes=3)
"""Who was given a trial, or arrived, within this time is taken to be answering."""
STILL_THERE: Final = timedelta(seconds=45)
"""A waiting page that has not asked for so long was closed."""
ASK_AGAIN_S: Final = 10
FRESH_S: Final = 1.0

_ACTIVE: Final = f"""
SELECT count(*) FROM (
    SELECT session_id FROM {Trial._meta.db_table} WHERE issued_at > %(since)s
    UNION
    SELECT code FROM {StudySession._meta.db_table}
    WHERE created_at > %(since)s AND status IN ('arrived', 'consented')
) AS lately
"""

_counted: tuple[float, int] = (-FRESH_S, 0)


@dataclass(frozen=True)
class Line:
    """A place in the line.

    Attributes:
        token: What the waiting page sends when it asks again.
        ahead: How many came before and still wait.
    """

    token: str
    ahead: int


def wait_or_enter(token: str = "") -> Line | None:
    """None if there is room for one more; else where they stand in the line.

    Args:
        token: The place they hold; empty for somebody who has just come.
    """
    if not settings.ATTUNE_MOST_AT_ONCE:
        return None
    now = timezone.now()
    place = WaitingPlace.objects.filter(pk=token).first() if token else None
    arrived_at = now if place is None else place.arrived_at
    ahead = WaitingPlace.objects.filter(
        asked_at__gt=now - STILL_THERE, arrived_at__lt=arrived_at
    ).count()
    if ahead < settings.ATTUNE_MOST_AT_ONCE - n_answering():
        if place is not None:
            place.delete()
        return None
    if place is None:
        WaitingPlace.objects.filter(asked_at__lt=now - 20 * STILL_THERE).delete()
        place = WaitingPlace(token=secrets.token_urlsafe(24))
    place.asked_at = now
    place.save()
    return Line(place.token, ahead)


def n_answering() -> int:
    """How many people are answering now; asked of the database once a second."""
    global _counted
    if time.monotonic() - _counted[0] >= FRESH_S:
        with connection.cursor() as cursor:
            cursor.execute(_ACTIVE, {"since": timezone.now() - LATELY})
            _counted = (time.monotonic(), int(cursor.fetchone()[0]))
    return _counted[1]
