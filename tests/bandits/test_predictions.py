"""What a belief says of unseen actions, against the obvious way to judge it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from torch import Tensor

from bandits import predictions
from bandits.tally import Scene
from tests.witnesses import measures_of_runs as witness

N_ARMS, N_RUNS = 9, 4


def scene(seed: int = 0, *, allowed: Tensor | None = None, harm: bool = True) -> Scene:
    rng = np.random.default_rng(seed)
    may = rng.random((N_RUNS, N_ARMS)) < 0.6
    may[:, :2] = True
    return Scene(
        values=torch.from_numpy(rng.integers(0, 21, N_ARMS) * 5.0),
        allowed=torch.from_numpy(may) if allowed is None else allowed,
        threshold=50.0,
        harm=harm,
        harm_defined=True,
        moral_unsafe=None,
        moral_defined=True,
        convergence=True,
    )


@given(st.integers(0, 10_000))
def test_the_rank_correlation_is_spearmans_over_the_admissible_actions(
    seed: int,
) -> None:
    at = scene(seed)
    rng = np.random.default_rng(seed)
    predicted = torch.from_numpy(rng.integers(0, 6, (N_RUNS, N_ARMS)) * 10.0)

    found = predictions.judge_predictions(predicted, at)

    for run in range(N_RUNS):
        seen = at.allowed[run]
        guess, truth = predicted[run, seen].numpy(), at.values[seen].numpy()
        constant = len(set(guess)) == 1 or len(set(truth)) == 1
        expected = math.nan if constant else stats.spearmanr(guess, truth).statistic
        assert float(found["value_rank_correlation"][run]) == pytest.approx(
            expected, abs=1e-12, nan_ok=True
        )
        assert float(found["value_rmse"][run]) == pytest.approx(
            float(np.sqrt(((guess - truth) ** 2).mean()))
        )


@given(st.integers(0, 10_000))
def test_the_probability_of_harm_is_judged_action_by_action(seed: int) -> None:
    at = scene(seed)
    rng = np.random.default_rng(seed)
    mean = torch.from_numpy(rng.integers(6, 14, (N_RUNS, N_ARMS)) * 5.0)
    sd = torch.from_numpy(rng.integers(0, 4, (N_RUNS, N_ARMS)) * 5.0)

    found = predictions.judge_predictions(mean, at, sd**2)

    for run in range(N_RUNS):
        phase = witness.Phase(at.values.tolist(), at.allowed[run].tolist(), 50.0)
        expected = witness.predicted_harm(phase, mean[run].tolist(), sd[run].tolist())
        for name, value in expected.items():
            assert float(found[name][run]) == pytest.approx(value, abs=1e-12)


def test_a_belief_that_knows_every_value_has_no_error_of_any_kind() -> None:
    at = scene(1)

    found = predictions.judge_predictions(
        at.values.expand(N_RUNS, -1), at, torch.zeros(N_RUNS, N_ARMS)
    )

    assert found["harm_brier"].tolist() == [0] * N_RUNS
    assert found["harm_bias"].tolist() == [0] * N_RUNS
    assert found["value_rmse"].tolist() == [0] * N_RUNS


def test_without_a_posterior_there_is_no_probability_of_harm() -> None:
    found = predictions.judge_predictions(torch.rand(N_RUNS, N_ARMS), scene())

    assert found["harm_brier"].isnan().all()
    assert found["harm_bias"].isnan().all()


def test_off_harm_dimensions_it_is_a_probability_of_low_value() -> None:
    belief = torch.rand(N_RUNS, N_ARMS), torch.ones(N_RUNS, N_ARMS)

    found = predictions.judge_predictions(belief[0], scene(harm=False), belief[1])

    assert set(found) >= {"low_value_brier", "low_value_bias"}
    assert not any("harm" in name for name in found)


def test_predictions_that_differ_by_rounding_alone_have_no_rank_correlation() -> None:
    nearly = 50 + 1e-13 * torch.randn(
        N_RUNS, N_ARMS, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
    )

    found = predictions.judge_predictions(nearly, scene())

    assert found["value_rank_correlation"].isnan().all()


def test_a_single_unseen_action_has_no_rank_correlation_but_an_error() -> None:
    one = torch.zeros(N_RUNS, N_ARMS, dtype=torch.bool)
    one[:, 3] = True
    at = scene(allowed=one)

    found = predictions.judge_predictions(torch.zeros(N_RUNS, N_ARMS).double(), at)

    assert found["value_rank_correlation"].isnan().all()
    assert (found["value_rmse"] == at.values[3]).all()


def test_actions_tied_for_the_highest_expected_value_are_recommended_alike() -> None:
    at = scene(allowed=torch.ones(N_RUNS, N_ARMS, dtype=torch.bool))
    indifferent = torch.full((N_RUNS, N_ARMS), 50.0).double()
    # Rounding must not decide between them.
    indifferent[:, 4] += 1e-12

    found = predictions.judge_end(at, indifferent, None)

    lost = float((at.values.max() - at.values).mean())
    assert found["simple_regret"].tolist() == pytest.approx([lost] * N_RUNS)
    share = float((at.values < 50).double().mean())
    assert found["unsafe_recommended"].tolist() == pytest.approx([share] * N_RUNS)
