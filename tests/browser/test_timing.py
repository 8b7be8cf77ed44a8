"""Response times: right within a frame or two, or not there at all."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from collection.models import Response

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Begin = Callable[[Page], None]
FRAME_MS = 17.0
THINKING_MS = 700

# Two frames after the page stood, seen from outside of the code under test.
PAINTED = (
    "() => new Promise(go => requestAnimationFrame(() => requestAnimationFrame(go)))"
)
# From the first byte of the page to the submit: more than any response time may be.
SINCE_FIRST_BYTE = """
addEventListener("submit", () => {
  const [page] = performance.getEntriesByType("navigation");
  sessionStorage.setItem("most", performance.now() - page.responseStart);
}, true);
"""


def send(page: Page) -> None:
    page.locator(".line").click()
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Question 2")


def slowly(route: Route) -> None:
    """A network that takes a second and a half each way."""
    time.sleep(1.5)
    route.continue_()


@pytest.mark.parametrize("network", ["fast", "slow"])
def test_a_time_runs_from_paint_to_answer_apart_from_the_network(
    page: Page, begin: Begin, network: str
) -> None:
    page.add_init_script(SINCE_FIRST_BYTE)
    if network == "slow":
        page.route("**/trial/", slowly)
    begin(page)
    page.evaluate(PAINTED)
    painted = time.monotonic()

    page.wait_for_timeout(THINKING_MS)
    least = (time.monotonic() - painted) * 1000
    send(page)

    most = float(page.evaluate("sessionStorage.getItem('most')"))
    stored = Response.objects.get()
    assert stored.rt_ms is not None
    assert least - FRAME_MS <= stored.rt_ms <= most + 1
    assert stored.timing is not None
    assert stored.timing["commit_ms"] == stored.rt_ms
    assert 0 <= stored.timing["first_input_ms"] <= stored.timing["last_change_ms"]


def test_time_spent_away_is_noted_beside_the_time(page: Page, begin: Begin) -> None:
    begin(page)
    page.evaluate(PAINTED)
    for hidden in ("true", "false"):
        page.evaluate(
            f"""() => {{
                Object.defineProperty(document, "hidden",
                    {{value: {hidden}, configurable: true}});
                document.dispatchEvent(new Event("visibilitychange"));
            }}"""
        )
        page.wait_for_timeout(300)
    send(page)

    timing = Response.objects.get().timing
    assert timing is not None
    [(left, back)] = timing["hidden_ms"]
    assert back - left >= 300 - FRAME_MS
    assert back <= timing["commit_ms"]


def test_a_reload_keeps_the_trial_and_gives_no_time(page: Page, begin: Begin) -> None:
    begin(page)
    first = page.locator("form[data-trial-id]").get_attribute("data-trial-id")

    page.reload()
    again = page.locator("form[data-trial-id]").get_attribute("data-trial-id")
    send(page)

    assert again == first
    stored = Response.objects.get()
    assert (stored.rt_ms, stored.timing) == (None, {"not_measured": "shown-before"})


@pytest.mark.parametrize("way", ["reload", "back"])
def test_the_kind_of_navigation_is_enough_to_know_a_second_sight(
    page: Page, begin: Begin, way: str
) -> None:
    """Where the browser remembers nothing of its own (private windows, other tabs)."""
    page.add_init_script("sessionStorage.clear()")
    begin(page)

    if way == "reload":
        page.reload()
    else:
        page.goto("/")
        page.go_back()
    page.locator("form[data-trial-id]").wait_for()
    send(page)

    stored = Response.objects.get()
    assert stored.rt_ms is None
    assert stored.timing is not None
    assert stored.timing["not_measured"] in {way, "shown-before"}


def test_a_page_restored_from_memory_asks_for_the_current_trial(
    page: Page, begin: Begin
) -> None:
    begin(page)

    with page.expect_navigation():
        page.evaluate(
            "dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))"
        )
    send(page)

    assert Response.objects.get().rt_ms is None


def test_going_back_after_an_answer_shows_no_answered_trial(
    page: Page, begin: Begin
) -> None:
    begin(page)
    first = page.locator("form[data-trial-id]").get_attribute("data-trial-id")
    send(page)

    page.go_back()
    page.go_forward()

    heading = page.get_by_role("heading", level=1)
    expect(heading).to_contain_text("Question 2")
    shown = page.locator("form[data-trial-id]").get_attribute("data-trial-id")
    assert shown != first


def test_a_double_click_stores_one_response(page: Page, begin: Begin) -> None:
    page.route("**/trial/", slowly)
    begin(page)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method))

    page.locator(".line").click()
    page.get_by_role("button", name="Next").dblclick(no_wait_after=True)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Question 2")

    assert sent.count("POST") == 1
    assert Response.objects.count() == 1


def test_two_sent_at_once_past_the_script_are_still_one_response(
    page: Page, begin: Begin
) -> None:
    begin(page)
    page.locator(".line").click()

    statuses = page.evaluate(
        """async () => {
            const form = document.querySelector("form[data-trial-id]");
            const send = () => fetch(form.action,
                {method: "POST", body: new URLSearchParams(new FormData(form))});
            const replies = await Promise.all([send(), send(), send()]);
            return replies.map(reply => reply.status);
        }"""
    )

    assert statuses == [200, 200, 200]
    assert Response.objects.count() == 1


def test_a_first_error_told_in_the_browser_does_not_restart_the_clock(
    page: Page, begin: Begin
) -> None:
    begin(page)
    page.evaluate(PAINTED)
    painted = time.monotonic()
    page.wait_for_timeout(600)  # any sooner, it is the second click of a double click

    page.get_by_role("button", name="Next").click()
    expect(page.locator("[data-missing]")).to_be_visible()
    page.wait_for_timeout(THINKING_MS)
    least = (time.monotonic() - painted) * 1000
    send(page)

    stored = Response.objects.get().rt_ms
    assert stored is not None
    assert stored >= least - FRAME_MS
