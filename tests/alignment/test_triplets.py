"""`alignment.triplets`: odd-one-out accuracy, with ties and gaps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignment.errors import MatrixError
from alignment.judgments import TripletJudgments
from alignment.matrices import SimilarityMatrix
from alignment.triplets import odd_one_out_accuracy
from alignment.uncertainty import draw_actions

N = 7
seeds = st.integers(0, 2**32 - 1)


def matrix(seed: int, levels: int = 4) -> SimilarityMatrix:
    values = np.random.default_rng(seed).integers(0, levels, (N, N)) / levels
    values = np.triu(values, 1)
    return SimilarityMatrix(
        values + values.T + np.eye(N), tuple(f"a{i}" for i in range(N)), "model"
    )


def judged(triplets: list[list[int]], odd: list[int]) -> TripletJudgments:
    n = len(odd)
    return TripletJudgments(
        actions=tuple(f"a{i}" for i in range(N)),
        triplets=np.array(triplets).reshape(n, 3),
        odd=np.array(odd, dtype=np.int64),
        rater=np.array(["ada"] * n),
        sampler=np.array(["random"] * n),
        propensity=np.full(n, np.nan),
        group=np.array(["triplets"] * n),
    )


def random_judgments(seed: int, n: int = 30) -> TripletJudgments:
    rng = np.random.default_rng(seed)
    triplets = [np.sort(rng.permutation(N)[:3]).tolist() for _ in range(n)]
    return judged(triplets, [int(rng.choice(three)) for three in triplets])


def credit(m: SimilarityMatrix, three: list[int], odd: int) -> float:
    """The chance that a matrix with ties, broken at random, names this odd one."""
    left = {k: m.values[tuple(i for i in three if i != k)] for k in three}
    best = [k for k in three if left[k] == max(left.values())]
    return (odd in best) / len(best)


@given(seeds, seeds)
@settings(max_examples=30)
def test_accuracy_is_the_mean_credit_with_ties_at_chance(i: int, j: int) -> None:
    m, triplets = matrix(i), random_judgments(j)

    value = odd_one_out_accuracy(m, triplets, n_resamples=5, seed=0).value

    credits = [
        credit(m, three.tolist(), int(odd))
        for three, odd in zip(triplets.triplets, triplets.odd, strict=True)
    ]
    assert value == pytest.approx(np.mean(credits))


def test_a_matrix_that_chooses_as_people_did_is_right_every_time() -> None:
    m = matrix(0, levels=1000)
    triplets = [
        [a, b, c] for a in range(N) for b in range(a + 1, N) for c in range(b + 1, N)
    ]
    odd = [max(three, key=lambda k: credit(m, three, k)) for three in triplets]

    estimate = odd_one_out_accuracy(m, judged(triplets, odd), n_resamples=50, seed=0)

    assert (estimate.value, estimate.low, estimate.high) == (1, 1, 1)


def test_a_matrix_without_differences_is_right_at_chance() -> None:
    flat = SimilarityMatrix(
        np.full((N, N), 0.5) + 0.5 * np.eye(N), matrix(0).actions, "f"
    )

    estimate = odd_one_out_accuracy(flat, random_judgments(1), n_resamples=5, seed=0)

    assert estimate.value == pytest.approx(1 / 3)


def test_a_draw_counts_a_triplet_as_often_as_its_actions_meet() -> None:
    m, triplets = matrix(1), random_judgments(2)
    rows = []
    for counts in draw_actions(N, 40, seed=9):
        repeated = [
            credit(m, three.tolist(), int(odd))
            for three, odd in zip(triplets.triplets, triplets.odd, strict=True)
            for _ in range(int(np.prod(counts[three])))
        ]
        rows.append(np.mean(repeated) if repeated else np.nan)

    estimate = odd_one_out_accuracy(m, triplets, n_resamples=40, seed=9)

    low, high = np.nanpercentile(np.array(rows), [2.5, 97.5])
    assert (estimate.low, estimate.high) == pytest.approx((low, high))
    assert estimate.resampled == np.sum(~np.isnan(np.array(rows)))


def test_triplets_with_an_unjudged_pair_are_left_out() -> None:
    values = matrix(3).values.copy()
    values[0, 1] = values[1, 0] = np.nan
    gappy = SimilarityMatrix(values, matrix(3).actions, "smollm2")
    triplets = judged([[0, 1, 2], [2, 3, 4]], [0, 3])

    estimate = odd_one_out_accuracy(gappy, triplets, n_resamples=5, seed=0)

    assert estimate.value == pytest.approx(credit(gappy, [2, 3, 4], 3))


def test_without_a_triplet_to_decide_there_is_no_accuracy() -> None:
    estimate = odd_one_out_accuracy(matrix(0), judged([], []), seed=0)

    assert np.isnan([estimate.value, estimate.low, estimate.high]).all()
    assert estimate.resampled == 0


def test_judgments_of_other_actions_are_refused() -> None:
    with pytest.raises(MatrixError, match="triplets against model: both must have the"):
        odd_one_out_accuracy(
            matrix(0).take(range(N - 1, -1, -1)), random_judgments(0), seed=0
        )
