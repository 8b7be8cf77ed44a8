"""What is turned away at the door, and what never is."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.test import Client

from collection import guards, participation
from collection.limits import Flood, Limit
from collection.models import StudySession
from tests import factories

pytestmark = pytest.mark.django_db

TIGHT = Limit("tight", at_once=2, per_minute=60)


@pytest.fixture(autouse=True)
def _tight(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_by_session", "_by_token", "_by_address"):
        monkeypatch.setattr(guards, name, Flood(TIGHT))


@pytest.fixture
def session(db: None) -> StudySession:
    return factories.joined(factories.open_study())


def test_one_address_may_hold_any_number_of_people_who_answer() -> None:
    study = factories.open_study()
    sessions = [factories.joined(study) for _ in range(6)]
    Client().get("/")
    Client().get("/")
    assert Client().get("/").status_code == 429, "the address itself has no room left"

    for session in sessions:
        answer = Client().get(f"/p/{session.code}/trial/")
        assert answer.status_code == 200


def test_an_answer_that_comes_too_fast_stands_in_the_page_to_be_sent_again(
    client: Client, session: StudySession
) -> None:
    client.get(f"/p/{session.code}/trial/")
    client.get(f"/p/{session.code}/trial/")
    trial = participation.current_trial(session)
    assert trial is not None

    refused = client.post(
        f"/p/{session.code}/trial/", {"trial_id": str(trial.pk), "rating": "71"}
    )

    assert refused.status_code == 429
    assert refused["Retry-After"] == "1"
    assert 'name="rating" value="71"' in refused.text
    assert f'value="{trial.pk}"' in refused.text
    assert "Stop here and be paid" in refused.text
    assert session.incidents.count() == 0


def test_codes_that_belong_to_nobody_count_for_their_address(client: Client) -> None:
    told = [client.get(f"/p/{uuid4()}/trial/").status_code for _ in range(4)]

    assert told == [404, 404, 429, 429]


def test_a_program_gets_the_refusal_as_json(client: Client) -> None:
    for _ in range(2):
        client.get("/", headers={"accept": "application/json"})

    refused = client.get("/", headers={"accept": "application/json"})

    assert refused.status_code == 429
    assert refused.json()["error"]["code"] == "too-many-requests"
    assert refused.json()["error"]["fields"] == {}


def test_a_wrong_login_page_never_repeats_the_password(client: Client) -> None:
    sent = {"username": "ada", "password": "my secret"}
    told = [client.post("/research/login/", sent) for _ in range(3)]

    assert told[-1].status_code == 429
    assert "my secret" not in told[-1].text


def test_whoever_watches_the_site_is_not_counted(client: Client) -> None:
    assert {client.get("/healthz").status_code for _ in range(9)} == {200}


@pytest.mark.parametrize("path", ["/", "/research/login/", "/hooks/prolific/"])
def test_a_body_that_is_too_large_is_refused_unread(client: Client, path: str) -> None:
    refused = client.post(path, {"x": "y" * 300_000})

    assert refused.status_code == 413
    assert "at most 256 KiB are taken here" in refused.text


def test_a_researcher_may_send_a_document_and_no_more(
    client: Client, admin_client: Client, settings: object
) -> None:
    settings.ATTUNE_LARGEST_UPLOAD = 1_000_000  # type: ignore[attr-defined]
    path = "/research/nothing-here/"

    assert admin_client.post(path, {"x": "y" * 300_000}).status_code == 404
    assert admin_client.post(path, {"x": "y" * 1_000_000}).status_code == 413
    assert admin_client.post("/lab/", {"code": "y" * 300_000}).status_code == 413
    assert client.post(path, {"x": "y" * 300_000}).status_code == 413
