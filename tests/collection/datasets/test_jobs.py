"""The button: a dataset is a job like any other, with a download at its end."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client

from collection import jobs, work
from collection.access import Role, grant
from collection.erasure import erase
from collection.errors import SupersededResult
from collection.job_forms import DatasetForm
from collection.models import JobRecord, SnapshotRecord, Study

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(study: Study) -> Client:
    user = User.objects.create_user("ada")
    grant(study, user, Role.OWNER)
    client = Client()
    client.force_login(user)
    return client


def performed(study: Study, snapshot: SnapshotRecord) -> JobRecord:
    """A dataset as the worker writes it; the test's transaction has no other process."""
    from collection.datasets.package import write_dataset

    record = JobRecord.objects.create(
        kind="dataset", study=study, parameters={"snapshot": snapshot.number}
    )
    folder = jobs.claim_folder(record)
    write_dataset(snapshot, folder)
    record.status, record.result_folder = JobRecord.Status.DONE, str(folder)
    record.save()
    return record


def test_the_button_starts_a_job_that_runs_the_command(
    browser: Client, study: Study, release: SnapshotRecord
) -> None:
    chosen = {"snapshot": release.pk, "license": "CC0-1.0"}
    browser.post(f"/research/studies/{study.slug}/start/dataset/", chosen)

    record = JobRecord.objects.get(kind="dataset")
    record.result_folder = "/results/here"
    command = work.dataset_command(record)

    assert command[1:] == [
        *("manage.py", "exportdataset", "tiny", "--snapshot", "1"),
        *("--out", "/results/here", "--license", "CC0-1.0"),
    ]


def test_only_an_open_release_is_given_a_licence(
    study: Study, own: SnapshotRecord
) -> None:
    form = DatasetForm({"snapshot": own.pk, "license": "CC0-1.0"}, study=study)

    assert form.is_valid()
    assert form.parameters() == {"snapshot": 1}


def test_the_study_page_offers_the_zip_of_every_listed_file(
    browser: Client, study: Study, own: SnapshotRecord
) -> None:
    record = performed(study, own)
    address = f"/research/studies/{study.slug}/dataset/{record.pk}/download/"

    assert address in browser.get(f"/research/studies/{study.slug}/").content.decode()
    answer = browser.get(address)
    packed = zipfile.ZipFile(io.BytesIO(b"".join(answer)))  # type: ignore[call-overload]

    manifest = json.loads(packed.read(f"tiny-dataset-{record.pk}/manifest.json"))
    inside = {name.partition("/")[2] for name in packed.namelist()}
    assert inside == {"manifest.json", *manifest["files"]}
    assert {"README.md", "croissant.json", "dataset_description.json"} <= inside


def test_erasing_somebody_takes_the_dataset_away_and_offers_it_anew(
    browser: Client, study: Study, own: SnapshotRecord
) -> None:
    record = performed(study, own)
    folder = Path(record.result_folder)

    erase(study.participants.all()[0], by="test")

    assert [path.name for path in folder.iterdir() if path.name != ".lock"] == [
        "superseded.json"
    ]
    answer = browser.get(f"/research/studies/tiny/dataset/{record.pk}/download/")
    assert answer.status_code == 410
    assert "Freeze a new snapshot" in answer.content.decode()


def test_a_dataset_that_is_just_being_written_is_stopped_by_an_erasure(
    study: Study, own: SnapshotRecord
) -> None:
    running = JobRecord.objects.create(
        kind="dataset",
        study=study,
        parameters={"snapshot": own.number},
        status=JobRecord.Status.RUNNING,
    )

    erase(study.participants.all()[0], by="test")

    running.refresh_from_db()
    assert running.status == JobRecord.Status.CANCELLED
    with pytest.raises(SupersededResult, match="Snapshot 1 is superseded"):
        work.dataset_command(running)
