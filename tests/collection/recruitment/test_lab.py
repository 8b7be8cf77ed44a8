"""A lab: one person after another, and nothing of the one before."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from collection import access
from collection.errors import StudyClosed
from collection.loading import close_study
from collection.models import LabStart, PlatformIdentity, Study, StudySession
from collection.recruitment import lab
from collection.recruitment.errors import LabCodeUnknown
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def study() -> Study:
    return factories.open_study()


@pytest.fixture
def experimenter(study: Study) -> Client:
    ada = User.objects.create_user("ada")
    access.grant(study, ada, access.Role.OWNER)
    browser = Client()
    browser.force_login(ada)
    return browser


def begin(machine: Client, code: str) -> StudySession:
    answer = machine.post("/lab/", {"code": code})
    assert answer.status_code == 302, answer.content.decode()
    return StudySession.objects.get(pk=answer.headers["Location"].split("/")[2])


def test_the_experimenter_types_a_number_and_the_machine_begins(
    study: Study, experimenter: Client
) -> None:
    page = experimenter.post("/research/studies/tiny/lab/", {"number": " 017 "})
    started = page.context["started"]

    session = begin(Client(), started.spelt.lower())

    identity = PlatformIdentity.objects.get()
    assert (identity.platform, identity.external_id) == ("lab", "017")
    assert session.participant == identity.participant
    assert started.code not in str(list(LabStart.objects.values()))


def test_a_code_works_once(study: Study) -> None:
    started = lab.start(study, "1")
    begin(Client(), started.code)

    answer = Client().post("/lab/", {"code": started.code})

    assert answer.status_code == 404
    assert "ask the experimenter for a new one" in answer.content.decode()


def test_looking_at_the_link_uses_nothing_up(study: Study) -> None:
    started = lab.start(study, "1")

    page = Client().get(f"/lab/?code={started.code}")

    assert started.code in page.content.decode()
    assert lab.known(started.code)


def test_codes_grow_old_and_a_new_one_replaces_them(study: Study) -> None:
    first = lab.start(study, "1")
    second = lab.start(study, "1")
    assert not lab.known(first.code)
    assert second.returning
    assert second.session == first.session

    LabStart.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(LabCodeUnknown, match="older than two hours"):
        lab.use(second.code)


def test_the_next_person_finds_no_cookie_of_the_one_before(study: Study) -> None:
    machine = Client()
    machine.get("/s/tiny/")
    assert "attune-tiny" in machine.cookies
    first = begin(machine, lab.start(study, "1").code)

    answer = machine.post("/lab/", {"code": lab.start(study, "2").code})

    assert answer.headers["Clear-Site-Data"] == '"cookies"'
    sent_back = {name: c["max-age"] for name, c in answer.cookies.items()}
    del sent_back["csrftoken"]  # a new one, of this page
    assert sent_back == {"attune-tiny": 0}
    second = StudySession.objects.get(pk=answer.headers["Location"].split("/")[2])
    assert second.participant != first.participant


def test_a_machine_left_logged_in_is_logged_out(experimenter: Client) -> None:
    experimenter.get("/lab/")

    assert experimenter.get("/research/studies/tiny/lab/").status_code == 302


def test_a_closed_study_starts_nobody_new(study: Study) -> None:
    lab.start(study, "1")
    close_study(study)

    assert lab.start(study, "1").returning
    with pytest.raises(StudyClosed):
        lab.start(study, "2")


def test_only_the_studys_researchers_start_sessions(study: Study) -> None:
    stranger = Client()
    stranger.force_login(User.objects.create_user("bo"))

    answer = stranger.post("/research/studies/tiny/lab/", {"number": "1"})

    assert answer.status_code == 404
    assert not StudySession.objects.exists()


def test_a_number_must_be_typed(experimenter: Client) -> None:
    answer = experimenter.post("/research/studies/tiny/lab/", {"number": ""})

    assert answer.status_code == 422
    assert "This field is required." in answer.content.decode()
