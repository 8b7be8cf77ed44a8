import numpy as np
import pytest

from bandits.paper.fixed_design import (
    Design,
    expected_over_values,
    expected_squared_error,
    predictions,
    shift_and_bound,
    unsafe_greedy_choice,
)
from tests.bandits.paper.conftest import N_ACTIONS, alike, places
from tests.witnesses import fixed_design as witness

SEEN = np.arange(N_ACTIONS) < 7


def design(counts: list[float] | None = None, sd: float = 10.0) -> Design:
    values = 50 + 40 * np.tanh(places()[:, 0])
    many = np.zeros(N_ACTIONS)
    many[:7] = counts or [1.0] * 7
    return Design(alike(places()), values, many, SEEN, 50.0, 25.0, sd)


@pytest.mark.parametrize("counts", [None, [3.0, 1.0, 1.0, 0.0, 2.0, 1.0, 0.0]])
def test_the_expected_error_is_the_mean_of_simulated_ones(
    counts: list[float] | None,
) -> None:
    one = design(counts)
    pulled = [at for at in range(7) for _ in range(int(one.counts[at]))]
    errors = witness.squared_errors(
        one.kernel,
        one.values,
        pulled,
        list(range(7, N_ACTIONS)),
        prior_mean=50,
        prior_sd=25,
        reward_sd=10,
        histories=250,
        seed=1,
    )
    error = errors.std(ddof=1) / np.sqrt(len(errors))
    z = (errors.mean() - expected_squared_error(one)) / error
    assert abs(z) < 4.5


def test_predictions_have_the_expected_error() -> None:
    one = design()
    made = predictions(one, np.random.default_rng(2), 4000)
    errors = ((made - one.values[~SEEN]) ** 2).mean(1)
    z = (errors.mean() - expected_squared_error(one)) / (errors.std() / np.sqrt(4000))
    assert abs(z) < 4.5


def test_over_values_from_the_agents_own_prior_it_is_the_posterior_variance() -> None:
    """With the right kernel no linear predictor is better than its own variance says."""
    one = design()
    inner = 625 * one.kernel[np.ix_(SEEN, SEEN)] + 100 * np.eye(7)
    across = 625 * one.kernel[np.ix_(~SEEN, SEEN)]
    posterior = 625 - np.einsum("ij,ji->i", across, np.linalg.solve(inner, across.T))
    assert expected_over_values(one, one.kernel) == pytest.approx(posterior.mean())


def test_a_wrong_kernel_is_expected_to_err_more_over_values_of_the_right_one() -> None:
    one = design()
    order = np.random.default_rng(3).permutation(N_ACTIONS)
    wrong = one._replace(kernel=one.kernel[np.ix_(order, order)])
    assert expected_over_values(wrong, one.kernel) > expected_over_values(
        one, one.kernel
    )


def test_without_likeness_unseen_actions_are_predicted_by_the_prior() -> None:
    one = design()._replace(kernel=np.eye(N_ACTIONS))
    expected = ((one.values[~SEEN] - 50) ** 2).mean()
    assert expected_squared_error(one) == pytest.approx(expected)


def test_the_chance_of_an_unsafe_choice_is_0_or_1_where_nothing_is_left_to_choose() -> (
    None
):
    one, rng = design(), np.random.default_rng(0)
    assert unsafe_greedy_choice(one, 0.0, rng) == 0
    assert unsafe_greedy_choice(one, 101.0, rng) == 1


@pytest.mark.parametrize("seed", range(20))
def test_the_posteriors_shift_stays_within_its_bound(seed: int) -> None:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(N_ACTIONS, 3))
    kernel = features @ features.T
    scale = np.sqrt(np.diag(kernel))
    one = design()._replace(kernel=kernel / scale[:, None] / scale)
    rewards = one.values + 10 * rng.normal(size=N_ACTIONS)
    shift, bound = shift_and_bound(one, alike(places()), rewards)
    assert 0 < shift <= bound


def test_the_same_kernel_does_not_shift() -> None:
    one = design()
    assert shift_and_bound(one, one.kernel, one.values) == (0.0, 0.0)
