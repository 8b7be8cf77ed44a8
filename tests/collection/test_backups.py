"""Backups of a running site: whole or not there, and no more than asked for."""

from __future__ import annotations

import fcntl
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from alignment.folders import sha256_of
from collection import backups, erasure_ledger
from collection.errors import BackupRefused
from collection.models import Response
from collection.postgres_programs import run
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _own_var(outside_var: Path) -> None:
    """No test packs the results of another."""


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    made = [backups.back_up(tmp_path, keep=2) for _ in range(3)]

    assert backups.backups(tmp_path) == made[1:]
    assert backups.newest(tmp_path) == made[2]
    assert backups.newest(made[1]) == made[1]


def test_what_was_left_half_written_is_cleared_away(tmp_path: Path) -> None:
    left = tmp_path / "2026-01-01T00-00-00.0Z.unfinished"
    left.mkdir()

    made = backups.back_up(tmp_path)

    assert backups.backups(tmp_path) == [made]
    assert not left.exists()


def test_two_backups_at_once_are_refused(tmp_path: Path) -> None:
    with (tmp_path / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        with pytest.raises(CommandError, match="Another backup is being written"):
            call_command("backup", tmp_path)


def test_the_manifest_names_no_secret_and_nobody(
    tmp_path: Path, settings: object
) -> None:
    factories.ada(factories.open_study())

    text = (backups.back_up(tmp_path) / "manifest.json").read_text()

    assert settings.SECRET_KEY not in text  # type: ignore[attr-defined]
    assert "ada" not in text
    assert json.loads(text)["responses"]["n"] > 0


def test_the_same_responses_have_the_same_digest_and_others_another() -> None:
    study = factories.open_study()
    session = factories.bo(study)

    def digest() -> object:
        with connection.cursor() as cursor:
            return backups._digest(cursor)

    first = digest()
    assert digest() == first
    factories.answer(session, n_trials=1)
    assert digest() != first


def test_a_folder_without_a_backup_says_so(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="holds no backup"):
        call_command("restore", tmp_path)


def test_a_damaged_ledger_is_noticed_before_anything_is_restored(
    tmp_path: Path,
) -> None:
    place = backups.back_up(tmp_path)
    ledger = erasure_ledger.ledger_file()
    ledger.parent.mkdir(parents=True, exist_ok=True)
    ledger.write_text("nonsense\n")

    with pytest.raises(CommandError, match="line 1: must be one tombstone"):
        call_command("restore", place, "--replace")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("studies/../../outside", tarfile.REGTYPE),
        ("/outside", tarfile.REGTYPE),
        ("elsewhere/file", tarfile.REGTYPE),
        ("studies/link", tarfile.SYMTYPE),
        ("studies/link", tarfile.LNKTYPE),
        ("studies/device", tarfile.CHRTYPE),
    ],
)
def test_a_forged_backup_is_refused_before_anything_is_changed(
    tmp_path: Path, settings: Any, name: str, kind: bytes
) -> None:
    factories.ada(factories.open_study())
    mine = Path(settings.VAR) / "studies" / "mine.csv"
    mine.parent.mkdir(parents=True)
    mine.write_text("kept")
    made = backups.back_up(tmp_path / "backups")
    entry = tarfile.TarInfo(name)
    entry.type, entry.size = kind, 4 if kind == tarfile.REGTYPE else 0
    entry.linkname = "/etc/hostname"
    with tarfile.open(made / backups.RESULTS, "w") as packed:
        packed.addfile(entry, io.BytesIO(b"evil"))
    manifest = json.loads((made / "manifest.json").read_text())
    manifest["files"][backups.RESULTS] = sha256_of(made / backups.RESULTS)
    (made / "manifest.json").write_text(json.dumps(manifest))
    before = Response.objects.count()

    with pytest.raises(BackupRefused, match="which none of Attune's backups does"):
        backups.restore(made, replace=True)

    assert Response.objects.count() == before > 0
    assert mine.read_text() == "kept"
    assert not list(tmp_path.rglob("*outside*"))


def test_results_come_back_as_they_were_packed(tmp_path: Path) -> None:
    source, target = tmp_path / "a" / "studies", tmp_path / "b" / "studies"
    (source / "everyday" / "empty").mkdir(parents=True)
    (source / "everyday" / "rows.bin").write_bytes(bytes(range(256)))
    backups._pack(source, tmp_path / "results.tar")

    backups._unpack(tmp_path / "results.tar", target)

    assert (target / "everyday" / "rows.bin").read_bytes() == bytes(range(256))
    assert (target / "everyday" / "empty").is_dir()


def test_a_program_that_fails_is_quoted() -> None:
    with pytest.raises(BackupRefused, match=r"pg_dump failed: .*no-such-option"):
        run("pg_dump", "--no-such-option")


def test_a_wrong_number_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="--keep must be at least 1"):
        call_command("backup", tmp_path, keep=0)
    with pytest.raises(CommandError, match="--every must be above 0"):
        call_command("backup", tmp_path, every=0.0)
