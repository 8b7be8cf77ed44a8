"""The ledger of erasures, kept twice: in the database and in a file beside it.

A database that is restored from a backup brings erased people back. The file does not go
back in time with it: it is only ever added to, and each line is on the disk before the
erasure is committed. `replayerasures` then erases again whoever came back. Keep the file
where restoring does not reach (``ATTUNE_ERASURES``), and copy it off the machine.

A line is one JSON object: a tombstone, which points at nobody (`models/rights.py`).
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils.dateparse import parse_datetime

from collection.errors import LedgerDamaged
from collection.models import Erasure

FIELDS = (
    "id",
    "study",
    "sessions",
    "at",
    "by",
    "reason",
    "reference",
    "scope",
    "counts",
    "superseded",
)


def ledger_file() -> Path:
    """Where the ledger lies: ``ATTUNE_ERASURES``, or erasures.jsonl in the var folder."""
    return Path(settings.ATTUNE_ERASURES or Path(settings.VAR) / "erasures.jsonl")


def append(erasure: Erasure) -> None:
    """Add one tombstone; it is on the disk when this returns.

    Several processes may write: each line is added whole, under a lock. A line that a
    power cut left half-written is closed off first.
    """
    path = ledger_file()
    is_new = not path.exists()
    path.parent.mkdir(parents=True, exist_ok=True)
    # 0600: a digest points at nobody, but times of leaving are nobody's business.
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        size = file.seek(0, os.SEEK_END)
        torn = bool(size) and os.pread(file.fileno(), 1, size - 1) != b"\n"
        file.write((b"\n" if torn else b"") + _line(erasure))
        file.flush()
        os.fsync(file.fileno())
    if is_new:
        _sync_folder(path.parent)


def read(path: Path | None = None) -> list[Erasure]:
    """Every tombstone of the file, unsaved, oldest first; none where there is no file.

    Args:
        path: A copy to read instead of the ledger itself.

    A half-written line is passed over where a whole one for the same erasure follows,
    or at the end, where its erasure was never committed.

    Raises:
        LedgerDamaged: a line that is neither a tombstone nor cut off.
    """
    path = ledger_file() if path is None else path
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    found: dict[UUID, Erasure] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            erasure = _tombstone(json.loads(line))
        except (ValueError, KeyError, TypeError) as error:
            if line.startswith(b"{") and not line.rstrip().endswith(b"}"):
                continue
            raise LedgerDamaged(
                f"{path}, line {number}: must be one tombstone as JSON "
                f"({error}). Nothing was replayed; bring the line back from a copy."
            ) from error
        found.setdefault(erasure.pk, erasure)
    return list(found.values())


def copy_missing() -> int:
    """Write to the file what only the database knows; returns how many tombstones."""
    known = {erasure.pk for erasure in read()}
    missing = [e for e in Erasure.objects.order_by("at", "pk") if e.pk not in known]
    for erasure in missing:
        append(erasure)
    return len(missing)


def merge(copy: Path) -> int:
    """Add what only a copy of the ledger knows; returns how many tombstones."""
    known = {erasure.pk for erasure in read()}
    missing = [erasure for erasure in read(copy) if erasure.pk not in known]
    for erasure in missing:
        append(erasure)
    return len(missing)


def everything() -> Iterator[Erasure]:
    """Each tombstone once, of the file and of the database; those of the file unsaved."""
    written = read()
    yield from written
    yield from Erasure.objects.exclude(pk__in=[erasure.pk for erasure in written])


def _line(erasure: Erasure) -> bytes:
    values: dict[str, Any] = {name: getattr(erasure, name) for name in FIELDS}
    values |= {"id": str(erasure.pk), "at": erasure.at.isoformat()}
    return json.dumps(values, sort_keys=True).encode() + b"\n"


def _tombstone(values: dict[str, Any]) -> Erasure:
    at = parse_datetime(values["at"])
    if at is None or at.tzinfo is None:
        raise ValueError("its time has no time zone")
    if not all(isinstance(digest, str) for digest in values["sessions"]):
        raise ValueError("its sessions are no digests")
    known = {name: values[name] for name in FIELDS}
    return Erasure(**(known | {"id": UUID(values["id"]), "at": at}))


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
