"""The researcher's pages: who may see what, and what stands there."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from collection import access, participation, quotas
from collection.models import JobRecord, RefusedArrival, Study
from tests import factories
from tests.researchers import SVG, Site

pytestmark = pytest.mark.django_db


@pytest.fixture
def site(outside_var: Path) -> Site:
    return Site(outside_var)


# ------------------------------------------------------------------ who may see what


def test_the_list_holds_my_studies_alone(site: Site) -> None:
    mine = site.page("research")
    theirs = site.ask(site.stranger, "get", reverse("research")).content.decode()
    anonymous = site.ask(None, "get", reverse("research"))

    assert "A tiny study" in mine
    assert "Somebody else" not in mine
    assert "Somebody else" in theirs
    assert "A tiny study" not in theirs
    assert anonymous.status_code == 302


def test_a_stranger_learns_nothing_from_the_refusal(site: Site) -> None:
    real = site.ask(site.stranger, "get", "/research/studies/tiny/")
    invented = site.ask(site.stranger, "get", "/research/studies/nowhere/")

    assert real.status_code == invented.status_code == 404
    assert real.content == invented.content


def test_a_job_of_another_study_is_not_found_under_mine(site: Site) -> None:
    elsewhere = Study.objects.get(slug="elsewhere")
    theirs = JobRecord.objects.create(kind="freeze", study=elsewhere)

    answer = site.ask(
        site.owner, "get", reverse("research-job", args=["tiny", theirs.pk])
    )

    assert answer.status_code == 404


@pytest.mark.parametrize("name", ["research-start", "research-cancel"])
def test_what_changes_something_needs_a_post_with_a_token(
    site: Site, name: str
) -> None:
    _, address = site.addresses()[name]
    wary = Client(enforce_csrf_checks=True)
    wary.force_login(site.owner)

    assert wary.get(address).status_code == 405
    assert wary.post(address).status_code == 403


def test_somebody_logs_in_and_out(site: Site) -> None:
    site.owner.set_password("a long enough secret")
    site.owner.save()
    browser = Client()

    wrong = browser.post("/research/login/", {"username": "ada", "password": "guess"})
    right = browser.post(
        "/research/login/?next=/research/studies/tiny/",
        {
            "username": "ada",
            "password": "a long enough secret",
            "next": "/research/studies/tiny/",
        },
    )
    inside = browser.get("/research/")
    browser.post("/research/logout/")

    assert "do not belong together" in wrong.content.decode()
    assert right["Location"] == "/research/studies/tiny/"
    assert inside.status_code == 200
    assert browser.get("/research/").status_code == 302


def test_a_login_does_not_send_people_to_another_site(site: Site) -> None:
    site.owner.set_password("a long enough secret")
    site.owner.save()

    answer = Client().post(
        "/research/login/",
        {
            "username": "ada",
            "password": "a long enough secret",
            "next": "https://evil.example",
        },
    )

    assert answer["Location"] == "/research/"


# ------------------------------------------------------------------ what stands there


def test_the_study_page_counts_who_came_and_what_is_covered(site: Site) -> None:
    factories.ada(site.study)
    factories.bo(site.study)
    factories.cy(site.study)

    page = _text(site.page("research-study", "tiny"))

    # Arrived, consented, finished, withdrawn, all.
    assert "all 0 1 1 1 3" in page
    assert "Who came" in page
    assert "http://testserver/s/tiny/" in page
    assert re.search(r"Pairs (\d+) % \1 % 15 0 ", page)


def test_everything_from_simulated_people_says_so(site: Site) -> None:
    assert "Simulated participants" not in _stamps(site.page("research-study", "tiny"))
    factories.joined(site.study, simulated=True)

    for kind, record in (("report", site.report), ("sweep", site.sweep)):
        page = site.page("research-result", "tiny", kind, record.pk)
        captions = re.findall(r"<figcaption>(.*?)</figcaption>", page, re.DOTALL)
        alternatives = re.findall(r'<img[^>]* alt="([^"]*)"', page)
        assert "Simulated participants" in _stamps(page)
        assert captions
        assert all("SIMULATED PARTICIPANTS" in caption for caption in captions)
        assert all("Simulated participants" in text for text in alternatives)
    assert "Simulated participants" in _stamps(site.page("research-study", "tiny"))


def test_a_rater_asked_a_sample_of_pairs_has_an_alignment_but_no_kernel(
    site: Site,
) -> None:
    page = site.page("research-result", "tiny", "report", site.report.pk)

    assert (
        "smollm2 has an alignment but no kernel: 1,075 of 1,225 pairs were never judged."
    ) in page
    assert "0.31 (0.10 to 0.50)" in page


def test_a_sweep_page_says_why_a_number_is_missing(site: Site) -> None:
    page = site.page("research-result", "tiny", "sweep", site.sweep.pk)

    assert "all actions unsafe: harm measures undefined" in page
    assert (
        "2 independent models: too few models to test. The smallest p that could have "
        "been found is 1.000."
    ) in page
    assert "100% of the actions lie below the threshold of 50" in page
    assert "52.50 ± 1.25" in page


def test_no_page_has_anything_inline_or_foreign(site: Site) -> None:
    pages = [
        site.page("research"),
        site.page("research-study", "tiny"),
        site.page("research-job", "tiny", site.job.pk),
        site.page("research-result", "tiny", "report", site.report.pk),
        site.page("research-result", "tiny", "sweep", site.sweep.pk),
        Client().get("/research/login/").content.decode(),
    ]

    for page in pages:
        assert not re.search(r"<style|<script(?![^>]*src=)|\sstyle=|\son\w+=", page)
        assert not re.search(r'(?:src|href|action)="(?:https?:)?//(?!testserver)', page)
        assert page.count("<h1") == 1


def test_a_failed_job_gives_its_reason_first_and_folds_the_rest(site: Site) -> None:
    site.job.status = JobRecord.Status.FAILED
    site.job.error = "study tiny has no judgments\nTraceback ...\nValueError: <b>"
    site.job.save()

    page = site.page("research-job", "tiny", site.job.pk)

    assert "<p>study tiny has no judgments</p>" in page
    assert page.index("study tiny has no judgments") < page.index("<details")
    assert "ValueError: &lt;b&gt;" in page
    assert "data-working" not in page


# ------------------------------------------------------------------ files


def test_a_download_holds_the_folder_and_nothing_beside_it(
    site: Site, outside_var: Path
) -> None:
    (outside_var / "snapshot" / "dropped-in.txt").write_text("nobody listed this")

    answer = site.ask(site.owner, "get", site.addresses()["research-snapshot"][1])
    archive = zipfile.ZipFile(io.BytesIO(b"".join(answer)))  # type: ignore[arg-type]

    assert archive.testzip() is None
    assert sorted(archive.namelist()) == [
        "tiny-snapshot-1/actions.csv",
        "tiny-snapshot-1/manifest.json",
    ]
    source = outside_var / "snapshot" / "actions.csv"
    assert archive.read("tiny-snapshot-1/actions.csv") == source.read_bytes()
    assert 'filename="tiny-snapshot-1.zip"' in answer["Content-Disposition"]


@pytest.mark.parametrize(
    "name",
    ["secret.svg", "..", "%2e%2e%2fmanifest.json", "..%2fraters.csv", "notes.txt", "."],
)
def test_a_figure_that_the_manifest_does_not_list_is_not_found(
    site: Site, outside_var: Path, name: str
) -> None:
    (outside_var / "report" / "figures" / "secret.svg").write_text(SVG)
    address = f"/research/studies/tiny/report/{site.report.pk}/figures/{name}"

    assert site.ask(site.owner, "get", address).status_code == 404


def test_a_figure_may_draw_and_do_nothing_else(site: Site) -> None:
    answer = site.ask(site.owner, "get", site.addresses()["research-figure"][1])

    assert answer["Content-Type"] == "image/svg+xml"
    assert b"".join(answer) == SVG.encode()  # type: ignore[arg-type]
    assert answer["Content-Security-Policy"].endswith("sandbox")
    assert "script-src" not in answer["Content-Security-Policy"]


def test_the_page_of_a_report_is_handed_out_and_never_shown(
    site: Site, outside_var: Path
) -> None:
    shown, page = (
        site.addresses()[name][1]
        for name in ("research-result", "research-report-page")
    )

    assert page in site.ask(site.owner, "get", shown).text
    answer = site.ask(site.owner, "get", page)

    assert answer["Content-Type"] == "text/html"
    assert b"<title>Report</title>" in b"".join(answer)  # type: ignore[arg-type]
    kept = f"tiny-report-{site.report.pk}.html"
    assert answer["Content-Disposition"] == f'attachment; filename="{kept}"'
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
    (outside_var / "report" / "report.html").unlink()
    assert site.ask(site.owner, "get", page).status_code == 404


@pytest.mark.parametrize("kind", ["report", "sweep"])
def test_a_result_whose_folder_was_deleted_is_not_found(
    site: Site, outside_var: Path, kind: str
) -> None:
    (outside_var / kind / "manifest.json").unlink()
    record = {"report": site.report, "sweep": site.sweep}[kind]

    for name in ("research-result", "research-download"):
        address = reverse(name, args=["tiny", kind, record.pk])
        assert site.ask(site.owner, "get", address).status_code == 404


# ------------------------------------------------------------------ buttons


def test_a_button_enqueues_one_job_however_often_it_is_pressed(site: Site) -> None:
    site.job.delete()
    browser = Client()
    browser.force_login(site.owner)

    first = browser.post("/research/studies/tiny/start/freeze/")
    again = browser.post("/research/studies/tiny/start/freeze/")

    record = site.study.jobs.get(kind="freeze")
    assert first["Location"] == again["Location"]
    assert first["Location"] == f"/research/studies/tiny/jobs/{record.pk}/"
    assert record.status == JobRecord.Status.QUEUED
    assert record.created_by == site.owner


def test_a_report_is_of_a_snapshot_of_this_study(site: Site) -> None:
    browser = Client()
    browser.force_login(site.owner)
    start = "/research/studies/tiny/start/report/"

    browser.post(start, {"snapshot": site.snapshot.pk + 1, "chat_pairs": 5})
    refused = browser.get("/research/studies/tiny/").content.decode()
    browser.post(start, {"snapshot": site.snapshot.pk, "chat_pairs": 5})

    record = site.study.jobs.get(kind="report", status=JobRecord.Status.QUEUED)
    assert "Select a valid choice" in refused
    assert record.parameters == {"snapshot": 1, "chat_pairs": 5}


def test_an_unknown_kind_of_job_is_not_found(site: Site) -> None:
    answer = site.ask(site.owner, "post", "/research/studies/tiny/start/format-disk/")

    assert answer.status_code == 404


def test_a_queued_job_can_be_stopped(site: Site) -> None:
    site.ask(site.owner, "post", site.addresses()["research-cancel"][1])

    site.job.refresh_from_db()
    assert site.job.status == JobRecord.Status.CANCELLED


# ------------------------------------------------------------------ the pieces


def _text(page: str) -> str:
    """A page's words, with single spaces."""
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def _stamps(page: str) -> list[str]:
    return re.findall(r'<p class="stamp">(.*?)</p>', page)


# ------------------------------------------------------------------ quotas


def test_a_study_without_quotas_shows_none(site: Site) -> None:
    assert "quota" not in site.page("research-study", "tiny")


def test_the_study_page_shows_places_taken_against_the_quotas(site: Site) -> None:
    limited = factories.open_study(
        slug="limited",
        quota=5,
        groups=[
            {"name": "all", "blocks": ["pairs", "triplets", "values"], "quota": 2},
            {"name": "rest", "blocks": ["about"]},
        ],
    )
    access.grant(limited, site.owner, access.Role.OWNER)
    while limited.sessions.filter(group="all").count() < 2:
        factories.joined(limited)
    factories.answer(found := limited.sessions.filter(group="all")[0])
    participation.finish(found)
    RefusedArrival.objects.create(study=limited, reason="study-full")

    page = site.page("research-study", "limited")

    table = re.sub(r"<[^>]+>|\s+", " ", page[page.index("Places taken") :])
    table = re.sub(r" +", " ", table)
    assert "all 1 1 2 2 turned away: full" in table
    assert "none let in" in table

    while not quotas.is_full(limited):
        factories.joined(limited)

    assert site.page("research-study", "limited").count("turned away: full") == 3
    assert "1 person was told that the study is complete." in table
