"""A study read from right to left: scales begin where lines begin, and all else fits."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from collection.definitions import load_definition
from collection.loading import load_study, open_study
from collection.models import Response

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

HEBREW = Path(__file__).resolve().parents[1] / "studies" / "hebrew" / "study.toml"
RULES = {
    "runOnly": [
        "wcag2a",
        "wcag2aa",
        "wcag21a",
        "wcag21aa",
        "wcag22aa",
        "best-practice",
    ],
    "resultTypes": ["violations"],
}


@pytest.fixture
def faults(page: Page) -> list[str]:
    page.set_viewport_size({"width": 390, "height": 844})
    open_study(load_study(load_definition(HEBREW)))
    return []


def look(page: Page, name: str, faults: list[str]) -> None:
    too_wide = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    if too_wide > 0:
        faults.append(f"{name}: {too_wide} px too wide")
    found = Axe().run(page, options=RULES)
    faults += [f"{name}: {v['id']}" for v in found.response["violations"]]


def test_a_scale_begins_at_the_right_and_keys_follow_it(
    page: Page, faults: list[str]
) -> None:
    page.goto("/s/hebrew/")
    assert page.evaluate("document.documentElement.dir") == "rtl"
    assert page.evaluate("document.documentElement.lang") == "he"
    look(page, "join", faults)
    page.locator("main button[type=submit]").click()
    look(page, "consent", faults)
    page.locator("#of_age").check()
    page.locator("#use-1").check()
    page.locator("button[value=agree]").click()
    look(page, "instructions", faults)
    page.locator("main a.button").click()

    # Near the right end is near the low end, where the line begins.
    line = page.locator(".line")
    box = line.bounding_box()
    assert box is not None
    anchors = page.locator(".scale__anchors li")
    low, high = anchors.first.bounding_box(), anchors.last.bounding_box()
    assert low is not None
    assert high is not None
    assert low["x"] > high["x"]
    line.click(position={"x": box["width"] - 40, "y": box["height"] / 2})
    near_low = int(page.locator("input[name=rating]").input_value())
    assert 0 < near_low < 15
    look(page, "pair", faults)

    # The handle goes where the arrow points: to the left is up.
    line.press("ArrowLeft")
    assert int(page.locator("input[name=rating]").input_value()) == near_low + 1
    line.press("ArrowRight")
    line.press("ArrowRight")
    assert int(page.locator("input[name=rating]").input_value()) == near_low - 1
    page.locator("main form button[type=submit]").first.click()
    expect(page.locator(".line--untouched")).to_be_visible()
    page.locator(".line").click(position={"x": 40, "y": box["height"] / 2})
    page.locator("main form button[type=submit]").first.click()

    page.locator("input[name=choice]").first.check()
    look(page, "triplet", faults)
    page.locator("main form button[type=submit]").first.click()

    # In the arena left is left: places are places, and lines of writing are none.
    arena = page.locator(".arrange__arena")
    arena.press("Enter")
    arena.press("ArrowLeft")
    look(page, "arrangement", faults)
    for _ in range(3):
        arena.press("Enter")
        arena.press("Enter")
    places = page.evaluate(
        "JSON.parse(document.querySelector('[name=positions]').value)"
    )
    assert sorted(x for x, _ in places.values())[0] < 0.5
    page.locator("main form button[type=submit]").first.click()
    page.locator(".line").wait_for()
    look(page, "value", faults)

    first, second = Response.objects.filter(trial__kind="pair").order_by(
        "trial__position"
    )
    assert first.rating == near_low - 1
    assert second.rating is not None
    assert second.rating > 85
    assert faults == []
