"""`alignment.sparse_embedding`: formulas, gradients, and planted dimensions."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import check_grad

from alignment.errors import JudgmentsError, MatrixError
from alignment.matrices import FloatArray
from alignment.ordinal import TripletCounts
from alignment.sparse_embedding import (
    Prior,
    SparseEmbedding,
    free_energy,
    log_loss_and_gradient,
    pair_probabilities,
    spose,
    vice,
)

N = 12
seeds = st.integers(0, 2**32 - 1)


def judged(weights: FloatArray, each: int = 12, seed: int = 0) -> TripletCounts:
    """Every triplet, judged as often by people who see these weights."""
    rng = np.random.default_rng(seed)
    triplets = np.array(list(combinations(range(len(weights)), 3)))
    p = pair_probabilities(weights, triplets)
    counts = np.stack([rng.multinomial(each, row) for row in p])
    return TripletCounts(triplets, counts.astype(float), len(weights))


def planted(seed: int = 1) -> FloatArray:
    """Three dimensions, each action strong on one and a little on another."""
    rng = np.random.default_rng(seed)
    weights = rng.uniform(0, 0.3, (N, 3)) * (rng.uniform(size=(N, 3)) < 0.4)
    weights[np.arange(N), np.arange(N) % 3] = rng.uniform(1.2, 2.2, N)
    return weights


def matched(found: SparseEmbedding, weights: FloatArray) -> list[float]:
    """For each planted dimension, its best correlation with one that was found."""
    k = weights.shape[1]
    r = np.corrcoef(weights.T, found.weights.T)[:k, k:]
    return [float(each) for each in r.max(axis=1)]


@given(seed=seeds)
@settings(max_examples=15)
def test_the_chances_are_softmax_of_dot_products(seed: int) -> None:
    weights = np.random.default_rng(seed).uniform(0, 2, (5, 3))

    (chances,) = pair_probabilities(weights, np.array([[0, 2, 4]]))

    kept = [(2, 4), (0, 4), (0, 2)]  # what stays together when 0, 2 or 4 is odd
    odds = np.array([np.exp(weights[i] @ weights[j]) for i, j in kept])
    np.testing.assert_allclose(chances, odds / odds.sum())


def test_the_gradients_are_those_of_the_values() -> None:
    rng = np.random.default_rng(0)
    counts = judged(planted()[:6], each=3)
    weights = rng.uniform(0.1, 1, (6, 2))
    off = check_grad(
        lambda flat: log_loss_and_gradient(flat.reshape(6, 2), counts)[0],
        lambda flat: log_loss_and_gradient(flat.reshape(6, 2), counts)[1].ravel(),
        weights.ravel(),
    )
    assert off < 1e-5

    noise = rng.normal(size=(6, 2))
    state = np.stack([rng.normal(0.5, 1, (6, 2)), rng.normal(-1, 0.3, (6, 2))])

    def value(flat: FloatArray) -> float:
        return free_energy(*flat.reshape(2, 6, 2), noise, counts, Prior())[0]

    def gradient(flat: FloatArray) -> FloatArray:
        return free_energy(*flat.reshape(2, 6, 2), noise, counts, Prior())[1].ravel()

    assert check_grad(value, gradient, state.ravel()) < 1e-4


def test_spose_finds_the_planted_dimensions_and_no_others() -> None:
    weights = planted()

    found = spose(judged(weights), n_dimensions=6, penalty=0.02, n_starts=2, seed=3)

    assert (found.weights >= 0).all()
    assert min(matched(found, weights)) > 0.9
    assert found.weights.shape[1] <= 5
    sums = found.weights.sum(axis=0)
    assert (np.diff(sums) <= 0).all()


def test_a_larger_penalty_leaves_less_weight() -> None:
    counts = judged(planted())

    light = spose(counts, n_dimensions=5, penalty=0.001, n_starts=1, seed=0)
    heavy = spose(counts, n_dimensions=5, penalty=0.1, n_starts=1, seed=0)

    assert heavy.weights.sum() < light.weights.sum()


def test_vice_keeps_the_dimensions_that_hold_several_actions() -> None:
    weights = planted()

    found = vice(
        judged(weights, each=40), n_dimensions=6, n_steps=800, sure_of=2, seed=1
    )

    assert found.weights.shape[1] >= 3
    assert min(matched(found, weights)) > 0.9
    assert (found.weights >= 0).all()
    assert (found.spread > 0).all()


def test_vice_keeps_nothing_that_is_not_sure() -> None:
    guessing = TripletCounts(np.array([[0, 1, 2], [1, 2, 3]]), np.ones((2, 3)), 4)

    found = vice(guessing, n_dimensions=3, n_steps=300, sure_of=3, seed=0)

    assert found.weights.shape == (4, 0)


def test_similarity_is_the_mean_over_third_actions() -> None:
    weights = np.array([[1.0, 0], [1.0, 0.2], [0, 1.0], [0.5, 0.5]])
    found = SparseEmbedding(weights, np.zeros_like(weights))

    matrix = found.similarity(("a", "b", "c", "d"), rater="spose")

    chances = [
        pair_probabilities(weights, np.array([sorted((0, 1, k))]))[0][
            sorted((0, 1, k)).index(k)
        ]
        for k in (2, 3)
    ]
    assert matrix.values[0, 1] == pytest.approx(np.mean(chances))
    assert matrix.complete
    with pytest.raises(
        MatrixError, match="needs the 4 actions that have weights, got 3"
    ):
        found.similarity(("a", "b", "c"), rater="spose")


def test_what_cannot_be_fitted_is_refused() -> None:
    counts = judged(planted()[:4], each=1)
    empty = TripletCounts(np.empty((0, 3)), np.empty((0, 3)), 4)
    for refused, sentence in [
        (lambda: spose(empty, seed=0), "at least one triplet judgment"),
        (lambda: spose(counts, n_dimensions=0, seed=0), "at least 1 dimension, got 0"),
        (lambda: spose(counts, penalty=-1, seed=0), "the penalty is 0 or more"),
        (lambda: vice(counts, n_steps=0, seed=0), "VICE needs at least 1 step"),
        (lambda: Prior(share=1.0), r"a share in \(0, 1\)"),
    ]:
        with pytest.raises(JudgmentsError, match=sentence):
            refused()
