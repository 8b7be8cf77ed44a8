"""A whole session by keyboard alone, and one with JavaScript off."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect
from pytest_django.live_server_helper import LiveServer

from collection.models import Response, Study, StudySession

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Begin = Callable[[Page], None]
N_TRIALS = 13
MOST_TABS = 25
A_DOUBLE_CLICK_MS = 600


@pytest.fixture
def plain_page(browser: Browser, live_server: LiveServer) -> Iterator[Page]:
    """A page of a browser with JavaScript off."""
    context = browser.new_context(base_url=live_server.url, java_script_enabled=False)
    context.set_default_timeout(10_000)
    yield context.new_page()
    context.close()


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until `selector` has the focus, as somebody without a mouse would."""
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        if page.evaluate("s => document.activeElement.matches(s)", selector):
            return
    pytest.fail(f"{MOST_TABS} tabs did not reach {selector} on {page.url}")


def answer_by_key(page: Page) -> None:
    """Answer the trial on the page, and send it, touching nothing but keys."""
    form = page.locator("form[data-trial-id]")
    kind = form.get_attribute("data-question-kind") or form.get_attribute("data-kind")
    if kind in {"pair", "value"}:
        tab_to(page, ".line")
        page.keyboard.press("End")
        page.keyboard.press("ArrowLeft")
    elif kind == "triplet":
        page.keyboard.press("3")
    elif kind == "choice":
        tab_to(page, "input[name=choice]")
        page.keyboard.press("Space")
    else:
        tab_to(page, "#answer")
        page.keyboard.type("2")
        tab_to(page, "main button[type=submit]")
    page.keyboard.press("Enter")


def test_a_whole_session_by_keyboard_alone(page: Page, study: Study) -> None:
    page.goto("/s/short/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip-link"
    tab_to(page, "main button")
    page.keyboard.press("Enter")
    page.wait_for_url("**/consent/")
    for box in ("#of_age", "#use-1"):
        tab_to(page, box)
        page.keyboard.press("Space")
    tab_to(page, "button[value=agree]")
    page.keyboard.press("Enter")
    page.wait_for_url("**/instructions/")
    tab_to(page, "main a.button")
    page.keyboard.press("Enter")

    for number in range(1, N_TRIALS + 1):
        heading = page.get_by_role("heading", level=1)
        expect(heading).to_contain_text(f"Question {number} of {N_TRIALS}")
        page.wait_for_load_state("load")
        answer_by_key(page)

    expect(page.locator("[data-completion-code]")).to_have_text("SHORT-THANKS")
    ratings = Response.objects.filter(trial__kind__in=["pair", "value"])
    assert {response.rating for response in ratings} == {99}
    for response in Response.objects.filter(trial__kind="triplet"):
        assert response.choice == response.trial.actions[2]


def test_the_keys_1_2_3_can_be_turned_off(page: Page, begin: Begin) -> None:
    begin(page)
    for number in (1, 2, 3):
        expect(page.get_by_role("heading", level=1)).to_contain_text(f"n {number} of")
        page.locator(".line").click()
        page.get_by_role("button", name="Next").click()
    expect(page.locator("form[data-kind=triplet]")).to_be_visible()

    page.get_by_role("button", name="Turn these keys off").click()
    page.keyboard.press("2")

    assert page.locator("input[name=choice]:checked").count() == 0
    page.get_by_role("button", name="Turn these keys on").click()
    page.keyboard.press("2")
    assert page.locator("input[name=choice]").nth(1).is_checked()


def test_a_line_has_no_handle_and_no_value_until_it_is_touched(
    page: Page, begin: Begin
) -> None:
    begin(page)
    line, rating = page.locator(".line"), page.locator("input[name=rating]")
    assert rating.input_value() == ""
    assert "line--untouched" in (line.get_attribute("class") or "")
    assert line.get_attribute("aria-valuetext") == "Not answered yet"

    box = line.bounding_box()
    assert box is not None
    middle = {"x": box["width"] / 2, "y": box["height"] / 2}
    line.click(position=middle)  # type: ignore[arg-type]

    assert rating.input_value() == "50"
    assert "line--untouched" not in (line.get_attribute("class") or "")
    assert (line.get_attribute("aria-valuetext") or "").startswith("50 of 100")
    for key, value in [("Home", "0"), ("PageUp", "10"), ("ArrowRight", "11")]:
        line.press(key)
        assert rating.input_value() == value


def test_a_line_that_comes_late_takes_no_chosen_button_away(
    page: Page, begin: Begin
) -> None:
    begin(page)
    held: list[Route] = []
    page.route("**/scale.js", lambda route: held.append(route))
    page.reload(wait_until="commit")
    # Where browsers paint before their scripts have come, people press what they see.
    eighth = "document.querySelectorAll('.scale__points input')[7]"
    page.wait_for_function(f"() => {eighth}", polling=50)
    page.evaluate(f"{eighth}.click()")

    held[0].continue_()
    page.wait_for_load_state("load")

    expect(page.locator(".line")).to_have_count(0)
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Question 2")
    assert Response.objects.get().rating == 70


@pytest.mark.parametrize(("share", "rating"), [(0, 0), (0.25, 25), (1, 100)])
def test_a_click_on_the_line_is_the_place_that_was_meant(
    page: Page, begin: Begin, share: float, rating: int
) -> None:
    begin(page)
    line = page.locator(".line")
    box = line.bounding_box()
    assert box is not None
    handle = 28

    line.click(
        position={
            "x": handle / 2 + share * (box["width"] - handle),
            "y": box["height"] / 2,
        }
    )
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Question 2")

    stored = Response.objects.get().rating
    assert stored is not None
    assert abs(stored - rating) <= 1


def test_a_finger_that_taps_answers_and_one_that_scrolls_does_not(
    browser: Browser, live_server: LiveServer, begin: Begin
) -> None:
    context = browser.new_context(base_url=live_server.url, has_touch=True)
    page = context.new_page()
    begin(page)
    line, rating = page.locator(".line"), page.locator("input[name=rating]")
    finger = {"pointerType": "touch", "isPrimary": True, "pointerId": 7, "clientX": 90}

    page.evaluate("Element.prototype.setPointerCapture = () => {}")  # no real finger
    line.dispatch_event("pointerdown", finger)
    line.dispatch_event("pointercancel", finger)
    scrolled = rating.input_value()
    line.tap()
    tapped = rating.input_value()
    context.close()

    assert (scrolled, tapped) == ("", "50")


def test_without_javascript_all_works_and_no_time_is_stored(
    plain_page: Page, begin: Begin
) -> None:
    page = plain_page
    begin(page)
    assert page.locator("input[type=range]").count() == 0
    assert page.locator(":checked").count() == 0

    for number in range(1, N_TRIALS + 1):
        heading = page.get_by_role("heading", level=1)
        expect(heading).to_contain_text(f"Question {number} of {N_TRIALS}")
        kind = page.locator("form[data-trial-id]").get_attribute("data-kind")
        if kind in {"pair", "value"}:
            page.locator("input[name=rating]").nth(7).check()
        elif page.locator("input[type=radio][name=choice]").count():
            page.locator("input[name=choice]").nth(0).check()
        else:
            page.locator("#answer").fill("2")
        page.get_by_role("button", name="Next").click()

    expect(page.locator("[data-completion-code]")).to_have_text("SHORT-THANKS")
    assert Response.objects.count() == N_TRIALS
    assert not Response.objects.filter(rt_ms__isnull=False).exists()
    assert not Response.objects.filter(timing__isnull=False).exists()
    rated = Response.objects.filter(trial__kind__in=["pair", "value"])
    assert {response.rating for response in rated} == {70}


@pytest.mark.parametrize("javascript", [True, False])
def test_sending_an_untouched_page_stores_nothing_and_brings_the_focus_to_why(
    page: Page, plain_page: Page, begin: Begin, javascript: bool
) -> None:
    page = page if javascript else plain_page
    begin(page)
    page.wait_for_timeout(A_DOUBLE_CLICK_MS)

    page.get_by_role("button", name="Next").click()

    summary = page.locator("[data-missing]")
    expect(summary).to_be_visible()
    expect(summary).to_be_focused()
    expect(summary).to_contain_text("Choose a place on the scale")
    assert not Response.objects.exists()


def test_an_abandoned_session_goes_on_at_its_current_trial(
    page: Page, browser: Browser, live_server: LiveServer, begin: Begin
) -> None:
    begin(page)
    page.locator(".line").click()
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Question 2")
    left = page.locator("form[data-trial-id]").get_attribute("data-trial-id")
    code = StudySession.objects.get().code

    elsewhere = browser.new_context(base_url=live_server.url).new_page()
    elsewhere.goto(f"/p/{code}/")

    found = elsewhere.locator("form[data-trial-id]").get_attribute("data-trial-id")
    elsewhere.context.close()
    assert found == left
