"""Who somebody is elsewhere: never stored before consent, and not for ever after."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from collection import identities, participation, work
from collection.identities import Arrival
from collection.models import PlatformIdentity, Study, StudySession
from tests import factories

pytestmark = pytest.mark.django_db
PID = "5f3c9a0b1d2e4f6a8b7c6d5e"
LINK = f"/s/tiny/?PROLIFIC_PID={PID}"


@pytest.fixture
def study() -> Study:
    return factories.open_study()


def database_says(text: str) -> bool:
    """Whether a text stands anywhere in the database."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(
                f'SELECT 1 FROM "{table}" t WHERE to_jsonb(t)::text LIKE %s',
                [f"%{text}%"],
            )
            if cursor.fetchone():
                return True
    return False


def arrived(browser: Client) -> StudySession:
    browser.get(LINK)
    browser.post("/s/tiny/", {"PROLIFIC_PID": PID})
    return StudySession.objects.latest("created_at")


def agreed(browser: Client, session: StudySession) -> None:
    browser.post(
        reverse("consent", args=[session.code]),
        {"of_age": "1", "uses": ["this_study"], "decision": "agree"},
    )


def test_a_platforms_id_is_not_in_the_database_before_consent(
    client: Client, study: Study
) -> None:
    session = arrived(client)

    assert not database_says(PID)
    assert PlatformIdentity.objects.get().participant == session.participant

    agreed(client, session)

    assert PlatformIdentity.objects.get().external_id == PID
    assert "arriving-as" not in {
        name for name, cookie in client.cookies.items() if cookie.value
    }


def test_the_same_link_finds_the_same_session_before_and_after_consent(
    study: Study,
) -> None:
    phone, desk = Client(), Client()
    first = arrived(phone)

    assert "Welcome back." in desk.get(LINK).text
    assert arrived(desk).code == first.code

    agreed(desk, first)

    assert arrived(Client()).code == first.code
    assert StudySession.objects.count() == 1
    assert PlatformIdentity.objects.get().external_id == PID


def test_who_consents_without_their_cookie_is_known_at_the_next_arrival(
    study: Study,
) -> None:
    session = arrived(Client())
    agreed(Client(), session)  # the page's address, opened in another browser
    assert not database_says(PID)

    arrived(Client())

    assert PlatformIdentity.objects.get().external_id == PID


def test_nobody_can_say_they_are_somebody_else(client: Client, study: Study) -> None:
    mine, theirs = arrived(client), participation.enrol(study)
    name = "arriving-as"
    client.cookies[name]["path"] = f"/p/{theirs.code}/"

    agreed(client, theirs)

    assert mine.code != theirs.code
    assert not database_says(PID)


def test_who_declines_leaves_no_name(client: Client, study: Study) -> None:
    session = arrived(client)

    client.post(reverse("consent", args=[session.code]), {"decision": "decline"})

    assert not database_says(PID)
    assert not client.cookies["arriving-as"].value


def test_who_took_longer_than_a_day_to_decide_is_known_all_the_same(
    study: Study,
) -> None:
    session = participation.enrol(study, external_id=PID, platform="prolific")
    identities.purge(timezone.now() + timedelta(hours=25))
    assert not PlatformIdentity.objects.exists()

    participation.give_consent(session, {"this_study": True}, of_age=True)

    assert PlatformIdentity.objects.get().external_id == PID


def test_an_identity_stays_with_whoever_consented_first(study: Study) -> None:
    slow = participation.enrol(study, external_id=PID, platform="prolific")
    identities.purge(timezone.now() + timedelta(hours=25))
    again = participation.enrol(study, external_id=PID, platform="prolific")
    participation.give_consent(again, {"this_study": True}, of_age=True)

    participation.give_consent(slow, {"this_study": True}, of_age=True)

    assert PlatformIdentity.objects.get().participant == again.participant


def test_identities_are_kept_as_long_as_the_definition_says() -> None:
    consent = factories.document()["consent"] | {"identity_days": 30}
    study = factories.open_study(consent=consent)
    session = factories.joined(study, external_id=PID, platform="prolific")
    assert session.consented_at is not None

    def purged_after(days: int) -> int:
        assert session.consented_at is not None
        return identities.purge(session.consented_at + timedelta(days=days))

    assert purged_after(29) == 0
    assert purged_after(31) == 1
    assert purged_after(31) == 0
    assert not database_says(PID)
    assert StudySession.objects.filter(pk=session.pk).exists()


def test_the_worker_and_a_command_purge_what_is_due(
    study: Study, capsys: pytest.CaptureFixture[str]
) -> None:
    for n in range(2):
        factories.joined(study, external_id=f"{PID}{n}", platform="prolific")
        PlatformIdentity.objects.update(keep_until=timezone.now() - timedelta(days=1))
        if n:
            work.retention(timestamp=0)
        else:
            call_command("purgeidentities")
            assert "Deleted 1 platform identities." in capsys.readouterr().out

    assert not PlatformIdentity.objects.exists()


def test_a_changed_secret_makes_nobody_a_stranger(
    study: Study, settings: object
) -> None:
    session = factories.joined(study, external_id=PID, platform="prolific")
    settings.SECRET_KEY = "another secret altogether"  # type: ignore[attr-defined]

    found = identities.session_of(study, Arrival("prolific", PID))

    assert found == session


def test_digests_follow_nobody_from_study_to_study(study: Study) -> None:
    other = factories.open_study(slug="other")
    for one in (study, other):
        participation.enrol(one, external_id=PID, platform="prolific")

    assert len({identity.digest for identity in PlatformIdentity.objects.all()}) == 2
