"""What the database itself promises, whoever writes to it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, models, transaction

from collection import participation
from collection.models import Response, Study, StudySession, Trial
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def study() -> Study:
    return factories.open_study(**factories.only("pair"))


@pytest.fixture
def trial(study: Study) -> Trial:
    found = participation.current_trial(factories.joined(study))
    assert found is not None
    return found


def refuses(promise: str, write: Callable[..., models.Model], **fields: Any) -> bool:
    with pytest.raises(IntegrityError, match=promise), transaction.atomic():
        write(**fields)
    return True


def test_the_migrations_make_what_the_models_say() -> None:
    call_command("makemigrations", "collection", check=True, dry_run=True, verbosity=0)


def test_a_rating_runs_from_0_to_100(trial: Trial) -> None:
    assert refuses(
        "a_rating_runs_from_0_to_100", Response.objects.create, trial=trial, rating=101
    )


def test_what_was_not_understood_has_no_rating(trial: Trial) -> None:
    assert refuses(
        "what_was_not_understood_has_no_rating",
        Response.objects.create,
        trial=trial,
        rating=50,
        not_understood=True,
    )


def test_a_trial_has_one_response(trial: Trial) -> None:
    Response.objects.create(trial=trial, rating=50)

    assert refuses("trial_id", Response.objects.create, trial=trial, rating=50)


def test_a_position_of_a_session_holds_one_trial(trial: Trial) -> None:
    assert refuses(
        "a_position_holds_one_trial",
        Trial.objects.create,
        session=trial.session,
        position=trial.position,
        block="pairs",
        kind="pair",
        reserved_until=datetime.now(UTC),
    )


def test_an_action_id_stands_once_in_a_study(study: Study) -> None:
    assert refuses(
        "an_action_id_stands_once_in_a_study",
        study.actions.create,
        action_id="alpha",
        text="Again",
        position=99,
    )


def test_erasing_a_person_takes_everything_of_theirs_along(study: Study) -> None:
    ada = factories.ada(study)
    factories.finished(study)

    ada.participant.delete()

    assert StudySession.objects.count() == 1
    assert Response.objects.count() == 5


def test_a_trial_gives_its_actions_in_shown_order(trial: Trial) -> None:
    assert [action.action_id for action in trial.shown_actions()] == trial.actions
