"""Centring: exact zeros, no overflow, and what counts as a dimension."""

import numpy as np
import pytest

from alignment.measures.centring import basis, centred, unit_size, varies


def features(n: int = 9, p: int = 3) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(n, p))


def test_columns_are_less_their_means() -> None:
    x = features() + 5

    np.testing.assert_allclose(centred(x), x - x.mean(axis=0), atol=1e-14)


@pytest.mark.parametrize("value", [0.1, 1 / 3, -1e9, 1e-300])
def test_a_constant_column_is_exactly_zero(value: float) -> None:
    x = np.hstack([features(), np.full((9, 1), value)])

    assert (centred(x)[:, -1] == 0).all()
    assert not varies(x[:, -1:])
    assert varies(x)
    assert basis(x).shape == (9, 3)


@pytest.mark.parametrize("factor", [1e-300, 1.0, 1e300])
def test_size_is_one_whatever_the_unit(factor: float) -> None:
    x = features()

    np.testing.assert_allclose(unit_size(factor * x), unit_size(x), atol=1e-14)
    assert np.linalg.norm(unit_size(factor * x)) == pytest.approx(1)
    assert (unit_size(np.full((9, 2), factor)) == 0).all()


def test_a_basis_spans_the_columns_and_nothing_twice() -> None:
    x = features()
    redundant = np.hstack([x, x[:, :2] @ [[2.0], [3.0]], x[:, :1] + 7])

    q = basis(redundant)

    np.testing.assert_allclose(q.T @ q, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(q @ q.T @ centred(x), centred(x), atol=1e-12)


def test_a_unit_of_small_variance_is_a_dimension_like_any_other() -> None:
    assert basis(features() * [1e-80, 1.0, 1e80]).shape == (9, 3)
    assert basis(features() + np.array([0.0, 0.0, 1e11])).shape == (9, 3)


def test_there_are_no_more_dimensions_than_actions_less_one() -> None:
    assert basis(features(5, 20)).shape == (5, 4)
