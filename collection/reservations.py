"""Who holds which cell: taking, keeping, completing and giving back.

A cell is taken by locking its row and adding one to `in_flight`. Cells with the fewest
judgments, completed or being made now, come first; rows that somebody else is just
taking are skipped (`FOR NO KEY UPDATE SKIP LOCKED`), so nobody waits, and no two people
at once take the same cell while another has less. An index in the order of
`(load, shuffle)` finds the next one, however many cells there are.

Lock order, the same everywhere, so that nothing waits in a circle: the session, then
reservations, then cells, several at once in the order of their ids.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from random import Random

from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, QuerySet
from django.utils import timezone

from collection.arenas import complete_arena, uncount_arenas
from collection.least_judged import (
    Candidates,
    FreeCell,
    any_free,
    at_level,
    lowest_load,
)
from collection.models import Cell, Reservation, Response, StudySession, Trial
from collection.models.trials import Kind
from collection.pace import lease

HELD = Reservation.State.HELD
COMPLETED = Reservation.State.COMPLETED
RELEASED = Reservation.State.RELEASED

# While every least-judged cell is just being taken, wait this often for a commit.
_ATTEMPTS = 40
_PAUSE_S = 0.005

_CELLS = Cell._meta.db_table
_RESERVATIONS = Reservation._meta.db_table

# One statement each for what every answer does: the object layer takes longer to write
# these than the database to run them.
_TAKE = f"""
WITH taken AS (UPDATE {_CELLS} SET in_flight = in_flight + 1 WHERE id = %s)
INSERT INTO {_RESERVATIONS} (session_id, cell_id, block, state, expires_at)
VALUES (%s, %s, %s, '{HELD}', %s) RETURNING id
"""
# The inner lock waits for whoever is just releasing it, and then sees that.
_COMPLETE = f"""
WITH before AS (
    SELECT id, state FROM {_RESERVATIONS} WHERE id = %s FOR NO KEY UPDATE
), done AS (
    UPDATE {_RESERVATIONS} AS reservation SET state = '{COMPLETED}'
    FROM before WHERE reservation.id = before.id AND before.state <> '{COMPLETED}'
    RETURNING reservation.cell_id, before.state
)
UPDATE {_CELLS} AS cell SET
    completed = cell.completed + 1,
    in_flight = cell.in_flight - CASE done.state WHEN '{HELD}' THEN 1 ELSE 0 END
FROM done WHERE cell.id = done.cell_id
"""
_IS_WHOLE = f"""
SELECT cell.action_a_id IS NOT NULL OR %s <= (
    SELECT count(*) FROM {Trial._meta.db_table} AS trial
    JOIN {Response._meta.db_table} AS response ON response.trial_id = trial.id
    WHERE trial.reservation_id = reservation.id AND NOT trial.repeat
)
FROM {_RESERVATIONS} AS reservation JOIN {_CELLS} AS cell
  ON cell.id = reservation.cell_id
WHERE reservation.id = %s
"""
_EXPIRED = f"""
SELECT held.id, held.cell_id
FROM {_RESERVATIONS} AS held JOIN {_CELLS} AS cell ON cell.id = held.cell_id
WHERE held.state = '{HELD}' AND held.expires_at < %s AND cell.study_id = %s
ORDER BY held.id LIMIT 500
FOR NO KEY UPDATE OF held SKIP LOCKED
"""


def reserve_least_judged(
    candidates: Candidates, session: StudySession, block: str, rng: Random
) -> tuple[int, FreeCell] | None:
    """Take a cell that this person has not met, among those with the fewest judgments.

    Ties are broken by a random start in the cells' shuffled order.

    Returns:
        The reservation's id, and the cell as it was before it was taken; None when the
        person has met all of them.
    """
    _release_expired(candidates.study)
    start = rng.random()
    for _ in range(_ATTEMPTS):
        load = lowest_load(candidates)
        if load is None:
            return None
        cell = at_level(candidates, load, start) or at_level(candidates, load, 0.0)
        if cell is not None:
            return _take(cell.pk, session, block), cell
        time.sleep(_PAUSE_S)
    # Many people on few cells: an even load matters less than going on.
    cell = any_free(candidates)
    return None if cell is None else (_take(cell.pk, session, block), cell)


def reserve_dimensions(
    cells: QuerySet[Cell],
    session: StudySession,
    block: str,
    rng: Random,
    n_dimensions: int,
) -> list[Reservation]:
    """Take the whole dimensions with the fewest complete vectors, ties at random.

    There are few such cells and a session needs several, so people take turns here
    instead of skipping: two who each skipped the other's could never both have two.
    """
    # Before the cells are held: what has expired is released without waiting for them.
    _release_expired(session.study_id)
    met = Reservation.objects.filter(
        cell=OuterRef("pk"), session__participant=session.participant_id
    )
    unseen = cells.filter(~Exists(met)).order_by("pk")
    by_load = list(unseen.select_for_update(no_key=True))
    rng.shuffle(by_load)
    by_load.sort(key=lambda cell: cell.load)
    taken = [_take(cell.pk, session, block) for cell in by_load[:n_dimensions]]
    return list(
        Reservation.objects.filter(pk__in=taken).select_related("cell").order_by("pk")
    )


def renew(reservation: Reservation, study_id: int) -> None:
    """Hold the place from now on, also when it had been given to others meanwhile."""
    now = timezone.now()
    held_for = lease(study_id)
    if reservation.state == COMPLETED or (
        reservation.state == HELD and reservation.expires_at - now > held_for / 2
    ):
        return  # showing a page again should not write
    held = Reservation.objects.select_for_update(no_key=True).get(pk=reservation.pk)
    if held.state == RELEASED:
        Cell.objects.filter(pk=held.cell_id).update(in_flight=F("in_flight") + 1)
    held.state = HELD
    held.expires_at = now + held_for
    held.save(update_fields=["state", "expires_at"])


def count_response(trial: Trial) -> None:
    """Count an answer that was just stored toward its cell, in the same transaction.

    A whole dimension is counted once its last action is answered. "Not understood"
    counts too: a cell that nobody understands would otherwise be offered for ever.
    """
    reservation = trial.reservation
    if reservation is None or trial.repeat or not _answered_whole(trial):
        return
    if trial.kind == Kind.ARRANGEMENT:
        complete_arena(trial)
        return
    with connection.cursor() as cursor:
        cursor.execute(_COMPLETE, [reservation.pk])


def _answered_whole(trial: Trial) -> bool:
    """Whether the cell has all that it asks: one answer, or a whole vector of them."""
    if trial.kind != Kind.VALUE:
        return True
    n_actions = len(trial.session.study.definition_model().actions)
    with connection.cursor() as cursor:
        cursor.execute(_IS_WHOLE, [n_actions, trial.reservation_id])
        return bool(cursor.fetchone()[0])


@transaction.atomic
def release_expired(study_id: int) -> int:
    """Offer to others what nobody answered in time; returns how many places."""
    return _release_expired(study_id)


def _release_expired(study_id: int) -> int:
    # Never waits here: a reservation that is being answered is not released.
    with connection.cursor() as cursor:
        cursor.execute(_EXPIRED, [timezone.now(), study_id])
        expired = cursor.fetchall()
    if expired:
        _release([pk for pk, _ in expired])
        _subtract("in_flight", [cell for _, cell in expired])
    return len(expired)


def give_back(session: StudySession) -> None:
    """Take a session out of all counts: others get its places, answered or not."""
    taken = list(
        session.reservations.exclude(state=RELEASED)
        .order_by("pk")
        .select_for_update(no_key=True)
    )
    _release([reservation.pk for reservation in taken])
    held = [r.cell_id for r in taken if r.state == HELD]
    completed = [r.cell_id for r in taken if r.state == COMPLETED]
    uncount_arenas([r.pk for r in taken if r.state == COMPLETED], [*held, *completed])
    _subtract("in_flight", held)
    _subtract("completed", completed)


def _take(cell_id: int, session: StudySession, block: str) -> int:
    """Hold a cell whose row the caller has locked; the new reservation's id."""
    until = timezone.now() + lease(session.study_id)
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, [cell_id, session.pk, cell_id, block, until])
        return int(cursor.fetchone()[0])


def _release(reservations: Collection[int]) -> None:
    Reservation.objects.filter(pk__in=reservations).update(state=RELEASED)


def _lock(cells: Collection[int]) -> None:
    list(
        Cell.objects.filter(pk__in=cells)
        .order_by("pk")
        .select_for_update(no_key=True)
        .values_list("pk")
    )


def _subtract(counter: str, cells: Sequence[int]) -> None:
    """One off `counter` of each cell, as often as it is named."""
    _lock(cells)
    for times in sorted({cells.count(cell) for cell in cells}):
        named = [cell for cell in set(cells) if cells.count(cell) == times]
        Cell.objects.filter(pk__in=named).update(**{counter: F(counter) - times})
