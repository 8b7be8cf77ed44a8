"""Recruitment in a real browser: every page clean and narrow, and a lab from end to end."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from collection import access, participation
from collection.models import (
    PlatformIdentity,
    Reconciliation,
    RefusedArrival,
    Study,
    StudySession,
    Submission,
)
from collection.recruitment.completion import end
from collection.recruitment.payments import owe_bonus
from collection.recruitment.sections import Outcome
from collection.recruitment.submissions import learn
from tests import factories
from tests.collection.recruitment.conftest import recruitment

pytestmark = pytest.mark.browser


@pytest.fixture
def study(transactional_db: None) -> Study:
    section = recruitment(verification="none")
    study = factories.open_study(recruitment=section, **factories.only("pair"))
    ada = User.objects.create_user("ada", password="a long enough secret")
    access.grant(study, ada, access.Role.OWNER)
    return study


def someone(study: Study, number: int) -> StudySession:
    """From Prolific, consented."""
    session = factories.joined(study, external_id=f"{number:024x}", platform="prolific")
    PlatformIdentity.objects.filter(participant=session.participant).update(
        submission_id=f"{number:024x}"
    )
    Submission.objects.create(session=session, study=study, verification="api")
    return session


def log_in(page: Page) -> None:
    page.goto("/research/")
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill("a long enough secret")
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("heading", name="My studies").wait_for()


def check(page: Page) -> None:
    """No violation that axe finds, and nothing wider than the screen."""
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    wider = (
        "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    )
    assert not page.evaluate(wider), page.url


@pytest.mark.parametrize("width", [320, 1280])
def test_every_page_is_accessible_and_fits(
    study: Study, page: Page, width: int
) -> None:
    done, ended, stopped, declined = (someone(study, n) for n in range(4))
    factories.answer(done)
    participation.finish(done)
    learn(done.pk, "AWAITING REVIEW", time_taken_s=240)
    owe_bonus(done, 150, "thanks")
    end(ended, Outcome.SCREENED_OUT)
    end(stopped, Outcome.TECHNICAL)
    learn(declined.pk, "RETURNED")
    RefusedArrival.objects.create(study=study, reason="not-theirs")
    Reconciliation.objects.create(study=study, n_seen=4, finished_at=timezone.now())
    page.set_viewport_size({"width": width, "height": 900})
    log_in(page)

    page.goto("/research/studies/tiny/recruitment/")
    check(page)
    page.goto("/research/studies/tiny/lab/")
    page.get_by_label("Participant’s number").fill("017")
    page.get_by_role("button", name="Get a start code").click()
    page.locator("[data-start-code]").wait_for()
    check(page)
    for address in (
        f"/p/{done.pk}/debrief/",
        f"/p/{ended.pk}/debrief/",
        f"/p/{stopped.pk}/trouble/",
        f"/p/{declined.pk}/debrief/",
        "/s/tiny/?PROLIFIC_PID=x&prolific_token=nonsense",
        "/lab/?code=2222",
    ):
        page.goto(address)
        check(page)
    page.get_by_role("button", name="Begin").click()
    expect(page.get_by_role("alert")).to_contain_text("ask the experimenter")
    check(page)


def test_a_lab_day(
    study: Study, page: Page, browser: Browser, live_server: LiveServer
) -> None:
    """One machine, two people: each by a code of their own, called out at the end."""
    log_in(page)
    context = browser.new_context(base_url=live_server.url)
    machine = context.new_page()
    machine.goto("/lab/")
    before: set[str] = set()
    for number in ("017", "018"):
        page.goto("/research/studies/tiny/lab/")
        page.get_by_label("Participant’s number").fill(number)
        page.get_by_role("button", name="Get a start code").click()
        code = page.locator("[data-start-code]").inner_text()

        machine.get_by_label("Start code").fill(code.lower())
        machine.get_by_role("button", name="Begin").click()
        machine.get_by_role("heading", name="Would you like to take part?").wait_for()
        kept = {str(c.get("value")) for c in context.cookies()}
        assert not kept & before
        before |= kept
        session = StudySession.objects.get(participant__identity__external_id=number)
        factories.consented(session)
        factories.answer(session)
        machine.goto(f"/p/{session.pk}/trial/")
        expect(machine.get_by_text("Please call the experimenter now.")).to_be_visible()
        machine.get_by_role("link", name="start the next session").click()
    context.close()

    assert study.sessions.filter(status="finished").count() == 2
