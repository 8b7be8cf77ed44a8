"""Which language somebody reads, and that it is stored and stays."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client
from django.utils import translation

from collection import languages, participation
from collection.answers import Answer
from collection.definitions import load_definition
from collection.errors import RatingOutOfRange
from collection.loading import load_study, open_study
from collection.models import Study, StudySession
from tests.factories import consented
from tests.factories import open_study as plain_study

SHORT = Path(__file__).resolve().parents[1] / "studies" / "short" / "study.toml"


@pytest.fixture
def study(db: None) -> Study:
    return open_study(load_study(load_definition(SHORT)))


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("de", "de"),
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("fr,de;q=0.5,en;q=0.4", "de"),
        ("de;q=0,fr", "en"),
        ("fr", "en"),
        ("pt-BR", "pt-PT"),
        ("*", "en"),
        ("not a header;;q=x", "en"),
    ],
)
def test_the_browsers_first_wish_that_is_offered_counts(
    header: str, language: str
) -> None:
    assert languages.preferred(header, ["en", "de", "pt-PT"], "en") == language


def test_the_browser_decides_until_the_person_does(
    study: Study, client: Client
) -> None:
    german = {"accept-language": "de"}

    by_browser = client.get("/s/short/", headers=german).content.decode()
    by_choice = client.get("/s/short/?lang=en", headers=german).content.decode()
    nonsense = client.get("/s/short/?lang=xx", headers=german).content.decode()

    assert "Eine kurze Studie" in by_browser
    assert "A short study" in by_choice
    assert "Eine kurze Studie" in nonsense


def test_the_language_stays_from_consent_on(study: Study, client: Client) -> None:
    session = participation.enrol(study)
    languages.keep(session, "de")
    consented(session)

    languages.keep(session, "en")
    page = client.get(f"/p/{session.code}/instructions/?lang=en").content.decode()

    session.refresh_from_db()
    assert session.language == "de"
    assert "So geht es" in page


def test_whoever_comes_without_the_front_page_can_choose_at_consent(
    study: Study, client: Client
) -> None:
    session = participation.enrol(study)
    here = f"/p/{session.code}/consent/"

    shown = client.get(f"{here}?lang=de").content.decode()
    client.post(here, {"decision": "decline", "lang": "de"})

    assert "Möchten Sie teilnehmen?" in shown
    assert 'name="lang" value="de"' in shown
    assert StudySession.objects.get(pk=session.pk).language == "de"
    debrief = client.get(f"/p/{session.code}/debrief/").content.decode()
    assert "Das ist völlig in Ordnung" in debrief


def test_a_refusal_is_said_in_the_sessions_language_whoever_asks(study: Study) -> None:
    session = participation.enrol(study)
    languages.keep(session, "de")
    consented(session)
    trial = participation.current_trial(session)
    assert trial is not None

    with pytest.raises(RatingOutOfRange, match="Bewertungen reichen von 0 bis 100"):
        participation.record_response(
            session, trial_id=trial.pk, answer=Answer(rating=101)
        )

    assert translation.get_language() == "en"  # nobody else's language changed


def test_a_study_of_one_language_stores_none_and_offers_no_switch(
    db: None, client: Client
) -> None:
    study = plain_study()
    session = participation.enrol(study)

    languages.keep(session, "de")
    page = client.get(f"/s/{study.slug}/?lang=de", headers={"accept-language": "de"})

    session.refresh_from_db()
    assert session.language == ""
    assert languages.language_of(session) == "en"
    assert 'class="languages"' not in page.content.decode()
    assert '<html lang="en"' in page.content.decode()


def test_pages_of_no_study_speak_the_browsers_language(
    db: None, client: Client
) -> None:
    home = client.get("/", headers={"accept-language": "es-MX"}).content.decode()
    lost = client.get("/nowhere/", headers={"accept-language": "de"}).content.decode()
    french = client.get("/", headers={"accept-language": "fr"}).content.decode()

    assert '<html lang="es"' in home
    assert "¿Cómo ve lo que hacen las personas?" in home
    assert "Diese Seite gibt es nicht" in lost
    assert '<html lang="en"' in french


def test_researchers_pages_are_in_english(db: None, client: Client) -> None:
    page = client.get("/research/login/", headers={"accept-language": "de"})

    assert '<html lang="en"' in page.content.decode()
    assert "Zum Inhalt springen" not in page.content.decode()


def test_an_error_page_speaks_the_sessions_language(
    study: Study, client: Client
) -> None:
    session = participation.enrol(study)
    languages.keep(session, "de")
    consented(session)

    response = client.post(
        f"/p/{session.code}/trial/",
        {"trial_id": "00000000-0000-4000-8000-000000000000", "rating": "4"},
    )

    page = response.content.decode()
    assert response.status_code == 404
    assert "Das hat nicht geklappt" in page
    assert "Diese Frage wurde in Ihrer Sitzung nie gezeigt" in page


@pytest.mark.parametrize(
    ("tag", "name", "direction"),
    [("de", "Deutsch", "ltr"), ("he", "עברית", "rtl"), ("tlh", "tlh", "ltr")],
)
def test_a_language_is_named_in_itself(tag: str, name: str, direction: str) -> None:
    assert languages.name_of(tag) == name
    assert languages.direction_of(tag) == direction
