"""The live view in a real browser: with data, kept fresh, clean, narrow, and silent."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from collection import live_agreement
from tests import factories
from tests.researchers import Site

pytestmark = pytest.mark.browser

ADDRESS = "/research/studies/tiny/live/"
# The page looks again every 5 s, on machines that are busy.
PATIENCE_MS = 60_000


@pytest.fixture
def site(outside_var: Path, transactional_db: None) -> Site:
    site = Site(outside_var)
    site.owner.set_password("a long enough secret")
    site.owner.save()
    for judge in (factories.attentive, factories.careless) * 3:
        factories.finished(site.study, judge)
        factories.finished(site.study, judge, simulated=True)
    for simulated in (False, True):
        live_agreement.measure(site.study, simulated=simulated)
    return site


def test_it_is_accessible_fits_and_the_console_stays_silent(
    site: Site, page: Page
) -> None:
    heard: list[str] = []
    page.on("console", lambda message: heard.append(message.text))
    page.on("pageerror", lambda error: heard.append(str(error)))
    log_in(page)

    page.goto(ADDRESS)
    page.get_by_text("Every number as a table").click()
    expect(page.locator("svg.heat")).to_have_count(3)

    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        found = Axe().run(page).response["violations"]
        assert [(fault["id"], fault["nodes"][0]["html"]) for fault in found] == []
        assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
    assert heard == []


def test_the_maps_follow_new_answers_without_a_reload(site: Site, page: Page) -> None:
    log_in(page)
    page.goto(ADDRESS)
    page.evaluate("document.body.dataset.stayed = 'yes'")
    squares = page.locator("svg.heat rect title")
    before = squares.all_text_contents()

    factories.finished(site.study)

    page.wait_for_function(
        "before => [...document.querySelectorAll('svg.heat rect title')]"
        ".map(title => title.textContent).join() !== before",
        arg=",".join(before),
        timeout=PATIENCE_MS,
    )
    assert page.evaluate("document.body.dataset.stayed") == "yes"


def test_the_stamp_comes_with_the_first_simulated_person(
    outside_var: Path, transactional_db: None, page: Page
) -> None:
    site = Site(outside_var)
    site.owner.set_password("a long enough secret")
    site.owner.save()
    log_in(page)
    page.goto(ADDRESS)
    expect(page.locator(".stamp")).to_have_count(0)

    factories.joined(site.study, simulated=True)

    expect(page.locator(".stamp")).to_have_text(
        "Simulated participants", timeout=PATIENCE_MS
    )


def test_without_scripts_the_page_holds_the_same_and_counts_raters(
    site: Site, browser: Browser, live_server: LiveServer
) -> None:
    context = browser.new_context(base_url=live_server.url, java_script_enabled=False)
    page = context.new_page()
    log_in(page)
    page.goto(ADDRESS)

    page.get_by_label("Width of the interval").fill("25")
    page.get_by_role("button", name="Count raters").click()

    assert "width=25" in page.url
    assert page.get_by_text("25 points wide").count() > 0
    assert page.locator("svg.heat rect").count() > 15
    page.get_by_role("link", name="Refresh").click()
    expect(page.get_by_role("heading", name="Live view")).to_be_visible()
    context.close()


def log_in(page: Page) -> None:
    page.goto("/research/")
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill("a long enough secret")
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("heading", name="My studies").wait_for()
