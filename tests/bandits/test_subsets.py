import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import linregress

from bandits.errors import BanditError
from bandits.subsets import (
    NOT_A_CI,
    SubsetResults,
    action_subset,
    action_subsets,
    jackknife_factor,
    n_kept,
    over_subsets,
    summarize,
)


@settings(deadline=None, max_examples=50)
@given(st.integers(3, 60), st.integers(0, 99), st.integers(0, 99), st.floats(0.7, 0.95))
def test_a_subset_has_distinct_actions_and_leaves_one_out(
    n_actions: int, number: int, seed: int, share: float
) -> None:
    subset = action_subset(n_actions, number, seed=seed, share=share)

    assert len(set(subset)) == len(subset) == n_kept(n_actions, share) < n_actions
    assert list(subset) == sorted(subset)
    assert 0 <= subset[0] <= subset[-1] < n_actions


@pytest.mark.parametrize(
    ("n_actions", "share", "kept"),
    [
        (50, 0.8, 40),
        (35, 0.8, 28),
        (100, 0.29, 29),
        (3, 0.8, 2),
        (7, 0.8, 5),
        (8, 0.8, 6),
    ],
)
def test_the_share_is_rounded_down_but_not_by_floating_point(
    n_actions: int, share: float, kept: int
) -> None:
    assert n_kept(n_actions, share) == kept


def test_subsets_are_keyed_by_number_and_seed() -> None:
    first = list(action_subsets(20, seed=1, n_subsets=5))
    more = list(action_subsets(20, seed=1, n_subsets=9))

    for number, subset in enumerate(first):
        assert (more[number] == subset).all()
        assert (action_subset(20, number, seed=1) == subset).all()
    assert len({tuple(subset) for subset in more}) == 9
    assert {tuple(s) for s in more}.isdisjoint(
        {tuple(s) for s in action_subsets(20, seed=2, n_subsets=9)}
    )


def test_every_action_is_kept_as_often_as_its_share() -> None:
    counts = np.zeros(10)
    for subset in action_subsets(10, seed=3, n_subsets=4000):
        counts[subset] += 1
    # z of ten binomials at once, far beyond luck.
    assert np.abs(counts / 4000 - 0.8).max() < 5 * math.sqrt(0.16 / 4000)


def test_the_numbers_are_those_of_a_plain_loop() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 20))

    found = over_subsets(
        lambda at: linregress(x[at], y[at]).slope, 20, seed=5, n_subsets=30
    )

    assert found.whole == pytest.approx(linregress(x, y).slope)
    for number in (0, 7, 29):
        at = action_subset(20, number, seed=5)
        assert found.values[number] == pytest.approx(linregress(x[at], y[at]).slope)
    told = summarize(found)
    assert told.q025 <= told.q25 <= told.median <= told.q75 <= told.q975
    assert told.n_subsets == 30
    assert told.positive == np.mean(found.values > 0)


def test_over_all_subsets_the_standard_error_of_a_mean_is_the_textbooks() -> None:
    """Shao and Wu: with every subset tried, exactly s / sqrt(n), for any d."""
    values = np.array([3.0, -1, 4, 1, 5, 9, 2])
    for kept in range(2, 7):
        means = [np.mean(some) for some in itertools.combinations(values, kept)]
        told = summarize(SubsetResults(values.mean(), np.array(means), 7, kept, 0))

        assert told.standard_error == pytest.approx(values.std(ddof=1) / math.sqrt(7))


def test_the_range_over_subsets_is_half_of_a_confidence_interval() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=50)

    told = summarize(
        over_subsets(lambda at: values[at].mean(), 50, seed=1, n_subsets=2000)
    )

    assert told.factor == 4
    real = 2 * 1.96 * values.std(ddof=1) / math.sqrt(50)
    assert (told.q975 - told.q025) / real == pytest.approx(0.5, abs=0.05)
    assert told.standard_error == pytest.approx(real / 3.92, rel=0.08)
    assert "no confidence interval" in NOT_A_CI


def test_subsets_without_a_number_are_counted_and_in_no_quantile() -> None:
    given_to = []

    def defined_with_the_first(at: np.ndarray) -> float:
        given_to.append(at)
        return 2.0 if 0 in at else math.nan

    told = summarize(over_subsets(defined_with_the_first, 10, seed=1, n_subsets=50))

    assert told.n_undefined == sum(0 not in at for at in given_to[1:]) > 0
    assert (told.q025, told.median, told.q975, told.standard_error) == (2, 2, 2, 0)


def test_nothing_defined_gives_nan_and_one_subset_no_error() -> None:
    nothing = summarize(over_subsets(lambda at: math.nan, 5, seed=1, n_subsets=3))
    assert nothing.n_undefined == 3
    assert math.isnan(nothing.median)
    assert math.isnan(nothing.positive)

    one = summarize(over_subsets(lambda at: 1.0, 5, seed=1, n_subsets=1))
    assert one.median == 1
    assert math.isnan(one.standard_error)


def test_subsets_that_cannot_be_made_are_refused() -> None:
    for share in (0.0, 1.0, 1.5, math.nan):
        with pytest.raises(BanditError, match="share must lie between 0 and 1"):
            n_kept(50, share)
    with pytest.raises(BanditError, match="80% of 2 actions are 1; needs at least 2"):
        n_kept(2)
    with pytest.raises(BanditError, match="at least one subset"):
        over_subsets(lambda at: 0.0, 9, seed=1, n_subsets=0)
    with pytest.raises(BanditError, match="leave some out, got 5 kept"):
        jackknife_factor(5, 5)
