"""`alignment.ordinal`: an embedding against a slow twin, differences and known points."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from alignment import ordinal
from alignment.adaptive import all_triplets, draw_triplets
from alignment.errors import JudgmentsError, MatrixError
from alignment.ordinal import Embedding, TripletCounts, count_answers

N = 8
seeds = st.integers(0, 2**32 - 1)


def planted(seed: int, n: int = N, d: int = 2, lapse: float = 0.1) -> Embedding:
    rng = np.random.default_rng(seed)
    return Embedding(rng.normal(size=(n, d)), lapse)


def answered(truth: Embedding, n_judgments: int, seed: int) -> TripletCounts:
    """Random triplets as people with this embedding would answer them."""
    rng = np.random.default_rng(seed)
    n = len(truth.points)
    triplets = draw_triplets(n, n_judgments, rng)
    chance = ordinal.odd_probabilities(truth, triplets).cumsum(axis=1)
    odd = (rng.random(n_judgments)[:, None] > chance[:, :2]).sum(axis=1)
    return count_answers(triplets, triplets[np.arange(n_judgments), odd], n)


def slow_loss(points: np.ndarray, lapse: float, counts: TripletCounts) -> float:
    """Minus the log posterior, one judgment at a time."""
    total = 0.0
    for (a, b, c), times in zip(counts.triplets, counts.counts, strict=True):
        odds = [
            np.exp(-np.sum((points[i] - points[j]) ** 2))
            for i, j in ((b, c), (a, c), (a, b))
        ]
        for option in range(3):
            p = (1 - lapse) * odds[option] / sum(odds) + lapse / 3
            total -= times[option] * np.log(p)
    total += sum(x**2 for x in points.ravel()) / 2
    return float(total - 2 * np.log(lapse) - 20 * np.log(1 - lapse))


@given(seeds, st.floats(-4, 2))
def test_the_loss_is_that_of_a_slow_twin(seed: int, lapse_logit: float) -> None:
    counts = answered(planted(seed), 40, seed)
    points = planted(seed + 1).points

    loss, _, _ = ordinal.loss_and_gradient(points, lapse_logit, counts)

    slow = slow_loss(points, float(expit(lapse_logit)), counts)
    assert loss == pytest.approx(slow, rel=1e-10)


@given(seeds, st.floats(-4, 2))
def test_the_gradient_is_the_difference_quotient(seed: int, lapse_logit: float) -> None:
    counts = answered(planted(seed), 40, seed)
    points = planted(seed + 1).points
    step = 1e-6

    _, gradient, by_lapse = ordinal.loss_and_gradient(points, lapse_logit, counts)

    def loss(changed: np.ndarray, logit: float = lapse_logit) -> float:
        return ordinal.loss_and_gradient(changed, logit, counts)[0]

    for place in np.ndindex(points.shape):
        shift = np.zeros_like(points)
        shift[place] = step
        quotient = (loss(points + shift) - loss(points - shift)) / (2 * step)
        assert gradient[place] == pytest.approx(quotient, abs=1e-3)
    up, down = loss(points, lapse_logit + step), loss(points, lapse_logit - step)
    assert by_lapse == pytest.approx((up - down) / (2 * step), abs=1e-3)


@given(seeds)
def test_turning_and_moving_the_points_changes_no_answer(seed: int) -> None:
    truth = planted(seed)
    turn, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(2, 2)))
    turned = Embedding(truth.points @ turn + 3, truth.lapse)
    triplets = all_triplets(N)

    np.testing.assert_allclose(
        ordinal.odd_probabilities(turned, triplets),
        ordinal.odd_probabilities(truth, triplets),
        atol=1e-9,
    )


@given(seeds)
def test_the_three_options_are_a_probability(seed: int) -> None:
    chance = ordinal.odd_probabilities(planted(seed, lapse=0.3), all_triplets(N))

    assert np.all(chance >= 0.1 - 1e-12)
    np.testing.assert_allclose(chance.sum(axis=1), 1)


def test_judgments_are_counted_by_triplet() -> None:
    counts = count_answers(
        [[0, 1, 2], [1, 2, 3], [0, 1, 2], [0, 1, 2]], [0, 3, 2, 0], 4
    )

    assert counts.triplets.tolist() == [[0, 1, 2], [1, 2, 3]]
    assert counts.counts.tolist() == [[2, 0, 1], [0, 0, 1]]
    assert counts.n_judgments == 4


def test_the_fit_foretells_triplets_that_it_never_saw() -> None:
    truth = planted(3, n=20, d=2)
    counts = answered(truth, 2500, seed=4)

    found = ordinal.fit(counts, 2)

    unseen = all_triplets(20)
    keys = np.array([400, 20, 1])
    unseen = unseen[~np.isin(unseen @ keys, counts.triplets @ keys)]
    assert len(unseen) > 50
    best = ordinal.odd_probabilities(truth, unseen).argmax(axis=1)
    named = ordinal.odd_probabilities(found, unseen).argmax(axis=1)
    assert (best == named).mean() > 0.85


def test_the_fit_tells_answers_at_random_from_noise_on_close_calls() -> None:
    truth = Embedding(3 * planted(5, n=15).points, 0.3)

    found = ordinal.fit(answered(truth, 6000, seed=6), 2)

    assert found.lapse == pytest.approx(0.3, abs=0.05)


def test_the_fit_is_a_minimum_and_never_worse_than_its_start() -> None:
    counts = answered(planted(7, n=12), 800, seed=7)
    start = ordinal.spectral_start(counts, 2)

    found = ordinal.fit(counts, 2)

    def loss(embedding: Embedding) -> float:
        logit = np.log(embedding.lapse / (1 - embedding.lapse))
        return ordinal.loss_and_gradient(embedding.points, logit, counts)[0]

    rng = np.random.default_rng(0)
    assert loss(found) < loss(start)
    for _ in range(20):
        shifted = found.points + rng.normal(scale=0.03, size=found.points.shape)
        assert loss(Embedding(shifted, found.lapse)) > loss(found)


def test_an_action_that_nobody_judged_stays_near_the_middle() -> None:
    truth = planted(8, n=10)
    counts = answered(truth, 1000, seed=8)
    with_stranger = TripletCounts(counts.triplets, counts.counts, 11)

    found = ordinal.fit(with_stranger, 2)

    sizes = np.linalg.norm(found.points, axis=1)
    assert np.isfinite(found.points).all()
    assert sizes[10] < sizes[:10].mean()


def test_the_similarity_keeps_the_order_of_the_distances() -> None:
    embedding = planted(9)
    actions = tuple(f"a{i}" for i in range(N))

    matrix = embedding.similarity(actions, rater="triplets")

    upper = np.triu_indices(N, k=1)
    squared = ordinal.squared_distances(embedding.points)[upper]
    assert np.array_equal(np.argsort(-matrix.pairs()), np.argsort(squared))
    assert matrix.complete


def test_what_cannot_be_embedded_is_refused_with_a_sentence() -> None:
    counts = count_answers([[0, 1, 2]], [0], 4)

    with pytest.raises(JudgmentsError, match="4 actions have 1 to 3 dimensions, got 4"):
        ordinal.fit(counts, 4)
    with pytest.raises(JudgmentsError, match="at least one triplet judgment"):
        ordinal.fit(TripletCounts(np.empty((0, 3)), np.empty((0, 3)), 4), 2)
    with pytest.raises(JudgmentsError, match="must be one of the three"):
        count_answers([[0, 1, 2]], [3], 4)
    with pytest.raises(JudgmentsError, match="three different actions in order"):
        TripletCounts(np.array([[0, 2, 1]]), np.ones((1, 3)), 4)
    with pytest.raises(JudgmentsError, match="run from 0 to 3, got 0 to 4"):
        TripletCounts(np.array([[0, 2, 4]]), np.ones((1, 3)), 4)
    with pytest.raises(JudgmentsError, match="got 1 and 2"):
        TripletCounts(np.array([[0, 1, 2]]), np.ones((2, 3)), 4)
    spot = Embedding(np.zeros((3, 2)), 0.1)
    with pytest.raises(MatrixError, match="no pair lies apart"):
        spot.similarity(("a", "b", "c"), rater="triplets")
    with pytest.raises(MatrixError, match="needs 3 actions, got 2"):
        spot.similarity(("a", "b"), rater="triplets")
