"""Signed events over real HTTP: believed when genuine and fresh, taken in once."""

from __future__ import annotations

import threading
import time
from typing import Any

import httpx
import pytest
from django.db import connection, connections, transaction
from django.test import Client
from pytest_django.live_server_helper import LiveServer

from collection.models import PlatformEvent, Study, StudySession, Submission
from collection.recruitment import webhooks
from tests.collection.recruitment.conftest import Arrive
from tests.prolific_server import SECRET, FakeProlific, Place

pytestmark = pytest.mark.django_db


def deliver(body: bytes, headers: dict[str, str]) -> Any:
    return Client().post(
        "/hooks/prolific/",
        body,
        content_type="application/json",
        headers=headers,
    )


def test_the_signature_is_the_documented_one() -> None:
    """By hand: openssl dgst -sha256 -hmac secret -binary | base64, of `100{}`."""
    assert webhooks.signature("secret", "100", b"{}") == (
        "8v+xdKBdZ/6HiiC389lGJ1Ea8VIKg30XsOyEpEBW45E="
    )


def test_an_event_moves_a_submission_on(prolific: FakeProlific, arrive: Arrive) -> None:
    place = prolific.submission()
    session = arrive(place)

    answer = deliver(*prolific.event(place, "RETURNED"))

    assert (answer.status_code, answer.json()) == (200, {"effect": "applied"})
    assert Submission.objects.get().status == "RETURNED"
    session.refresh_from_db()
    assert session.status == StudySession.Status.WITHDRAWN


def test_an_event_may_come_twice_late_or_for_nobody(
    prolific: FakeProlific, arrive: Arrive
) -> None:
    place = prolific.submission()
    arrive(place)
    event = prolific.event(place, "AWAITING REVIEW")

    effects = [
        deliver(*event).json()["effect"],
        deliver(*event).json()["effect"],
        deliver(*prolific.event(place, "ACTIVE")).json()["effect"],
        deliver(*prolific.event(Place(), "RETURNED")).json()["effect"],
        deliver(*prolific.event(place, "PONDERING")).json()["effect"],
    ]

    assert effects == ["applied", "repeated", "stale", "unknown", "ignored"]
    assert PlatformEvent.objects.count() == 4


def test_what_is_kept_of_an_event_names_nobody(
    prolific: FakeProlific, arrive: Arrive
) -> None:
    place = prolific.submission()
    arrive(place)
    deliver(*prolific.event(place, "APPROVED"))

    kept = str(list(PlatformEvent.objects.values()))
    assert place.participant_id not in kept
    assert place.submission_id not in kept


@pytest.mark.parametrize(
    "spoil",
    [
        lambda b, h: (b.replace(b"RETURNED", b"APPROVED"), h),
        lambda b, h: (b, {**h, "X-Prolific-Request-Signature": "AAAA"}),
        lambda b, h: (b, {**h, "X-Prolific-Request-Signature": ""}),
        lambda b, h: (b, {**h, "X-Prolific-Request-Signature": "é"}),
        lambda b, h: (
            b,
            {**h, "X-Prolific-Request-Timestamp": str(int(time.time()) + 1)},
        ),
    ],
    ids=["other body", "other signature", "none", "not ASCII", "other moment"],
)
def test_what_the_platform_did_not_sign_changes_nothing(
    prolific: FakeProlific, arrive: Arrive, spoil: Any
) -> None:
    place = prolific.submission()
    arrive(place)

    answer = deliver(*spoil(*prolific.event(place, "RETURNED")))

    assert answer.status_code == 401
    assert "signature does not fit" in answer.json()["error"]["message"]
    assert Submission.objects.get().status == "ACTIVE"
    assert not PlatformEvent.objects.exists()


@pytest.mark.parametrize("age_s", [-400, 400])
def test_an_old_recording_cannot_be_played_again(
    prolific: FakeProlific, arrive: Arrive, age_s: int
) -> None:
    place = prolific.submission()
    arrive(place)

    answer = deliver(*prolific.event(place, "RETURNED", at=time.time() - age_s))

    assert answer.status_code == 401


def test_a_body_that_is_no_object_is_refused(prolific: FakeProlific) -> None:
    timestamp = str(int(time.time()))
    headers = {
        "X-Prolific-Request-Timestamp": timestamp,
        "X-Prolific-Request-Signature": webhooks.signature(SECRET, timestamp, b"[]"),
    }

    assert deliver(b"[]", headers).status_code == 400


def test_without_a_secret_nothing_is_believed(
    prolific: FakeProlific, settings: Any
) -> None:
    settings.PROLIFIC_WEBHOOK_SECRET = ""

    answer = deliver(*prolific.event(Place(), "RETURNED", secret=""))

    assert answer.status_code == 503
    assert "ATTUNE_PROLIFIC_WEBHOOK_SECRET" in answer.json()["error"]["message"]


def test_an_event_without_a_name_is_known_by_what_it_says(
    prolific: FakeProlific, arrive: Arrive
) -> None:
    place = prolific.submission()
    arrive(place)
    body, headers = prolific.event(place, "APPROVED")
    del headers["X-Event-ID"]

    effects = [deliver(body, headers).json()["effect"] for _ in range(2)]

    assert effects == ["applied", "repeated"]


@pytest.mark.django_db(transaction=True)
def test_two_deliveries_at_once_have_one_effect(
    live_server: LiveServer, study: Study, prolific: FakeProlific, arrive: Arrive
) -> None:
    place = prolific.submission()
    session = arrive(place)
    body, headers = prolific.event(place, "RETURNED")
    effects = []

    def post() -> None:
        answer = httpx.post(
            f"{live_server.url}/hooks/prolific/", content=body, headers=headers
        )
        effects.append(answer.json()["effect"])
        connections.close_all()

    with transaction.atomic():  # both wait for this row
        StudySession.objects.select_for_update().get(pk=session.pk)
        both = [threading.Thread(target=post) for _ in range(2)]
        for thread in both:
            thread.start()
        _wait_until_blocked(2)
    for thread in both:
        thread.join(timeout=30)

    assert sorted(effects) == ["applied", "repeated"]


def _wait_until_blocked(n: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0] >= n:
                return
        time.sleep(0.02)
    raise AssertionError("the requests never waited for the lock")
