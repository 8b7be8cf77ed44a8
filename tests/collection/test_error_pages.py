"""When the site itself fails: what happened, what to do, and how one is paid."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import pytest
from django.db import OperationalError, connection
from django.test import Client

from collection.models import StudySession, Trial
from collection.participation import current_trial
from tests import factories

pytestmark = pytest.mark.django_db

Fail = Callable[[], Any]


@pytest.fixture
def session() -> StudySession:
    session = factories.joined(factories.open_study())
    current_trial(session)
    return session


@contextmanager
def database_is_away() -> Iterator[None]:
    """Every statement fails, also one that an error page would dare to send."""

    def lost(*_: Any) -> NoReturn:
        raise OperationalError("the server closed the connection unexpectedly")

    with connection.execute_wrapper(lost):
        yield


@contextmanager
def a_fault_of_ours() -> Iterator[None]:
    Trial.objects.update(kind="value", dimension="of-no-study")
    yield


@pytest.mark.parametrize(
    ("failing", "status"), [(database_is_away, 503), (a_fault_of_ours, 500)]
)
def test_whoever_is_stopped_by_a_failure_is_told_how_to_be_paid(
    session: StudySession, failing: Fail, status: int
) -> None:
    browser = Client(raise_request_exception=False)

    with failing():
        answer = browser.get(f"/p/{session.pk}/trial/")

    page = answer.content.decode()
    assert answer.status_code == status
    assert "Every answer that was taken before is safe" in page
    assert "you will be paid for your time even if this goes on" in page
    assert f'href="/p/{session.pk}/trouble/"' in page
    assert "TINY-DONE" not in page, "the code is for the server to give"


def test_without_the_database_it_is_said_in_the_language_of_the_browser(
    session: StudySession,
) -> None:
    browser = Client(headers={"Accept-Language": "de"})

    with database_is_away():
        page = browser.get(f"/p/{session.pk}/trial/").content.decode()

    assert "wird Ihre Zeit bezahlt" in page


def test_a_failure_where_no_session_is_promises_nothing() -> None:
    with database_is_away():
        answer = Client().get("/")

    assert answer.status_code == 503
    assert "paid" not in answer.content.decode()
