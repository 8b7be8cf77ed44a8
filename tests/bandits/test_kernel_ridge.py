"""Kernel ridge is scikit-learn's, and the covariance is the Gaussian process's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.kernel_ridge import KernelRidge
from torch import Tensor

from bandits import beliefs
from bandits.kernel_ridge import (
    Posterior,
    condition,
    marginal_at,
    marginals,
    process,
    ridge,
)
from bandits.settings import Settings
from tests.bandits.test_beliefs import KERNELS, Precomputed, history


def learnt(state: Posterior, arms: Tensor, rewards: Tensor) -> Posterior:
    for arm, reward in zip(arms, rewards, strict=True):
        state = condition(state, arm, reward)
    return state


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("given", [None, 0.03])
def test_predictions_are_those_of_scikit_learn_centred_by_the_prior_mean(
    name: str, given: float | None
) -> None:
    settings = Settings(prior_mean=40.0, ridge=given)
    arms, rewards = history(n_runs=3, n_steps=200, seed=5)
    kernel = KERNELS[name]

    state = learnt(ridge(torch.from_numpy(kernel), 3, settings), arms, rewards)

    for run in range(3):
        at = arms[:, run].numpy()
        machine = KernelRidge(alpha=given or 0.16, kernel="precomputed")
        machine.fit(kernel[np.ix_(at, at)], rewards[:, run].numpy() - 40)
        expected = 40 + machine.predict(kernel[:, at])
        np.testing.assert_allclose(state.mean[run], expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", KERNELS)
def test_mean_and_covariance_stay_within_a_billionth_after_a_thousand_steps(
    name: str,
) -> None:
    arms, rewards = history(n_runs=2, n_steps=1000, seed=1)
    kernel = KERNELS[name]
    square_root = beliefs.prior(torch.from_numpy(kernel), 2, Settings())
    for arm, reward in zip(arms, rewards, strict=True):
        square_root = beliefs.condition(square_root, arm, reward)

    state = learnt(process(torch.from_numpy(kernel), 2, Settings()), arms, rewards)

    for run in range(2):
        regressor = GaussianProcessRegressor(
            Precomputed(625 * kernel), alpha=100.0, optimizer=None
        )
        regressor.fit(arms[:, run, None].numpy().astype(float), rewards[:, run] - 50)
        mean, cov = regressor.predict(np.arange(12.0)[:, None], return_cov=True)
        for found in (state.covariance, beliefs.covariance(square_root)[0]):
            np.testing.assert_allclose(found[run], cov, rtol=0, atol=1e-9)
        for guess in (state.mean, square_root.mean):
            np.testing.assert_allclose(guess[run], mean + 50, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", KERNELS)
def test_marginals_are_the_diagonal_all_at_once_or_one_a_run(name: str) -> None:
    arms, rewards = history(n_runs=4, n_steps=30, seed=2)
    kernel, pulled = torch.from_numpy(KERNELS[name]), torch.tensor([3, 0, 11, 5])
    root = beliefs.prior(kernel, 4, Settings())
    for arm, reward in zip(arms, rewards, strict=True):
        root = beliefs.condition(root, arm, reward)
    state = learnt(process(kernel, 4, Settings()), arms, rewards)

    rows = torch.arange(4)
    diagonal = beliefs.covariance(root)[0].diagonal(dim1=1, dim2=2)
    for all_arms, one in (
        (beliefs.marginals(root), beliefs.marginal_at(root, pulled)),
        (marginals(state), marginal_at(state, pulled)),
    ):
        np.testing.assert_allclose(all_arms[0], root.mean, rtol=0, atol=1e-9)
        np.testing.assert_allclose(all_arms[1], diagonal, rtol=0, atol=1e-9)
        np.testing.assert_allclose(one[0], root.mean[rows, pulled], rtol=0, atol=1e-9)
        np.testing.assert_allclose(one[1], diagonal[rows, pulled], rtol=0, atol=1e-9)


def test_a_variance_that_rounding_took_below_zero_is_none_at_all() -> None:
    below = torch.tensor([[[-1e-18, 0.0], [0.0, 4.0]]]).double()
    state = Posterior(torch.zeros(1, 2).double(), below, 1.0)

    assert marginals(state)[1].tolist() == [[0.0, 4.0]]
    assert marginal_at(state, torch.tensor([0]))[1].tolist() == [0.0]


def test_one_arm_is_a_weighted_mean_of_prior_and_rewards() -> None:
    state = process(torch.ones(1, 1).double(), 1, Settings())
    for reward in (80.0, 90.0):
        state = condition(state, torch.tensor([0]), torch.tensor([reward]).double())

    weight = 1 / 625 + 2 / 100
    expected = (50 / 625 + 170 / 100) / weight
    assert state.mean.item() == pytest.approx(expected)
    assert state.covariance.item() == pytest.approx(1 / weight)
