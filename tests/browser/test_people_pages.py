"""People, documents and previews in a real browser: clean, narrow, and working."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from collection import access, audit
from collection.models import Study, StudySession, Team
from tests.researchers import Site

pytestmark = pytest.mark.browser

SHORT = Path(__file__).resolve().parents[1] / "studies" / "short"
SHOTS = os.environ.get("ATTUNE_SHOTS")


@pytest.fixture
def site(outside_var: Path, transactional_db: None) -> Site:
    site = Site(outside_var)
    site.owner.set_password("a long enough secret")
    site.owner.save()
    team = Team.objects.create(name="Lab of actions")
    team.places.create(user=site.owner, leads=True)
    team.places.create(user=site.stranger)
    access.grant(site.study, team, access.Role.VIEWER, by=site.owner)
    audit.record("ada", site.study, "snapshot.downloaded", number=1)
    return site


@pytest.fixture
def complaints(page: Page) -> list[str]:
    """What the browser's console and network complain about."""
    heard: list[str] = []
    page.on("console", lambda message: heard.append(message.text))
    page.on("requestfailed", lambda request: heard.append(request.url))
    return heard


def log_in(page: Page) -> None:
    page.goto("/research/")
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill("a long enough secret")
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("heading", name="My studies").wait_for()


def check(page: Page, name: str) -> None:
    """Nothing sticks out, and axe has nothing to say."""
    width = page.viewport_size["width"] if page.viewport_size else 0
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}-{width}.png", full_page=True)
    wider = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wider <= 0, name
    found = Axe().run(page)
    assert found.violations_count == 0, f"{name}: {found.generate_report()}"


@pytest.mark.parametrize("width", [320, 1280])
def test_every_page_is_accessible_and_fits(
    site: Site, page: Page, complaints: list[str], width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    log_in(page)
    tiny = "/research/studies/tiny"
    group = site.study.definition_model().groups[0].name
    for name, address in {
        "account": "/research/account/",
        "password": "/research/account/password/",
        "teams": "/research/teams/",
        "people": f"{tiny}/people/",
        "audit": f"{tiny}/audit/",
        "definition": f"{tiny}/definition/",
        "preview": f"{tiny}/preview/",
        "preview-join": f"{tiny}/preview/{group}/0/join/",
        "preview-trial": f"{tiny}/preview/{group}/0/q1/",
        "new": "/research/new/",
    }.items():
        page.goto(address)
        check(page, name)
    page.set_input_files(
        "#files",
        [
            {
                "name": path.name,
                "mimeType": "text/plain",
                "buffer": path.read_bytes().replace(b"= 18", b"= 180"),
            }
            for path in sorted(SHORT.iterdir())
        ],
    )
    page.get_by_role("button", name="Check and store").click()
    expect(page.get_by_role("alert")).to_be_focused()
    check(page, "faults")
    page.goto(f"{tiny}/people/")
    page.get_by_label("Name or e-mail address").fill("new@example.org")
    page.get_by_role("button", name="Add", exact=True).click()
    check(page, "invite")
    page.get_by_role("button", name="Make the account").click()
    check(page, "invited")
    page.get_by_role("button", name="Make a new link for new").click()
    check(page, "invited-anew")
    mine = [told for told in complaints if "422" not in told]
    assert mine == []


def test_a_study_is_uploaded_previewed_opened_and_closed(
    site: Site, page: Page, complaints: list[str]
) -> None:
    log_in(page)
    page.get_by_role("link", name="Upload a new study").click()
    page.set_input_files("#files", [str(path) for path in sorted(SHORT.iterdir())])
    page.get_by_role("button", name="Check and store").click()
    page.get_by_role("link", name="Preview every page").click()
    page.get_by_role("link", name="Walk through").first.click()
    page.get_by_role("button", name="Read more and decide").click()
    page.get_by_label("I am 18 years old").check()
    page.get_by_label("used for this study").check()
    page.get_by_role("button", name="I agree").click()
    page.get_by_role("link", name="Begin").click()
    bar = page.get_by_role("region", name="Preview")
    expect(bar).to_contain_text("Question 1")
    page.wait_for_timeout(1000)  # a press at once would be a double click's second
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("alert")).to_be_visible()  # as for a participant
    bar.get_by_role("link", name="Next page").click()
    expect(bar).to_contain_text("Question 2")
    bar.get_by_role("link", name="All pages").click()
    page.get_by_role("link", name="A short study").click()
    page.get_by_role("link", name="Pilot, open, pause, close").click()
    for button in ("Open the study", "Pause the study", "Open it again"):
        page.get_by_role("button", name=button).click()
    page.get_by_role("button", name="Close the study").click()
    expect(page.get_by_role("status")).to_contain_text("The study is closed now.")

    assert Study.objects.get(slug="short").status == "closed"
    assert not StudySession.objects.filter(study__slug="short").exists()
    assert complaints == []
