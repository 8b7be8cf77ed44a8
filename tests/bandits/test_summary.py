import math

import numpy as np
import pytest

from bandits.effects import TOO_FEW
from bandits.results import Cell, PhaseRuns
from bandits.summary import TaskNote, cell_rows, corruption_rows, effect_rows

TASK = ("morality", "group", "study")
NOTES = {TASK: TaskNote(harm=True, below_share=0.25, note="")}
PHASE = "personalization"


def cell(
    number: int = 0,
    *,
    agent: str = "gp_greedy",
    kernel: str = "human",
    role: str = "human",
    form: str = "as_given",
    share: float = 0.0,
    draw: int = 0,
) -> Cell:
    return Cell(number, agent, kernel, role, form, share, draw, *TASK, 50.0)


def uniform(reward: list[float]) -> PhaseRuns:
    baseline = cell(99, agent="uniform", kernel="none", role="none", form="none")
    return PhaseRuns(baseline, PHASE, {"mean_reward": np.array(reward)})


def kernels_of(*cells: Cell, alignment: float = 0.5) -> dict:
    return {
        (one.kernel, one.form, one.share, one.draw): {"alignment_spearman": alignment}
        for one in cells
    }


def test_outcomes_are_given_raw_and_relative_to_the_same_luck() -> None:
    mine = cell()
    runs = [
        PhaseRuns(mine, PHASE, {"mean_reward": np.array([60.0, 80.0])}),
        uniform([50.0, 70.0]),
    ]

    row = cell_rows(runs, kernels_of(mine), NOTES)[0]

    assert row["mean_reward"] == 70
    assert row["mean_reward_se"] == pytest.approx(10)
    assert row["mean_reward_vs_uniform"] == 10
    # Both runs gained exactly 10: on paired luck nothing is left to chance.
    assert row["mean_reward_vs_uniform_se"] == 0
    assert row["below_threshold_share"] == 0.25
    assert row["alignment_spearman"] == 0.5


def test_a_measure_the_uniform_agent_does_not_have_has_no_lead() -> None:
    mine = cell()
    runs = [
        PhaseRuns(mine, PHASE, {"value_rmse": np.array([1.0, 3.0])}),
        uniform([50.0, 70.0]),
    ]

    row = cell_rows(runs, kernels_of(mine), NOTES)[0]

    assert row["value_rmse"] == 2
    assert math.isnan(row["value_rmse_vs_uniform"])


def test_steps_to_convergence_are_given_as_a_median_without_an_error() -> None:
    mine = cell()
    metrics = {
        "steps_to_convergence": np.array([20.0, 22, 30, 61]),
        "converged": np.array([1.0, 1, 1, 0]),
    }

    rows = cell_rows(
        [PhaseRuns(mine, PHASE, metrics), uniform([0.0] * 4)], kernels_of(mine), NOTES
    )

    assert rows[0]["steps_to_convergence"] == 26
    assert "steps_to_convergence_se" not in rows[0]
    assert math.isnan(rows[0]["steps_to_convergence_high"])  # four runs are too few
    assert rows[0]["converged"] == 0.75
    assert 0.2 < rows[0]["converged_low"] < 0.75 < rows[0]["converged_high"] < 1


def test_the_first_violation_is_a_median_over_the_runs_that_had_one() -> None:
    mine = cell()
    metrics = {
        "first_violation": np.array([3.0, 4, 9, 61] * 3),
        "violation_free": np.array([0.0, 0, 0, 1] * 3),
    }

    rows = cell_rows(
        [PhaseRuns(mine, PHASE, metrics), uniform([0.0] * 12)], kernels_of(mine), NOTES
    )

    assert rows[0]["first_violation"] == 6.5
    assert rows[0]["first_violation_low"] == 3
    assert math.isnan(rows[0]["first_violation_high"])
    assert rows[0]["violation_free"] == 0.25


def test_the_worst_runs_have_a_mean_reward_of_their_own() -> None:
    mine, reward = cell(), np.arange(100.0)

    row = cell_rows(
        [PhaseRuns(mine, PHASE, {"mean_reward": reward}), uniform([0.0] * 100)],
        kernels_of(mine),
        NOTES,
    )[0]

    assert row["mean_reward_cvar_5"] == 2
    assert row["mean_reward_cvar_10"] == 4.5
    assert row["mean_reward_cvar_5_se"] > 0


def model_row(name: str, alignment: float, reward: float, role: str = "model") -> dict:
    return {
        "agent": "gp_greedy",
        "kernel": name,
        "role": role,
        "form": "matched",
        "dimension": "morality",
        "values_from": "group",
        "threshold_rule": "study",
        "phase": PHASE,
        "alignment_spearman": alignment,
        "mean_reward": reward,
    }


def test_only_models_enter_a_correlation_and_baselines_are_counted_apart() -> None:
    models = [model_row(f"m{i}", i / 10, 50 + i) for i in range(8)]
    others = [
        model_row("human", 1.0, 0.0, "human"),
        model_row("human", 0.2, 99.0, "relabelled"),
        model_row("length", 0.9, 0.0, "baseline"),
    ]

    rows = effect_rows(
        [*models, *others], ["mean_reward"], ["spearman"], seed=1, n_resamples=50
    )

    (row,) = rows
    assert row["n_models"] == 8
    assert row["spearman"] == pytest.approx(1)
    assert row["n_baselines_left_out"] == 1
    assert row["models"] == "m0 m1 m2 m3 m4 m5 m6 m7"
    assert row["note"] == ""


def test_two_models_are_too_few_and_the_smallest_p_says_so() -> None:
    models = [model_row("a", 0.1, 1.0), model_row("b", 0.2, 2.0)]

    (row,) = effect_rows(models, ["mean_reward"], ["spearman"], seed=1)

    assert row["note"] == TOO_FEW
    assert row["smallest_p"] == row["p"] == 1
    assert math.isnan(row["spearman"])


def test_an_undefined_outcome_has_no_row() -> None:
    models = [model_row("a", 0.1, math.nan), model_row("b", 0.2, math.nan)]

    assert effect_rows(models, ["mean_reward"], ["spearman"], seed=1) == []


def test_the_corruption_curve_starts_at_the_human_kernel_and_pools_the_draws() -> None:
    human = cell(0)
    matched = cell(1, form="matched")
    draws = [cell(2 + d, role="relabelled", share=0.5, draw=d + 1) for d in range(2)]
    runs = [
        PhaseRuns(human, PHASE, {"mean_reward": np.array([80.0, 90.0])}),
        PhaseRuns(matched, PHASE, {"mean_reward": np.array([80.0, 90.0])}),
        PhaseRuns(draws[0], PHASE, {"mean_reward": np.array([60.0, 70.0])}),
        PhaseRuns(draws[1], PHASE, {"mean_reward": np.array([70.0, 80.0])}),
        PhaseRuns(
            cell(8, kernel="m", role="model"), PHASE, {"mean_reward": np.ones(2)}
        ),
        uniform([50.0, 60.0]),
    ]

    rows = corruption_rows(runs, kernels_of(human, matched, *draws), ["spearman"])

    assert [(row["share"], row["n_draws"], row["value"]) for row in rows] == [
        (0.0, 1, 85.0),
        (0.5, 2, 70.0),
    ]
    assert [row["vs_uniform"] for row in rows] == [30, 15]
    assert rows[0]["alignment_spearman"] == 0.5


def test_every_kind_of_corruption_has_a_curve_that_begins_at_the_human_kernel() -> None:
    human, other_half = cell(), cell(1, draw=1)
    relabelled = cell(2, role="relabelled", share=0.5, draw=1)
    noisy = cell(3, role="noisy", share=0.5, draw=4)
    runs = [
        PhaseRuns(one, PHASE, {"mean_reward": np.full(2, reward)})
        for one, reward in (
            (human, 90.0),
            (other_half, 10.0),
            (relabelled, 70.0),
            (noisy, 60.0),
        )
    ]
    made = kernels_of(human, other_half, relabelled, noisy)

    rows = corruption_rows([*runs, uniform([50.0, 50.0])], made, ["spearman"])

    # Corrupted kernels are made from the first halving of the people, so 10 is no start.
    assert [(row["corruption"], row["share"], row["value"]) for row in rows] == [
        ("noise", 0.0, 90.0),
        ("noise", 0.5, 60.0),
        ("relabel", 0.0, 90.0),
        ("relabel", 0.5, 70.0),
    ]


def test_without_corruption_there_is_no_curve() -> None:
    human = cell()
    runs = [PhaseRuns(human, PHASE, {"mean_reward": np.ones(2)}), uniform([1.0, 1.0])]

    assert corruption_rows(runs, kernels_of(human), ["spearman"]) == []
