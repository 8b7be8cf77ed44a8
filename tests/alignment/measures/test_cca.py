"""CCA, SVCCA and PWCCA: by the papers, and not as copied from library to library."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import subspace_angles

from alignment.errors import MatrixError
from alignment.measures.cca import (
    canonical_correlations,
    cca_mean,
    cca_mean_squared,
    principal_part,
    pwcca,
    svcca,
)
from tests.witnesses import features as twin

seeds = st.integers(0, 2**32 - 1)
widths = st.sampled_from([(1, 1), (2, 3), (4, 3), (3, 3)])
few = settings(max_examples=25, deadline=None)


def sides(
    seed: int, shape: tuple[int, int] = (4, 3), n: int = 20
) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, shape[0])) * rng.uniform(0.3, 3, shape[0])
    return x + 1, x @ rng.normal(size=shape) + rng.normal(size=(n, shape[1]))


@given(seeds, widths)
@few
def test_correlations_are_those_of_hotelling_and_of_scipy(
    seed: int, shape: tuple[int, int]
) -> None:
    x, y = sides(seed, shape)

    rho = canonical_correlations(x, y)

    np.testing.assert_allclose(rho, twin.canonical(x, y)[0], atol=1e-7)
    angles = subspace_angles(x - x.mean(axis=0), y - y.mean(axis=0))
    np.testing.assert_allclose(rho, np.cos(angles[::-1]), atol=1e-9)
    assert cca_mean(x, y) == pytest.approx(rho.mean())
    assert cca_mean_squared(x, y) == pytest.approx((rho**2).mean())


@given(seeds, widths)
@few
def test_pwcca_is_the_papers_formula_in_terms_of_x(
    seed: int, shape: tuple[int, int]
) -> None:
    x, y = sides(seed, shape)

    assert pwcca(x, y) == pytest.approx(twin.pwcca(x, y), abs=1e-7)
    assert pwcca(y, x) == pytest.approx(twin.pwcca(y, x), abs=1e-7)


def test_pwcca_weighs_by_size_where_a_constant_weight_would_not() -> None:
    """X repeats in Y one unit of two, and PWCCA follows how large that unit is."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(400, 2)), rng.normal(size=(400, 2))
    y[:, 0] = x[:, 0]

    mostly, hardly = pwcca(x * [100.0, 1.0], y), pwcca(x * [1.0, 100.0], y)

    assert mostly > 0.95
    assert hardly < 0.25
    assert cca_mean(x * [100.0, 1.0], y) == pytest.approx(cca_mean(x, y))


def test_pwcca_sees_no_common_level_of_the_units() -> None:
    """With a mean added back to the variates, as in code that is copied, it would."""
    x, y = sides(0)

    assert pwcca(x + 1000, y - 50) == pytest.approx(pwcca(x, y), abs=1e-9)


@given(seeds, st.sampled_from([0.5, 0.9, 0.99, 1.0]))
@few
def test_svcca_is_cca_of_the_components_that_hold_the_share(
    seed: int, share: float
) -> None:
    x, y = sides(seed)

    x_part, y_part = twin.principal(x, share), twin.principal(y, share)

    assert principal_part(x, share).shape == x_part.shape
    assert svcca(x, y, share) == pytest.approx(
        twin.canonical(x_part, y_part)[0].mean(), abs=1e-7
    )


@pytest.mark.parametrize("factor", [1e-3, 1.0, 1e3])
def test_svcca_keeps_its_components_whatever_the_unit(factor: float) -> None:
    """A threshold on variance, not on its share, keeps one component or all."""
    x, y = sides(0)

    assert principal_part(factor * x, 0.99).shape[1] > 1
    assert svcca(factor * x, y) == pytest.approx(svcca(x, y), abs=1e-9)


def test_equal_components_are_kept_just_up_to_the_share() -> None:
    ten = np.vstack([np.eye(10), -np.eye(10)])

    for kept in range(1, 11):
        assert principal_part(ten, kept / 10).shape[1] == kept
    assert principal_part(ten, 0.51).shape[1] == 6


def test_redundant_units_change_no_correlation() -> None:
    x, y = sides(0)
    redundant = np.hstack([x, x[:, :1] - 2 * x[:, 1:2], np.full((20, 1), 0.1)])

    np.testing.assert_allclose(
        canonical_correlations(redundant, y), canonical_correlations(x, y), atol=1e-9
    )


def test_squared_correlations_average_to_chance_over_all_orders() -> None:
    x, y = sides(0, (2, 1), n=6)

    scores = [cca_mean_squared(x, y[list(order)]) for order in permutations(range(6))]

    assert np.mean(scores) == pytest.approx(2 / 5)


@pytest.mark.parametrize("measure", [cca_mean, cca_mean_squared, svcca, pwcca])
def test_where_chance_alone_makes_sides_agree_it_is_refused(measure) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(9, 5)), rng.normal(size=(9, 5))

    with pytest.raises(
        MatrixError,
        match=f"{measure.__name__}: needs more actions .*got 9 actions and 5 and 5 dim"
        ".*of which 2 would agree perfectly whatever the data; use debiased CKA",
    ):
        measure(x, y)

    with pytest.raises(MatrixError, match="5 and 4 dimensions, of which 1 would"):
        measure(x, y[:, :4])
    # One unit less, and no correlation is certain.
    assert measure(x[:, :4], y[:, :4]) < 1


def test_as_many_correlations_are_one_as_the_refusal_says() -> None:
    rng = np.random.default_rng(0)
    q_x, q_y = (
        np.linalg.qr(side - side.mean(axis=0))[0] for side in rng.normal(size=(2, 9, 5))
    )

    rho = np.linalg.svd(q_x.T @ q_y, compute_uv=False)

    assert (rho > 1 - 1e-12).sum() == 2


@pytest.mark.parametrize("share", [0.0, -0.1, 1.1, float("nan")])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(MatrixError, match=r"the share of variance lies in \(0, 1\]"):
        svcca(*sides(0), share)


def test_a_constant_side_has_no_correlations() -> None:
    x, _ = sides(0)

    assert canonical_correlations(x, np.full((20, 3), 0.1)).shape == (0,)
