"""Prior width and noise by marginal likelihood, against the density written out."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import multivariate_normal
from torch import Tensor

from bandits import beliefs, hyperparameters
from bandits.hyperparameters import Weighed, condition, log_evidence, pairs, weigh
from bandits.settings import Hyperparameters, Settings
from bandits.simulate import simulate, trace
from bandits.task import ValueTask, split_actions

Array = NDArray[np.float64]
SETTINGS = Settings(personalization_steps=40)
N_RUNS = 6


def some_kernel(name: str) -> Array:
    points = np.random.default_rng(0).normal(size=(8, 2))
    gaps = ((points[:, None] - points[None]) ** 2).sum(-1)
    kernel = np.asarray(np.exp(-gaps / 2))
    if name == "duplicate actions":
        kernel = np.kron(kernel[:4, :4], np.ones((2, 2)))
    return kernel


def history(n_steps: int) -> tuple[Tensor, Tensor]:
    """Each run's rewards have their own spread and noise, so that choices differ."""
    rng = np.random.default_rng(4)
    arms = rng.integers(8, size=(n_steps, N_RUNS))
    spread, noise = np.geomspace(2, 80, N_RUNS), np.geomspace(40, 2, N_RUNS)
    worth = 50 + spread * rng.normal(size=(8, N_RUNS))
    paid = np.take_along_axis(worth, arms, 0) + noise * rng.normal(size=arms.shape)
    return torch.from_numpy(arms), torch.from_numpy(paid)


def weighed(kernel: Array, arms: Tensor, rewards: Tensor) -> Weighed:
    state = weigh(torch.from_numpy(kernel), arms.shape[1], SETTINGS)
    for arm, reward in zip(arms, rewards, strict=True):
        state = condition(state, arm, reward)
    return state


def density(kernel: Array, arms: Tensor, rewards: Tensor, run: int) -> list[float]:
    """Log density of all rewards of a run at once, by each pair."""
    at, paid = arms[:, run].numpy(), rewards[:, run].numpy()
    found = []
    for prior_sd, reward_sd in pairs(SETTINGS):
        cov = prior_sd**2 * kernel[np.ix_(at, at)] + reward_sd**2 * np.eye(len(at))
        found.append(
            float(multivariate_normal(np.full(len(at), 50.0), cov).logpdf(paid))
        )
    return found


def test_nine_pairs_are_weighed_and_the_first_is_the_one_that_was_set() -> None:
    found = pairs(SETTINGS)

    assert found[0] == (25.0, 10.0)
    assert {p for p, _ in found} == {12.5, 25.0, 50.0}
    assert {r for _, r in found} == {5.0, 10.0, 20.0}
    assert len(set(found)) == 9


@pytest.mark.parametrize("name", ["spread", "duplicate actions"])
@pytest.mark.parametrize("n_steps", [1, 40])
def test_the_evidence_is_the_density_of_all_rewards_and_the_highest_is_chosen(
    name: str, n_steps: int
) -> None:
    kernel, (arms, rewards) = some_kernel(name), history(n_steps)

    state = weighed(kernel, arms, rewards)

    for run in range(N_RUNS):
        expected = density(kernel, arms, rewards, run)
        np.testing.assert_allclose(log_evidence(state)[:, run], expected, atol=1e-8)
        assert int(state.chosen[run]) == int(np.argmax(expected))
    if n_steps == 40:
        assert len(set(state.chosen.tolist())) > 2


@pytest.mark.parametrize("name", ["spread", "duplicate actions"])
def test_each_run_believes_what_the_pair_it_chose_says(name: str) -> None:
    kernel, (arms, rewards) = some_kernel(name), history(40)
    normals = torch.from_numpy(np.random.default_rng(1).normal(size=(N_RUNS, 8)))
    pulled = torch.arange(N_RUNS)

    state = weighed(kernel, arms, rewards)

    mean, variance = hyperparameters.marginals(state)
    at = hyperparameters.marginal_at(state, pulled)
    cov, noise = hyperparameters.covariance(state)
    drawn = hyperparameters.sample(state, normals)
    for run in range(N_RUNS):
        prior_sd, reward_sd = pairs(SETTINGS)[int(state.chosen[run])]
        plain = beliefs.prior(
            torch.from_numpy(kernel),
            1,
            Settings(prior_sd=prior_sd, reward_sd=reward_sd),
        )
        for arm, reward in zip(arms[:, run], rewards[:, run], strict=True):
            plain = beliefs.condition(plain, arm[None], reward[None])
        expected, _ = beliefs.covariance(plain)
        for found, wanted in (
            (hyperparameters.predict(state)[run], plain.mean[0]),
            (mean[run], plain.mean[0]),
            (variance[run], expected[0].diagonal()),
            (at[0][run], plain.mean[0, run]),
            (at[1][run], expected[0, run, run]),
            (cov[run], expected[0]),
            (noise[run, 0], torch.tensor(reward_sd).double() ** 2),
            (drawn[run], beliefs.sample(plain, normals[run : run + 1])[0]),
        ):
            np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-8)


def test_before_any_reward_the_settings_hold() -> None:
    state = weigh(torch.from_numpy(some_kernel("spread")), 3, SETTINGS)

    mean, variance = hyperparameters.marginals(state)

    assert (mean == 50).all()
    np.testing.assert_allclose(variance, torch.full((3, 8), 625.0), atol=1e-9)


def test_the_choice_is_frozen_when_personalization_ends_and_learning_goes_on() -> None:
    kernel = some_kernel("spread")
    arms, rewards = history(60)

    at_end = weighed(kernel, arms[:40], rewards[:40])
    evidence, chosen = log_evidence(at_end).clone(), at_end.chosen.clone()
    mean = hyperparameters.predict(at_end)
    later = at_end
    for arm, reward in zip(arms[40:], 3 * rewards[40:], strict=True):
        later = condition(later, arm, reward)

    assert torch.equal(log_evidence(later), evidence)
    assert torch.equal(later.chosen, chosen)
    assert not torch.equal(hyperparameters.predict(later), mean)


@pytest.mark.parametrize(
    "agent", ["gp_thompson", "gp_ucb", "gp_safeopt", "gp_gated", "gp_greedy"]
)
def test_agents_that_choose_are_the_same_in_any_company_and_not_those_that_do_not(
    agent: str,
) -> None:
    kernel, n_runs = some_kernel("spread"), 30
    task = ValueTask(
        np.random.default_rng(3).uniform(45, 55, size=8),
        50.0,
        True,
        split_actions(8, range(n_runs), seed=2),
    )
    how: dict[str, Any] = {"seed": 2, "replicates": range(n_runs)}
    choosing = Settings(personalization_steps=25, hyperparameters="marginal_likelihood")
    fixed = Settings(personalization_steps=25)

    small, large = (
        trace(kernel, task, agent, choosing, chunk=chunk, **how) for chunk in (7, 30)
    )
    plain = trace(kernel, task, agent, fixed, **how)

    for phase, found in small.items():
        assert torch.equal(found.arms, large[phase].arms)
    same = [torch.equal(t.arms, plain[phase].arms) for phase, t in small.items()]
    assert not all(same)


@pytest.mark.parametrize("prior_sd", [5.0, 80.0])
def test_choosing_predicts_better_where_the_width_is_set_wrong(prior_sd: float) -> None:
    points = np.random.default_rng(8).normal(size=(14, 2))
    kernel = np.exp(-((points[:, None] - points[None]) ** 2).sum(-1) / 4)
    root = np.linalg.cholesky(kernel + 1e-9 * np.eye(14))
    values = 50 + 20 * root @ np.random.default_rng(5).normal(size=14)
    task = ValueTask(values, 50.0, True, split_actions(14, range(100), seed=1))

    error = {
        how: simulate(
            kernel,
            task,
            "gp_greedy",
            Settings(
                prior_sd=prior_sd,
                exploration=1.0,
                personalization_steps=30,
                hyperparameters=how,
            ),
            seed=1,
            replicates=range(100),
        )["generalization"]["value_rmse"]
        for how in get_args(Hyperparameters)
    }

    gain = error["fixed"] - error["marginal_likelihood"]
    assert gain.mean() > 4 * gain.std() / 100**0.5
