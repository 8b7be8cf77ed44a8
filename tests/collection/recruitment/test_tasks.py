"""The worker asks and pays; and what leaves the database names nobody."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.db import connection
from procrastinate.contrib.django import app

from collection import participation, snapshots
from collection.models import PlatformPayment, Reconciliation, Study, Submission
from collection.recruitment import tasks
from tests import factories
from tests.collection.recruitment.conftest import Arrive
from tests.prolific_server import FakeProlific
from tests.queue_work import let_a_worker_work


@pytest.mark.django_db(transaction=True)
def test_a_worker_compares_and_approves(
    study: Study, prolific: FakeProlific, arrive: Arrive
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE procrastinate_jobs, procrastinate_workers CASCADE")
    place = prolific.submission()
    session = arrive(place)
    factories.answer(session)
    participation.finish(session)
    place.status = "AWAITING REVIEW"

    tasks.reconcile.defer(timestamp=0)
    tasks.approve_all.defer(study_id=study.pk)
    let_a_worker_work()

    # The worker may find that the periodic one is due as well, also in between.
    assert Reconciliation.objects.filter(n_changed=1).exists()
    assert PlatformPayment.objects.get().state == "sent"
    assert place.status == "APPROVED"


def test_the_platform_is_asked_every_five_minutes() -> None:
    found = {
        periodic.task.name: periodic.cron
        for periodic in app.periodic_registry.periodic_tasks.values()
    }

    assert found["reconcile"] == "*/5 * * * *"


@pytest.mark.django_db(transaction=True)
def test_no_platform_id_is_in_a_snapshot(
    study: Study, prolific: FakeProlific, arrive: Arrive, tmp_path: Path
) -> None:
    place = prolific.submission()
    session = arrive(place)
    factories.answer(session)
    participation.finish(session)

    snapshots.freeze(study, tmp_path / "snapshot")

    written = "".join(p.read_text() for p in (tmp_path / "snapshot").rglob("*.*"))
    assert session.participant.rater_id in written
    assert place.participant_id not in written
    assert place.submission_id not in written
    assert Submission.objects.count() == 1
