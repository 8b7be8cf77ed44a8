"""What was made from a person's data, and taking it out of use once they are erased.

A snapshot holds a person when their rater id stands in one of its tables. A report holds
whom its snapshot holds, a sweep whom its report holds: found through the jobs' records
and through the manifests, which name every input by hash, so that a folder made by hand
beside the jobs' is found too.

The files are deleted and not put aside: a copy put aside still holds the person. What
stays is the record, and in the folder a note with the manifest's hash, so that a hash
quoted somewhere can still be recognised. Everybody else's data are in the database, and
the way from a click to a figure can be walked again.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import Q

from alignment.errors import FolderError
from alignment.folders import LOCK, MANIFEST, sha256_of
from collection.disclosure import released_id
from collection.jobs import FOLDERS, UNFINISHED, cancel, studies_folder
from collection.models import JobRecord, Participant, SnapshotRecord, Study

NOTE = "superseded.json"
# What a job's parameters call the jobs whose results it reads.
_SOURCES = ("report", "first", "second")
REASON = "it holds answers of a person whose data were erased since"


@dataclass(frozen=True)
class Holding:
    """Everything that holds one person.

    loose: Results folders that no job wrote, found through their manifests.
    """

    snapshots: list[SnapshotRecord] = field(default_factory=list)
    jobs: list[JobRecord] = field(default_factory=list)
    loose: list[Path] = field(default_factory=list)

    @property
    def reports(self) -> list[JobRecord]:
        return [job for job in self.jobs if job.kind == "report"]

    @property
    def sweeps(self) -> list[JobRecord]:
        return [job for job in self.jobs if job.kind == "sweep"]

    def numbers(self) -> dict[str, list[int]]:
        """As a tombstone names them."""
        return {
            "snapshots": [snapshot.number for snapshot in self.snapshots],
            "reports": [job.pk for job in self.reports],
            "sweeps": [job.pk for job in self.sweeps],
        }


def holding(participant: Participant) -> Holding:
    """What holds this person now; what was superseded before is not named again."""
    snapshots = [
        snapshot
        for snapshot in participant.study.snapshots.filter(superseded_at=None)
        if snapshot_holds(snapshot, participant)
    ]
    return made_from(participant.study, snapshots)


def made_from(study: Study, snapshots: list[SnapshotRecord]) -> Holding:
    """These snapshots, and whatever was made from them, however far down the road."""
    numbers = {snapshot.number for snapshot in snapshots}
    folders = {snapshot.folder for snapshot in snapshots}
    hashes = {snapshot.sha256 for snapshot in snapshots}
    jobs = {
        job.pk: job
        for job in study.jobs.filter(
            Q(kind="freeze", result_folder__in=folders)
            | Q(kind__in=("report", "ask", "dataset"), parameters__snapshot__in=numbers)
        )
    }
    rest = {
        job.pk: job
        for job in study.jobs.filter(superseded_at=None).exclude(pk__in=jobs)
    }
    inputs = {path: _inputs(path) for path in _results_folders(study)}
    loose: list[Path] = []
    grown = True
    while grown:
        hashes |= {_hash(job.result_folder) for job in jobs.values()}
        hashes |= {_hash(path) for path in loose}
        hashes.discard("")
        more = [
            job
            for job in rest.values()
            if any(job.parameters.get(source) in jobs for source in _SOURCES)
            or hashes & _inputs(Path(job.result_folder or "-"))
        ]
        for job in more:
            jobs[job.pk] = rest.pop(job.pk)
        own = {job.result_folder for job in [*jobs.values(), *rest.values()]} | folders
        found = [
            path
            for path, named in inputs.items()
            if hashes & named and path not in loose and str(path) not in own
        ]
        loose += found
        grown = bool(more or found)
    current = [job for job in jobs.values() if job.superseded_at is None]
    return Holding(snapshots, sorted(current, key=lambda job: job.pk), sorted(loose))


def mark(held: Holding, at: datetime, reason: str = REASON) -> None:
    """Take these out of use, inside the caller's transaction; running work is stopped.

    The files go afterwards: `delete_files`.
    """
    for job in held.jobs:
        if job.status in UNFINISHED:
            cancel(job)
    marks = {"superseded_at": at, "superseded_reason": reason}
    SnapshotRecord.objects.filter(pk__in=_keys(held.snapshots)).update(**marks)
    JobRecord.objects.filter(pk__in=_keys(held.jobs)).update(**marks)


def delete_files() -> int:
    """Delete the files of everything that is superseded; returns how many folders.

    Safe to repeat, and repeated by the worker: a job that was just being stopped may
    have written once more.
    """
    snapshots = SnapshotRecord.objects.exclude(superseded_at=None)
    jobs = JobRecord.objects.exclude(superseded_at=None).exclude(result_folder="")
    records: Iterable[tuple[str, str, datetime | None]] = [
        *((r.folder, r.superseded_reason, r.superseded_at) for r in snapshots),
        *((r.result_folder, r.superseded_reason, r.superseded_at) for r in jobs),
    ]
    return sum(
        clear(Path(folder), at, reason)
        for folder, reason, at in dict.fromkeys(records)
        if at is not None
    )


def clear(folder: Path, at: datetime, reason: str = REASON) -> bool:
    """Delete what lies in a results folder but for a note; whether anything did.

    In the site's own folders everything goes. In one that somebody named elsewhere only
    what its manifest lists is ours to delete.
    """
    if not folder.is_dir():
        return False
    ours = folder.resolve().is_relative_to(Path(settings.VAR).resolve())
    manifest = _manifest(folder)
    hashed = _hash(folder)
    listed = [*manifest.get("files", {}), MANIFEST] if manifest else []
    doomed = (
        [path for path in folder.iterdir() if path.name not in (NOTE, LOCK)]
        if ours
        else [folder / name for name in listed if (folder / name).is_file()]
    )
    for path in doomed:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    if doomed and not (folder / NOTE).exists():
        note = {
            "manifest_sha256": hashed,
            "reason": reason,
            "superseded_at": at.isoformat(),
        }
        (folder / NOTE).write_text(json.dumps(note, indent=2) + "\n")
    return bool(doomed)


def snapshot_holds(snapshot: SnapshotRecord, participant: Participant) -> bool:
    """Whether the person's rater id stands in one of the snapshot's tables.

    Where the files are gone nobody can look: then every snapshot holds the person that
    was made after they came.
    """
    folder = Path(snapshot.folder)
    rater_id = participant.rater_id
    if snapshot.release_key:
        rater_id = released_id(snapshot.release_key, rater_id)
    tables = sorted(folder.glob("*.csv"))
    if not (folder / MANIFEST).is_file() or not tables:
        return snapshot.created_at >= participant.created_at
    return any(_mentions(table, rater_id) for table in tables)


def _mentions(table: Path, rater_id: str) -> bool:
    with table.open(encoding="utf-8") as lines:
        return any(rater_id in line for line in lines)


def _results_folders(study: Study) -> list[Path]:
    home = studies_folder(study)
    return [
        path
        for kind in FOLDERS.values()
        for path in sorted((home / kind).glob("*"))
        if (path / MANIFEST).is_file()
    ]


def _manifest(folder: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError):
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if isinstance(manifest, dict):
            return manifest
    return {}


def _inputs(folder: Path) -> set[str]:
    """The hashes of what a results folder was made from."""
    return {str(value) for value in _manifest(folder).get("inputs", {}).values()}


def _hash(folder: Path | str) -> str:
    """The hash by which a finished folder is named; "" for any other."""
    with suppress(FolderError, OSError):
        if folder:
            return sha256_of(Path(folder) / MANIFEST)
    return ""


def _keys(records: Collection[SnapshotRecord] | Collection[JobRecord]) -> list[int]:
    return [record.pk for record in records]
