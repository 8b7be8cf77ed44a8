"""The researcher's pages in a real browser: clean, narrow, and alive while a job runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from collection.attention.runs import run_rules
from collection.models import JobRecord
from tests.collection.test_sensitivity import at_a_pace, hurried, rater
from tests.researchers import Site

pytestmark = pytest.mark.browser


@pytest.fixture
def site(outside_var: Path, transactional_db: None) -> Site:
    site = Site(outside_var)
    site.owner.set_password("a long enough secret")
    site.owner.save()
    return site


@pytest.fixture
def complaints(page: Page) -> list[str]:
    """What the browser's console and network complain about."""
    heard: list[str] = []
    page.on("console", lambda message: heard.append(message.text))
    page.on("requestfailed", lambda request: heard.append(request.url))
    page.on(
        "response",
        lambda answer: heard.append(answer.url) if answer.status >= 400 else None,
    )
    return heard


def log_in(page: Page) -> None:
    page.goto("/research/")
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill("a long enough secret")
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("heading", name="My studies").wait_for()


@pytest.mark.parametrize("width", [320, 1200])
def test_every_page_is_accessible_and_fits(
    site: Site, page: Page, complaints: list[str], width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto("/research/login/")
    _check(page)
    log_in(page)
    addresses = [
        "/research/",
        "/research/studies/tiny/",
        f"/research/studies/tiny/report/{site.report.pk}/",
        f"/research/studies/tiny/sweep/{site.sweep.pk}/",
        f"/research/studies/tiny/jobs/{site.job.pk}/",
        "/research/studies/tiny/quality/",
    ]

    for address in addresses:
        page.goto(address)
        _check(page)

    assert complaints == []


@pytest.mark.parametrize("width", [320, 1200])
def test_flags_are_read_and_a_decision_noted_by_keyboard(
    site: Site, page: Page, complaints: list[str], width: int
) -> None:
    at_a_pace(site.study, "ada", 4000)
    fast = hurried(site.study, "eve")
    run_rules(site.study)
    run_rules(site.study)
    page.set_viewport_size({"width": width, "height": 800})
    log_in(page)
    page.goto("/research/studies/tiny/quality/")
    _check(page)

    page.get_by_role("link", name=rater(fast)).press("Enter")
    form = page.get_by_role("form", name="Exclusion")
    form.get_by_label("Decision").press("l")  # "Leave out of snapshots"
    form.get_by_label("Ground").press("a")  # "Answers faster than reading"
    form.get_by_label("Reason").press_sequentially("Two seconds in all.")
    form.get_by_label("Reason").press("Tab")
    page.keyboard.press("Enter")

    expect(page.get_by_role("status")).to_have_text("Noted in the exclusion ledger.")
    _check(page)
    (decision,) = fast.exclusion_decisions.all()
    assert (decision.decision, decision.ground) == ("exclude", "too-fast")
    assert complaints == []


def test_figures_are_drawn_with_their_own_styles(
    site: Site, page: Page, complaints: list[str]
) -> None:
    log_in(page)
    page.goto(f"/research/studies/tiny/report/{site.report.pk}/")

    picture = page.locator("figure img").first
    drawn = picture.evaluate("image => [image.complete, image.currentSrc]")

    assert drawn[0]
    assert drawn[1].endswith("/figures/map.svg")
    assert complaints == []


def test_a_job_is_followed_to_its_end_without_a_reload(site: Site, page: Page) -> None:
    JobRecord.objects.filter(pk=site.job.pk).update(
        status=JobRecord.Status.RUNNING, stage="pairs", done=3, total=9
    )
    log_in(page)
    page.goto(f"/research/studies/tiny/jobs/{site.job.pk}/")
    expect(page.get_by_text("Pairs: 3 of 9")).to_be_visible()

    JobRecord.objects.filter(pk=site.job.pk).update(
        status=JobRecord.Status.FAILED, error="the disk is full\nTraceback ..."
    )

    expect(page.get_by_role("alert")).to_contain_text("the disk is full")


def _check(page: Page) -> None:
    found = Axe().run(page).response["violations"]
    assert [(fault["id"], fault["nodes"][0]["html"]) for fault in found] == []
    too_wide = "document.documentElement.scrollWidth > innerWidth"
    assert not page.evaluate(too_wide), f"{page.url} scrolls sideways"
