"""From a belief to an arm: the best one, and at ties any of the tied."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from bandits import estimators, rules, safe_sets
from bandits.errors import BanditError
from bandits.estimators import Start
from bandits.policies import AGENTS, Agent, agent_named
from bandits.rules import choose
from bandits.settings import Settings


def picked(
    scores: list[list[float]],
    allowed: list[list[bool]],
    draws: list[float],
    explore: list[bool] | None = None,
) -> list[int]:
    chosen = choose(
        torch.tensor(scores, dtype=torch.float64),
        torch.tensor(allowed),
        torch.tensor(draws, dtype=torch.float64),
        tolerance=1e-9,
        explore=None if explore is None else torch.tensor(explore),
    )
    return [int(arm) for arm in chosen]


def test_the_best_admissible_arm_is_taken() -> None:
    scores = [[1.0, 9.0, 5.0], [1.0, 9.0, 5.0]]
    allowed = [[True, True, True], [True, False, True]]

    assert picked(scores, allowed, [0.99, 0.01]) == [1, 2]


def test_the_draw_decides_among_tied_arms_and_no_others() -> None:
    scores = [[7.0, 3.0, 7.0, 7.0 - 1e-12, 8.0]] * 4
    allowed = [[True, True, True, True, False]] * 4

    assert picked(scores, allowed, [1e-12, 0.4, 0.7, 1 - 1e-12]) == [0, 2, 3, 3]


def test_a_run_that_explores_takes_any_admissible_arm() -> None:
    scores, allowed = [[1.0, 9.0, 5.0]] * 3, [[True, True, False]] * 3

    assert picked(scores, allowed, [0.1, 0.9, 0.1], [True, True, False]) == [0, 1, 1]


@given(
    st.integers(0, 10_000),
    st.floats(2**-53, 1 - 2**-53),
)
def test_the_chosen_arm_is_always_admissible_and_within_the_tolerance_of_the_best(
    seed: int, draw: float
) -> None:
    rng = np.random.default_rng(seed)
    scores = torch.from_numpy(rng.integers(0, 4, size=(5, 9)).astype(float))
    allowed = torch.from_numpy(rng.random((5, 9)) < 0.4)
    allowed[:, int(rng.integers(9))] = True

    arms = choose(scores, allowed, torch.full((5,), draw).double(), tolerance=1e-9)

    best = scores.masked_fill(~allowed, -torch.inf).amax(1)
    rows = torch.arange(5)
    assert allowed[rows, arms].all()
    assert torch.equal(scores[rows, arms], best)


@pytest.mark.parametrize("name", AGENTS)
def test_every_agent_starts_from_the_prior_and_can_act_and_learn(name: str) -> None:
    agent = agent_named(name)
    kernel = torch.eye(4, dtype=torch.float64) * 0.6 + 0.4
    at = Start(
        kernel=kernel if agent.uses_kernel else None,
        n_runs=3,
        n_arms=4,
        settings=Settings(prior_mean=47.0),
        dtype=torch.float64,
        device=torch.device("cpu"),
        truth=torch.full((4,), 47.0).double() if agent.estimator.sees_truth else None,
    )

    state = agent.estimator.start(at)
    before: Tensor = agent.estimator.predict(state).clone()
    state = agent.estimator.learn(
        state, torch.tensor([0, 1, 2]), torch.tensor([90.0, 90.0, 10.0]).double()
    )

    assert (before == 47.0).all()
    assert agent.estimator.predict(state).shape == (3, 4)


@pytest.mark.parametrize("name", [n for n, a in AGENTS.items() if a.uses_kernel])
def test_an_agent_that_uses_a_kernel_cannot_start_without(name: str) -> None:
    at = Start(None, 1, 4, Settings(), torch.float64, torch.device("cpu"))

    with pytest.raises(BanditError, match="kernel: this estimator needs one, got None"):
        AGENTS[name].estimator.start(at)


def test_an_unknown_agent_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(BanditError) as refusal:
        agent_named("gp_ucbb")

    assert str(refusal.value) == (
        f"agent: needs to be one of {', '.join(AGENTS)}; got 'gp_ucbb'"
    )


def test_a_rule_is_refused_an_estimator_that_cannot_tell_what_it_needs() -> None:
    for estimator, rule, sentence in (
        (
            estimators.KERNEL_REGRESSION,
            rules.THOMPSON,
            "agent odd: Thompson sampling needs joint samples, and Kernel regression "
            "has none; pair the rule with another estimator",
        ),
        (
            estimators.KERNEL_RIDGE,
            rules.UPPER_BOUND,
            "agent odd: Upper confidence bound needs variances, and Kernel ridge "
            "regression has none; pair the rule with another estimator",
        ),
        (
            estimators.SUPPORT_VECTORS,
            safe_sets.SAFE_OPT,
            "agent odd: SafeOpt needs variances and covariances, and Support vector "
            "regression has none; pair the rule with another estimator",
        ),
        (
            estimators.GAUSSIAN_PROCESS,
            rules.BEST,
            "agent odd: The best arm needs the true values, and Gaussian process has "
            "none; pair the rule with another estimator",
        ),
    ):
        with pytest.raises(BanditError) as refusal:
            Agent("odd", estimator, rule)
        assert str(refusal.value) == sentence


def test_the_oracles_alone_see_the_truth() -> None:
    seeing = [name for name, agent in AGENTS.items() if agent.estimator.sees_truth]

    assert seeing == ["oracle", "safe_oracle"]
