"""The audit log on its page and as a CSV, and that what people do is in it."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from collection import audit, erasure
from collection.loading import close_study, open_study, pause_study
from collection.models import AuditRecord
from tests import factories
from tests.researchers import Site

pytestmark = pytest.mark.django_db


@pytest.fixture
def site(outside_var: Path) -> Site:
    return Site(outside_var)


def rows(site: Site, **asked: str) -> list[dict[str, str]]:
    browser = Client()
    browser.force_login(site.owner)
    answer = browser.get(reverse("research-audit-csv", args=["tiny"]), asked)
    text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    return list(csv.DictReader(io.StringIO(text)))


def verbs() -> list[str]:
    mine = AuditRecord.objects.filter(study="tiny").exclude(verb__startswith="person.")
    return list(mine.order_by("pk").values_list("verb", flat=True))


def do(who: User, method: str, name: str, *arguments: object, **fields: str) -> int:
    browser = Client()
    browser.force_login(who)
    answer: HttpResponse = getattr(browser, method)(
        reverse(name, args=["tiny", *arguments]), fields
    )
    return answer.status_code


def test_every_download_change_exclusion_and_erasure_is_in_the_log(site: Site) -> None:
    already = verbs()
    somebody = factories.finished(site.study)
    rater = somebody.participant.rater_id
    decision = {"ground": "too-fast", "reason": "Faster than reading."}

    do(site.editor, "post", "research-start", "freeze")
    do(site.editor, "post", "research-cancel", site.job.pk)
    do(site.editor, "post", "research-cancel", site.job.pk)  # it had ended: no record
    do(site.viewer, "get", "research-snapshot", 1)
    do(site.viewer, "get", "research-download", "report", site.report.pk)
    do(site.viewer, "get", "research-download", "sweep", site.sweep.pk)
    do(site.viewer, "get", "research-report-page", site.report.pk)
    do(site.editor, "get", "research-payment-list", "bonuses", 1)
    do(site.editor, "post", "research-recruitment-act", "sent-bonuses")
    do(
        site.editor,
        "post",
        "research-quality-decide",
        rater,
        "exclusion",
        decision="exclude",
        **decision,
    )
    do(
        site.editor,
        "post",
        "research-quality-decide",
        rater,
        "payment",
        decision="pay",
        **decision,
    )
    do(site.editor, "post", "research-lab", number="017")
    do(
        site.owner,
        "post",
        "research-erase",
        rater,
        reason="participant-asked",
        sure="on",
    )
    do(site.owner, "get", "research-audit-csv")

    assert verbs()[len(already) :] == [
        "job.cancelled",
        "snapshot.downloaded",
        "report.downloaded",
        "sweep.downloaded",
        "report.opened",
        "payment-list.downloaded",
        "recruitment.asked",
        "exclusion.decided",
        "payment.decided",
        "lab.started",
        "participant.erased",
        "audit.downloaded",
    ]
    everything = str(list(AuditRecord.objects.values()))
    assert rater not in everything
    assert str(somebody.code) not in everything
    assert "017" not in everything
    assert "Faster" not in everything


def test_opening_pausing_and_closing_are_told_once(site: Site) -> None:
    study = site.study
    for change in (pause_study, pause_study, open_study, open_study, close_study):
        change(study, by=site.editor)
    close_study(study)

    told = AuditRecord.objects.filter(by="ed").order_by("pk")
    assert [one.verb for one in told] == [
        "study.paused",
        "study.opened",
        "study.closed",
    ]


def test_what_was_rolled_back_is_not_told(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    somebody = factories.joined(site.study)

    def full(tombstone: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(erasure.erasure_ledger, "append", full)
    with pytest.raises(OSError, match="no space"):
        erasure.erase(somebody.participant, by="ada")

    assert not AuditRecord.objects.filter(verb="participant.erased").exists()


def test_the_log_is_filtered_by_who_what_and_when(site: Site) -> None:
    for day, by, verb in (
        (1, "ada", "study.opened"),
        (2, "ed", "study.opened"),
        (3, "ed", "study.closed"),
    ):
        AuditRecord.objects.create(
            at=datetime(2026, 3, day, 23, 59, tzinfo=UTC),
            study="tiny",
            by=by,
            verb=verb,
        )
    audit.record("eve", None, "study.opened")

    def found(**asked: str) -> list[tuple[str, str]]:
        return [
            (row["at"][:10], row["by"])
            for row in rows(site, **asked)
            if row["at"].startswith("2026-03")
        ]

    assert found(by="ed") == [("2026-03-03", "ed"), ("2026-03-02", "ed")]
    assert found(verb="study.opened") == [("2026-03-02", "ed"), ("2026-03-01", "ada")]
    assert found(since="2026-03-02", until="2026-03-02") == [("2026-03-02", "ed")]
    assert len(found(since="yesterday")) == 3
    assert "eve" not in str(rows(site))


def test_a_date_that_cannot_be_read_is_said(site: Site) -> None:
    browser = Client()
    browser.force_login(site.owner)

    page = browser.get(
        reverse("research-audit", args=["tiny"]), {"since": "yesterday"}
    ).content.decode()

    assert "Enter a valid date." in page
    assert "Added to the study" in page


def test_no_cell_of_the_csv_is_a_formula(site: Site) -> None:
    audit.record("=cmd|calc", site.study, "study.opened")
    audit.record("+1", site.study, "study.opened")

    assert [row["by"] for row in rows(site, verb="study.opened")][:2] == [
        "'+1",
        "'=cmd|calc",
    ]


def test_the_page_tells_in_words_and_goes_on_to_older_records(site: Site) -> None:
    for number in range(120):
        audit.record("ada", site.study, "snapshot.downloaded", number=number)

    first = site.page("research-audit", "tiny")
    browser = Client()
    browser.force_login(site.owner)
    older = browser.get(
        reverse("research-audit", args=["tiny"]), {"page": "2", "by": "ada"}
    ).content.decode()

    assert "Downloaded a snapshot" in first
    assert "number 119" in first
    assert "number 3<" not in first
    assert "number 3<" in older
    assert "page=1" in older
    assert "by=ada" in older
