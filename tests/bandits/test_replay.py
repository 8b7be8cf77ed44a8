import csv
import io
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from alignment.folders import sha256_of
from alignment.report_files import read_report
from bandits.__main__ import main
from bandits.errors import BanditError
from bandits.plan import make_plan
from bandits.replay import replay
from bandits.results import SweepData, read_sweep
from bandits.spec import SweepSpec
from bandits.sweep import run_sweep
from tests.bandits.doctored import doctored

MakeReport = Callable[..., Path]


@pytest.fixture(scope="module")
def swept(
    build_report: MakeReport, tmp_path_factory: pytest.TempPathFactory
) -> SweepData:
    """One sweep that the tests only read."""
    inside = tmp_path_factory.mktemp("swept")
    spec = SweepSpec.model_validate(
        {
            "n_runs": 3,
            "agents": ["gp_thompson", "gp_safeopt", "svr", "safe_oracle"],
            "kernels": ["human", "model-0"],
            "dimensions": ["morality", "fun"],
            "alignment_resamples": 5,
            "phases": {
                "personalization_steps": 6,
                "generalization_steps": 4,
                "learn": True,
            },
        }
    )
    folder = build_report(inside, models=1)
    run_sweep(spec, folder, inside / "sweep", processes=1, figures=False)
    return read_sweep(inside / "sweep")


def test_every_run_of_a_sweep_can_be_had_again(swept: SweepData) -> None:
    runs = swept.runs().to_pandas().set_index(["cell", "phase", "replicate"])
    cells = {int(row["cell"]) for row in swept.cells}

    for cell in cells:
        found = replay(swept.folder, cell, 2)

        for phase in ("personalization", "generalization"):
            row = runs.loc[(cell, phase, 2)]
            steps = [step for step in found.steps if step.phase == phase]
            assert [step.step for step in steps] == list(range(1, len(steps) + 1))
            rewards = [step.reward for step in steps]
            assert np.mean(rewards) == pytest.approx(row["mean_reward"], abs=1e-9)
            below = sum(step.below for step in steps)
            name = f"{found.low_word.replace('-', '_')}_actions"
            assert below == row[name]


def test_what_was_expected_is_what_the_agent_acted_on(swept: SweepData) -> None:
    """A greedy agent (SVR) takes what it expects the most of, but for ties."""
    cell = next(row for row in swept.cells if row["agent"] == "svr")

    steps = replay(swept.folder, int(cell["cell"]), 0).steps

    learnt = [step for step in steps if step.phase == "generalization"]
    assert learnt
    assert all(step.action_id == step.greedy_action_id for step in learnt)
    assert all(step.p_below is None for step in learnt)  # it has no variance


def test_what_an_oracle_expects_is_the_truth(swept: SweepData) -> None:
    cell = next(row for row in swept.cells if row["agent"] == "safe_oracle")

    steps = replay(swept.folder, int(cell["cell"]), 0).steps

    assert [step.expected for step in steps] == [step.value for step in steps]


def test_a_posterior_says_how_likely_it_held_harm_to_be(swept: SweepData) -> None:
    cell = next(row for row in swept.cells if row["agent"] == "gp_thompson")

    steps = replay(swept.folder, int(cell["cell"]), 0).steps

    assert steps[0].expected == swept.spec.learner.prior_mean
    assert steps[0].p_below == pytest.approx(0.5)  # the threshold is the prior mean
    assert all(s.p_below is not None and 0 <= s.p_below <= 1 for s in steps)


def test_no_phase_takes_the_other_phases_actions(swept: SweepData) -> None:
    plan = make_plan(read_report(swept.folder.parent / "report"), swept.spec)

    found = replay(swept.folder, 0, 1)

    mask = plan.tasks[0].task(range(1, 2), seed=swept.spec.seed).personalization[0]
    for step in found.steps:
        assert mask[step.action] == (step.phase == "personalization")


@pytest.mark.parametrize("metric", ["mean_reward", "regret", "unsafe_actions"])
def test_a_run_that_is_not_the_one_on_file_is_refused(
    swept: SweepData, tmp_path: Path, metric: str
) -> None:
    folder = doctored(swept, tmp_path / "doctored", metric, 1e-3)

    with pytest.raises(BanditError) as refusal:
        replay(folder, 0, 0)

    said = str(refusal.value)
    assert f"cannot be had again here: {metric} in the personalization phase" in said
    assert "the same versions, so another processor or other code" in said


def test_other_versions_are_named_where_a_run_differs(
    swept: SweepData, tmp_path: Path
) -> None:
    folder = doctored(swept, tmp_path / "doctored", "regret", 1e-3, torch="0.1")

    with pytest.raises(BanditError, match=r"other versions: torch 0\.1 then, "):
        replay(folder, 0, 0)


@pytest.mark.parametrize(
    ("cell", "replicate", "said"),
    [
        (99, 0, "cell: this sweep has cells 0 to"),
        (-1, 0, "got -1"),
        (0, 3, "replicate: this sweep has replicates 0 to 2, got 3"),
    ],
)
def test_what_the_sweep_does_not_have_is_refused(
    swept: SweepData, cell: int, replicate: int, said: str
) -> None:
    with pytest.raises(BanditError, match=said):
        replay(swept.folder, cell, replicate)


def test_a_sweep_that_was_moved_is_told_where_its_report_is(
    swept: SweepData, make_report: MakeReport, tmp_path: Path
) -> None:
    moved = shutil.copytree(swept.folder, tmp_path / "far" / "away")
    other = make_report(models=1, harm=False)

    with pytest.raises(BanditError, match="is not there; name it with --from"):
        replay(moved, 0, 0)
    with pytest.raises(BanditError, match="was made from another report"):
        replay(moved, 0, 0, report=other)
    found = replay(moved, 0, 0, report=swept.folder.parent / "report")

    assert found == replay(swept.folder, 0, 0)


def test_the_command_prints_the_steps_and_says_what_proves_them(
    swept: SweepData, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: sha256_of(path) for path in swept.folder.rglob("*.*")}
    words = f"replay {swept.folder} --cell 1 --replicate 2"

    printed = main(words.split()), capsys.readouterr()
    written = main([*words.split(), "--out", str(tmp_path / "run.csv")])

    assert printed[0] == written == 0
    rows = list(csv.DictReader(io.StringIO(printed[1].out)))
    assert len(rows) == 10
    assert list(rows[0]) == [
        "phase",
        "step",
        "action",
        "action_id",
        "reward",
        "value",
        "unsafe",
        "expected_value",
        "greedy_action_id",
        "greedy",
        "p_unsafe",
    ]
    assert (tmp_path / "run.csv").read_text() == printed[1].out
    assert "replicate 2: 10 steps; all" in printed[1].err
    assert "measures equal its row of runs.parquet" in printed[1].err
    assert {path: sha256_of(path) for path in swept.folder.rglob("*.*")} == before
