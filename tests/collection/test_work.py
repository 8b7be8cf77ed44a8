"""Jobs, done by a real worker from a real queue, and by real child processes."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from procrastinate.contrib.django.models import ProcrastinateJob

from alignment.folders import read_manifest
from collection import jobs, leash, serving, work
from collection.models import JobRecord, Study
from collection.recruitment import tasks
from tests import factories
from tests.queue_work import let_a_worker_work

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _own_folder(outside_var: Path) -> None:
    """Results of these jobs lie in the test's own folder."""


@pytest.fixture
def study() -> Study:
    # The queue's tables are not Django's own: nobody else empties them between tests.
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE procrastinate_jobs, procrastinate_workers CASCADE")
    return factories.open_study()


def python(code: str) -> jobs.Command:
    """A job's command that runs a line of Python."""
    return lambda record: [sys.executable, "-c", code, record.result_folder]


# ------------------------------------------------------------------ queue and worker


def test_a_button_press_ends_in_a_snapshot(study: Study) -> None:
    factories.ada(study)
    record = jobs.enqueue(study, "freeze")

    let_a_worker_work(delete_jobs="never")

    record.refresh_from_db()
    snapshot = study.snapshots.get()
    assert (record.status, record.error) == (JobRecord.Status.DONE, "")
    assert record.result_folder == snapshot.folder
    assert record.finished_at is not None
    assert read_manifest(Path(snapshot.folder), "snapshot")["study"] == "tiny"
    assert Path(snapshot.folder).parent == jobs.studies_folder(study) / "snapshots"


def test_a_quality_job_stores_a_run_and_leaves_no_folder(study: Study) -> None:
    factories.ada(study)
    record = jobs.enqueue(study, "quality")

    let_a_worker_work(delete_jobs="never")

    record.refresh_from_db()
    assert (record.status, record.error) == (JobRecord.Status.DONE, "")
    assert record.result_folder == ""
    assert [run.n_sessions for run in study.quality_runs.all()] == [1]


def test_a_refused_job_fails_with_the_refusal_as_its_reason(study: Study) -> None:
    record = jobs.enqueue(study, "freeze")

    let_a_worker_work(delete_jobs="never")

    record.refresh_from_db()
    assert record.status == JobRecord.Status.FAILED
    assert record.error.partition("\n")[0] == "Study tiny holds no answers yet."
    assert not record.error.startswith("CommandError")


def test_an_unfinished_job_is_not_enqueued_twice(study: Study) -> None:
    first = jobs.enqueue(study, "freeze")
    again = jobs.enqueue(study, "freeze")
    jobs.cancel(first)
    later = jobs.enqueue(study, "freeze")

    assert again == first
    assert later != first


def test_nothing_is_queued_when_the_record_is_rolled_back(study: Study) -> None:
    with transaction.atomic():
        jobs.enqueue(study, "freeze")
        transaction.set_rollback(True)

    assert not ProcrastinateJob.objects.filter(task_name="freeze").exists()
    assert not JobRecord.objects.exists()


def test_a_job_whose_worker_was_killed_is_done_by_the_next(study: Study) -> None:
    factories.ada(study)
    record = jobs.enqueue(study, "freeze")
    _pretend_a_worker_died_with(record)

    _rescue()
    let_a_worker_work(delete_jobs="never")

    record.refresh_from_db()
    assert record.status == JobRecord.Status.DONE
    assert study.snapshots.count() == 1


def test_a_job_that_kills_its_workers_is_given_up(study: Study) -> None:
    record = jobs.enqueue(study, "freeze")
    _pretend_a_worker_died_with(record, attempts=work.MAX_ATTEMPTS - 1)

    _rescue()

    record.refresh_from_db()
    assert record.status == JobRecord.Status.FAILED
    assert record.error.startswith("The worker was killed 3 times")
    assert ProcrastinateJob.objects.get(task_name="freeze").status == "failed"


def test_the_worker_of_make_serve_does_the_jobs(study: Study) -> None:
    factories.ada(study)
    record = jobs.enqueue(study, "freeze")
    worker = leash.start(
        serving.worker_command(),
        env=serving.child_environment(),
    )
    try:
        _until(lambda: _status(record) == JobRecord.Status.DONE, seconds=60)
    finally:
        leash.stop(worker)

    assert study.snapshots.count() == 1


def test_short_jobs_pass_a_long_one_and_long_ones_take_turns(study: Study) -> None:
    long = jobs.enqueue(study, "freeze")
    jobs.enqueue(study, "quality")
    tasks.reconcile_study.defer(study_id=study.pk)
    with transaction.atomic():
        # Whoever takes the job up waits here, as long as a sweep takes.
        JobRecord.objects.select_for_update().get(pk=long.pk)
        worker = leash.start(serving.worker_command(), env=serving.child_environment())
        try:
            _until(lambda: _queued("reconcile-study") == "succeeded", seconds=60)
            assert (_queued("freeze"), _queued("quality")) == ("doing", "todo")
        finally:
            leash.stop(worker)


# ------------------------------------------------------------------ the child process


def test_progress_reaches_the_record_while_the_command_runs(study: Study) -> None:
    record = JobRecord.objects.create(kind="report", study=study)
    seen = []

    def look(line: str) -> None:
        if line == "half":
            _until(lambda: JobRecord.objects.filter(done=5).exists())
            seen.append(line)
        connection.close()  # this runs in the reader's thread

    ended = jobs.perform(
        record.pk,
        python(
            "import time\n"
            "from alignment.progress import Progress\n"
            "with Progress('pairs', 10) as progress:\n"
            "    time.sleep(0.6); progress.advance(5); print('half', flush=True)\n"
            "    time.sleep(1.0); progress.advance(5)\n"
        ),
        listener=look,
    )

    assert seen == ["half"]
    assert (ended.stage, ended.done, ended.total) == ("pairs", 10, 10)
    assert ended.status == JobRecord.Status.DONE


def test_a_traceback_is_folded_behind_its_last_line(study: Study) -> None:
    record = JobRecord.objects.create(kind="report", study=study)

    ended = jobs.perform(record.pk, python("raise ValueError('needs 50 actions')"))

    reason, _, told = ended.error.partition("\n")
    assert ended.status == JobRecord.Status.FAILED
    assert reason == "needs 50 actions"
    assert "Traceback (most recent call last)" in told


def test_a_cancelled_job_stops_its_command(study: Study, tmp_path: Path) -> None:
    record = JobRecord.objects.create(kind="report", study=study)

    def cancel(line: str) -> None:
        jobs.cancel(record)
        connection.close()

    started = time.monotonic()
    ended = jobs.perform(
        record.pk,
        python("import time; print('started', flush=True); time.sleep(60)"),
        listener=cancel,
    )

    assert ended.status == JobRecord.Status.CANCELLED
    assert ended.error == ""
    assert time.monotonic() - started < 30


def test_a_job_that_has_ended_is_not_done_again(study: Study) -> None:
    record = JobRecord.objects.create(kind="report", study=study)
    lines: list[str] = []

    for _ in range(2):
        jobs.perform(record.pk, python("print('worked')"), listener=lines.append)

    assert lines == ["worked"]


def test_a_job_that_was_cut_off_goes_on_in_its_folder(study: Study) -> None:
    record = JobRecord.objects.create(
        kind="report",
        study=study,
        status=JobRecord.Status.RUNNING,
        result_folder="/where/it/was",
    )
    lines: list[str] = []

    jobs.perform(
        record.pk, python("import sys; print(sys.argv[1])"), listener=lines.append
    )

    assert lines == ["/where/it/was"]


def test_results_of_one_study_and_kind_are_numbered(study: Study) -> None:
    folders = []
    for kind in ("report", "report", "sweep"):
        record = JobRecord.objects.create(kind=kind, study=study)
        ended = jobs.perform(record.pk, python("pass"))
        folders.append(Path(ended.result_folder))

    home = jobs.studies_folder(study)
    assert folders == [home / "reports/1", home / "reports/2", home / "sweeps/1"]
    assert all(folder.is_dir() for folder in folders)


@pytest.mark.parametrize(
    ("lines", "status", "reason"),
    [
        (["pairs: 3 of 9", "CommandError: no such study"], 1, "no such study"),
        (["  alignment.errors.FolderInUse: held", ""], 1, "held"),
        (["a.toml: 2 faults", "x: no", "y: no"], 1, "a.toml: 2 faults: x: no"),
        (["The spec has 1 fault:", "  x: no"], 1, "The spec has 1 fault: x: no"),
        ([], 3, "The command ended with status 3 and said nothing."),
        (["pairs: 3 of 9"], 128 + signal.SIGKILL, "The process was killed, perhaps"),
    ],
)
def test_the_reason_is_one_line_that_a_person_can_act_on(
    lines: list[str], status: int, reason: str
) -> None:
    assert jobs.reason_of(lines, status).startswith(reason)


def test_commands_name_the_folders_they_read_and_write(study: Study) -> None:
    factories.ada(study)
    call_command("freezestudy", study.slug, verbosity=0)
    report = JobRecord(
        kind="report",
        study=study,
        parameters={"snapshot": 1, "chat_pairs": 7},
        result_folder="/out/1",
    )
    report.save()
    sweep = JobRecord(
        kind="sweep",
        study=study,
        parameters={"report": report.pk, "spec": "default"},
        result_folder="/out/2",
    )

    told = " ".join(map(str, work.report_command(report)))
    swept = " ".join(map(str, work.sweep_command(sweep)))

    assert f"alignment report {study.snapshots.get().folder} --out /out/1" in told
    assert "--chat-pairs 7" in told
    assert "bandits sweep default --from /out/1 --out /out/2 --resume" in swept


# ------------------------------------------------------------------ the pieces


def _rescue() -> None:
    """What the periodic task does each minute."""
    work.rescue.defer(timestamp=0)
    let_a_worker_work(delete_jobs="never")


def _pretend_a_worker_died_with(record: JobRecord, attempts: int = 0) -> None:
    """The queue as a worker leaves it that was killed with -9 two minutes ago."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_workers (last_heartbeat) "
            "VALUES (now() - interval '2 minutes') RETURNING id"
        )
        (worker,) = cursor.fetchone()
        cursor.execute(
            "UPDATE procrastinate_jobs SET status = 'doing', worker_id = %s, "
            "attempts = %s WHERE task_name = 'freeze'",
            [worker, attempts],
        )
    JobRecord.objects.filter(pk=record.pk).update(status=JobRecord.Status.RUNNING)


def _queued(task: str) -> str:
    status: str = ProcrastinateJob.objects.get(task_name=task).status
    return status


def _status(record: JobRecord) -> str:
    return JobRecord.objects.values_list("status", flat=True).get(pk=record.pk)


def _until(condition: object, seconds: float = 20) -> None:
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
