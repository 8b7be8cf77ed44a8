"""A study in the browser: upload with faults in place, its state, and pilots."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from procrastinate.contrib.django.models import ProcrastinateJob

from collection import access, participation, pilots, uploads
from collection.access import Role
from collection.models import AuditRecord, JobRecord, Study
from collection.work import simulate_command
from tests import factories
from tests.researchers import Site

pytestmark = pytest.mark.django_db

SHORT = Path(__file__).resolve().parents[1] / "studies" / "short"


@pytest.fixture
def site(outside_var: Path) -> Site:
    return Site(outside_var)


def browser_of(user: User) -> Client:
    browser = Client()
    browser.force_login(user)
    return browser


def send(user: User, address: str, **changed: str) -> HttpResponse:
    files = {path.name: path.read_text() for path in SHORT.iterdir()}
    files |= {name.replace("__", "."): text for name, text in changed.items()}
    sent = [SimpleUploadedFile(name, text.encode()) for name, text in files.items()]
    answer: HttpResponse = browser_of(user).post(address, {"files": sent}, follow=True)
    return answer


def press(user: User, name: str, *arguments: object, **fields: str) -> HttpResponse:
    answer: HttpResponse = browser_of(user).post(
        reverse(name, args=arguments), fields, follow=True
    )
    return answer


# ------------------------------------------------------------------ upload


def test_a_new_study_is_a_draft_of_whoever_uploaded_it(site: Site) -> None:
    page = send(site.stranger, reverse("research-new")).content.decode()

    study = Study.objects.get(slug="short")
    assert "The definition has no faults, and is stored." in page
    assert "Nobody can join yet." in page
    assert study.status == "draft"
    assert access.role_in(site.stranger, study) == Role.OWNER
    assert access.role_in(site.owner, study) is None
    assert Client().get("/s/short/").status_code == 404
    told = AuditRecord.objects.filter(study="short", by="bo").order_by("pk")
    assert [one.verb for one in told] == ["study.created", "person.added"]


def test_faults_stand_at_their_lines_and_nothing_is_stored(site: Site) -> None:
    text = (SHORT / "study.toml").read_text().replace("= 18", "= 180")

    answer = send(site.owner, reverse("research-new"), study__toml=text)

    assert answer.status_code == 422
    page = answer.content.decode()
    number = text.splitlines().index("minimum_age = 180") + 1
    assert "1 fault: nothing was stored" in page
    assert f'href="#studytoml-{number}">study.toml, line {number}</a>' in page
    assert f'<li value="{number}" id="studytoml-{number}"' in page
    assert "less than or equal to 120; got 180" in page
    assert not Study.objects.filter(slug="short").exists()


def test_what_is_uploaded_is_shown_as_text_and_never_as_a_page(site: Site) -> None:
    answer = send(
        site.owner,
        reverse("research-new"),
        study__toml='slug = "<script>alert(1)</script>"',
    )

    page = answer.content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_an_upload_that_is_too_large_is_refused_before_it_is_read(site: Site) -> None:
    browser = browser_of(site.owner)

    answer = browser.generic(
        "POST",
        reverse("research-new"),
        b"",
        content_type="multipart/form-data; boundary=x",
        CONTENT_LENGTH=str(uploads.MOST_BYTES * 2),
    )

    assert answer.status_code == 413
    assert "The files are over 2 MB in all." in answer.content.decode()


def test_an_upload_from_another_site_is_refused(site: Site) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(site.owner)

    answer = browser.post(reverse("research-new"), {"files": []})

    assert answer.status_code == 403
    assert not Study.objects.filter(slug="short").exists()


def test_nobody_overwrites_the_study_of_somebody_else(site: Site) -> None:
    send(site.owner, reverse("research-new"))
    other = (SHORT / "study.toml").read_text().replace("A short study", "Mine now")

    answer = send(site.stranger, reverse("research-new"), study__toml=other)

    assert answer.status_code == 422
    assert "is the address of another study" in answer.content.decode()
    assert Study.objects.get(slug="short").title == "A short study"


def test_a_new_version_takes_its_place_until_somebody_took_part(site: Site) -> None:
    send(site.owner, reverse("research-new"))
    address = reverse("research-upload", args=["short"])
    other = (SHORT / "study.toml").read_text().replace("A short study", "Renamed")

    send(site.owner, address, study__toml=other)
    study = Study.objects.get(slug="short")
    assert study.title == "Renamed"
    press(site.owner, "research-state", "short", "open")
    participation.enrol(Study.objects.get(slug="short"))
    late = send(site.owner, address)

    assert late.status_code == 422
    assert "1 people took part" in late.content.decode()
    page = browser_of(site.owner).get(reverse("research-definition", args=["short"]))
    assert "Upload a new version" not in page.content.decode()


# ------------------------------------------------------------------ its state


def test_a_study_is_opened_paused_opened_again_and_closed(site: Site) -> None:
    states = []
    for change in ("pause", "open", "close", "open"):
        page = press(site.editor, "research-state", "tiny", change)
        states.append(Study.objects.get(slug="tiny").status)
        assert f"The study is {states[-1]} now." in page.content.decode()

    assert states == ["paused", "open", "closed", "open"]


def test_only_an_open_study_is_paused(site: Site) -> None:
    press(site.editor, "research-state", "tiny", "close")

    page = press(site.editor, "research-state", "tiny", "pause").content.decode()

    assert "Only an open study can be paused; this one is closed." in page
    assert Study.objects.get(slug="tiny").status == "closed"


def test_a_study_opens_once_its_consent_page_lacks_nothing(site: Site) -> None:
    text = (SHORT / "study.toml").read_text()
    text = text.replace('ethics = "none: made for tests"', 'ethics = ""')
    text = text.replace('languages = ["en", "de"]', "")
    send(site.owner, reverse("research-new"), study__toml=text)

    for name, arguments in (
        ("research-state", ["short", "open"]),
        ("research-pilot", ["short"]),
    ):
        answer = press(site.owner, name, *arguments)
        assert answer.status_code == 422
        page = answer.content.decode()
        assert "yet</h2>" in page
        assert "consent.ethics" in page
    assert Study.objects.get(slug="short").status == "draft"
    assert Study.objects.filter(slug__startswith="short-pilot").count() == 0


def test_an_unknown_change_of_state_is_no_page(site: Site) -> None:
    assert press(site.owner, "research-state", "tiny", "delete").status_code == 404


def test_the_page_tells_what_the_study_asks(site: Site) -> None:
    page = site.page("research-definition", "tiny")

    plan = site.study.definition_model().plan()
    for group in plan.groups:
        assert f">{group.name}<" in page
        assert f">{group.sessions_needed}<" in page


# ------------------------------------------------------------------ pilots


def test_a_pilot_is_a_copy_whose_answers_do_not_count(site: Site) -> None:
    press(site.editor, "research-pilot", "tiny", sessions="0")

    copy = Study.objects.get(slug="tiny-pilot-1")
    factories.finished(copy)
    assert copy.status == "open"
    assert copy.title == "Pilot: A tiny study"
    assert access.role_in(site.owner, copy) == Role.OWNER
    assert access.role_in(site.editor, copy) == Role.OWNER
    assert access.role_in(site.viewer, copy) == Role.VIEWER
    assert site.study.sessions.count() == 0
    assert copy.definition_model().completion.redirect == ""
    assert "tiny-pilot-1" in site.page("research-definition", "tiny")
    assert "Start a pilot" not in site.page("research-definition", "tiny-pilot-1")


def test_a_second_pilot_has_a_number_of_its_own(site: Site) -> None:
    for _ in range(2):
        press(site.editor, "research-pilot", "tiny")

    assert [copy.slug for copy in pilots.of(site.study)] == [
        "tiny-pilot-2",
        "tiny-pilot-1",
    ]


def test_simulated_people_are_sent_by_a_job_and_never_to_the_study(site: Site) -> None:
    press(site.editor, "research-pilot", "tiny", sessions="12")

    job = JobRecord.objects.get(kind="simulate")
    assert job.study == Study.objects.get(slug="tiny-pilot-1")
    assert simulate_command(job)[1:] == [
        "manage.py",
        "simulateparticipants",
        "tiny-pilot-1",
        "--sessions",
        "12",
    ]
    assert ProcrastinateJob.objects.filter(task_name="simulate").count() == 1
    told = AuditRecord.objects.get(verb="study.piloted")
    assert told.details == {"pilot": "tiny-pilot-1", "simulated": 12}


def test_more_simulated_people_than_a_pilot_takes_are_refused(site: Site) -> None:
    answer = press(site.editor, "research-pilot", "tiny", sessions="100000")

    assert answer.status_code == 422
    assert "less than or equal to 200" in answer.content.decode()
    assert not Study.objects.filter(slug="tiny-pilot-1").exists()


@pytest.mark.parametrize("slug", ["a", "a" * 60, "a" * 47 + "-" + "b" * 12])
def test_a_pilots_address_fits_and_is_known_for_one(
    outside_var: Path, slug: str
) -> None:
    study = factories.open_study(slug=slug)
    ada = User.objects.create_user("ada")
    access.grant(study, ada, Role.OWNER)

    copy = pilots.start(study, simulated=0, by=ada)

    assert len(copy.slug) <= 60
    assert pilots.is_pilot(copy)
    assert not pilots.is_pilot(study)
    assert pilots.of(study) == [copy]
