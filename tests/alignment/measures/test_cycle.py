"""Cycle k-NN: against every way to break ties, and rebuilt draws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignment.errors import MatrixError
from alignment.matrices import SimilarityMatrix
from alignment.measures import cycle as module
from alignment.measures.cycle import cycle_permuted, cycle_resampled, cycle_size
from tests.alignment.measures.test_jaccard import N, matrix
from tests.witnesses import neighbours as witness

seeds = st.integers(0, 2**32 - 1)
everybody_once = np.ones((1, N), dtype=np.int64)


@settings(max_examples=15, deadline=None)
@given(seeds, st.integers(1, 4))
def test_it_is_the_mean_over_all_ways_to_break_ties_of_every_draw(
    seed: int, k: int
) -> None:
    a, b = matrix(seed), matrix(seed + 1)
    counts = np.random.default_rng(seed).multinomial(N, np.full(N, 1 / N), 2)
    counts[0] = 1

    scores = cycle_resampled(a, b, counts, k)

    for score, row in zip(scores, counts, strict=True):
        draw = np.repeat(np.arange(N), row).tolist()
        assert score == pytest.approx(
            witness.cycle(a.values, b.values, draw, k), abs=1e-9
        )


def test_the_first_side_is_the_one_on_which_the_way_leads_back() -> None:
    """b: 0 is next to 1. a: 1 is next to 0, but 0 to 2; so 0 is found over 1."""
    b = np.array(
        [[1, 0.9, 0.1, 0.2], [0.9, 1, 0.3, 0.4], [0.1, 0.3, 1, 0.8], [0.2, 0.4, 0.8, 1]]
    )
    a = np.array(
        [[1, 0.7, 0.9, 0.0], [0.7, 1, 0.2, 0.1], [0.9, 0.2, 1, 0.3], [0.0, 0.1, 0.3, 1]]
    )
    sides = [SimilarityMatrix(values, tuple("wxyz"), "r") for values in (a, b)]
    once = np.ones((1, 4), dtype=np.int64)

    # b leads 0 to 1, 1 to 0, 2 to 3, 3 to 2; a leads 0 to 2, 1 to 0, 2 to 0, 3 to 2.
    assert cycle_resampled(*sides, once, 1)[0] == 0.5  # 0 over 1, 2 over 3
    # a leads 0 to 2, 1 to 0, 2 to 0, 3 to 2; b leads none of these but 0 to 1 back.
    assert cycle_resampled(*sides[::-1], once, 1)[0] == 0.5  # 1 over 0, 3 over 2


def test_with_everybody_a_neighbour_everybody_comes_back() -> None:
    assert cycle_resampled(matrix(0), matrix(1), everybody_once, 5) == pytest.approx(1)


def test_permuted_scores_do_not_depend_on_the_pieces_they_are_made_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counts = np.random.default_rng(0).multinomial(N, np.full(N, 1 / N), 9)
    whole = cycle_resampled(matrix(3), matrix(4), counts, 2)

    monkeypatch.setattr(module, "HELD", 1)

    np.testing.assert_array_equal(
        cycle_resampled(matrix(3), matrix(4), counts, 2), whole
    )


def test_a_constant_side_or_draw_has_no_score() -> None:
    values = np.full((N, N), 0.4) + 0.6 * np.eye(N)
    flat = SimilarityMatrix(values, matrix(0).actions, "flat")

    assert np.isnan(cycle_resampled(matrix(0), flat, everybody_once)).all()
    assert np.isnan(cycle_permuted(flat, matrix(0), np.arange(N)[None])).all()
    one_action = np.array([[0, 0, 6, 0, 0, 0]])
    assert np.isnan(cycle_resampled(matrix(0), matrix(1), one_action)).all()


@pytest.mark.parametrize(("n", "k"), [(3, 1), (16, 2), (50, 3), (400, 10), (5000, 10)])
def test_the_default_neighbourhood_stays_far_from_saturation(n: int, k: int) -> None:
    assert cycle_size(n) == k


def test_a_neighbourhood_out_of_range_is_refused() -> None:
    with pytest.raises(MatrixError, match="k must lie in 1 to 5 for 6 actions, got 6"):
        cycle_resampled(matrix(0), matrix(1), everybody_once, 6)
