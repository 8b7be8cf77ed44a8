"""Tails, shares and medians over runs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bandits.effects import censored_median
from bandits.tails import median_interval, tail_mean, wilson

STEPS = st.lists(st.integers(1, 30), min_size=1, max_size=60)


@given(
    st.lists(st.floats(-100, 100), min_size=1, max_size=60),
    st.sampled_from([0.05, 0.1, 0.25, 1.0]),
)
def test_a_tail_is_the_mean_of_the_lowest_twentieths_of_the_runs(
    values: list[float], share: float
) -> None:
    parts = sorted(value for value in values for _ in range(20))
    kept = parts[: round(share * len(parts))]

    mean, _ = tail_mean(np.array(values), share)

    assert mean == pytest.approx(math.fsum(kept) / len(kept), abs=1e-9)


def test_the_error_of_a_tail_is_that_of_tails_drawn_again_and_again() -> None:
    draws = np.random.default_rng(0).normal(size=(2000, 400))
    tails = np.array([tail_mean(row, 0.1) for row in draws])

    # The tail of a standard normal is -density / share; the error falls with n.
    assert tails[:, 0].mean() == pytest.approx(
        -stats.norm.pdf(stats.norm.ppf(0.1)) / 0.1, abs=0.02
    )
    assert tails[:, 1].mean() == pytest.approx(tails[:, 0].std(), rel=0.08)


def test_a_tail_of_less_than_a_run_is_the_worst_run_without_an_error() -> None:
    mean, error = tail_mean(np.array([3.0, 1.0, math.nan, 2.0]), 0.1)

    assert mean == 1
    assert math.isnan(error)


def test_nothing_is_known_of_the_tail_of_no_runs() -> None:
    assert all(math.isnan(x) for x in tail_mean(np.array([math.nan]), 0.1))


@given(st.integers(0, 40), st.integers(1, 40))
def test_wilsons_interval_is_scipys(ones: int, n: int) -> None:
    ones = min(ones, n)
    values = np.array([1.0] * ones + [0.0] * (n - ones))

    found = wilson(values)

    scipys = stats.binomtest(ones, n).proportion_ci(method="wilson")
    assert found == pytest.approx((scipys.low, scipys.high), abs=1e-12)


def test_a_share_of_none_has_an_upper_end_all_the_same() -> None:
    low, high = wilson(np.zeros(20))

    assert low == 0
    assert 0.1 < high < 0.2
    assert all(math.isnan(end) for end in wilson(np.array([math.nan])))


@given(STEPS, st.integers(1, 30))
def test_the_median_of_cut_off_runs_is_kaplan_and_meiers(
    steps: list[int], last: int
) -> None:
    """The curve falls to one half within the steps between its two answers."""
    values = np.minimum(steps, last + 1).astype(float)
    observed = values <= last
    curve = stats.ecdf(
        stats.CensoredData(
            uncensored=values[observed],
            right=np.full(int((~observed).sum()), float(last)),
        )
    ).sf

    median = censored_median(values, observed.astype(float))

    if math.isnan(median):
        # No half of the runs had arrived when all were cut off, or just half.
        assert curve.evaluate(last) >= 0.5 - 1e-12
    else:
        assert curve.evaluate(median) <= 0.5 + 1e-12
        assert curve.evaluate(median - 1) >= 0.5 - 1e-12


@pytest.mark.parametrize("n", [6, 7, 20, 33])
def test_the_interval_of_a_median_holds_it_in_95_of_100_samples(n: int) -> None:
    draws = np.random.default_rng(n).random((3000, n))
    everyone = np.ones(n, dtype=bool)

    ends = np.array([median_interval(row, everyone) for row in draws])

    held = ((ends[:, 0] <= 0.5) & (ends[:, 1] >= 0.5)).mean()
    assert held > 0.95 - 4 * math.sqrt(0.05 * 0.95 / 3000)


def test_a_median_whose_upper_end_was_cut_off_has_none() -> None:
    values = np.array([1.0] * 6 + [2.0] * 5 + [9.0] * 9)

    low, high = median_interval(values, values < 9)

    assert low == 1
    assert math.isnan(high)


def test_five_runs_are_too_few_for_an_interval_of_the_median() -> None:
    found = median_interval(np.arange(5.0), np.ones(5, dtype=bool))

    assert all(math.isnan(end) for end in found)
