"""Newcomers wait while too many answer, and are let in in the order they came."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from collection import admission, participation
from collection.models import Study, StudySession, Trial, WaitingPlace
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def counted_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask the database each time, since a test is over within a second."""
    monkeypatch.setattr(admission, "FRESH_S", 0.0)


@pytest.fixture
def study(settings: Any) -> Study:
    """An open study on a machine that serves two people at once."""
    settings.ATTUNE_MOST_AT_ONCE = 2
    return factories.open_study(**factories.only("pair"))


@pytest.fixture
def answering(study: Study) -> list[StudySession]:
    """As many people as can be served, each at a trial."""
    sessions = [factories.joined(study) for _ in range(2)]
    for session in sessions:
        participation.current_trial(session)
    return sessions


def leave(session: StudySession) -> None:
    """They finished a while ago."""
    StudySession.objects.filter(pk=session.pk).update(status="finished")
    long_ago = session.created_at - timedelta(hours=1)
    Trial.objects.filter(session=session).update(issued_at=long_ago)


def join(client: Client, study: Study, **fields: str) -> Any:
    return client.post(f"/s/{study.slug}/", fields, follow=True)


def waiting(page: Any) -> str:
    """The place in the line that a waiting page holds."""
    return str(page.context["line"].token)


def test_who_comes_while_too_many_answer_waits_and_leaves_nothing_behind(
    client: Client, study: Study, answering: list[StudySession]
) -> None:
    page = join(client, study)

    assert page.status_code == 200
    assert "Many people came at once" in page.text
    assert "You are next." in page.text
    assert StudySession.objects.count() == 2
    assert WaitingPlace.objects.count() == 1


def test_who_waits_is_let_in_when_somebody_has_finished(
    client: Client, study: Study, answering: list[StudySession]
) -> None:
    place = waiting(join(client, study))
    leave(answering[0])

    page = join(client, study, waiting=place)

    assert "Would you like to take part?" in page.text
    assert not WaitingPlace.objects.exists()


def test_nobody_overtakes_those_who_wait(
    study: Study, answering: list[StudySession]
) -> None:
    first, second = Client(), Client()
    place = waiting(join(first, study))
    leave(answering[0])

    page = join(second, study)

    assert "1 person is waiting before you." in page.text
    assert "Would you like to take part?" in join(first, study, waiting=place).text


def test_a_closed_waiting_page_holds_nobody_up(
    study: Study, answering: list[StudySession]
) -> None:
    join(Client(), study)
    gone = WaitingPlace.objects.get()
    gone.asked_at -= timedelta(minutes=2)
    gone.save()
    leave(answering[0])

    assert "Would you like to take part?" in join(Client(), study).text


def test_whoever_began_is_never_kept_waiting(
    client: Client, study: Study, settings: Any
) -> None:
    settings.ATTUNE_MOST_AT_ONCE = 1
    join(client, study, PROLIFIC_PID="a" * 24)

    page = join(client, study, PROLIFIC_PID="a" * 24)

    assert "Many people came at once" not in page.text


def test_a_made_up_place_in_the_line_is_the_last(
    client: Client, study: Study, answering: list[StudySession]
) -> None:
    join(Client(), study)

    page = join(client, study, waiting="before-everybody")

    assert "1 person is waiting before you." in page.text


def test_without_a_limit_nobody_waits(
    client: Client, study: Study, answering: list[StudySession], settings: Any
) -> None:
    settings.ATTUNE_MOST_AT_ONCE = 0

    assert "Would you like to take part?" in join(client, study).text


@pytest.mark.parametrize("status", ["arrived", "consented"])
def test_people_who_read_the_first_pages_count_as_well(
    study: Study, status: str, settings: Any
) -> None:
    session: Callable[[Study], StudySession] = (
        factories.joined if status == "consented" else participation.enrol
    )
    session(study)

    assert admission.n_answering() == 1
