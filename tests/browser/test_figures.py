"""Figures that can be explored, in a real browser under the site's strict policy."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from tests.browser.test_research_pages import _check, log_in
from tests.researchers import Site

pytestmark = pytest.mark.browser
OUTCOME = "morality_group_study_personalization_mean_reward"


@pytest.fixture
def site(outside_var: Path, transactional_db: None) -> Site:
    site = Site(outside_var)
    site.owner.set_password("a long enough secret")
    site.owner.save()
    return site


@pytest.fixture
def complaints(page: Page) -> list[str]:
    """Violations of the policy, errors, and whatever was asked of another host."""
    heard: list[str] = []
    page.on("console", lambda message: heard.append(message.text))
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on(
        "request",
        lambda asked: (
            heard.append(asked.url)
            if not asked.url.startswith(("http://localhost", "data:", "blob:"))
            else None
        ),
    )
    return heard


@pytest.mark.parametrize("width", [320, 1200])
def test_points_tell_their_names_under_the_strict_policy(
    site: Site, page: Page, complaints: list[str], width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    log_in(page)
    answer = page.goto(f"/research/studies/tiny/sweep/{site.sweep.pk}/")
    assert answer is not None
    policy = answer.headers["content-security-policy"]
    figure = page.locator("figure.figure").first
    figure.scroll_into_view_if_needed()
    figure.locator("[data-explored]").wait_for()

    figure.locator("svg .point").last.hover(force=True)
    expect(figure.locator(".hoverlayer")).to_contain_text("human")
    expect(figure.locator("img")).to_be_hidden()

    assert "script-src 'self';" in policy
    assert "style-src 'self';" in policy
    assert "unsafe" not in policy
    assert complaints == []
    _check(page)


def test_a_reader_can_have_the_picture_back_by_keyboard(site: Site, page: Page) -> None:
    log_in(page)
    page.goto(f"/research/studies/tiny/report/{site.report.pk}/")
    figure = page.locator("figure.figure").first
    figure.locator("[data-explored]").wait_for()

    figure.get_by_role("button", name="Show as a picture").press("Enter")
    expect(figure.locator("img")).to_be_visible()
    figure.get_by_role("button", name="Explore").press("Enter")
    expect(figure.locator(".explored")).to_be_visible()


def test_a_figures_numbers_are_read_as_a_table(
    site: Site, page: Page, complaints: list[str]
) -> None:
    log_in(page)
    page.goto(f"/research/studies/tiny/sweep/{site.sweep.pk}/")

    page.get_by_role("link", name="Its numbers as a table").first.click()

    expect(page.get_by_role("rowheader", name="minilm")).to_be_visible()
    assert Axe().run(page).response["violations"] == []
    assert complaints == []


def test_without_scripts_the_picture_and_its_files_stay(
    site: Site, browser: Browser, live_server: LiveServer
) -> None:
    context = browser.new_context(base_url=live_server.url, java_script_enabled=False)
    page = context.new_page()
    log_in(page)
    page.goto(f"/research/studies/tiny/sweep/{site.sweep.pk}/")
    figure = page.locator("figure.figure").first

    expect(figure.locator("img")).to_be_visible()
    with page.expect_download() as saving:
        figure.get_by_role("link", name="Data as CSV").click()
    name = saving.value.suggested_filename
    told = Path(saving.value.path()).read_text()
    context.close()

    assert name == f"tiny-sweep-{site.sweep.pk}-{OUTCOME}.csv"
    assert told.splitlines()[0] == "kernel,alignment,reward"
