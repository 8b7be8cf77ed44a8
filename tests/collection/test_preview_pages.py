"""The preview: a participant's real pages, and nobody who takes part."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urljoin

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from collection import access, participation
from collection.access import Role
from collection.definitions import load_definition
from collection.loading import load_study
from collection.models import Cell, Participant, StudySession, Trial
from collection.models import Study as StudyRow
from collection.preview import Preview, n_variants
from collection.simulated_pages import Page
from tests import factories

pytestmark = pytest.mark.django_db

STUDIES = Path(__file__).resolve().parents[1] / "studies"
BUILT_IN = Path(participation.__file__).parent / "studies"
DOCUMENTS = [
    STUDIES / "short" / "study.toml",
    STUDIES / "arena" / "study.toml",
    BUILT_IN / "small" / "study.toml",
]


@pytest.fixture
def browser() -> Client:
    browser = Client()
    browser.force_login(User.objects.create_user("ada"))
    return browser


def loaded(document: Path) -> StudyRow:
    study = load_study(load_definition(document))
    access.grant(study, User.objects.get(username="ada"), Role.OWNER)
    return study


def address(study: StudyRow, name: str, variant: int = 0) -> str:
    group = study.definition_model().groups[0].name
    return reverse("research-preview-page", args=[study.slug, group, variant, name])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.parent.name)
def test_a_walk_shows_every_page_and_nobody_took_part(
    browser: Client, document: Path
) -> None:
    study = loaded(document)
    preview = Preview(study, study.definition_model().groups[0], 0)
    cells = list(Cell.objects.order_by("pk").values_list("completed", "in_flight"))
    walked = ["join"]
    here = address(study, "join")

    while walked[-1] != "debrief":
        page = browser.get(here)
        assert page.status_code == 200, here
        read = Page(page.content, here)
        if walked[-1] == "consent":
            uses = [use.key for use in study.definition_model().consent.uses]
            sent = {"of_age": "1", "uses": uses, "decision": "agree"}
        else:
            sent = {}
        if read.forms:
            answer = browser.post(read.forms[0].address, sent)
            assert answer.status_code == 302
            here = answer["Location"]
        else:
            assert read.forward is not None
            here = read.forward
        walked.append(here.split("?")[0].rstrip("/").split("/")[-1])
        if len(walked) > 12 and walked[-1].startswith("q"):  # the rest is alike
            here = address(study, preview.pages[-2])
            walked.append(preview.pages[-2])

    assert walked[:4] == ["join", "consent", "instructions", "q1"]
    assert list(Cell.objects.order_by("pk").values_list("completed", "in_flight")) == (
        cells
    )
    for table in (Participant, StudySession, Trial):
        assert not table.objects.exists()
    study.refresh_from_db()
    assert study.status == "draft"


def test_every_page_answers_writes_nothing_and_leads_nowhere_else(
    browser: Client,
) -> None:
    study = loaded(STUDIES / "short" / "study.toml")
    preview = Preview(study, study.definition_model().groups[0], 0)

    for name in [*preview.pages, *preview.asides]:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            page = browser.get(address(study, name))
        assert page.status_code == 200, name
        text = page.content.decode()
        assert "nothing is stored" in text
        assert str(preview.code) not in text, name
        assert "/p/" not in text, name
        wrote = [
            query["sql"]
            for query in queries
            if not query["sql"].startswith(("SELECT", "SAVEPOINT", "RELEASE"))
        ]
        assert wrote == [], name
        ways = re.findall(r'(?:href|action)="(/[^"#]*)"', text)
        outside = [
            way for way in ways if not way.startswith(("/research/", "/static/"))
        ]
        assert outside == [], name


def test_a_previewed_trial_is_the_page_that_participants_get(browser: Client) -> None:
    study = loaded(STUDIES / "short" / "study.toml")
    StudyRow.objects.filter(pk=study.pk).update(status="open")
    session = factories.consented(factories.joined(StudyRow.objects.get(pk=study.pk)))
    real = Client().get(f"/p/{session.code}/trial/").content
    preview = browser.get(address(study, "q1")).content

    kept = [
        [(form.kind, form.slider, [f.name for f in form.fields]) for form in page.forms]
        for page in (Page(real, ""), Page(preview, ""))
    ]

    assert kept[0] == kept[1]


def test_declining_missing_ticks_and_withdrawing_lead_where_they_do(
    browser: Client,
) -> None:
    study = loaded(STUDIES / "short" / "study.toml")

    declined = browser.post(address(study, "consent"), {"decision": "decline"})
    missing = browser.post(address(study, "consent"), {"decision": "agree"})
    withdrawn = browser.post(address(study, "withdraw"))

    assert declined["Location"].split("?")[0] == address(study, "declined")
    assert missing.status_code == 422
    assert "Something is still missing" in missing.content.decode()
    assert withdrawn["Location"].split("?")[0] == address(study, "withdrawn")


def test_a_language_stays_along_the_way(browser: Client) -> None:
    study = loaded(STUDIES / "short" / "study.toml")

    german = browser.get(address(study, "join"), {"lang": "de"})
    onward = browser.post(Page(german.content, "").forms[0].address)
    instructions = browser.get(address(study, "instructions"), {"lang": "de"})

    assert onward["Location"] == address(study, "consent") + "?lang=de"
    page = instructions.content.decode()
    assert '<html lang="de"' in page
    assert "So geht es" in page
    assert 'lang="en" dir="ltr"' in page  # the bar


def test_what_differs_between_people_differs_between_the_variants() -> None:
    study = factories.open_study(
        blocks=[
            {
                "key": "values",
                "kind": "value",
                "dimensions_per_session": 1,
                "judgments_per_cell": 2,
                "polarity": "randomised",
            }
        ],
        groups=[{"name": "all", "blocks": ["values"]}],
    )
    (group,) = study.definition_model().groups
    previews = [Preview(study, group, i) for i in range(n_variants(study, group))]

    seen = {(t.dimension, t.polarity) for one in previews for t in one.trials}
    assert {dimension for dimension, _ in seen} == {
        one.name for one in study.definition_model().dimensions
    }
    assert {polarity for _, polarity in seen} == {"normal", "reversed"}
    told = [one.differs for one in previews]
    assert len(set(told)) == len(told)
    assert "scales the other way round" in told[1]
    again = Preview(study, group, 0)
    assert [t.actions for t in again.trials] == [t.actions for t in previews[0].trials]


@pytest.mark.parametrize(
    ("group", "variant", "name"),
    [("nobody", 0, "join"), ("", 99, "join"), ("", 0, "q999"), ("", 0, "elsewhere")],
)
def test_what_is_not_in_the_study_is_no_page(
    browser: Client, group: str, variant: int, name: str
) -> None:
    study = loaded(STUDIES / "short" / "study.toml")
    group = group or study.definition_model().groups[0].name

    answer = browser.get(
        reverse("research-preview-page", args=["short", group, variant, name])
    )

    assert answer.status_code == 404


def test_the_overview_links_to_every_part(browser: Client) -> None:
    study = loaded(STUDIES / "short" / "study.toml")

    page = browser.get(reverse("research-preview", args=["short"])).content.decode()

    for part in Preview(study, study.definition_model().groups[0], 0).parts:
        assert urljoin("/", address(study, part.page)) in page
