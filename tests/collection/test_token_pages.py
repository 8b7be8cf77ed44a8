"""The page of access tokens: shown once, mine alone, ended at once."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

from collection.models import ApiToken
from tests.programs import Program, token_for

pytestmark = pytest.mark.django_db

PAGE = "/research/tokens/"
FORM = {"name": "laptop", "scopes": "read", "lifetime": "30"}


@pytest.fixture
def ada() -> User:
    return User.objects.create_user("ada")


@pytest.fixture
def browser(ada: User) -> Client:
    browser = Client()
    browser.force_login(ada)
    return browser


def keys_in(page: bytes) -> list[str]:
    return re.findall(r"attune_[\w-]{43}", page.decode())


def test_a_key_is_shown_once_and_opens_the_api(browser: Client) -> None:
    made = browser.post(PAGE, FORM)
    (key,) = keys_in(made.content)

    assert made.status_code == 201
    assert made["Cache-Control"] == "no-store"
    assert Program(key).get("token/")["scopes"] == ["read"]
    later = browser.get(PAGE)
    assert keys_in(later.content) == []
    assert key[:13].encode() in later.content


def test_sending_the_form_again_makes_nothing(browser: Client) -> None:
    browser.post(PAGE, FORM)

    again = browser.post(PAGE, FORM)

    assert again.status_code == 422
    assert keys_in(again.content) == []
    assert b"You have a token named" in again.content
    assert ApiToken.objects.count() == 1


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"name": ""}, b"Give the token a name."),
        ({"scopes": "erase"}, b"Select a valid choice."),
        ({"lifetime": "100000"}, b"Select a valid choice."),
    ],
)
def test_a_form_that_is_not_as_it_should_be_says_so(
    browser: Client, wrong: dict[str, str], sentence: bytes
) -> None:
    answer = browser.post(PAGE, FORM | wrong)

    assert answer.status_code == 422
    assert sentence in answer.content
    assert not ApiToken.objects.exists()


def test_a_revoked_token_opens_nothing_from_then_on(browser: Client, ada: User) -> None:
    program = Program.of(ada)
    token = ApiToken.objects.get()
    assert program.ask("get", "token/").status_code == 200

    browser.post(f"{PAGE}{token.pk}/revoke/")

    assert program.get("token/", status=401)["error"]["code"] == "token-revoked"
    page = browser.get(PAGE).content.decode()
    assert "revoked" in page
    assert 'aria-label="Revoke' not in page


def test_nobody_sees_or_revokes_the_token_of_another(browser: Client) -> None:
    bo = User.objects.create_superuser("bo")
    key = token_for(bo)
    theirs = ApiToken.objects.get()

    assert theirs.hint.encode() not in browser.get(PAGE).content
    assert browser.post(f"{PAGE}{theirs.pk}/revoke/").status_code == 404
    assert Program(key).ask("get", "token/").status_code == 200


def test_tokens_are_for_people_who_are_logged_in(ada: User) -> None:
    key = token_for(ada)
    token = ApiToken.objects.get()
    with_a_token = Client(headers={"authorization": f"Bearer {key}"})

    for browser in (Client(), with_a_token):
        assert browser.get(PAGE).status_code == 302
        assert browser.post(PAGE, FORM).status_code == 302
        assert browser.post(f"{PAGE}{token.pk}/revoke/").status_code == 302
    assert ApiToken.objects.count() == 1


def test_making_and_revoking_need_a_form_of_our_own(ada: User) -> None:
    wary = Client(enforce_csrf_checks=True)
    wary.force_login(ada)
    token_for(ada)
    token = ApiToken.objects.get()

    assert wary.post(PAGE, FORM).status_code == 403
    assert wary.post(f"{PAGE}{token.pk}/revoke/").status_code == 403
    assert wary.get(f"{PAGE}{token.pk}/revoke/").status_code == 405
