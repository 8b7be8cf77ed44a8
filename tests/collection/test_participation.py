"""What a participant does, and what is refused."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, connections, transaction

from collection import errors, loading, participation
from collection.models import (
    Cell,
    Consent,
    Incident,
    Participant,
    PlatformIdentity,
    Reservation,
    Response,
    Study,
    StudySession,
    Trial,
)
from collection.participation import Answer
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def study() -> Study:
    return factories.open_study()


@pytest.fixture
def session(study: Study) -> StudySession:
    return factories.joined(study)


@pytest.fixture
def trial(session: StudySession) -> Trial:
    found = participation.current_trial(session)
    assert found is not None
    return found


def rate(session: StudySession, trial: Trial, rating: Any, **more: Any) -> Response:
    return participation.record_response(
        session, trial_id=trial.pk, answer=Answer(rating=rating), **more
    )


def in_threads(*calls: Callable[[], object]) -> list[object]:
    """What each call returned or raised, all started at once on own connections."""
    together = threading.Barrier(len(calls))

    def one(call: Callable[[], object]) -> object:
        together.wait()
        try:
            return call()
        except errors.CollectionError as refusal:
            return refusal
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(one, calls))


class TestArriving:
    def test_a_returning_person_gets_their_existing_session(self, study: Study) -> None:
        first = participation.enrol(study, external_id="P1", platform="prolific")
        again = participation.enrol(study, external_id="P1", platform="prolific")

        assert again.code == first.code
        assert Participant.objects.count() == 1

    def test_a_browser_is_recognised_by_its_token(self, study: Study) -> None:
        first = participation.enrol(study, participant_token="t" * 20)
        again = participation.enrol(study, participant_token="t" * 20)
        other = participation.enrol(study, participant_token="u" * 20)

        assert again.code == first.code
        assert other.code != first.code

    def test_people_without_any_identity_are_all_new(self, study: Study) -> None:
        codes = {participation.enrol(study).code for _ in range(3)}

        assert len(codes) == 3
        assert PlatformIdentity.objects.count() == 0

    def test_a_closed_study_takes_nobody_new_and_lets_people_come_back(
        self, study: Study
    ) -> None:
        known = participation.enrol(study, external_id="P1")
        loading.close_study(study)

        with pytest.raises(errors.StudyClosed, match="not taking new"):
            participation.enrol(study, external_id="P2")

        assert participation.enrol(study, external_id="P1").code == known.code

    @pytest.mark.django_db(transaction=True)
    def test_one_person_in_many_tabs_at_once_gets_one_session(
        self, study: Study
    ) -> None:
        found = in_threads(
            *[lambda: participation.enrol(study, external_id="P1").code] * 6
        )

        assert len(set(found)) == 1
        assert StudySession.objects.count() == 1

    @pytest.mark.django_db(transaction=True)
    def test_people_joining_at_once_fill_the_groups_by_their_shares(self) -> None:
        study = factories.open_study(
            groups=[
                {"name": "more", "blocks": ["pairs", "triplets"], "share": 2},
                {"name": "less", "blocks": ["values", "about"], "share": 1},
            ]
        )

        in_threads(*[lambda: participation.enrol(study)] * 9)

        groups = list(study.sessions.values_list("group", flat=True))
        assert (groups.count("more"), groups.count("less")) == (6, 3)


class TestConsent:
    def test_only_ticks_of_offered_uses_are_kept(self, study: Study) -> None:
        session = participation.enrol(study)

        consent = participation.give_consent(
            session, {"this_study": True, "forged": True}, of_age=True
        )

        assert consent.uses == {
            "this_study": True,
            "open_release": False,
            "simulated_agents": False,
        }
        kept = study.consent_versions.get(version=consent.version)
        assert "Use my answers here" in kept.shown
        assert session.status == "consented"

    def test_the_first_consent_stands(self, study: Study) -> None:
        session = participation.enrol(study)
        everything = {"this_study": True, "open_release": True}
        first = participation.give_consent(session, everything, of_age=True)

        again = participation.give_consent(session, {"this_study": True}, of_age=True)

        assert again == first
        assert Consent.objects.get().uses["open_release"] is True

    def test_too_young_people_are_refused_with_the_age(self, study: Study) -> None:
        session = participation.enrol(study)

        with pytest.raises(errors.ConsentMissing, match="at least 18 years"):
            participation.give_consent(session, {"this_study": True}, of_age=False)

        assert session.status == "arrived"

    def test_a_required_use_must_be_ticked(self, study: Study) -> None:
        session = participation.enrol(study)

        with pytest.raises(errors.ConsentMissing, match="agree to: Use my answers"):
            participation.give_consent(session, {"open_release": True}, of_age=True)

        assert Consent.objects.count() == 0

    def test_nothing_is_asked_before_consent(self, study: Study) -> None:
        session = participation.enrol(study)

        with pytest.raises(errors.ConsentMissing, match="agree to the consent page"):
            participation.current_trial(session)

    def test_whoever_declines_is_asked_nothing_and_gets_no_code(
        self, study: Study
    ) -> None:
        session = participation.decline(participation.enrol(study))

        assert session.declined
        assert session.completion_code == ""
        with pytest.raises(errors.SessionOver, match="left this study"):
            participation.give_consent(session, {"this_study": True}, of_age=True)


class TestAnswering:
    def test_a_reload_shows_the_same_trial(
        self, session: StudySession, trial: Trial
    ) -> None:
        again = participation.current_trial(session)

        assert again == trial
        assert Trial.objects.count() == 1

    def test_a_double_click_stores_one_response(
        self, session: StudySession, trial: Trial
    ) -> None:
        first = rate(session, trial, 80, rt_ms=900)
        again = rate(session, trial, 80, rt_ms=950)

        assert again == first
        assert Response.objects.get().rt_ms == 900
        assert Incident.objects.count() == 0

    def test_the_same_answer_after_a_refused_one_changes_nothing(
        self, session: StudySession, trial: Trial
    ) -> None:
        first = rate(session, trial, 80)
        with pytest.raises(errors.AlreadyAnswered):
            rate(session, trial, 20)

        again = rate(session, trial, 80)

        assert again == first
        assert Response.objects.get().rating == 80

    @pytest.mark.django_db(transaction=True)
    def test_a_conflicting_second_answer_is_refused_and_recorded(
        self, session: StudySession, trial: Trial
    ) -> None:
        rate(session, trial, 80)

        with pytest.raises(errors.AlreadyAnswered, match="first answer was kept"):
            rate(session, trial, 20)

        assert Response.objects.get().rating == 80
        incident = Incident.objects.get()
        assert (incident.code, incident.session, incident.trial) == (
            "already-answered",
            session,
            trial,
        )
        assert incident.detail["kept"]["rating"] == 80
        assert incident.detail["refused"]["rating"] == "20"

    def test_a_forged_trial_id_is_unknown_and_recorded(
        self, session: StudySession
    ) -> None:
        forged = uuid.uuid4()

        with pytest.raises(errors.UnknownTrial, match="never shown in your session"):
            participation.record_response(
                session, trial_id=forged, answer=Answer(rating=50)
            )

        incident = Incident.objects.get()
        assert incident.code == "unknown-trial"
        assert incident.detail["trial_id"] == str(forged)
        assert Response.objects.count() == 0

    def test_another_persons_trial_id_is_unknown(
        self, study: Study, session: StudySession
    ) -> None:
        other = factories.joined(study)
        foreign = participation.current_trial(other)
        assert foreign is not None

        with pytest.raises(errors.UnknownTrial):
            rate(session, foreign, 50)

        assert Incident.objects.get().session == session
        assert Response.objects.count() == 0

    def test_an_untouched_page_stores_nothing(
        self, session: StudySession, trial: Trial
    ) -> None:
        with pytest.raises(errors.AnswerMissing, match="give an answer"):
            participation.record_response(session, trial_id=trial.pk, answer=Answer())

        assert Response.objects.count() == 0
        assert participation.current_trial(session) == trial

    def test_not_understood_is_stored_and_is_no_rating(
        self, session: StudySession, trial: Trial
    ) -> None:
        response = participation.record_response(
            session, trial_id=trial.pk, answer=Answer(rating=40, not_understood=True)
        )

        assert response.not_understood
        assert response.rating is None

    @pytest.mark.parametrize("rt_ms", [None, -5, 10**9, True, "900", 3.5])
    def test_an_impossible_response_time_is_stored_as_none(
        self, session: StudySession, trial: Trial, rt_ms: Any
    ) -> None:
        assert rate(session, trial, 50, rt_ms=rt_ms).rt_ms is None

    def test_an_answer_after_its_reservation_expired_is_accepted(
        self, session: StudySession, trial: Trial
    ) -> None:
        long_ago = datetime(2020, 1, 1, tzinfo=UTC)
        Reservation.objects.update(expires_at=long_ago)
        someone_else = factories.joined(session.study)
        participation.current_trial(someone_else)  # takes what expired off

        rate(session, trial, 70)

        held = Reservation.objects.get(session=session)
        assert held.state == "completed"
        held.cell.refresh_from_db()
        assert held.cell.completed == 1

    def test_an_abandoned_session_resumes_at_its_trial_and_holds_its_place_again(
        self, session: StudySession, trial: Trial
    ) -> None:
        Reservation.objects.update(expires_at=datetime(2020, 1, 1, tzinfo=UTC))

        resumed = participation.current_trial(session)

        assert resumed == trial
        held = Reservation.objects.get()
        assert held.state == "held"
        assert held.expires_at > datetime.now(UTC) + timedelta(minutes=20)
        assert Cell.objects.get(pk=held.cell_id).in_flight == 1

    def test_a_stored_response_cannot_be_changed_even_in_the_database(
        self, session: StudySession, trial: Trial
    ) -> None:
        response = rate(session, trial, 80)
        response.rating = 20

        with pytest.raises(TypeError, match="written once"):
            response.save()
        with pytest.raises(DatabaseError, match="written once"), transaction.atomic():
            Response.objects.update(rating=20)

        assert Response.objects.get().rating == 80


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_two_submissions_held_up_together_store_one_response(
        self, session: StudySession, trial: Trial
    ) -> None:
        held, release = threading.Event(), threading.Event()

        def hold_the_session() -> None:
            with transaction.atomic():
                StudySession.objects.select_for_update().get(pk=session.pk)
                held.set()
                release.wait(10)
            connections.close_all()

        holder = threading.Thread(target=hold_the_session)
        holder.start()
        assert held.wait(10)
        with ThreadPoolExecutor(2) as pool:

            def submit() -> uuid.UUID:
                try:
                    return rate(session, trial, 80).trial_id
                finally:
                    connections.close_all()

            both = [pool.submit(submit) for _ in range(2)]
            wait_until_blocked(2)
            assert Response.objects.count() == 0
            release.set()
            stored = [one.result(timeout=10) for one in both]
        holder.join()

        assert stored == [trial.pk, trial.pk]
        assert Response.objects.count() == 1
        assert Cell.objects.get(completed__gt=0).completed == 1

    def test_of_two_different_answers_at_once_one_is_kept_and_one_refused(
        self, session: StudySession, trial: Trial
    ) -> None:
        first, second = in_threads(
            lambda: rate(session, trial, 80), lambda: rate(session, trial, 20)
        )

        refused = [one for one in (first, second) if not isinstance(one, Response)]
        assert [type(one) for one in refused] == [errors.AlreadyAnswered]
        assert Response.objects.count() == 1
        assert Incident.objects.get().code == "already-answered"

    def test_two_tabs_are_shown_the_same_trial(self, session: StudySession) -> None:
        found = in_threads(*[lambda: participation.current_trial(session)] * 4)

        assert len({one.pk for one in found if isinstance(one, Trial)}) == 1
        assert Trial.objects.count() == 1


def wait_until_blocked(n_connections: int) -> None:
    """Until so many connections wait for a lock, as PostgreSQL itself says."""
    for _ in range(1000):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
                "AND datname = current_database()"
            )
            (waiting,) = cursor.fetchone()
        if waiting >= n_connections:
            return
        threading.Event().wait(0.01)
    raise AssertionError(f"{waiting} connections wait for a lock, not {n_connections}")


class TestTheEnd:
    def test_ada_finishes_and_gets_the_code_also_when_she_asks_twice(
        self, study: Study
    ) -> None:
        ada = factories.ada(study)
        finished_at = ada.finished_at

        again = participation.finish(ada)

        assert again.status == "finished"
        assert again.completion_code == "TINY-DONE"
        assert again.finished_at == finished_at
        assert participation.current_trial(ada) is None
        assert participation.progress(ada) == (17, 17)

    def test_nobody_finishes_with_questions_left(self, study: Study) -> None:
        bo = factories.bo(study)

        with pytest.raises(errors.AnswerMissing, match="There are 9 questions left"):
            participation.finish(bo)

        assert bo.status == "consented"

    def test_a_replay_after_the_end_gets_the_stored_response(
        self, study: Study
    ) -> None:
        ada = factories.ada(study)
        first = ada.trials.get(position=0)

        replay = rate(ada, first, first.response.rating)

        assert replay == first.response

    def test_withdrawing_gives_the_code_and_frees_every_place(
        self, study: Study
    ) -> None:
        cy = factories.cy(study)

        assert cy.status == "withdrawn"
        assert cy.completion_code == "TINY-DONE"
        assert not Cell.objects.exclude(completed=0, in_flight=0).exists()
        with pytest.raises(errors.SessionOver, match="left this study"):
            participation.current_trial(cy)
        with pytest.raises(errors.SessionOver, match="nothing more was stored"):
            rate(cy, cy.trials.get(position=0), 1)
        with pytest.raises(errors.SessionOver, match="left this study"):
            participation.finish(cy)

    def test_withdrawing_twice_frees_a_place_once(self, study: Study) -> None:
        factories.ada(study)
        before = sum(Cell.objects.values_list("completed", flat=True))
        cy = factories.cy(study)

        participation.withdraw(cy)

        assert sum(Cell.objects.values_list("completed", flat=True)) == before

    def test_after_the_last_date_finished_answers_stay(self) -> None:
        consent = factories.document()["consent"]
        yesterday = date.today() - timedelta(days=1)  # noqa: DTZ011
        consent["withdrawal_until"] = (yesterday - timedelta(days=1)).isoformat()
        ada = factories.ada(factories.open_study(consent=consent))

        with pytest.raises(errors.SessionOver, match=r"write to someone@example\.org"):
            participation.withdraw(ada)

        ada.refresh_from_db()
        assert ada.status == "finished"
