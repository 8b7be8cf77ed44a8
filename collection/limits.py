"""How often the same one may try: guesses, new sessions, and floods of requests.

Honest people behind one university's address are many, and none may lose an answer. So
whoever brings a session of their own is counted by that session and not by their
address, with far more room than a person can use; an answer that is refused all the
same (429) is kept in the browser, which sends it again. Addresses are counted where
somebody comes with nothing: new sessions, and guesses. A right code or password gives
its try back.

Two kinds of bucket, both leaking at a steady rate:

- :func:`take` counts in PostgreSQL, for all processes: guesses and new sessions, which
  are rare. Not django-axes: it stores addresses, browsers and names of accounts as they
  are, in two tables that grow, locks an account for everybody, and knows of logins only.
  Here a row is a keyed digest, which is gone a day later.
- :class:`Flood` counts in a worker's memory: requests, which are many. Each worker has
  its own count, which is exact enough for a flood.
"""

from __future__ import annotations

import random
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from math import ceil
from typing import Final

from django.conf import settings
from django.db import connection
from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from django.utils.translation import ngettext

from collection import metrics
from collection.errors import CollectionError
from collection.models import Tries

SALT: Final = "collection.limits"


@dataclass(frozen=True)
class Limit:
    """So many at once, and then so many a minute."""

    name: str
    at_once: int
    per_minute: float


# New sessions from one address, who are neither simulated nor known: a lecture hall.
JOINING: Final = Limit("joining", at_once=1000, per_minute=60)
# Wrong codes from one address.
LAB_CODES: Final = Limit("lab-codes", at_once=30, per_minute=6)
WITHDRAWAL_CODES: Final = Limit("withdrawal-codes", at_once=30, per_minute=6)
# Bodies that nobody signed, from one address.
WEBHOOKS: Final = Limit("webhooks", at_once=60, per_minute=30)
# Wrong passwords: of one name from one address; of all names from it; of one name at all.
LOGIN_HERE: Final = Limit("login-here", at_once=10, per_minute=2)
LOGIN_ADDRESS: Final = Limit("login-address", at_once=60, per_minute=10)
LOGIN_NAME: Final = Limit("login-name", at_once=200, per_minute=5)
# Tokens that belong to nobody, from one address.
TOKENS: Final = Limit("tokens", at_once=200, per_minute=60)

# Requests in one worker: of one session, of one token, of one address with neither.
SESSION_REQUESTS: Final = Limit("session-requests", at_once=600, per_minute=300)
TOKEN_REQUESTS: Final = Limit("token-requests", at_once=600, per_minute=600)
ADDRESS_REQUESTS: Final = Limit("address-requests", at_once=2000, per_minute=1200)

KEEP: Final = "1 day"
_FORGET_EVERY: Final = 100

_TABLE: Final = Tries._meta.db_table
_BEGIN: Final = f"""
INSERT INTO {_TABLE} (key, level, at) VALUES (%(key)s, 0, clock_timestamp())
ON CONFLICT (key) DO NOTHING
"""
# What is refused does not fill the bucket: waiting helps whoever waits.
_TAKE: Final = f"""
UPDATE {_TABLE} SET
    level = CASE WHEN leaked + 1 > %(at_once)s THEN leaked ELSE leaked + 1 END,
    at = clock_timestamp()
FROM (
    SELECT greatest(0, level - %(per_second)s
        * extract(epoch FROM clock_timestamp() - at)) AS leaked
    FROM {_TABLE} WHERE key = %(key)s FOR UPDATE
) AS before
WHERE key = %(key)s
RETURNING leaked + 1
"""
_GIVE_BACK: Final = f"""
UPDATE {_TABLE} SET level = greatest(0, level - 1) WHERE key = %s
"""
_FORGET: Final = f"""
DELETE FROM {_TABLE} WHERE at < clock_timestamp() - interval '{KEEP}'
"""


class TooManyRequests(CollectionError):
    """More than one person tries in that time. Nothing was taken in.

    retry_after_s: Whole seconds after which the next try is heard.
    """

    code = "too-many-requests"
    status = 429

    def __init__(self, limit: Limit, wait_s: float) -> None:
        self.retry_after_s = max(1, ceil(wait_s))
        metrics.LIMITED.labels(limit.name).inc()
        super().__init__(
            ngettext(
                "There were too many tries in a short time. Please try again in "
                "%(seconds)d second.",
                "There were too many tries in a short time. Please try again in "
                "%(seconds)d seconds.",
                self.retry_after_s,
            )
            % {"seconds": self.retry_after_s}
        )


def take(limit: Limit, *who: str) -> None:
    """Count one try, for all processes.

    To be called outside of a transaction: one that is rolled back would forget it.

    Args:
        who: What tells this one from others: an address, a name; stored as a digest.

    Raises:
        TooManyRequests: the bucket is full.
    """
    if not settings.ATTUNE_LIMITS:
        return
    values: dict[str, str | float] = {
        "key": _key(limit, who),
        "at_once": limit.at_once,
        "per_second": limit.per_minute / 60,
    }
    with connection.cursor() as cursor:
        cursor.execute(_BEGIN, values)
        cursor.execute(_TAKE, values)
        (level,) = cursor.fetchone()
        if random.randrange(_FORGET_EVERY) == 0:
            cursor.execute(_FORGET)
    if level > limit.at_once:
        raise TooManyRequests(limit, 60 * (level - limit.at_once) / limit.per_minute)


def give_back(limit: Limit, *who: str) -> None:
    """The try was a right one: it does not count."""
    with connection.cursor() as cursor:
        cursor.execute(_GIVE_BACK, [_key(limit, who)])


def forget() -> int:
    """Delete what has not been tried for a day; returns how many rows."""
    with connection.cursor() as cursor:
        cursor.execute(_FORGET)
        return int(cursor.rowcount)


class Flood:
    """Buckets in this process's memory, of the ``most`` that were seen last."""

    def __init__(self, limit: Limit, *, most: int = 20_000) -> None:
        self.limit = limit
        self._most = most
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, who: str) -> None:
        """Count one request.

        Raises:
            TooManyRequests: the bucket is full.
        """
        if not settings.ATTUNE_LIMITS:
            return
        now = time.monotonic()
        with self._lock:
            level, at = self._levels.pop(who, (0.0, now))
            level = max(0.0, level - (now - at) * self.limit.per_minute / 60) + 1
            over = level - self.limit.at_once
            self._levels[who] = (level - 1 if over > 0 else level, now)
            if len(self._levels) > self._most:
                self._levels.popitem(last=False)
        if over > 0:
            raise TooManyRequests(self.limit, 60 * over / self.limit.per_minute)


def address(request: HttpRequest) -> str:
    """Where a request came from, as far as it can be believed; never to be stored.

    Each reverse proxy adds one address to the end of ``X-Forwarded-For``. What stands
    before those of our own (``ATTUNE_PROXIES``) is the caller's invention. An IPv6
    network of 64 bits counts as one address: whoever has one, has all.
    """
    found = str(request.META.get("REMOTE_ADDR", ""))
    forwarded = request.headers.get("X-Forwarded-For", "")
    hops = [hop.strip() for hop in forwarded.split(",") if hop.strip()]
    if 0 < settings.ATTUNE_PROXIES <= len(hops):
        found = hops[-settings.ATTUNE_PROXIES]
    try:
        parsed = ip_address(found)
    except ValueError:
        return "unknown"
    if parsed.version == 6:
        mapped = parsed.ipv4_mapped
        return str(mapped or ip_network(f"{parsed}/64", strict=False))
    return str(parsed)


def _key(limit: Limit, who: tuple[str, ...]) -> str:
    said = "\x1f".join((limit.name, *who))
    return salted_hmac(SALT, said, algorithm="sha256").hexdigest()
