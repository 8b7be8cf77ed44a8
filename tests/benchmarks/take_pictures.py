"""Take the README's pictures on the way of a researcher through the built-in study.

    .venv/bin/python tests/benchmarks/take_pictures.py

A site of its own, with the production server and its worker; a real Chromium uploads the
study, opens it, watches simulated participants arrive, freezes, reports and sweeps
(``tests/walk.py``, the way that ``tests/journeys/test_walk.py`` tests). Takes some
minutes. Writes to ``tests/pictures/``.
"""

from __future__ import annotations

import secrets
import shutil
import sys

from stage import EVERYDAY, ROOT, database  # isort: skip  (sets Django up)

from django.contrib.auth.models import User
from django.core.management import call_command
from playwright.sync_api import Page, sync_playwright

from collection import serving
from tests.conftest import FLAGS
from tests.walk import Walk

OUT = ROOT / "tests" / "pictures"
SLUG = "everyday"
PEOPLE = 52
WIDTH, HEIGHT = 1100, 1250
SHOWN = ("live", "report", "sweep")


def participant(page: Page) -> None:
    """Walk to the first trial as a person would, answer it, and take its picture."""
    page.goto(f"/s/{SLUG}/")
    page.locator("main form button[type=submit]").first.click()
    for box in page.locator("main input[type=checkbox]").all():
        box.check()
    page.locator("main form button[type=submit]").first.click()
    page.locator("main form button[type=submit], main a.button").first.click()
    scale = page.locator("form[data-trial-id]")
    scale.wait_for()
    if scale.get_attribute("data-kind") == "triplet":
        page.keyboard.press("2")
    else:
        line = page.locator("[role=slider]").first
        box = line.bounding_box()
        assert box is not None
        page.mouse.click(box["x"] + 0.3 * box["width"], box["y"] + box["height"] / 2)
    page.mouse.move(0, 0)
    page.screenshot(path=OUT / "participant.png")


def picture(page: Page, name: str) -> None:
    """The top of a page that the README shows."""
    if name in SHOWN:
        page.screenshot(
            path=OUT / f"{name}.png",
            full_page=True,
            clip={"x": 0, "y": 0, "width": WIDTH, "height": HEIGHT},
        )


def walk_through(site: serving.Site, page: Page, password: str) -> None:
    """The researcher's way, as far as there is something to show."""
    walk = Walk(page, "ada", password, look=picture)

    def arrive() -> None:
        call_command(
            "simulateparticipants",
            SLUG,
            *("--sessions", str(PEOPLE)),
            *("--base-url", site.base_url),
        )

    walk.log_in()
    walk.upload(sorted(EVERYDAY.parent.glob("*.[tc]*")), "Everyday actions")
    walk.open(SLUG)
    walk.watch(SLUG, arrive, people="Simulated participants")
    for button, kind in (
        ("Freeze a snapshot", ""),
        ("Write the alignment report", "report"),
        ("Run the bandit sweep", "sweep"),
    ):
        walk.job(SLUG, button)
        if kind:
            walk.result(kind)
    walk.log_out()
    if walk.complaints or walk.violations:
        sys.exit(f"The browser complained: {walk.complaints} {walk.violations}")


def main() -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("No Chromium here: apt-get install chromium")
    OUT.mkdir(exist_ok=True)
    password = secrets.token_urlsafe(12)
    with database(), sync_playwright() as playwright:
        User.objects.create_user("ada", password=password)
        with serving.site(port=serving.free_port()) as site:
            browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)

            def window(width: int, height: int) -> Page:
                context = browser.new_context(
                    base_url=site.base_url,
                    viewport={"width": width, "height": height},
                )
                return context.new_page()

            walk_through(site, window(WIDTH, 900), password)
            # A real person who is not simulated: last, so that no result holds them.
            participant(window(390, 800))
            browser.close()
    for file in sorted(OUT.glob("*.png")):
        print(f"{file.relative_to(ROOT)}  {file.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
