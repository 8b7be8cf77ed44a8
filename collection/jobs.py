"""Do a job: run the library's own command in a child process and keep its record.

A button writes a :class:`JobRecord` and puts its number on the queue
(:func:`enqueue`); a worker takes it off and calls :func:`perform`. Which command a kind
of job runs is in ``work.py``. The child does the computing, so that the worker's
heartbeat goes on and its memory stays small.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from alignment.folders import MANIFEST
from collection import audit, leash
from collection.models import JobRecord, SnapshotRecord, Study
from collection.serving import child_environment

# Kinds of job that leave a folder, and where.
FOLDERS = {
    "freeze": "snapshots",
    "ask": "answers",
    "report": "reports",
    "sweep": "sweeps",
    "comparison": "comparisons",
    "dataset": "datasets",
}
UNFINISHED = (JobRecord.Status.QUEUED, JobRecord.Status.RUNNING)
_POLL_S = 0.25
_LINES_KEPT = 200
# As ``alignment.progress`` writes it: "pairs: 3 of 9, 0.5/s, 12 s left", "done in 3 s".
_PROGRESS = re.compile(r"^[\w ,]+: (?:[\d,]+ of [\d,]+|done in |[\d,]+ so far)")

Command = Callable[[JobRecord], Sequence[str | Path]]
Listener = Callable[[str], None]


def studies_folder(study: Study) -> Path:
    """Where everything derived from a study is written."""
    return Path(settings.VAR) / "studies" / study.slug


def enqueue(
    study: Study,
    kind: str,
    parameters: Mapping[str, object] | None = None,
    *,
    by: Any = None,
) -> JobRecord:
    """Record a job and put it on the queue, in one transaction.

    A job of this kind with these parameters that has not finished is returned instead:
    a second press of the button does not start the work twice.
    """
    from collection import work  # here, because work.py imports this module

    with transaction.atomic():
        # The study's row is the lock that makes two presses one after the other.
        Study.objects.select_for_update().get(pk=study.pk)
        standing = study.jobs.filter(
            kind=kind, parameters=dict(parameters or {}), status__in=UNFINISHED
        ).first()
        if standing is not None:
            return standing
        record = JobRecord.objects.create(
            kind=kind, study=study, parameters=dict(parameters or {}), created_by=by
        )
        work.TASKS[kind].defer(record_id=record.pk)
        audit.record(by, study, "job.started", kind=kind, job=record.pk)
    return record


def perform(
    record_id: int, command: Command, *, listener: Listener | None = None
) -> JobRecord:
    """Run one job to its end. Safe to repeat: what has ended is left as it is.

    A job that was cut off (its worker was killed) goes on in the folder it had.

    Args:
        command: Gives the command line; called after ``result_folder`` is set.
        listener: Is handed each line that the command writes, as it comes.

    Returns:
        The record as it ended: done, failed (``error`` has the reason in its first
        line, then what the command wrote) or cancelled.
    """
    started = JobRecord.objects.filter(pk=record_id, status__in=UNFINISHED).update(
        status=JobRecord.Status.RUNNING, error=""
    )
    record = JobRecord.objects.get(pk=record_id)
    if not started:
        return record
    try:
        claims = record.kind in FOLDERS and record.kind != "freeze"
        if claims and not record.result_folder:
            record.result_folder = str(claim_folder(record))
            record.save(update_fields=["result_folder"])
        elif claims and (Path(record.result_folder) / MANIFEST).is_file():
            # Its worker was killed between the folder's last file and this record's end.
            return _end(record, "")
        status, lines = _run(record, command(record), listener)
    except Exception as error:
        return _end(record, f"{error}\n{type(error).__name__}")
    if status != 0:
        return _end(record, f"{reason_of(lines, status)}\n" + "\n".join(lines))
    record.told = "\n".join(_said(lines))
    if record.kind == "freeze":
        record.result_folder = _newest_snapshot(record)
    return _end(record, "")


@transaction.atomic
def cancel(record: JobRecord, *, by: Any = None) -> bool:
    """Stop a job that has not ended. A running command notices within a second.

    Args:
        by: The account that stops it; None where nobody asked for it.
    """
    stopped = bool(
        JobRecord.objects.filter(pk=record.pk, status__in=UNFINISHED).update(
            status=JobRecord.Status.CANCELLED, finished_at=timezone.now()
        )
    )
    if stopped and by is not None:
        audit.record(by, record.study, "job.cancelled", kind=record.kind, job=record.pk)
    return stopped


def give_up(record_id: int, reason: str) -> None:
    """Mark a job as failed that no worker will take again."""
    JobRecord.objects.filter(pk=record_id, status__in=UNFINISHED).update(
        status=JobRecord.Status.FAILED, error=reason, finished_at=timezone.now()
    )


def claim_folder(record: JobRecord) -> Path:
    """A new numbered folder for a job's results: 1, 2, ... within study and kind."""
    assert record.study is not None
    parent = studies_folder(record.study) / FOLDERS[record.kind]
    parent.mkdir(parents=True, exist_ok=True)
    number = 1 + max(
        (int(path.name) for path in parent.iterdir() if path.name.isdigit()), default=0
    )
    while True:
        try:
            (parent / str(number)).mkdir()
        except FileExistsError:  # another job was first
            number += 1
        else:
            return parent / str(number)


def reason_of(lines: Sequence[str], status: int) -> str:
    """The one line that says why a command failed.

    A refusal is the last thing a command says; of a traceback, it is the last line.
    """
    said = [line.strip() for line in lines if line.strip()]
    if status in (137, -9):
        return "The process was killed, perhaps because the machine ran out of memory."
    if not said:
        return f"The command ended with status {status} and said nothing."
    reason = said[-1]
    for line, following in pairwise(said):
        # Of a list of faults, its count and the first one; the rest is folded.
        if re.search(r"\b\d+ faults?:?$", line):
            reason = f"{line.rstrip(':')}: {following}"
    return re.sub(r"^(?:[\w.]+(?:Error|Refused|InUse|Exception)|error): ", "", reason)


# ------------------------------------------------------------------ the pieces


def _run(
    record: JobRecord, command: Sequence[str | Path], listener: Listener | None
) -> tuple[int, list[str]]:
    """Run the command; its exit status and the last lines that it wrote."""
    lines: deque[str] = deque(maxlen=_LINES_KEPT)
    with tempfile.TemporaryDirectory(prefix="attune-job-") as folder:
        progress = Path(folder) / "progress.json"
        child = leash.start(
            command,
            env=child_environment({"ATTUNE_PROGRESS_FILE": str(progress)}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert child.stdout is not None
        reader = threading.Thread(
            target=_read, args=(child.stdout, lines, listener), daemon=True
        )
        reader.start()
        try:
            seen: tuple[object, ...] = ()
            while child.poll() is None:
                time.sleep(_POLL_S)
                seen = _copy_progress(record, progress, seen)
                if not _still_wanted(record):
                    leash.stop(child)
            _copy_progress(record, progress, seen)
        finally:
            status = leash.stop(child)
            reader.join(timeout=5)
            child.stdout.close()
    return status, list(lines)


def _read(stream: IO[bytes], lines: deque[str], listener: Listener | None) -> None:
    for raw in stream:
        # A carriage return redraws a line: what stands last is what was meant to stay.
        line = raw.decode(errors="replace").rstrip().rpartition("\r")[2]
        lines.append(line)
        if listener is not None:
            listener(line)


def _copy_progress(
    record: JobRecord, file: Path, seen: tuple[object, ...]
) -> tuple[object, ...]:
    try:
        told = json.loads(file.read_text())
        progress = (str(told["stage"])[:200], int(told["done"]), told["total"])
    except (OSError, ValueError, KeyError, TypeError):
        return seen
    if progress != seen:
        record.stage, record.done, record.total = progress
        record.save(update_fields=["stage", "done", "total"])
    return progress


def _said(lines: Sequence[str]) -> list[str]:
    """What a command said, without the progress that it told of meanwhile."""
    return [line for line in lines if line.strip() and not _PROGRESS.search(line)]


def _still_wanted(record: JobRecord) -> bool:
    return JobRecord.objects.filter(
        pk=record.pk, status=JobRecord.Status.RUNNING
    ).exists()


def _newest_snapshot(record: JobRecord) -> str:
    newest = SnapshotRecord.objects.filter(study=record.study).latest("number")
    return newest.folder


def _end(record: JobRecord, error: str) -> JobRecord:
    """Write how a job ended, unless somebody cancelled it meanwhile."""
    JobRecord.objects.filter(pk=record.pk, status=JobRecord.Status.RUNNING).update(
        status=JobRecord.Status.FAILED if error else JobRecord.Status.DONE,
        error=error.replace(os.linesep, "\n"),
        told=record.told,
        result_folder=record.result_folder,
        finished_at=timezone.now(),
    )
    record.refresh_from_db()
    return record
