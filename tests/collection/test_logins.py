"""Guessing a password gets slow; knowing it does not."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from collection import limits
from collection.hashers import Argon2PasswordHasher
from collection.logins import LONGEST_PASSWORD

pytestmark = pytest.mark.django_db

LOGIN = "/research/login/"
AT_ONCE = limits.LOGIN_HERE.at_once


@pytest.fixture
def ada(db: None) -> User:
    return User.objects.create_user("ada", password="correct horse")


def tried(
    client: Client, name: str, password: str, address: str = "203.0.113.7"
) -> int:
    sent = {"username": name, "password": password}
    return client.post(LOGIN, sent, REMOTE_ADDR=address).status_code


def test_guesses_end_in_a_wait_and_so_does_the_right_one_then(
    client: Client, ada: User
) -> None:
    assert {tried(client, "ada", str(n)) for n in range(AT_ONCE)} == {200}

    refused = client.post(
        LOGIN, {"username": "Ada", "password": "x"}, REMOTE_ADDR="203.0.113.7"
    )

    assert refused.status_code == 429, "another spelling is no other account"
    assert refused["Retry-After"] == "30"
    assert "too many tries in a short time" in refused.text
    assert tried(client, "ada", "correct horse") == 429


def test_nobody_else_is_kept_out_by_it(client: Client, ada: User) -> None:
    User.objects.create_user("bo", password="correct horse")
    for n in range(AT_ONCE + 1):
        tried(client, "ada", str(n))

    assert tried(Client(), "bo", "correct horse") == 302, "behind the same address"
    assert tried(Client(), "ada", "correct horse", "198.51.100.1") == 302, "elsewhere"


def test_logging_in_often_is_no_guessing(client: Client, ada: User) -> None:
    for _ in range(AT_ONCE + 5):
        assert tried(Client(), "ada", "correct horse") == 302


def test_many_names_from_one_address_end_in_a_wait(client: Client) -> None:
    told = [
        tried(client, f"name {n}", "x") for n in range(limits.LOGIN_ADDRESS.at_once + 1)
    ]

    assert told[-1] == 429
    assert set(told[:-1]) == {200}


def test_a_password_too_long_to_hash_is_a_wrong_one(client: Client, ada: User) -> None:
    assert tried(client, "ada", "x" * (LONGEST_PASSWORD + 1)) == 200


def test_passwords_are_stored_with_argon2id_in_bounded_memory(
    settings: object,
) -> None:
    hasher = Argon2PasswordHasher()
    stored = hasher.encode("correct horse", hasher.salt())

    assert stored.startswith("argon2$argon2id$")
    assert "m=47104,t=2,p=1" in stored
    assert hasher.verify("correct horse", stored)
