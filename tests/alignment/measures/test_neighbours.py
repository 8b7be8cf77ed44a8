"""Mutual k-NN: against every way to break ties, and against rebuilt draws."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignment.errors import MatrixError
from alignment.matrices import FloatArray, SimilarityMatrix
from alignment.measures.neighbours import (
    knn_permuted,
    knn_resampled,
    membership,
    mutual_knn,
    neighbourhood_size,
)

seeds = st.integers(0, 2**32 - 1)


def matrix(seed: int, n: int = 6, levels: int = 4) -> SimilarityMatrix:
    """Similarities in a few levels, so that the k-th place is often shared."""
    values = np.random.default_rng(seed).integers(0, levels + 1, (n, n)) / levels
    values = np.triu(values, 1) + np.triu(values, 1).T + np.eye(n)
    values[0, 1] = values[1, 0] = 1.0  # never constant
    values[0, 2] = values[2, 0] = 0.0
    return SimilarityMatrix(values, tuple(f"a{i}" for i in range(n)), f"rater {seed}")


def chance_of_each(similarity: FloatArray, k: int) -> FloatArray:
    """Share of all orders of breaking ties in which each is among the k nearest."""
    n = len(similarity)
    inside = np.zeros(n)
    orders = list(permutations(range(n)))
    for order in orders:
        inside[sorted(order, key=lambda i: -similarity[i])[:k]] += (
            1  # stable: ties as in order
        )
    return inside / len(orders)


def over_all_tie_breaks(a: SimilarityMatrix, b: SimilarityMatrix, k: int) -> float:
    overlaps = []
    for i in range(len(a)):
        others = [j for j in range(len(a)) if j != i]
        near_a = chance_of_each(a.values[i, others], k)
        near_b = chance_of_each(b.values[i, others], k)
        overlaps.append(near_a @ near_b / k)
    return float(np.mean(overlaps))


def rebuilt(
    a: SimilarityMatrix, b: SimilarityMatrix, counts: list[int], k: int
) -> float:
    """Each draw in turn as a centre; the others are draws of other actions."""
    drawn = [i for i, count in enumerate(counts) for _ in range(count)]
    overlaps = []
    for centre in drawn:
        others = [j for j in drawn if j != centre]
        room = min(k, len(others))
        if not room:
            continue
        expected = 0.0
        for j in others:
            inside = 1.0
            for m in (a, b):
                row = m.values[centre]
                nearer = sum(row[o] > row[j] for o in others)
                tied = sum(row[o] == row[j] for o in others)
                inside *= min(max((room - nearer) / tied, 0.0), 1.0)
            expected += inside
        overlaps.append(expected / room)
    return float(np.mean(overlaps))


@settings(max_examples=20)
@given(seeds, st.integers(1, 5))
def test_it_is_the_mean_overlap_over_all_ways_to_break_ties(seed: int, k: int) -> None:
    a, b = matrix(seed), matrix(seed + 1)

    assert mutual_knn(a, b, k) == pytest.approx(over_all_tie_breaks(a, b, k), abs=1e-12)


@given(seeds, st.integers(1, 7))
def test_without_ties_it_counts_shared_neighbours(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    made = []
    for rater in "ab":
        values = np.triu(rng.uniform(size=(8, 8)), 1)
        made.append(
            SimilarityMatrix(values + values.T + np.eye(8), tuple("abcdefgh"), rater)
        )
    near = [
        [set(np.argsort(-(m.values - 2 * np.eye(8))[i])[:k]) for i in range(8)]
        for m in made
    ]

    expected = np.mean([len(x & y) / k for x, y in zip(*near, strict=True)])

    assert mutual_knn(made[0], made[1], k) == pytest.approx(expected)


@given(seeds, st.integers(1, 5))
def test_a_draw_equals_rebuilding_it(seed: int, k: int) -> None:
    a, b = matrix(seed), matrix(seed + 1)
    counts = np.random.default_rng(seed).multinomial(6, np.full(6, 1 / 6), 5)
    counts[0] = [6, 0, 0, 0, 0, 0]  # nobody but copies of one action

    scores = knn_resampled(a, b, counts, k)

    assert np.isnan(scores[0])
    for score, row in zip(scores[1:], counts[1:], strict=True):
        assert score == pytest.approx(rebuilt(a, b, row.tolist(), k), abs=1e-12)


@given(seeds)
def test_permuting_equals_taking_another_order(seed: int) -> None:
    a, b = matrix(seed), matrix(seed + 1)
    orders = np.stack(
        [np.random.default_rng(seed + i).permutation(6) for i in range(4)]
    )

    scores = knn_permuted(a, b, orders, 2)

    for score, order in zip(scores, orders, strict=True):
        moved = SimilarityMatrix(b.values[np.ix_(order, order)], b.actions, "moved")
        assert score == pytest.approx(mutual_knn(a, moved, 2), abs=1e-12)


@given(seeds, st.integers(1, 5))
def test_chances_of_a_row_sum_to_k_and_leave_the_centre_out(seed: int, k: int) -> None:
    chances = membership(matrix(seed), k)

    np.testing.assert_allclose(chances.sum(axis=1), k)
    np.testing.assert_array_equal(np.diag(chances), 0)


@given(seeds)
def test_with_everybody_a_neighbour_the_score_is_one(seed: int) -> None:
    assert mutual_knn(matrix(seed), matrix(seed + 1), 5) == pytest.approx(1)


def test_over_all_orders_the_mean_is_chance() -> None:
    orders = np.array(list(permutations(range(6))))

    scores = knn_permuted(matrix(1), matrix(2), orders, 2)

    assert scores.mean() == pytest.approx(2 / 5)


def test_an_equal_action_is_a_neighbour_but_the_centre_itself_never() -> None:
    values = np.array([[1, 1, 0.0], [1, 1, 0.0], [0.0, 0.0, 1]])
    twins = SimilarityMatrix(values, ("x", "y", "z"), "twins")

    chances = membership(twins, 1)

    np.testing.assert_array_equal(chances, [[0, 1, 0], [1, 0, 0], [0.5, 0.5, 0]])


@pytest.mark.parametrize(
    ("n", "k"), [(50, 10), (21, 10), (20, 9), (7, 3), (3, 1), (2, 1)]
)
def test_the_default_neighbourhood_leaves_room_to_differ(n: int, k: int) -> None:
    assert neighbourhood_size(n) == k


@pytest.mark.parametrize("k", [0, 6, -1])
def test_a_neighbourhood_out_of_range_is_refused(k: int) -> None:
    with pytest.raises(
        MatrixError, match=rf"k must lie in 1 to 5 for 6 actions, got {k}"
    ):
        mutual_knn(matrix(0), matrix(1), k)


def test_a_constant_matrix_has_no_score() -> None:
    flat = SimilarityMatrix(
        np.full((6, 6), 0.4) + 0.6 * np.eye(6), matrix(0).actions, "f"
    )

    assert np.isnan(mutual_knn(matrix(0), flat))
    assert np.isnan(knn_permuted(matrix(0), flat, np.arange(6)[None])).all()


def test_a_matrix_with_gaps_is_refused() -> None:
    values = matrix(0).values.copy()
    values[3, 4] = values[4, 3] = np.nan
    gappy = SimilarityMatrix(values, matrix(0).actions, "smollm2")

    with pytest.raises(
        MatrixError,
        match="neighbours with smollm2: needs every pair judged, 1 of 15 are",
    ):
        mutual_knn(matrix(1), gappy)


def test_matrices_in_different_order_are_refused() -> None:
    with pytest.raises(MatrixError, match="the order of its actions differs"):
        mutual_knn(matrix(0), matrix(1).take([1, 0, 2, 3, 4, 5]))
