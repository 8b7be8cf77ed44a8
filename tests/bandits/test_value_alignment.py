"""Task alignment: how well a kernel fits the values, whoever it came from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel

from bandits.errors import BanditError
from bandits.value_alignment import kernel_target_alignment, value_alignment
from tests.witnesses import value_alignment as witness

PRIOR = {"prior_mean": 50.0, "prior_sd": 25.0, "reward_sd": 10.0}


def places(seed: int, n: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, 2))


def kernel_of(points: np.ndarray) -> np.ndarray:
    gaps = ((points[:, None] - points[None]) ** 2).sum(-1)
    return np.asarray(np.exp(-gaps / 2))


@given(st.integers(0, 2**32 - 1), st.integers(3, 12), st.booleans())
def test_both_numbers_are_those_of_their_definitions(
    seed: int, n: int, duplicated: bool
) -> None:
    points = places(seed, n)
    if duplicated:  # a singular kernel
        points[1] = points[0]
    kernel = kernel_of(points)
    values = np.random.default_rng(seed + 1).uniform(0, 100, size=n)

    found = value_alignment(kernel, values, **PRIOR)

    assert found.kta == pytest.approx(
        witness.kernel_target_alignment(kernel, values), abs=1e-10
    )
    assert found.lml == pytest.approx(
        witness.log_marginal_likelihood(kernel, values, 50, 25, 10), rel=1e-9
    )


def test_the_likelihood_is_that_of_scikit_learn() -> None:
    points = places(0, 15)
    values = np.random.default_rng(1).uniform(0, 100, size=15)
    model = GaussianProcessRegressor(
        ConstantKernel(625.0, "fixed") * RBF(1.0, "fixed"), alpha=100.0, optimizer=None
    ).fit(points, values - 50)

    found = value_alignment(kernel_of(points), values, **PRIOR)

    assert found.lml * 15 == pytest.approx(model.log_marginal_likelihood(), rel=1e-9)


def test_values_that_are_the_kernel_are_aligned_perfectly() -> None:
    values = np.array([10.0, 20.0, 40.0, 90.0])
    centred = values - values.mean()

    assert kernel_target_alignment(np.outer(centred, centred), values) == (
        pytest.approx(1.0)
    )


def test_a_level_of_all_similarities_and_a_scale_of_values_change_no_alignment() -> (
    None
):
    kernel, values = kernel_of(places(2, 9)), np.linspace(5, 95, 9) ** 1.2
    found = kernel_target_alignment(kernel, values)

    assert kernel_target_alignment(0.3 * kernel + 0.4, values) == pytest.approx(found)
    assert kernel_target_alignment(kernel, 2 * values - 7) == pytest.approx(found)


def test_a_kernel_that_groups_equal_values_fits_better_than_its_shuffle() -> None:
    values = np.linspace(0, 100, 12)
    kernel = kernel_of(values[:, None] / 25)
    order = np.random.default_rng(0).permutation(12)
    mixed = kernel[np.ix_(order, order)]

    good = value_alignment(kernel, values, **PRIOR)
    bad = value_alignment(mixed, values, **PRIOR)

    assert good.kta > bad.kta
    assert good.lml > bad.lml


def test_actions_without_a_value_are_left_out() -> None:
    kernel = kernel_of(places(3, 6))
    values = np.array([10.0, np.nan, 30.0, 70.0, np.nan, 90.0])
    kept = [0, 2, 3, 5]

    assert value_alignment(kernel, values, **PRIOR) == value_alignment(
        kernel[np.ix_(kept, kept)], values[kept], **PRIOR
    )


@pytest.mark.parametrize(
    ("kernel", "values"),
    [
        (np.eye(4), np.full(4, 33.3)),
        (np.ones((4, 4)), np.arange(4.0)),
        (np.eye(4), np.array([1.0, np.nan, np.nan, np.nan])),
        (np.eye(4), np.full(4, np.nan)),
    ],
)
def test_where_nothing_varies_there_is_no_alignment(
    kernel: np.ndarray, values: np.ndarray
) -> None:
    assert np.isnan(value_alignment(kernel, values, **PRIOR).kta)


def test_values_of_other_actions_are_refused() -> None:
    with pytest.raises(BanditError) as refusal:
        value_alignment(np.eye(3), np.arange(4.0), **PRIOR)

    assert str(refusal.value) == (
        "kernel-value alignment: needs 3 values for 3 actions, got shape (4,)"
    )
