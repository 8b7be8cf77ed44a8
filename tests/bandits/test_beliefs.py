"""The square-root belief is the textbook posterior, also where no inverse exists."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Kernel
from torch import Tensor

from bandits.beliefs import (
    Belief,
    condition,
    condition_independent,
    independent_prior,
    prior,
    sample,
    sample_independent,
    symmetric_root,
)
from bandits.settings import Settings

SETTINGS = Settings()
Array = NDArray[np.float64]


def spread_kernel(n_arms: int = 12, seed: int = 0) -> Array:
    """Squared-exponential similarity of random points: well conditioned."""
    points = np.random.default_rng(seed).normal(size=(n_arms, 4))
    squares = ((points[:, None] - points[None]) ** 2).sum(-1)
    return np.asarray(np.exp(-squares / 4))


def duplicate_kernel() -> Array:
    """Every action twice: half of the eigenvalues are 0."""
    return np.asarray(np.kron(spread_kernel(6), np.ones((2, 2))), dtype=np.float64)


def rank_two_kernel() -> Array:
    """Cosine similarity of points in a plane."""
    points = np.random.default_rng(3).normal(size=(12, 2))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    return np.asarray(points @ points.T)


KERNELS = {
    "spread": spread_kernel(),
    "duplicate actions": duplicate_kernel(),
    "rank two": rank_two_kernel(),
    "all alike": np.ones((12, 12)),
    "none alike": np.eye(12),
}


def history(n_runs: int, n_steps: int, seed: int) -> tuple[Tensor, Tensor]:
    """Arms and rewards, each (n_steps, n_runs); arms repeat."""
    rng = np.random.default_rng(seed)
    arms = rng.integers(12, size=(n_steps, n_runs))
    return torch.from_numpy(arms), torch.from_numpy(
        rng.normal(60, 20, size=(n_steps, n_runs))
    )


def believe(kernel: Array, arms: Tensor, rewards: Tensor) -> Belief:
    belief = prior(torch.from_numpy(kernel), arms.shape[1], SETTINGS)
    for arm, reward in zip(arms, rewards, strict=True):
        belief = condition(belief, arm, reward)
    return belief


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("n_steps", [1, 300])
def test_step_by_step_equals_gaussian_process_regression_refitted(
    name: str, n_steps: int
) -> None:
    arms, rewards = history(n_runs=3, n_steps=n_steps, seed=5)

    belief = believe(KERNELS[name], arms, rewards)

    covariance = belief.root.transpose(1, 2) @ belief.root
    for run in range(3):
        mean, cov = refitted(KERNELS[name], arms[:, run], rewards[:, run])
        assert_near(belief.mean[run], mean)
        assert_near(covariance[run], cov)


@given(st.permutations(range(15)))
def test_the_order_of_the_rewards_does_not_matter(order: list[int]) -> None:
    arms, rewards = history(n_runs=1, n_steps=15, seed=8)

    one = believe(KERNELS["spread"], arms, rewards)
    other = believe(KERNELS["spread"], arms[order], rewards[order])

    assert_near(one.mean, other.mean)
    assert_near(covariance_of(one), covariance_of(other))


@pytest.mark.parametrize("name", KERNELS)
def test_a_sample_has_the_mean_and_the_joint_covariance_of_the_belief(
    name: str,
) -> None:
    arms, rewards = history(n_runs=1, n_steps=20, seed=2)
    belief = believe(KERNELS[name], arms, rewards)
    each = Belief(
        belief.mean.repeat(12, 1), belief.root.repeat(12, 1, 1), belief.noise_var
    )

    middle = sample(belief, torch.zeros(1, 12, dtype=torch.float64))
    # One unit normal at a time: a linear map's columns, whose squares are the law.
    parts = sample(each, torch.eye(12, dtype=torch.float64)) - middle

    mean, cov = refitted(KERNELS[name], arms[:, 0], rewards[:, 0])
    assert_near(middle[0], mean)
    assert_near(parts.T @ parts, cov)


@pytest.mark.parametrize("name", KERNELS)
def test_the_root_is_symmetric_and_squares_to_the_kernel(name: str) -> None:
    kernel = torch.from_numpy(KERNELS[name])

    root = symmetric_root(kernel)

    assert torch.equal(root, root.T)
    np.testing.assert_allclose(root @ root, kernel, rtol=0, atol=1e-12)


def test_the_root_follows_a_relabelling_of_the_arms() -> None:
    # True of the symmetric root alone: no sign or rotation is left to choose.
    kernel = torch.from_numpy(KERNELS["duplicate actions"])
    order = torch.from_numpy(np.random.default_rng(0).permutation(12))

    moved = symmetric_root(kernel[order][:, order])

    expected = symmetric_root(kernel)[order][:, order]
    np.testing.assert_allclose(moved, expected, rtol=0, atol=1e-7)


def test_single_precision_stays_close_after_a_thousand_steps() -> None:
    arms, rewards = history(n_runs=2, n_steps=1000, seed=1)
    belief = prior(torch.from_numpy(KERNELS["spread"]).float(), 2, SETTINGS)

    for arm, reward in zip(arms, rewards.float(), strict=True):
        belief = condition(belief, arm, reward)

    exact = believe(KERNELS["spread"], arms, rewards)
    assert belief.mean.dtype == torch.float32
    np.testing.assert_allclose(belief.mean.double(), exact.mean, rtol=0, atol=5e-3)


def test_independent_arms_are_the_belief_with_an_identity_kernel() -> None:
    arms, rewards = history(n_runs=4, n_steps=40, seed=6)
    normals = torch.from_numpy(np.random.default_rng(0).normal(size=(4, 12)))
    alone = independent_prior(
        4, 12, SETTINGS, dtype=torch.float64, device=torch.device("cpu")
    )

    for arm, reward in zip(arms, rewards, strict=True):
        alone = condition_independent(alone, arm, reward)

    joint = believe(np.eye(12), arms, rewards)
    assert_near(alone.mean, joint.mean)
    assert_near(torch.diag_embed(alone.variance), covariance_of(joint))
    assert_near(sample_independent(alone, normals), sample(joint, normals))


class Precomputed(Kernel):  # type: ignore[misc]  # scikit-learn is not typed
    """scikit-learn's regressor takes no matrix: look it up by the arm's number."""

    def __init__(self, matrix: Array) -> None:
        self.matrix = matrix

    def __call__(self, X: Array, Y: Array | None = None) -> Array:
        others = X if Y is None else Y
        rows, columns = X[:, 0].astype(int), others[:, 0].astype(int)
        return np.asarray(self.matrix[np.ix_(rows, columns)])

    def diag(self, X: Array) -> Array:
        return np.asarray(self.matrix.diagonal()[X[:, 0].astype(int)])

    def is_stationary(self) -> bool:
        return False


def refitted(kernel: Array, arms: Tensor, rewards: Tensor) -> tuple[Any, Any]:
    """scikit-learn's posterior mean (n_arms,) and covariance (n_arms, n_arms)."""
    process = GaussianProcessRegressor(
        Precomputed(SETTINGS.prior_sd**2 * kernel),
        alpha=SETTINGS.reward_sd**2,
        optimizer=None,
    )
    process.fit(arms.numpy()[:, None].astype(float), rewards.numpy() - 50)
    grid = np.arange(len(kernel), dtype=float)[:, None]
    mean, cov = process.predict(grid, return_cov=True)
    return mean + 50, cov


def covariance_of(belief: Belief) -> Tensor:
    return belief.root.transpose(1, 2) @ belief.root


def assert_near(found: Tensor, expected: Tensor | Array) -> None:
    """Within 1e-9 on scales of 100 (means) and 625 (variances)."""
    expected = torch.as_tensor(expected)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)
