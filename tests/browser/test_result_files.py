"""Figures of sweeps that were run, compared and asked for, in a browser and on disk.

Nothing here is written by hand: a report is swept twice, the sweeps are compared, raters
are asked, and what the pages show and save is held against the tables of those folders.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from django.test import Client
from PIL import Image
from playwright.sync_api import Page, expect

from alignment.__main__ import main as alignment_main
from alignment.folders import read_rows
from bandits.compare import compare
from bandits.spec import SweepSpec
from bandits.sweep import run_sweep
from collection import access
from collection.models import JobRecord
from tests import factories
from tests.alignment.conftest import write_small_snapshot
from tests.bandits.conftest import build_report  # noqa: F401  (a fixture)
from tests.browser.test_figures import complaints  # noqa: F401  (a fixture)
from tests.browser.test_research_pages import log_in

pytestmark = pytest.mark.browser
PASSWORD = "a long enough secret"
PLACE = "/research/studies/tiny"


class Folders(NamedTuple):
    """Results as their commands write them."""

    sweep: Path
    comparison: Path
    ask: Path


@pytest.fixture(scope="module")
def folders(
    build_report: Callable[..., Path],  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> Folders:
    inside = tmp_path_factory.mktemp("results")
    report = build_report(inside, models=1)

    def swept(name: str, **changes: object) -> Path:
        document = {
            "n_runs": 6,
            "agents": ["gp_thompson"],
            "kernels": ["human", "model-0"],
            "forms": ["matched"],
            "dimensions": ["morality"],
            "alignment_resamples": 5,
            "phases": {"personalization_steps": 8, "generalization_steps": 4},
        }
        spec = SweepSpec.model_validate(document | changes)
        return run_sweep(spec, report, inside / name, processes=1)

    first, second = swept("first"), swept("second", learner={"prior_sd": 5.0})
    snapshot, answers = write_small_snapshot(inside / "snapshot"), inside / "answers"
    asked = ["--raters", "length,words", "--cache", str(inside / "cache")]
    assert alignment_main(["ask", str(snapshot), *asked, "--out", str(answers)]) == 0
    return Folders(first, compare(first, second, inside / "comparison"), answers)


@pytest.fixture
def jobs(folders: Folders, transactional_db: None) -> dict[str, int]:
    """The number under which each folder stands on the site."""
    from django.contrib.auth.models import User

    study = factories.open_study()
    owner = User.objects.create_user("ada", password=PASSWORD)
    access.grant(study, owner, access.Role.OWNER)
    return {
        kind: JobRecord.objects.create(
            kind=kind,
            study=study,
            status=JobRecord.Status.DONE,
            parameters={},
            result_folder=str(folder),
        ).pk
        for kind, folder in folders._asdict().items()
    }


def saved(kind: str, pk: int, name: str) -> bytes:
    """A figure's file, as its owner saves it."""
    browser = Client()
    assert browser.login(username="ada", password=PASSWORD)
    answer = browser.get(f"{PLACE}/{kind}/{pk}/figures/{name}")
    assert answer.status_code == 200, name
    content = b"".join(answer) if answer.streaming else answer.content
    return bytes(content)


def rows_in(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode())))


def test_a_comparisons_figure_and_its_csv_are_its_differences(
    jobs: dict[str, int],
    folders: Folders,
    page: Page,
    complaints: list[str],  # noqa: F811
) -> None:
    stem = "morality_group_study_personalization_mean_reward"
    told = {
        row["kernel"]: row
        for row in read_rows(folders.comparison / "differences.csv")
        if (row["phase"], row["metric"]) == ("personalization", "mean_reward")
        and row["agent"] == "gp_thompson"
    }
    log_in(page)
    page.goto(f"{PLACE}/comparison/{jobs['comparison']}/figures/{stem}/table/")
    figure = page.locator("figure.figure").first
    figure.locator("[data-explored]").wait_for()

    points = figure.locator("svg .point")
    expect(points).to_have_count(3)  # the agent with each kernel, and no kernel
    hover = figure.locator(".hoverlayer")
    seen = set()
    for place in range(3):
        points.nth(place).hover(force=True)
        expect(hover).to_contain_text("second minus first")
        seen.add(hover.text_content() or "")

    for kernel in ("human", "model-0"):
        (mine,) = [text for text in seen if kernel in text]
        assert "GP, Thompson sampling" in mine
        assert f"{float(told[kernel]['difference']):.2f}".lstrip("-") in mine
        assert f"first {float(told[kernel]['first']):.2f}" in mine
    assert complaints == []
    for row in rows_in(saved("comparison", jobs["comparison"], f"{stem}.csv")):
        if row["agent"] == "gp_thompson":
            for name in ("first", "second", "difference", "low", "high"):
                assert float(row[name]) == float(told[row["kernel"]][name])


def test_learning_curves_carry_intervals_and_name_their_kernels(
    jobs: dict[str, int],
    folders: Folders,
    page: Page,
    complaints: list[str],  # noqa: F811
) -> None:
    stem = "morality_group_study_over_time_mean_reward"
    table = read_rows(folders.sweep / "over_time.csv")
    log_in(page)
    page.goto(f"{PLACE}/sweep/{jobs['sweep']}/figures/{stem}/table/")
    figure = page.locator("figure.figure").first
    figure.locator("[data-explored]").wait_for()

    text = figure.inner_text()
    assert "human" in text
    assert "model-0" in text
    # A band under each line: without one, a curve says nothing of how sure it is.
    assert figure.locator("svg path.js-fill").count() >= 2
    assert complaints == []
    drawn = {
        (row["line"], row["phase"], row["first_step"]): row
        for row in rows_in(saved("sweep", jobs["sweep"], f"{stem}.csv"))
        if row["agent"] == "gp_thompson"
    }
    assert {line for line, _, _ in drawn} == {"human", "model-0", "uniform choice"}
    for (kernel, phase, step), row in drawn.items():
        if kernel == "uniform choice":
            continue  # the line beside the kernels, of another agent
        (told,) = [
            one
            for one in table
            if (one["agent"], one["kernel"]) == ("gp_thompson", kernel)
            and (one["phase"], one["first_step"]) == (phase, step)
        ]
        mean, half = float(told["mean_reward"]), 1.96 * float(told["mean_reward_se"])
        assert float(row["mean_reward"]) == mean
        assert float(row["low"]) == pytest.approx(mean - half, abs=1e-2)
        assert float(row["high"]) == pytest.approx(mean + half, abs=1e-2)


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("sweep", ("human", "model-0", "SIMULATED PARTICIPANTS")),
        ("comparison", ("human", "model-0", "SIMULATED PARTICIPANTS")),
        ("ask", ("length", "words")),
    ],
)
def test_every_figure_is_saved_in_every_form(
    jobs: dict[str, int], folders: Folders, kind: str, names: tuple[str, ...]
) -> None:
    home = getattr(folders, kind) / "figures"
    stems = sorted({path.stem for path in home.iterdir()})
    assert stems

    for stem in stems:
        forms = {e: saved(kind, jobs[kind], stem + e) for e in (".svg", ".png", ".pdf")}
        assert forms[".pdf"].startswith(b"%PDF-")
        assert forms[".pdf"].rstrip().endswith(b"%%EOF")
        with Image.open(io.BytesIO(forms[".png"])) as picture:
            picture.load()
            assert picture.width > 600, stem
        drawn = forms[".svg"].decode()
        for name in names:
            assert name in drawn, (stem, name)
        assert rows_in(saved(kind, jobs[kind], f"{stem}.csv")), stem


def test_all_files_come_as_one_archive(jobs: dict[str, int], folders: Folders) -> None:
    browser = Client()
    assert browser.login(username="ada", password=PASSWORD)
    answer = browser.get(f"{PLACE}/comparison/{jobs['comparison']}/download/")
    with zipfile.ZipFile(io.BytesIO(b"".join(answer))) as archive:
        names = archive.namelist()
        (differences,) = [name for name in names if name.endswith("/differences.csv")]
        content = archive.read(differences)

    assert content == (folders.comparison / "differences.csv").read_bytes()
