"""Every page of a session, seen by axe, on a small phone, under the strict policy."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Request, ViewportSize, expect
from pytest_django.live_server_helper import LiveServer

from collection import participation
from collection.models import Study
from tests import factories

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# Also what a window of 1280 px leaves at 400 % zoom. Targets are smallest here.
PHONE: ViewportSize = {"width": 320, "height": 568}
# What axe checks by default, and the target size of WCAG 2.2.
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


class Watch:
    """Looks at each page a test comes by, and keeps what is wrong with it."""

    def __init__(self, page: Page, home: str) -> None:
        self.faults: list[str] = []
        self.seen: list[str] = []
        self._page, self._home = page, home
        page.set_viewport_size(PHONE)
        page.on("console", lambda message: self._console(message.type, message.text))
        page.on("pageerror", lambda error: self.faults.append(f"script: {error}"))
        page.on("request", self._request)
        page.on(
            "requestfailed", lambda request: self.faults.append(f"failed: {request}")
        )

    def __call__(self, name: str) -> None:
        """Examine the page as it stands now."""
        self.seen.append(name)
        overflow = self._page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        if overflow > 0:
            self.faults.append(f"{name}: {overflow} px too wide")
        found = Axe().run(self._page, options=RULES)
        self.faults += [
            f"{name}: {violation['id']}: {node['html']}"
            for violation in found.response["violations"]
            for node in violation["nodes"]
        ]

    def _console(self, kind: str, text: str) -> None:
        # Chromium logs a refusal's status; any other message is a fault.
        if kind in {"error", "warning"} and "status of 4" not in text:
            self.faults.append(f"console: {text}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self._home, "data:")):
            self.faults.append(f"foreign request: {request.url}")


@pytest.fixture
def watch(page: Page, live_server: LiveServer) -> Watch:
    return Watch(page, live_server.url)


def answer(page: Page) -> None:
    """Give any answer to the trial on the page, by pointer."""
    form = page.locator("form[data-trial-id]")
    kind = form.get_attribute("data-question-kind") or form.get_attribute("data-kind")
    if kind in {"pair", "value"}:
        page.locator(".line").click(position={"x": 60, "y": 20})
    elif kind in {"triplet", "choice"}:
        page.locator("input[name=choice]").nth(1).check()
    else:
        page.locator("#answer").fill("2")


def test_every_page_is_accessible_fits_a_phone_and_asks_nobody_else(
    page: Page, study: Study, watch: Watch
) -> None:
    page.goto("/")
    watch("home")
    page.get_by_role("link", name="A short study").click()
    watch("join")
    page.get_by_role("button", name="Read more and decide").click()
    watch("consent")
    page.get_by_role("button", name="I agree").click()
    watch("consent, incomplete")
    page.get_by_label("I am 18 years old").check()
    page.get_by_label("used for this study").check()
    page.get_by_role("button", name="I agree").click()
    watch("instructions")
    page.get_by_role("link", name="Begin").click()

    for number in range(1, 14):
        expect(page.get_by_role("heading", level=1)).to_contain_text(
            f"Question {number} of 13"
        )
        if number in {1, 4, 7, 11, 12, 13}:
            watch(f"question {number}")
        if number in {1, 4, 11}:
            page.get_by_role("button", name="Next").click()
            watch(f"question {number}, untouched")
        answer(page)
        if number in {1, 4, 7}:
            watch(f"question {number}, answered")
        page.get_by_role("button", name="Next").click()

    expect(page.locator("[data-completion-code]")).to_have_text("SHORT-THANKS")
    watch("debrief")
    page.get_by_role("link", name="Withdraw my answers").click()
    watch("withdraw")
    page.get_by_role("button", name="Withdraw my answers").click()
    watch("withdrawn")

    assert watch.faults == []
    assert len(watch.seen) == 20


def test_refusals_are_as_accessible_as_the_rest(
    page: Page, study: Study, watch: Watch
) -> None:
    page.goto("/nowhere/")
    watch("404")
    page.goto("/s/short/?simulated=forged")
    watch("refusal")
    page.goto("/s/short/")
    page.get_by_role("button", name="Read more and decide").click()
    page.get_by_role("button", name="I do not want").click()
    watch("declined")
    participation.enrol(factories.open_study(quota=1))
    page.goto("/s/tiny/")
    expect(page.get_by_role("heading", name="This study is complete")).to_be_visible()
    watch("full")

    assert watch.faults == []


def test_the_row_of_buttons_fits_a_phone_without_breaking(
    browser: Browser, live_server: LiveServer, begin: Callable[[Page], None]
) -> None:
    context = browser.new_context(
        base_url=live_server.url,
        viewport=PHONE,
        java_script_enabled=False,
    )
    page = context.new_page()
    begin(page)

    boxes = [place.bounding_box() for place in page.locator(".scale__point").all()]
    context.close()

    assert len(boxes) == 11
    assert len({box["y"] for box in boxes}) == 1
    assert all(box["width"] >= 24 and box["height"] >= 44 for box in boxes)
    assert boxes[0]["x"] >= 0
    assert boxes[-1]["x"] + boxes[-1]["width"] <= PHONE["width"]


def test_the_watch_sees_a_page_that_is_wrong(
    page: Page, study: Study, watch: Watch
) -> None:
    page.goto("/")
    page.evaluate(
        """() => {
            const wide = document.createElement("div");
            wide.style.width = "2000px";
            wide.append(document.createElement("img"));
            document.body.append(wide);
            console.error("something went wrong");
        }"""
    )

    watch("broken")

    assert any("too wide" in fault for fault in watch.faults)
    assert any("image-alt" in fault for fault in watch.faults)
    assert "console: something went wrong" in watch.faults
