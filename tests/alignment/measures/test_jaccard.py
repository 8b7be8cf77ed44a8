"""Jaccard of nearest neighbours: against every way to break ties, and rebuilt draws."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignment.matrices import SimilarityMatrix
from alignment.measures.jaccard import chance, jaccard_permuted, jaccard_resampled
from tests.witnesses import neighbours as witness

N = 6
seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=15, deadline=None)


def matrix(seed: int, levels: int = 2) -> SimilarityMatrix:
    """Similarities in a few levels, so that the k-th place is often shared."""
    values = np.random.default_rng(seed).integers(0, levels + 1, (N, N)) / levels
    values = np.triu(values, 1) + np.triu(values, 1).T + np.eye(N)
    values[0, 1] = values[1, 0] = 1.0  # never constant
    values[0, 2] = values[2, 0] = 0.0
    return SimilarityMatrix(values, tuple("abcdef"), f"rater {seed}")


@few
@given(seeds, st.integers(1, 5))
def test_it_is_the_mean_over_all_ways_to_break_ties_of_every_draw(
    seed: int, k: int
) -> None:
    a, b = matrix(seed), matrix(seed + 1)
    counts = np.random.default_rng(seed).multinomial(N, np.full(N, 1 / N), 3)
    counts[0] = 1

    scores = jaccard_resampled(a, b, counts, k)

    for score, row in zip(scores, counts, strict=True):
        draw = np.repeat(np.arange(N), row).tolist()
        assert score == pytest.approx(
            witness.mean_over_centres(a.values, b.values, draw, k, witness.jaccard),
            abs=1e-9,
        )


def test_a_draw_of_copies_of_one_action_has_no_score() -> None:
    assert np.isnan(
        jaccard_resampled(matrix(0), matrix(1), np.array([[6, 0, 0, 0, 0, 0]]))
    ).all()


@pytest.mark.parametrize("k", [1, 2, 5])
def test_over_all_orders_the_mean_is_chance(k: int) -> None:
    orders = np.array(list(permutations(range(N))))

    scores = jaccard_permuted(matrix(1), matrix(2), orders, k)

    assert scores.mean() == pytest.approx(chance(N, k))


def test_a_tie_of_everybody_with_everybody_but_one_takes_any_size() -> None:
    """Many tie-breaks at once: they are summed by law and not one by one."""
    n = 60
    values = np.full((n, n), 0.5) + 0.5 * np.eye(n)
    values[0, 1] = values[1, 0] = 0.9
    near_flat = SimilarityMatrix(values, tuple(map(str, range(n))), "flat")

    score = jaccard_resampled(near_flat, near_flat, np.ones((1, n), dtype=int), 10)

    # All but two centres choose 10 of 59 twice; the two share one for certain.
    two = np.mean(
        [
            (1 + shared) / (20 - 1 - shared)
            for shared in np.random.default_rng(0).hypergeometric(9, 49, 9, 100_000)
        ]
    )
    assert score[0] == pytest.approx((58 * chance(n, 10) + 2 * two) / n, abs=1e-4)
