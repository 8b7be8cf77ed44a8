"""A trial's page over Django's own client: what is shown, taken, and kept."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.test import Client

from collection import participation
from collection.models import Incident, Response, Study, StudySession, Trial
from collection.trial_views import IN_PLACE, STORED
from tests.short_study import ada, current, good_answer, open_short_study, url

pytestmark = pytest.mark.django_db


@pytest.fixture
def study() -> Study:
    return open_short_study()


@pytest.fixture
def session(study: Study) -> StudySession:
    return ada(study)


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
