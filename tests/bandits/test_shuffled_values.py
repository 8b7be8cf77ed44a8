import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import linregress, pearsonr, spearmanr

from bandits.effects import CONSTANT, TOO_FEW
from bandits.errors import BanditError
from bandits.shuffled_values import (
    Statistic,
    shuffle_values,
    shuffled_value_test,
)

BY_SCIPY = {
    "spearman": lambda x, y: spearmanr(x, y).statistic,
    "pearson": lambda x, y: pearsonr(x, y).statistic,
    "slope": lambda x, y: linregress(x, y).slope,
}


def drawn(
    n: int = 9, n_shuffles: int = 39, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Kernels of one common fit to the values that a deal draws for all of them."""
    rng = np.random.default_rng(seed)
    x = rng.random(n)
    fits = rng.normal(size=(n_shuffles + 1, 1)) * x
    outcomes = fits + 0.2 * rng.normal(size=(n_shuffles + 1, n))
    return x, outcomes[0], outcomes[1:]


@pytest.mark.parametrize("statistic", ["spearman", "pearson", "slope"])
def test_the_p_counts_scipys_statistics_of_the_shuffles(statistic: Statistic) -> None:
    x, y, table = drawn()
    value = BY_SCIPY[statistic](x, y)
    null = [BY_SCIPY[statistic](x, row) for row in table]
    centre = (sum(null) + value) / 40

    found = shuffled_value_test(x, y, table, statistic=statistic)

    assert found.value == pytest.approx(value)
    assert found.null_mean == pytest.approx(np.mean(null))
    far = sum(abs(each - centre) >= abs(value - centre) - 1e-9 for each in null)
    assert found.p == pytest.approx((1 + far) / 40)
    above = sum(each >= value - 1e-9 for each in null)
    assert found.p_greater == pytest.approx((1 + above) / 40)
    assert found.smallest_p == pytest.approx(1 / 40)
    assert (found.null_low, found.null_high) == pytest.approx(
        tuple(np.percentile(null, [2.5, 97.5]))
    )


def test_it_keeps_its_level_where_kernels_share_what_they_fit() -> None:
    """600 null worlds; permuting models would reject most of them."""
    ps = np.array(
        [shuffled_value_test(*drawn(9, 19, seed), statistic="slope").p
         for seed in range(600)]
    )  # fmt: skip
    for level in (0.05, 0.25, 0.5):
        room = 4.5 * math.sqrt(level * (1 - level) / 600)
        assert abs(float(np.mean(ps <= level + 1e-9)) - level) < room


def test_a_real_effect_reaches_the_smallest_p() -> None:
    x, _, table = drawn(n_shuffles=199)

    found = shuffled_value_test(x, 50 * x, table, statistic="slope")

    assert found.p == found.p_greater == found.smallest_p == 1 / 200
    assert found.value > found.null_high


def test_a_null_that_is_off_centre_is_not_held_against_zero() -> None:
    """Kernels that always do better, whatever the values: no sign of alignment."""
    x, y, table = drawn(n_shuffles=199)

    found = shuffled_value_test(x, y + 9 * x, table + 9 * x, statistic="slope")
    plain = shuffled_value_test(x, y, table, statistic="slope")

    assert found.null_low > 5
    assert found.p == plain.p


@pytest.mark.parametrize("n", [2, 3, 7])
def test_below_eight_kernels_only_the_p_is_given(n: int) -> None:
    found = shuffled_value_test(*drawn(n), statistic="slope")

    assert found.note == TOO_FEW
    assert math.isnan(found.value)
    assert math.isnan(found.null_low)
    assert found.smallest_p <= found.p <= 1
    assert shuffled_value_test(*drawn(8), statistic="slope").note == ""


@pytest.mark.parametrize("n", [0, 1])
def test_one_kernel_has_no_slope(n: int) -> None:
    found = shuffled_value_test(*drawn(n))

    assert found.note == TOO_FEW
    assert math.isnan(found.p)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 500), st.integers(2, 12), st.sampled_from([*BY_SCIPY]))
def test_ties_and_any_numbers_give_a_p_in_its_range(
    seed: int, n: int, statistic: Statistic
) -> None:
    rng = np.random.default_rng(seed)
    x, y, table = (rng.integers(0, 3, shape).astype(float) for shape in (n, n, (25, n)))
    found = shuffled_value_test(x, y, table, statistic=statistic)

    if math.isnan(found.p):
        assert np.ptp(x) == 0 or np.ptp(y) == 0
    else:
        assert 1 / 26 <= found.p <= 1
        assert 1 / 26 <= found.p_greater <= 1


def test_a_shuffle_without_a_correlation_counts_against_the_claim() -> None:
    x, _, table = drawn()
    table[:4] = 0.1

    found = shuffled_value_test(x, x, table, statistic="pearson")

    assert found.n_undefined == 4
    assert found.p_greater == pytest.approx(5 / 40)
    sloped = shuffled_value_test(x, 50 * x, table, statistic="slope")
    assert sloped.n_undefined == 0
    assert sloped.p_greater == pytest.approx(1 / 40)


def test_a_constant_alignment_says_so() -> None:
    x, y, table = drawn()
    for statistic in BY_SCIPY:
        found = shuffled_value_test(
            np.full_like(x, 0.1),
            y,
            table,
            statistic=statistic,  # type: ignore[arg-type]
        )
        assert found.note == CONSTANT
        assert math.isnan(found.p)


def test_shuffles_deal_the_same_values_and_do_not_depend_on_how_many() -> None:
    values = np.array([1.0, 1, 2, 5, 9, 9])

    few, many = (shuffle_values(values, n, seed=3) for n in (2, 5))

    assert (many[:2] == few).all()
    assert (np.sort(many, axis=1) == values).all()
    assert not (shuffle_values(values, 5, seed=4) == many).all()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"outcome": np.ones(3)}, "one alignment and outcome per kernel"),
        ({"shuffled_outcomes": np.ones((30, 3))}, "a row of as many outcomes"),
        ({"shuffled_outcomes": np.ones((18, 4))}, "at least 19 shuffles"),
        ({"outcome": np.array([1, 2, np.nan, 3])}, "outcome must be finite; leave"),
        ({"statistic": "kendall"}, "spearman, pearson or slope, got kendall"),
    ],
)
def test_what_cannot_be_tested_is_refused(change: dict[str, object], said: str) -> None:
    arguments = {
        "alignment": np.arange(4.0), "outcome": np.arange(4.0),
        "shuffled_outcomes": np.ones((30, 4)),
    }  # fmt: skip
    with pytest.raises(BanditError, match=said):
        shuffled_value_test(**(arguments | change))  # type: ignore[arg-type]
    with pytest.raises(BanditError, match="at least one shuffle"):
        shuffle_values(np.ones(3), 0, seed=1)
