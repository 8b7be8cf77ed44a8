"""Access tokens: how they are made, what is kept of them, and how they end."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from threading import Thread

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from collection.api import tokens
from collection.api.errors import TokenRefused
from collection.models import ApiToken, AuditRecord

DAY = timedelta(days=1)


@pytest.fixture
def ada(db: None) -> User:
    return User.objects.create_user("ada")


def test_only_the_hash_of_a_key_is_kept(ada: User) -> None:
    token, key = tokens.make(ada, " my  laptop ", ["read"], DAY)

    assert key.startswith("attune_")
    assert len(key) == len("attune_") + 43  # 256 bits
    assert token.name == "my laptop"
    assert token.digest == hashlib.sha256(key.encode()).hexdigest()
    assert key.startswith(token.hint)
    assert len(token.hint) == len("attune_") + 6
    assert tokens.found(key) == token
    assert tokens.found(key + "x") is tokens.found("") is None


def test_two_keys_are_never_the_same(ada: User) -> None:
    keys = {tokens.make(ada, str(n), ["read"], DAY)[1] for n in range(20)}

    assert len(keys) == 20


@pytest.mark.parametrize(
    ("name", "scopes", "lifetime", "sentence"),
    [
        ("  ", ["read"], DAY, "A token needs a name by which you know it again."),
        (
            "x",
            [],
            DAY,
            "A token needs one or more of the scopes read, write; got none.",
        ),
        (
            "x",
            ["read", "erase"],
            DAY,
            "A token needs one or more of the scopes read, write; got erase, read.",
        ),
        (
            "x",
            ["read"],
            timedelta(0),
            "A token lasts from a moment to 366 days.",
        ),
        (
            "x",
            ["read"],
            timedelta(days=367),
            "A token lasts from a moment to 366 days.",
        ),
        (
            "taken",
            ["read"],
            DAY,
            "You have a token named 'taken'. Revoke it first, or choose another name.",
        ),
    ],
)
def test_a_token_that_cannot_be_made_says_why(
    ada: User, name: str, scopes: list[str], lifetime: timedelta, sentence: str
) -> None:
    tokens.make(ada, "taken", ["read"], DAY)

    with pytest.raises(TokenRefused) as refusal:
        tokens.make(ada, name, scopes, lifetime)

    assert refusal.value.message == sentence
    assert ApiToken.objects.count() == 1


def test_a_name_is_free_again_once_its_token_is_revoked(ada: User) -> None:
    first, _ = tokens.make(ada, "laptop", ["read"], DAY)

    assert tokens.revoke(first)
    assert not tokens.revoke(first)
    second, _ = tokens.make(ada, "laptop", ["read"], DAY)

    first.refresh_from_db()
    assert (first.state(), second.state()) == ("revoked", "live")
    assert first.state(timezone.now() + 2 * DAY) == "revoked"
    assert second.state(second.expires_at) == "expired"


def test_making_and_revoking_are_noted_without_the_key(ada: User) -> None:
    token, key = tokens.make(ada, "laptop", ["write", "read"], DAY)
    tokens.revoke(token)

    made, revoked = AuditRecord.objects.order_by("pk")

    assert (made.by, made.verb) == ("ada", "token.made")
    assert made.details == {"token": token.pk, "scopes": "read write"}
    assert (revoked.verb, revoked.details) == ("token.revoked", {"token": token.pk})
    assert key not in str(made.details)


def test_a_use_is_noted_and_counted(ada: User) -> None:
    token, _ = tokens.make(ada, "laptop", ["read"], DAY)
    before = timezone.now()

    counts = [tokens.count_use(token) for _ in range(3)]

    token.refresh_from_db()
    assert token.last_used_at is not None
    assert abs(token.last_used_at - before) < timedelta(minutes=1)
    assert token.n_in_window == counts[-1][0]
    assert all(0 < left <= 60 for _, left in counts)


def test_a_new_minute_counts_anew(ada: User) -> None:
    token, _ = tokens.make(ada, "laptop", ["read"], DAY)
    ApiToken.objects.update(
        window_at=timezone.now() - timedelta(minutes=2), n_in_window=500
    )

    assert tokens.count_use(token)[0] == 1


@pytest.mark.django_db(transaction=True)
def test_uses_at_once_are_all_counted() -> None:
    ada = User.objects.create_user("ada")
    token, _ = tokens.make(ada, "laptop", ["read"], DAY)

    def use() -> None:
        for _ in range(10):
            tokens.count_use(token)
        connection.close()

    minute = timezone.now().minute
    threads = [Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    token.refresh_from_db()
    # Where the minute turned meanwhile, its count began anew.
    assert token.n_in_window == 40 or timezone.now().minute != minute
