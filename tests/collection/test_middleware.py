"""Headers on every page, and refusals that a person or a program can read."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from django.db import OperationalError
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import ResolverMatch

from collection.errors import ConsentMissing, UnknownTrial
from collection.middleware import (
    CollectionErrorMiddleware,
    SecurityHeadersMiddleware,
    prefers_json,
)
from collection.models import Incident, Participant, Study, StudySession


@pytest.fixture
def session(db: None) -> StudySession:
    study = Study.objects.create(slug="bare", title="Bare", definition={})
    participant = Participant.objects.create(study=study, group="all")
    return StudySession.objects.create(
        participant=participant, study=study, group="all", blocks=[]
    )


def refused(
    error: Exception, *, code: UUID | None = None, accept: str = "text/html"
) -> HttpResponse | None:
    """What the middleware answers when a view raised `error`."""
    request = RequestFactory().get("/p/x/", headers={"accept": accept})
    if code is not None:
        request.path = f"/p/{code}/trial/"
        request.resolver_match = ResolverMatch(print, (), {"code": code})
    middleware = CollectionErrorMiddleware(lambda request: HttpResponse())
    return middleware.process_exception(request, error)


@pytest.mark.django_db
def test_no_page_may_run_what_is_not_served_from_here(client: Client) -> None:
    policy = client.get("/healthz")["Content-Security-Policy"]

    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy


@pytest.mark.django_db
def test_no_page_waits_in_a_cache_or_a_search_engine(client: Client) -> None:
    response = client.get("/healthz")

    assert response["Cache-Control"] == "no-store"
    assert response["X-Robots-Tag"] == "noindex"
    assert response["X-Frame-Options"] == "DENY"
    assert response["X-Content-Type-Options"] == "nosniff"


def test_a_view_may_set_its_own_headers() -> None:
    own = HttpResponse(headers={"Cache-Control": "max-age=60"})

    response = SecurityHeadersMiddleware(lambda request: own)(RequestFactory().get("/"))

    assert response["Cache-Control"] == "max-age=60"


@pytest.mark.django_db
def test_a_refusal_is_a_page_that_says_what_happened() -> None:
    response = refused(ConsentMissing("Please agree to take part first."))

    assert response is not None
    assert response.status_code == 403
    assert "Please agree to take part first." in response.text
    assert "Nothing was stored or changed." in response.text


def test_a_refusal_ties_an_incident_to_its_session(session: StudySession) -> None:
    response = refused(ConsentMissing("Consent first."), code=session.code)

    incident = Incident.objects.get()
    assert (incident.session, incident.code) == (session, "consent-missing")
    assert str(session.code) not in str(incident.detail)
    assert response is not None
    assert f"/p/{session.code}/" in response.text
    assert "Every answer you gave before is safe." in response.text


@pytest.mark.django_db
def test_a_guessed_code_leaves_no_incident() -> None:
    refused(ConsentMissing("Consent first."), code=uuid4())

    assert not Incident.objects.exists()


def test_what_participation_noted_is_not_noted_twice(session: StudySession) -> None:
    refused(UnknownTrial("Never shown."), code=session.code)

    assert not Incident.objects.exists()


@pytest.mark.django_db
def test_a_program_reads_the_same_refusal_as_json() -> None:
    response = refused(UnknownTrial("Never shown."), accept="application/json")

    assert response is not None
    assert response.status_code == 404
    assert response.headers["Content-Type"] == "application/json"
    assert response.text == (
        '{"error": {"code": "unknown-trial", "message": "Never shown.", "fields": {}}}'
    )


@pytest.mark.parametrize(
    ("path", "accept", "json"),
    [
        ("/p/x/", "text/html,application/xhtml+xml,*/*;q=0.8", False),
        ("/p/x/", "*/*", False),
        ("/p/x/", "application/json", True),
        ("/p/x/", "image/png", False),
        ("/api/v1/studies/", "text/html", True),
    ],
)
def test_people_get_pages_and_programs_get_json(
    path: str, accept: str, json: bool
) -> None:
    request = RequestFactory().get(path, headers={"accept": accept})

    assert prefers_json(request) is json


def test_other_exceptions_are_left_to_django() -> None:
    assert refused(ZeroDivisionError()) is None


# A database that is away ---------------------------------------------------------------


def away(method: str = "get", accept: str = "text/html", **sent: str) -> HttpResponse:
    """What the middleware answers when the database does not."""
    request = getattr(RequestFactory(), method)(
        "/p/x/trial/", sent, headers={"accept": accept}
    )
    middleware = CollectionErrorMiddleware(lambda request: HttpResponse())
    response = middleware.process_exception(request, OperationalError("gone"))
    assert response is not None
    return response


def test_while_the_database_is_away_a_page_says_so_and_tries_again() -> None:
    page = away()

    assert page.status_code == 503
    assert page["Retry-After"] == "2"
    assert "Every answer that was taken before is safe" in page.text
    assert "collection/again.js" in page.text
    assert 'href="">Try again' in page.text, "without the script too"


def test_what_was_sent_to_a_database_that_is_away_is_one_button_from_being_sent_again() -> (
    None
):
    page = away("post", trial_id="t-1", rating="70", text='"><script>')

    assert 'name="rating" value="70"' in page.text
    assert "Send again" in page.text
    assert "<script>" not in page.text, "what was sent comes back escaped"
    assert "again.js" not in page.text, "a reload would lose it"


def test_a_program_hears_in_json_that_it_may_try_again() -> None:
    response = away(accept="application/json")

    assert response.status_code == 503
    assert b'"code": "try-again"' in response.content
