"""`alignment.triplet_ceiling`: against answers counted by hand, and a known truth."""

from itertools import combinations

import numpy as np
import pytest

from alignment.errors import TooFewRaters
from alignment.judgments import TripletJudgments
from alignment.triplet_ceiling import achieved_share, triplet_ceiling

N = 6


def judged(rows: list[tuple[int, int, int, int, str]]) -> TripletJudgments:
    """From (a, b, c, odd, rater)."""
    n = len(rows)
    return TripletJudgments(
        actions=tuple(f"a{i}" for i in range(N)),
        triplets=np.array([row[:3] for row in rows]).reshape(n, 3),
        odd=np.array([row[3] for row in rows], dtype=np.int64),
        rater=np.array([row[4] for row in rows], dtype=np.str_),
        sampler=np.array(["random"] * n, dtype=np.str_),
        propensity=np.full(n, np.nan),
        group=np.array(["g"] * n, dtype=np.str_),
    )


def test_agreement_is_what_one_counts_by_hand() -> None:
    found = triplet_ceiling(
        judged(
            [
                (0, 1, 2, 2, "ada"),
                (0, 1, 2, 2, "bo"),
                (0, 1, 2, 0, "cy"),
                (1, 2, 3, 1, "ada"),
                (1, 2, 3, 3, "bo"),
                (2, 3, 4, 4, "ada"),  # nobody else judged it
            ]
        )
    )

    assert found.n_triplets == 2
    assert found.raters_per_triplet == 2.5
    assert found.modal.value == pytest.approx((2 / 3 + 1 / 2) / 2)
    # ada: of bo and cy one says 2, a tie of two modes: 1/2; bo the same; cy: 0.
    assert found.leave_one_out.value == pytest.approx((1 / 3 + 0) / 2)


def test_a_person_who_judges_twice_agrees_with_nobody_by_that() -> None:
    once = judged([(0, 1, 2, 2, "ada"), (0, 1, 2, 0, "bo")])
    twice = judged([(0, 1, 2, 2, "ada"), (0, 1, 2, 2, "ada"), (0, 1, 2, 0, "bo")])

    assert triplet_ceiling(twice) == triplet_ceiling(once)


def test_the_true_ceiling_lies_between_the_two() -> None:
    rng = np.random.default_rng(0)
    rows, best = [], []
    for a, b, c in combinations(range(N), 3):
        chances = rng.dirichlet([3, 1, 1])
        best.append(chances.max())
        for rater in range(40):
            odd = int(rng.choice([a, b, c], p=chances))
            rows.append((a, b, c, odd, f"p{rater:02}"))

    found = triplet_ceiling(judged(rows))

    truth = float(np.mean(best))
    assert found.leave_one_out.value <= truth + 0.02
    assert found.modal.value >= truth - 0.02
    assert found.modal.value - found.leave_one_out.value < 0.1
    assert found.modal.low < found.modal.value < found.modal.high


def test_one_persons_triplets_give_no_ceiling() -> None:
    with pytest.raises(TooFewRaters, match="none of 2 judgments is of such a triplet"):
        triplet_ceiling(judged([(0, 1, 2, 2, "ada"), (1, 2, 3, 1, "bo")]))


def test_the_achieved_share_is_0_at_chance_and_1_at_the_ceiling() -> None:
    assert achieved_share(1 / 3, 0.7) == pytest.approx(0)
    assert achieved_share(0.7, 0.7) == pytest.approx(1)
    assert np.isnan(achieved_share(0.5, 1 / 3))
