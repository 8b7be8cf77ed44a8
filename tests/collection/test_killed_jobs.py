"""Real workers, killed with -9 in the middle of real jobs that leave a folder."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from alignment.folders import read_manifest
from collection import jobs, serving, work
from collection.models import JobRecord, SnapshotRecord, Study
from tests import factories
from tests.alignment.conftest import write_small_snapshot
from tests.queue_work import let_a_worker_work

# Real reports and sweeps, twice each.
pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def study(outside_var: Path) -> Study:
    """A study with a snapshot of eight actions, and an empty queue."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE procrastinate_jobs, procrastinate_workers CASCADE")
    study = factories.open_study()
    SnapshotRecord.objects.create(
        study=study,
        number=1,
        folder=str(write_small_snapshot(outside_var / "small")),
        sha256="0" * 64,
        simulated=True,
        n_judgments=1,
    )
    return study


def test_what_a_killed_worker_did_is_taken_up_in_its_folder(study: Study) -> None:
    asked = {"snapshot": 1, "raters": "length,words", "chat_pairs": 0}
    interrupted(study, "ask", asked, "answers", _began)
    report = interrupted(study, "report", asked, "report", _began)
    document = {
        "n_runs": 400,
        "agents": ["gp_thompson", "svr"],
        "kernels": ["human", "length", "words"],
        "forms": ["matched"],
        "dimensions": ["morality"],
        "alignment_resamples": 5,
        "phases": {"personalization_steps": 300, "generalization_steps": 20},
    }
    parameters = {"report": report.pk, "document": document}
    interrupted(study, "sweep", parameters, "sweep", _has_shards)


def interrupted(
    study: Study,
    kind: str,
    parameters: dict[str, Any],
    made: str,
    far_enough: Callable[[JobRecord], bool],
) -> JobRecord:
    """Kill a job's worker while it works, and see the next worker finish it.

    Args:
        made: The kind that the manifest of the folder says.
        far_enough: Whether there is something to be interrupted.
    """
    record = jobs.enqueue(study, kind, parameters)
    worker = subprocess.Popen(
        serving.worker_command(),
        env=serving.child_environment(),
        cwd=settings.BASE_DIR,
    )
    try:
        until = time.monotonic() + 90
        while not far_enough(record):
            assert time.monotonic() < until, (kind, record.status, record.error)
            time.sleep(0.02)
            record.refresh_from_db()
    finally:
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
    record.refresh_from_db()
    assert record.status == JobRecord.Status.RUNNING, kind
    folder = record.result_folder
    assert not (Path(folder) / "manifest.json").exists(), kind

    with connection.cursor() as cursor:  # two minutes go by
        cursor.execute(
            "UPDATE procrastinate_workers "
            "SET last_heartbeat = now() - interval '2 minutes'"
        )
    work.rescue.defer(timestamp=0)
    let_a_worker_work()
    let_a_worker_work()

    record.refresh_from_db()
    assert (record.status, record.error) == (JobRecord.Status.DONE, ""), kind
    assert record.result_folder == folder
    assert read_manifest(Path(folder), made)["files"]
    return record


def _began(record: JobRecord) -> bool:
    return record.status == JobRecord.Status.RUNNING and record.result_folder != ""


def _has_shards(record: JobRecord) -> bool:
    if not _began(record):
        return False
    return any((Path(record.result_folder) / "shards").glob("*.parquet"))
