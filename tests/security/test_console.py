"""No page makes the browser complain: not of the policy, and not of anything else."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from tests.researchers import Site
from tests.security.conftest import PASSWORD

pytestmark = pytest.mark.browser

PUBLIC = ["/", "/s/tiny/", "/withdraw/", "/lab/", "/research/login/", "/api/1/docs/"]
OWN = ["research", "account", "teams", "tokens", "new"]


def test_no_page_makes_the_browser_complain(
    live_server: LiveServer, browser: Browser, site: Site, outside_var: Path
) -> None:
    # This server runs in the tests' own process and knows their hasher.
    site.owner.set_password(PASSWORD)
    site.owner.save()
    heard: dict[str, list[str]] = {}
    context = browser.new_context(base_url=live_server.url)
    page = context.new_page()
    here: list[str] = []
    page.on("console", lambda message: here.append(message.text))
    page.on("pageerror", lambda error: here.append(str(error)))

    def look(place: str) -> None:
        here.clear()
        answer = page.goto(place)
        assert answer is not None
        assert answer.status == 200, place
        page.wait_for_load_state("networkidle")
        if here:
            heard[place] = list(here)

    for place in PUBLIC:
        look(place)
    page.goto("/research/")
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("heading", name="My studies").wait_for()
    for name in OWN:
        look("/research/" if name == "research" else f"/research/{name}/")
    for name, (method, address) in site.addresses().items():
        if method == "get" and not _is_a_file(name):
            look(address)
    context.close()

    assert heard == {}


def _is_a_file(name: str) -> bool:
    return name.endswith(("-csv", "-download", "-snapshot", "-list")) or name in {
        "research-figure",
        "research-preregistration",
        "research-report-page",
    }
