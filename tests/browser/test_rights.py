"""The pages for a person's wishes, seen by axe, by keyboard alone, without JavaScript."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Browser, BrowserContext, Page, expect
from pytest_django.live_server_helper import LiveServer

from collection import access, erasure, participation
from collection.management.commands.freezestudy import next_folder
from collection.models import ComprehensionOutcome, Erasure, Study, StudySession
from collection.snapshots import freeze
from tests import factories
from tests.browser.test_access import Watch

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PICTURES = os.environ.get("ATTUNE_PICTURES")
"""A folder, to look at the pages oneself; none are taken without it."""
SIZES = {"390": (390, 844), "1280": (1280, 900)}
CHECK = {
    "key": "understood",
    "kind": "choice",
    "text": "What will you be asked about?",
    "options": [
        {"key": "actions", "text": "What people do"},
        {"key": "prices", "text": "Prices"},
    ],
    "purpose": "comprehension",
    "correct": "actions",
}


@pytest.fixture(autouse=True)
def _own_var(outside_var: Path) -> None:
    """What is erased here is written in a ledger of the test's own."""


@pytest.fixture
def study(transactional_db: None) -> Study:
    """One question of comprehension, then a few pairs."""
    document = factories.document()
    pairs = document["blocks"][0]
    return factories.open_study(
        title="How alike are everyday calls?",
        instructions="You will see two actions at a time. Say how similar they are.",
        questions=[CHECK],
        blocks=[
            {"key": "check", "kind": "questions", "questions": ["understood"]},
            {**pairs, "trials_per_session": 2},
        ],
        groups=[{"name": "all", "blocks": ["check", "pairs"]}],
    )


@pytest.fixture
def watch(page: Page, live_server: LiveServer) -> Watch:
    return Watch(page, live_server.url)


@pytest.fixture
def plain(browser: Browser, live_server: LiveServer) -> Iterator[BrowserContext]:
    """A browser without JavaScript."""
    context = browser.new_context(base_url=live_server.url, java_script_enabled=False)
    context.set_default_timeout(10_000)
    yield context
    context.close()


def take(page: Page, name: str) -> None:
    """Pictures of a page at a phone's and a desk's width, for whoever asked for them."""
    if PICTURES is None:
        return
    before = page.viewport_size
    for size, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        page.screenshot(path=f"{PICTURES}/{name}-{size}.png", full_page=True)
    if before is not None:
        page.set_viewport_size(before)


def log_in(page: Page, study: Study) -> None:
    owner = User.objects.create_user("owner", password="a long enough secret")
    access.grant(study, owner, access.Role.OWNER)
    page.goto("/research/login/")
    page.get_by_label("Name").fill("owner")
    page.get_by_label("Password").fill("a long enough secret")
    page.get_by_role("button", name="Log in").click()


def test_leaving_is_accessible_on_every_page(
    page: Page, study: Study, watch: Watch
) -> None:
    session = factories.joined(study)
    factories.answer(
        session,
        lambda trial: (
            participation.Answer(choice="actions")
            if trial.kind == "question"
            else participation.Answer(rating=40)
        ),
    )
    participation.finish(session)

    def look(name: str) -> None:
        watch(name)
        take(page, name)

    page.goto(f"/p/{session.code}/debrief/")
    look("debrief")
    code = page.locator("[data-withdrawal-code]").inner_text()
    page.goto("/withdraw/")
    look("withdraw-code")
    page.get_by_label("Withdrawal code").fill("ABCD")
    page.get_by_role("button", name="Continue").click()
    look("withdraw-code-wrong")
    page.get_by_label("Withdrawal code").fill(code.lower())
    page.keyboard.press("Enter")
    page.wait_for_url("**/p/*/withdraw/")
    look("withdraw")
    page.get_by_role("button", name="Withdraw my answers").click()
    look("withdrawn")
    page.get_by_role("link", name="Delete everything").click()
    look("erase")
    page.get_by_role("button", name="Delete everything").click()
    look("erase-unsure")
    page.get_by_label("Yes, delete everything").check()
    page.get_by_role("button", name="Delete everything").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Everything was deleted")
    look("erased")
    page.goto(f"/p/{session.code}/debrief/")
    look("erased-address")

    assert watch.faults == []
    assert not StudySession.objects.exists()


def test_missing_the_instructions_twice_is_accessible_and_kind(
    page: Page, study: Study, watch: Watch
) -> None:
    session = factories.joined(study)
    page.goto(f"/p/{session.code}/consent/")
    page.goto(f"/p/{session.code}/trial/")
    page.get_by_label("Prices").check()
    watch("comprehension")
    take(page, "comprehension")
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_text("Please read how it works once more")).to_be_visible()
    watch("comprehension again")
    take(page, "comprehension-again")
    page.get_by_label("Prices").check()
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Let us stop here")
    watch("return")
    take(page, "return")

    assert watch.faults == []
    assert not ComprehensionOutcome.objects.get().passed


def test_erasing_is_accessible_to_researchers(
    page: Page, study: Study, watch: Watch
) -> None:
    session = factories.joined(study, external_id="ada", platform="prolific")
    factories.answer(
        session,
        lambda trial: (
            participation.Answer(choice="actions")
            if trial.kind == "question"
            else participation.Answer(rating=40)
        ),
    )
    participation.finish(session)
    freeze(study, next_folder(study))
    log_in(page, study)

    def look(name: str) -> None:
        watch(name)
        take(page, name)

    page.goto("/research/studies/tiny/")
    look("research-study")
    page.get_by_role("link", name="consent text").click()
    look("research-consent")
    page.go_back()
    page.get_by_role("link", name="Erase a participant").click()
    look("research-find")
    page.get_by_label("What they gave you").fill("nobody")
    page.get_by_role("button", name="See what would go").click()
    look("research-find-nobody")
    page.get_by_label("What they gave you").fill("ada")
    page.get_by_role("button", name="See what would go").click()
    look("research-erase")
    page.get_by_role("button", name="Erase for good").click()
    look("research-erase-unsure")
    page.get_by_label("Yes, erase this person").check()
    page.get_by_role("button", name="Erase for good").click()
    look("research-ledger")
    page.goto("/research/studies/tiny/snapshots/1/download/")
    look("research-superseded")

    assert watch.faults == []
    assert Erasure.objects.get().by == "owner"


def test_keyboard_alone_and_without_javascript_everything_can_be_deleted(
    plain: BrowserContext, study: Study
) -> None:
    session = participation.withdraw(factories.joined(study))
    page = plain.new_page()
    page.goto(f"/p/{session.code}/debrief/")

    def reach(role: str, name: str) -> None:
        """Tab on until this has the focus."""
        wanted = page.get_by_role(role, name=name)  # type: ignore[arg-type]
        for _ in range(40):
            page.keyboard.press("Tab")
            if page.locator(":focus").count() and wanted.evaluate(
                "element => element === document.activeElement"
            ):
                return
        raise AssertionError(f"{name} cannot be reached by Tab")

    reach("link", "Delete everything")
    page.keyboard.press("Enter")
    page.wait_for_url("**/erase/")
    reach("checkbox", "Yes, delete everything. This cannot be taken back.")
    page.keyboard.press("Space")
    reach("button", "Delete everything")
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1)).to_have_text("Everything was deleted")
    assert erasure.was_erased(session.code)
