"""`alignment.adaptive`: propensities, the floor, and what the sampler looks for."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment import adaptive, ordinal
from alignment.adaptive import all_triplets, choose_triplets
from alignment.adaptive_rules import RANDOM_FLOOR, propensity
from alignment.errors import JudgmentsError
from alignment.ordinal import Embedding, TripletCounts, count_answers

N = 7
seeds = st.integers(0, 2**32 - 1)


def embedding(seed: int, n: int = N, lapse: float = 0.1) -> Embedding:
    return Embedding(np.random.default_rng(seed).normal(size=(n, 2)), lapse)


def some_answers(seed: int, n: int = N, n_judgments: int = 30) -> TripletCounts:
    rng = np.random.default_rng(seed)
    triplets = adaptive.draw_triplets(n, n_judgments, rng)
    odd = triplets[np.arange(n_judgments), rng.integers(3, size=n_judgments)]
    return count_answers(triplets, odd, n)


@given(st.integers(0, 34), st.integers(1, 35))
def test_propensities_sum_to_one_over_all_triplets(n_batch: int, n_unseen: int) -> None:
    n_batch = min(n_batch, n_unseen)

    chances = [
        propensity(n_unseen, n_batch, in_batch=place < n_batch)
        for place in range(n_unseen)
    ]

    assert sum(chances) == pytest.approx(1)
    assert min(chances) >= RANDOM_FLOOR / n_unseen


def test_triplets_come_as_often_as_their_propensity_says() -> None:
    pool = all_triplets(6)
    batch = pool[:4]
    n_draws = 6000

    first = [
        adaptive.draw_from_mixture(batch, 1, pool, seed=seed) for seed in range(n_draws)
    ]

    shares = Counter(tuple(draw.triplets[0]) for draw in first)
    for draw in first[:200]:
        said = draw.propensity[0]
        found = shares[tuple(draw.triplets[0])] / n_draws
        assert abs(found - said) < 5 * np.sqrt(said / n_draws)


def test_the_floor_draws_its_share_and_every_triplet_alike() -> None:
    pool = all_triplets(6)

    draw = adaptive.draw_from_mixture(np.repeat(pool, 500, axis=0), 8000, pool, seed=1)

    assert draw.random.mean() == pytest.approx(RANDOM_FLOOR, abs=0.02)
    of_floor = Counter(map(tuple, draw.triplets[draw.random == 1]))
    assert len(of_floor) == len(pool)
    assert max(of_floor.values()) < 3 * min(of_floor.values())


def test_an_empty_batch_leaves_the_uniform_sampler() -> None:
    pool = all_triplets(6)

    draw = adaptive.draw_from_mixture(pool[:2], 40, pool, seed=2)

    assert draw.random.sum() >= 38
    assert draw.propensity[-1] == 1 / len(pool)


@given(seeds)
def test_the_information_is_the_variance_of_the_score(seed: int) -> None:
    """Against difference quotients of the log probability of each answer."""
    found, triplet = embedding(seed), all_triplets(N)[:1]
    step = 1e-5

    roots = adaptive.information_roots(found, triplet)[0].reshape(3, -1)

    chance = ordinal.odd_probabilities(found, triplet)[0]
    scores = np.zeros((3, 6))
    for place in range(6):
        shift = np.zeros_like(found.points)
        shift[triplet[0, place // 2], place % 2] = step
        up, down = (
            np.log(
                ordinal.odd_probabilities(Embedding(points, found.lapse), triplet)[0]
            )
            for points in (found.points + shift, found.points - shift)
        )
        scores[:, place] = (up - down) / (2 * step)
    np.testing.assert_allclose(
        roots.T @ roots, scores.T @ (chance[:, None] * scores), atol=1e-6
    )


@given(seeds)
def test_the_gain_is_what_an_answer_takes_off_the_target(seed: int) -> None:
    """Against inverting the precision with and without the triplet."""
    found, counts = embedding(seed), some_answers(seed)
    known = adaptive.precision(found, counts)
    root = np.random.default_rng(seed).normal(size=known.shape)
    target, triplets = root @ root.T, all_triplets(N)[::6]

    gains = adaptive.expected_gain(found, np.linalg.inv(known), target, triplets)

    before = np.trace(target @ np.linalg.inv(known))
    for triplet, gain in zip(triplets, gains, strict=True):
        asked = TripletCounts(triplet, np.array([[1, 0, 0]]), N)
        more = adaptive.precision(found, asked) - np.eye(len(known))
        after = np.trace(target @ np.linalg.inv(known + more))
        assert gain == pytest.approx(before - after, rel=1e-6, abs=1e-9)


@given(seeds)
def test_more_answers_never_leave_less_known(seed: int) -> None:
    found = embedding(seed)
    few, many = some_answers(seed, n_judgments=5), some_answers(seed, n_judgments=50)
    both = TripletCounts(
        np.concatenate([few.triplets, many.triplets]),
        np.concatenate([few.counts, many.counts]),
        N,
    )

    more = adaptive.precision(found, both) - adaptive.precision(found, few)

    assert np.linalg.eigvalsh(more).min() > -1e-9


def test_a_batch_holds_different_triplets_of_the_pool_and_says_when_it_is_all() -> None:
    found, counts = embedding(3, n=10), some_answers(3, n=10)
    pool = all_triplets(10)[20:80]

    batch = choose_triplets(found, counts, 25, seed=0, pool=pool)
    everything = choose_triplets(found, counts, 999, seed=0, pool=pool)

    assert len(np.unique(batch, axis=0)) == 25
    assert set(map(tuple, batch)) <= set(map(tuple, pool))
    assert sorted(everything.tolist()) == pool.tolist()
    assert np.array_equal(batch, choose_triplets(found, counts, 25, seed=0, pool=pool))


def test_it_asks_about_what_is_not_known_yet() -> None:
    """Nine actions judged often and one never: the stranger is in most triplets."""
    rng = np.random.default_rng(4)
    truth = embedding(4, n=10)
    triplets = adaptive.draw_triplets(9, 3000, rng)
    chance = ordinal.odd_probabilities(truth, triplets).cumsum(axis=1)
    odd = (rng.random(3000)[:, None] > chance[:, :2]).sum(axis=1)
    counts = count_answers(triplets, triplets[np.arange(3000), odd], 10)

    batch = choose_triplets(ordinal.fit(counts, 2), counts, 12, seed=0)

    assert (batch == 9).any(axis=1).mean() > 0.9


def test_no_gain_is_seen_where_people_only_lapse() -> None:
    found = embedding(5, lapse=1.0 - 1e-9)
    covariance = np.eye(2 * N)

    gains = adaptive.expected_gain(found, covariance, covariance, all_triplets(N))

    assert np.abs(gains).max() < 1e-9


def test_large_studies_are_sampled_and_too_large_ones_refused() -> None:
    found, counts = embedding(6, n=90), some_answers(6, n=90, n_judgments=300)

    assert len(choose_triplets(found, counts, 7, seed=1)) == 7

    with pytest.raises(JudgmentsError, match="1200 actions in 2 dimensions are 2400"):
        choose_triplets(embedding(7, n=1200), some_answers(7, n=1200), 5, seed=0)
