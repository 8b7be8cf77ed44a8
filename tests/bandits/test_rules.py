"""Rules act as often as their law says, and on nothing that is not admissible."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax
from torch import Tensor

from bandits import estimators
from bandits.noise import Phase, Purpose, uniforms
from bandits.rules import EPSILON, GREEDY, SOFTMAX, THOMPSON, UPPER_BOUND, View, choose
from bandits.settings import Settings
from bandits.simulate import trace
from bandits.task import ValueTask

N_DRAWS = 60_000


def view(expected: Tensor, allowed: Tensor, **changed: Any) -> View:
    ties = changed.pop("ties", torch.full((len(expected),), 0.5).double())
    chosen: dict[str, Any] = {
        "estimator": estimators.KERNEL_REGRESSION,
        "settings": Settings(),
        "state": None,
        "allowed": allowed,
        "expected": expected,
        "greedy": choose(expected, allowed, ties, tolerance=1e-9),
        "ties": ties,
        "tolerance": 1e-9,
        "learns": True,
        "threshold": 50.0,
    }
    return View(**(chosen | changed))


def keyed(purpose: Purpose) -> Tensor:
    return uniforms(
        7,
        torch.arange(N_DRAWS),
        torch.tensor([0]),
        phase=Phase.PERSONALIZATION,
        purpose=purpose,
    )[0, :, 0]


def assert_shares(arms: Tensor, expected: Any) -> None:
    """Each arm as often as expected, by z-scores: 5 lies beyond one in a million."""
    counts = np.bincount(arms, minlength=len(expected))
    for count, share in zip(counts, expected, strict=True):
        if share == 0:
            assert count == 0
        else:
            spread = (len(arms) * share * (1 - share)) ** 0.5
            assert abs(count - len(arms) * share) < 5 * spread


@pytest.mark.parametrize("temperature", [2.0, 5.0, 200.0])
def test_softmax_takes_admissible_arms_by_its_law(temperature: float) -> None:
    mean = torch.tensor([[60.0, 48.0, 52.0, 52.0, 90.0]]).double()
    allowed = torch.tensor([[True, True, True, True, False]])
    seen = view(
        mean.expand(N_DRAWS, -1),
        allowed.expand(N_DRAWS, -1),
        draw=keyed(Purpose.SOFTMAX),
        settings=Settings(softmax_temperature=temperature),
    )

    found = SOFTMAX.act(seen)

    assert_shares(found, np.append(softmax(mean[0, :4].numpy() / temperature), 0))


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=4, max_size=4),
    st.lists(st.booleans(), min_size=4, max_size=4).filter(any),
    st.floats(2**-53, 1 - 2**-53),
    st.sampled_from([1e-3, 5.0, 1e6]),
)
def test_softmax_takes_an_admissible_arm_whatever_is_expected(
    mean: list[float], allowed: list[bool], draw: float, temperature: float
) -> None:
    for dtype in (torch.float64, torch.float32):
        seen = view(
            torch.tensor([mean], dtype=dtype),
            torch.tensor([allowed]),
            draw=torch.tensor([draw]).double(),
            settings=Settings(softmax_temperature=temperature),
        )

        assert allowed[int(SOFTMAX.act(seen))]


def test_a_cold_softmax_is_greedy_and_one_of_great_heat_uniform() -> None:
    mean = torch.tensor([[40.0, 70.0, 60.0]]).double().expand(N_DRAWS, -1)
    allowed = torch.ones(N_DRAWS, 3, dtype=torch.bool)
    draw = keyed(Purpose.SOFTMAX)

    cold, hot = (
        SOFTMAX.act(
            view(mean, allowed, draw=draw, settings=Settings(softmax_temperature=t))
        )
        for t in (1e-3, 1e9)
    )

    assert (cold == 1).all()
    assert_shares(hot, [1 / 3] * 3)


def test_epsilon_greedy_takes_any_admissible_arm_in_its_share_of_steps() -> None:
    mean = torch.tensor([[40.0, 70.0, 60.0, 99.0]]).double().expand(N_DRAWS, -1)
    allowed = torch.tensor([[True, True, True, False]]).expand(N_DRAWS, -1)
    share = EPSILON.explores(Settings(epsilon=0.3, exploration=0.9))

    found = EPSILON.act(
        view(
            mean,
            allowed,
            ties=keyed(Purpose.TIE_BREAK),
            explore=keyed(Purpose.EXPLORATION) < share,
        )
    )

    assert share == 0.3
    assert_shares(found, [0.1, 0.8, 0.1, 0.0])


def test_exploration_is_for_greedy_agents_and_epsilon_for_the_others() -> None:
    curious = Settings(epsilon=0.2, exploration=0.7)

    assert GREEDY.explores(curious) == 0.7
    assert EPSILON.explores(curious) == 0.2
    assert [rule.explores(curious) for rule in (SOFTMAX, THOMPSON, UPPER_BOUND)] == [
        0,
        0,
        0,
    ]


@pytest.mark.parametrize("beta", [0.0, 1.0, 9.0])
def test_an_upper_bound_weighs_what_is_expected_and_how_unsure_that_is(
    beta: float,
) -> None:
    # With sqrt(beta) of 0, 1 and 3 the bounds' order is another one each time.
    mean, sd = torch.tensor([[60.0, 58, 50]]), torch.tensor([[1.0, 4, 8]])
    belief = estimators.beliefs.Independent(mean, sd.square(), 100.0)
    seen = view(
        mean,
        torch.ones(1, 3, dtype=torch.bool),
        estimator=estimators.INDEPENDENT,
        state=belief,
        settings=Settings(ucb_beta=beta),
    )

    expected = {0.0: 0, 1.0: 1, 9.0: 2}[beta]
    assert UPPER_BOUND.act(seen).tolist() == [expected]


def test_tied_upper_bounds_are_told_apart_by_the_draw() -> None:
    n_runs = 3000
    task = ValueTask(
        np.full(6, 40.0),
        50.0,
        True,
        np.tile([True, True, True, False, True, False], (n_runs, 1)),
    )

    found = trace(
        None,
        task,
        "ucb_independent",
        Settings(personalization_steps=1, generalization_steps=1),
        seed=1,
        replicates=range(n_runs),
    )

    assert_shares(found["personalization"].arms[0], [0.25, 0.25, 0.25, 0, 0.25, 0])


def test_with_independent_arms_the_agents_try_every_action_first() -> None:
    # An untried arm's bound is 100, above what eight rewards of 50 allow.
    task = ValueTask(
        np.full(8, 50.0), 50.0, True, np.tile([True] * 7 + [False], (5, 1))
    )

    found = trace(
        None,
        task,
        "ucb_independent",
        Settings(personalization_steps=7, reward_sd=1e-3),
        seed=1,
        replicates=range(5),
    )

    tried = found["personalization"].arms.sort(0).values.T
    assert (tried == torch.arange(7)).all()
