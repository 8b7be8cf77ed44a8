"""From simulated people who lay actions out, over HTTP, to a matrix of similarities.

One walk through the road; the tests read what it left behind.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from django.core.management import call_command
from pytest_django import DjangoDbBlocker
from pytest_django.live_server_helper import LiveServer
from scipy.stats import spearmanr

from alignment.report import ReportSettings, write_report
from alignment.report_files import ReportData
from alignment.snapshots import Snapshot, read_snapshot
from collection.definitions import load_definition
from collection.loading import load_study, open_study
from collection.models import Cell, Response
from collection.simulation import plant_truth, simulate_participants
from collection.snapshots import freeze
from collection.truth import Truth

ARENA = Path(__file__).resolve().parents[1] / "studies/arena/study.toml"
PEOPLE, ARENAS, SIZE, ACTIONS = 14, 3, 6, 12


@dataclass(frozen=True)
class Road:
    """What the walk left behind."""

    truth: Truth
    snapshot: Snapshot
    report: ReportData
    completed: list[int]
    positions: list[dict[str, list[float]]]


@pytest.fixture(scope="module")
def road(
    live_server: LiveServer,
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Road]:
    folder = tmp_path_factory.mktemp("arrangements")
    with django_db_blocker.unblock():
        study = open_study(load_study(load_definition(ARENA)))
        truth = plant_truth(study, world="follows", seed=5)
        summary = simulate_participants(
            study.slug, live_server.url, truth=truth, numbers=range(PEOPLE), threads=3
        )
        assert summary.problems == ()
        assert summary.answers == {"arrangement": PEOPLE * ARENAS}
        freeze(study, folder / "snapshot")
        settings = ReportSettings(
            raters=("length", "words"), n_resamples=50, n_permutations=50
        )
        yield Road(
            truth,
            read_snapshot(folder / "snapshot"),
            write_report(folder / "snapshot", folder / "report", settings),
            list(Cell.objects.values_list("completed", flat=True)),
            list(Response.objects.values_list("positions", flat=True)),
        )
        call_command("flush", verbosity=0, interactive=False)


def upper(matrix: np.ndarray) -> np.ndarray:
    return matrix[np.triu_indices(len(matrix), 1)]


def test_every_arena_is_in_the_snapshot_with_each_of_its_pairs_once(road: Road) -> None:
    with (road.snapshot.folder / "arrangement_judgments.csv").open() as file:
        rows = list(csv.DictReader(file))

    placed = Counter(len(positions) for positions in road.positions)
    assert len(rows) == sum(n * k * (k - 1) // 2 for k, n in placed.items())
    assert len({(r["trial_id"], r["action_a"], r["action_b"]) for r in rows}) == len(
        rows
    )
    assert all(r["action_a"] < r["action_b"] for r in rows)
    assert {r["group"] for r in rows} == {"similarity"}
    assert len(road.snapshot.arrangements.arenas) == len(road.positions)
    assert len(road.snapshot.arrangements.raters) == PEOPLE
    assert road.snapshot.manifest["counts"]["arrangement_judgments"] == len(rows)
    assert "similar ones lie close" in road.snapshot.manifest["wording"]["arrangement"]


def test_pairs_were_shown_evenly_though_nobody_saw_them_all(road: Road) -> None:
    assert sum(road.completed) == PEOPLE * ARENAS * SIZE * (SIZE - 1) // 2
    assert len(road.completed) == ACTIONS * (ACTIONS - 1) // 2
    mean = sum(road.completed) / len(road.completed)
    assert min(road.completed) >= mean / 2
    assert max(road.completed) <= 2 * mean


def test_the_planted_similarity_structure_is_recovered(road: Road) -> None:
    arranged = road.report.matrices["human_arrangements"]

    assert arranged.complete
    found = spearmanr(upper(arranged.values), upper(road.truth.similarity)).statistic
    assert found > 0.8


def test_the_report_compares_raters_with_the_arrangements_and_says_so(
    road: Road,
) -> None:
    assert {row.against for row in road.report.alignment} == {"human_arrangements"}
    assert "Alignment is with the matrix from arrangements." in road.report.notes
    assert road.report.rater("human_arrangements").kind == "arrangements"
    assert (road.report.folder / "figures").is_dir()
