"""The restore drill: back up, lose everything but the ledger, restore, compare each answer.

The commands are run as an operator runs them, in processes of their own. What is lost
is lost for real: the backup goes into a new, empty database, and the results' folder
was deleted. Somebody who was erased after the backup must not come back with it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from collection import backups, erasure
from collection.models import Response
from collection.serving import child_environment
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass(frozen=True)
class Drill:
    """A site with people in it, and an empty database to restore into."""

    environment: dict[str, str]
    url: str
    folder: Path

    def command(
        self, *words: str, lost: bool = False
    ) -> subprocess.CompletedProcess[str]:
        """`manage.py` as an operator runs it; `lost`: against the empty database."""
        given = {**self.environment, **({"DATABASE_URL": self.url} if lost else {})}
        return subprocess.run(
            [sys.executable, "manage.py", *words],
            env=given, cwd=settings.BASE_DIR, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """What the restored database holds."""
        with psycopg.connect(self.url) as restored:
            return restored.execute(query.encode()).fetchall()


@pytest.fixture
def drill(db: None, outside_var: Path, tmp_path: Path) -> Iterator[Drill]:
    name = f"attune_drill_{os.getpid()}"
    environment = child_environment()
    url = urlsplit(environment["DATABASE_URL"])._replace(path=f"/{name}").geturl()
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        cursor.execute(f"CREATE DATABASE {name}")
    yield Drill(environment, url, tmp_path / "backups")
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


def hashes(rows: list[tuple[object, ...]]) -> dict[str, str]:
    """Trial -> a hash of the whole response, made here and not by the database."""
    return {str(row[0]): hashlib.sha256(repr(row).encode()).hexdigest() for row in rows}


EVERY_RESPONSE = (
    "SELECT trial_id, rating, choice, text, positions, not_understood, rt_ms, timing,"
    " received_at AT TIME ZONE 'UTC' FROM collection_response"
)


def test_everything_comes_back_but_who_was_erased_since(
    drill: Drill, outside_var: Path
) -> None:
    study = factories.open_study()
    ada, bo, cy, dee = (
        one(study) for one in (factories.ada, factories.bo, factories.cy, factories.dee)
    )
    call_command("freezestudy", study.slug)
    snapshot = outside_var / "studies" / study.slug / "snapshots"
    Session.objects.create(pk="stolen", expire_date=timezone.now())
    before_backup = connection.cursor()
    before_backup.execute(EVERY_RESPONSE)
    everybody = hashes(before_backup.fetchall())
    of_ada = {
        str(pk)
        for pk in Response.objects.filter(trial__session=ada).values_list(
            "trial_id", flat=True
        )
    }

    backed_up = drill.command("backup", str(drill.folder))
    assert backed_up.returncode == 0, backed_up.stderr
    (place,) = backups.backups(drill.folder)
    erasure.erase(ada.participant, by="participant")
    shutil.rmtree(outside_var / "studies")
    restored = drill.command("restore", str(drill.folder), lost=True)

    assert restored.returncode == 0, restored.stderr
    assert f"{len(everybody)} responses, each as it was" in restored.stdout
    assert "Erased again: 1 people" in restored.stdout
    assert hashes(drill.rows(EVERY_RESPONSE)) == {
        trial: digest for trial, digest in everybody.items() if trial not in of_ada
    }
    assert of_ada
    statuses = drill.rows("SELECT code, status FROM collection_studysession")
    assert dict(statuses) == {one.code: one.status for one in (bo, cy, dee)}
    assert drill.rows("SELECT count(*) FROM collection_erasure") == [(1,)]
    assert drill.rows("SELECT count(*) FROM django_session") == [(0,)]
    assert (snapshot / "1" / "superseded.json").exists(), "it came back, and held her"
    assert not list(snapshot.rglob("*.csv"))
    assert drill.command("migrate", "--check", lost=True).returncode == 0
    assert stat.S_IMODE((place / "database.dump").stat().st_mode) == 0o600


def test_a_response_cannot_be_changed_after_the_restore_either(drill: Drill) -> None:
    factories.ada(factories.open_study())
    drill.command("backup", str(drill.folder))
    assert drill.command("restore", str(drill.folder), lost=True).returncode == 0

    with (
        psycopg.connect(drill.url) as restored,
        pytest.raises(psycopg.Error, match=r"never change|written once"),
    ):
        restored.execute("UPDATE collection_response SET rating = 1")


@pytest.mark.parametrize("damage", ["a byte", "the file", "the key"])
def test_a_damaged_backup_is_refused_before_anything_is_touched(
    drill: Drill, outside_var: Path, damage: str
) -> None:
    factories.ada(factories.open_study())
    backups.back_up(drill.folder)
    (place,) = backups.backups(drill.folder)
    dump = place / "database.dump"
    if damage == "a byte":
        raw = bytearray(dump.read_bytes())
        raw[len(raw) // 2] ^= 1
        dump.write_bytes(raw)
    elif damage == "the file":
        dump.unlink()
    else:
        manifest = json.loads((place / "manifest.json").read_text())
        (place / "manifest.json").write_text(json.dumps({**manifest, "key": "other"}))
    told = {"the key": "under another ATTUNE_SECRET_KEY"}

    with pytest.raises(
        backups.BackupRefused, match=told.get(damage, "is not what was backed up")
    ):
        backups.restore(place, replace=True)

    assert Response.objects.exists()


def test_a_site_with_people_in_it_is_not_overwritten_by_mistake(drill: Drill) -> None:
    factories.ada(factories.open_study())
    drill.command("backup", str(drill.folder))
    assert drill.command("restore", str(drill.folder), lost=True).returncode == 0

    again = drill.command("restore", str(drill.folder), lost=True)
    with psycopg.connect(drill.url):
        connected = drill.command("restore", str(drill.folder), "--replace", lost=True)
    meant = drill.command("restore", str(drill.folder), "--replace", lost=True)

    assert again.returncode == 1
    assert "Say --replace to give them up" in again.stderr
    assert "1 others are connected to the database" in connected.stderr
    assert meant.returncode == 0, meant.stderr
