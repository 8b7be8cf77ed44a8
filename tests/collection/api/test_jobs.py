"""Jobs over the API: what starting one takes, what it tells, and how it is stopped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from collection import jobs
from collection.api import job_requests
from collection.job_forms import FORMS
from collection.models import AuditRecord, JobRecord, SnapshotRecord
from tests.programs import Program
from tests.researchers import Site

pytestmark = pytest.mark.django_db

JOBS = "studies/tiny/jobs/"


@pytest.fixture
def site(outside_var: Path) -> Site:
    return Site(outside_var)


@pytest.fixture
def program(site: Site) -> Program:
    return Program.of(site.editor)


def start(program: Program, body: Any, *, status: int = 202) -> Any:
    return program.send("post", JOBS, body, status=status)


def test_a_started_job_can_be_followed_at_the_address_it_gives(
    site: Site, program: Program
) -> None:
    answer = program.ask(
        "post", JOBS, {"kind": "report", "parameters": {"snapshot": 1}}
    )
    job = program.get(answer["Location"])

    assert answer.status_code == 202
    assert job == json.loads(answer.content)
    assert (job["status"], job["kind"]) == ("queued", "report")
    assert job["parameters"] == {"snapshot": 1, "chat_pairs": 150}
    assert JobRecord.objects.get(pk=job["id"]).created_by == site.editor
    assert AuditRecord.objects.get(verb="job.started").by == "ed"


def test_starting_twice_starts_once(site: Site, program: Program) -> None:
    body = {"kind": "sweep", "parameters": {"report": site.report.pk}}

    assert start(program, body)["id"] == start(program, body)["id"]


def test_a_snapshot_is_named_by_its_number(site: Site, program: Program) -> None:
    second = SnapshotRecord.objects.create(
        study=site.study, number=7, folder="x", sha256="0", n_judgments=1
    )
    assert second.pk != 7

    job = start(program, {"kind": "report", "parameters": {"snapshot": 7}})

    assert job["parameters"]["snapshot"] == 7


@pytest.mark.parametrize(
    ("body", "place", "sentence"),
    [
        ([], "body", "A JSON object is needed."),
        ({}, "kind", "This must be one of quality, freeze, ask, report, sweep"),
        ({"kind": "erase"}, "kind", "This must be one of"),
        ({"kind": "freeze", "when": 1}, "when", "There is no such field"),
        (
            {"kind": "freeze", "parameters": []},
            "parameters",
            "A JSON object is needed.",
        ),
        (
            {"kind": "freeze", "parameters": {"uses": "x"}},
            "parameters.uses",
            "There is no such parameter; there are: use.",
        ),
        (
            {"kind": "freeze", "parameters": {"use": 1}},
            "parameters.use",
            "This must be a text.",
        ),
        ({"kind": "report"}, "parameters.snapshot", "This is needed."),
        (
            {"kind": "report", "parameters": {"snapshot": True}},
            "parameters.snapshot",
            "This must be a whole number.",
        ),
        (
            {"kind": "report", "parameters": {"snapshot": 1, "chat_pairs": 5001}},
            "parameters.chat_pairs",
            "This must be from 0 to 5000.",
        ),
        (
            {"kind": "sweep", "parameters": {"report": 1, "spec": " "}},
            "parameters.spec",
            "This must not be empty.",
        ),
    ],
)
def test_what_is_not_of_the_form_is_refused_by_its_place(
    program: Program, body: Any, place: str, sentence: str
) -> None:
    told = start(program, body, status=400)["error"]

    assert told["code"] == "invalid"
    assert told["fields"][place][0].startswith(sentence)
    assert JobRecord.objects.count() == 3


@pytest.mark.parametrize(
    ("kind", "parameters", "place", "sentence"),
    [
        (
            "report",
            {"snapshot": 9},
            "parameters.snapshot",
            "This study has no snapshot 9 in use.",
        ),
        (
            "sweep",
            {"report": 999},
            "parameters.report",
            "This study has no report 999 in",
        ),
        ("freeze", {"use": "to_sell"}, "parameters.use", "Select a valid choice."),
    ],
)
def test_what_the_study_does_not_have_is_refused_by_its_place(
    program: Program, kind: str, parameters: Any, place: str, sentence: str
) -> None:
    body = {"kind": kind, "parameters": parameters}

    told = start(program, body, status=422)["error"]

    assert told["code"] == "impossible"
    assert told["message"].startswith(f"{place}: {sentence}")
    assert told["fields"][place][0].startswith(sentence)


def test_a_cancelled_job_stays_cancelled(site: Site, program: Program) -> None:
    for _ in range(2):  # safe to repeat
        job = program.send("post", f"{JOBS}{site.job.pk}/cancel/")
        assert job["status"] == "cancelled"

    assert AuditRecord.objects.filter(verb="job.cancelled").count() == 1


def test_a_job_that_has_ended_is_not_cancelled(site: Site, program: Program) -> None:
    told = program.send("post", f"{JOBS}{site.report.pk}/cancel/", status=409)["error"]

    assert told["code"] == "job-ended"
    assert told["message"] == f"Job {site.report.pk} has ended: it is done."


def test_a_failed_job_says_why_and_not_where_on_the_server(
    site: Site, program: Program
) -> None:
    site.job.status = JobRecord.Status.RUNNING
    site.job.save()
    jobs.give_up(site.job.pk, "The disk is full.\nTraceback in /srv/attune/x.py")

    job = program.get(f"{JOBS}{site.job.pk}/")

    assert (job["status"], job["reason"]) == ("failed", "The disk is full.")
    assert "/srv" not in json.dumps(job)


def test_a_finished_freeze_names_its_snapshot(site: Site, program: Program) -> None:
    JobRecord.objects.filter(pk=site.job.pk).update(
        status="done", result_folder=site.snapshot.folder
    )

    assert program.get(f"{JOBS}{site.job.pk}/")["snapshot"] == 1


def test_jobs_are_listed_newest_first_and_by_kind_and_status(
    site: Site, program: Program
) -> None:
    everything = program.all(f"{JOBS}?page_size=2")

    assert [job["kind"] for job in everything] == ["freeze", "sweep", "report"]
    assert [job["id"] for job in program.all(f"{JOBS}?kind=sweep")] == [site.sweep.pk]
    assert [job["id"] for job in program.all(f"{JOBS}?status=queued")] == [site.job.pk]


def test_each_kind_of_job_of_the_page_is_described(program: Program) -> None:
    described = job_requests.body_schema()["oneOf"]

    assert [one["properties"]["kind"]["const"] for one in described] == list(FORMS)
    for one, form in zip(described, FORMS.values(), strict=True):
        parameters = one["properties"]["parameters"]
        assert parameters["properties"].keys() == form.base_fields.keys()
