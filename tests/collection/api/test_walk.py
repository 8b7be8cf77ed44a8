"""Every operation, as every role and with every scope: who is answered what."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpResponse
from django.utils import timezone

from collection.attention.runs import run_rules
from collection.models import ApiToken, JobRecord, Participant, SnapshotRecord, Study
from tests import factories
from tests.programs import Program, document, token_for, with_a_dataset
from tests.researchers import Site

pytestmark = pytest.mark.django_db

# Operation -> the scope that it needs, and the least role. Written down again here: what
# the code says of itself would always agree with itself.
LOOK, CHANGE = ("read", "viewer"), ("write", "editor")
NEEDS: dict[str, tuple[str, str]] = {
    "getToken": ("read", ""),
    "listStudies": ("read", ""),
    "getStudy": LOOK,
    "getDefinition": LOOK,
    "setStatus": CHANGE,
    "listActions": LOOK,
    "getAction": LOOK,
    "getCoverage": LOOK,
    "listCells": LOOK,
    "listParticipants": LOOK,
    "getParticipant": LOOK,
    "listJudgments": LOOK,
    "listQualityRuns": LOOK,
    "listVerdicts": LOOK,
    "listJobs": LOOK,
    "startJob": CHANGE,
    "getJob": LOOK,
    "cancelJob": CHANGE,
    "listSnapshots": LOOK,
    "getSnapshot": LOOK,
    "getSnapshotFiles": LOOK,
    "downloadSnapshotFile": LOOK,
    "downloadSnapshot": LOOK,
    "listReports": LOOK,
    "getReport": LOOK,
    "getReportFiles": LOOK,
    "downloadReportFile": LOOK,
    "downloadReport": LOOK,
    "listSweeps": LOOK,
    "getSweep": LOOK,
    "getSweepFiles": LOOK,
    "downloadSweepFile": LOOK,
    "downloadSweep": LOOK,
    "listDatasets": LOOK,
    "getDataset": LOOK,
    "getDatasetFiles": LOOK,
    "downloadDatasetFile": LOOK,
    "downloadDataset": LOOK,
}
BODIES = {"setStatus": {"status": "closed"}, "startJob": {"kind": "freeze"}}
RANK = {"": 0, "viewer": 1, "editor": 2, "owner": 3}
SCOPES = [("read",), ("write",), ("read", "write")]


@pytest.fixture
def site(outside_var: Path, settings: Any) -> Site:
    settings.ATTUNE_LIMITS = False  # a walk is a flood
    made = Site(outside_var)
    factories.ada(made.study)
    run_rules(made.study)
    with_a_dataset(made, outside_var)
    return made


def operations(site: Site, slug: str = "tiny") -> Iterator[tuple[str, str, str]]:
    """Each operation's name, method and address, where `site` has something to give."""
    rater_id = Participant.objects.filter(study=site.study).latest("pk").rater_id
    values = {
        "{slug}": slug,
        "{action_id}": "alpha",
        "{rater_id}": rater_id,
        "{name}": "manifest.json",
        "{number}": "1",
    }
    dataset = site.study.jobs.get(kind="dataset")
    ids = {
        "jobs": site.job.pk,
        "reports": site.report.pk,
        "sweeps": site.sweep.pk,
        "datasets": dataset.pk,
    }
    for template, methods in document()["paths"].items():
        address = template
        for name, value in values.items():
            address = address.replace(name, value)
        for kind, pk in ids.items():
            address = address.replace(f"/{kind}/{{id}}/", f"/{kind}/{pk}/")
        assert "{" not in address, f"{template}: say what stands in it"
        for method, operation in methods.items():
            yield operation["operationId"], method, address


def outcome(answer: HttpResponse) -> str:
    """`done`, or the code of the refusal."""
    if answer.status_code < 300:
        return "done"
    return str(json.loads(answer.content)["error"]["code"])


def content(answer: HttpResponse) -> bytes:
    whole: bytes = (
        b"".join(answer.streaming_content)  # type: ignore[arg-type]
        if answer.streaming
        else answer.content
    )
    return whole


def with_scopes(person: Any, scopes: tuple[str, ...]) -> Program:
    """Also with no scope at all, which no page makes."""
    key = token_for(person)
    ApiToken.objects.filter(user=person).update(scopes=list(scopes))
    return Program(key)


def test_the_walk_knows_every_operation(site: Site) -> None:
    assert {name for name, _, _ in operations(site)} == NEEDS.keys()


def test_each_operation_asks_for_its_scope_and_its_role(site: Site) -> None:
    people = {
        "owner": site.owner,
        "editor": site.editor,
        "viewer": site.viewer,
        "stranger": site.stranger,
        "operator": site.operator,
    }
    walked = list(operations(site))

    found, expected = {}, {}
    for (role, person), scopes in product(people.items(), SCOPES):
        program = with_scopes(person, scopes)
        for name, method, address in walked:
            scope, least = NEEDS[name]
            key = (name, role, scopes)
            found[key] = outcome(program.ask(method, address, BODIES.get(name)))
            if scope not in scopes:
                expected[key] = "scope-missing"
            elif role == "stranger" and least:
                expected[key] = "not-found"
            elif RANK.get(role, 3) < RANK[least]:
                expected[key] = "not-allowed"
            else:
                expected[key] = "done"

    assert found == expected


def test_a_stranger_learns_nothing_of_another_study(site: Site) -> None:
    stranger = Program.of(site.stranger)
    secrets = (b"tiny", b"alpha", b"p-", site.study.definition_sha256.encode())
    real, invented = operations(site), operations(site, slug="nowhere")

    for (name, method, address), (_, _, elsewhere) in zip(real, invented, strict=True):
        answer = stranger.ask(method, address, BODIES.get(name))
        guess = stranger.ask(method, elsewhere, BODIES.get(name))

        assert answer.status_code == guess.status_code, name
        assert content(answer) == content(guess), name
        assert not any(secret in content(answer) for secret in secrets), name
        assert {**answer.headers} == {**guess.headers}, name


def test_nobody_is_answered_without_a_good_token(site: Site) -> None:
    site.study.refresh_from_db()
    walked = list(operations(site))
    gone = ApiToken.objects.filter(user=site.owner)
    expired, revoked = token_for(site.owner), token_for(site.owner)
    first, second = gone.order_by("pk")
    ApiToken.objects.filter(pk=first.pk).update(expires_at=timezone.now())
    ApiToken.objects.filter(pk=second.pk).update(revoked_at=timezone.now())
    closed = token_for(site.editor)
    site.editor.is_active = False
    site.editor.save()
    nobody = {
        "not-authenticated": Program(),
        "token-unknown": Program("attune_" + "x" * 43),
        "token-expired": Program(expired),
        "token-revoked": Program(revoked),
        "account-closed": Program(closed),
    }

    for (code, program), (name, method, address) in product(nobody.items(), walked):
        answer = program.ask(method, address, BODIES.get(name))

        assert (answer.status_code, outcome(answer)) == (401, code), name
        assert answer["WWW-Authenticate"].startswith("Bearer"), name
    assert Study.objects.get(slug="tiny").status == "open"


def test_a_browser_that_is_logged_in_is_nobody_here(site: Site) -> None:
    program = Program()
    program.client.force_login(site.owner)

    for name, method, address in operations(site):
        assert program.ask(method, address, BODIES.get(name)).status_code == 401, name


def test_what_belongs_to_another_study_is_not_found_under_mine(site: Site) -> None:
    mine = Program.of(site.owner)
    elsewhere = Study.objects.get(slug="elsewhere")
    theirs = factories.ada(elsewhere)
    run_rules(elsewhere)
    run_rules(elsewhere)
    job = JobRecord.objects.create(kind="freeze", study=elsewhere)
    report = JobRecord.objects.create(
        kind="report",
        study=elsewhere,
        status="done",
        result_folder=site.report.result_folder,
    )
    SnapshotRecord.objects.create(
        study=elsewhere,
        number=7,
        folder=site.snapshot.folder,
        sha256="0",
        n_judgments=1,
    )

    for path in (
        f"participants/{theirs.participant.rater_id}/",
        "quality/2/verdicts/",
        f"jobs/{job.pk}/",
        f"reports/{report.pk}/",
        f"reports/{report.pk}/files/",
        f"reports/{report.pk}/download/",
        f"reports/{site.sweep.pk}/",
        "snapshots/7/",
        "snapshots/7/download/",
    ):
        assert mine.ask("get", f"studies/tiny/{path}").status_code == 404, path
    assert mine.ask("post", f"studies/tiny/jobs/{job.pk}/cancel/").status_code == 404
    assert mine.get(
        f"studies/tiny/judgments/?rater_id={theirs.participant.rater_id}"
    ) == {
        "results": [],
        "next": None,
    }


def test_a_token_without_a_scope_opens_nothing(site: Site) -> None:
    program = with_scopes(site.owner, ())

    for name, method, address in operations(site):
        answer = program.ask(method, address, BODIES.get(name))

        assert outcome(answer) == "scope-missing", name


def test_a_token_loses_what_its_person_loses(site: Site) -> None:
    program = Program.of(site.viewer)
    assert program.ask("get", "studies/tiny/").status_code == 200

    site.study.memberships.filter(user=site.viewer).delete()

    assert program.ask("get", "studies/tiny/").status_code == 404
    assert program.get("studies/")["results"] == []


def test_a_refusal_for_the_role_says_whom_to_ask(site: Site) -> None:
    answer = Program.of(site.viewer).send(
        "put", "studies/tiny/status/", {"status": "closed"}, status=403
    )

    assert answer["error"]["message"] == (
        "Only an editor or an owner of this study may do this. You are a viewer of it. "
        "Ask ada."
    )


def test_a_token_lasts_no_longer_than_it_was_made_for(site: Site) -> None:
    key = token_for(site.owner)
    day = timedelta(days=1)
    ApiToken.objects.update(expires_at=timezone.now() + timedelta(seconds=60))
    before = Program(key).ask("get", "token/").status_code
    ApiToken.objects.update(expires_at=timezone.now() - day)

    assert before == 200
    assert Program(key).get("token/", status=401)["error"]["message"] == (
        "This token has expired; make a new one."
    )
