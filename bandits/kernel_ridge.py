"""A Gaussian-process posterior kept as its covariance, and kernel ridge regression.

Two names of one mean: kernel ridge regression of rewards minus the prior mean, with
ridge reward_sd^2 / prior_sd^2, predicts what a Gaussian process with that prior expects
(Rasmussen & Williams, 2006, section 6.2). Kept here as mean and covariance, one reward
costs 2 n_arms^2 operations where the square-root form (`beliefs.py`) costs 6; in turn
no joint sample can be drawn, and rounding in float32 is larger (`simulation.md`,
section 1, form B). Rules that need no samples are cheaper on it.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from bandits.settings import Settings


class Posterior(NamedTuple):
    """What each run expects, and how surely.

    mean: (n_runs, n_arms), the expected value of each arm.
    covariance: (n_runs, n_arms, n_arms), symmetric.
    noise_var: Variance of the reward noise, above 0, on the covariance's scale.
    """

    mean: Tensor
    covariance: Tensor
    noise_var: float


def process(kernel: Tensor, n_runs: int, settings: Settings) -> Posterior:
    """The Gaussian process before any reward, as `beliefs.prior` has it.

    Args:
        kernel: (n_arms, n_arms) positive semi-definite, with unit diagonal.
    """
    prior = settings.prior_sd**2 * kernel
    return _before(prior, n_runs, settings.prior_mean, settings.reward_sd**2)


def ridge(kernel: Tensor, n_runs: int, settings: Settings) -> Posterior:
    """Kernel ridge regression before any reward.

    mu = prior_mean + K_:o (K_oo + ridge I)^-1 (y - prior_mean), with one row and column
    of K_oo for every reward. The ridge is `settings.ridge`, or, unset, what makes it
    the Gaussian process's mean: reward_sd^2 / prior_sd^2.
    """
    ratio = settings.ridge
    if ratio is None:
        ratio = settings.reward_sd**2 / settings.prior_sd**2
    return _before(kernel, n_runs, settings.prior_mean, ratio)


def _before(prior: Tensor, n_runs: int, mean: float, noise_var: float) -> Posterior:
    return Posterior(
        prior.new_full((n_runs, len(prior)), mean),
        prior.repeat(n_runs, 1, 1),
        noise_var,
    )


def condition(posterior: Posterior, arms: Tensor, rewards: Tensor) -> Posterior:
    """After every run has seen one more reward; the old one is used up.

    Args:
        arms: (n_runs,) int64, the arm each run pulled.
        rewards: (n_runs,), what it was paid.
    """
    mean, covariance, noise_var = posterior
    at = arms.unsqueeze(1)
    row = arms.view(-1, 1, 1).expand(-1, 1, mean.shape[1])
    with_pulled = covariance.gather(1, row)  # (n_runs, 1, n_arms)
    variance = with_pulled.squeeze(1).gather(1, at) + noise_var  # of its next reward
    gain = with_pulled.squeeze(1) / variance
    mean = torch.addcmul(mean, gain, rewards.unsqueeze(1) - mean.gather(1, at))
    covariance.baddbmm_(gain.unsqueeze(2), with_pulled, alpha=-1)
    return Posterior(mean, covariance, noise_var)


def marginals(posterior: Posterior) -> tuple[Tensor, Tensor]:
    """Mean and variance of every arm's value, each (n_runs, n_arms).

    Rounding can take a variance that is next to nothing below 0: it counts as 0.
    """
    variance = posterior.covariance.diagonal(dim1=1, dim2=2)
    return posterior.mean, variance.clamp(min=0)


def marginal_at(posterior: Posterior, arms: Tensor) -> tuple[Tensor, Tensor]:
    """The same of one arm a run, each (n_runs,)."""
    at = arms.unsqueeze(1)
    diagonal = posterior.covariance.diagonal(dim1=1, dim2=2)
    mean, variance = posterior.mean.gather(1, at), diagonal.gather(1, at)
    return mean.squeeze(1), variance.squeeze(1).clamp(min=0)
