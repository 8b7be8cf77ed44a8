"""A sweep that a researcher's button started, and whose worker is killed with -9."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connection

from alignment.folders import read_manifest
from collection import jobs, leash, serving, work
from collection.models import JobRecord, Study
from tests import factories
from tests.queue_work import let_a_worker_work

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE_S = 120.0
# An agent without a compiled form, so that the worker can be met at work.
DOCUMENT = {
    "n_runs": 800,
    "agents": ["gp_gated"],
    "kernels": ["human", "model-0"],
    "dimensions": ["morality"],
    "alignment_resamples": 5,
    "phases": {"personalization_steps": 20, "generalization_steps": 10},
}


@pytest.fixture
def study(outside_var: Path) -> Study:
    # The queue's tables are not Django's own: nobody else empties them between tests.
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE procrastinate_jobs, procrastinate_workers CASCADE")
    return factories.open_study()


def test_the_next_worker_goes_on_where_the_killed_one_stood(
    study: Study, make_report: Callable[..., Path]
) -> None:
    report = JobRecord.objects.create(
        kind="report",
        study=study,
        status=JobRecord.Status.DONE,
        result_folder=str(make_report(models=1)),
    )
    record = jobs.enqueue(study, "sweep", {"report": report.pk, "document": DOCUMENT})

    with a_worker() as worker:
        until(lambda: len(shards(record)) >= 3)
        os.kill(worker, signal.SIGKILL)
        until(lambda: not is_alive(worker))
    record.refresh_from_db()
    assert record.status == JobRecord.Status.RUNNING
    until(lambda: not still_sweeping(record))
    finished = {shard: shard.stat().st_mtime_ns for shard in shards(record)}
    heartbeats_were("2 minutes")
    work.rescue.defer(timestamp=0)
    with ThreadPoolExecutor(1) as aside:
        working = aside.submit(let_a_worker_work, delete_jobs="never")
        rewritten: set[Path] = set()
        while not working.done():
            rewritten |= {shard for shard, at in finished.items() if changed(shard, at)}
            time.sleep(0.02)
        working.result()

    record.refresh_from_db()
    assert (record.status, record.error) == (JobRecord.Status.DONE, "")
    assert read_manifest(Path(record.result_folder), "sweep")
    assert len(finished) >= 3
    assert rewritten == set()


def changed(shard: Path, written_at: int) -> bool:
    """Whether it was written anew. Once all are told in tables, none is there."""
    try:
        return shard.stat().st_mtime_ns != written_at
    except FileNotFoundError:
        return False


def shards(record: JobRecord) -> set[Path]:
    """Those that are whole: a shard's header is written last."""
    record.refresh_from_db()
    if not record.result_folder:
        return set()
    return set((Path(record.result_folder) / "shards").glob("*.json"))


@contextmanager
def a_worker() -> Iterator[int]:
    """The worker of ``make serve``; yields its own process, not its leash's."""
    process = leash.start(serving.worker_command(), env=serving.child_environment())
    try:
        found: list[int] = []
        until(lambda: bool(found.extend(children(process.pid)) or found))
        yield found[0]
    finally:
        leash.stop(process)


def children(pid: int) -> list[int]:
    told = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(pid)],
        check=False,
        capture_output=True,
        text=True,
    )
    return [int(line) for line in told.stdout.split()]


def is_alive(pid: int) -> bool:
    """Whether it runs; one that ended and was not yet waited for does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rsplit(")", 1)[1].split()[0] != "Z"


def still_sweeping(record: JobRecord) -> bool:
    """Whether anybody works on the record's folder."""
    folder = record.result_folder.encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if folder in (entry / "cmdline").read_bytes():
                    return True
            except OSError:
                continue
    return False


def heartbeats_were(ago: str) -> None:
    """As if the time had passed after which a silent worker is taken for dead."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE procrastinate_workers SET last_heartbeat = now() - %s::interval",
            [ago],
        )


def until(what: Callable[[], bool]) -> None:
    """Until it is so; no longer than a patient person waits."""
    end = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < end
        time.sleep(0.02)
