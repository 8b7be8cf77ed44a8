"""Kernel regression is a weighted mean of the rewards, and never anything wilder."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from bandits.regressors import (
    Regression,
    kernel_regression,
    predict_regression,
    regress,
)
from bandits.settings import Settings

SETTINGS = Settings(prior_mean=42.0)


def some_kernel(seed: int, n_arms: int = 8) -> Tensor:
    """A noisy similarity with some negative entries; the diagonal is 1."""
    noisy = np.random.default_rng(seed).normal(0.3, 0.4, size=(n_arms, n_arms))
    kernel = np.clip((noisy + noisy.T) / 2, -1, 1)
    np.fill_diagonal(kernel, 1)
    return torch.from_numpy(kernel)


def regressed(kernel: Tensor, arms: Tensor, rewards: Tensor) -> Regression:
    state = kernel_regression(kernel, arms.shape[1], SETTINGS)
    for arm, reward in zip(arms, rewards, strict=True):
        state = regress(state, arm, reward)
    return state


def history(seed: int, n_steps: int, n_runs: int = 3) -> tuple[Tensor, Tensor]:
    rng = np.random.default_rng(seed)
    arms = torch.from_numpy(rng.integers(8, size=(n_steps, n_runs)))
    return arms, torch.from_numpy(rng.uniform(0, 100, size=(n_steps, n_runs)))


@given(st.integers(0, 10_000), st.integers(1, 30))
def test_a_prediction_is_the_mean_of_the_rewards_weighted_by_likeness(
    seed: int, n_steps: int
) -> None:
    kernel, (arms, rewards) = some_kernel(seed), history(seed, n_steps)

    predicted = predict_regression(regressed(kernel, arms, rewards))

    for run in range(3):
        for arm in range(8):
            near = [max(float(kernel[arm, i]), 0.0) for i in arms[:, run]]
            expected = (
                sum(w * float(r) for w, r in zip(near, rewards[:, run], strict=True))
                / sum(near)
                if sum(near) > 1e-12
                else 42.0
            )
            assert abs(float(predicted[run, arm]) - expected) < 1e-9


@given(st.integers(0, 10_000), st.integers(1, 30))
def test_a_prediction_never_leaves_what_was_seen_and_the_prior(
    seed: int, n_steps: int
) -> None:
    arms, rewards = history(seed, n_steps)

    predicted = predict_regression(regressed(some_kernel(seed), arms, rewards))

    assert (predicted >= rewards.amin(0).clamp(max=42.0).unsqueeze(1) - 1e-9).all()
    assert (predicted <= rewards.amax(0).clamp(min=42.0).unsqueeze(1) + 1e-9).all()


def test_an_arm_like_none_that_was_tried_keeps_the_prior_mean() -> None:
    state = regressed(
        torch.eye(3, dtype=torch.float64),
        torch.tensor([[1]]),
        torch.tensor([[90.0]], dtype=torch.float64),
    )

    assert predict_regression(state).tolist() == [[42.0, 90.0, 42.0]]


def test_before_any_reward_every_arm_has_the_prior_mean() -> None:
    state = kernel_regression(some_kernel(0), 2, SETTINGS)

    assert (predict_regression(state) == 42.0).all()
