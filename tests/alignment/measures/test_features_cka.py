"""Linear CKA: one number under three names, on either side, debiased or not."""

import tracemalloc
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignment.matrices import SimilarityMatrix
from alignment.measures import features_cka
from alignment.measures.features_cka import (
    linear_cka,
    linear_cka_angle,
    linear_cka_debiased,
)
from alignment.measures.table import MATRIX_MEASURES
from tests.witnesses import features as twin

seeds = st.integers(0, 2**32 - 1)
# Widths below and above what 12 actions make the cheaper side.
widths = st.sampled_from([(1, 1), (2, 3), (5, 6), (6, 6), (7, 30), (40, 3)])
few = settings(max_examples=25, deadline=None)


def sides(
    seed: int, shape: tuple[int, int] = (2, 3), n: int = 12
) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, shape[0])) + rng.normal()
    return x, x @ rng.normal(size=shape) + rng.normal(size=(n, shape[1]))


@given(seeds, widths)
@few
def test_it_is_the_ratio_of_hsics_of_linear_kernels(
    seed: int, shape: tuple[int, int]
) -> None:
    x, y = sides(seed, shape)
    k, l_ = x @ x.T, y @ y.T

    assert linear_cka(x, y) == pytest.approx(twin.cka(k, l_, twin.hsic), abs=1e-10)
    assert linear_cka_debiased(x, y) == pytest.approx(
        twin.cka(k, l_, twin.hsic_debiased), abs=1e-7
    )


@given(seeds, widths)
@few
def test_it_is_the_rv_coefficient(seed: int, shape: tuple[int, int]) -> None:
    x, y = sides(seed, shape)

    assert linear_cka(x, y) == pytest.approx(twin.rv(x, y), abs=1e-10)


@given(seeds)
@few
def test_it_is_the_whitened_cosine_of_squared_distances(seed: int) -> None:
    x, y = sides(seed, n=7)

    expected = twin.whitened_cosine(
        twin.squared_distances(x), twin.squared_distances(y), 7
    )

    assert linear_cka(x, y) == pytest.approx(expected, abs=1e-9)


@given(seeds, widths)
@few
def test_both_sides_of_the_data_give_one_score(
    seed: int, shape: tuple[int, int]
) -> None:
    """Zeros beside the units make covariances of actions the cheaper ones."""
    x, y = sides(seed, shape)
    wide = np.hstack([x, np.zeros((12, 30))])

    assert linear_cka(wide, y) == pytest.approx(linear_cka(x, y), abs=1e-12)
    assert linear_cka_debiased(wide, y) == pytest.approx(
        linear_cka_debiased(x, y), abs=1e-9
    )


@given(seeds)
@few
def test_debiased_is_the_measure_of_similarity_matrices(seed: int) -> None:
    x, y = (side / np.linalg.norm(side, axis=1)[:, None] for side in sides(seed))
    actions = tuple(f"a{i}" for i in range(12))
    a, b = (
        SimilarityMatrix((side @ side.T + 1) / 2, actions, rater)
        for side, rater in ((x, "x"), (y, "y"))
    )

    assert linear_cka_debiased(x, y) == pytest.approx(
        MATRIX_MEASURES["cka"].compute(a, b), abs=1e-9
    )


def test_a_block_is_no_part_of_the_score(monkeypatch: pytest.MonkeyPatch) -> None:
    tall, wide = sides(0, n=50), sides(0, (60, 70))
    whole = [linear_cka(*tall), linear_cka_debiased(*tall), linear_cka(*wide)]

    monkeypatch.setattr(features_cka, "BLOCK", 7)

    in_blocks = [linear_cka(*tall), linear_cka_debiased(*tall), linear_cka(*wide)]
    np.testing.assert_allclose(in_blocks, whole, rtol=1e-12)


def test_debiased_covariances_average_to_zero_over_all_orders() -> None:
    x, y = sides(3, n=6)
    xx = linear_cka_debiased(x, y)

    scores = [
        linear_cka_debiased(x, y[list(order)]) for order in permutations(range(6))
    ]

    assert abs(xx) > 0.01
    assert np.mean(scores) == pytest.approx(0, abs=1e-12)


def test_with_more_units_than_actions_the_biased_score_says_nothing() -> None:
    pairs = [np.random.default_rng(seed).normal(size=(2, 8, 60)) for seed in range(40)]

    biased = np.mean([linear_cka(x, y) for x, y in pairs])
    debiased = np.mean([linear_cka_debiased(x, y) for x, y in pairs])

    assert biased > 0.85
    assert abs(debiased) < 0.1


def test_a_large_common_offset_costs_few_digits() -> None:
    x, y = sides(0)

    assert linear_cka(x + 1e6, y) == pytest.approx(linear_cka(x, y), abs=1e-9)
    assert linear_cka_debiased(x + 1e6, y) == pytest.approx(
        linear_cka_debiased(x, y), abs=1e-9
    )


def test_one_action_unlike_all_others_is_no_structure_of_pairs() -> None:
    x, y = sides(0)
    for where in range(12):
        apart = np.tile(x[where], (12, 1))
        apart[where] += x[where - 1]

        with np.errstate(all="raise"):
            assert np.isnan(linear_cka_debiased(apart, y))
        assert 0 < linear_cka(apart, y) < 1


def test_the_angle_is_that_of_the_score() -> None:
    x, y = sides(1)

    assert np.cos(linear_cka_angle(x, y)) == pytest.approx(linear_cka(x, y))


def test_no_copy_of_the_features_is_held() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60_000, 8)), rng.normal(size=(60_000, 8))

    tracemalloc.start()
    try:
        linear_cka_debiased(x, y)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < x.nbytes / 1.5  # two squared lengths a row, and a block
