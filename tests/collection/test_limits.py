"""Room for so many tries at once, then for so many a minute; and nobody's name is kept."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.test import RequestFactory
from django.utils import timezone

from collection import limits
from collection.limits import Flood, Limit, TooManyRequests
from collection.models import Tries

FEW = Limit("few", at_once=3, per_minute=6)


def taken(n: int, *who: str, limit: Limit = FEW) -> int:
    """How many of n tries were let through."""
    through = 0
    for _ in range(n):
        try:
            limits.take(limit, *who)
        except TooManyRequests:
            continue
        through += 1
    return through


def later(minutes: float) -> None:
    """Time passes for every bucket."""
    for row in Tries.objects.all():
        row.at -= timedelta(minutes=minutes)
        row.save()


@pytest.mark.django_db
def test_so_many_at_once_then_so_many_a_minute() -> None:
    assert taken(10, "ada") == 3
    later(minutes=0.5)
    assert taken(10, "ada") == 3, "three leaked out"
    later(minutes=1 / 6)
    assert taken(10, "ada") == 1


@pytest.mark.django_db
def test_the_refusal_says_how_long_to_wait() -> None:
    taken(3, "ada")

    with pytest.raises(TooManyRequests, match="again in 10 seconds") as refusal:
        limits.take(FEW, "ada")

    assert refusal.value.retry_after_s == 10


@pytest.mark.django_db
def test_one_person_does_not_fill_the_bucket_of_another() -> None:
    taken(10, "ada", "here")

    assert taken(1, "bo", "here") == 1
    assert taken(1, "ada", "there") == 1
    assert taken(1, "ada", "here", limit=Limit("other", 1, 1)) == 1


@pytest.mark.django_db
def test_a_right_try_does_not_count() -> None:
    for _ in range(20):
        limits.take(FEW, "ada")
        limits.give_back(FEW, "ada")

    assert taken(10, "ada") == 3


@pytest.mark.django_db(transaction=True)
def test_many_at_once_are_no_way_around_it() -> None:
    through: list[int] = []

    def try_some() -> None:
        try:
            through.append(taken(5, "ada"))
        finally:
            connection.close()

    threads = [threading.Thread(target=try_some) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(through) == 3


@pytest.mark.django_db
def test_nobody_can_be_read_from_the_table_and_rows_go_after_a_day() -> None:
    limits.take(FEW, "ada", "203.0.113.7")
    row = Tries.objects.get()

    assert len(row.key) == 64
    assert "ada" not in str(row.__dict__)
    Tries.objects.update(at=timezone.now() - timedelta(hours=25))
    assert limits.forget() == 1


@pytest.mark.django_db
def test_a_load_test_may_switch_them_off(settings: object) -> None:
    settings.ATTUNE_LIMITS = False  # type: ignore[attr-defined]
    flood = Flood(FEW)

    assert taken(10, "ada") == 10
    for _ in range(10):
        flood.take("ada")


def test_a_flood_is_stopped_and_only_who_floods() -> None:
    flood = Flood(FEW)
    for _ in range(3):
        flood.take("ada")

    with pytest.raises(TooManyRequests):
        flood.take("ada")
    flood.take("bo")


def test_a_flood_of_names_does_not_fill_the_memory() -> None:
    flood = Flood(FEW, most=10)

    for name in range(100):
        flood.take(str(name))

    assert len(flood._levels) == 10


@pytest.mark.parametrize(
    ("proxies", "forwarded", "found"),
    [
        (0, "198.51.100.1", "203.0.113.7"),
        (1, "198.51.100.1", "198.51.100.1"),
        (1, "6.6.6.6, 198.51.100.1", "198.51.100.1"),
        (2, "6.6.6.6, 198.51.100.1, 10.0.0.1", "198.51.100.1"),
        (1, None, "203.0.113.7"),
        (1, "nonsense", "unknown"),
        (1, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        (1, "::ffff:198.51.100.1", "198.51.100.1"),
    ],
)
def test_an_address_is_believed_from_our_own_proxies_only(
    settings: object, proxies: int, forwarded: str | None, found: str
) -> None:
    settings.ATTUNE_PROXIES = proxies  # type: ignore[attr-defined]
    headers = {} if forwarded is None else {"x-forwarded-for": forwarded}
    request = RequestFactory().get("/", headers=headers, REMOTE_ADDR="203.0.113.7")

    assert limits.address(request) == found
