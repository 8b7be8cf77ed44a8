"""The rules' little statistics, against slow and obvious twins."""

from __future__ import annotations

from math import exp, log

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import multivariate_normal, norm, rankdata

from collection.attention.statistics import (
    correlation,
    from_a_change_on,
    likeliest_start,
    log_mean_exp,
    normal_scores,
    pair_evidence,
    quantile,
    share_evidence,
)

numbers = st.lists(st.integers(-50, 50).map(float), min_size=2, max_size=30)
scores = st.lists(st.floats(-30, 30), min_size=4, max_size=30)


@given(numbers)
def test_normal_scores_are_quantiles_of_mean_ranks(values: list[float]) -> None:
    assume(len(set(values)) > 1)
    raw = norm.ppf((rankdata(values) - 0.5) / len(values))

    found = normal_scores(values)

    np.testing.assert_allclose(found, raw / np.sqrt((raw**2).mean()), atol=1e-9)


@given(numbers)
def test_normal_scores_do_not_change_with_the_scale(values: list[float]) -> None:
    wider = [7 * value + 3 for value in values]

    assert normal_scores(wider) == normal_scores(values)


def test_where_nothing_varies_scores_are_zero() -> None:
    assert normal_scores([4.0, 4.0, 4.0]) == [0.0, 0.0, 0.0]
    assert normal_scores([]) == []


@given(numbers, st.randoms(use_true_random=False))
def test_correlation_is_pearsons(values: list[float], rng: object) -> None:
    other = [v * 0.5 + i for i, v in enumerate(values)]
    assume(len(values) > 2 and np.std(values) > 1e-9 and np.std(other) > 1e-9)

    assert correlation(values, other) == pytest.approx(
        np.corrcoef(values, other)[0, 1], abs=1e-9
    )


def test_no_correlation_of_two_points_or_of_a_constant() -> None:
    assert correlation([1, 2], [2, 1]) is None
    assert correlation([1, 1, 1], [1, 2, 3]) is None


@given(numbers, st.floats(0, 1))
def test_quantiles_are_numpys(values: list[float], share: float) -> None:
    assert quantile(values, share) == pytest.approx(np.quantile(values, share))


@given(scores)
def test_log_mean_exp_is_what_it_says(values: list[float]) -> None:
    assert log_mean_exp(values) == pytest.approx(
        log(sum(map(exp, values)) / len(values))
    )


def test_log_mean_exp_survives_what_exp_does_not() -> None:
    assert log_mean_exp([2000.0, 2000.0]) == pytest.approx(2000.0)
    assert log_mean_exp([-2000.0, -3000.0]) == pytest.approx(-2000.0 - log(2))


@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(-0.9, 0.9))
def test_pair_evidence_is_a_ratio_of_densities(x: float, y: float, r: float) -> None:
    both = multivariate_normal([0, 0], [[1, r], [r, 1]]).logpdf([x, y])

    assert pair_evidence(x, y, r) == pytest.approx(
        both - norm.logpdf(x) - norm.logpdf(y), abs=1e-9
    )


@given(st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_share_evidence_is_on_average_against_the_wrong_side(
    careless: float, attentive: float
) -> None:
    """Gibbs: under attentive people it is never positive in the mean."""
    mean = attentive * share_evidence(True, careless, attentive) + (
        1 - attentive
    ) * share_evidence(False, careless, attentive)

    assert mean <= 1e-12


@given(scores)
def test_evidence_from_a_change_on_is_the_mean_over_starts(items: list[float]) -> None:
    starts = range(1, len(items))
    sums = [sum(items[start:]) for start in starts]

    assert from_a_change_on(items, starts) == pytest.approx(log_mean_exp(sums))
    start = likeliest_start(items, starts)
    assert sum(items[start:]) == pytest.approx(max(sums))
