"""Each thing that somebody outside would try, tried over HTTP on the production server."""

from __future__ import annotations

from collections.abc import Callable

import httpx
from django.contrib.auth.models import User

from collection.models import JobRecord
from tests.researchers import Site
from tests.security.conftest import PASSWORD, Browser, try_password

LogIn = Callable[..., httpx.Client]

PLACES = [
    ("/", 200),
    ("/research/login/", 200),
    ("/research/", 302),
    ("/s/tiny/", 200),
    ("/s/nowhere/", 404),
    ("/withdraw/", 200),
    ("/api/1/", 404),
    ("/api/1/studies/", 401),
    ("/api/1/docs/", 200),
    ("/static/collection/attune.css", 200),
    ("/healthz", 200),
]


def test_every_kind_of_answer_forbids_what_no_page_needs(outside: Browser) -> None:
    browser = outside()
    for place, status in PLACES:
        answer = browser.get(place)

        assert answer.status_code == status, place
        policy = dict(
            part.strip().split(" ", 1)
            for part in answer.headers["content-security-policy"].split(";")
        )
        assert policy["default-src"] == "'none'", place
        assert policy["script-src"] == "'self'", place
        assert policy["style-src"] == "'self'", place
        assert policy["frame-ancestors"] == "'none'", place
        assert policy["form-action"] == "'self'", place
        assert answer.headers["x-content-type-options"] == "nosniff", place
        assert answer.headers["referrer-policy"] == "same-origin", place
        assert (
            "server" not in answer.headers
            or "gunicorn/" not in (answer.headers["server"])
        ), place


def test_a_form_of_another_site_changes_nothing(log_in: LogIn, site: Site) -> None:
    ada = log_in("ada")
    jobs_before = JobRecord.objects.count()

    without = ada.post("/research/studies/tiny/start/freeze/", data={})
    forged = ada.post(
        "/research/studies/tiny/start/freeze/",
        data={"csrfmiddlewaretoken": "x" * 64},
    )
    fresh = httpx.post(
        f"{ada.base_url}/research/login/",
        data={"username": "ada", "password": PASSWORD},
    )

    assert [without.status_code, forged.status_code, fresh.status_code] == [403] * 3
    assert "sessionid" not in fresh.cookies
    assert JobRecord.objects.count() == jobs_before


def test_logging_in_leads_nowhere_else(outside: Browser) -> None:
    for elsewhere in (
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "javascript:alert(1)",
        "https:evil.example",
    ):
        browser = outside()
        browser.get("/research/login/", params={"next": elsewhere})

        answer = try_password(browser, "ada", PASSWORD, next=elsewhere)

        assert answer.status_code == 302, elsewhere
        assert answer.headers["location"] == "/research/", elsewhere


def test_a_strangers_login_opens_no_page_of_another_study(
    log_in: LogIn, site: Site
) -> None:
    bo = log_in("bo")

    for name, (method, address) in site.addresses().items():
        token = bo.cookies["csrftoken"]
        body = {"data": {"csrfmiddlewaretoken": token}} if method == "post" else {}
        answer = bo.request(method.upper(), address, **body)

        assert answer.status_code == 404, name
        assert site.study.title not in answer.text, name


def test_cookies_are_out_of_reach_of_script_and_of_other_sites(log_in: LogIn) -> None:
    ada = log_in("ada")

    given = ada.answer.headers.get_list("set-cookie")  # type: ignore[attr-defined]

    session = next(cookie for cookie in given if cookie.startswith("sessionid="))
    assert "HttpOnly" in session
    assert "SameSite=Lax" in session


def test_guessing_a_password_ends_before_it_gets_far(outside: Browser) -> None:
    browser = outside()
    browser.get("/research/login/")

    tries = [try_password(browser, "ada", f"wrong {n}") for n in range(14)]

    refused = [answer for answer in tries if answer.status_code == 429]
    assert tries[0].status_code == 200
    assert refused
    assert refused == tries[-len(refused) :]
    assert int(refused[0].headers["retry-after"]) > 0
    assert try_password(browser, "ada", PASSWORD).status_code == 429
    # Somebody else at the same address is not kept out.
    assert try_password(browser, "bo", PASSWORD).status_code == 302


def test_a_password_is_kept_as_argon2_alone(log_in: LogIn) -> None:
    User.objects.filter(username="ada").update(password=_in_an_older_way())

    ada = log_in("ada")

    assert ada.get("/research/").status_code == 200
    assert User.objects.get(username="ada").password.startswith("argon2$argon2id$")


def _in_an_older_way() -> str:
    from django.contrib.auth.hashers import PBKDF2PasswordHasher

    return PBKDF2PasswordHasher().encode(PASSWORD, "saltsaltsaltsaltsaltsa", 1000)


def test_a_body_without_end_is_refused_before_it_is_read(outside: Browser) -> None:
    for place in (
        "/research/login/",
        "/s/tiny/",
        "/api/1/studies/",
        "/hooks/prolific/",
    ):
        answer = outside().post(place, content=b"x" * 300_000)

        assert answer.status_code == 413, place
        assert "too large" in answer.text, place


def test_made_up_tokens_are_counted_and_then_not_looked_at(outside: Browser) -> None:
    browser = outside()
    statuses = []
    for n in range(260):
        answer = browser.get(
            "/api/1/studies/", headers={"Authorization": f"Bearer attune_{n:040d}"}
        )
        statuses.append(answer.status_code)
        if answer.status_code == 429:
            break

    assert set(statuses[:-1]) == {401}
    assert statuses[-1] == 429
    assert answer.json()["error"]["code"]


def test_no_address_leads_out_of_its_folder(log_in: LogIn, site: Site) -> None:
    ada = log_in("ada")
    figures = f"/research/studies/tiny/report/{site.report.pk}/figures"
    assert ada.get(f"{figures}/map.svg").status_code == 200

    for path in (
        "/static/%2e%2e/%2e%2e/manage.py",
        "/static/collection/..%2f..%2fsettings.py",
        f"{figures}/..%2fmanifest.json",
        f"{figures}/%2e%2e/manifest.json",
    ):
        answer = ada.get(path)

        assert answer.status_code == 404, path
        assert "sha256" not in answer.text, path
        assert "DJANGO_SETTINGS_MODULE" not in answer.text, path
