"""Copy the database and the results aside, and bring them back, erasures included.

A backup is a folder: ``database.dump`` (pg_dump's custom form), ``results.tar`` (the
snapshots, reports and sweeps), ``erasures.jsonl`` (the ledger as it was) and
``manifest.json``, which holds the sha256 of each, the migrations, and a digest of every
response. The dump and the digest are of one moment, while collection goes on.

Restoring is all or nothing: the old tables go and the new ones come in one transaction.
The digest is compared before anything is changed further; then the tables are brought to
this code, whoever was erased since the backup is erased again (`erasure.replay`), and
logged-in browsers are logged out. What a backup brings back besides: passwords, roles
and API tokens as they were.

PostgreSQL's own programs do the copying (`postgres_programs.py`).
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any, Final

from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction
from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.migrations.recorder import MigrationRecorder
from django.utils.crypto import salted_hmac

from alignment.folders import sha256_of
from collection import erasure, erasure_ledger
from collection.errors import BackupRefused
from collection.models import Response
from collection.postgres_programs import run

DUMP: Final = "database.dump"
RESULTS: Final = "results.tar"
LEDGER: Final = "erasures.jsonl"
MANIFEST: Final = "manifest.json"
FORMAT: Final = 1
_LEAVING_TRIES, _LEAVING_S = 20, 0.1
_LOCK: Final = ".lock"
_UNFINISHED: Final = ".unfinished"

# Rows as text, in the order of their keys: the same rows give the same digest.
_DIGEST: Final = f"""
SELECT count(*),
    encode(sha256(coalesce(string_agg(sha256(convert_to(row::text, 'UTF8')),
        ''::bytea ORDER BY trial_id), ''::bytea)), 'hex')
FROM {Response._meta.db_table} AS row
"""
_OTHERS: Final = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
  AND backend_type = 'client backend'
"""


def back_up(folder: Path, *, keep: int | None = None) -> Path:
    """Write a backup into a new folder of ``folder``, named by the moment.

    Args:
        keep: How many of the newest to keep; None keeps all.

    Returns:
        The backup's folder. It appears under its name once it is whole.

    Raises:
        BackupRefused: another backup is being written there, or pg_dump failed.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _alone(folder):
        for left in folder.glob(f"*{_UNFINISHED}"):
            shutil.rmtree(left)
        now = datetime.now(UTC)
        place = folder / f"{now:%Y-%m-%dT%H-%M-%S.%f}Z"
        half = place.with_name(place.name + _UNFINISHED)
        half.mkdir(mode=0o700)
        told = _dump(half / DUMP)
        _pack(Path(settings.VAR) / "studies", half / RESULTS)
        # After the dump: an erasure in between is in the ledger, never the other way.
        ledger = erasure_ledger.ledger_file()
        (half / LEDGER).write_bytes(ledger.read_bytes() if ledger.exists() else b"")
        files = {name: sha256_of(half / name) for name in (DUMP, RESULTS, LEDGER)}
        manifest = {
            "kind": "backup",
            "format": FORMAT,
            "made_at": now.isoformat(timespec="seconds"),
            "files": files,
            "key": _key_digest(),
            **told,
        }
        (half / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")
        for path in half.iterdir():
            path.chmod(0o600)
            _to_disk(path)
        half.rename(place)
        _to_disk(folder)
        if keep is not None:
            for old in backups(folder)[:-keep]:
                shutil.rmtree(old)
    return place


def backups(folder: Path) -> list[Path]:
    """The whole backups of a folder, oldest first."""
    return sorted(path.parent for path in folder.glob(f"*Z/{MANIFEST}"))


def newest(folder: Path) -> Path:
    """The backup that a folder is, or the newest of those in it.

    Raises:
        BackupRefused: there is none.
    """
    if (folder / MANIFEST).is_file():
        return folder
    if found := backups(folder):
        return found[-1]
    raise BackupRefused(f"{folder} holds no backup: no folder with a {MANIFEST}.")


def restore(folder: Path, *, replace: bool = False) -> dict[str, Any]:
    """Put a backup in the place of the database and the results.

    Args:
        replace: Give up what the database and the results folder hold now.

    Returns:
        What was done: ``responses`` (as many as the backup held), ``erased`` (people
        erased again), ``tombstones`` (of erasures the backup did not know).

    Raises:
        BackupRefused: the backup is damaged or of another key, somebody is connected,
            or there are data and ``replace`` was not said. Nothing was changed.
    """
    manifest = _checked(folder)
    _check_results(folder / RESULTS)
    _refuse_to_overwrite(replace=replace)
    _load(folder / DUMP)
    with connection.cursor() as cursor:
        found = _digest(cursor)
    if found != manifest["responses"]:
        raise BackupRefused(
            f"The responses that came back are not those of the backup: {found} instead "
            f"of {manifest['responses']}. Let nobody in; restore another backup."
        )
    _unpack(folder / RESULTS, Path(settings.VAR) / "studies")
    call_command("migrate", verbosity=0)
    erasure_ledger.merge(folder / LEDGER)
    tombstones, erased = erasure.replay()
    Session.objects.all().delete()
    return {
        "responses": found["n"],
        "erased": erased,
        "tombstones": tombstones,
        "made_at": manifest["made_at"],
    }


# ------------------------------------------------------------------ the pieces


def _dump(path: Path) -> dict[str, Any]:
    """Dump the database; returns what the manifest says of that very moment."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        cursor.execute("SELECT pg_export_snapshot()")
        (moment,) = cursor.fetchone()
        told = {
            "responses": _digest(cursor),
            "migrations": sorted(
                ".".join(key)
                for key in MigrationRecorder(connection).applied_migrations()
            ),
        }
        run(
            "pg_dump", "--format=custom", "--no-owner", "--no-acl",
            "--no-unlogged-table-data", f"--snapshot={moment}", f"--file={path}",
        )  # fmt: skip
    return told


def _load(dump: Path) -> None:
    """Every table of the dump in the place of every table there is, or nothing."""
    script = Path(settings.VAR) / f"restore-{os.getpid()}.sql"
    script.parent.mkdir(parents=True, exist_ok=True)
    script.touch(mode=0o600)
    try:
        # As a script, so that emptying and filling are one transaction.
        run("pg_restore", "--no-owner", "--no-acl", f"--file={script}", str(dump))
        run(
            "psql", "--no-psqlrc", "--quiet", "--single-transaction",
            "--set=ON_ERROR_STOP=1", "--output=/dev/null",
            "--command=DROP SCHEMA public CASCADE; CREATE SCHEMA public",
            f"--file={script}",
        )  # fmt: skip
    finally:
        script.unlink(missing_ok=True)


def _digest(cursor: Any) -> dict[str, Any]:
    cursor.execute(_DIGEST)
    n, digest = cursor.fetchone()
    return {"n": n, "sha256": digest}


def _checked(folder: Path) -> dict[str, Any]:
    """The manifest of a backup that is whole and of this site."""
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
    except (OSError, ValueError) as error:
        raise BackupRefused(f"{folder} is no backup: {error}.") from error
    if manifest.get("kind") != "backup" or manifest.get("format") != FORMAT:
        raise BackupRefused(f"{folder} is no backup that this version can read.")
    for name, digest in manifest["files"].items():
        path = folder / name
        if not path.is_file() or sha256_of(path) != digest:
            raise BackupRefused(
                f"{path} is not what was backed up: it is missing or was changed. "
                "Restore another backup."
            )
    if manifest["key"] != _key_digest():
        raise BackupRefused(
            "This backup was made under another ATTUNE_SECRET_KEY. Set that key: "
            "without it nobody who comes back is recognised, and links are worthless."
        )
    # Read now: nobody must come back who could not be erased again.
    erasure_ledger.read()
    erasure_ledger.read(folder / LEDGER)
    return manifest


def _refuse_to_overwrite(*, replace: bool) -> None:
    others = _others()
    if others:
        raise BackupRefused(
            f"{others} others are connected to the database: stop the web server and "
            "the worker first, so that nobody answers into what goes away."
        )
    tables = connection.introspection.table_names()
    has_data = Response._meta.db_table in tables and Response.objects.exists()
    if not replace and (has_data or _holds_results()):
        raise BackupRefused(
            "This site holds data already. Say --replace to give them up; back them up "
            "first."
        )


def _others() -> int:
    """How many connections there are besides this process's own, which are closed."""
    own = connections[DEFAULT_DB_ALIAS]
    own.close()
    if isinstance(own, DatabaseWrapper):
        own.close_pool()
    others = 0
    for _ in range(_LEAVING_TRIES):  # those just closed take a moment to leave
        others = int(run("psql", "--no-psqlrc", "-At", "--command", _OTHERS))
        if not others:
            break
        time.sleep(_LEAVING_S)
    return others


def _holds_results() -> bool:
    folder = Path(settings.VAR) / "studies"
    return folder.is_dir() and any(folder.iterdir())


def _pack(source: Path, target: Path) -> None:
    with tarfile.open(target, "w") as archive:
        if source.is_dir():
            archive.add(source, arcname="studies", filter=_plain)


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return entry if entry.isfile() or entry.isdir() else None


def _unpack(archive: Path, target: Path) -> None:
    """Put the results of the backup in the place of those that are there."""
    aside = target.with_name(f"{target.name}.before-restore")
    shutil.rmtree(aside, ignore_errors=True)
    if target.exists():
        target.rename(aside)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive) as packed:
        for entry in packed:
            _put(packed, entry, target)
    shutil.rmtree(aside, ignore_errors=True)


def _check_results(archive: Path) -> None:
    """Refuse an archive that would be unpacked anywhere but in the results' folder."""
    with tarfile.open(archive) as packed:
        for entry in packed:
            parts = PurePosixPath(entry.name).parts
            plain = entry.isfile() or entry.isdir()
            if parts[:1] != ("studies",) or ".." in parts or not plain:
                raise BackupRefused(
                    f"The results in this backup hold {entry.name!r}, which none of "
                    "Attune's backups does. Nothing was changed."
                )


def _put(packed: tarfile.TarFile, entry: tarfile.TarInfo, target: Path) -> None:
    """Write one file or folder of an archive that was checked.

    Not ``extractall``: Python 3.11.0 to 3.11.3 (Debian 12 has 3.11.2) do not know its
    filter, and without one it follows whatever the archive says.
    """
    place = target.joinpath(*PurePosixPath(entry.name).parts[1:])
    content = packed.extractfile(entry)
    if content is None:
        place.mkdir(parents=True, exist_ok=True)
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    with content, place.open("wb") as written:
        shutil.copyfileobj(content, written)


def _key_digest() -> str:
    """Recognises the site's secret without telling it."""
    return salted_hmac("collection.backups", "key", algorithm="sha256").hexdigest()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with (folder / _LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupRefused(
                f"Another backup is being written to {folder}."
            ) from None
        yield


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
