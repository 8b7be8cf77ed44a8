"""The stages of ``make demo``: the whole road from a click to a figure.

Each stage looks whether its result stands before it works, so that a second demo reuses
what the first one made, and an interrupted one goes on where it stopped. Snapshot,
report and sweep are the same jobs that a researcher's buttons start; only here nobody
waits for a worker.
"""

from __future__ import annotations

import os
import secrets
import time
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User

from alignment.errors import FolderError
from alignment.folders import read_manifest
from collection import access, jobs, work
from collection.models import JobRecord, Response, SnapshotRecord, Study

DEFINITION = Path(__file__).resolve().parent / "studies" / "everyday" / "study.toml"
CHAT_PAIRS = 10
RESEARCHER = "researcher"
KINDS = {"freeze": "snapshot", "report": "report", "sweep": "sweep"}


class StageFailed(RuntimeError):
    """A stage of the demo did not end well; the message is its one-line reason."""


@dataclass
class Timings:
    """Seconds per stage, in order; a stage whose result stood says so."""

    seconds: dict[str, float] = field(default_factory=dict)
    reused: set[str] = field(default_factory=set)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        started = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = time.monotonic() - started

    def lines(self) -> list[str]:
        """The table that the demo ends with."""
        rows = [
            f"  {name:<24}{seconds:>7.1f} s{'  (stood)' if name in self.reused else ''}"
            for name, seconds in self.seconds.items()
        ]
        return [*rows, f"  {'all':<24}{sum(self.seconds.values()):>7.1f} s"]


def slug_of(document: Path) -> str:
    """The slug that a study document names; the rest is read when it is loaded."""
    return str(tomllib.loads(document.read_text(encoding="utf-8"))["slug"])


def researcher_file() -> Path:
    """Where the demo researcher's name and password stand, for their owner alone."""
    return Path(settings.VAR) / "demo" / "researcher.txt"


def ensure_researcher(study: Study) -> tuple[User, str]:
    """The demo researcher and their password: made once, at random, and kept in a file.

    A password that no longer fits (a new database, a changed password) is replaced.
    """
    user, _ = User.objects.get_or_create(username=RESEARCHER)
    password = _kept_password()
    if not password or not user.check_password(password):
        password = secrets.token_urlsafe(12)
        user.set_password(password)
        user.save()
        _keep_password(password)
    access.grant(study, user, access.Role.OWNER)
    return user, password


def standing_snapshot(study: Study) -> SnapshotRecord | None:
    """The newest snapshot, if it is whole and holds every simulated answer."""
    record = study.snapshots.filter(simulated=True).order_by("number").last()
    if record is None or not _is_whole(Path(record.folder), "snapshot"):
        return None
    missed = Response.objects.filter(
        trial__session__study=study,
        trial__session__simulated=True,
        received_at__gt=record.created_at,
    )
    return None if missed.exists() else record


def standing_job(
    study: Study, kind: str, parameters: Mapping[str, object]
) -> JobRecord | None:
    """A finished report or sweep with these parameters whose folder is whole."""
    done = study.jobs.filter(
        kind=kind, parameters=dict(parameters), status=JobRecord.Status.DONE
    )
    for record in done:
        if _is_whole(Path(record.result_folder), KINDS[kind]):
            return record
    return None


def do_job(
    study: Study,
    kind: str,
    parameters: Mapping[str, object],
    *,
    by: User,
    listener: jobs.Listener,
) -> JobRecord:
    """Do a job here and now; one that an interrupted demo left goes on.

    Raises:
        StageFailed: with the job's one-line reason.
    """
    record = study.jobs.filter(
        kind=kind, parameters=dict(parameters), status=JobRecord.Status.RUNNING
    ).first() or JobRecord.objects.create(
        kind=kind, study=study, parameters=dict(parameters), created_by=by
    )
    record = jobs.perform(record.pk, work.COMMANDS[kind], listener=listener)
    if record.status != JobRecord.Status.DONE:
        reason = record.error.partition("\n")[0] or "it was cancelled"
        raise StageFailed(f"The {KINDS[kind]} was not made: {reason}")
    return record


def _is_whole(folder: Path, kind: str) -> bool:
    try:
        read_manifest(folder, kind)
    except FolderError:
        return False
    return True


def _kept_password() -> str:
    try:
        lines = researcher_file().read_text().splitlines()
    except FileNotFoundError:
        return ""
    kept = [line.partition(":")[2].strip() for line in lines if "password" in line]
    return kept[0] if kept else ""


def _keep_password(password: str) -> None:
    path = researcher_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    mine = path.with_suffix(f".{os.getpid()}")
    with os.fdopen(os.open(mine, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        file.write(f"name: {RESEARCHER}\npassword: {password}\n")
    mine.replace(path)
