"""The pages for failures of ours in a real browser: clean, narrow, and patient."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.test import Client
from playwright.sync_api import Page, Request, Route, expect

from collection.models import StudySession
from tests.collection.test_error_pages import a_fault_of_ours, database_is_away

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def fits_and_is_accessible(page: Page) -> None:
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate(
        "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    )


def test_a_page_that_fails_is_clean_and_goes_on_by_itself(
    page: Page, begin: Callable[[Page], None]
) -> None:
    page.set_viewport_size({"width": 320, "height": 800})
    page.clock.install()
    begin(page)
    address = page.url
    code = StudySession.objects.get().pk
    with database_is_away():
        away = Client().get(f"/p/{code}/trial/")
        unsent = Client().post(f"/p/{code}/trial/", {"rating": "3"})
    failing = True

    def served(route: Route, request: Request) -> None:
        if failing:
            route.fulfill(status=503, content_type="text/html", body=away.content)
        else:
            route.continue_()

    page.route("**/trial/", served)
    page.goto(address)
    fits_and_is_accessible(page)
    expect(page.get_by_text("tries again by itself")).to_be_visible()
    page.clock.run_for(20_000)
    expect(page.get_by_role("link", name="Stop here and be paid")).to_be_visible()
    failing = False
    page.clock.run_for(20_000)
    page.locator("form[data-trial-id]").wait_for()

    page.unroute_all()
    with a_fault_of_ours():
        fault = Client(raise_request_exception=False).get(f"/p/{code}/trial/")
    for answer in (unsent, fault):
        page.set_content(answer.content.decode())
        fits_and_is_accessible(page)
