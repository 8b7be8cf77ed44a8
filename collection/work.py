"""One short function per kind of job: which command it runs, on which folders.

Each is a procrastinate task, done by ``manage.py procrastinate worker``; the queue is a
table of the same PostgreSQL. To add a kind of job: a command, a task, a row of ``TASKS``
and ``COMMANDS``, and its folder in ``jobs.FOLDERS`` if it leaves one.

The web process imports this module to enqueue: it must stay free of numpy and torch.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from procrastinate.contrib.django import app
from procrastinate.jobs import Status

from collection import (
    identities,
    jobs,
    limits,
    live_asking,
    raters_files,
    superseding,
    triplet_worker,
)
from collection.errors import SupersededResult
from collection.models import JobRecord, SnapshotRecord
from collection.spec_documents import as_toml

ROOT = Path(__file__).resolve().parent.parent
SPECS = ROOT / "bandits" / "specs"
MAX_ATTEMPTS = 3
# Jobs that fill the machine take turns; short ones pass them in the worker's other places.
ONE_AT_A_TIME = "fills the machine"
# A worker that has not written a heartbeat for this long is taken for dead.
STALLED_AFTER_S = 30.0


def freeze_command(record: JobRecord) -> list[str]:
    """Freeze the study's judgments into a new snapshot.

    Parameters: ``use`` (of the data; ``this_study`` when left out).
    """
    assert record.study is not None
    command = [sys.executable, "manage.py", "freezestudy", record.study.slug]
    if "use" in record.parameters:
        command += ["--use", str(record.parameters["use"])]
    return command


def quality_command(record: JobRecord) -> list[str]:
    """Judge the study's sessions by the rules of its last run; leaves no folder."""
    assert record.study is not None
    return [sys.executable, "manage.py", "judgequality", record.study.slug, "--again"]


def report_command(record: JobRecord) -> list[str]:
    """Write the alignment report of a snapshot.

    Parameters: ``snapshot`` (its number in the study), ``chat_pairs`` (how many pairs
    the chat model is asked; 0 leaves it out), ``raters`` (names, in a list or separated
    by commas; the report's own choice when left out).
    """
    snapshot = _snapshot(record)
    command = [sys.executable, "-m", "alignment", "report", snapshot.folder]
    command += ["--out", record.result_folder]
    command += ["--cache", str(settings.VAR / "cache" / "chat")]
    if "chat_pairs" in record.parameters:
        command += ["--chat-pairs", str(record.parameters["chat_pairs"])]
    if "raters" in record.parameters:
        command += raters_files.arguments(record.parameters["raters"])
    return command


def dataset_command(record: JobRecord) -> list[str]:
    """Write a snapshot as a dataset that others can load and cite.

    Parameters: ``snapshot`` (its number in the study), ``license`` (of an open release;
    the first of the known ones when left out).
    """
    assert record.study is not None
    snapshot = SnapshotRecord.objects.get(
        study=record.study, number=record.parameters["snapshot"]
    )
    _in_use(snapshot, f"Snapshot {snapshot.number}")
    command = [sys.executable, "manage.py", "exportdataset", record.study.slug]
    command += ["--snapshot", str(snapshot.number), "--out", record.result_folder]
    if "license" in record.parameters:
        command += ["--license", str(record.parameters["license"])]
    return command


def ask_command(record: JobRecord) -> list[str]:
    """Ask model raters what a snapshot's people were asked, and keep all they answer.

    What was answered already is not asked again: a job that was cut off goes on, and a
    report on the same snapshot finds the answers there.

    Parameters: ``snapshot`` (its number), ``raters`` (names, as ``offered_raters`` has
    them), ``chat_pairs`` (how many pairs the built-in chat model is asked).
    """
    snapshot = _snapshot(record)
    command = [sys.executable, "-m", "alignment", "ask", snapshot.folder]
    command += ["--out", record.result_folder]
    command += raters_files.arguments(record.parameters["raters"])
    command += ["--cache", str(settings.VAR / "cache" / "chat")]
    return [*command, "--chat-pairs", str(record.parameters["chat_pairs"])]


def sweep_command(record: JobRecord) -> list[str]:
    """Run a bandit sweep on a report; what an interrupted one finished is kept.

    Parameters: ``report`` (the number of the job that wrote it), and ``document`` (a
    whole spec) or ``spec`` (the name of a built-in one: a file in ``bandits/specs``,
    without its ending).
    """
    report = _report(record)
    command = [sys.executable, "-m", "bandits", "sweep", _spec(record)]
    command += ["--from", report.result_folder, "--out", record.result_folder]
    return [*command, "--resume"]


def check_command(record: JobRecord) -> list[str]:
    """Tell a sweep's faults, or what it will take; parameters as of a sweep."""
    report = _report(record)
    command = [sys.executable, "-m", "bandits", "check", _spec(record)]
    return [*command, "--from", report.result_folder]


def comparison_command(record: JobRecord) -> list[str]:
    """Set two sweeps of a study side by side.

    Parameters: ``first`` and ``second``, the numbers of the jobs that made them.
    """
    command = [sys.executable, "-m", "bandits", "compare"]
    for side in ("first", "second"):
        sweep = JobRecord.objects.get(
            study=record.study, kind="sweep", pk=record.parameters[side]
        )
        _in_use(sweep, f"Sweep {sweep.pk}")
        command.append(sweep.result_folder)
    return [*command, "--out", record.result_folder]


def _snapshot(record: JobRecord) -> SnapshotRecord:
    snapshot = SnapshotRecord.objects.get(
        study=record.study, number=record.parameters["snapshot"]
    )
    _in_use(snapshot, f"Snapshot {snapshot.number}")
    return snapshot


def _report(record: JobRecord) -> JobRecord:
    report = JobRecord.objects.get(
        study=record.study, kind="report", pk=record.parameters["report"]
    )
    _in_use(report, f"Report {report.pk}")
    return report


def _spec(record: JobRecord) -> str:
    """A built-in spec's name, or the file of the job's own document."""
    if "document" not in record.parameters:
        return str(record.parameters["spec"])
    assert record.study is not None
    folder = jobs.studies_folder(record.study) / "specs"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{record.pk}.toml"
    file.write_text(as_toml(record.parameters["document"]), encoding="utf-8")
    return str(file)


def simulate_command(record: JobRecord) -> list[str]:
    """Let simulated participants walk through a pilot; leaves no folder.

    Parameters: ``sessions`` (how many come).
    """
    assert record.study is not None
    command = [sys.executable, "manage.py", "simulateparticipants", record.study.slug]
    return [*command, "--sessions", str(record.parameters["sessions"])]


def _in_use(source: SnapshotRecord | JobRecord, name: str) -> None:
    if source.superseded_at is not None:
        raise SupersededResult(
            f"{name} is superseded: {source.superseded_reason}. Make a new one first."
        )


@app.task(name="freeze", queue="jobs", lock=ONE_AT_A_TIME)
def freeze(record_id: int) -> None:
    jobs.perform(record_id, freeze_command)


@app.task(name="quality", queue="jobs", lock=ONE_AT_A_TIME)
def quality(record_id: int) -> None:
    jobs.perform(record_id, quality_command)


@app.task(name="simulate", queue="jobs")
def simulate(record_id: int) -> None:
    jobs.perform(record_id, simulate_command)


@app.task(name="report", queue="jobs", lock=ONE_AT_A_TIME)
def report(record_id: int) -> None:
    jobs.perform(record_id, report_command)


@app.task(name="ask", queue="jobs", lock=ONE_AT_A_TIME)
def ask(record_id: int) -> None:
    jobs.perform(record_id, ask_command)


@app.task(name="sweep", queue="jobs", lock=ONE_AT_A_TIME)
def sweep(record_id: int) -> None:
    jobs.perform(record_id, sweep_command)


@app.task(name="dataset", queue="jobs", lock=ONE_AT_A_TIME)
def dataset(record_id: int) -> None:
    jobs.perform(record_id, dataset_command)


@app.task(name="check", queue="jobs")
def check(record_id: int) -> None:
    """Short: whoever waits for a forecast does not wait for another's sweep."""
    jobs.perform(record_id, check_command)


@app.task(name="comparison", queue="jobs", lock=ONE_AT_A_TIME)
def comparison(record_id: int) -> None:
    jobs.perform(record_id, comparison_command)


@app.task(name="measure_agreement", queue="jobs")
def measure_agreement(study_id: int, simulated: bool) -> None:
    """No button and no record: whoever looks at the live view asks for it."""
    live_asking.measure(study_id, simulated)


@app.task(name="score_triplets", queue="jobs")
def score_triplets(study_id: int, simulated: bool) -> None:
    """No button and no record: the trials that run out of candidates ask for it."""
    triplet_worker.choose(study_id, simulated)


TASKS: dict[str, Any] = {
    "freeze": freeze,
    "quality": quality,
    "ask": ask,
    "report": report,
    "simulate": simulate,
    "sweep": sweep,
    "check": check,
    "comparison": comparison,
    "dataset": dataset,
}
COMMANDS: dict[str, jobs.Command] = {
    "freeze": freeze_command,
    "quality": quality_command,
    "ask": ask_command,
    "report": report_command,
    "simulate": simulate_command,
    "sweep": sweep_command,
    "check": check_command,
    "comparison": comparison_command,
    "dataset": dataset_command,
}


@app.periodic(cron="17 * * * *")
@app.task(name="retention", queue="jobs", queueing_lock="retention")
def retention(timestamp: int) -> None:
    """Every hour: forget who people are whose time is up, and finish deleting files."""
    identities.purge()
    limits.forget()
    superseding.delete_files()


@app.periodic(cron="* * * * *")
@app.task(name="rescue", queue="jobs", queueing_lock="rescue", pass_context=True)
async def rescue(context: Any, timestamp: int) -> None:
    """Put jobs back on the queue whose worker was killed; give up after three times."""
    manager = context.app.job_manager
    for job in await manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_AFTER_S):
        if job.attempts + 1 < MAX_ATTEMPTS:
            await manager.retry_job(job)
            continue
        await manager.finish_job(job, status=Status.FAILED, delete_job=False)
        if "record_id" in job.task_kwargs:
            await _give_up(job.task_kwargs["record_id"])


async def _give_up(record_id: int) -> None:
    from asgiref.sync import sync_to_async

    await sync_to_async(jobs.give_up)(
        record_id,
        f"The worker was killed {MAX_ATTEMPTS} times while it did this job, perhaps "
        "because the machine ran out of memory. It is not tried again.",
    )
