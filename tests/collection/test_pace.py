"""A lease follows the pace of a study's own people, between two bounds."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from collection.models import Study, Trial
from collection.pace import ENOUGH, TIMES_PACE, observed_lease
from tests import factories

pytestmark = pytest.mark.django_db


def answered(study: Study, took_s: float, n_people: int = 4) -> None:
    """People who each answered ten trials, every one after `took_s` seconds."""
    for _ in range(n_people):
        factories.answer(factories.joined(study), n_trials=10)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE collection_trial AS trial SET issued_at = response.received_at"
            " - make_interval(secs => %s) FROM collection_response AS response"
            " WHERE response.trial_id = trial.id",
            [took_s],
        )


@pytest.fixture
def study() -> Study:
    return factories.open_study(**factories.only("pair", trials_per_session=10))


def test_before_enough_have_answered_a_place_is_held_as_long_as_can_be(
    study: Study,
) -> None:
    answered(study, took_s=100, n_people=2)

    assert Trial.objects.count() < ENOUGH
    assert observed_lease(study.pk) == timedelta(minutes=30)


@pytest.mark.parametrize("took_s", [60.0, 200.0])
def test_slower_people_hold_their_places_longer(study: Study, took_s: float) -> None:
    answered(study, took_s)

    held_s = observed_lease(study.pk).total_seconds()

    assert held_s == pytest.approx(TIMES_PACE * took_s, rel=0.01)


@pytest.mark.parametrize(("took_s", "held_s"), [(1.0, 120.0), (5000.0, 1800.0)])
def test_no_lease_is_shorter_or_longer_than_the_settings_allow(
    study: Study, settings: Any, took_s: float, held_s: float
) -> None:
    settings.ATTUNE_RESERVATION_LEAST_S = 120
    settings.ATTUNE_RESERVATION_MINUTES = 30
    answered(study, took_s)

    assert observed_lease(study.pk).total_seconds() == held_s


def test_another_studys_people_do_not_count(study: Study) -> None:
    other = factories.open_study(
        slug="other", **factories.only("pair", trials_per_session=10)
    )
    answered(other, took_s=200)

    assert observed_lease(study.pk) == timedelta(minutes=30)
