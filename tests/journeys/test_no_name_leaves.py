"""People with planted names walk in over real HTTP, and no export holds any of them.

Looked through are all files that the site writes (snapshots, releases, reports, sweeps,
the server's logs, the ledger of erasures), every page and every download of a researcher,
and what is kept of incidents and jobs. The one place where a name may stand is its own
table, and only after consent.
"""

from __future__ import annotations

import io
import logging
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import reverse

from alignment.report import ReportSettings, write_report
from bandits.spec import parse_spec
from bandits.sweep import run_sweep
from collection import access, erasure, participation
from collection.finding import found_by
from collection.jobs import studies_folder
from collection.models import JobRecord, PlatformIdentity, Study, StudySession
from collection.serving import serve_in_background
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)

PIDS = [f"5f3c9a0b1d2e4f6a8b7c6d{n:02d}" for n in range(4)]
STUDY_ID, SESSION_ID = "61aa11bb22cc33dd44ee55ff", "60ab11cd22ef33ab44cd55ef"
TYPED = "my secret remark"
ANSWERED = factories.document()["blocks"]
SWEEP = {
    "seed": 3,
    "n_runs": 8,
    "agents": ["gp_greedy"],
    "kernels": ["all"],
    "dimensions": ["morality"],
    "completion": "mean",
    "phases": {"personalization_steps": 5, "generalization_steps": 2},
}


@dataclass(frozen=True)
class Found:
    """A place where something stands that should not."""

    place: str
    what: str


def search(place: str, content: bytes | str) -> list[Found]:
    text = content.decode(errors="replace") if isinstance(content, bytes) else content
    planted = [*PIDS, STUDY_ID, SESSION_ID, TYPED]
    return [Found(place, name) for name in planted if name.lower() in text.lower()]


def walk_in(site: str, pid: str) -> StudySession:
    """Arrive by Prolific's link, read, agree, and be refused a wrong answer."""
    query = {"PROLIFIC_PID": pid, "STUDY_ID": STUDY_ID, "SESSION_ID": SESSION_ID}
    with httpx.Client(base_url=site, follow_redirects=True) as browser:

        def send(page: httpx.Response, **fields: str | list[str]) -> httpx.Response:
            token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
            assert token is not None, page.text
            data = {"csrfmiddlewaretoken": token[1], **fields}
            return browser.post(str(page.url).partition("?")[0], data=data)

        consent = send(browser.get("/s/tiny/", params=query), **query)
        uses = ["this_study", "open_release"]
        begun = send(consent, of_age="1", uses=uses, decision="agree")
        code = re.search(r"/p/([0-9a-f-]{36})/", str(begun.url))
        assert code is not None
        session = StudySession.objects.get(code=code[1])
        trial = browser.get(f"/p/{session.code}/trial/")
        shown = re.search(r'name="trial_id" value="([0-9a-f-]+)"', trial.text)
        assert shown is not None
        send(trial, trial_id=shown[1], rating="900")  # an incident
        browser.get("/s/nowhere/", params=query)
        browser.get("/s/tiny/", params=query | {"PROLIFIC_PID": pid * 20})
    return session


def results(study: Study) -> None:
    """All that a researcher can make of it, with the records that lead to it."""
    home = studies_folder(study)
    call_command("freezestudy", study.slug, verbosity=0)
    call_command("freezestudy", study.slug, "--use", "open_release", verbosity=0)
    snapshot = study.snapshots.get(number=1)
    write_report(
        Path(snapshot.folder),
        home / "reports" / "1",
        ReportSettings(
            raters=("length", "words"), n_resamples=20, n_permutations=20, n_splits=5
        ),
    )
    spec, faults = parse_spec(SWEEP)
    assert spec is not None, faults
    run_sweep(spec, home / "reports" / "1", home / "sweeps" / "1", processes=1)
    for kind, parameters in (("report", {"snapshot": 1}), ("sweep", {"report": 1})):
        JobRecord.objects.create(
            study=study,
            kind=kind,
            status="done",
            parameters={**parameters, "spec": "x"},
            result_folder=str(home / f"{kind}s" / "1"),
            finished_at=snapshot.created_at,
        )


def given_out(study: Study, browser: Client, rater_id: str) -> list[Found]:
    """What a researcher's pages and downloads say."""
    report, sweep = (study.jobs.get(kind=kind) for kind in ("report", "sweep"))
    consent = study.consent_versions.get()
    addresses = [
        reverse("research"),
        reverse("research-study", args=["tiny"]),
        reverse("research-erase-find", args=["tiny"]),
        reverse("research-erase", args=["tiny", rater_id]),
        reverse("research-consent", args=["tiny", consent.version]),
        *(reverse("research-snapshot", args=["tiny", n]) for n in (1, 2)),
        *(
            reverse(name, args=["tiny", job.kind, job.pk])
            for job in (report, sweep)
            for name in ("research-result", "research-download")
        ),
        *(reverse("research-job", args=["tiny", job.pk]) for job in study.jobs.all()),
    ]
    found = []
    for address in addresses:
        answer = browser.get(address)
        assert answer.status_code == 200, address
        content = b"".join(answer) if answer.streaming else answer.content
        if answer["Content-Type"] == "application/zip":
            archive = zipfile.ZipFile(io.BytesIO(content))
            for name in archive.namelist():
                found += search(f"{address} {name}", archive.read(name))
        else:
            found += search(address, content)
    return found


def written(var: Path) -> list[Found]:
    """What stands in any file that the site has written, its logs too."""
    return [
        found
        for path in sorted(var.rglob("*"))
        if path.is_file() and not path.is_relative_to(var / "static")
        for found in search(str(path), path.read_bytes())
    ]


def kept() -> list[Found]:
    """What the database keeps outside the identities and the answers themselves."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if table in ("collection_platformidentity", "collection_response"):
                continue
            cursor.execute(f'SELECT to_jsonb(t)::text FROM "{table}" t')
            for (row,) in cursor.fetchall():
                found += search(table, row)
    return found


def test_no_planted_name_stands_in_anything_that_is_given_out(
    outside_var: Path, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    for logger in ("collection", "django"):
        caplog.set_level(logging.DEBUG, logger=logger)
    pairs = {**ANSWERED[0], "trials_per_session": 15}
    study = factories.open_study(blocks=[pairs, *ANSWERED[1:]])
    access.grant(study, User.objects.create_user("owner"), access.Role.OWNER)
    client.force_login(User.objects.get(username="owner"))
    with serve_in_background() as site:
        sessions = [walk_in(site, pid) for pid in PIDS]
        for session in sessions:
            factories.answer(session)
            participation.finish(session)
    results(study)

    assert PlatformIdentity.objects.filter(external_id__in=PIDS).count() == 4
    rater_id = sessions[0].participant.rater_id
    found = given_out(study, client, rater_id) + kept() + written(outside_var)
    gone = found_by(study, PIDS[1])
    erasure.erase(gone, by="owner")
    found += written(outside_var) + kept()
    for record in caplog.records:
        found += search(f"log {record.name}", record.getMessage())

    assert found == []
    assert not list(outside_var.rglob("value_judgments.csv"))  # all held who is gone
    # And the search does see: every name stands where it may.
    with connection.cursor() as cursor:
        cursor.execute("SELECT external_id FROM collection_platformidentity")
        known = {name for (name,) in cursor.fetchall()}
    assert known == set(PIDS) - {PIDS[1]}
    assert {one.what for one in search("here", f"{PIDS[0]}, {TYPED}")} == {
        PIDS[0],
        TYPED,
    }
