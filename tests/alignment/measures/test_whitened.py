"""Whitened measures and Bures: against the covariance of pairs, written out."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignment.errors import MatrixError
from alignment.matrices import FloatArray, IntArray, SimilarityMatrix
from alignment.measures import whitened
from tests.witnesses import whitened as witness

Resampled = Callable[[SimilarityMatrix, SimilarityMatrix, IntArray], FloatArray]
Witness = Callable[[FloatArray, FloatArray, list[int]], float]
N = 7
seeds = st.integers(0, 2**32 - 1)
draws = st.lists(st.integers(0, N - 1), min_size=N, max_size=N).filter(
    lambda draw: len(set(draw)) >= 4
)


def plain(a: FloatArray, b: FloatArray, draw: list[int]) -> float:
    return witness.whitened(a, b, draw, centred=False)


def centred(a: FloatArray, b: FloatArray, draw: list[int]) -> float:
    return witness.whitened(a, b, draw, centred=True)


MEASURES = [
    pytest.param(whitened.whitened_cosine_resampled, plain, id="cosine"),
    pytest.param(whitened.whitened_correlation_resampled, centred, id="correlation"),
    pytest.param(whitened.bures_resampled, witness.bures, id="bures"),
]


def seen(seed: int, n: int = N) -> SimilarityMatrix:
    """A matrix of similarities that are nobody's kernel."""
    upper = np.triu(np.random.default_rng(seed).uniform(size=(n, n)), 1)
    return SimilarityMatrix(
        upper + upper.T + np.eye(n), tuple(f"a{i}" for i in range(n)), f"r{seed}"
    )


def counted(draw: list[int], n: int = N) -> IntArray:
    return np.bincount(draw, minlength=n)[None].astype(np.int64)


@pytest.mark.parametrize(("resampled", "twin"), MEASURES)
@given(i=seeds, j=seeds, draw=draws)
@settings(max_examples=40)
def test_a_draw_is_whitened_over_the_pairs_that_were_judged(
    resampled: Resampled, twin: Witness, i: int, j: int, draw: list[int]
) -> None:
    a, b = seen(i), seen(j)

    score = resampled(a, b, counted(draw))[0]

    assert score == pytest.approx(twin(a.values, b.values, draw), abs=1e-7)


@given(seed=seeds, factor=st.floats(0.1, 0.9))
def test_the_whitened_cosine_is_linear_cka_of_squared_distances(
    seed: int, factor: float
) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(N, 3)), rng.normal(size=(N, 5))
    sides = []
    for features in (x, y):
        d = ((features[:, None] - features[None]) ** 2).sum(axis=-1)
        names = tuple(f"a{i}" for i in range(N))
        sides.append(SimilarityMatrix(1 - factor * d / d.max(), names, "features"))
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    cka = (
        np.linalg.norm(x.T @ y) ** 2 / np.linalg.norm(x.T @ x) / np.linalg.norm(y.T @ y)
    )

    scores = whitened.whitened_cosine_resampled(*sides, counted(list(range(N))))

    assert scores[0] == pytest.approx(cka, abs=1e-9)


@pytest.mark.parametrize(("resampled", "twin"), MEASURES)
def test_one_action_that_fills_half_a_draw_is_no_trouble(
    resampled: Resampled, twin: Witness
) -> None:
    draw = [0, 0, 0, 0, 1, 2, 3]
    a, b = seen(1), seen(2)

    assert resampled(a, b, counted(draw))[0] == pytest.approx(
        twin(a.values, b.values, draw), abs=1e-7
    )
    # With c - 1 = N / 2 the equation of its copies' own pair leaves that open.
    drawn = np.array([[5, 1, 1, 1, 0, 0, 0]])
    assert abs(resampled(seen(3), seen(4), drawn)[0]) <= 1


@pytest.mark.parametrize(("resampled", "twin"), MEASURES)
def test_two_different_actions_say_nothing(resampled: Resampled, twin: Witness) -> None:
    assert np.isnan(resampled(seen(1), seen(2), counted([0, 0, 0, 1, 1, 1, 1])))[0]


@pytest.mark.parametrize(("resampled", "twin"), MEASURES)
def test_two_actions_are_refused(resampled: Resampled, twin: Witness) -> None:
    with pytest.raises(MatrixError, match="needs at least 3 actions, got 2"):
        resampled(seen(1, 2), seen(2, 2), np.ones((1, 2), dtype=np.int64))
