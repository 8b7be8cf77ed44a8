"""What a researcher sees and presses about recruitment; and what others do not."""

from __future__ import annotations

import io

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from procrastinate.contrib.django.models import ProcrastinateJob

from collection import access, participation
from collection.models import RefusedArrival, Study
from collection.recruitment.payments import owe_bonus
from collection.recruitment.reconciliation import reconcile
from collection.recruitment.submissions import learn
from tests import factories
from tests.collection.recruitment.conftest import Arrive
from tests.prolific_server import FakeProlific, Place

pytestmark = pytest.mark.django_db

HOME = "/research/studies/tiny/recruitment/"


@pytest.fixture
def ada(study: Study) -> Client:
    owner = User.objects.create_user("ada")
    access.grant(study, owner, access.Role.OWNER)
    browser = Client()
    browser.force_login(owner)
    return browser


@pytest.fixture
def place(prolific: FakeProlific, arrive: Arrive) -> Place:
    """Somebody who finished, waits for approval, and is owed a bonus."""
    place = prolific.submission()
    session = arrive(place)
    factories.answer(session)
    participation.finish(session)
    learn(session.pk, "AWAITING REVIEW", time_taken_s=240)
    owe_bonus(session, 150, "thanks")
    return place


def run(*words: str) -> str:
    out = io.StringIO()
    call_command("recruitment", *words, stdout=out)
    return out.getvalue()


def test_the_page_tells_who_came_and_what_is_owed_and_names_nobody(
    study: Study, ada: Client, place: Place
) -> None:
    RefusedArrival.objects.create(study=study, reason="not-theirs")
    place.status = "AWAITING REVIEW"
    reconcile(study)

    page = ada.get(HOME).content.decode()

    for words in (
        "by the submissions API",
        "Awaiting Review",
        "not-theirs",
        "1 submission, 0 changed, 0 never arrived here, 0 refuted.",
        "The median person took 4.0 minutes (1 finished)",
        "<strong>£9.00 an hour</strong>",
        "1 submission to approve",
        "1 bonus to pay",
        "the study shows immoral acts",
    ):
        assert words in page
    assert place.submission_id not in page
    assert place.participant_id not in page


def test_a_study_by_plain_link_has_a_page_too(ada: Client) -> None:
    other = factories.open_study(slug="plain")
    access.grant(other, User.objects.get(), access.Role.OWNER)

    page = ada.get("/research/studies/plain/recruitment/").content.decode()

    assert "people come by the plain link or in the lab" in page
    assert "an hour" not in page


def test_lists_are_downloaded_as_the_platform_takes_them(
    ada: Client, place: Place
) -> None:
    approvals = ada.get(f"{HOME}lists/approvals/1.csv")
    bonuses = ada.get(f"{HOME}lists/bonuses/1.csv")

    assert approvals.content.decode() == f"{place.submission_id}\n"
    assert bonuses.content.decode() == f"{place.submission_id},1.50\n"
    assert "tiny-bonuses-1.csv" in bonuses.headers["Content-Disposition"]
    assert ada.get(f"{HOME}lists/bonuses/2.csv").status_code == 404
    assert ada.get(f"{HOME}lists/people/1.csv").status_code == 404


@pytest.mark.parametrize(
    ("action", "task"),
    [
        ("reconcile", "reconcile-study"),
        ("approve", "approve-all"),
        ("pay", "pay-bonuses"),
    ],
)
def test_a_button_is_work_for_the_worker(ada: Client, action: str, task: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE procrastinate_jobs CASCADE")

    assert ada.post(f"{HOME}{action}/").status_code == 302

    assert ProcrastinateJob.objects.get().task_name == task


def test_a_list_that_was_sent_by_hand_is_crossed_off(ada: Client, place: Place) -> None:
    ada.post(f"{HOME}sent-bonuses/")

    assert "1 bonus to pay" not in ada.get(HOME).content.decode()
    assert ada.post(f"{HOME}sent-people/").status_code == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", ""),
        ("post", "approve/"),
        ("post", "sent-bonuses/"),
        ("get", "lists/approvals/1.csv"),
    ],
)
def test_only_the_studys_researchers_get_there(
    study: Study, place: Place, method: str, path: str
) -> None:
    stranger = Client()
    stranger.force_login(User.objects.create_user("bo"))

    assert getattr(stranger, method)(HOME + path).status_code == 404
    assert getattr(Client(), method)(HOME + path).status_code == 302


# The command -----------------------------------------------------------------------------


def test_the_command_reconciles_approves_and_pays(
    study: Study, prolific: FakeProlific, place: Place
) -> None:
    place.status = "AWAITING REVIEW"

    assert "1 submissions: 0 changed" in run("reconcile", "tiny")
    assert run("approve", "tiny", "--list") == f"{place.submission_id}\n"
    assert run("bonuses", "tiny", "--list") == f"{place.submission_id},1.50\n"
    assert run("approve", "tiny") == "1 approved.\n"
    assert run("bonuses", "tiny") == "1 bonuses paid.\n"
    assert prolific.paid == [(place.submission_id, "1.50")]


def test_the_command_owes_and_says_what_prolific_would_refuse(
    study: Study, place: Place
) -> None:
    rater = study.participants.get().rater_id

    assert "is owed 25 (late)" in run("owe", "tiny", rater, "25", "--reason", "late")
    with pytest.raises(CommandError, match="would be refused"):
        run("lint", "tiny")
    with pytest.raises(CommandError, match="never a ground for rejection"):
        run(
            *("reject", "tiny", rater, "--ground", "page-time"),
            *("--category", "OTHER", "--message", "too fast", "--check"),
        )
    with pytest.raises(CommandError, match="Nobody called 'p-x'"):
        run("owe", "tiny", "p-x", "25", "--reason", "late")
