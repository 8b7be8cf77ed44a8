"""Erasing a person: what goes, what is taken out of use, and what a backup cannot undo."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.core import serializers
from django.core.management import call_command
from django.db import DatabaseError, connection, connections, transaction

from alignment.folders import MANIFEST, sha256_of
from collection import erasure, erasure_ledger, participation, superseding
from collection.digests import session_digest
from collection.errors import CollectionError, SessionErased, SnapshotRefused
from collection.management.commands.freezestudy import next_folder
from collection.models import (
    AuditRecord,
    Cell,
    ConsentVersion,
    Erasure,
    Incident,
    JobRecord,
    Participant,
    PlatformIdentity,
    Reservation,
    Response,
    Study,
    StudySession,
    Trial,
)
from collection.participation import Answer
from collection.snapshots import freeze
from tests import factories
from tests.researchers import results_folder

pytestmark = pytest.mark.django_db
PERSONAL = [
    Participant,
    PlatformIdentity,
    StudySession,
    Trial,
    Response,
    Reservation,
    Incident,
]

WRITTEN_ONCE = (AuditRecord, Response, ConsentVersion)


@pytest.fixture
def study(outside_var: Path) -> Study:
    return factories.open_study()


def whole_database() -> str:
    """Every row of every table, as text, but for the ledger."""
    said = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT to_jsonb(t)::text FROM "{table}" t')
            said += [f"{table} {row}" for (row,) in cursor.fetchall()]
    return "\n".join(said)


def names_of(session: StudySession) -> list[str]:
    """Everything that would give this person away."""
    return [
        session.participant.rater_id,
        str(session.code),
        *(str(pk) for pk in session.trials.values_list("pk", flat=True)),
    ]


def job(
    study: Study, kind: str, inputs: dict[str, str], **parameters: Any
) -> JobRecord:
    """A finished job of this kind, with a small folder where jobs write theirs."""
    record = JobRecord.objects.create(
        kind=kind, study=study, status=JobRecord.Status.DONE, parameters=parameters
    )
    folder = superseding.studies_folder(study) / f"{kind}s" / str(record.pk)
    record.result_folder = str(_made_from(folder, kind, inputs))
    record.save()
    return record


def _made_from(folder: Path, kind: str, inputs: dict[str, str]) -> Path:
    results_folder(folder, kind, lambda home: (home / "table.csv").write_text("a\n1\n"))
    manifest = json.loads((folder / MANIFEST).read_text()) | {"inputs": inputs}
    (folder / MANIFEST).write_text(json.dumps(manifest))
    return folder


def manifest_hash(folder: str) -> str:
    return sha256_of(Path(folder) / MANIFEST)


def test_nothing_of_the_person_is_left_and_others_keep_all(study: Study) -> None:
    ada, bo = factories.ada(study), factories.bo(study)
    Incident.objects.create(session=ada, code="odd", detail={"who": str(ada.code)})
    JobRecord.objects.create(
        study=study, kind="report", error=f"row of {ada.participant.rater_id} is odd"
    )
    before = names_of(ada), Response.objects.filter(trial__session=bo).count()

    tombstone = erasure.erase(ada.participant, by="command")

    left = whole_database()
    assert [name for name in [*before[0], '"ada"', "my secret"] if name in left] == []
    assert Response.objects.count() == before[1]
    assert tombstone.counts["response"] == 17
    assert tombstone.sessions == [session_digest(ada.code)]


def test_the_places_of_the_person_are_free_again(study: Study) -> None:
    before = {cell.pk: (cell.completed, cell.in_flight) for cell in Cell.objects.all()}
    ada, bo = factories.ada(study), factories.bo(study)

    erasure.erase(ada.participant, by="command")
    erasure.erase(bo.participant, by="command")

    after = {cell.pk: (cell.completed, cell.in_flight) for cell in Cell.objects.all()}
    assert after == before


def test_the_chain_from_snapshot_to_sweep_is_superseded_with_its_files(
    study: Study, django_capture_on_commit_callbacks: Any
) -> None:
    without = factories.finished(study)
    early = freeze(study, next_folder(study))
    ada = factories.ada(study)
    late = freeze(study, next_folder(study))
    untouched = job(study, "report", {"snapshot": early.sha256}, snapshot=early.number)
    report = job(study, "report", {"snapshot": late.sha256}, snapshot=late.number)
    report_hash = manifest_hash(report.result_folder)
    sweep = job(study, "sweep", {"report": report_hash}, report=report.pk, spec="x")
    by_hand = _made_from(
        superseding.studies_folder(study) / "sweeps" / "900",
        "sweep",
        {"report": report_hash},
    )
    waiting = JobRecord.objects.create(
        kind="report", study=study, parameters={"snapshot": late.number}
    )

    with django_capture_on_commit_callbacks(execute=True):
        tombstone = erasure.erase(ada.participant, by="command")

    for record in (early, late, untouched, report, sweep, waiting):
        record.refresh_from_db()
    assert [r.superseded_at is None for r in (early, untouched)] == [True, True]
    assert all(r.superseded_at for r in (late, report, sweep, waiting))
    assert "erased" in late.superseded_reason
    assert waiting.status == "cancelled"
    assert tombstone.superseded == {
        "snapshots": [2],
        "reports": [report.pk, waiting.pk],
        "sweeps": [sweep.pk],
    }
    # The last one was made by hand, with no record: found through its manifest.
    for folder in (
        late.folder,
        report.result_folder,
        sweep.result_folder,
        by_hand,
    ):
        assert [
            path.name for path in Path(folder).iterdir() if path.name != ".lock"
        ] == ["superseded.json"]
    note = json.loads((Path(report.result_folder) / "superseded.json").read_text())
    assert note["manifest_sha256"] == report_hash
    assert (Path(early.folder) / MANIFEST).is_file()
    assert without.participant.rater_id in whole_database()


def test_an_open_release_is_searched_under_its_own_names(study: Study) -> None:
    ada = factories.ada(study)
    release = freeze(study, next_folder(study), use="open_release")
    table = (Path(release.folder) / "value_judgments.csv").read_text()
    assert ada.participant.rater_id not in table

    erasure.erase(ada.participant, by="command")

    release.refresh_from_db()
    assert release.superseded_at is not None


def test_a_snapshot_whose_files_are_gone_is_superseded_to_be_safe(study: Study) -> None:
    ada = factories.ada(study)
    record = freeze(study, next_folder(study))
    for path in Path(record.folder).iterdir():
        path.unlink()

    erasure.erase(ada.participant, by="command")

    record.refresh_from_db()
    assert record.superseded_at is not None


def test_files_elsewhere_lose_only_what_was_ours(study: Study, tmp_path: Path) -> None:
    ada = factories.ada(study)
    out = tmp_path / "my-paper"
    freeze(study, out)
    (out / "draft.tex").write_text("mine")

    erasure.erase(ada.participant, by="command")

    left = sorted(path.name for path in out.iterdir() if path.name != ".lock")
    assert left == ["draft.tex", "superseded.json"]


def test_a_snapshot_written_while_somebody_is_erased_is_refused(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    from collection import snapshots

    factories.finished(study)
    ada = factories.ada(study)
    written = snapshots.write_snapshot

    def and_then_ada_leaves(*args: Any, **kwargs: Any) -> Any:
        done = written(*args, **kwargs)
        erasure.erase(ada.participant, by="participant")
        return done

    monkeypatch.setattr(snapshots, "write_snapshot", and_then_ada_leaves)
    out = next_folder(study)

    with pytest.raises(SnapshotRefused, match="were erased while this snapshot"):
        freeze(study, out)

    assert not out.exists()
    assert not study.snapshots.exists()


def test_a_second_erasure_is_told_that_all_is_gone(study: Study) -> None:
    ada = factories.ada(study)
    person = ada.participant
    erasure.erase(Participant.objects.get(pk=person.pk), by="command")

    with pytest.raises(SessionErased, match="was erased"):
        erasure.erase(person, by="command")

    assert Erasure.objects.count() == 1


def test_the_ledger_is_only_added_to(study: Study) -> None:
    tombstone = erasure.erase(factories.ada(study).participant, by="command")

    for change in (
        lambda: Erasure.objects.filter(pk=tombstone.pk).update(by="nobody"),
        lambda: Erasure.objects.filter(pk=tombstone.pk).delete(),
    ):
        with (
            pytest.raises(DatabaseError, match="written once and never changed"),
            transaction.atomic(),
        ):
            change()


# A restored backup ---------------------------------------------------------------------


def dumped() -> str:
    """All rows that belong to people and results, as a backup holds them."""
    from django.apps import apps

    models = [m for m in apps.get_app_config("collection").get_models() if m != Erasure]
    rows = [row for model in models for row in model._base_manager.order_by("pk")]
    return serializers.serialize("json", rows)


def restored(dump: str) -> None:
    """What `pg_restore` does: rows written as they were, past every rule of `save`."""
    with connection.constraint_checks_disabled():
        for row in serializers.deserialize("json", dump):
            model = type(row.object)
            if not model._base_manager.filter(pk=row.object.pk).exists():
                row.save(force_insert=True)
            elif model not in WRITTEN_ONCE:
                row.save(force_update=True)


def test_whoever_a_backup_brings_back_is_erased_again(study: Study) -> None:
    ada, bo = factories.ada(study), factories.bo(study)
    record = freeze(study, next_folder(study))
    report = job(study, "report", {"snapshot": record.sha256}, snapshot=record.number)
    names, backup = names_of(ada), dumped()
    tombstone = erasure.erase(ada.participant, by="command")
    after_erasure = {c.pk: (c.completed, c.in_flight) for c in Cell.objects.all()}

    restored(backup)
    back_again = whole_database()
    with connection.cursor() as cursor:  # the backup is older than the ledger's table
        cursor.execute("TRUNCATE collection_erasure")
    assert all(name in back_again for name in names)

    assert erasure.replay() == (1, 1)

    left = whole_database()
    assert [name for name in [*names, '"ada"'] if name in left] == []
    assert str(bo.code) in left
    assert Erasure.objects.get().pk == tombstone.pk
    assert Erasure.objects.get().counts == tombstone.counts
    counts = {c.pk: (c.completed, c.in_flight) for c in Cell.objects.all()}
    assert counts == after_erasure
    for result in (record, report):
        result.refresh_from_db()
        assert result.superseded_at is not None
    assert erasure.replay() == (0, 0)


def test_replaying_says_what_it_did(
    study: Study, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("replayerasures")
    assert "There is no ledger yet" in capsys.readouterr().out
    erasure.erase(factories.ada(study).participant, by="command")

    call_command("replayerasures")

    assert capsys.readouterr().out.startswith("Erased again: 0 people.")


def test_what_only_the_database_knows_is_copied_to_the_file(study: Study) -> None:
    tombstone = erasure.erase(factories.ada(study).participant, by="command")
    erasure_ledger.ledger_file().unlink()

    erasure.replay()

    assert [e.pk for e in erasure_ledger.read()] == [tombstone.pk]


# At the same time ----------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_an_answer_and_an_erasure_at_once_leave_nothing(outside_var: Path) -> None:
    study = factories.open_study()
    session = factories.joined(study, external_id="ada", platform="cast")
    trial = participation.current_trial(session)
    assert trial is not None
    started = threading.Barrier(3)

    def in_own_connection(call: Any) -> object:
        started.wait()
        try:
            return call()
        except (CollectionError, StudySession.DoesNotExist) as refusal:
            return refusal
        finally:
            connections.close_all()

    calls = [
        lambda: participation.record_response(
            session, trial_id=trial.pk, answer=Answer(rating=10)
        ),
        lambda: erasure.erase(session.participant, by="command"),
    ]
    with ThreadPoolExecutor(2) as pool:
        # Both stand before the session's row, which is held here until they do.
        with transaction.atomic():
            StudySession.objects.select_for_update().get(pk=session.pk)
            futures = [pool.submit(in_own_connection, call) for call in calls]
            started.wait()
            _wait_for_lock(2)
        answered, erased = [future.result() for future in futures]

    assert isinstance(erased, Erasure)
    assert isinstance(answered, Response | StudySession.DoesNotExist)
    assert [model.objects.count() for model in PERSONAL] == [0] * len(PERSONAL)
    assert set(Cell.objects.values_list("completed", "in_flight")) == {(0, 0)}


@pytest.mark.django_db(transaction=True)
def test_two_erasures_at_once_leave_one_tombstone(outside_var: Path) -> None:
    study = factories.open_study()
    session = factories.bo(study)

    def erase() -> object:
        try:
            return erasure.erase(session.participant, by="command")
        except SessionErased as gone:
            return gone
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        with transaction.atomic():
            StudySession.objects.select_for_update().get(pk=session.pk)
            futures = [pool.submit(erase) for _ in range(2)]
            _wait_for_lock(2)
        outcomes = sorted(type(f.result()).__name__ for f in futures)

    assert outcomes == ["Erasure", "SessionErased"]
    assert Erasure.objects.count() == 1
    assert len(erasure_ledger.read()) == 1


def _wait_for_lock(n: int) -> None:
    """Until so many other connections wait for a lock."""
    pause = threading.Event()
    for _ in range(400):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted")
            row = cursor.fetchone()
        if row is not None and row[0] >= n:
            return
        pause.wait(0.02)
    raise AssertionError("nobody waits for the lock")
