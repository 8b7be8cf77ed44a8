"""A researcher's whole way in a real browser: from the login to the log-out.

Uploads a study, previews it, opens it, watches simulated participants arrive, freezes,
reports, sweeps, downloads and leaves, as ``tests/journeys/test_walk.py`` checks and
``tests/benchmarks/take_pictures.py`` photographs. Every page met is put before axe, and
whatever the browser complains of is kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

# A report asks real models, on machines that are slow.
LONGEST_JOB_S = 600.0

Look = Callable[[Page, str], None]


class JobDidNotEndWell(AssertionError):
    """A job's page said so; the message is what it said."""


@dataclass
class Walk:
    """One researcher, their browser, and what they met.

    Args:
        page: With the server's address as base_url.
        look: Called on each page worth a picture, with a name.
    """

    page: Page
    name: str
    password: str
    look: Look = lambda page, name: None
    complaints: list[str] = field(default_factory=list)
    violations: dict[str, str] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", lambda message: self._complain(message.text))
        self.page.on("pageerror", lambda error: self._complain(str(error)))

    def log_in(self) -> None:
        self.page.goto("/research/")
        self.page.get_by_label("Name").fill(self.name)
        self.page.get_by_label("Password").fill(self.password)
        self.page.get_by_role("button", name="Log in").click()
        self._meet("studies", heading="My studies")

    def upload(self, files: list[Path], title: str) -> None:
        """A new study from its files."""
        self.page.goto("/research/new/")
        self.page.get_by_label("The study’s files").set_input_files(files)
        self.page.get_by_role("button", name="Check and store").click()
        self.page.get_by_text(title).first.wait_for()
        self._meet("definition")

    def preview(self, slug: str) -> None:
        """Every page of one group as a participant would see it."""
        self.page.goto(f"/research/studies/{slug}/preview/")
        self._meet("preview", heading="Preview")
        pages = self.page.locator("section.preview").first.locator("ol a")
        for address in [link.get_attribute("href") for link in pages.all()]:
            assert address is not None
            shown = self.page.goto(address)
            assert shown is not None
            assert shown.status == 200, address
            self._meet(f"preview {address.rstrip('/').rsplit('/', 1)[-1]}")

    def open(self, slug: str) -> None:
        self.page.goto(f"/research/studies/{slug}/definition/")
        self.page.get_by_role("button", name="Open the study").click()
        self.page.get_by_text("The study is open now.").wait_for()

    def watch(self, slug: str, arrive: Callable[[], None], *, people: str) -> None:
        """The live view, which shows who came without being loaded again.

        Args:
            arrive: Lets people take part, and returns when they have.
            people: What the page says of them, once they are there.
        """
        self.page.goto(f"/research/studies/{slug}/live/")
        assert people not in self.page.inner_text("#live-people")
        arrive()
        self.page.locator("#live-people").get_by_text(people).wait_for(timeout=30_000)
        self.page.locator("#live-agreement table").first.wait_for(timeout=120_000)
        self._meet("live")

    def job(self, slug: str, button: str) -> None:
        """Start a job by its button, and see it to its end.

        Raises:
            JobDidNotEndWell: It failed, or took longer than ``LONGEST_JOB_S``.
        """
        self.page.goto(f"/research/studies/{slug}/")
        self.page.get_by_role("button", name=button, exact=True).click()
        job = self.page.locator("#job")
        until = time.monotonic() + LONGEST_JOB_S
        while job.get_attribute("data-working") is not None:
            if time.monotonic() > until:
                raise JobDidNotEndWell(f"{button}: {job.inner_text()}")
            self.page.wait_for_timeout(300)
        if self.page.get_by_role("alert").count():
            raise JobDidNotEndWell(f"{button}: {job.inner_text()}")
        self._meet(f"job {button}")

    def result(self, kind: str) -> None:
        """From a finished job to its pages of figures."""
        self.page.locator("#job a", has_text="See").click()
        self._meet(kind)

    def download(self, link: str) -> Path:
        """What a link of this page gives, as a file."""
        with self.page.expect_download() as expected:
            self.page.get_by_role("link", name=link).first.click()
        return Path(expected.value.path())

    def log_out(self) -> None:
        self.page.get_by_role("button", name="Log out").click()
        self.page.goto("/research/")
        self._meet("login", heading="Researchers")

    def _meet(self, name: str, *, heading: str | None = None) -> None:
        if heading is not None:
            found = self.page.get_by_role("heading", name=heading, level=1)
            found.wait_for()
        self.page.wait_for_load_state("networkidle")
        found_by_axe = Axe().run(self.page)
        if found_by_axe.violations_count:
            self.violations[name] = found_by_axe.generate_report()
        self.seen.append(name)
        self.look(self.page, name)

    def _complain(self, text: str) -> None:
        self.complaints.append(f"{self.page.url}: {text}")
