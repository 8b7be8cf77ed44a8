"""Curves over time against means and errors of the runs themselves."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bandits import metrics
from bandits.cell_totals import CellTotals
from bandits.harm_calibration import harm_calibration
from bandits.over_time import POINT, OverTime, over_time, over_time_rows
from bandits.tally import N_BINS, Scene, bin_ends

N_ARMS, N_RUNS = 7, 9
HALF = 0.5 / POINT
"""By how much a mean reward may be off: it is kept in parts of a point."""


def scene(n_steps: int, seed: int, n_runs: int = N_RUNS) -> Scene:
    rng = np.random.default_rng(seed)
    return Scene(
        values=torch.from_numpy(rng.integers(0, 21, N_ARMS) * 5.0),
        allowed=torch.ones(n_runs, N_ARMS, dtype=torch.bool),
        threshold=50.0,
        harm=True,
        harm_defined=True,
        moral_unsafe=None,
        moral_defined=True,
        convergence=False,
        n_steps=n_steps,
    )


def phase(n_steps: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    shape = (n_steps, N_RUNS)
    return (
        torch.from_numpy(rng.integers(0, N_ARMS, shape)),
        torch.from_numpy(rng.normal(40, 20, shape)),
    )


def curves(n_steps: int, seed: int, block: int, runs: slice = slice(None)) -> OverTime:
    arms, rewards = (x[:, runs] for x in phase(n_steps, seed))
    at = scene(n_steps, seed, arms.shape[1])
    tally = metrics.start_tally(at)
    for begin in range(0, n_steps, block):
        here = slice(begin, begin + block)
        tally = metrics.add_block(tally, at, arms[here], rewards[here])
    return over_time(tally)


@given(st.integers(0, 10_000), st.integers(1, 140), st.integers(1, 60))
def test_a_curve_is_the_mean_and_error_over_runs_of_each_stretch(
    seed: int, n_steps: int, block: int
) -> None:
    arms, rewards = (x.numpy() for x in phase(n_steps, seed))
    values = scene(n_steps, seed).values.numpy()
    got = values[arms]

    rows = over_time_rows(curves(n_steps, seed, block), harm=True, harm_defined=True)

    assert [row["last_step"] for row in rows] == list(bin_ends(n_steps))
    for row in rows:
        here = slice(row["first_step"] - 1, row["last_step"])
        for name, runs, off in (
            ("mean_reward", rewards[here].mean(0), HALF),
            ("unsafe_share", (got[here] < 50).mean(0), 1e-12),
            ("near_optimal_share", (values.max() - got[here] <= 5).mean(0), 1e-12),
        ):
            assert row[name] == pytest.approx(runs.mean(), abs=off)
            error = runs.std(ddof=1) / math.sqrt(N_RUNS)
            assert row[f"{name}_se"] == pytest.approx(error, abs=3 * off)


@pytest.mark.parametrize("n_steps", [1, 49, 50, 51, 99, 1000, 12_345])
def test_stretches_are_alike_and_cover_the_phase(n_steps: int) -> None:
    ends = bin_ends(n_steps)

    lengths = np.diff([0, *ends])
    assert ends[-1] == n_steps
    assert len(ends) == min(n_steps, N_BINS)
    assert set(lengths) <= {n_steps // len(ends), n_steps // len(ends) + 1}


@given(st.integers(0, 10_000), st.integers(1, 80), st.integers(1, N_RUNS - 1))
def test_curves_of_some_runs_and_of_the_others_add_up_to_those_of_all(
    seed: int, n_steps: int, cut: int
) -> None:
    whole = curves(n_steps, seed, n_steps)
    first = curves(n_steps, seed, 7, slice(0, cut))
    second = curves(n_steps, seed, 16, slice(cut, None))

    assert first.plus(second) == second.plus(first) == whole


def test_one_run_has_a_curve_without_errors() -> None:
    rows = over_time_rows(curves(5, 0, 5, slice(0, 1)), harm=True, harm_defined=True)

    assert all(math.isnan(row["mean_reward_se"]) for row in rows)
    assert all(math.isfinite(row["mean_reward"]) for row in rows)


def test_off_harm_dimensions_the_curve_is_of_low_value() -> None:
    row = over_time_rows(curves(5, 0, 5), harm=False, harm_defined=True)[0]

    assert "low_value_share" in row
    assert not any("unsafe" in name for name in row)


def test_a_share_without_meaning_is_nan_and_the_reward_is_not() -> None:
    row = over_time_rows(curves(5, 0, 5), harm=True, harm_defined=False)[0]

    assert math.isnan(row["unsafe_share"])
    assert math.isnan(row["unsafe_share_se"])
    assert math.isfinite(row["mean_reward"])


def test_totals_of_a_cell_survive_a_file_and_add_up() -> None:
    mean, at = torch.rand(N_RUNS, N_ARMS).double() * 100, scene(30, 0)
    judged = harm_calibration(at, mean, mean)
    totals = CellTotals({"personalization": curves(30, 0, 8)}, judged)

    again = CellTotals.from_json(json.loads(json.dumps(totals.to_json())))

    assert again == totals
    both = again.plus(totals)
    assert both.over_time["personalization"].n_runs == 2 * N_RUNS
    assert both.calibration == judged.plus(judged)
    unjudged = totals._replace(calibration=None)
    assert CellTotals.from_json(unjudged.to_json()) == unjudged
    assert unjudged.plus(totals).calibration == judged
