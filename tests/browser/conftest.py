"""A real Chromium, a real server, and a study short enough to walk through."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from pytest_django.live_server_helper import LiveServer

from collection.definitions import load_definition
from collection.loading import load_study, open_study
from collection.models import Study

SHORT = Path(__file__).resolve().parents[1] / "studies" / "short" / "study.toml"


@pytest.fixture
def context(browser: Browser, live_server: LiveServer) -> Iterator[BrowserContext]:
    """A fresh browser whose relative addresses are the test's own server's."""
    context = browser.new_context(base_url=live_server.url)
    context.set_default_timeout(10_000)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


@pytest.fixture
def study(transactional_db: None) -> Study:
    """The short study, open."""
    study = load_study(load_definition(SHORT))
    return open_study(study)


@pytest.fixture
def begin(study: Study) -> Callable[[Page], None]:
    """Walks a page from the study's address to its first trial."""

    def walk(page: Page) -> None:
        page.goto(f"/s/{study.slug}/")
        page.get_by_role("button", name="Read more and decide").click()
        page.get_by_label("I am 18 years old").check()
        page.get_by_label("used for this study").check()
        page.get_by_role("button", name="I agree").click()
        page.get_by_role("link", name="Begin").click()
        page.locator("form[data-trial-id]").wait_for()
        # Buttons stand on the page before its scripts have made them a line.
        page.wait_for_load_state("load")

    return walk
