"""Nearest neighbours of features: against those of matrices, scikit-learn, and blocks."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import NearestNeighbors

from alignment.errors import MatrixError
from alignment.matrices import FloatArray, SimilarityMatrix
from alignment.measures import cknna as matrix_cknna
from alignment.measures import feature_neighbours as module
from alignment.measures.cka import cka_resampled
from alignment.measures.cycle import cycle_resampled
from alignment.measures.feature_neighbours import (
    cknna,
    cycle_knn,
    jaccard_knn,
    mutual_knn,
    mutual_knn_corrected,
    nearest,
)
from alignment.measures.jaccard import jaccard_resampled
from alignment.measures.neighbours import knn_resampled
from alignment.measures.table import FEATURE_MEASURES

N = 9
Draws = Callable[..., FloatArray]
seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=20, deadline=None)
every = pytest.mark.parametrize(
    "score", [mutual_knn, mutual_knn_corrected, jaccard_knn, cycle_knn, cknna]
)


def features(seed: int, p: int = 3, n: int = N) -> FloatArray:
    return np.random.default_rng(seed).normal(size=(n, p))


def coarse(seed: int) -> FloatArray:
    """Points of a small grid, never 0: many tie, and some are the same."""
    return np.random.default_rng(seed).integers([1, 0], [4, 3], (N, 2)).astype(float)


def as_matrix(x: FloatArray) -> SimilarityMatrix:
    """Cosines, rounded so that equal ones are the same number."""
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    values = (1 + np.round(unit @ unit.T, 13)) / 2
    np.fill_diagonal(values, 1.0)
    return SimilarityMatrix(values, tuple("abcdefghi"), "cosines")


@pytest.mark.parametrize(
    ("score", "of_matrices"),
    [
        (mutual_knn, knn_resampled),
        (jaccard_knn, jaccard_resampled),
        (cycle_knn, cycle_resampled),
    ],
)
@pytest.mark.parametrize("made", [features, coarse])
@given(seed=seeds, k=st.integers(1, N - 1))
@few
def test_ties_or_not_they_are_those_of_the_matrix_of_cosines(
    score: Callable[..., float],
    of_matrices: Draws,
    made: Callable[[int], FloatArray],
    seed: int,
    k: int,
) -> None:
    x, y = made(seed), made(seed + 1)
    once = np.ones((1, N), dtype=np.int64)

    expected = of_matrices(as_matrix(x), as_matrix(y), once, k)[0]

    assert score(x, y, k) == pytest.approx(expected, abs=1e-9, nan_ok=True)


@few
@given(seeds, st.integers(2, N - 1))
def test_cknna_is_that_of_the_kernels_of_cosines(seed: int, k: int) -> None:
    """A matrix holds similarities in [0, 1], so features are taken from one quadrant."""
    x, y = np.abs(features(seed)), np.abs(features(seed + 1))
    unit_x, unit_y = (
        each / np.linalg.norm(each, axis=1, keepdims=True) for each in (x, y)
    )
    kernels = [
        SimilarityMatrix(np.clip(unit @ unit.T, 0, 1), tuple("abcdefghi"), "cosines")
        for unit in (unit_x, unit_y)
    ]

    assert cknna(x, y, k) == pytest.approx(
        matrix_cknna.cknna(*kernels, k), abs=1e-7, nan_ok=True
    )


@few
@given(seeds)
def test_with_everybody_a_neighbour_cknna_is_debiased_cka_and_the_others_one(
    seed: int,
) -> None:
    x, y = features(seed), features(seed + 1)
    once = np.ones((1, N), dtype=np.int64)

    expected = cka_resampled(as_matrix(x), as_matrix(y), once)[0]

    assert cknna(x, y, N - 1) == pytest.approx(expected, abs=1e-9)
    for score in (mutual_knn, jaccard_knn, cycle_knn):
        assert score(x, y, N - 1) == pytest.approx(1)
    assert np.isnan(mutual_knn_corrected(x, y, N - 1))


def test_neighbours_are_those_that_scikit_learn_finds() -> None:
    x = features(0, p=40, n=300)

    found = nearest(x, 10)

    peer = NearestNeighbors(n_neighbors=10, metric="cosine", algorithm="brute").fit(x)
    assert found is not None
    assert found.nnz == 3000
    np.testing.assert_array_equal(
        found.toarray(), peer.kneighbors_graph(mode="connectivity").toarray()
    )


def test_single_precision_decides_nothing_that_it_cannot_tell_apart() -> None:
    """Near one direction all cosines agree to seven digits; the order is in the rest."""
    rng = np.random.default_rng(1)
    x = np.ones((60, 30)) + 1e-5 * rng.normal(size=(60, 30))
    offset = x - x.mean(axis=0)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    # 1 - cosine = |u - v|^2 / 2, of differences that keep their digits.
    apart = ((unit[:, None] - unit[None]) ** 2).sum(axis=2)
    np.fill_diagonal(apart, np.inf)
    expected = np.zeros((60, 60))
    np.put_along_axis(expected, np.argsort(apart, axis=1)[:, :5], 1.0, axis=1)

    found = nearest(x, 5)

    assert found is not None
    assert np.abs(offset).max() < 1e-4
    differ = np.abs(found.toarray() - expected).sum(axis=1) > 0
    # Cosines themselves keep 16 digits: gaps below TIED are ties by definition.
    gaps = np.diff(np.sort(apart, axis=1)[:, 4:6], axis=1)[:, 0] / 2
    assert not (differ & (gaps > 4 * module.TIED)).any()
    assert differ.mean() < 0.5


@every
def test_scores_do_not_depend_on_the_blocks(
    score: Callable[..., float], monkeypatch: pytest.MonkeyPatch
) -> None:
    x, y = coarse(1), features(2)
    whole = score(x, y, 3)

    monkeypatch.setattr(module, "HELD", 2 * N)
    monkeypatch.setattr(module, "GATHERED", 5)
    monkeypatch.setattr(module, "CROWDED", 0)

    assert score(x, y, 3) == pytest.approx(whole, abs=1e-12)


def test_duplicates_are_neighbours_of_each_other_and_never_of_themselves() -> None:
    x = np.repeat(features(3, n=3), 3, axis=0)

    found = nearest(x, 2)

    assert found is not None
    np.testing.assert_array_equal(
        found.toarray(), np.kron(np.eye(3), np.ones((3, 3))) - np.eye(N)
    )


def test_a_shared_last_place_is_shared_out() -> None:
    x = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [0.0, 1.0], [1.0, 1.0]])

    found = nearest(x, 2)

    assert found is not None
    np.testing.assert_allclose(found.toarray()[0], [0, 1 / 3, 1 / 3, 1 / 3, 1])
    np.testing.assert_allclose(found.toarray()[1], [0, 0, 1, 1, 0])


@every
@pytest.mark.parametrize(
    "flat",
    [
        np.full((N, 2), 0.1),
        np.zeros((N, 2)),
        np.outer(np.arange(1, N + 1), [1.0, 2.0]),
        np.eye(N),
    ],
    ids=["constant", "zeros", "one direction", "all at right angles"],
)
def test_where_nobody_is_nearer_than_another_there_is_no_score(
    score: Callable[..., float], flat: FloatArray
) -> None:
    assert np.isnan(score(flat, features(4)))
    assert np.isnan(score(features(4), flat))
    assert np.isnan(score(features(4), flat, N - 1))


@every
def test_a_row_without_direction_is_refused(score: Callable[..., float]) -> None:
    x = features(5)
    x[4] = 0.0

    with pytest.raises(MatrixError, match="row 4 is all zeros and has no direction"):
        score(features(6), x)


@every
@pytest.mark.parametrize("k", [0, N])
def test_a_neighbourhood_out_of_range_is_refused(
    score: Callable[..., float], k: int
) -> None:
    with pytest.raises(MatrixError, match=f"k must lie in [12] to 8 for 9 .* got {k}"):
        score(features(7), features(8), k)


@pytest.mark.parametrize(
    "name",
    ["mutual_knn_features", "mutual_knn_corrected_features", "jaccard_knn_features"],
)
def test_shuffled_rows_score_chance_on_average(name: str) -> None:
    measure = FEATURE_MEASURES[name]
    rng = np.random.default_rng(0)
    x, y = features(9), features(10)

    scores = [measure.compute(x, y[rng.permutation(N)]) for _ in range(300)]

    assert measure.chance is not None
    assert np.mean(scores) == pytest.approx(
        measure.chance(N, 3, 3), abs=4 * np.std(scores) / np.sqrt(300)
    )
