"""Logging in, with a limit on guesses, however a password is tried.

A try is counted before the password is looked at, so that many at once are no way
around it, and given back when it was the right one.
"""

from __future__ import annotations

from typing import Any, Final

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.http import HttpRequest

from collection import limits

LONGEST_PASSWORD: Final = 1024
"""Hashing reads all of it, so that a longer one would be a way to keep a server busy."""


class LimitedBackend(ModelBackend):
    """Django's accounts; guesses are limited by name, by address and by both."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **more: Any,
    ) -> User | None:
        """The account, or None for a wrong name or password.

        Raises:
            TooManyRequests: too many wrong ones; the password was not looked at.
        """
        if not username or not password or len(password) > LONGEST_PASSWORD:
            return None
        if request is None:  # not from outside
            return _account(super().authenticate(None, username, password, **more))
        # As the database compares names: "Ada" is nobody's second bucket.
        name, here = username.casefold()[:150], limits.address(request)
        buckets = (
            (limits.LOGIN_HERE, (name, here)),
            (limits.LOGIN_ADDRESS, (here,)),
            (limits.LOGIN_NAME, (name,)),
        )
        for limit, who in buckets:
            limits.take(limit, *who)
        found = _account(super().authenticate(request, username, password, **more))
        if found is not None:
            for limit, who in buckets:
                limits.give_back(limit, *who)
        return found


def _account(found: Any) -> User | None:
    return found if isinstance(found, User) else None
