"""An answer and a bad network: kept, sent again, stored once, and said calmly."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from collection.models import Incident, Response, StudySession, Trial

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Begin = Callable[[Page], None]
POSTS = "**/trial/"
FRAME_MS = 17.0
PAINTED = (
    "() => new Promise(go => requestAnimationFrame(() => requestAnimationFrame(go)))"
)
KEPT = "() => Object.keys(localStorage).filter(key => key.startsWith('attune.kept.'))"


def answer(page: Page) -> None:
    page.locator(".line").click()
    page.get_by_role("button", name="Next").click()


def at_question(page: Page, number: int) -> None:
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_contain_text(f"Question {number} of", timeout=20_000)


class Mishap:
    """What happens to the first few answers on their way; the others pass."""

    def __init__(self, happens: Callable[[Route], None], times: int = 1) -> None:
        self.happens, self.left = happens, times

    def __call__(self, route: Route) -> None:
        if route.request.method == "POST" and self.left:
            self.left -= 1
            self.happens(route)
        else:
            route.continue_()


def reply_is_lost(route: Route) -> None:
    """The server hears the answer, and nobody hears the server."""
    route.fetch()
    route.abort("connectionreset")


def never_arrives(route: Route) -> None:
    route.abort("connectionrefused")


def hotel_login(route: Route) -> None:
    """A network that answers everything with a page of its own."""
    route.fulfill(status=200, content_type="text/html", body="<main>Room?</main>")


def gateway_is_down(route: Route) -> None:
    route.fulfill(status=502, content_type="text/html", body="<main>Bad gateway</main>")


@pytest.mark.parametrize(
    "mishap", [reply_is_lost, never_arrives, hotel_login, gateway_is_down]
)
def test_an_answer_survives_a_bad_network_and_is_stored_once(
    page: Page, begin: Begin, mishap: Callable[[Route], None]
) -> None:
    begin(page)
    page.route(POSTS, Mishap(mishap, times=2))

    answer(page)
    at_question(page, 2)

    assert Response.objects.count() == 1
    assert not Incident.objects.exists()
    assert page.evaluate(KEPT) == [], "what is stored need not be kept"


def test_without_a_connection_the_participant_is_told_that_the_answer_is_kept(
    page: Page, context: BrowserContext, begin: Begin
) -> None:
    begin(page)
    context.set_offline(True)

    answer(page)

    waiting = page.locator("[data-waiting]")
    expect(waiting).to_contain_text("Your answer is safe in this browser")
    expect(waiting.locator("[data-waiting-for=paid]")).to_be_hidden()
    expect(page.get_by_role("button", name="Next")).to_be_disabled()
    assert len(page.evaluate(KEPT)) == 1
    context.set_offline(False)
    at_question(page, 2)
    assert Response.objects.count() == 1


def wait_long(page: Page) -> None:
    """Two minutes and more, on the clock of a page that `page.clock` holds."""
    for _ in range(20):
        page.clock.run_for(10_000)
        page.wait_for_timeout(20)


def test_a_long_silence_says_how_to_be_paid(
    page: Page, context: BrowserContext, begin: Begin
) -> None:
    page.clock.install()
    begin(page)
    page.clock.run_for(1000)
    context.set_offline(True)
    answer(page)

    wait_long(page)

    paid = page.locator("[data-waiting-for=paid]")
    expect(paid).to_contain_text("you will still be paid")
    expect(paid).to_contain_text(StudySession.objects.get().participant.rater_id)
    assert "THANKS" not in page.content(), "the code is for the server to give"


def test_a_trial_that_fails_for_good_leads_to_the_page_on_which_one_is_paid(
    page: Page, context: BrowserContext, begin: Begin
) -> None:
    page.clock.install()
    begin(page)
    page.clock.run_for(1000)
    page.route(POSTS, Mishap(gateway_is_down, times=1000))
    answer(page)
    wait_long(page)

    with context.expect_page() as opened:
        page.get_by_role("link", name="What to do").click()
    aside = opened.value
    aside.get_by_role("button", name="Stop here and be paid").click()

    expect(aside.locator("[data-completion-code]")).to_be_visible()
    expect(page.locator("[data-waiting]")).to_contain_text("Your answer is safe")
    assert len(page.evaluate(KEPT)) == 1, "the answer may still arrive"


def test_a_page_closed_without_a_connection_sends_when_it_is_opened_again(
    page: Page, context: BrowserContext, begin: Begin
) -> None:
    begin(page)
    address = page.url
    page.route(POSTS, Mishap(never_arrives, times=1000))
    answer(page)
    expect(page.locator("[data-waiting]")).to_be_visible()
    page.close()
    assert not Response.objects.exists()

    again = context.new_page()
    again.goto(address)

    at_question(again, 2)
    assert Response.objects.count() == 1


def test_two_tabs_of_one_person_store_one_answer_and_say_which(
    page: Page, context: BrowserContext, begin: Begin
) -> None:
    begin(page)
    other = context.new_page()
    other.goto(page.url)
    answer(page)
    at_question(page, 2)

    other.locator(".line").press("Home")
    other.get_by_role("button", name="Next").click()

    at_question(other, 2)
    expect(other.get_by_role("status").first).to_contain_text("first answer was kept")
    assert Response.objects.count() == 1
    assert Incident.objects.get().code == "already-answered"


def test_a_double_click_answers_one_trial_and_blames_nobody(
    page: Page, begin: Begin
) -> None:
    begin(page)
    page.locator(".line").click()

    page.get_by_role("button", name="Next").dblclick()

    at_question(page, 2)
    expect(page.locator("[data-missing]")).to_be_hidden()
    assert Response.objects.count() == 1


def test_the_next_trial_comes_in_place_with_the_focus_at_its_start(
    page: Page, begin: Begin
) -> None:
    begin(page)
    page.evaluate("window.samePage = true")

    answer(page)
    at_question(page, 2)

    assert page.evaluate("window.samePage"), "nothing was loaded anew"
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    expect(page).to_have_title("Question 2 of 13 – A short study")
    expect(page.locator(".line--untouched")).to_be_visible()


def test_the_time_of_a_trial_put_in_place_leaves_out_two_seconds_of_network(
    page: Page, begin: Begin
) -> None:
    def slowly(route: Route) -> None:
        time.sleep(2)
        route.continue_()

    begin(page)
    page.route(POSTS, slowly)
    answer(page)
    at_question(page, 2)
    page.evaluate(PAINTED)
    painted = time.monotonic()
    page.wait_for_timeout(400)
    least = (time.monotonic() - painted) * 1000
    page.locator(".line").click()
    page.get_by_role("button", name="Next").click()
    most = (time.monotonic() - painted) * 1000 + 1000
    at_question(page, 3)

    second = Trial.objects.get(position=1).response
    assert second.rt_ms is not None
    assert least - FRAME_MS <= second.rt_ms <= most
    assert second.timing is not None
    assert second.timing["path"][-1][1] == second.rating


def test_a_script_that_was_lost_on_the_way_is_there_for_the_next_trial(
    page: Page, begin: Begin
) -> None:
    lost = []

    def once(route: Route) -> None:
        if lost:
            route.continue_()
        else:
            lost.append(route.request.url)
            route.abort("connectionreset")

    page.route("**/scale.js", once)
    begin(page)
    expect(page.locator(".line")).to_have_count(0)
    page.locator("input[name=rating][type=radio]").nth(7).check()
    page.get_by_role("button", name="Next").click()
    at_question(page, 2)

    expect(page.locator(".line")).to_be_visible()
    assert Response.objects.get().rating == 70
