"""Every public entrance has a limit; what is refused says when to come again."""

from __future__ import annotations

import json
from collections.abc import Callable

import httpx
import pytest

from collection.limits import JOINING
from collection.models import StudySession, Tries
from tests.security.conftest import Browser

Try = Callable[[httpx.Client, int], httpx.Response]


def _with_form(place: str, field: str) -> Try:
    def attempt(browser: httpx.Client, n: int) -> httpx.Response:
        if "csrftoken" not in browser.cookies:
            browser.get(place)
        token = browser.cookies["csrftoken"]
        body = {field: f"WRONG-{n:06d}", "csrfmiddlewaretoken": token}
        return browser.post(place, data=body)

    return attempt


def _unsigned(browser: httpx.Client, n: int) -> httpx.Response:
    return browser.post("/hooks/prolific/", content=json.dumps({"n": n}))


@pytest.mark.parametrize(
    ("attempt", "most"),
    [
        pytest.param(_with_form("/lab/", "code"), 30, id="start codes of a lab"),
        pytest.param(_with_form("/withdraw/", "code"), 30, id="withdrawal codes"),
        pytest.param(_unsigned, 60, id="events that nobody signed"),
    ],
)
def test_guesses_are_counted_and_then_not_looked_at(
    outside: Browser, attempt: Try, most: int
) -> None:
    browser = outside()
    statuses = []
    for n in range(most + 20):
        answer = attempt(browser, n)
        statuses.append(answer.status_code)
        if answer.status_code == 429:
            break

    assert set(statuses[:most]).isdisjoint({429, 500})
    assert statuses[-1] == 429
    assert int(answer.headers["retry-after"]) > 0
    # Another browser at the same address is the same guesser.
    assert attempt(outside(), 0).status_code == 429


def test_one_address_cannot_fill_a_study_with_sessions(outside: Browser) -> None:
    join(outside())
    (bucket,) = Tries.objects.all()
    before = StudySession.objects.count()
    # As after a thousand sessions; each is a page and a form, which would take a minute.
    Tries.objects.update(level=JOINING.at_once)

    statuses = [join(outside()).status_code for _ in range(4)]

    assert bucket.level < 2
    assert 429 in statuses
    assert StudySession.objects.count() - before == statuses.count(302) < 3


def test_what_a_caller_claims_of_its_address_is_not_believed(outside: Browser) -> None:
    for n in range(3):
        browser = outside()
        browser.headers["X-Forwarded-For"] = f"203.0.113.{n}"
        join(browser)

    assert Tries.objects.count() == 1


def join(browser: httpx.Client) -> httpx.Response:
    page = browser.get("/s/tiny/")
    assert page.status_code == 200
    token = browser.cookies["csrftoken"]
    return browser.post("/s/tiny/", data={"csrfmiddlewaretoken": token})
