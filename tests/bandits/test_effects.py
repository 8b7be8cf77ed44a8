import itertools
import math
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from bandits.effects import (
    CONSTANT,
    TOO_FEW,
    associate,
    censored_median,
    cluster,
    crossed_standard_error,
    mean_where_defined,
    model_of,
    permutation_test,
    standard_error,
)

UP = np.array([0.1, 0.2, 0.3, 0.35, 0.5, 0.6, 0.7, 0.9])


def exact_p(x: np.ndarray, y: np.ndarray) -> float:
    """Two-sided, every order tried one after the other."""
    observed = abs(spearmanr(x, y).statistic)
    as_large = [
        abs(spearmanr(x, y[list(order)]).statistic) >= observed - 1e-12
        for order in itertools.permutations(range(len(y)))
    ]
    return float(np.mean(as_large))


def test_eight_models_in_perfect_order_reach_the_smallest_p() -> None:
    found = associate(UP, UP**2, seed=1)

    assert found.spearman == pytest.approx(1)
    assert found.n_models == 8
    assert found.exact
    assert found.p == pytest.approx(2 / math.factorial(8))
    assert found.smallest_p == found.p
    assert found.note == ""


def test_the_correlation_is_scipys_with_ties_too() -> None:
    outcome = np.array([1.0, 3, 3, 2, 5, 5, 5, 4])

    found = associate(UP, outcome, seed=1)

    assert found.spearman == pytest.approx(spearmanr(UP, outcome).statistic)
    assert found.low <= found.spearman <= found.high


@settings(deadline=None, max_examples=10)
@given(st.permutations(range(5)))
def test_the_exact_p_of_few_models_is_counted_over_all_orders(order: list[int]) -> None:
    x, y = np.arange(5.0), np.array(order, dtype=float)

    p, smallest, exact = permutation_test(x, y, np.random.default_rng(0), 99)

    assert exact
    assert p == pytest.approx(exact_p(x, y))
    assert smallest == pytest.approx(2 / math.factorial(5))


def test_above_eight_models_the_observed_order_counts_as_one() -> None:
    x = np.arange(12.0)

    found = associate(x, x, seed=1, n_permutations=199)

    assert not found.exact
    assert found.p == pytest.approx(1 / 200)
    assert found.smallest_p == pytest.approx(1 / 200)


@pytest.mark.parametrize("n_models", [0, 1, 2, 7])
def test_below_eight_models_nothing_is_claimed(n_models: int) -> None:
    found = associate(UP[:n_models], UP[:n_models], seed=1)

    assert found.note == TOO_FEW == "too few models to test"
    assert found.n_models == n_models
    for claim in (found.spearman, found.low, found.high):
        assert math.isnan(claim)
    expected = 1.0 if n_models < 2 else 2 / math.factorial(n_models)
    assert found.smallest_p == pytest.approx(expected)


@pytest.mark.parametrize("order", [[0, 2, 1], [3, 0, 2, 1], [4, 1, 0, 3, 2]])
def test_below_eight_models_the_exact_p_is_still_given(order: list[int]) -> None:
    x, y = np.arange(float(len(order))), np.array(order, dtype=float)

    found = associate(x, y, seed=1)

    assert found.exact
    assert found.p == pytest.approx(exact_p(x, y))
    assert math.isnan(associate(x[:1], y[:1], seed=1).p), (
        "one model: nothing to permute"
    )


def test_a_model_without_an_outcome_is_not_counted() -> None:
    outcome = np.append(UP[:-1], np.nan)

    found = associate(UP, outcome, seed=1)

    assert found.n_models == 7
    assert found.note == TOO_FEW


def test_equal_outcomes_say_why_there_is_no_correlation() -> None:
    found = associate(UP, np.ones(8), seed=1)

    assert found.note == CONSTANT
    assert math.isnan(found.p)


def test_variants_of_one_model_count_once_at_their_mean() -> None:
    raters = ["llama@layer1", "qwen", "llama@layer9"]

    names, x, y = cluster(raters, np.array([0.2, 0.5, 0.4]), np.array([1.0, 9, 3]))

    assert names == ["llama", "qwen"]
    np.testing.assert_allclose(x, [0.3, 0.5])
    np.testing.assert_allclose(y, [2, 9])
    assert model_of("qwen") == "qwen"


def test_the_standard_error_is_pandas_and_leaves_nan_out() -> None:
    values = np.array([1.0, 4, np.nan, 2, 8])

    assert standard_error(values) == pytest.approx(pd.Series(values).sem())
    assert math.isnan(standard_error(values[:1]))


def test_a_mean_of_nothing_is_nan_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = mean_where_defined(np.array([[np.nan, np.nan], [1, np.nan]]), axis=1)

    np.testing.assert_array_equal(found, [np.nan, 1])


def test_the_crossed_error_is_right_on_average() -> None:
    rng = np.random.default_rng(0)
    n_draws, n_runs, trials = 6, 9, 1500
    draws = 2 * rng.normal(size=(trials, n_draws, 1))
    runs = 3 * rng.normal(size=(trials, 1, n_runs))
    tables = draws + runs + rng.normal(size=(trials, n_draws, n_runs))

    found = np.mean([crossed_standard_error(table) ** 2 for table in tables])

    true = tables.mean(axis=(1, 2)).var()
    assert found == pytest.approx(true, rel=0.12)


def test_draws_of_one_mean_give_the_error_over_runs_at_least() -> None:
    runs = np.arange(7.0)

    assert crossed_standard_error(np.tile(runs, (4, 1))) == pytest.approx(
        standard_error(runs)
    )
    assert crossed_standard_error(runs[None]) == pytest.approx(standard_error(runs))


def test_a_median_of_cut_off_runs_is_known_only_if_most_arrived() -> None:
    steps = np.array([20.0, 25, 30, 61, 61])

    assert censored_median(steps, np.array([1, 1, 1, 0, 0])) == 30
    assert math.isnan(censored_median(steps, np.array([1, 1, 0, 0, 0])))
