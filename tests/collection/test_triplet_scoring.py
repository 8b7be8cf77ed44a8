"""A worker chooses triplets: on demand, in a child process, for the right people."""

from __future__ import annotations

from datetime import timedelta
from itertools import combinations

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from collection import participation, triplet_worker
from collection.errors import ScoringRefused
from collection.models import Study, Trial, TripletBatch, TripletCandidate
from collection.participation import Answer
from collection.triplet_scoring import BATCHES_KEPT, judgments_so_far, score
from collection.triplet_trials import key_of
from tests import factories
from tests.queue_work import let_a_worker_work

EVERY = {key_of(three) for three in combinations(factories.ACTION_IDS, 3)}


@pytest.fixture
def study() -> Study:
    # The queue's tables are not Django's own: nobody else empties them between tests.
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE procrastinate_jobs, procrastinate_workers CASCADE")
    return factories.open_study(
        **factories.only("triplet", sampler="adaptive", trials_per_session=12)
    )


def n_waiting() -> int:
    return ProcrastinateJob.objects.filter(
        task_name="score_triplets", status="todo"
    ).count()


@pytest.mark.django_db
def test_scoring_stores_candidates_of_the_study_in_an_order_of_chance(
    study: Study,
) -> None:
    for _ in range(2):
        factories.finished(study)

    batch = score(study)

    assert (batch.n_judgments, batch.n_candidates) == (24, 20)
    by_position = batch.candidates.order_by("position").values_list("key", flat=True)
    assert set(by_position) == EVERY
    again = score(study).candidates.order_by("position").values_list("key", flat=True)
    assert list(again) != list(by_position)


@pytest.mark.django_db
def test_too_few_judgments_give_an_empty_batch(study: Study) -> None:
    factories.finished(study)

    batch = score(study)

    assert (batch.n_judgments, batch.n_candidates) == (12, 0)


@pytest.mark.django_db
def test_old_batches_go_and_the_newest_stays(study: Study) -> None:
    for _ in range(2):
        factories.finished(study)

    batches = [score(study) for _ in range(4)]

    kept = set(TripletBatch.objects.values_list("pk", flat=True))
    assert kept == {batch.pk for batch in batches[-BATCHES_KEPT:]}
    assert TripletCandidate.objects.count() == 20 * BATCHES_KEPT


@pytest.mark.django_db
def test_only_answers_of_the_same_people_who_did_not_withdraw_are_used(
    study: Study,
) -> None:
    def puzzled(trial: Trial) -> Answer:
        if trial.position == 0:
            return Answer(not_understood=True)
        return factories.attentive(trial)

    factories.answer(factories.joined(study), puzzled, n_trials=3)
    factories.cy(study)
    factories.answer(factories.joined(study, simulated=True), n_trials=5)

    people = judgments_so_far(study, simulated=False)
    simulated = judgments_so_far(study, simulated=True)

    assert (len(people.odd), len(simulated.odd)) == (2, 5)
    for triplet, odd in zip(people.triplets, people.odd, strict=True):
        names = [factories.ACTION_IDS[i] for i in triplet]
        shown = Trial.objects.get(actions__contains=names, session__simulated=False,
                                  session__status="consented")  # fmt: skip
        assert shown.response.choice == factories.ACTION_IDS[odd]


@pytest.mark.django_db
def test_a_study_without_adaptive_triplets_is_refused() -> None:
    factories.open_study(**factories.only("triplet"))

    with pytest.raises(CommandError, match=r'tiny has no block .* "adaptive"'):
        call_command("scoretriplets", "tiny")


@pytest.mark.django_db
def test_the_command_says_what_it_chose(
    study: Study, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("scoretriplets", "tiny")
    for _ in range(2):
        factories.finished(study)
    call_command("scoretriplets", "tiny")

    said = capsys.readouterr().out.splitlines()
    assert said == [
        "Study tiny holds 0 triplet judgments, too few to choose by: triplets stay "
        "random for now.",
        "Chose 20 triplets for tiny by 24 judgments.",
    ]


@pytest.mark.django_db(transaction=True)
def test_people_ask_for_candidates_and_a_worker_brings_them(study: Study) -> None:
    factories.answer(factories.joined(study), n_trials=12)
    assert n_waiting() == 1, "asked for at every trial, and waiting once"
    factories.answer(factories.joined(study), n_trials=12)
    assert set(Trial.objects.values_list("sampler", flat=True)) == {"random"}

    let_a_worker_work()

    batch = TripletBatch.objects.get()
    assert (batch.n_judgments, batch.n_candidates) == (24, 20)
    assert n_waiting() == 0

    third = factories.joined(study)
    factories.answer(third, n_trials=8)
    assert third.trials.filter(sampler="adaptive").exists()
    assert n_waiting() == 0, "more than half is left"
    batch.candidates.filter(position__lt=11).update(taken_at=timezone.now())
    factories.answer(third, n_trials=1)
    assert n_waiting() == 1

    let_a_worker_work()
    assert TripletBatch.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_worker_does_not_choose_again_what_is_still_fresh(study: Study) -> None:
    for _ in range(2):
        factories.finished(study)
    score(study)

    assert triplet_worker.choose(study.pk, simulated=False) is False
    TripletBatch.objects.update(scored_at=timezone.now() - timedelta(minutes=61))
    assert triplet_worker.choose(study.pk, simulated=False) is True
    assert TripletBatch.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_scoring_that_is_refused_fails_with_its_own_sentence() -> None:
    study = factories.open_study(**factories.only("triplet"))

    with pytest.raises(ScoringRefused, match=r"Study tiny has no block of triplets"):
        triplet_worker.choose(study.pk, simulated=False)


@pytest.mark.django_db
def test_too_few_judgments_are_not_tried_again_at_once(study: Study) -> None:
    batch = score(study)
    assert triplet_worker.needed(None)
    assert not triplet_worker.needed(batch)

    batch.scored_at -= timedelta(seconds=21)

    assert triplet_worker.needed(batch)


@pytest.mark.django_db(transaction=True)
def test_a_trial_is_shown_although_nobody_can_choose(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is wrong with the queue, a participant goes on with random triplets."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE procrastinate_jobs RENAME TO gone")
    try:
        trial = participation.current_trial(factories.joined(study))
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE gone RENAME TO procrastinate_jobs")

    assert trial is not None
    assert trial.sampler == "random"
