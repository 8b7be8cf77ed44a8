"""Alive is one question, ready for people another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection
from django.test import Client

from collection import health


@pytest.fixture(autouse=True)
def _asked_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_migrated", False)


@contextmanager
def undone(statement: str, again: str) -> Iterator[None]:
    """A statement's effect, for as long as the block lasts."""
    with connection.cursor() as cursor:
        cursor.execute(statement)
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(again)


def test_being_alive_asks_no_database(client: Client) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}


@pytest.mark.django_db
def test_a_site_with_everything_in_place_is_ready(client: Client) -> None:
    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ok",
        "checks": {"database": "ok", "migrations": "ok", "queue": "ok"},
    }


@pytest.mark.django_db
def test_a_migration_that_was_not_applied_keeps_people_away(client: Client) -> None:
    with undone(
        "UPDATE django_migrations SET name = name || '-x' WHERE app = 'collection'",
        "UPDATE django_migrations SET name = replace(name, '-x', '')",
    ):
        answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["status"] == "not-ready"
    assert answer.json()["checks"]["migrations"] == "failed"
    assert answer.json()["checks"]["database"] == "ok"


@pytest.mark.django_db
def test_a_queue_without_its_table_keeps_people_away(client: Client) -> None:
    rename = "ALTER TABLE procrastinate_jobs{} RENAME TO procrastinate_jobs{}"
    with undone(rename.format("", "_away"), rename.format("_away", "")):
        answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["checks"]["queue"] == "failed"
