"""A study that ran for real keeps running across a migration.

Goes back to the schema of the first release, fills every table of it by hand (today's
models do not fit it), comes forward to whatever is newest, and goes on collecting.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test import Client
from django.utils import timezone

from collection import participation
from collection.definitions import StudyDefinition
from collection.models import Membership, PlatformIdentity, Study, StudySession
from tests import factories

FIRST = [("collection", "0002_responses_never_change")]
# Django's own bookkeeping, and the queue's.
NOT_OURS = ("auth_", "django_", "procrastinate_")

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def first_release() -> Iterator[Any]:
    """The models of the first release, on its schema; the newest schema afterwards."""
    executor = MigrationExecutor(connection)
    executor.migrate(FIRST)
    yield MigrationExecutor(connection).loader.project_state(FIRST).apps
    call_command("migrate", verbosity=0)


def newest() -> None:
    """Forward to whatever is newest, as `manage.py migrate` goes."""
    call_command("migrate", verbosity=0)


def tables() -> list[str]:
    with connection.cursor() as cursor:
        names = connection.introspection.table_names(cursor)
    return [name for name in names if not name.startswith(NOT_OURS)]


def rows(table: str) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT to_jsonb(t)::text FROM "{table}" t')
        return [json.loads(row) for (row,) in cursor.fetchall()]


def fill(apps: Any) -> uuid.UUID:
    """A row in every table: somebody half-way, who came from a platform."""

    def make(model: str, **values: Any) -> Any:
        return apps.get_model("collection", model).objects.create(**values)

    from django.contrib.auth.models import User

    # The definition as the first release wrote it: without what came later.
    document = factories.document(**factories.only("pair"))
    definition = StudyDefinition.model_validate(document)
    actions_of = document.pop("actions")
    study = make(
        "Study",
        slug="tiny",
        title="A tiny study",
        status="open",
        definition={**document, "actions": actions_of},
        definition_sha256="a" * 64,
        simulation=None,
        opened_at=timezone.now(),
    )
    owner = User.objects.create_user("ada")
    study.researchers.add(owner.pk)
    actions = [
        make("Action", study=study, action_id=one.action_id, text=one.text, position=n)
        for n, one in enumerate(definition.actions)
    ]
    participant = make("Participant", study=study, rater_id="p-01234567", group="all")
    make(
        "PlatformIdentity",
        participant=participant,
        study=study,
        platform="prolific",
        external_id="5f3c",
    )
    session = make(
        "StudySession",
        participant=participant,
        study=study,
        status="consented",
        group="all",
        blocks=["pairs"],
        consented_at=timezone.now(),
    )
    make("Consent", session=session, version="a" * 64, uses={"this_study": True})
    cells = [
        make(
            "Cell",
            study=study,
            kind="pair",
            key=f"{a.action_id}|{b.action_id}",
            action_a=a,
            action_b=b,
            wanted=2,
            completed=int(n == 0),
        )
        for n, (a, b) in enumerate(
            (a, b) for i, a in enumerate(actions) for b in actions[i + 1 :]
        )
    ]
    reservation = make(
        "Reservation",
        session=session,
        cell=cells[0],
        block="pairs",
        state="completed",
        expires_at=timezone.now(),
    )
    trial = make(
        "Trial",
        session=session,
        block="pairs",
        kind="pair",
        position=0,
        actions=["alpha", "bravo"],
        reservation=reservation,
        reserved_until=timezone.now(),
    )
    make("Response", trial=trial, rating=70, rt_ms=900, timing={"commit_ms": 900})
    make("Incident", session=session, trial=trial, code="odd", detail={"n": 1})
    make(
        "SnapshotRecord",
        study=study,
        number=1,
        folder="/var/somewhere/1",
        sha256="b" * 64,
        n_judgments=1,
    )
    make("JobRecord", kind="report", study=study, parameters={"snapshot": 1})
    return uuid.UUID(str(session.code))


def test_every_row_of_the_first_release_is_there_and_the_session_goes_on(
    first_release: Any, client: Client
) -> None:
    code = fill(first_release)
    before = {table: rows(table) for table in tables()}
    assert [table for table, found in before.items() if not found] == []
    # A researcher of then has a role now.
    (researcher,) = before.pop("collection_study_researchers")

    newest()

    owner = Membership.objects.get()
    assert (owner.study_id, owner.user_id, owner.role) == (
        researcher["study_id"],
        researcher["user_id"],
        "owner",
    )

    for table, old in before.items():
        now = rows(table)
        for row in old:
            assert any(row.items() <= other.items() for other in now), (table, row)
    # Goes on: answers what is left, finishes, withdraws; others join.
    session = StudySession.objects.get(pk=code)
    assert factories.answer(session) == 4
    assert participation.finish(session).completion_code == "TINY-DONE"
    assert participation.enrol(
        session.study, external_id="5f3c", platform="prolific"
    ) == (session)
    assert factories.finished(Study.objects.get()).status == "finished"
    assert client.get(f"/p/{code}/debrief/").status_code == 200
    assert participation.withdraw(session).status == "withdrawn"


def test_identities_and_consents_of_before_get_what_they_lacked(
    first_release: Any,
) -> None:
    code = fill(first_release)

    newest()

    identity = PlatformIdentity.objects.get()
    assert identity.external_id == "5f3c"
    assert identity.digest
    assert identity.keep_until is not None
    assert (identity.keep_until - timezone.now()).days in (89, 90)
    consent = StudySession.objects.get(pk=code).consent
    kept = Study.objects.get().consent_versions.get(version=consent.version)
    assert kept.definition["text"] == "Take part?"


def test_the_last_release_still_inserts_while_this_one_starts(
    first_release: Any,
) -> None:
    """A rolling start: the schema is new, and an old worker goes on writing."""
    fill(first_release)
    newest()
    study = first_release.get_model("collection", "Study").objects.get()

    first_release.get_model("collection", "SnapshotRecord").objects.create(
        study=study, number=2, folder="/x", sha256="c" * 64, n_judgments=2
    )
    first_release.get_model("collection", "JobRecord").objects.create(
        study=study, kind="freeze"
    )

    assert Study.objects.get().snapshots.count() == 2


def test_going_back_leaves_the_researchers_who_were_there(first_release: Any) -> None:
    fill(first_release)
    newest()

    executor = MigrationExecutor(connection)
    executor.migrate([("collection", "0010_session_language")])

    assert len(rows("collection_study_researchers")) == 1
