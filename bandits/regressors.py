"""Kernel regression: predictions without a variance. (`svr.py` holds the other one.)"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from bandits.settings import Settings

LEAST_WEIGHT = 1e-12
"""Below this total weight an arm has heard of no reward, and keeps the prior mean."""


class Regression(NamedTuple):
    """What each run's rewards say about every arm, weighted by likeness.

    weights: (n_arms, n_arms), at least 0.
    total: (n_runs, n_arms), rewards times their weights, summed.
    weight: (n_runs, n_arms), the weights, summed.
    prior_mean: What is predicted where the summed weight is next to nothing.
    """

    weights: Tensor
    total: Tensor
    weight: Tensor
    prior_mean: float


def kernel_regression(kernel: Tensor, n_runs: int, settings: Settings) -> Regression:
    """Kernel regression (Nadaraya, 1964; Watson, 1964) before any reward.

    Weights are the kernel's entries, negative ones counting as 0: making a noisy
    similarity matrix positive semi-definite leaves small negative entries, and a
    negative weight lets the denominator cross zero and the prediction run to infinity.

    Args:
        kernel: (n_arms, n_arms) similarity.
    """
    nothing = kernel.new_zeros((n_runs, kernel.shape[0]))
    return Regression(kernel.clamp(min=0), nothing, nothing, settings.prior_mean)


def regress(state: Regression, arms: Tensor, rewards: Tensor) -> Regression:
    """After every run has seen one more reward. O(n_runs * n_arms).

    Args:
        arms: (n_runs,) int64, the arm each run pulled.
        rewards: (n_runs,), what it was paid.
    """
    near = state.weights[arms]
    return state._replace(
        total=state.total.addcmul(near, rewards.unsqueeze(1)),
        weight=state.weight + near,
    )


def predict_regression(state: Regression) -> Tensor:
    """(n_runs, n_arms): the weighted mean of the rewards seen, arm by arm."""
    mean = state.total / state.weight.clamp(min=LEAST_WEIGHT)
    return mean.where(state.weight >= LEAST_WEIGHT, state.prior_mean)
