"""A report's page, opened from a disk: read, walked by keys, and seen by axe."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from alignment.report import ReportSettings, write_report
from tests.alignment.conftest import write_small_snapshot

pytestmark = pytest.mark.browser

SETTINGS = ReportSettings(
    raters=("length", "words"), n_resamples=20, n_permutations=20, n_splits=5
)


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    snapshot = write_small_snapshot(tmp_path, simulated=True, world="follows")
    write_report(snapshot, tmp_path / "r", SETTINGS)
    context = browser.new_context(viewport={"width": 320, "height": 568})
    page = context.new_page()
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto((tmp_path / "r" / "report.html").as_uri())
    yield page
    context.close()
    assert faults == [], "its own policy or script complained"


def test_the_page_is_clean_narrow_and_walked_by_keys(opened: Page) -> None:
    found = Axe().run(opened, options={"resultTypes": ["violations"]})
    assert [each["id"] for each in found.response["violations"]] == []
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert opened.evaluate(wide) <= 0

    told = opened.locator("#pair-readout")
    before = told.inner_text()
    opened.locator(".matrix").first.focus()
    opened.keyboard.press("ArrowRight")
    expect(told).not_to_have_text(before)
    first = told.inner_text()
    opened.keyboard.press("ArrowDown")
    expect(told).not_to_have_text(first)

    opened.get_by_role("link", name="What may be claimed").click()
    expect(
        opened.get_by_role("heading", name="What may be claimed")
    ).to_be_in_viewport()
    every = opened.get_by_text("Every model with every other")
    every.click()
    expect(opened.get_by_text("length minus words")).to_be_visible()
