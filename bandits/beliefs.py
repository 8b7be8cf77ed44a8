"""A Gaussian-process belief over arms, kept as a root of its covariance.

Potter's square-root form (`simulation.md`, section 1, form A): with Sigma = R' R, an
observation of arm a changes R by a rank-one correction. Sigma stays positive
semi-definite by construction, also for singular kernels and duplicate arms; nothing is
inverted, and float32 needs no jitter. Rows of R are what is multiplied: a row vector
times a matrix is several times faster on a CPU than a matrix times a column.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from bandits.settings import Settings


class Belief(NamedTuple):
    """What each run believes its arms are worth.

    mean: (n_runs, n_arms), the expected value of each arm.
    root: (n_runs, n_arms, n_arms), R with covariance R' R.
    noise_var: Variance of the reward noise, above zero.
    """

    mean: Tensor
    root: Tensor
    noise_var: float


def symmetric_root(kernel: Tensor) -> Tensor:
    """The symmetric square root of a positive semi-definite matrix.

    Any root gives the same law. The symmetric one is the only one that does not depend
    on the signs and rotations an eigendecomposition is free to choose, so that samples
    agree between BLAS builds; and nearly equal kernels turn the same normals into
    nearly equal samples, which makes paired differences between kernels less noisy.

    Args:
        kernel: (n_arms, n_arms), symmetric; eigenvalues below zero by rounding count
            as zero.

    Returns:
        (n_arms, n_arms), symmetric, whose square is the kernel.
    """
    eigenvalues, vectors = torch.linalg.eigh(kernel)
    root: Tensor = (vectors * eigenvalues.clamp(min=0).sqrt()) @ vectors.T
    return (root + root.T) / 2


def prior(kernel: Tensor, n_runs: int, settings: Settings) -> Belief:
    """The belief before any reward: mean `prior_mean`, covariance prior_sd^2 kernel.

    Args:
        kernel: (n_arms, n_arms) positive semi-definite, with unit diagonal.
    """
    # The root is taken in float64 whatever the dtype, once per call: it is O(n_arms^3).
    root = (settings.prior_sd * symmetric_root(kernel.double())).to(kernel.dtype)
    n_arms = kernel.shape[0]
    mean = root.new_full((n_runs, n_arms), settings.prior_mean)
    return Belief(mean, root.repeat(n_runs, 1, 1), settings.reward_sd**2)


def condition(belief: Belief, arms: Tensor, rewards: Tensor) -> Belief:
    """Belief after every run has seen one more reward; the old one is used up.

    Exact Gaussian-process regression (Rasmussen & Williams, 2006, section 2.2) in the
    square-root form of Potter (Bierman, 1977, "Factorization methods for discrete
    sequential estimation", section II). Costs 6 n_arms^2 operations a run. The root is
    changed in place: a copy of the largest tensor would double the time of a step.

    Args:
        arms: (n_runs,) int64, the arm each run pulled.
        rewards: (n_runs,), what it was paid.
    """
    mean, root, noise_var = belief
    n_runs, n_arms = mean.shape
    column = arms.view(-1, 1, 1).expand(n_runs, n_arms, 1)
    pulled = root.gather(2, column)  # (n_runs, n_arms, 1): how the arm is mixed
    with_pulled = torch.bmm(pulled.transpose(1, 2), root)  # covariances with it
    variance = pulled.square().sum(1) + noise_var  # (n_runs, 1), of its next reward
    surprise = rewards.unsqueeze(1) - mean.gather(1, arms.unsqueeze(1))
    mean = torch.addcmul(mean, with_pulled.squeeze(1), surprise / variance)
    shrink = (variance + (variance * noise_var).sqrt()).unsqueeze(2)
    root.baddbmm_(pulled / shrink, with_pulled, alpha=-1)
    return Belief(mean, root, noise_var)


def sample(belief: Belief, normals: Tensor) -> Tensor:
    """One joint draw of all arms' values per run, as Thompson (1933) sampling needs.

    Joint: arms that are alike rise and fall together. Drawing each arm by itself from
    its own mean and variance would be another, more restless, policy.

    Args:
        normals: (n_runs, n_arms) standard normal.

    Returns:
        (n_runs, n_arms).
    """
    mixed = torch.bmm(normals.unsqueeze(1), belief.root).squeeze(1)
    return belief.mean + mixed


def marginals(belief: Belief) -> tuple[Tensor, Tensor]:
    """Mean and variance of every arm's value, each (n_runs, n_arms); O(n_arms^2)."""
    return belief.mean, belief.root.square().sum(1)


def marginal_at(belief: Belief, arms: Tensor) -> tuple[Tensor, Tensor]:
    """The same of one arm a run, each (n_runs,); O(n_arms).

    Args:
        arms: (n_runs,) int64.
    """
    n_runs, n_arms = belief.mean.shape
    column = arms.view(-1, 1, 1).expand(n_runs, n_arms, 1)
    variance = belief.root.gather(2, column).square().sum((1, 2))
    return belief.mean.gather(1, arms.unsqueeze(1)).squeeze(1), variance


def covariance(belief: Belief) -> tuple[Tensor, float]:
    """(n_runs, n_arms, n_arms), how values vary together, and the noise variance."""
    return belief.root.transpose(1, 2) @ belief.root, belief.noise_var


class Independent(NamedTuple):
    """The same belief where no arm says anything about another.

    mean, variance: (n_runs, n_arms).
    noise_var: Variance of the reward noise, above zero.
    """

    mean: Tensor
    variance: Tensor
    noise_var: float


def independent_prior(
    n_runs: int,
    n_arms: int,
    settings: Settings,
    *,
    dtype: torch.dtype,
    device: torch.device,
) -> Independent:
    """Every arm `prior_mean` plus or minus `prior_sd`, by itself."""
    nothing = torch.zeros(n_runs, n_arms, dtype=dtype, device=device)
    return Independent(
        nothing + settings.prior_mean,
        nothing + settings.prior_sd**2,
        settings.reward_sd**2,
    )


def condition_independent(
    belief: Independent, arms: Tensor, rewards: Tensor
) -> Independent:
    """`condition` for an identity kernel: the normal-normal rule, O(n_runs)."""
    mean, variance, noise_var = belief
    at = arms.unsqueeze(1)
    before, spread = mean.gather(1, at), variance.gather(1, at)
    weight = spread / (spread + noise_var)
    after = before + weight * (rewards.unsqueeze(1) - before)
    return Independent(
        mean.scatter(1, at, after),
        variance.scatter(1, at, (1 - weight) * spread),
        noise_var,
    )


def sample_independent(belief: Independent, normals: Tensor) -> Tensor:
    """`sample` for an identity kernel. Shapes as there."""
    return belief.mean + belief.variance.sqrt() * normals


def independent_marginal_at(belief: Independent, arms: Tensor) -> tuple[Tensor, Tensor]:
    """`marginal_at` for an identity kernel."""
    at = arms.unsqueeze(1)
    mean, variance = belief.mean.gather(1, at), belief.variance.gather(1, at)
    return mean.squeeze(1), variance.squeeze(1)
