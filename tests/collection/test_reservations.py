"""Who holds which cell, when many people come at once and some never answer."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from django.db import connections

from collection import participation, reservations
from collection.least_judged import Candidates, explained
from collection.models import Cell, Reservation, Response, Study, Trial
from tests import factories

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def counters_agree_with_the_rows() -> bool:
    """Each cell's counters against a slow count of the rows they stand for."""
    return all(
        cell.completed == cell.reservations.filter(state="completed").count()
        and cell.in_flight == cell.reservations.filter(state="held").count()
        for cell in Cell.objects.all()
    )


def many_people(study: Study, n_people: int, n_trials: int) -> None:
    """People who join together and each answer some trials as fast as they can."""
    together = threading.Barrier(n_people)

    def one(_: int) -> None:
        try:
            session = factories.joined(study)
            together.wait(30)
            factories.answer(session, n_trials=n_trials)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(n_people) as pool:
        list(pool.map(one, range(n_people)))


@pytest.mark.django_db(transaction=True)
def test_people_answering_at_once_judge_all_pairs_equally_often() -> None:
    study = factories.open_study(**factories.only("pair", trials_per_session=10))

    many_people(study, n_people=8, n_trials=10)

    completed = list(Cell.objects.values_list("completed", flat=True))
    assert sum(completed) == Response.objects.count() == 80
    assert max(completed) - min(completed) <= 2
    for session in study.sessions.all():
        seen = [frozenset(t.actions) for t in session.trials.all()]
        assert len(set(seen)) == len(seen) == 10
    assert counters_agree_with_the_rows()


@pytest.mark.django_db(transaction=True)
def test_people_arriving_at_once_share_the_dimensions_evenly() -> None:
    study = factories.open_study(
        dimensions=[factories.dimension(name) for name in ("one", "two", "three")],
        **factories.only("value", dimensions_per_session=2),
    )

    many_people(study, n_people=6, n_trials=7)

    chosen = Counter(
        dimension
        for dimensions in study.sessions.values_list("dimensions", flat=True)
        for dimension in dimensions
    )
    assert chosen == {"one": 4, "two": 4, "three": 4}
    assert counters_agree_with_the_rows()


@pytest.mark.django_db(transaction=True)
def test_a_place_that_expires_among_many_people_is_taken_off_once() -> None:
    study = factories.open_study(**factories.only("pair", trials_per_session=10))
    for _ in range(4):
        participation.current_trial(factories.joined(study))
    Reservation.objects.update(expires_at=LONG_AGO)

    many_people(study, n_people=6, n_trials=3)

    assert Reservation.objects.filter(state="released").count() == 4
    assert counters_agree_with_the_rows()


@pytest.mark.django_db
def test_a_cell_being_judged_counts_as_judged_until_it_expires() -> None:
    study = factories.open_study(**factories.only("pair", trials_per_session=15))
    held = []
    for _ in range(15):
        trial = participation.current_trial(factories.joined(study))
        assert trial is not None
        held.append(frozenset(trial.actions))

    assert len(set(held)) == 15, "everyone in flight has a pair of their own"

    first = Reservation.objects.order_by("pk")[0]
    Reservation.objects.filter(pk=first.pk).update(expires_at=LONG_AGO)
    freed = participation.current_trial(factories.joined(study))

    assert freed is not None
    assert freed.reservation is not None
    assert freed.reservation.cell_id == first.cell_id


@pytest.mark.django_db
def test_what_nobody_understood_counts_so_that_it_is_not_offered_for_ever() -> None:
    study = factories.open_study(**factories.only("pair", trials_per_session=15))

    factories.answer(
        factories.joined(study), lambda _: participation.Answer(not_understood=True)
    )

    assert set(Cell.objects.values_list("completed", "in_flight")) == {(1, 0)}


@pytest.mark.django_db
def test_looking_at_a_page_again_does_not_write() -> None:
    session = factories.joined(factories.open_study(**factories.only("pair")))
    participation.current_trial(session)
    expires_at = Reservation.objects.get().expires_at

    participation.current_trial(session)

    assert Reservation.objects.get().expires_at == expires_at


@pytest.mark.django_db
def test_a_late_answer_after_the_place_was_given_away_exceeds_but_loses_nothing() -> (
    None
):
    study = factories.open_study(**factories.only("pair"))
    late = factories.joined(study)
    trial = participation.current_trial(late)
    assert trial is not None
    assert trial.reservation is not None
    Reservation.objects.update(expires_at=LONG_AGO)

    assert reservations.release_expired(study.pk) == 1
    assert reservations.release_expired(study.pk) == 0
    participation.record_response(
        late, trial_id=trial.pk, answer=participation.Answer(rating=10)
    )

    cell = Cell.objects.get(pk=trial.reservation.cell_id)
    assert (cell.completed, cell.in_flight, cell.load) == (1, 0, 1)


@pytest.mark.django_db
def test_the_cells_are_found_through_the_index_and_not_read_whole() -> None:
    study = factories.open_study(**factories.only("pair"))
    template = Cell.objects.filter(study=study)[0]
    Cell.objects.bulk_create(
        Cell(
            study=study,
            kind="pair",
            key=f"many-{n}",
            action_a=template.action_a,
            action_b=template.action_b,
            wanted=1,
        )
        for n in range(5000)
    )
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("ANALYZE collection_cell")
    session = factories.joined(study)
    pairs = Candidates(study.pk, "pair", session.participant_id)

    plan = explained(pairs, load=0, start=0.5)

    assert "least_judged_first" in plan
    assert Trial.objects.count() == 0
