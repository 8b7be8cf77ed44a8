"""A real researcher's browser, a real server, a real worker: the whole way.

On the small built-in study, with nothing quickened but its size.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from playwright.sync_api import Browser

from collection import serving
from collection.hashers import Argon2PasswordHasher
from tests.walk import Walk

SMALL = Path(__file__).resolve().parents[2] / "collection/studies/small"
PASSWORD = "a long enough secret"
PEOPLE = 27

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def running(outside_var: Path, transactional_db: None) -> Iterator[serving.Site]:
    """The server and the worker, as ``make serve`` runs them."""
    with serving.site(port=serving.free_port()) as site:
        yield site


def test_a_researcher_walks_from_login_to_logout(
    running: serving.Site, browser: Browser
) -> None:
    user = User.objects.create_user("ada")
    user.password = Argon2PasswordHasher().encode(PASSWORD, "saltsaltsaltsaltsalt12")
    user.save()
    context = browser.new_context(base_url=running.base_url)
    walk = Walk(context.new_page(), "ada", PASSWORD)

    def arrive() -> None:
        call_command(
            "simulateparticipants",
            "small",
            "--sessions",
            str(PEOPLE),
            "--base-url",
            running.base_url,
            verbosity=0,
        )

    walk.log_in()
    walk.upload(sorted(SMALL.glob("*.[tc]*")), "A few everyday actions")
    walk.preview("small")
    walk.open("small")
    walk.watch("small", arrive, people="Simulated participants")
    walk.job("small", "Freeze a snapshot")
    walk.job("small", "Write the alignment report")
    walk.result("report")
    walk.job("small", "Run the bandit sweep")
    walk.result("sweep")
    with zipfile.ZipFile(walk.download("Download all files")) as kept:
        damaged, names = kept.testzip(), kept.namelist()
    walk.log_out()
    context.close()

    assert damaged is None
    assert any(name.endswith("/manifest.json") for name in names)
    assert walk.violations == {}
    assert walk.complaints == []
    assert {"live", "report", "sweep", "login"} <= set(walk.seen)
