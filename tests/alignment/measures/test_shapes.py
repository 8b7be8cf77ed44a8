"""Shape distances: against formulas and scipy, at their ends, and between them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import procrustes as scipy_procrustes

from alignment.errors import MatrixError
from alignment.measures.cca import canonical_correlations
from alignment.measures.shapes import (
    permutation_angle,
    procrustes,
    procrustes_angle,
    size_and_shape,
    whitened_angle,
)
from tests.witnesses import features as twin

seeds = st.integers(0, 2**32 - 1)
widths = st.sampled_from([(1, 1), (2, 4), (4, 2), (3, 3)])
few = settings(max_examples=25, deadline=None)


def sides(
    seed: int, shape: tuple[int, int] = (4, 3), n: int = 14
) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, shape[0])) * rng.uniform(0.3, 3, shape[0])
    return x + 1, x @ rng.normal(size=shape) + rng.normal(size=(n, shape[1]))


@given(seeds, widths)
@few
def test_distances_are_those_of_norms(seed: int, shape: tuple[int, int]) -> None:
    x, y = sides(seed, shape)
    angle = twin.shape_angle(x, y)

    assert procrustes_angle(x, y) == pytest.approx(angle, abs=1e-6)
    assert procrustes(x, y) == pytest.approx(np.sqrt(2 - 2 * np.cos(angle)), abs=1e-6)
    assert size_and_shape(x, y) == pytest.approx(twin.size_and_shape(x, y), abs=1e-6)
    assert permutation_angle(x, y) == pytest.approx(
        twin.permutation_angle(x, y), abs=1e-6
    )


@given(seeds)
@few
def test_scipys_disparity_is_the_squared_sine(seed: int) -> None:
    x, y = sides(seed, (3, 3))

    assert np.sin(procrustes_angle(x, y)) ** 2 == pytest.approx(
        scipy_procrustes(x, y)[2], abs=1e-9
    )


@given(seeds, widths, st.sampled_from([0.0, 0.3, 0.5, 1.0]))
@few
def test_sides_are_whitened_as_the_paper_writes_it(
    seed: int, shape: tuple[int, int], alpha: float
) -> None:
    x, y = sides(seed, shape)

    assert whitened_angle(x, y, alpha) == pytest.approx(
        twin.shape_angle(x, y, alpha), abs=1e-6
    )


@given(seeds, widths)
@few
def test_the_family_ends_in_procrustes_and_in_cca(
    seed: int, shape: tuple[int, int]
) -> None:
    x, y = sides(seed, shape)
    rho = canonical_correlations(x, y)

    assert whitened_angle(x, y, 1) == pytest.approx(procrustes_angle(x, y), abs=1e-9)
    assert np.cos(whitened_angle(x, y, 0)) == pytest.approx(
        rho.sum() / np.sqrt(shape[0] * shape[1])
    )


def test_equal_shapes_are_apart_by_rounding_and_not_by_its_root() -> None:
    x, _ = sides(0)
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(4, 4)))[0]

    for distance in (procrustes_angle, procrustes, size_and_shape):
        assert distance(x, x @ rotation) < 1e-13
    assert permutation_angle(x, x[:, [2, 0, 3, 1]]) < 1e-13


def test_small_angles_keep_their_digits() -> None:
    x, _ = sides(0)
    near = x + 1e-9 * np.random.default_rng(1).normal(size=x.shape)

    assert procrustes(x, near) > 1e-10
    assert procrustes_angle(x, near) == pytest.approx(procrustes(x, near), rel=1e-9)
    assert procrustes_angle(near, x) == pytest.approx(
        procrustes_angle(x, near), rel=1e-4
    )


def test_unrelated_directions_are_at_a_right_angle() -> None:
    x = np.array([[1.0, 1, -1, -1]]).T
    y = np.array([[1.0, -1, 1, -1]]).T

    assert procrustes_angle(x, y) == pytest.approx(np.pi / 2)
    assert procrustes_angle(x, y) <= np.pi / 2
    assert procrustes(x, y) <= np.sqrt(2)
    assert size_and_shape(3 * x, 4 * y) == pytest.approx(2 * 5)


def test_reflections_are_allowed_and_opposite_units_are_not() -> None:
    x, _ = sides(0, (1, 1))

    assert procrustes_angle(x, -x) == pytest.approx(0, abs=1e-7)
    assert permutation_angle(x, -x) == pytest.approx(np.pi)


@given(seeds)
@few
def test_more_units_than_actions_are_as_good_as_the_space_they_span(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(6, 30)), rng.normal(size=(6, 20))

    assert procrustes_angle(x, y) == pytest.approx(twin.shape_angle(x, y), abs=1e-6)
    assert size_and_shape(x, y) == pytest.approx(twin.size_and_shape(x, y), abs=1e-6)


@given(seeds)
@few
def test_a_pairing_is_never_better_than_a_rotation(seed: int) -> None:
    x, y = sides(seed)

    assert permutation_angle(x, y) >= procrustes_angle(x, y) - 1e-9


def test_redundant_units_are_not_blown_up_by_whitening() -> None:
    x, y = sides(0)
    redundant = np.hstack([x, x[:, :1] - 2 * x[:, 1:2]])
    tiny = 1e-7 * x  # below the floor that others put under the variances

    assert whitened_angle(redundant, y, 0) == pytest.approx(
        whitened_angle(x, y, 0), abs=1e-9
    )
    for alpha in (0.0, 0.5):
        assert whitened_angle(np.hstack([x, 0 * x]), y, alpha) == pytest.approx(
            whitened_angle(x, y, alpha), abs=1e-9
        )
    assert whitened_angle(tiny, y, 0) == pytest.approx(
        whitened_angle(x, y, 0), abs=1e-9
    )


def test_in_between_the_size_of_the_features_counts() -> None:
    x, y = sides(0)

    small, large = whitened_angle(x / 1e6, y / 1e6, 0.5), whitened_angle(x, y, 0.5)
    huge = whitened_angle(1e6 * x, 1e6 * y, 0.5)

    assert small == pytest.approx(whitened_angle(x, y, 0), abs=1e-4)
    assert huge == pytest.approx(procrustes_angle(x, y), abs=1e-4)
    assert abs(large - huge) > 1e-3


@pytest.mark.parametrize("alpha", [-0.1, 1.1, float("nan")])
def test_an_alpha_out_of_range_is_refused(alpha: float) -> None:
    with pytest.raises(MatrixError, match="alpha must lie in 0 to 1, got"):
        whitened_angle(*sides(0), alpha)


def test_whitening_fully_is_refused_with_as_many_dimensions_as_actions() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 9, 20))

    with pytest.raises(MatrixError, match="linear_angle: needs more actions than both"):
        whitened_angle(x, y, 0)
    assert 0 < whitened_angle(x, y, 0.5) < np.pi / 2
