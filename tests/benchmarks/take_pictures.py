"""Take the README's pictures: the participant's page, the report, the sweep.

    make demo SERVE=0 && .venv/bin/python tests/benchmarks/take_pictures.py

Uses what `make demo` left (its study, its researcher), the production server and a real
Chromium, and writes to `tests/pictures/`.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "collection.settings")
# Playwright's event loop lives in the thread that also asks the database.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

import django

django.setup()

from playwright.sync_api import Page, sync_playwright

from collection import participation
from collection.demo import DEFINITION, researcher_file, slug_of
from collection.models import JobRecord, Study
from collection.serving import serve_in_background

OUT = ROOT / "tests" / "pictures"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def participant(page: Page, slug: str) -> None:
    """Walk to the first trial as a person would, answer it, and take its picture.

    The session is left by withdrawing, and its participant deleted: the demo's data
    stay those of simulated participants alone.
    """
    page.goto(f"/s/{slug}/")
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


def researcher(page: Page, study: Study) -> None:
    """Log in, and take the pages of the report and the sweep."""
    password = researcher_file().read_text().split("password:")[1].strip()
    page.goto("/research/login/")
    page.fill("input[name=username]", "researcher")
    page.fill("input[name=password]", password)
    page.keyboard.press("Enter")
    page.wait_for_url("**/research/")
    for kind in ("report", "sweep"):
        job = study.jobs.filter(kind=kind, status=JobRecord.Status.DONE).first()
        if job is None:
            sys.exit(f"There is no {kind} of {study.slug}: run `make demo` first.")
        page.goto(f"/research/studies/{study.slug}/{kind}/{job.pk}/")
        page.wait_for_load_state("networkidle")
        page.screenshot(path=OUT / f"{kind}.png", clip=_top(page, 1250))


def _top(page: Page, height: int) -> dict[str, float]:
    whole = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size({"width": 1100, "height": min(height, whole)})
    return {"x": 0, "y": 0, "width": 1100, "height": min(height, whole)}


def _forget(study: Study, before: set[int]) -> None:
    """Withdraw first, which gives the reserved places back; then delete."""
    for participant in study.participants.exclude(pk__in=before):
        for session in participant.sessions.all():
            participation.withdraw(session)
        participant.delete()


def main() -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("No Chromium here: apt-get install chromium")
    slug = slug_of(DEFINITION)
    study = Study.objects.filter(slug=slug).first()
    if study is None:
        sys.exit(f"There is no study {slug}: run `make demo` first.")
    OUT.mkdir(exist_ok=True)
    before = set(study.participants.values_list("pk", flat=True))
    try:
        with serve_in_background() as base_url, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            phone = browser.new_page(
                base_url=base_url, viewport={"width": 390, "height": 800}
            )
            participant(phone, slug)
            wide = browser.new_page(
                base_url=base_url, viewport={"width": 1100, "height": 900}
            )
            researcher(wide, study)
            browser.close()
    finally:
        _forget(study, before)
    for picture in sorted(OUT.glob("*.png")):
        print(f"{picture.relative_to(ROOT)}  {picture.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
