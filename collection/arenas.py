"""Arenas of a study: which one a session gets next, and how often pairs were in one.

Every pair of a study's actions is a cell. An arena is begun for the sake of one pair and
reserves that cell; the reservation's state says whether the arena is held, counted or
given back, so that nothing is counted twice. The other pairs of an answered arena are
counted beside it. What is being laid out just now is read from the held reservations.

Two people who begin at the same moment may get overlapping arenas: nobody waits, and the
next arenas make up for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from itertools import combinations
from random import Random
from typing import Final

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import F
from django.utils import timezone

from collection.arena_sampling import Pair, Places, choose_actions
from collection.definition_parts import ArrangementBlock
from collection.definitions import StudyDefinition
from collection.models import Cell, Reservation, Study, StudySession, Trial
from collection.models.trials import Kind
from collection.pace import lease

SAMPLER: Final = "lift-the-weakest"


def fill_arena(
    trial: Trial,
    definition: StudyDefinition,
    block: ArrangementBlock,
    rng: Random,
) -> Trial:
    """Give a new trial its actions, in random order, and hold the pair it is for."""
    session = trial.session
    ids = definition.action_ids
    row = {action_id: number for number, action_id in enumerate(ids)}
    arenas, baffling = _laid_out(session, row)
    begun = _begun(session, row)
    chosen = choose_actions(
        len(ids),
        block.actions_per_arena,
        arenas=arenas,
        load=_load(session.study, row),
        avoid=baffling,
        begun=begun,
        rng=rng,
    )
    pair = _sorted_pair(chosen[0], chosen[1])
    trial.kind = Kind.ARRANGEMENT
    trial.sampler = SAMPLER
    if pair not in begun:
        trial.reservation = _hold(session, block.key, ids[pair[0]], ids[pair[1]])
    # Which pair an arena is for must not show.
    rng.shuffle(chosen)
    trial.actions = [ids[number] for number in chosen]
    return trial


def complete_arena(trial: Trial) -> None:
    """Count every pair of an arena that was just answered, once.

    All its cells are locked together, in the order of their ids, so that nobody waits
    in a circle.
    """
    if trial.reservation_id is None:
        return
    # Waits for whoever is just releasing it, and then sees that.
    found = Reservation.objects.select_for_update(of=("self",), no_key=True)
    held = found.filter(trials=trial).first()
    if held is None or held.state == Reservation.State.COMPLETED:
        return
    cells = _cells(trial)
    lock_cells(cells)
    Cell.objects.filter(pk__in=cells).update(completed=F("completed") + 1)
    if held.state == Reservation.State.HELD:
        Cell.objects.filter(pk=held.cell_id).update(in_flight=F("in_flight") - 1)
    held.state = Reservation.State.COMPLETED
    held.save(update_fields=["state"])


def uncount_arenas(reservations: Collection[int], beside: Collection[int]) -> None:
    """Take back what `complete_arena` counted, for reservations that are given back.

    All but the cells of the reservations themselves: those are the caller's, as for
    every other kind.

    Args:
        reservations: Those that were completed; the caller releases them.
        beside: Cells that the caller will change after this: they are locked here,
            together with those of the arenas.
    """
    trials = Trial.objects.filter(
        reservation__in=reservations, kind=Kind.ARRANGEMENT
    ).select_related("session", "reservation")
    others = {trial: _cells(trial) for trial in trials}
    lock_cells({*beside, *(pk for cells in others.values() for pk in cells)})
    for trial, cells in others.items():
        own = trial.reservation.cell_id if trial.reservation else None
        Cell.objects.filter(pk__in=[pk for pk in cells if pk != own]).update(
            completed=F("completed") - 1
        )


def lock_cells(cells: Collection[int]) -> None:
    """Lock cells in the order of their ids, as everywhere."""
    list(
        Cell.objects.filter(pk__in=cells)
        .order_by("pk")
        .select_for_update(no_key=True)
        .values_list("pk")
    )


def pair_key(a: str, b: str) -> str:
    """The key of the cell of two actions."""
    return "|".join(sorted((a, b)))


def _cells(trial: Trial) -> list[int]:
    """The cells of all pairs of an arena."""
    keys = [pair_key(a, b) for a, b in combinations(trial.actions, 2)]
    found = Cell.objects.filter(
        study=trial.session.study_id, kind=Kind.ARRANGEMENT, key__in=keys
    )
    return list(found.values_list("pk", flat=True))


def _load(study: Study, row: dict[str, int]) -> Counter[Pair]:
    """Pair -> arenas that hold it, answered or being laid out."""
    load: Counter[Pair] = Counter()
    cells = Cell.objects.filter(study=study, kind=Kind.ARRANGEMENT, completed__gt=0)
    # One row for each first action: fewer and smaller than one for each pair.
    for a, others, counts in cells.values_list("action_a__action_id").annotate(
        others=ArrayAgg("action_b__action_id", order_by="pk"),
        counts=ArrayAgg("completed", order_by="pk"),
    ):
        for b, n in zip(others, counts, strict=True):
            load[_sorted_pair(row[a], row[b])] = n
    held = Trial.objects.filter(
        reservation__state=Reservation.State.HELD,
        reservation__expires_at__gt=timezone.now(),
        reservation__cell__study=study,
        reservation__cell__kind=Kind.ARRANGEMENT,
    )
    for actions in held.values_list("actions", flat=True):
        load.update(combinations(sorted(row[action] for action in actions), 2))
    return load


def _laid_out(
    session: StudySession, row: dict[str, int]
) -> tuple[list[Places], set[int]]:
    """This person's arenas, and the actions that they do not understand."""
    arenas: list[Places] = []
    baffling: set[int] = set()
    answered = Trial.objects.filter(
        session__participant=session.participant_id,
        kind=Kind.ARRANGEMENT,
        response__isnull=False,
    ).order_by("position")
    for actions, positions in answered.values_list("actions", "response__positions"):
        places = positions or {}
        arenas.append({row[action]: (x, y) for action, (x, y) in places.items()})
        baffling |= {row[action] for action in actions if action not in places}
    return arenas, baffling


def _begun(session: StudySession, row: dict[str, int]) -> set[Pair]:
    held = session.reservations.filter(cell__kind=Kind.ARRANGEMENT)
    return {
        _sorted_pair(row[a], row[b])
        for a, b in held.values_list(
            "cell__action_a__action_id", "cell__action_b__action_id"
        )
    }


def _hold(session: StudySession, block: str, a: str, b: str) -> Reservation:
    cell = Cell.objects.select_for_update(no_key=True).get(
        study=session.study, kind=Kind.ARRANGEMENT, key=pair_key(a, b)
    )
    held = Reservation.objects.create(
        session=session,
        cell=cell,
        block=block,
        expires_at=timezone.now() + lease(session.study_id),
    )
    Cell.objects.filter(pk=cell.pk).update(in_flight=F("in_flight") + 1)
    return held


def _sorted_pair(a: int, b: int) -> Pair:
    return (a, b) if a < b else (b, a)
