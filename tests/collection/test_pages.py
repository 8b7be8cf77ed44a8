"""The participants' pages over Django's own client: who is led where, and what is kept."""

from __future__ import annotations

from uuid import UUID

import pytest
from django.core import signing
from django.test import Client
from django.urls import reverse

from collection import participation
from collection.definitions import load_definition
from collection.joining_pages import SIMULATED_SALT
from collection.loading import close_study, load_study, open_study
from collection.models import Incident, Response, Study, StudySession, Trial
from tests.short_study import SHORT, ada, current, good_answer, open_short_study, url

pytestmark = pytest.mark.django_db


@pytest.fixture
def study() -> Study:
    return open_short_study()


@pytest.fixture
def session(study: Study) -> StudySession:
    return ada(study)


# Arriving ------------------------------------------------------------------------------


def test_the_home_page_lists_open_studies_only(client: Client, study: Study) -> None:
    assert reverse("join", args=["short"]) in client.get("/").text

    close_study(study)

    page = client.get("/").text
    assert "No study is open at the moment." in page
    assert reverse("join", args=["short"]) not in page


def test_looking_at_a_study_stores_nothing(client: Client, study: Study) -> None:
    response = client.get("/s/short/")

    assert response.status_code == 200
    assert "keeping what belongs to somebody else" in response.text
    assert not StudySession.objects.exists()


def test_joining_leads_to_consent(client: Client, study: Study) -> None:
    response = client.post("/s/short/", follow=True)

    session = StudySession.objects.get()
    assert response.redirect_chain[-1][0] == url("consent", session)
    assert "The testers of Attune" in response.text


def test_a_double_click_on_joining_makes_one_session(
    client: Client, study: Study
) -> None:
    client.get("/s/short/")
    client.post("/s/short/")
    client.post("/s/short/")

    assert StudySession.objects.count() == 1


def test_two_browsers_are_two_people(study: Study) -> None:
    for browser in (Client(), Client()):
        browser.get("/s/short/")
        browser.post("/s/short/")

    assert StudySession.objects.count() == 2


def test_who_comes_back_by_the_studys_address_is_welcomed_and_led_on(
    client: Client, study: Study
) -> None:
    client.post("/s/short/")
    close_study(study)

    page = client.get("/s/short/")
    again = client.post("/s/short/")

    assert "Welcome back." in page.text
    session = StudySession.objects.get()
    assert again.headers["Location"] == url("resume", session)


@pytest.mark.parametrize("parameter", ["PROLIFIC_PID", "pid"])
def test_a_platforms_participant_is_known_on_every_device(
    study: Study, parameter: str
) -> None:
    for browser in (Client(), Client()):
        page = browser.get("/s/short/", {parameter: "ada-5f"})
        assert f'name="{parameter}" value="ada-5f"' in page.text
        browser.post("/s/short/", {parameter: "ada-5f"})

    assert StudySession.objects.count() == 1


def test_a_study_that_is_not_open_says_so_and_stores_nothing(
    client: Client, study: Study
) -> None:
    close_study(study)

    page, refused = client.get("/s/short/"), client.post("/s/short/")

    assert "does not take new people at the moment" in page.text
    assert refused.status_code == 403
    assert "not taking new participants" in refused.text
    assert not StudySession.objects.exists()


def test_a_draft_has_no_page(client: Client) -> None:
    load_study(load_definition(SHORT))

    assert client.get("/s/short/").status_code == 404


def test_a_link_with_an_unreadable_name_is_refused_with_advice(
    client: Client, study: Study
) -> None:
    response = client.get("/s/short/", {"PROLIFIC_PID": "x" * 300})

    assert response.status_code == 400
    assert "follow its link again" in response.text


def test_a_signed_token_makes_a_simulated_session_each_time(
    client: Client, study: Study
) -> None:
    token = signing.dumps({"study": "short", "n": 1}, salt=SIMULATED_SALT)

    assert token in client.get("/s/short/", {"simulated": token}).text
    client.post("/s/short/", {"simulated": token})
    page = client.post("/s/short/", {"simulated": token}, follow=True)

    assert [s.simulated for s in StudySession.objects.all()] == [True, True]
    assert "SIMULATED PARTICIPANTS" in page.text
    assert "attune-short" not in client.cookies


@pytest.mark.parametrize("study_slug", ["other", None])
def test_a_forged_or_foreign_token_is_refused(
    client: Client, study: Study, study_slug: str | None
) -> None:
    token = signing.dumps({"study": study_slug, "n": 1}, salt=SIMULATED_SALT)
    forged = token if study_slug else "forged"

    response = client.post("/s/short/", {"simulated": forged})

    assert response.status_code == 403
    assert "was not made for this study by this server" in response.text
    assert not StudySession.objects.exists()


# Consent -------------------------------------------------------------------------------


def test_consent_stores_each_tick_and_leads_to_the_instructions(
    client: Client, study: Study
) -> None:
    session = participation.enrol(study)

    response = client.post(
        url("consent", session),
        {"of_age": "1", "uses": ["this_study", "simulated_agents"]},
    )

    assert response.headers["Location"] == url("instructions", session)
    session.refresh_from_db()
    assert session.consent.uses == {
        "this_study": True,
        "open_release": False,
        "simulated_agents": True,
    }


def test_incomplete_consent_keeps_the_ticks_and_lists_what_is_missing(
    client: Client, study: Study
) -> None:
    session = participation.enrol(study)

    response = client.post(url("consent", session), {"uses": ["open_release"]})

    assert response.status_code == 422
    assert "Please confirm your age, or choose not to." in response.text
    assert "Taking part needs your agreement" in response.text
    assert 'value="open_release" checked' in response.text
    session.refresh_from_db()
    assert session.status == "arrived"


def test_declining_is_met_kindly_and_asks_nothing_more(
    client: Client, study: Study
) -> None:
    session = participation.enrol(study)

    page = client.post(url("consent", session), {"decision": "decline"}, follow=True)

    assert "That is perfectly all right" in page.text
    assert "SHORT-THANKS" not in page.text
    assert client.get(url("trial", session), follow=True).text == page.text


@pytest.mark.parametrize("page", ["instructions", "trial", "debrief", "resume"])
def test_nothing_comes_before_consent(client: Client, study: Study, page: str) -> None:
    session = participation.enrol(study)

    response = client.get(url(page, session), follow=True)

    assert response.redirect_chain[-1][0] == url("consent", session)
    assert not Trial.objects.exists()


# Leaving and coming back ---------------------------------------------------------------


def test_resuming_leads_to_the_instructions_and_later_to_the_trial(
    client: Client, session: StudySession
) -> None:
    assert client.get(url("resume", session)).headers["Location"] == url(
        "instructions", session
    )

    client.get(url("trial", session))

    assert client.get(url("resume", session)).headers["Location"] == url(
        "trial", session
    )


def test_withdrawing_is_asked_once_and_keeps_the_pay(
    client: Client, session: StudySession
) -> None:
    asked = client.get(url("withdraw", session))
    session.refresh_from_db()
    assert session.status == "consented"

    page = client.post(url("withdraw", session), follow=True)

    assert "Your payment does not depend on it." in asked.text
    assert "You have withdrawn" in page.text
    assert "SHORT-THANKS" in page.text
    assert client.get(url("withdraw", session), follow=True).text == page.text


def test_after_the_last_date_a_finished_person_is_told_whom_to_write_to(
    client: Client, session: StudySession, study: Study
) -> None:
    document = load_definition(SHORT).model_dump(mode="json")
    document["consent"]["withdrawal_until"] = "2020-01-31"
    Study.objects.filter(pk=study.pk).update(
        definition=document, definition_sha256="other"
    )
    StudySession.objects.filter(pk=session.pk).update(status="finished")

    page = client.get(url("withdraw", session)).text
    refused = client.post(url("withdraw", session))

    assert "Answers could be withdrawn until 31 January 2020." in page
    assert "testers@example.org" in page
    assert refused.status_code == 409
    assert Incident.objects.get().code == "session-over"


@pytest.mark.parametrize("name", ["resume", "consent", "trial", "debrief", "withdraw"])
def test_an_unknown_code_is_no_page_and_comforts(client: Client, name: str) -> None:
    page = client.get(reverse(name, args=[UUID(int=1)]))

    assert page.status_code == 404
    assert "every answer you gave is safe" in page.text


def test_a_form_from_elsewhere_is_refused_with_the_way_back(
    session: StudySession,
) -> None:
    strict = Client(enforce_csrf_checks=True)

    page = strict.post(url("trial", session), good_answer(current(session)))

    assert page.status_code == 403
    assert "allow cookies" in page.text
    assert url("resume", session) in page.text
    assert not Response.objects.exists()


def test_the_texts_of_a_study_are_escaped(client: Client) -> None:
    document = load_definition(SHORT).model_dump(mode="json")
    document["consent"]["text"] = "<script>alert(1)</script>"
    study = load_study(type(load_definition(SHORT)).model_validate(document))
    session = participation.enrol(open_study(study))

    page = client.get(url("consent", session)).text

    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page


def test_a_fault_of_ours_is_a_plain_page_that_reassures(
    client: Client, session: StudySession, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(session: StudySession) -> None:
        raise ZeroDivisionError

    client.raise_request_exception = False
    monkeypatch.setattr(participation, "n_trials", broken)

    page = client.get(url("trial", session))

    assert page.status_code == 500
    assert "This was not your fault." in page.text
