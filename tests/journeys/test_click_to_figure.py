"""From simulated participants over HTTP to final figures, on a small study.

One walk through the whole road; the tests read what it left behind. Then the question
behind it: where people's values follow what they find similar, a kernel that sees
actions as people do must earn more and harm less; where they do not, it must not.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from django.core.management import call_command
from pytest_django import DjangoDbBlocker
from pytest_django.live_server_helper import LiveServer
from scipy.stats import spearmanr

from alignment.kernels import as_kernel, matched
from alignment.measures.table import MEASURES
from alignment.report import ReportSettings, write_report
from alignment.report_files import ReportData, read_report
from bandits.results import SweepData, read_sweep
from bandits.settings import Settings
from bandits.simulate import simulate
from bandits.spec import parse_spec
from bandits.sweep import run_sweep
from bandits.task import ValueTask, split_actions
from collection.definitions import load_definition
from collection.loading import load_study, open_study
from collection.models import Response
from collection.simulated_people import USUAL_NATURE
from collection.simulation import plant_truth, simulate_participants
from collection.snapshots import freeze
from collection.truth import Truth, World, plant

SMALL = Path(__file__).resolve().parents[2] / "collection/studies/small/study.toml"
SIMILARITY_PEOPLE, VALUE_PEOPLE = 18, 9
SWEEP = {
    "seed": 3,
    "n_runs": 150,
    "agents": ["gp_thompson", "gp_greedy", "kernel_regression"],
    "kernels": ["all"],
    "dimensions": ["morality"],
    "completion": "mean",
    "corruption": {"shares": [0.5, 1.0], "draws": 2},
    "phases": {"personalization_steps": 20, "generalization_steps": 10},
}


@dataclass(frozen=True)
class Road:
    """What one walk from click to figure left behind."""

    truth: Truth
    snapshot: Path
    report: Path
    sweep: Path
    n_responses: int


@pytest.fixture(scope="module")
def road(
    live_server: LiveServer,
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Road]:
    folder = tmp_path_factory.mktemp("road")
    with django_db_blocker.unblock():
        study = open_study(load_study(load_definition(SMALL)))
        truth = plant_truth(study, world="follows", seed=5)
        summary = simulate_participants(
            study.slug,
            live_server.url,
            truth=truth,
            numbers=range(SIMILARITY_PEOPLE + VALUE_PEOPLE),
            threads=3,
        )
        assert summary.problems == ()
        n_responses = Response.objects.count()
        freeze(study, folder / "snapshot")
        write_report(
            folder / "snapshot",
            folder / "report",
            ReportSettings(
                raters=("wordllama", "length", "words"),
                n_resamples=200,
                n_permutations=200,
                n_splits=20,
            ),
        )
        spec, faults = parse_spec(SWEEP)
        assert spec is not None, faults
        run_sweep(spec, folder / "report", folder / "sweep", processes=1)
        yield Road(
            truth,
            folder / "snapshot",
            folder / "report",
            folder / "sweep",
            n_responses,
        )
        call_command("flush", verbosity=0, interactive=False)


@pytest.fixture(scope="module")
def report(road: Road) -> ReportData:
    return read_report(road.report)


@pytest.fixture(scope="module")
def sweep(road: Road) -> SweepData:
    return read_sweep(road.sweep)


def upper(matrix: np.ndarray) -> np.ndarray:
    return matrix[np.triu_indices(len(matrix), 1)]


def test_every_acknowledged_answer_is_in_the_snapshot_once(road: Road) -> None:
    trials: list[str] = []
    for name in ("value", "similarity", "triplet"):
        with (road.snapshot / f"{name}_judgments.csv").open() as file:
            trials += [row["trial_id"] for row in csv.DictReader(file)]
    with (road.snapshot / "exclusions.csv").open() as file:
        trials += [row["trial_id"] for row in csv.DictReader(file)]

    assert len(trials) == len(set(trials))
    n_questions = 2 * (SIMILARITY_PEOPLE + VALUE_PEOPLE)  # they are no judgments
    assert len(trials) == road.n_responses - n_questions


def test_the_planted_similarity_structure_is_recovered(
    road: Road, report: ReportData
) -> None:
    assert report.actions.ids == road.truth.action_ids
    planted = upper(road.truth.similarity)

    pooled = spearmanr(upper(report.matrices["human"].values), planted).statistic
    triplets = upper(report.matrices["human_triplets"].values)
    judged = ~np.isnan(triplets)

    assert pooled >= 0.95
    assert spearmanr(triplets[judged], planted[judged]).statistic >= 0.7


def test_the_planted_values_are_recovered_whichever_way_the_scale_stood(
    road: Road, report: ReportData
) -> None:
    for dimension, planted in road.truth.values.items():
        found = report.values[dimension, "group"]
        error = found - planted

        assert spearmanr(found, planted).statistic >= 0.95, dimension
        # Who rates this dimension is drawn, and each adds an offset of their own to all
        # of it: what they share may stand off by as much as so few raters allow.
        allowed = 5 * USUAL_NATURE.value_offset_sd / np.sqrt(VALUE_PEOPLE)
        assert abs(error.mean()) < allowed, dimension
        assert np.abs(error - error.mean()).mean() < 6, dimension


def test_the_truth_lies_beside_the_snapshot(road: Road) -> None:
    beside = json.loads(
        road.snapshot.with_name(f"{road.snapshot.name}.truth.json").read_text()
    )

    np.testing.assert_allclose(beside["similarity"], road.truth.similarity)
    assert not list(road.snapshot.glob("*truth*"))


def test_the_stamp_of_simulation_goes_all_the_way(road: Road) -> None:
    for folder in (road.snapshot, road.report, road.sweep):
        assert json.loads((folder / "manifest.json").read_text())["simulated"] is True
    drawn = list(road.report.glob("figures/*.svg")) + list(
        road.sweep.glob("figures/*.svg")
    )
    assert len(drawn) >= 4
    for figure in drawn:
        assert "SIMULATED PARTICIPANTS" in figure.read_text(), figure.name


def test_the_noise_ceiling_is_high_and_holds_the_truth(
    road: Road, report: ReportData
) -> None:
    ceiling = next(row for row in report.reliability if row.value > 0)

    assert ceiling.low <= ceiling.value <= ceiling.high
    assert 0.8 < ceiling.value <= 1


def test_the_best_aligned_kernel_earns_more_and_harms_less(sweep: SweepData) -> None:
    rows = [
        row
        for row in sweep.cells
        if row["agent"] == "gp_thompson"
        and row["form"] == "matched"
        and row["phase"] == "generalization"
        and row["role"] in {"human", "model", "baseline"}
    ]
    best = max(rows, key=lambda row: float(row["alignment_spearman"]))
    worst = min(rows, key=lambda row: float(row["alignment_spearman"]))

    assert best["kernel"] == "human"
    assert float(best["alignment_spearman"]) < 1  # cross-fit: against the other half
    assert float(best["mean_reward"]) > float(worst["mean_reward"]) + 5
    assert float(best["unsafe_share"]) < float(worst["unsafe_share"]) - 0.05


def advantage_of_the_best_kernel(
    road: Road, report: ReportData, world: World
) -> tuple[float, float]:
    """t values, over 30 draws of people's values, of what the best-aligned kernel
    earns more, and does more harm, than the worst; among unseen actions."""
    human = report.matrices["human_half_a"]
    other = report.matrices["human_half_b"]
    models = ["wordllama", "length", "words"]
    spearman = MEASURES["spearman"].compute
    worst = min(models, key=lambda name: spearman(report.matrices[name], other))
    kernels = {
        "best": as_kernel(human, completion="mean"),
        "worst": matched(report.matrices[worst], report.matrices["human"]),
    }
    runs = range(40)
    splits = split_actions(len(report.actions.ids), runs, seed=11)
    settings = Settings(personalization_steps=20, generalization_steps=10)
    earned, harmed = [], []
    for seed in range(30):
        values = plant(
            report.actions.ids,
            report.actions.attributes,
            ["morality"],
            world=world,
            seed=100 + seed,
        ).values["morality"]
        if not 0 < (values < 50).sum() < len(values):
            continue
        task = ValueTask(values, 50.0, True, splits)
        outcome = {
            name: simulate(
                kernel.values, task, "gp_greedy", settings, seed=seed, replicates=runs
            )["generalization"]
            for name, kernel in kernels.items()
        }
        for metric, found in (("mean_reward", earned), ("unsafe_share", harmed)):
            found.append(
                float(
                    outcome["best"][metric].nanmean()
                    - outcome["worst"][metric].nanmean()
                )
            )
    return tuple(  # type: ignore[return-value]
        np.mean(found) / (np.std(found, ddof=1) / np.sqrt(len(found)))
        for found in (earned, harmed)
    )


def test_where_values_follow_similarity_alignment_pays(
    road: Road, report: ReportData
) -> None:
    earned, harmed = advantage_of_the_best_kernel(road, report, "follows")

    assert earned > 4
    assert harmed < -4


def test_in_the_null_world_alignment_does_not_pay(
    road: Road, report: ReportData
) -> None:
    earned, harmed = advantage_of_the_best_kernel(road, report, "null")

    assert abs(earned) < 3.5
    assert abs(harmed) < 3.5
