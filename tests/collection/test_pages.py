"""The participants' pages over Django's own client: who is led where, and what is kept."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID, uuid4

import pytest
from django.core import signing
from django.test import Client
from django.urls import reverse

from collection import participation
from collection.definitions import load_definition
from collection.joining_pages import SIMULATED_SALT
from collection.loading import close_study, load_study, open_study
from collection.models import Incident, Response, Study, StudySession, Trial
from collection.trial_views import IN_PLACE, STORED

SHORT = Path(__file__).resolve().parents[1] / "studies" / "short" / "study.toml"

pytestmark = pytest.mark.django_db


@pytest.fixture
def study() -> Study:
    return open_study(load_study(load_definition(SHORT)))


@pytest.fixture
def session(study: Study) -> StudySession:
    """Ada, who has consented and stands before her first trial."""
    session = participation.enrol(study, external_id="ada")
    uses = {"this_study": True}
    participation.give_consent(session, uses, of_age=True)
    return session


def url(name: str, session: StudySession) -> str:
    return reverse(name, args=[session.code])


def current(session: StudySession) -> Trial:
    trial = participation.current_trial(session)
    assert trial is not None
    return trial


def good_answer(trial: Trial) -> dict[str, str]:
    """An answer that the trial takes, as a browser without JavaScript sends it."""
    answer = {
        "pair": {"rating": "70"},
        "value": {"rating": "30"},
        "triplet": {"choice": (trial.actions or [""])[0]},
        "age-band": {"choice": "18-44"},
        "siblings": {"text": "2"},
        "comment": {"text": ""},
    }[trial.question or trial.kind]
    return {"trial_id": str(trial.id), "rt_ms": "", "timing": "", **answer}


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


# Trials --------------------------------------------------------------------------------


def test_a_trial_page_carries_the_hooks_and_asks_for_no_time_yet(
    client: Client, session: StudySession
) -> None:
    page = client.get(url("trial", session)).text

    trial = current(session)
    assert f'data-trial-id="{trial.id}"' in page
    assert 'data-kind="pair"' in page
    assert [f'data-action-id="{a}"' in page for a in trial.actions] == [True, True]
    assert '<input type="hidden" name="rt_ms" value="">' in page
    assert page.count('type="radio" name="rating"') == 11
    assert "checked" not in page
    assert 'type="range"' not in page
    assert "Question 1 of 13" in page
    assert "I do not understand this action" in page


def test_an_answer_is_stored_and_the_next_trial_comes(
    client: Client, session: StudySession
) -> None:
    first = current(session)

    page = client.post(url("trial", session), good_answer(first), follow=True)

    stored = Response.objects.get()
    assert (stored.trial_id, stored.rating, stored.rt_ms) == (first.id, 70, None)
    assert "Question 2 of 13" in page.text
    assert str(first.id) not in page.text


def test_an_untouched_page_stores_nothing_and_says_what_is_missing(
    client: Client, session: StudySession
) -> None:
    first = current(session)

    page = client.post(url("trial", session), {"trial_id": str(first.id)})

    assert page.status_code == 422
    assert "Nothing was stored yet" in page.text
    assert "Choose a place on the scale" in page.text
    assert 'role="alert" autofocus' in page.text
    assert 'data-shown-before="1"' in page.text
    assert not Response.objects.exists()
    assert current(session) == first


@pytest.mark.parametrize(
    ("rating", "sentence"),
    [("150", "Ratings run from 0 to 100"), ("many", "A rating is a number")],
)
def test_a_rating_out_of_range_is_asked_for_again(
    client: Client, session: StudySession, rating: str, sentence: str
) -> None:
    first = current(session)

    page = client.post(
        url("trial", session), {"trial_id": str(first.id), "rating": rating}
    )

    assert page.status_code == 422
    assert sentence in page.text
    assert not Response.objects.exists()


def test_not_understanding_is_stored_without_a_rating(
    client: Client, session: StudySession
) -> None:
    answer = good_answer(current(session)) | {"not_understood": "1"}

    client.post(url("trial", session), answer)

    stored = Response.objects.get()
    assert (stored.not_understood, stored.rating) == (True, None)


def test_a_measured_time_is_stored_with_its_timeline(
    client: Client, session: StudySession
) -> None:
    answer = good_answer(current(session))

    client.post(
        url("trial", session),
        answer | {"rt_ms": "812", "timing": '{"commit_ms": 812, "hidden_ms": []}'},
    )

    stored = Response.objects.get()
    assert stored.rt_ms == 812
    assert stored.timing == {"commit_ms": 812, "hidden_ms": []}


def test_the_same_answer_again_goes_on_without_a_word(
    client: Client, session: StudySession
) -> None:
    answer = good_answer(current(session))

    client.post(url("trial", session), answer)
    page = client.post(url("trial", session), answer, follow=True)

    assert Response.objects.count() == 1
    assert "Question 2 of 13" in page.text
    assert "had answered this question" not in page.text


def test_a_conflicting_second_answer_goes_on_with_a_calm_message(
    client: Client, session: StudySession
) -> None:
    answer = good_answer(current(session))

    client.post(url("trial", session), answer)
    page = client.post(url("trial", session), answer | {"rating": "10"}, follow=True)

    assert Response.objects.get().rating == 70
    assert page.status_code == 200
    assert "your first answer was kept" in page.text
    assert "Question 2 of 13" in page.text
    assert Incident.objects.get().code == "already-answered"


@pytest.mark.parametrize(
    "trial_id", ["", "forged", "0b0e7c1e-9d3c-4a53-8a3f-6a4a64f3b0aa"]
)
def test_a_forged_trial_id_is_no_page_and_loses_nothing(
    client: Client, session: StudySession, trial_id: str
) -> None:
    page = client.post(url("trial", session), {"trial_id": trial_id, "rating": "70"})

    assert page.status_code == 404
    assert "Every answer you gave before is safe." in page.text
    assert url("resume", session) in page.text
    assert [incident.code for incident in Incident.objects.all()] == ["unknown-trial"]
    assert not Response.objects.exists()


def test_another_sessions_trial_is_as_unknown_as_a_forged_one(
    client: Client, study: Study, session: StudySession
) -> None:
    other = participation.enrol(study)
    participation.give_consent(other, {"this_study": True}, of_age=True)

    page = client.post(url("trial", session), good_answer(current(other)))

    assert page.status_code == 404
    assert not Response.objects.exists()


def test_a_reload_shows_the_same_trial(client: Client, session: StudySession) -> None:
    pages = [client.get(url("trial", session)).text for _ in range(3)]

    assert Trial.objects.count() == 1
    assert all(str(current(session).id) in page for page in pages)


def test_an_old_trial_says_that_it_was_shown_before(
    client: Client, session: StudySession
) -> None:
    assert "data-shown-before" not in client.get(url("trial", session)).text
    trial = current(session)
    trial.issued_at = trial.issued_at.replace(year=2020)
    trial.save(update_fields=["issued_at"])

    assert 'data-shown-before="1"' in client.get(url("trial", session)).text


def test_a_new_part_and_its_instructions_are_announced_once(
    client: Client, session: StudySession
) -> None:
    for part in ["You will see two actions at a time.", "You will see three actions"]:
        assert part in client.get(url("trial", session)).text
        for _ in range(3):
            client.post(url("trial", session), good_answer(current(session)))
            shown = part in client.get(url("trial", session)).text
            assert not shown


# The script's way: the next page in the same answer -----------------------------------

SCRIPT = {IN_PLACE: "1"}


def test_the_script_gets_the_next_page_and_hears_what_is_stored(
    client: Client, session: StudySession
) -> None:
    first = current(session)

    answer = client.post(url("trial", session), good_answer(first), headers=SCRIPT)

    assert answer.status_code == 200
    assert answer.headers[STORED] == str(first.id)
    assert f'data-trial-id="{current(session).id}"' in answer.text
    assert current(session) != first


def test_an_answer_sent_again_is_stored_once_and_leads_to_the_same_page(
    client: Client, session: StudySession
) -> None:
    fields = good_answer(current(session))

    answers = [
        client.post(url("trial", session), fields, headers=SCRIPT) for _ in range(3)
    ]

    assert Response.objects.count() == 1
    assert {answer.headers[STORED] for answer in answers} == {fields["trial_id"]}
    trial_id = f'data-trial-id="{current(session).id}"'
    assert all(trial_id in answer.text for answer in answers)


def test_another_answer_from_a_second_tab_hears_that_the_first_was_kept(
    client: Client, session: StudySession
) -> None:
    fields = good_answer(current(session))
    client.post(url("trial", session), fields, headers=SCRIPT)

    other = client.post(url("trial", session), fields | {"rating": "1"}, headers=SCRIPT)

    assert other.headers[STORED] == fields["trial_id"], "nothing is left to send"
    assert "your first answer was kept" in other.text
    assert Response.objects.get().rating == 70
    assert Incident.objects.get().code == "already-answered"


def test_an_incomplete_answer_is_not_called_stored(
    client: Client, session: StudySession
) -> None:
    fields = good_answer(current(session)) | {"rating": ""}

    answer = client.post(url("trial", session), fields, headers=SCRIPT)

    assert answer.status_code == 422
    assert STORED not in answer.headers


def test_a_whole_session_ends_on_the_completion_code(
    client: Client, session: StudySession
) -> None:
    kinds = []
    page = client.get(url("trial", session))
    while 'data-trial-id="' in page.text:
        trial = current(session)
        kinds.append(trial.kind)
        page = client.post(url("trial", session), good_answer(trial), follow=True)

    assert kinds == ["pair"] * 3 + ["triplet"] * 3 + ["value"] * 4 + ["question"] * 3
    assert "SHORT-THANKS" in page.text
    assert "https://findahelpline.com" in page.text
    assert page.redirect_chain[-1][0] == url("debrief", session)
    late = client.post(
        url("trial", session), {"trial_id": str(uuid4()), "rating": "1"}, follow=True
    )
    assert late.text == page.text


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


def test_the_health_check_asks_the_database(
    client: Client, django_assert_num_queries: object
) -> None:
    with django_assert_num_queries(1):  # type: ignore[operator]
        assert client.get("/healthz").json() == {"status": "ok"}
