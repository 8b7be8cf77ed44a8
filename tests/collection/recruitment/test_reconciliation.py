"""Asking the platform makes up for what no webhook told."""

from __future__ import annotations

from typing import Any

import pytest

from collection.models import Reconciliation, Study, StudySession, Submission
from collection.recruitment import reconciliation
from collection.recruitment.client import Prolific
from collection.recruitment.reconciliation import reconcile, reconcile_all
from collection.recruitment.submissions import ORDER
from tests import factories
from tests.collection.recruitment.conftest import Arrive
from tests.prolific_server import STUDY_ID, TOKEN, FakeProlific

pytestmark = pytest.mark.django_db

Verification = Submission.Verification


def told(run: Reconciliation) -> tuple[int, int, int, int]:
    assert run.error == ""
    return run.n_seen, run.n_changed, run.n_unknown, run.n_refuted


@pytest.mark.parametrize("status", ORDER)
def test_every_status_is_learned_by_asking(
    study: Study, prolific: FakeProlific, arrive: Arrive, status: str
) -> None:
    place = prolific.submission()
    arrive(place)
    place.status, place.time_taken = status, 200

    run = reconcile(study)

    assert told(run) == (1, int(status != "ACTIVE"), 0, 0)
    submission = Submission.objects.get()
    assert (submission.status, submission.time_taken_s) == (status, 200)
    assert told(reconcile(study)) == (1, 0, 0, 0)


def test_a_rejection_that_was_taken_back_is_taken_back_here(
    study: Study, prolific: FakeProlific, arrive: Arrive
) -> None:
    place = prolific.submission()
    arrive(place)
    for status in ("REJECTED", "AWAITING REVIEW"):
        place.status = status
        reconcile(study)

    assert Submission.objects.get().status == "AWAITING REVIEW"


def test_who_was_let_in_on_trust_is_confirmed_or_refuted(
    study: Study, prolific: FakeProlific, arrive: Arrive
) -> None:
    prolific.fail_next(503, 503)
    honest, liar = prolific.submission(), prolific.submission()
    first, second = arrive(honest), arrive(liar)
    liar.participant_id = "somebodyelse"

    run = reconcile(study)

    assert told(run)[3] == 1
    verdicts = dict(Submission.objects.values_list("session", "verification"))
    assert verdicts == {
        first.pk: Verification.API,
        second.pk: Verification.REFUTED,
    }
    second.refresh_from_db()
    assert second.status == StudySession.Status.CONSENTED  # flagged, not thrown out


def test_an_invented_submission_is_refuted(
    study: Study, prolific: FakeProlific, arrive: Arrive
) -> None:
    place = prolific.submission()
    prolific.fail_next(503)
    arrive(place)
    prolific.places.clear()

    assert told(reconcile(study)) == (0, 0, 0, 1)


def test_submissions_that_never_arrived_are_counted(
    study: Study, prolific: FakeProlific
) -> None:
    prolific.submission()

    assert told(reconcile(study)) == (1, 0, 1, 0)


def test_trouble_is_kept_and_told_and_the_next_run_makes_up_for_it(
    study: Study, prolific: FakeProlific, arrive: Arrive
) -> None:
    place = prolific.submission()
    arrive(place)
    place.status = "RETURNED"
    prolific.fail_next(*[503] * 5)
    api = Prolific(TOKEN, url=prolific.url, sleep=lambda s: None)

    failed = reconcile(study, api=api)

    assert "Try again in some minutes" in failed.error
    assert failed.finished_at is not None
    assert told(reconcile(study)) == (1, 1, 0, 0)


def test_a_status_that_is_new_stops_nothing(
    study: Study, prolific: FakeProlific, arrive: Arrive
) -> None:
    odd, good = prolific.submission(), prolific.submission()
    arrive(odd)
    arrive(good)
    odd.status, good.status = "PONDERING", "APPROVED"

    assert told(reconcile(study)) == (2, 1, 0, 0)


def test_every_study_on_prolific_is_asked_about_and_no_other(
    study: Study, prolific: FakeProlific, settings: Any
) -> None:
    factories.open_study(slug="plain")

    assert [run.study_id for run in reconcile_all()] == [study.pk]
    asked = [path for _, path, _ in prolific.calls]
    assert asked == ["/api/v1/submissions/"]

    settings.PROLIFIC_TOKEN = ""
    assert reconcile_all() == []


def test_a_study_elsewhere_has_nothing_to_compare(prolific: FakeProlific) -> None:
    run = reconcile(factories.open_study())

    assert "does not recruit on Prolific" in run.error
    assert reconciliation.studies_to_reconcile() == []
    assert STUDY_ID not in run.error
