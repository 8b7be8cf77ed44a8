"""Arenas in the database: which one comes next, and what is counted."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import combinations

import pytest
from django.db import connections, transaction
from django.utils import timezone

from collection import participation
from collection.arenas import SAMPLER, pair_key
from collection.coverage import coverage_by_block
from collection.errors import AlreadyAnswered
from collection.models import Cell, Reservation, Response, Study, StudySession, Trial
from collection.participation import Answer
from collection.reservations import release_expired
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def study() -> Study:
    return factories.open_study(**factories.arranging())


def current(session: StudySession) -> Trial:
    trial = participation.current_trial(session)
    assert trial is not None
    return trial


def answer(session: StudySession, trial: Trial) -> Response:
    return participation.record_response(
        session, trial_id=trial.pk, answer=factories.attentive(trial)
    )


def counted() -> Counter[str]:
    """Pair -> arenas that held it, of the pairs that any arena held."""
    return Counter(
        dict(Cell.objects.filter(completed__gt=0).values_list("key", "completed"))
    )


def held_in(*trials: Trial) -> Counter[str]:
    return Counter(
        pair_key(a, b) for trial in trials for a, b in combinations(trial.actions, 2)
    )


def test_every_pair_is_a_cell_wanted_so_many_times(study: Study) -> None:
    cells = Cell.objects.filter(study=study, kind="arrangement")

    assert cells.count() == 15
    assert set(cells.values_list("wanted", flat=True)) == {3}


def test_a_session_lays_out_its_arenas_and_is_done(study: Study) -> None:
    session = factories.joined(study)
    first = current(session)
    answer(session, first)
    second = current(session)
    answer(session, second)

    assert participation.current_trial(session) is None
    assert participation.progress(session) == (2, 2)
    for trial in (first, second):
        assert trial.kind == "arrangement"
        assert trial.sampler == SAMPLER
        assert len(set(trial.actions)) == 4
    assert set(first.actions) != set(second.actions)


def test_the_same_arena_comes_again_until_it_is_answered(study: Study) -> None:
    session = factories.joined(study)

    assert current(session) == current(session)
    assert Trial.objects.count() == 1


def test_every_pair_of_an_answered_arena_is_counted_once(study: Study) -> None:
    session = factories.joined(study)
    trial = current(session)
    assert counted() == {}

    first = answer(session, trial)
    again = answer(session, trial)

    assert first == again
    assert counted() == held_in(trial)
    assert not Cell.objects.filter(in_flight__gt=0).exists()


def test_another_arrangement_afterwards_is_refused_and_the_first_stays(
    study: Study,
) -> None:
    session = factories.joined(study)
    trial = current(session)
    kept = answer(session, trial)
    moved = {action: [0.5, 0.5] for action in trial.actions}

    with pytest.raises(AlreadyAnswered, match="your first answer was kept"):
        participation.record_response(
            session, trial_id=trial.pk, answer=Answer(positions=moved)
        )

    assert Response.objects.get().positions == kept.positions
    assert counted() == held_in(trial)


def test_who_comes_later_gets_the_pairs_that_others_did_not(study: Study) -> None:
    for _ in range(12):
        factories.finished(study)

    counts = [cell.completed for cell in Cell.objects.filter(study=study)]
    assert sum(counts) == 12 * 2 * 6
    assert max(counts) - min(counts) <= 4


def test_what_is_being_laid_out_counts_as_taken(study: Study) -> None:
    arenas = [current(factories.joined(study)) for _ in range(3)]

    met = held_in(*arenas)
    assert max(met.values()) <= 2
    assert Cell.objects.filter(in_flight=1).count() == 3


def test_what_was_left_lying_is_offered_to_others_and_a_late_answer_counts(
    study: Study,
) -> None:
    session = factories.joined(study)
    trial = current(session)
    Reservation.objects.update(expires_at=timezone.now() - timedelta(minutes=1))
    release_expired(study.pk)
    assert Reservation.objects.get().state == "released"

    answer(session, trial)

    assert counted() == held_in(trial)
    assert Reservation.objects.get().state == "completed"
    assert not Cell.objects.filter(in_flight__gt=0).exists()


def test_who_withdraws_is_taken_out_of_every_count(study: Study) -> None:
    stayed = factories.finished(study)
    left = factories.joined(study)
    answer(left, current(left))
    current(left)

    participation.withdraw(left)
    participation.withdraw(left)

    assert counted() == held_in(*stayed.trials.all())
    assert not Cell.objects.filter(in_flight__gt=0).exists()


def test_an_action_that_was_not_understood_does_not_come_again(study: Study) -> None:
    session = factories.joined(study)
    trial = current(session)
    positions = {**factories.attentive(trial).positions, trial.actions[0]: None}

    stored = participation.record_response(
        session, trial_id=trial.pk, answer=Answer(positions=positions)
    )

    assert set(stored.positions) == set(trial.actions[1:])
    assert not stored.not_understood
    assert trial.actions[0] not in current(session).actions


def test_a_single_place_compares_nothing_and_counts_as_not_understood(
    study: Study,
) -> None:
    session = factories.joined(study)
    trial = current(session)
    only: dict[str, object] = dict.fromkeys(trial.actions)
    only[trial.actions[0]] = [0.5, 0.5]

    stored = participation.record_response(
        session, trial_id=trial.pk, answer=Answer(positions=only)
    )

    assert stored.not_understood


def test_the_same_code_and_past_give_the_same_arena(study: Study) -> None:
    session = factories.joined(study)
    trial = current(session)
    trial.delete()
    Reservation.objects.all().delete()
    Cell.objects.update(in_flight=0)

    assert current(session).actions == trial.actions


def test_coverage_shows_pairs_in_arenas(study: Study) -> None:
    factories.finished(study)

    (row,) = coverage_by_block(study)

    assert row.label == "Pairs in arenas"
    assert (row.n_cells, row.wanted) == (15, 45)
    assert row.done == 12


@pytest.mark.django_db(transaction=True)
def test_two_who_finish_at_once_with_the_same_pairs_are_both_counted() -> None:
    study = factories.open_study(**factories.arranging(actions_per_arena=5))
    people = [factories.joined(study) for _ in range(2)]
    trials = [current(person) for person in people]
    shared = next(iter(held_in(trials[0]).keys() & held_in(trials[1]).keys()))

    def finish(index: int) -> None:
        try:
            answer(people[index], trials[index])
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        with transaction.atomic():  # both wait for this pair, with others already held
            Cell.objects.select_for_update().get(key=shared)
            waiting = [pool.submit(finish, index) for index in range(2)]
        for each in waiting:
            each.result(timeout=30)

    assert counted() == held_in(*trials)
