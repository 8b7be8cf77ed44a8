"""Tokens and the API's page in a real browser: nothing of another site, no violation."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

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
    """What the console and the network complain about, and what is asked of others."""
    heard: list[str] = []
    page.on("console", lambda message: heard.append(message.text))
    page.on("requestfailed", lambda request: heard.append(request.url))
    page.on(
        "request",
        lambda request: (
            (None if "://localhost:" in request.url else heard.append(request.url))
            if not request.url.startswith("data:")
            else None
        ),
    )
    return heard


def log_in(page: Page) -> None:
    page.goto("/research/login/?next=/research/tokens/")
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill("a long enough secret")
    page.get_by_role("button", name="Log in").click()


@pytest.mark.parametrize("width", [320, 1200])
def test_a_token_is_made_by_keyboard_and_tried_on_the_page_of_the_api(
    site: Site, page: Page, complaints: list[str], width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    log_in(page)
    _check(page)
    page.get_by_label("Name").press_sequentially("laptop")
    page.get_by_label("Name").press("Enter")
    page.get_by_role("heading", name="Your new token").wait_for()
    _check(page)
    key = page.locator(".token-key").inner_text()
    assert re.fullmatch(r"attune_[\w-]{43}", key)

    page.get_by_role("link", name="What it can ask for").press("Enter")
    page.get_by_role("button", name="Authorize").click()
    page.locator("[aria-label=auth-bearer-value]").fill(key)
    page.get_by_role("button", name="Apply credentials").click()
    page.get_by_role("button", name="Close", exact=True).click()
    operation = page.locator("#operations-studies-listStudies")
    operation.get_by_role("button").first.click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()

    expect(operation.locator(".live-responses-table")).to_contain_text("A tiny study")
    assert complaints == []
    assert page.evaluate("Object.keys(localStorage).length") == 0


def _check(page: Page) -> None:
    """No violation of accessibility, and nothing wider than the window."""
    found = Axe().run(page).response["violations"]
    assert [(fault["id"], fault["nodes"][0]["html"]) for fault in found] == []
    too_wide = "document.documentElement.scrollWidth > innerWidth"
    assert not page.evaluate(too_wide), f"{page.url} scrolls sideways"
