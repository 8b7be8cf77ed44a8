"""The signed ``prolific_token`` of a secured study link, checked against the JWKS.

What is checked (docs.prolific.com, well-known endpoints): the signature with the key
that the token names, the issuer, the audience (this site), that it has not expired, and
the ``prolific`` claim, which names person, study and session.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx
import jwt
from django.conf import settings

from collection.recruitment.client import PERSON_TIMEOUT_S
from collection.recruitment.errors import PlatformUnavailable

ALGORITHMS: Final = ["RS256"]
LEEWAY_S: Final = 60
KEYS_LAST_S: Final = 24 * 60 * 60
"""Keys are fetched anew at least daily, as the documentation asks."""
BETWEEN_FETCHES_S: Final = 30
"""An unknown key is asked for at most this often: anybody can name one."""
JWKS_PATH: Final = "/.well-known/study/jwks.json"
LONGEST_TOKEN: Final = 4000


class TokenRefused(Exception):
    """A token that proves nothing. `reason` is a stable word."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Claims:
    """Who a token says arrives."""

    participant_id: str
    study_id: str
    session_id: str


class KeySet:
    """The platform's public keys by name, kept between requests and renewed in time.

    When the platform cannot be reached, keys that were good stay good.
    """

    def __init__(
        self, url: str, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.url = url
        self._clock = clock
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._lock = threading.Lock()

    def key(self, kid: str) -> jwt.PyJWK:
        """The key of this name.

        Raises:
            TokenRefused: the platform has no such key.
            PlatformUnavailable: and it could not be asked.
        """
        with self._lock:
            now = self._clock()
            old = self._fetched_at is None or now - self._fetched_at > KEYS_LAST_S
            if (old or kid not in self._keys) and (
                self._tried_at is None or now - self._tried_at > BETWEEN_FETCHES_S
            ):
                self._tried_at = now
                self._fetch(now)
            if kid in self._keys:
                return self._keys[kid]
            if self._fetched_at is None:
                raise PlatformUnavailable("Prolific's signing keys cannot be fetched.")
            raise TokenRefused("unknown-key")

    def _fetch(self, now: float) -> None:
        try:
            answer = httpx.get(self.url, timeout=PERSON_TIMEOUT_S)
            answer.raise_for_status()
            keys = {
                key.key_id: key for key in jwt.PyJWKSet.from_dict(answer.json()).keys
            }
        except (httpx.HTTPError, ValueError, jwt.PyJWTError):
            return  # the old ones stand
        self._keys = {kid: key for kid, key in keys.items() if kid}
        self._fetched_at = now


_key_sets: dict[str, KeySet] = {}


def keys_of_the_platform() -> KeySet:
    """This process's key set of the platform that the settings name."""
    url = settings.PROLIFIC_URL.rstrip("/") + JWKS_PATH
    return _key_sets.setdefault(url, KeySet(url))


def verified_claims(
    token: str, *, audience: Sequence[str], keys: KeySet | None = None
) -> Claims:
    """What a token says, once it is certain that the platform said it, to this site, now.

    Args:
        audience: Spellings of this site's address, any of which may be meant.

    Raises:
        TokenRefused: with `reason` one of unreadable-token, unknown-key,
            expired-token, foreign-token, forged-token, incomplete-token.
        PlatformUnavailable: the keys cannot be had.
    """
    if len(token) > LONGEST_TOKEN:
        raise TokenRefused("unreadable-token")
    try:
        kid = jwt.get_unverified_header(token).get("kid")
    except jwt.PyJWTError:
        raise TokenRefused("unreadable-token") from None
    if not isinstance(kid, str):
        raise TokenRefused("unknown-key")
    key = (keys or keys_of_the_platform()).key(kid)
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key.key,
            algorithms=ALGORITHMS,  # never what the token itself asks for
            audience=list(audience),
            issuer=settings.PROLIFIC_ISSUER,
            leeway=LEEWAY_S,
            options={"require": ["exp", "iss", "aud"]},
        )
    except jwt.ExpiredSignatureError:
        raise TokenRefused("expired-token") from None
    except (jwt.InvalidAudienceError, jwt.InvalidIssuerError):
        raise TokenRefused("foreign-token") from None
    except jwt.PyJWTError:
        raise TokenRefused("forged-token") from None
    said = claims.get("prolific")
    said = said if isinstance(said, dict) else claims
    found = [said.get(name) for name in ("PROLIFIC_PID", "STUDY_ID", "SESSION_ID")]
    if not all(isinstance(one, str) and one for one in found):
        raise TokenRefused("incomplete-token")
    return Claims(*map(str, found))
