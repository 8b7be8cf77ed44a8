"""A study on Prolific, a pretend Prolific, and the settings that join the two."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client

from collection import identities
from collection.models import Study, StudySession
from collection.recruitment import arrival, tokens
from tests import factories
from tests.prolific_server import SECRET, STUDY_ID, TOKEN, FakeProlific, Place

SITE = "http://testserver"


def recruitment(**changes: Any) -> dict[str, Any]:
    """A whole section, each outcome with a code of its own."""
    return {
        "platform": "prolific",
        "study_id": STUDY_ID,
        "reward_cents": 60,
        "places": 20,
        "maximum_minutes": 12,
        "completion": {
            "finished": {"code": "DONE1"},
            "failed_comprehension": {"code": "COMP1", "pay_cents": 10},
            "declined": {"code": "DECL1"},
            "screened_out": {"code": "SCRN1", "pay_cents": 15},
            "withdrawn": {"code": "WITH1"},
            "technical": {"code": "TECH1"},
        },
        **changes,
    }


@pytest.fixture
def prolific(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeProlific]:
    monkeypatch.setattr(arrival, "breaker", arrival.Breaker())
    monkeypatch.setattr(tokens, "_key_sets", {})
    with FakeProlific() as platform:
        settings.PROLIFIC_URL = platform.url
        settings.PROLIFIC_TOKEN = TOKEN
        settings.PROLIFIC_WEBHOOK_SECRET = SECRET
        yield platform


@pytest.fixture
def study(prolific: FakeProlific) -> Study:
    return factories.open_study(recruitment=recruitment())


Arrive = Callable[..., StudySession]


@pytest.fixture
def arrive(study: Study) -> Arrive:
    """Somebody comes by their link, and consents."""

    def walk(place: Place, *, consenting: bool = True) -> StudySession:
        answer = Client().post(f"/s/{study.slug}/", place.query())
        assert answer.status_code == 302, answer.content.decode()
        named = identities.Arrival(arrival.PROLIFIC, place.participant_id)
        session = identities.session_of(study, named)
        assert session is not None
        session.arriving_as = named  # as their browser's cookie says
        if consenting:
            factories.consented(session)
        return session

    return walk
