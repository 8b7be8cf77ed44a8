"""The page for trouble of ours: found from everywhere, also without the server."""

from __future__ import annotations

import pytest
from django.test import Client

from collection.models import ComprehensionOutcome, Incident, StudySession
from tests import factories
from tests.collection.recruitment.conftest import Arrive
from tests.prolific_server import FakeProlific

pytestmark = pytest.mark.django_db


def page(session: StudySession, name: str) -> str:
    answer = Client().get(f"/p/{session.pk}/{name}/")
    assert answer.status_code == 200
    text: str = answer.content.decode()
    return text


def link(session: StudySession) -> str:
    return f'href="/p/{session.pk}/trouble/"'


@pytest.fixture
def session(prolific: FakeProlific, arrive: Arrive) -> StudySession:
    return arrive(prolific.submission())


def test_the_pages_of_who_consented_lead_to_it(session: StudySession) -> None:
    assert link(session) in page(session, "instructions")
    assert link(session) in page(session, "trial")


def test_before_consent_and_after_the_end_there_is_nothing_to_stop(
    prolific: FakeProlific, arrive: Arrive
) -> None:
    undecided = arrive(prolific.submission(), consenting=False)
    done = factories.finished(factories.open_study(slug="other"))

    assert link(undecided) not in page(undecided, "consent")
    assert link(done) not in page(done, "debrief")


def test_a_trial_holds_the_words_for_when_nothing_can_be_reached(
    session: StudySession,
) -> None:
    on_prolific = page(session, "trial")
    by_link = factories.joined(factories.open_study(slug="other"))

    assert "send the researchers a message on Prolific" in on_prolific
    assert session.participant.rater_id in on_prolific
    assert "TECH1" not in on_prolific, "the code is for the server to give"
    assert "Prolific" not in page(by_link, "trial")
    assert by_link.participant.rater_id in page(by_link, "trial")


def test_a_refusal_leads_to_it_as_well(session: StudySession) -> None:
    browser = Client()
    browser.get(f"/p/{session.pk}/trial/")

    refused = browser.post(f"/p/{session.pk}/trial/", {"trial_id": "nonsense"})

    assert Incident.objects.filter(session=session).exists()
    assert link(session) in refused.content.decode()


def test_who_was_asked_to_return_is_not_paid_for_trouble_instead(
    session: StudySession,
) -> None:
    ComprehensionOutcome.objects.create(session=session, passed=False)

    answer = Client().post(f"/p/{session.pk}/trouble/")

    assert answer.headers["Location"] == f"/p/{session.pk}/return/"
