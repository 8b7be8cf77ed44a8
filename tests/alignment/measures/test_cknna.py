"""CKNNA of similarity matrices: against sums over copies, and as debiased CKA."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignment.errors import MatrixError
from alignment.matrices import SimilarityMatrix
from alignment.measures.cka import cka_resampled
from alignment.measures.cknna import cknna, cknna_permuted, cknna_resampled
from tests.alignment.measures.test_jaccard import N, matrix
from tests.witnesses import neighbours as witness

seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=20, deadline=None)


@few
@given(seeds, st.integers(2, 5))
def test_a_draw_is_the_formula_on_its_copies(seed: int, k: int) -> None:
    a, b = matrix(seed, levels=3), matrix(seed + 1, levels=3)
    counts = np.random.default_rng(seed).multinomial(N, np.full(N, 1 / N), 2)
    counts[0] = 1

    scores = cknna_resampled(a, b, counts, k)

    for score, row in zip(scores, counts, strict=True):
        if (row > 0).sum() < 4:
            assert np.isnan(score)
            continue
        draw = np.repeat(np.arange(N), row).tolist()
        assert score == pytest.approx(
            witness.cknna(a.values, b.values, draw, k), abs=1e-9, nan_ok=True
        )


@given(seeds)
def test_with_everybody_a_neighbour_it_is_debiased_cka(seed: int) -> None:
    a, b = matrix(seed, levels=7), matrix(seed + 1, levels=7)

    expected = cka_resampled(a, b, np.ones((1, N), dtype=np.int64))[0]

    assert cknna(a, b, N - 1) == pytest.approx(expected, abs=1e-9, nan_ok=True)


def test_the_sides_are_not_the_same() -> None:
    gaps = [
        abs(
            cknna(matrix(i, 9), matrix(i + 50, 9))
            - cknna(matrix(i + 50, 9), matrix(i, 9))
        )
        for i in range(20)
    ]

    assert np.nanmax(gaps) > 1e-3


@few
@given(seeds)
def test_a_side_agrees_with_itself_to_one_even_where_it_ties(seed: int) -> None:
    assert cknna(matrix(seed), matrix(seed)) == pytest.approx(1, nan_ok=True)


def test_a_side_whose_neighbours_are_hardly_mutual_has_no_score() -> None:
    """40 actions are nearest to some of 6, which are nearest to 2, who have no choice."""
    n = 48
    values = np.eye(n)
    values[:2, 2:8] = values[2:8, :2] = 0.9
    for low in range(8, n):
        for high in (2 + low % 6, 2 + (low + 1) % 6):
            values[low, high] = values[high, low] = 0.8
    rng = np.random.default_rng(0)
    tree = SimilarityMatrix(values, tuple(map(str, range(n))), "tree")
    other = np.triu(rng.uniform(size=(n, n)), 1)
    plain = SimilarityMatrix(other + other.T + np.eye(n), tree.actions, "plain")

    assert np.isnan(cknna(tree, plain, 2))
    assert np.isnan(cknna_permuted(plain, tree, np.arange(n)[None], 2)).all()


def test_a_constant_side_has_no_score() -> None:
    values = np.full((N, N), 0.4) + 0.6 * np.eye(N)
    flat = SimilarityMatrix(values, matrix(0).actions, "flat")

    assert np.isnan(cknna(flat, matrix(0)))
    assert np.isnan(cknna_permuted(matrix(0), flat, np.arange(N)[None])).all()


@pytest.mark.parametrize("k", [1, 6])
def test_a_neighbourhood_out_of_range_is_refused(k: int) -> None:
    with pytest.raises(MatrixError, match=f"CKNNA: k must lie in 2 to 5 .* got {k}"):
        cknna(matrix(0), matrix(1), k)


def test_three_actions_are_too_few() -> None:
    a, b = (matrix(i).take([0, 1, 2]) for i in (0, 1))

    with pytest.raises(MatrixError, match="CKNNA: needs at least 4 actions, got 3"):
        cknna(a, b)
