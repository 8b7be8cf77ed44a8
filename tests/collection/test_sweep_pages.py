"""A sweep of one's own, from its form to the job: checked, mended, run."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from collection.models import JobRecord
from collection.spec_form import filled
from tests.collection.test_spec_form import SMALL
from tests.researchers import Site

pytestmark = pytest.mark.django_db


@pytest.fixture
def site(outside_var: Path) -> Site:
    return Site(outside_var)


def client(site: Site) -> Client:
    browser = Client()
    browser.force_login(site.editor)
    return browser


def address(query: str = "") -> str:
    return reverse("research-new-sweep", args=["tiny"]) + query


def small(site: Site) -> dict[str, object]:
    data = dict(filled(SMALL, report=site.report).data)
    return data | {"kernels": ["human"], "dimensions": ["morality"]}


def test_the_form_starts_a_sweep_with_its_document(site: Site) -> None:
    answer = client(site).post(address(), small(site) | {"run": "1"})

    record = JobRecord.objects.filter(kind="sweep").exclude(pk=site.sweep.pk).get()
    assert answer["Location"] == reverse("research-job", args=["tiny", record.pk])
    assert record.parameters["report"] == site.report.pk
    assert record.parameters["document"]["n_runs"] == 8
    assert record.created_by == site.editor


def test_a_check_starts_no_sweep(site: Site) -> None:
    client(site).post(address(), small(site) | {"check": "1"})

    assert JobRecord.objects.filter(kind="check").count() == 1
    assert JobRecord.objects.filter(kind="sweep").get() == site.sweep


def test_a_faulty_form_starts_nothing_and_keeps_what_was_written(site: Site) -> None:
    answer = client(site).post(address(), small(site) | {"n_runs": "1", "run": "1"})

    page = answer.content.decode()
    assert answer.status_code == 200
    assert "1 fault</h2>" in page
    assert 'id="id_n_runs_error"' in page
    assert JobRecord.objects.filter(kind="sweep").get() == site.sweep


def test_an_upload_fills_the_form_in_and_starts_nothing(site: Site) -> None:
    file = SimpleUploadedFile("a.toml", b"n_runs = 77\nn_rums = 1\nagents = ['svr']")

    page = client(site).post(address(), {"upload": "1", "file": file}).content.decode()

    assert 'value="77"' in page
    assert "n_rums is not a field of a sweep spec" in page
    assert not JobRecord.objects.filter(kind="check").exists()


def test_a_failed_job_leads_back_to_its_faults(site: Site) -> None:
    failed = JobRecord.objects.create(
        study=site.study,
        kind="check",
        status=JobRecord.Status.FAILED,
        parameters={"report": site.report.pk, "spec": "own", "document": SMALL},
        error="The spec has 1 fault: agents[0]: cannot be\nThe spec has 1 fault:\n"
        "  agents[0]: cannot be had today",
    )

    told = site.page("research-job", "tiny", failed.pk)
    page = client(site).get(address(f"?job={failed.pk}")).content.decode()

    assert "cannot be had today" in told
    assert f"?job={failed.pk}" in told
    assert "agents[0] cannot be had today" in page


def test_without_a_report_there_is_nothing_to_sweep(site: Site) -> None:
    site.report.delete()

    answer = client(site).get(address(), follow=True)

    assert "A sweep needs a report: write one first." in answer.content.decode()


@pytest.mark.parametrize("query", ["?report=999999", "?job=999999"])
def test_what_is_not_of_this_study_is_not_found(site: Site, query: str) -> None:
    assert client(site).get(address(query)).status_code == 404
