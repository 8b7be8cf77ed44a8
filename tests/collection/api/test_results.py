"""Snapshots, reports, sweeps and quality over the API, and what is never sent."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

import pytest
from django.utils import timezone

from collection import participation
from collection.attention.runs import run_rules
from collection.models import AuditRecord, JobRecord
from tests import factories
from tests.programs import Program, with_a_dataset
from tests.researchers import SVG, Site

pytestmark = pytest.mark.django_db


@pytest.fixture
def site(outside_var: Path) -> Site:
    return Site(outside_var)


@pytest.fixture
def program(site: Site) -> Program:
    return Program.of(site.viewer, ["read"])


def sent(program: Program, path: str) -> bytes:
    answer = program.ask("get", path)
    assert answer.status_code == 200, answer.content
    return b"".join(answer.streaming_content)  # type: ignore[attr-defined]


def places(site: Site) -> list[str]:
    home = Path(site.report.result_folder).parent
    dataset = site.study.jobs.filter(kind="dataset").first()
    dataset = dataset or with_a_dataset(site, home)
    return [
        f"studies/tiny/datasets/{dataset.pk}/",
        "studies/tiny/snapshots/1/",
        f"studies/tiny/reports/{site.report.pk}/",
        f"studies/tiny/sweeps/{site.sweep.pk}/",
    ]


def test_each_file_is_sent_as_its_folder_names_it(site: Site, program: Program) -> None:
    for place in places(site):
        files = program.get(f"{place}files/")["files"]

        assert files
        for file in files:
            content = sent(program, f"{place}files/{file['name']}")
            assert hashlib.sha256(content).hexdigest() == file["sha256"]
            assert len(content) == file["bytes"]


def test_the_zip_holds_the_same(site: Site, program: Program) -> None:
    for place in places(site):
        folder = program.get(f"{place}files/")
        manifest = sent(program, f"{place}files/manifest.json")
        names = {file["name"] for file in folder["files"]}

        with zipfile.ZipFile(io.BytesIO(sent(program, f"{place}download/"))) as archive:
            inside = {name.split("/", 1)[1] for name in archive.namelist()}

        assert inside == names | {"manifest.json"}
        assert hashlib.sha256(manifest).hexdigest() == folder["manifest_sha256"]
        assert folder["simulated"] is True


def test_a_figure_opened_in_a_browser_may_do_nothing(
    site: Site, program: Program
) -> None:
    answer = program.ask(
        "get", f"studies/tiny/reports/{site.report.pk}/files/figures/map.svg"
    )

    assert b"".join(answer.streaming_content) == SVG.encode()  # type: ignore[attr-defined]
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer["Content-Disposition"] == 'attachment; filename="map.svg"'


@pytest.mark.parametrize(
    "name",
    [
        "../snapshot/manifest.json",
        "..%2Fsnapshot%2Fmanifest.json",
        "/etc/passwd",
        "%2Fetc%2Fpasswd",
        "figures/../../snapshot/actions.csv",
        "figures",
        "dropped.txt",
        "truth.json",
        "manifest.json%00",
    ],
)
def test_what_the_manifest_does_not_list_is_not_sent(
    site: Site, program: Program, name: str
) -> None:
    home = Path(site.report.result_folder)
    (home / "dropped.txt").write_text("by somebody")
    (home.parent / "truth.json").write_text("{}")

    answer = program.ask("get", f"studies/tiny/reports/{site.report.pk}/files/{name}")

    assert answer.status_code == 404


def test_what_is_superseded_is_listed_and_not_given_out(
    site: Site, program: Program
) -> None:
    gone = {"superseded_at": timezone.now(), "superseded_reason": "a person was erased"}
    where = places(site)
    site.study.snapshots.update(**gone)
    site.study.jobs.filter(status="done").update(**gone)

    for place in where:
        assert program.get(place)["superseded_reason"] == "a person was erased"
        for path in ("files/", "files/manifest.json", "download/"):
            told = program.get(f"{place}{path}", status=410)["error"]
            assert told["code"] == "superseded"
            assert told["message"].endswith(
                "is superseded: a person was erased. Make a new one."
            )
    assert not AuditRecord.objects.filter(verb__endswith="downloaded").exists()


def test_a_folder_that_was_deleted_is_not_found(site: Site, program: Program) -> None:
    (Path(site.report.result_folder) / "manifest.json").unlink()

    for path in ("files/", "files/manifest.json", "download/"):
        program.get(f"studies/tiny/reports/{site.report.pk}/{path}", status=404)


def test_only_what_is_finished_is_a_result(site: Site, program: Program) -> None:
    running = JobRecord.objects.create(
        kind="report", study=site.study, status="running"
    )

    listed = program.all("studies/tiny/reports/")

    assert [row["id"] for row in listed] == [site.report.pk]
    program.get(f"studies/tiny/reports/{running.pk}/", status=404)
    program.get(f"studies/tiny/reports/{site.sweep.pk}/", status=404)


def test_neither_place_nor_release_key_of_a_snapshot_is_told(
    site: Site, program: Program
) -> None:
    site.study.snapshots.update(release_key="k" * 64)

    answer = program.ask("get", "studies/tiny/snapshots/1/")

    assert b"k" * 64 not in answer.content
    assert site.snapshot.folder.encode() not in answer.content


def test_a_download_is_noted_with_whose_token_it_was(
    site: Site, program: Program
) -> None:
    sent(program, "studies/tiny/snapshots/1/download/")
    sent(program, f"studies/tiny/sweeps/{site.sweep.pk}/files/cells.csv")

    noted = AuditRecord.objects.filter(verb__endswith="downloaded").order_by("pk")

    assert [(one.by, one.study, one.verb, one.details) for one in noted] == [
        ("vi", "tiny", "snapshot.downloaded", {"api": True, "number": 1}),
        ("vi", "tiny", "sweep.downloaded", {"api": True, "job": site.sweep.pk}),
    ]


def test_verdicts_are_told_with_their_reasons(site: Site, program: Program) -> None:
    ada, dee = factories.ada(site.study), factories.dee(site.study)
    left = factories.finished(site.study)
    run = run_rules(site.study)
    participation.withdraw(left)

    (listed,) = program.all("studies/tiny/quality/")
    verdicts = {
        row["rater_id"]: row
        for row in program.all("studies/tiny/quality/1/verdicts/?page_size=1")
    }

    assert listed["number"] == 1
    assert listed["rules_sha256"] == run.rules_sha256
    assert verdicts.keys() == {ada.participant.rater_id, dee.participant.rater_id}
    for rater_id, row in verdicts.items():
        verdict = run.verdicts.get(session__participant__rater_id=rater_id)
        assert row["score"] == pytest.approx(verdict.score)
        assert row["rules"] == verdict.rules
    flagged = program.all("studies/tiny/quality/1/verdicts/?flagged=true")
    rest = program.all("studies/tiny/quality/1/verdicts/?flagged=false")
    assert len(flagged) + len(rest) == 2
    assert all(row["flagged"] for row in flagged)
