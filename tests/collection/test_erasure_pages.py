"""A researcher finds who asks to be forgotten, sees what would go, and erases them."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from collection import withdrawal, work
from collection.errors import NobodyFound, SupersededResult
from collection.finding import found_by
from collection.management.commands.freezestudy import next_folder
from collection.models import Erasure, JobRecord, StudySession
from collection.snapshots import freeze
from tests import factories
from tests.researchers import Site

pytestmark = pytest.mark.django_db


@pytest.fixture
def site(outside_var: Path) -> Site:
    return Site(outside_var)


@pytest.fixture
def ada(site: Site) -> StudySession:
    return factories.ada(site.study)


@pytest.fixture
def owner(site: Site, client: Client) -> Client:
    client.force_login(site.owner)
    return client


def find(who: str) -> tuple[str, dict[str, str]]:
    return reverse("research-erase-find", args=["tiny"]), {"who": who}


def named_by(session: StudySession) -> list[str]:
    return [
        session.participant.rater_id,
        str(session.code),
        f"https://example.org/p/{session.code}/debrief/",
        withdrawal.code_of(session).in_groups,
        withdrawal.code_of(session).code.lower(),
        " ada ",
    ]


def test_a_person_is_found_by_whatever_they_can_say(ada: StudySession) -> None:
    for said in named_by(ada):
        assert found_by(ada.study, said) == ada.participant


@pytest.mark.parametrize("said", ["", "   ", "nobody", "p-00000000"])
def test_who_is_not_there_is_not_found(ada: StudySession, said: str) -> None:
    with pytest.raises(NobodyFound, match="Nobody in study tiny"):
        found_by(ada.study, said)


def test_nobody_is_found_in_another_study(site: Site, ada: StudySession) -> None:
    elsewhere = type(site.study).objects.get(slug="elsewhere")

    for said in named_by(ada):
        with pytest.raises(NobodyFound):
            found_by(elsewhere, said)


def test_an_id_on_two_platforms_names_nobody(site: Site, ada: StudySession) -> None:
    factories.joined(site.study, external_id="ada", platform="elsewhere")

    with pytest.raises(NobodyFound, match="on more than one platform"):
        found_by(ada.study, "ada")


def test_the_way_from_the_study_to_the_tombstone(
    owner: Client, ada: StudySession
) -> None:
    record = freeze(ada.study, next_folder(ada.study))
    study_page = owner.get(reverse("research-study", args=["tiny"])).text
    address, who = find("ada")
    assert address in study_page

    asked = owner.post(address, who, follow=True)
    rater_id = ada.participant.rater_id
    erase = reverse("research-erase", args=["tiny", rater_id])
    assert asked.redirect_chain[-1][0] == erase
    assert f"Erase {rater_id}" in asked.text
    assert f"snapshot {record.number}" in asked.text

    unsure = owner.post(erase, {"reason": "participant-asked"})
    assert unsure.status_code == 422
    assert "please tick the box first" in unsure.text
    sent = {"reason": "under-age", "reference": "case 7", "sure": "on"}
    done = owner.post(erase, sent, follow=True)

    assert "Erased: 17 responses" in done.text
    assert "case 7" in done.text
    assert rater_id not in done.text
    tombstone = Erasure.objects.get()
    assert (tombstone.by, tombstone.reason) == ("ada", "under-age")
    assert owner.get(erase).status_code == 404


def test_what_the_person_gave_never_stands_in_an_address(
    owner: Client, ada: StudySession
) -> None:
    address, who = find("nobody like that")

    answer = owner.post(address, who)

    assert answer.status_code == 422
    assert "Nobody in study tiny is known by that." in answer.text
    assert (
        owner.get(f"{address}?who=ada").status_code == 200
    )  # and nothing is looked up


def test_another_researcher_erases_nobody(site: Site, ada: StudySession) -> None:
    stranger = Client()
    stranger.force_login(site.stranger)
    erase = reverse("research-erase", args=["tiny", ada.participant.rater_id])

    answers = [
        stranger.post(*find("ada")),
        stranger.get(erase),
        stranger.post(erase, {"reason": "other", "sure": "on"}),
    ]

    assert [answer.status_code for answer in answers] == [404] * 3
    assert not Erasure.objects.exists()


# What is superseded --------------------------------------------------------------------


@pytest.fixture
def gone(site: Site, owner: Client, ada: StudySession) -> JobRecord:
    """A report that held Ada, who was erased since."""
    factories.finished(site.study)
    for snapshot in site.study.snapshots.all():
        snapshot.delete()
    record = freeze(site.study, next_folder(site.study))
    report = site.report
    report.parameters = {"snapshot": record.number, "chat_pairs": 3}
    report.save()
    owner.post(
        reverse("research-erase", args=["tiny", ada.participant.rater_id]),
        {"reason": "participant-asked", "sure": "on"},
    )
    report.refresh_from_db()
    return report


def test_every_file_of_it_is_refused_with_the_reason(
    owner: Client, site: Site, gone: JobRecord
) -> None:
    where = ["tiny", "report", gone.pk]
    sweep = ["tiny", "sweep", site.sweep.pk]
    addresses = [
        reverse("research-snapshot", args=["tiny", 1]),
        reverse("research-result", args=where),
        reverse("research-download", args=where),
        reverse("research-figure", args=[*where, "map.svg"]),
        reverse("research-report-page", args=["tiny", gone.pk]),
    ]

    answers = [owner.get(address) for address in addresses]

    assert [answer.status_code for answer in answers] == [410] * 5
    for answer in answers:
        assert "whose data were erased since" in answer.text
    # The sweep of the fixture names report 1, which this one is not.
    assert owner.get(reverse("research-result", args=sweep)).status_code in (200, 410)


def test_it_is_offered_to_be_made_again(
    owner: Client, site: Site, gone: JobRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = reverse("research-result", args=["tiny", "report", gone.pk])
    assert "Freeze a new snapshot" in owner.get(page).text

    record = freeze(site.study, next_folder(site.study))

    text = owner.get(page).text
    assert f"Write the report again, of snapshot {record.number}" in text
    assert f'name="snapshot" value="{record.pk}"' in text
    assert 'name="chat_pairs" value="3"' in text
    sent = {"snapshot": record.pk, "chat_pairs": 3}
    started = owner.post(reverse("research-start", args=["tiny", "report"]), sent)
    assert started.status_code == 302
    assert JobRecord.objects.latest("pk").parameters == {
        "snapshot": record.number,
        "chat_pairs": 3,
    }


def test_nothing_new_is_made_from_it(
    owner: Client, site: Site, gone: JobRecord
) -> None:
    forms = owner.get(reverse("research-study", args=["tiny"])).text
    assert "Snapshot 1, " not in forms

    report = JobRecord(kind="report", study=site.study, parameters={"snapshot": 1})
    with pytest.raises(SupersededResult, match="Snapshot 1 is superseded"):
        work.report_command(report)
    sweep = JobRecord(
        kind="sweep", study=site.study, parameters={"report": gone.pk, "spec": "x"}
    )
    with pytest.raises(SupersededResult, match="Make a new one first"):
        work.sweep_command(sweep)


def test_a_snapshot_is_frozen_for_the_use_that_is_chosen(
    owner: Client, site: Site
) -> None:
    start = reverse("research-start", args=["tiny", "freeze"])

    owner.post(start, {"use": "open_release"})

    job = JobRecord.objects.latest("pk")
    assert job.parameters == {"use": "open_release"}
    assert list(work.freeze_command(job))[-2:] == ["--use", "open_release"]
    owner.post(start, {"use": "sale"})
    assert JobRecord.objects.latest("pk").pk == job.pk


# The command ---------------------------------------------------------------------------


def test_the_command_says_what_went(
    ada: StudySession, capsys: pytest.CaptureFixture[str]
) -> None:
    freeze(ada.study, next_folder(ada.study))

    call_command("forgetparticipant", "tiny", "ada", "--yes", "--reference", "case 9")

    said = capsys.readouterr().out
    assert "17 response" in said
    assert "Superseded: snapshots" in said
    assert Erasure.objects.get().reference == "case 9"


def test_the_command_asks_first_and_reads_a_name_from_standard_input(
    ada: StudySession,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("ada\nno\n"))

    with pytest.raises(CommandError, match="Nothing was erased"):
        call_command("forgetparticipant", "tiny", "-")

    assert ada.participant.rater_id in capsys.readouterr().out
    assert not Erasure.objects.exists()


def test_the_command_refuses_whom_it_does_not_know(ada: StudySession) -> None:
    with pytest.raises(CommandError, match="Nobody in study tiny"):
        call_command("forgetparticipant", "tiny", "bo", "--yes")
    with pytest.raises(CommandError, match="No study 'other'"):
        call_command("forgetparticipant", "other", "ada", "--yes")
