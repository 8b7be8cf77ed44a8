"""An arena in a real Chromium: dragged, tapped, by key, without script, on a phone."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from collection.definitions import load_definition
from collection.loading import load_study, open_study
from collection.models import Response, Study
from tests.browser.test_access import PHONE, Watch

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Begin = Callable[[Page], None]
ARENA = Path(__file__).resolve().parents[1] / "studies" / "arena" / "study.toml"
OVERLAPS = """() => {
    const shown = ".arrange__chip:not([hidden]), .arrange__label:not([hidden])";
    const boxes = [...document.querySelectorAll(shown)]
        .map(one => one.getBoundingClientRect());
    return boxes.flatMap((a, i) => boxes.slice(i + 1).filter(b =>
        a.left < b.right - 1 && b.left < a.right - 1 &&
        a.top < b.bottom - 1 && b.top < a.bottom - 1)).length;
}"""
PLACES = [(0.3, 0.2), (0.7, 0.3), (0.2, 0.6), (0.75, 0.65), (0.5, 0.5), (0.5, 0.85)]


@pytest.fixture
def study(transactional_db: None) -> Study:
    """The study of arrangements, open: three arenas of six actions."""
    return open_study(load_study(load_definition(ARENA)))


def arena_point(page: Page, x: float, y: float) -> tuple[float, float]:
    """Where a place of the arena lies on the screen, after it was brought there."""
    arena = page.locator(".arrange__arena")
    arena.scroll_into_view_if_needed()
    box = arena.bounding_box()
    assert box is not None
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def tap_all(page: Page, *, touch: bool = False) -> None:
    for x, y in PLACES:
        point = arena_point(page, x, y)
        (page.touchscreen.tap if touch else page.mouse.click)(*point)
    expect(page.locator(".arrange__which")).to_contain_text("All are placed")


def swipe(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """A real finger's drag from one place of the arena to another."""
    finger = page.context.new_cdp_session(page)
    (x, y), (to_x, to_y) = arena_point(page, *start), arena_point(page, *end)
    path = [(x + share * (to_x - x), y + share * (to_y - y)) for share in (0.3, 0.7, 1)]
    touch = "Input.dispatchTouchEvent"
    finger.send(touch, {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for x, y in path:
        finger.send(touch, {"type": "touchMove", "touchPoints": [{"x": x, "y": y}]})
    finger.send(touch, {"type": "touchEnd", "touchPoints": []})


def send(page: Page, number: int) -> None:
    """Go on, to question `number`."""
    page.get_by_role("button", name="Next", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"Question {number}")


def stored() -> tuple[dict[str, list[float]], dict[str, object]]:
    response = Response.objects.select_related("trial").get()
    assert response.positions is not None
    in_order = {action: response.positions[action] for action in response.trial.actions}
    return in_order, response.timing or {}


def test_taps_place_one_action_after_another_and_nothing_is_placed_before(
    page: Page, begin: Begin
) -> None:
    begin(page)
    positions = page.locator("input[name=positions]")
    assert page.locator(".arrange__chip:visible").count() == 0
    expect(page.locator(".arrange__which")).to_have_text(
        "Action 1 of 6 · Still to place: 6"
    )

    for x, y in PLACES[:-1]:
        page.mouse.click(*arena_point(page, x, y))
    assert positions.input_value() == ""  # no answer until all are placed
    page.mouse.click(*arena_point(page, *PLACES[-1]))
    send(page, 2)

    places, timing = stored()
    for (x, y), place in zip(PLACES, places.values(), strict=True):
        assert place == pytest.approx([x, y], abs=0.01)
    path = timing["path"]
    assert isinstance(path, list)
    assert [move[1] for move in path] == list(range(6))
    assert [move[0] for move in path] == sorted(move[0] for move in path)
    assert path[0][2:] == pytest.approx([300, 200], abs=10)
    assert timing["commit_ms"] >= path[-1][0]  # type: ignore[operator]


def test_an_action_is_dragged_from_the_list_and_again_within_the_circle(
    page: Page, begin: Begin
) -> None:
    page.set_viewport_size({"width": 1280, "height": 1300})
    begin(page)
    for line, (x, y) in enumerate(PLACES):
        source = page.locator(".arrange__line").nth(line).bounding_box()
        assert source is not None
        page.mouse.move(source["x"] + 40, source["y"] + 12)
        page.mouse.down()
        page.mouse.move(*arena_point(page, 0.5, 0.4), steps=3)
        page.mouse.move(*arena_point(page, x, y), steps=3)
        page.mouse.up()
    page.mouse.move(*arena_point(page, *PLACES[1]))
    page.mouse.down()
    page.mouse.move(*arena_point(page, 0.6, 0.1), steps=4)
    page.mouse.up()
    send(page, 2)

    places, _ = stored()
    moved = [*PLACES]
    moved[1] = (0.6, 0.1)
    for (x, y), place in zip(moved, places.values(), strict=True):
        assert place == pytest.approx([x, y], abs=0.01)


def test_a_double_click_places_one_action_and_a_place_outside_is_brought_to_the_rim(
    page: Page, begin: Begin
) -> None:
    begin(page)
    page.mouse.dblclick(*arena_point(page, 0.5, 0.5))
    assert page.locator(".arrange__chip:visible").count() == 1
    page.mouse.move(*arena_point(page, 0.5, 0.5))
    page.mouse.down()
    page.mouse.move(*arena_point(page, 1.3, 0.5), steps=3)
    page.mouse.up()

    chip = page.locator(".arrange__chip:visible")
    assert chip.evaluate("chip => chip.style.left") == "100%"
    corner = arena_point(page, 0.03, 0.03)
    page.mouse.click(*corner)
    assert chip.count() == 1  # the corner of the square is no place of the circle


def test_a_finger_moves_an_action_by_two_taps_or_by_dragging_it(
    browser: Browser, live_server: LiveServer, begin: Begin
) -> None:
    context = browser.new_context(
        base_url=live_server.url, viewport=PHONE, has_touch=True
    )
    page = context.new_page()
    begin(page)
    tap_all(page, touch=True)

    page.touchscreen.tap(*arena_point(page, *PLACES[0]))
    expect(page.locator(".arrange__which")).to_contain_text("Action 1 of 6")
    page.touchscreen.tap(*arena_point(page, 0.1, 0.4))
    swipe(page, PLACES[1], (0.8, 0.45))
    chip = page.locator(".arrange__chip").nth(1)
    expect(chip).to_have_attribute("style", re.compile("left: 80"))
    for _ in range(10):  # a finger needs a while to come down elsewhere
        page.wait_for_timeout(500)
        page.touchscreen.tap(*arena_point(page, 0.6, 0.1))  # moves what was dragged
        if re.search("left: (59|60)", chip.get_attribute("style") or ""):
            break
    expect(chip).to_have_attribute("style", re.compile("left: (59|60)"))
    send(page, 2)
    context.close()

    places, _ = stored()
    first, second, *others = places.values()
    assert first == pytest.approx([0.1, 0.4], abs=0.02)
    assert second == pytest.approx([0.6, 0.1], abs=0.02)
    assert others == [pytest.approx(place, abs=0.02) for place in PLACES[2:]]


def test_the_keyboard_alone_lays_out_an_arena_and_hears_where_things_are(
    page: Page, begin: Begin
) -> None:
    begin(page)
    spoken = page.locator(".arrange [aria-live]")
    for _ in range(25):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('[role=application]')"):
            break
    expect(spoken).to_contain_text("Action 1 of 6")
    expect(spoken).to_contain_text("not placed yet")

    for leaps in range(6):
        page.keyboard.press("Enter")  # places it in the middle
        for _ in range(leaps):
            page.keyboard.press("Shift+ArrowRight" if leaps < 4 else "ArrowUp")
        if leaps == 1:
            expect(spoken).to_contain_text("right. Nearest: ")
            expect(spoken).to_contain_text("(very close).")
        if leaps == 3:
            expect(spoken).to_contain_text("(very close)")
        page.keyboard.press("Enter")  # goes on to the next
    expect(spoken).to_contain_text("All are placed")
    page.keyboard.press("PageUp")
    expect(spoken).to_contain_text("Action 5 of 6")
    page.keyboard.press("ArrowLeft")
    for _ in range(25):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('main [type=submit]')"):
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Question 2")

    places, _ = stored()
    expected = [
        (0.5, 0.5),
        (0.6, 0.5),
        (0.7, 0.5),
        (0.8, 0.5),
        (0.48, 0.42),
        (0.5, 0.4),
    ]
    assert list(places.values()) == [pytest.approx(place) for place in expected]


def test_what_is_not_understood_needs_no_place_and_can_be_taken_back(
    page: Page, begin: Begin
) -> None:
    begin(page)
    unclear = page.get_by_role("button", name="I do not understand this action")
    unclear.click()
    expect(unclear).to_have_attribute("aria-pressed", "true")
    unclear.click()
    expect(unclear).to_have_attribute("aria-pressed", "false")
    unclear.click()
    page.get_by_role("button", name="Next action").click()
    for x, y in PLACES[1:]:
        page.mouse.click(*arena_point(page, x, y))
    send(page, 2)

    response = Response.objects.get()
    assert list(response.positions or {}) != []
    assert set(response.trial.actions[1:]) == set(response.positions or {})


def test_an_unfinished_arena_says_what_is_missing_and_outlives_a_reload(
    page: Page, begin: Begin
) -> None:
    begin(page)
    page.mouse.click(*arena_point(page, 0.3, 0.3))
    page.wait_for_timeout(600)

    page.get_by_role("button", name="Next", exact=True).click()
    summary = page.locator("[data-missing]")
    expect(summary).to_be_focused()
    expect(summary).to_contain_text("Place every action in the circle")
    assert not Response.objects.exists()

    page.reload()
    expect(page.locator(".arrange__chip:visible")).to_have_count(1)
    expect(page.locator(".arrange__which")).to_contain_text("Still to place: 5")


def test_a_session_of_arenas_in_place_of_each_other_is_accessible_on_a_phone(
    page: Page, live_server: LiveServer, begin: Begin
) -> None:
    watch = Watch(page, live_server.url)
    begin(page)
    for number in range(1, 4):
        expect(page.get_by_role("heading", level=1)).to_contain_text(
            f"Question {number} of 3"
        )
        assert page.locator(".arrange__chip:visible").count() == 0
        if number == 2:
            watch("empty")
        tap_all(page)
        if number == 2:
            watch("full")
        page.get_by_role("button", name="Next", exact=True).click()
    expect(page.locator("[data-completion-code]")).to_have_text("ARENA-THANKS")

    assert watch.faults == []
    assert Response.objects.count() == 3


def test_the_circle_and_all_texts_fit_every_width(page: Page, begin: Begin) -> None:
    begin(page)
    tap_all(page)
    assert page.locator(".arrange__line").count() == 6

    for width in (1280, 390, 320):
        page.set_viewport_size({"width": width, "height": 800})
        page.wait_for_timeout(200)  # texts find their new places
        box = page.locator(".arrange__arena").bounding_box()
        assert box is not None
        assert box["width"] == pytest.approx(box["height"], abs=1)
        assert 280 <= box["width"] <= width
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        # Whatever text stands in the circle covers no chip and no other text.
        assert page.evaluate(OVERLAPS) == 0, width


def test_without_javascript_a_grid_gives_the_same_answer_and_forgets_nothing(
    browser: Browser, live_server: LiveServer, begin: Begin
) -> None:
    context = browser.new_context(
        base_url=live_server.url, viewport=PHONE, java_script_enabled=False
    )
    page = context.new_page()
    begin(page)
    rows = page.locator(".arrange__grid > li")
    for i in range(5):
        rows.nth(i).get_by_label("Column").select_option(index=i + 1)
        rows.nth(i).get_by_label("Row").select_option(index=5)
    page.get_by_role("button", name="Next", exact=True).click()

    expect(page.locator("[data-missing]")).to_be_visible()
    expect(rows.nth(3).get_by_label("Column")).to_have_value("3")
    rows.nth(5).get_by_label("I do not understand").check()
    send(page, 2)
    assert page.locator("select").first.input_value() == ""
    context.close()

    response = Response.objects.get()
    assert response.positions is not None
    assert [response.positions[action] for action in response.trial.actions[:5]] == [
        pytest.approx([0.5 + 0.7071 * (i / 8 - 0.5), 0.5], abs=1e-3) for i in range(5)
    ]
    assert len(response.positions) == 5
    assert (response.rt_ms, response.timing) == (None, None)
