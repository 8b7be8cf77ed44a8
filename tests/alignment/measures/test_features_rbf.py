"""RBF CKA: against loops, its bandwidth, and where there is none."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignment.errors import MatrixError
from alignment.measures.features_cka import linear_cka, linear_cka_debiased
from alignment.measures.features_rbf import bandwidth, rbf_cka, rbf_cka_debiased
from alignment.measures.table import FEATURE_MEASURES
from tests.witnesses import features as twin

seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=15, deadline=None)


def sides(seed: int, n: int = 9) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    return x, np.hstack([x**2, rng.normal(size=(n, 2))])


@given(seeds, st.sampled_from([0.2, 0.5, 2.0]))
@few
def test_it_is_the_ratio_of_hsics_of_rbf_kernels(seed: int, fraction: float) -> None:
    x, y = sides(seed)
    k, l_ = twin.rbf_kernel(x, fraction), twin.rbf_kernel(y, fraction)

    assert rbf_cka(x, y, fraction) == pytest.approx(
        twin.cka(k, l_, twin.hsic), abs=1e-9
    )
    assert rbf_cka_debiased(x, y, fraction) == pytest.approx(
        twin.cka(k, l_, twin.hsic_debiased), abs=1e-7
    )


@given(seeds)
@few
def test_a_wide_kernel_is_the_linear_one(seed: int) -> None:
    x, y = sides(seed)

    assert rbf_cka(x, y, 1000) == pytest.approx(linear_cka(x, y), abs=1e-4)
    assert rbf_cka_debiased(x, y, 1000) == pytest.approx(
        linear_cka_debiased(x, y), abs=1e-4
    )


def test_a_narrow_kernel_finds_each_action_like_itself_alone() -> None:
    x, y = sides(0)

    assert rbf_cka(x, y, 0.001) == pytest.approx(1)
    assert np.isnan(rbf_cka_debiased(x, y, 0.001))


def test_the_bandwidth_is_a_fraction_of_the_median_distance_of_two_actions() -> None:
    on_a_line = np.array([[0.0], [1.0], [3.0]])  # 1, 2 and 3 apart

    assert bandwidth(on_a_line, 1.0) == pytest.approx(2)
    assert bandwidth(1000 * on_a_line + 7, 0.25) == pytest.approx(500)
    for name in ("cka_rbf", "cka_rbf_debiased"):
        assert "bandwidth 0.5 x median" in FEATURE_MEASURES[name].label


def test_actions_equally_far_apart_leave_nothing_once_debiased() -> None:
    assert np.isnan(rbf_cka_debiased(np.eye(9), sides(0)[1]))
    assert rbf_cka(np.eye(9), np.eye(9)) == pytest.approx(1)


@pytest.mark.parametrize("measure", [rbf_cka, rbf_cka_debiased])
def test_without_a_median_distance_it_is_refused(measure) -> None:  # type: ignore[no-untyped-def]
    x, y = sides(0)
    mostly_one = np.tile(x[:1], (9, 1)) + 1e5
    mostly_one[0] += 1.0

    with pytest.raises(MatrixError, match=r"equal features, so that .*use linear CKA"):
        measure(mostly_one, y)


def test_actions_that_rounding_alone_tells_apart_are_equal() -> None:
    """As where a model embeds one text in two batches."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(12, 300)) + 1
    rounding = np.finfo(float).eps * rng.integers(-1, 2, (10, 300))
    x[:10] = x[0] * (1 + rounding)

    with pytest.raises(MatrixError, match="compare different actions only"):
        bandwidth(x)


@pytest.mark.parametrize("fraction", [0.0, -1.0, 1e-4, 1e4, float("nan")])
def test_a_fraction_out_of_range_is_refused(fraction: float) -> None:
    x, y = sides(0)

    with pytest.raises(MatrixError, match=r"must lie in 0.001 to 1000, got"):
        rbf_cka(x, y, fraction)
