"""A session in German over HTTP: from the front page's choice to the snapshot."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from django.test import Client

from alignment.folders import MANIFEST
from collection import snapshots
from collection.definitions import load_definition
from collection.loading import load_study, open_study
from collection.models import ConsentVersion, StudySession

SHORT = Path(__file__).resolve().parents[1] / "studies" / "short" / "study.toml"


def sent(client: Client, page: str, **answer: str) -> str:
    """The page after answering the trial on this one."""
    (trial_id,) = re.findall(r'name="trial_id" value="([^"]+)"', page)
    (action,) = re.findall(r'<form method="post" action="(/p/[^"]+)"', page)
    response = client.post(action, {"trial_id": trial_id, **answer}, follow=True)
    return response.content.decode()


@pytest.mark.django_db
def test_a_session_in_german_says_no_english_word(tmp_path: Path) -> None:
    study = open_study(load_study(load_definition(SHORT)))
    client = Client(headers={"accept-language": "fr, en;q=0.5"})

    front = client.get("/s/short/?pid=ada").content.decode()
    assert 'lang="en"' in front
    assert 'href="?pid=ada&amp;lang=de"' in front
    german = client.get("/s/short/?pid=ada&lang=de")
    assert german.headers["Content-Language"] == "de"
    assert "Eine kurze Studie" in german.content.decode()
    response = client.post("/s/short/", {"pid": "ada", "lang": "de"}, follow=True)
    page = response.content.decode()
    assert "Möchten Sie teilnehmen?" in page
    assert "31. Dezember 2090" in page
    session = StudySession.objects.get()
    assert session.language == "de"

    here = f"/p/{session.code}/consent/"
    refused = client.post(here, {"decision": "agree", "lang": "de"}).content.decode()
    assert "Bitte bestätigen Sie Ihr Alter" in refused
    (version,) = re.findall(r'name="version" value="([^"]+)"', refused)
    consent = {"of_age": "1", "uses": "this_study", "version": version, "lang": "de"}
    page = client.post(here, consent, follow=True).content.decode()
    assert "Sie werden kurze Sätze" in page
    assert ConsentVersion.objects.get().language == "de"

    said = [page]
    page = client.get(f"/p/{session.code}/trial/").content.decode()
    said.append(sent(client, page, rating="101"))
    assert "Bewertungen reichen von 0 bis 100" in said[-1]
    said.append(sent(client, page, rating="viel"))
    assert "Eine Bewertung ist eine Zahl von 0 bis 100." in said[-1]
    for _ in range(13):
        said.append(page)
        kind = re.findall(r'data-kind="(\w+)"', page)[-1]
        asked = re.findall(r'data-question="([\w-]+)"', page)
        if kind == "triplet" or asked == ["age-band"]:
            choice = re.findall(r'name="choice" value="([^"]+)"', page)[0]
            page = sent(client, page, choice=choice)
        elif asked:
            page = sent(client, page, text="2")
        else:
            page = sent(client, page, rating="40")
    said.append(page)
    assert "Ihr Abschlusscode:" in page
    assert "TelefonSeelsorge" in page

    # What was said in German holds no sentence of the English study, nor of the site.
    for one in said:
        assert '<html lang="de"' in one
        assert not re.search(r"\b(the|your|you|actions?|Question|Next)\b", shown(one))
    record = snapshots.freeze(study, tmp_path / "snapshot")
    manifest = json.loads((Path(record.folder) / MANIFEST).read_text("utf-8"))
    assert manifest["parameters"]["people_by_language"] == {"de": 1}


def shown(page: str) -> str:
    """What a page shows, without its tags."""
    return re.sub(r"<[^>]*>", " ", page)
