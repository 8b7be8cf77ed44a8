"""Make, find and revoke access tokens, and count what each is used for.

A key is 256 random bits behind a fixed beginning, by which a key that was committed or
pasted somewhere can be searched for. Only its sha256 is kept.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Final

from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from collection import audit
from collection.api.errors import TokenRefused
from collection.models import ApiToken, Scope

BEGINNING: Final = "attune_"
_BYTES: Final = 32
_SHOWN: Final = len(BEGINNING) + 6
LONGEST: Final = timedelta(days=366)

_TABLE: Final = ApiToken._meta.db_table
# One statement notes the use and counts it: exact for any number of server processes.
_COUNT: Final = f"""
UPDATE {_TABLE} SET
    last_used_at = now(),
    window_at = date_trunc('minute', now()),
    n_in_window = CASE WHEN window_at = date_trunc('minute', now())
                       THEN n_in_window + 1 ELSE 1 END
WHERE id = %s
RETURNING n_in_window, 60 - extract(second FROM now())
"""


def make(
    user: Any, name: str, scopes: Iterable[str], lifetime: timedelta
) -> tuple[ApiToken, str]:
    """A new token, and the key to show once.

    Raises:
        TokenRefused: no name or one that a live token of this person has, no or unknown
            scopes, or a lifetime that is none or longer than a year.
    """
    name = " ".join(name.split())
    asked = sorted(set(scopes))
    if not name:
        raise TokenRefused("A token needs a name by which you know it again.")
    if not asked or not set(asked) <= set(Scope.values):
        raise TokenRefused(
            f"A token needs one or more of the scopes {', '.join(Scope.values)}; "
            f"got {', '.join(asked) or 'none'}."
        )
    if not timedelta(0) < lifetime <= LONGEST:
        raise TokenRefused(f"A token lasts from a moment to {LONGEST.days} days.")
    key = BEGINNING + secrets.token_urlsafe(_BYTES)
    now = timezone.now()
    try:
        with transaction.atomic():
            token = ApiToken.objects.create(
                user=user,
                name=name,
                digest=digest_of(key),
                hint=key[:_SHOWN],
                scopes=asked,
                created_at=now,
                expires_at=now + lifetime,
            )
            audit.record(
                user, None, "token.made", token=token.pk, scopes=" ".join(asked)
            )
    except IntegrityError as taken:
        raise TokenRefused(
            f"You have a token named {name!r}. Revoke it first, or choose another name."
        ) from taken
    return token, key


def found(key: str) -> ApiToken | None:
    """The token of a key, in whatever state, with its person; None for a guess."""
    tokens = ApiToken.objects.select_related("user")
    return tokens.filter(digest=digest_of(key)).first()


def revoke(token: ApiToken) -> bool:
    """End a token at once; False where that had been done before."""
    with transaction.atomic():
        standing = ApiToken.objects.filter(pk=token.pk, revoked_at=None)
        done = bool(standing.update(revoked_at=timezone.now()))
        if done:
            audit.record(token.user, None, "token.revoked", token=token.pk)
    return done


def count_use(token: ApiToken) -> tuple[int, float]:
    """Note that a token is used now.

    Returns:
        How many requests it made in this minute of the clock, and the seconds until the
        next one begins.
    """
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [token.pk])
        n, left = cursor.fetchone() or (0, 60)
    return int(n), float(left)


def digest_of(key: str) -> str:
    """The sha256 under which a key is known."""
    return hashlib.sha256(key.encode(errors="surrogateescape")).hexdigest()
