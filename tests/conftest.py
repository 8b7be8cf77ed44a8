"""Fixtures that many tests share. The cast of people is in ``tests/factories.py``."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings
from playwright.sync_api import Browser, sync_playwright

# No deadline: a busy machine is no fault of the code.
hypothesis_settings.register_profile("attune", deadline=None, max_examples=40)
hypothesis_settings.load_profile("attune")

# Before numpy and torch are imported: one numerics thread per test process, and waiting
# threads that sleep.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
# pytest-django's live_server and Playwright's event loop share the main thread.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def human_data() -> Path:
    """The folder of real people's data, or a skip that says where it was looked for."""
    named = os.environ.get("ATTUNE_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    if not (folder / "bridge-verbs").is_dir():
        pytest.skip(
            "Real people's data was not found: set ATTUNE_DATA to the folder that holds "
            f"bridge-verbs (looked in {folder})."
        )
    return folder


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a real Chromium, or a skip."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if not found:
        pytest.skip("No Chromium here: `apt-get install chromium` runs these tests.")
    return found


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    """The process's one Chromium: a second playwright beside it would not start."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def outside_var(tmp_path: Path, settings: object) -> Path:
    """A ``var`` folder of the test's own, for what pages and jobs write."""
    settings.VAR = tmp_path / "var"  # type: ignore[attr-defined]
    return tmp_path / "var"
