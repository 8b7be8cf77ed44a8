"""`alignment.layout`: an order that shows clusters, and a map that keeps distances."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata

from alignment.layout import classical_map, mid_ranks, shared_order
from alignment.matrices import SimilarityMatrix

seeds = st.integers(0, 1000)


def matrix(values: np.ndarray) -> SimilarityMatrix:
    values = np.array(values, dtype=np.float64)
    np.fill_diagonal(values, 1.0)
    return SimilarityMatrix(values, tuple(f"a{i}" for i in range(len(values))), "human")


def random(seed: int, n: int, gaps: int = 0) -> SimilarityMatrix:
    rng = np.random.default_rng(seed)
    values = rng.random((n, n))
    values = (values + values.T) / 2
    rows, columns = np.triu_indices(n, k=1)
    for k in rng.choice(len(rows), gaps, replace=False):
        values[rows[k], columns[k]] = values[columns[k], rows[k]] = np.nan
    return matrix(values)


@settings(deadline=None)
@given(seeds, st.integers(2, 9), st.integers(0, 1))
def test_every_action_has_one_place(seed: int, n: int, gaps: int) -> None:
    order = shared_order(random(seed, n, gaps))

    assert sorted(order.tolist()) == list(range(n))


def test_clusters_stand_together() -> None:
    cluster = np.array([0, 1, 0, 1, 2, 0, 2, 1])
    values = np.where(cluster[:, None] == cluster[None, :], 0.9, 0.1)

    ordered = cluster[shared_order(matrix(values))]

    assert int((np.diff(ordered) != 0).sum()) == 2


def test_a_constant_matrix_keeps_its_order() -> None:
    assert shared_order(matrix(np.full((4, 4), 0.5))).tolist() == [0, 1, 2, 3]


def test_points_on_a_plane_are_found_again() -> None:
    points = np.random.default_rng(1).normal(size=(12, 2)) / 8
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)

    positions, share = classical_map(matrix(1 - distances))

    found = np.linalg.norm(positions[:, None] - positions[None], axis=2)
    np.testing.assert_allclose(found, distances, atol=1e-8)
    assert share == pytest.approx(1.0)


@settings(deadline=None)
@given(seeds, st.permutations(range(7)))
def test_the_map_of_reordered_actions_is_the_reordered_map(
    seed: int, order: list[int]
) -> None:
    one = random(seed, 7)

    positions, share = classical_map(one)
    again, same_share = classical_map(one.take(order))

    np.testing.assert_allclose(again, positions[order], atol=1e-6)
    assert same_share == pytest.approx(share)


def test_a_map_of_few_actions_has_two_columns() -> None:
    positions, share = classical_map(matrix(np.array([[1, 0.4], [0.4, 1]])))

    assert positions.shape == (2, 2)
    assert abs(positions[0, 0] - positions[1, 0]) == pytest.approx(0.6)
    assert share == pytest.approx(1.0)


def test_equal_actions_all_stand_in_one_place() -> None:
    positions, share = classical_map(matrix(np.ones((4, 4))))

    np.testing.assert_allclose(positions, 0, atol=1e-9)
    assert share == 0.0


@settings(deadline=None)
@given(seeds, st.integers(3, 8), st.integers(0, 2))
def test_ranks_run_from_least_to_most_alike_over_judged_pairs(
    seed: int, n: int, gaps: int
) -> None:
    one = random(seed, n, gaps)

    ranks = mid_ranks(one)[np.triu_indices(n, k=1)]

    judged = ~np.isnan(one.pairs())
    m = judged.sum()
    np.testing.assert_allclose(ranks[judged], (rankdata(one.pairs()[judged]) - 0.5) / m)
    assert np.isnan(ranks[~judged]).all()


def test_ties_share_a_rank_and_the_diagonal_has_none() -> None:
    ranks = mid_ranks(matrix(np.full((3, 3), 0.2)))

    np.testing.assert_allclose(ranks[np.triu_indices(3, k=1)], 0.5)
    assert np.isnan(np.diag(ranks)).all()
