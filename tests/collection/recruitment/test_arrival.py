"""Who is let in, on whose word, and what the others read."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from django.test import Client

from collection import identities
from collection.models import (
    Incident,
    PlatformIdentity,
    RefusedArrival,
    Study,
    StudySession,
    Submission,
)
from collection.recruitment.arrival import Breaker
from tests import factories
from tests.collection.recruitment.conftest import SITE, Arrive, recruitment
from tests.prolific_server import FakeProlific, hex_id

pytestmark = pytest.mark.django_db

Verification = Submission.Verification


def post(study: Study, sent: dict[str, str]) -> Any:
    return Client().post(f"/s/{study.slug}/", sent)


def refused(answer: Any, reason: str) -> str:
    """The page of a refused arrival, of which nothing but its reason was kept."""
    assert answer.status_code == 403
    assert list(RefusedArrival.objects.values_list("reason", flat=True)) == [reason]
    assert not StudySession.objects.exists()
    assert not PlatformIdentity.objects.exists()
    page: str = answer.content.decode()
    assert "You need not return your place" in page
    assert "Nothing about you was stored." in page
    return page


# By the API ----------------------------------------------------------------------------


def test_the_api_says_whose_a_submission_is(
    study: Study, prolific: FakeProlific
) -> None:
    place = prolific.submission()

    post(study, place.query())

    submission = Submission.objects.get()
    identity = PlatformIdentity.objects.get()
    assert submission.verification == Verification.API
    assert identity.submission_id == place.submission_id
    assert identity.external_id is None, "who they are is stored with their consent"
    named = identities.Arrival("prolific", place.participant_id)
    assert identities.find(study, named).get() == identity


@pytest.mark.parametrize("name", ["PROLIFIC_PID", "SESSION_ID"])
def test_somebody_elses_submission_opens_nothing(
    study: Study, prolific: FakeProlific, name: str
) -> None:
    answer = post(study, {**prolific.submission().query(), name: hex_id()})

    assert "You did nothing wrong" in refused(answer, "not-theirs")


def test_a_link_of_another_study_is_refused(
    study: Study, prolific: FakeProlific
) -> None:
    elsewhere = prolific.submission(study_id=hex_id())

    page = refused(post(study, elsewhere.query()), "other-study")

    assert "belongs to another study" in page


@pytest.mark.parametrize("status", ["RETURNED", "TIMED-OUT"])
def test_a_place_that_ended_is_not_begun(
    study: Study, prolific: FakeProlific, status: str
) -> None:
    answer = post(study, prolific.submission(status).query())

    assert "reserve a place on Prolific" in refused(answer, "submission-over")


@pytest.mark.parametrize("bad", ["", "../../studies", "x" * 24, "a" * 23])
def test_what_is_no_id_is_never_asked_for(
    study: Study, prolific: FakeProlific, bad: str
) -> None:
    refused(
        post(study, {**prolific.submission().query(), "SESSION_ID": bad}),
        "incomplete-link",
    )
    assert prolific.calls == []


# When the platform cannot be reached ---------------------------------------------------


@pytest.mark.parametrize("failure", [429, 500, 503])
def test_trouble_of_the_platform_locks_nobody_out(
    study: Study, prolific: FakeProlific, failure: int
) -> None:
    prolific.fail_next(failure)

    answer = post(study, prolific.submission().query())

    assert answer.status_code == 302
    assert Submission.objects.get().verification == Verification.PENDING


def test_a_missing_api_token_locks_nobody_out(
    study: Study, prolific: FakeProlific, settings: Any
) -> None:
    settings.PROLIFIC_TOKEN = ""

    assert post(study, prolific.submission().query()).status_code == 302


def test_meanwhile_a_session_opens_only_to_its_own_submission(
    study: Study, prolific: FakeProlific
) -> None:
    place = prolific.submission()
    post(study, place.query())
    prolific.fail_next(503, 503)

    guess = post(study, {**place.query(), "SESSION_ID": hex_id()})
    again = post(study, place.query())

    assert "Please try again in a minute" in guess.content.decode()
    assert again.status_code == 302
    assert Submission.objects.get().verification == Verification.API


def test_after_failures_in_a_row_people_do_not_wait_for_it() -> None:
    now = [0.0]
    breaker = Breaker(after=2, rest_s=30, clock=lambda: now[0])

    breaker.note(answered=False)
    assert not breaker.rests
    breaker.note(answered=False)
    assert breaker.rests

    now[0] = 31
    assert not breaker.rests
    breaker.note(answered=True)
    breaker.note(answered=False)
    assert not breaker.rests


# By the signed token ---------------------------------------------------------------------


def secured(platform: FakeProlific, /, **how: Any) -> dict[str, str]:
    place = platform.submission()
    how = {"audience": SITE, **how}
    return {"prolific_token": platform.token_for(place, **how)}


def test_a_signed_link_needs_no_question_to_the_api(
    study: Study, prolific: FakeProlific
) -> None:
    post(study, secured(prolific))

    assert Submission.objects.get().verification == Verification.TOKEN
    assert [path for _, path, _ in prolific.calls] == ["/.well-known/study/jwks.json"]


def test_a_token_is_checked_when_the_page_opens_and_may_run_out_while_it_is_read(
    study: Study, prolific: FakeProlific
) -> None:
    browser = Client()
    page = browser.get("/s/tiny/", secured(prolific, expires_in_s=1))
    form = page.context["form"]
    carried = {f.name: f.value() for f in form.hidden_fields() if f.value()}

    assert "prolific_token" not in carried
    assert browser.post("/s/tiny/", carried).status_code == 302
    assert Submission.objects.get().verification == Verification.TOKEN


def test_our_own_word_for_one_study_is_none_for_another(
    study: Study, prolific: FakeProlific
) -> None:
    factories.open_study(
        slug="other",
        recruitment=recruitment(verification="token"),
    )
    page = Client().get("/s/tiny/", secured(prolific))
    carried = {
        f.name: f.value() for f in page.context["form"].hidden_fields() if f.value()
    }

    answer = Client().post("/s/other/", carried)

    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({"expires_in_s": -120}, "expired-token"),
        ({"audience": "https://elsewhere.example"}, "foreign-token"),
        ({"issuer": "https://elsewhere.example"}, "foreign-token"),
        ({"prolific": {"PROLIFIC_PID": "only"}}, "incomplete-token"),
    ],
)
def test_a_token_that_proves_nothing_opens_nothing(
    study: Study, prolific: FakeProlific, how: dict[str, Any], reason: str
) -> None:
    refused(post(study, secured(prolific, **how)), reason)


def test_claims_and_address_must_agree(study: Study, prolific: FakeProlific) -> None:
    sent = {**secured(prolific), "PROLIFIC_PID": hex_id()}

    refused(post(study, sent), "claims-differ")


def test_an_expired_token_is_made_up_for_by_the_api(
    study: Study, prolific: FakeProlific
) -> None:
    place = prolific.submission()
    token = prolific.token_for(place, audience=SITE, expires_in_s=-120)

    post(study, {**place.query(), "prolific_token": token})

    assert Submission.objects.get().verification == Verification.API


def test_a_study_that_wants_tokens_believes_no_bare_address(
    prolific: FakeProlific,
) -> None:
    study = factories.open_study(recruitment=recruitment(verification="token"))

    refused(post(study, prolific.submission().query()), "no-token")


# Others --------------------------------------------------------------------------------


def test_a_plain_link_works_beside_prolific(study: Study) -> None:
    assert post(study, {}).status_code == 302
    assert not Submission.objects.exists()


def test_a_study_may_be_for_people_of_prolific_only(prolific: FakeProlific) -> None:
    study = factories.open_study(recruitment=recruitment(plain_link=False))

    assert "open it from your Prolific page" in refused(post(study, {}), "no-platform")


def test_without_the_section_a_prolific_link_is_believed_as_ever() -> None:
    study = factories.open_study()

    assert post(study, {"PROLIFIC_PID": "abc", "SESSION_ID": "x"}).status_code == 302
    assert not Submission.objects.exists()


def test_who_takes_a_new_place_starts_a_new_submission_with_the_old_session(
    study: Study, prolific: FakeProlific, arrive: Arrive
) -> None:
    first = prolific.submission()
    session = arrive(first)
    Submission.objects.update(status="TIMED-OUT")

    second = prolific.submission(participant_id=first.participant_id)
    arrive(second, consenting=False)

    submission = Submission.objects.get()
    assert (submission.session_id, submission.status) == (session.pk, "ACTIVE")
    assert PlatformIdentity.objects.get().submission_id == second.submission_id


def test_no_platform_id_reaches_a_log_or_an_incident(
    study: Study, prolific: FakeProlific, caplog: pytest.LogCaptureFixture
) -> None:
    place = prolific.submission()
    with caplog.at_level(logging.DEBUG):
        prolific.fail_next(500)
        post(study, place.query())
        post(study, {**place.query(), "STUDY_ID": hex_id()})

    kept = caplog.text + str(list(Incident.objects.values()))
    assert place.participant_id not in kept
    assert place.submission_id not in kept
