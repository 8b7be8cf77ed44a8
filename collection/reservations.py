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
from datetime import timedelta
from random import Random

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet
from django.utils import timezone

from collection.models import Cell, Reservation, Response, StudySession, Trial
from collection.models.trials import Kind

HELD = Reservation.State.HELD
COMPLETED = Reservation.State.COMPLETED
RELEASED = Reservation.State.RELEASED

# While every least-judged cell is just being taken, wait this often for a commit.
_ATTEMPTS = 40
_PAUSE_S = 0.005


def lease() -> timedelta:
    """How long a place is held without an answer."""
    return timedelta(minutes=settings.ATTUNE_RESERVATION_MINUTES)


def reserve_least_judged(
    cells: QuerySet[Cell], session: StudySession, block: str, rng: Random
) -> Reservation | None:
    """Take a cell that this person has not met, among those with the fewest judgments.

    None when the person has met all of `cells`. The reservation's `cell` is as it was
    before it was taken. Ties are broken by a random start in the cells' shuffled order.
    """
    _release_expired(cells)
    unseen = _unseen(cells, session).select_related("action_a", "action_b")
    start = rng.random()
    for _ in range(_ATTEMPTS):
        lowest = unseen.order_by("load").values_list("load", flat=True).first()
        if lowest is None:
            return None
        level = (
            unseen.filter(load=lowest)
            .order_by("shuffle")
            .select_for_update(skip_locked=True, of=("self",), no_key=True)
        )
        # The row is read again once it is locked, so a cell that was taken in between
        # no longer has this load, and is passed over.
        cell = level.filter(shuffle__gte=start).first() or level.first()
        if cell is not None:
            return _take(cell, session, block)
        time.sleep(_PAUSE_S)
    # Many people on few cells: an even load matters less than going on.
    free = unseen.order_by("load", "shuffle")
    cell = (
        free.select_for_update(skip_locked=True, of=("self",), no_key=True).first()
        or free.select_for_update(of=("self",), no_key=True).first()
    )
    return None if cell is None else _take(cell, session, block)


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
    locked = _unseen(cells, session).order_by("pk").select_for_update(no_key=True)
    if _release_expired(Cell.objects.filter(pk__in=[cell.pk for cell in locked])):
        locked = locked.all()  # read again what has just changed
    by_load = list(locked)
    rng.shuffle(by_load)
    by_load.sort(key=lambda cell: cell.load)
    return [_take(cell, session, block) for cell in by_load[:n_dimensions]]


def renew(reservation: Reservation) -> None:
    """Hold the place from now on, also when it had been given to others meanwhile."""
    now = timezone.now()
    if reservation.state == COMPLETED or (
        reservation.state == HELD and reservation.expires_at - now > lease() / 2
    ):
        return  # showing a page again should not write
    held = Reservation.objects.select_for_update(no_key=True).get(pk=reservation.pk)
    if held.state == RELEASED:
        Cell.objects.filter(pk=held.cell_id).update(in_flight=F("in_flight") + 1)
    held.state = HELD
    held.expires_at = now + lease()
    held.save(update_fields=["state", "expires_at"])


def count_response(trial: Trial) -> None:
    """Count an answer that was just stored toward its cell, in the same transaction.

    A whole dimension is counted once its last action is answered. "Not understood"
    counts too: a cell that nobody understands would otherwise be offered for ever.
    """
    reservation = trial.reservation
    if reservation is None or trial.repeat or not _answered_whole(trial, reservation):
        return
    mine = Reservation.objects.filter(pk=reservation.pk)
    # The first update waits for whoever is just releasing it, and then sees that.
    if mine.filter(state=HELD).update(state=COMPLETED):
        Cell.objects.filter(pk=reservation.cell_id).update(
            completed=F("completed") + 1, in_flight=F("in_flight") - 1
        )
    elif mine.filter(state=RELEASED).update(state=COMPLETED):
        Cell.objects.filter(pk=reservation.cell_id).update(completed=F("completed") + 1)


def _answered_whole(trial: Trial, reservation: Reservation) -> bool:
    if trial.kind != Kind.VALUE or reservation.cell.action_a_id is not None:
        return True
    answered = Response.objects.filter(
        trial__session=trial.session_id,
        trial__reservation=reservation,
        trial__repeat=False,
    )
    n_actions = len(trial.session.study.definition_model().actions)
    return answered.count() >= n_actions


@transaction.atomic
def release_expired(study_id: int) -> int:
    """Offer to others what nobody answered in time; returns how many places."""
    return _release_expired(Cell.objects.filter(study=study_id))


def _release_expired(cells: QuerySet[Cell]) -> int:
    # Never waits here: a reservation that is being answered is not released.
    expired = list(
        Reservation.objects.filter(
            state=HELD, expires_at__lt=timezone.now(), cell__in=cells
        )
        .order_by("pk")
        .select_for_update(skip_locked=True, of=("self",), no_key=True)
        .values_list("pk", "cell_id")[:500]
    )
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
    _lock([*held, *completed])
    _subtract("in_flight", held)
    _subtract("completed", completed)


def _unseen(cells: QuerySet[Cell], session: StudySession) -> QuerySet[Cell]:
    met = Reservation.objects.filter(
        cell=OuterRef("pk"), session__participant=session.participant_id
    )
    return cells.filter(~Exists(met))


def _take(cell: Cell, session: StudySession, block: str) -> Reservation:
    reservation = Reservation.objects.create(
        session=session, cell=cell, block=block, expires_at=timezone.now() + lease()
    )
    Cell.objects.filter(pk=cell.pk).update(in_flight=F("in_flight") + 1)
    return reservation


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
