"""Triplets at random and by a worker's choice: floor, propensities, races, fallback."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import combinations
from math import comb
from random import Random

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from alignment.adaptive_rules import RANDOM_FLOOR
from collection import participation
from collection.models import (
    Study,
    StudySession,
    Trial,
    TripletBatch,
    TripletCandidate,
)
from collection.triplet_trials import fill_triplet, key_of
from tests import factories

EVERY = [key_of(three) for three in combinations(factories.ACTION_IDS, 3)]


def adaptive_study(**changes: object) -> Study:
    return factories.open_study(
        **factories.only("triplet", sampler="adaptive", **changes)
    )


def batch_of(
    study: Study, keys: Sequence[str], *, minutes_old: int = 0
) -> TripletBatch:
    batch = TripletBatch.objects.create(
        study=study,
        n_judgments=40,
        n_candidates=len(keys),
        scored_at=timezone.now() - timedelta(minutes=minutes_old),
    )
    TripletCandidate.objects.bulk_create(
        TripletCandidate(batch=batch, position=position, key=key)
        for position, key in enumerate(keys)
    )
    return batch


def next_trial(session: StudySession) -> Trial:
    trial = participation.current_trial(session)
    assert trial is not None
    return trial


def drawn(session: StudySession, seed: int) -> Trial:
    """What a session would be shown on this luck; nothing is stored."""
    definition = session.study.definition_model()
    with transaction.atomic():
        trial = Trial(session=session, block="triplets", position=0)
        filled = fill_triplet(
            trial, definition.block("triplets"), definition, Random(seed)
        )
        transaction.set_rollback(True)
    assert filled is not None
    return filled


@pytest.mark.django_db
def test_a_fresh_batch_is_asked_in_its_order_and_each_triplet_once() -> None:
    study = adaptive_study(trials_per_session=comb(6, 3))
    batch = batch_of(study, EVERY[4:8])

    left = list(EVERY[4:8])
    for _ in range(4):
        session = factories.joined(study)
        factories.answer(session, n_trials=4)
        seen: set[str] = set()
        for trial in session.trials.order_by("position"):
            key = key_of(trial.actions)
            if trial.sampler == "adaptive":
                # The random floor may have shown this person one of them before.
                assert key == next(asked for asked in left if asked not in seen)
                left.remove(key)
            seen.add(key)

    taken = batch.candidates.filter(taken_at__isnull=False)
    assert {one.key for one in taken} == set(EVERY[4:8]) - set(left)
    assert len(left) < 4


@pytest.mark.django_db
def test_propensities_sum_to_one_and_floor_and_batch_have_their_shares() -> None:
    """All that may be drawn, with how often it was, against what the trials say."""
    study = adaptive_study()
    batch_of(study, EVERY[:5])
    session = factories.joined(study)
    n_draws = 400

    trials = [drawn(session, seed) for seed in range(n_draws)]

    said: dict[str, float] = {}
    for trial in trials:
        assert trial.propensity is not None
        assert said.setdefault(key_of(trial.actions), trial.propensity) == (
            trial.propensity
        ), "the same triplet has one propensity, whichever part drew it"
    in_batch = {said[key] for key in EVERY[:5] if key in said}
    outside = {chance for key, chance in said.items() if key not in EVERY[:5]}
    (chosen,), (left,) = in_batch, outside
    assert chosen > left == RANDOM_FLOOR / 20
    assert 5 * chosen + 15 * left == pytest.approx(1)
    n_floor = Counter(trial.sampler for trial in trials)["random"]
    assert abs(n_floor - RANDOM_FLOOR * n_draws) < 5 * 7.2  # its standard deviation


@pytest.mark.django_db
def test_nobody_is_asked_a_triplet_twice_whoever_chose_it() -> None:
    study = adaptive_study(trials_per_session=comb(6, 3))
    session = factories.joined(study)
    for _ in range(4):
        batch_of(study, EVERY)
        factories.answer(session, n_trials=4)
    batch_of(study, EVERY)
    factories.answer(session)

    shown = [key_of(trial.actions) for trial in session.trials.all()]
    assert sorted(shown) == sorted(EVERY)
    assert session.trials.filter(sampler="adaptive").count() > 5
    for trial in session.trials.all():
        assert trial.propensity is not None
        assert 0 < trial.propensity <= 1


@pytest.mark.django_db
def test_propensity_counts_only_what_this_person_may_still_be_asked() -> None:
    study = adaptive_study(trials_per_session=comb(6, 3))
    session = factories.joined(study)
    factories.answer(session, n_trials=6)  # no batch yet: all at random
    seen = [key_of(trial.actions) for trial in session.trials.all()]
    unseen = [key for key in EVERY if key not in seen]
    batch_of(study, [*seen[:3], *unseen[:4]])

    trials = [drawn(session, seed) for seed in range(30)]

    chances = {t.propensity for t in trials if t.sampler == "adaptive"}
    assert list(chances) == [pytest.approx(RANDOM_FLOOR / 14 + (1 - RANDOM_FLOOR) / 4)]
    assert not {key_of(trial.actions) for trial in trials} & set(seen)


@pytest.mark.django_db
@pytest.mark.parametrize("why", ["none", "empty", "old", "used up", "other people's"])
def test_without_fresh_candidates_all_triplets_are_equally_likely(why: str) -> None:
    study = adaptive_study()
    if why == "empty":
        batch_of(study, [])
    if why == "old":
        batch_of(study, EVERY, minutes_old=61)
    if why == "used up":
        batch = batch_of(study, EVERY[:3])
        batch.candidates.update(taken_at=timezone.now())
    if why == "other people's":
        batch_of(study, EVERY)
        TripletBatch.objects.update(simulated=True)

    trials = [drawn(factories.joined(study), seed) for seed in range(8)]

    assert {trial.sampler for trial in trials} == {"random"}
    assert {trial.propensity for trial in trials} == {1 / 20}


@pytest.mark.django_db
def test_the_newest_batch_counts() -> None:
    study = adaptive_study()
    batch_of(study, EVERY[:10], minutes_old=5)
    batch_of(study, EVERY[10:])

    trials = [drawn(factories.joined(study), seed) for seed in range(10)]

    assert {key_of(t.actions) for t in trials if t.sampler == "adaptive"} == {EVERY[10]}


@pytest.mark.django_db
def test_the_random_sampler_takes_no_candidates() -> None:
    study = factories.open_study(**factories.only("triplet"))
    batch_of(study, EVERY)

    factories.answer(factories.joined(study))

    assert set(Trial.objects.values_list("sampler", flat=True)) == {"random"}
    assert not TripletCandidate.objects.filter(taken_at__isnull=False).exists()


@pytest.mark.django_db
def test_the_shown_order_says_nothing_about_the_batch() -> None:
    study = adaptive_study()
    batch_of(study, EVERY[:1])
    session = factories.joined(study)

    orders = {tuple(drawn(session, seed).actions) for seed in range(60)}

    assert len({order for order in orders if key_of(order) == EVERY[0]}) == 6


# ------------------------------------------------------------------ at the same time


@pytest.mark.django_db(transaction=True)
def test_whoever_finds_a_candidate_held_takes_the_next_and_does_not_wait() -> None:
    study = adaptive_study()
    batch = batch_of(study, EVERY)
    first = batch.candidates.get(position=0)
    sessions = [factories.joined(study) for _ in range(2)]
    seed = next(s for s in range(99) if Random(s).random() >= RANDOM_FLOOR)
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with transaction.atomic():
                TripletCandidate.objects.select_for_update().get(pk=first.pk)
                held.set()
                assert done.wait(30)
        finally:
            connection.close()

    def take(session: StudySession) -> tuple[str, float | None]:
        try:
            definition = study.definition_model()
            with transaction.atomic():
                trial = fill_triplet(
                    Trial(session=session, block="triplets", position=0),
                    definition.block("triplets"),
                    definition,
                    Random(seed),
                )
                assert trial is not None
                both.wait(30)  # each still holds its own row
            return key_of(trial.actions), trial.propensity
        finally:
            connection.close()

    both = threading.Barrier(2)
    with ThreadPoolExecutor(3) as pool:
        holder = pool.submit(hold)
        assert held.wait(30)
        try:
            taken = list(pool.map(take, sessions, timeout=30))
        finally:
            done.set()
        holder.result()

    assert {key for key, _ in taken} == set(EVERY[1:3])
    # Rows that somebody is just taking are as likely as the others: 20 were free.
    for _, chance in taken:
        assert chance == pytest.approx(RANDOM_FLOOR / 20 + (1 - RANDOM_FLOOR) / 20)


@pytest.mark.django_db(transaction=True)
def test_many_people_at_once_never_share_a_candidate() -> None:
    study = adaptive_study(trials_per_session=6)
    batch = batch_of(study, EVERY)
    together = threading.Barrier(6)

    def one(_: int) -> None:
        try:
            session = factories.joined(study)
            together.wait(30)
            factories.answer(session, n_trials=6)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(one, range(6)))

    trials = Trial.objects.filter(sampler="adaptive")
    asked = Counter(key_of(trial.actions) for trial in trials)
    assert max(asked.values()) == 1
    taken = batch.candidates.filter(taken_at__isnull=False)
    assert set(asked) == set(taken.values_list("key", flat=True))
    assert Trial.objects.count() == 36
