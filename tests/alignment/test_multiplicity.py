"""`alignment.multiplicity`: p-values adjusted for how many tests there are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from alignment.errors import AlignmentError
from alignment.multiplicity import benjamini_hochberg, holm, max_t
from tests.witnesses import multiplicity as slow

many_p = st.lists(st.floats(0, 1).map(lambda p: round(p, 3)), min_size=1, max_size=8)
seeds = st.integers(0, 2**32 - 1)


@given(many_p)
def test_holm_is_the_papers_formula(p: list[float]) -> None:
    np.testing.assert_allclose(holm(p), slow.holm(p), atol=1e-12)


@given(many_p)
def test_benjamini_and_hochberg_is_scipys(p: list[float]) -> None:
    np.testing.assert_allclose(
        benjamini_hochberg(p), stats.false_discovery_control(p), atol=1e-12
    )


@settings(max_examples=40)
@given(seeds, st.integers(1, 6))
def test_max_t_goes_down_one_hypothesis_after_the_other(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    t, null = rng.integers(0, 6, n).astype(float), rng.integers(0, 6, (15, n)) * 1.0

    np.testing.assert_allclose(max_t(t, null), slow.max_t(t.tolist(), null))


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
def test_a_test_that_was_not_made_belongs_to_no_family(adjust) -> None:
    with_gap, without = adjust([0.01, np.nan, 0.04]), adjust([0.01, 0.04])

    np.testing.assert_allclose(with_gap, [without[0], np.nan, without[1]])
    assert np.isnan(adjust([np.nan, np.nan])).all()


def test_max_t_leaves_out_a_statistic_there_is_none_of() -> None:
    null = np.array([[1.0, 99.0], [3.0, 99.0], [0.0, 99.0]])

    assert max_t([2.0, np.nan], null)[0] == 2 / 4
    assert np.isnan(max_t([2.0, np.nan], null)[1])


def test_max_t_of_twins_costs_nothing_where_holm_doubles() -> None:
    null = np.random.default_rng(0).normal(size=(99, 1)) @ np.ones((1, 2))

    alone, twins = max_t([1.0], null[:, :1]), max_t([1.0, 1.0], null)

    assert twins.tolist() == [alone[0], alone[0]]
    assert holm([alone[0]] * 2)[0] == pytest.approx(min(1, 2 * alone[0]))


def test_all_orders_need_no_added_one_and_undefined_draws_count_against() -> None:
    null = np.array([[2.0], [1.0], [0.0], [np.nan]])

    assert max_t([2.0], null, all_orders=True) == 2 / 4
    assert max_t([2.0], null) == 3 / 5


def test_one_of_many_true_nulls_is_seldom_claimed() -> None:
    rng = np.random.default_rng(8)
    false_claims = 0
    for _ in range(150):
        shared, own = rng.normal(size=(100, 1)), rng.normal(size=(100, 4))
        scores = np.abs(shared + own)
        false_claims += bool((max_t(scores[0], scores[1:]) <= 0.05).any())

    # 7.5 expected; more than 20 come once in 50,000.
    assert false_claims <= 20


@pytest.mark.parametrize("p", [[0.5, 1.2], [-0.1], [[0.1]]])
def test_what_is_no_p_is_refused(p: list[float]) -> None:
    with pytest.raises(AlignmentError, match="a list of numbers in 0 to 1, got"):
        holm(p)


def test_draws_of_other_tests_are_refused() -> None:
    with pytest.raises(AlignmentError, match="one column of draws for each"):
        max_t([1.0, 2.0], np.zeros((5, 3)))
