"""Support vector regression reaches libsvm's optimum after every single reward."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.svm import SVR
from torch import Tensor

from bandits import svr
from bandits.errors import BanditError
from bandits.settings import Settings

Array = NDArray[np.float64]
N_ARMS = 10


def spread_kernel(length: float = 1.0) -> Array:
    points = np.random.default_rng(1).normal(size=(N_ARMS, 3))
    squares = ((points[:, None] - points[None]) ** 2).sum(-1)
    return np.asarray(np.exp(-squares / (2 * length**2)))


KERNELS: dict[str, Array] = {
    "spread": spread_kernel(),
    "smooth": spread_kernel(4.0),
    "duplicate actions": np.repeat(np.repeat(spread_kernel()[:5, :5], 2, 0), 2, 1),
    "none alike": np.eye(N_ARMS),
}


def history(
    n_steps: int, n_runs: int, seed: int = 0, n_tried: int = N_ARMS
) -> tuple[Tensor, Tensor]:
    """Arms and noisy rewards, each (n_steps, n_runs); arms repeat."""
    rng = np.random.default_rng(seed)
    arms = rng.integers(n_tried, size=(n_steps, n_runs))
    rewards = 100 * arms / N_ARMS + rng.normal(0, 10, size=arms.shape)
    return torch.from_numpy(arms), torch.from_numpy(rewards)


def settings(n_steps: int, **changed: Any) -> Settings:
    return Settings(personalization_steps=n_steps, **changed)


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize(
    # The same gap leaves more room for error where the problem is stiff.
    ("box", "tolerance"),
    [(1.0, 1e-3), (10.0, 1e-3), (200.0, 5e-3)],
)
def test_after_every_reward_the_prediction_is_libsvms(
    name: str, box: float, tolerance: float
) -> None:
    arms, rewards = history(n_steps=40, n_runs=4)
    state = svr.machine(torch.from_numpy(KERNELS[name]), 4, settings(40, svr_c=box))

    for step in range(40):
        state = svr.learn(state, arms[step], rewards[step])

        found = svr.predict(state).numpy()
        for run in range(4):
            expected = libsvm(
                KERNELS[name], arms[: step + 1, run], rewards[: step + 1, run], box
            )
            # The constant is not unique where no support vector is free.
            np.testing.assert_allclose(
                found[run] - found[run].mean(),
                expected - expected.mean(),
                atol=tolerance,
            )


@pytest.mark.parametrize("name", KERNELS)
def test_positions_and_slopes_agree_however_long_the_lists_grow(name: str) -> None:
    # Few actions tried often: a position that is rounded as its list moves on must not
    # keep the slopes of the place it was rounded away from.
    arms, rewards = history(n_steps=60, n_runs=150, seed=4)
    state = svr.machine(torch.from_numpy(KERNELS[name]), 150, settings(60))

    for arm, reward in zip(arms, rewards, strict=True):
        state = svr.learn(state, arm, reward)

        right, left = state.position.floor().long(), state.position.ceil().long() - 1
        assert torch.equal(state.up, state.slopes.gather(1, right))
        assert torch.equal(state.down, state.slopes.gather(1, left))


def test_one_arm_tried_again_and_again_predicts_a_constant_between_its_rewards() -> (
    None
):
    arms, rewards = history(n_steps=6, n_runs=2, n_tried=1)
    state = svr.machine(torch.from_numpy(KERNELS["spread"]), 2, settings(6))

    for arm, reward in zip(arms, rewards, strict=True):
        state = svr.learn(state, arm, reward)

    found = svr.predict(state)
    assert (found == found[:, :1]).all()
    assert (found[:, 0] >= rewards.amin(0)).all()
    assert (found[:, 0] <= rewards.amax(0)).all()


def test_one_observation_is_predicted_everywhere() -> None:
    state = svr.machine(torch.from_numpy(KERNELS["spread"]), 1, settings(1))

    state = svr.learn(state, torch.tensor([3]), torch.tensor([71.5]).double())

    expected = libsvm(
        KERNELS["spread"], torch.tensor([3]), torch.tensor([71.5]).double(), 10.0
    )
    np.testing.assert_allclose(svr.predict(state)[0], expected, atol=1e-9)
    assert (svr.predict(state) == 71.5).all()


def test_constant_rewards_leave_all_arms_tied() -> None:
    arms, _ = history(n_steps=12, n_runs=3)
    state = svr.machine(torch.from_numpy(KERNELS["spread"]), 3, settings(12))

    for arm in arms:
        state = svr.learn(state, arm, torch.full((3,), 64.0, dtype=torch.float64))

    assert (svr.predict(state) == 64.0).all()


def test_before_any_reward_every_arm_has_the_prior_mean() -> None:
    state = svr.machine(
        torch.from_numpy(KERNELS["spread"]), 2, settings(5, prior_mean=44.0)
    )

    assert (svr.predict(state) == 44.0).all()


@pytest.mark.parametrize("name", ["spread", "duplicate actions"])
def test_the_weights_stay_feasible_and_the_pull_is_theirs_after_many_steps(
    name: str,
) -> None:
    arms, rewards = history(n_steps=120, n_runs=5, seed=3)
    kernel = torch.from_numpy(KERNELS[name])
    state = svr.machine(kernel, 5, settings(120))

    for arm, reward in zip(arms, rewards, strict=True):
        state = svr.learn(state, arm, reward)

    weights = svr.theta(state, box=10.0)
    counts = torch.stack([(arms == arm).sum(0) for arm in range(N_ARMS)], 1)
    np.testing.assert_allclose(state.pull, weights @ kernel, rtol=0, atol=1e-9)
    np.testing.assert_allclose(
        weights.sum(1), torch.zeros(5, dtype=torch.float64), rtol=0, atol=1e-9
    )
    assert (weights.abs() <= 10.0 * counts + 1e-9).all()


def test_a_run_does_not_notice_its_neighbours() -> None:
    arms, rewards = history(n_steps=30, n_runs=6)
    kernel = torch.from_numpy(KERNELS["smooth"])
    together = svr.machine(kernel, 6, settings(30))
    alone = svr.machine(kernel, 1, settings(30))

    for arm, reward in zip(arms, rewards, strict=True):
        together = svr.learn(together, arm, reward)
        alone = svr.learn(alone, arm[4:5], reward[4:5])

    np.testing.assert_allclose(together.pull[4], alone.pull[0], rtol=0, atol=1e-12)


def test_a_problem_that_does_not_settle_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(svr, "MOST_ROUNDS", 1)
    arms, rewards = history(n_steps=10, n_runs=2)
    state = svr.machine(torch.from_numpy(KERNELS["smooth"]), 2, settings(10))

    def learn_all() -> None:
        now = state
        for arm, reward in zip(arms, rewards, strict=True):
            now = svr.learn(now, arm, reward)

    with pytest.raises(BanditError, match="svr: needs to settle within 1 rounds a"):
        learn_all()


def libsvm(kernel: Array, arms: Tensor, rewards: Tensor, box: float) -> Array:
    """(n_arms,) predictions of scikit-learn's SVR, fitted from nothing."""
    tried = arms.numpy()
    machine = SVR(kernel="precomputed", C=box, epsilon=1.0, tol=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a fit that did not converge is no witness
        machine.fit(kernel[np.ix_(tried, tried)], rewards.numpy())
    return np.asarray(machine.predict(kernel[:, tried]))
