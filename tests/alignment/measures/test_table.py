"""The contract of `MATRIX_MEASURES`: what holds for every row, old or new."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from alignment.errors import MatrixError
from alignment.matrices import SimilarityMatrix
from alignment.measures.kinds import Invariance, MatrixMeasure
from alignment.measures.table import MATRIX_MEASURES, measure_named

N = 8
every = pytest.mark.parametrize(
    "measure", MATRIX_MEASURES.values(), ids=list(MATRIX_MEASURES)
)
on_pairs = pytest.mark.parametrize(
    "measure",
    [measure for measure in MATRIX_MEASURES.values() if not measure.needs_complete],
    ids=lambda measure: measure.name,
)
seeds = st.integers(0, 2**32 - 1)


def matrix(seed: int, rater: str = "human", gaps: float = 0.0) -> SimilarityMatrix:
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 11, (N, N)) / 10
    values[rng.uniform(size=(N, N)) < gaps] = np.nan
    values = np.triu(values, 1)
    return SimilarityMatrix(
        values + values.T + np.eye(N), tuple(f"a{i}" for i in range(N)), rater
    )


def moved(b: SimilarityMatrix, order: np.ndarray) -> SimilarityMatrix:
    return SimilarityMatrix(b.values[np.ix_(order, order)], b.actions, b.rater)


@every
@given(i=seeds, j=seeds)
@settings(max_examples=15)
def test_a_draw_of_every_action_once_is_the_measure_itself(
    measure: MatrixMeasure, i: int, j: int
) -> None:
    a, b = matrix(i), matrix(j)
    once_and_otherwise = np.ones((2, N), dtype=np.int64)
    once_and_otherwise[1, :2] = 2, 0

    score = measure.resampled(a, b, once_and_otherwise)[0]

    assert measure.compute(a, b) == pytest.approx(score, abs=1e-9, nan_ok=True)


@every
@given(i=seeds, j=seeds, order=st.permutations(range(N)))
def test_relabelling_the_actions_changes_nothing(
    measure: MatrixMeasure, i: int, j: int, order: list[int]
) -> None:
    a, b = matrix(i), matrix(j)

    assert measure.compute(a.take(order), b.take(order)) == pytest.approx(
        measure.compute(a, b), abs=1e-9
    )


@every
@given(i=seeds, j=seeds)
def test_a_score_is_in_its_range_and_symmetric_where_its_row_says_so(
    measure: MatrixMeasure, i: int, j: int
) -> None:
    score = measure.compute(matrix(i), matrix(j))

    low, high = measure.range
    assert low <= score <= high
    if measure.symmetric:
        turned = measure.compute(matrix(j), matrix(i))
        assert turned == pytest.approx(score, abs=1e-9)


@pytest.mark.parametrize(
    "measure",
    [measure for measure in MATRIX_MEASURES.values() if measure.symmetric],
    ids=lambda measure: measure.name,
)
@given(i=seeds, j=seeds)
def test_nothing_beats_a_matrix_against_itself(
    measure: MatrixMeasure, i: int, j: int
) -> None:
    itself = measure.compute(matrix(i), matrix(i))

    assert measure.compute(matrix(i), matrix(j)) <= itself + 1e-12


@every
@given(i=seeds, j=seeds)
@settings(max_examples=25)
def test_permuted_scores_are_those_of_moved_matrices(
    measure: MatrixMeasure, i: int, j: int
) -> None:
    a, b = matrix(i), matrix(j)
    orders = np.stack([np.random.default_rng(i + k).permutation(N) for k in range(5)])

    scores = measure.permuted(a, b, orders)

    expected = [measure.compute(a, moved(b, order)) for order in orders]
    np.testing.assert_allclose(scores, expected, atol=1e-9)


@on_pairs
@pytest.mark.parametrize(("gaps_a", "gaps_b"), [(0.4, 0), (0, 0.4), (0.3, 0.3)])
@given(i=seeds)
@settings(max_examples=25)
def test_unjudged_pairs_move_with_their_actions(
    measure: MatrixMeasure, gaps_a: float, gaps_b: float, i: int
) -> None:
    a, b = matrix(i, gaps=gaps_a), matrix(i + 1, gaps=gaps_b)
    orders = np.stack([np.random.default_rng(i + k).permutation(N) for k in range(5)])

    scores = measure.permuted(a, b, orders)

    expected = [measure.compute(a, moved(b, order)) for order in orders]
    np.testing.assert_allclose(scores, expected, atol=1e-9)


@on_pairs
@given(i=seeds)
def test_only_pairs_judged_in_both_count(measure: MatrixMeasure, i: int) -> None:
    a, b = matrix(i, gaps=0.3), matrix(i + 1, gaps=0.3)
    both = ~np.isnan(a.pairs()) & ~np.isnan(b.pairs())
    values = np.where(np.isnan(b.values), np.nan, a.values)  # what b lacks, a lacks too

    thinned = SimilarityMatrix(values, a.actions, a.rater)

    assert measure.compute(a, b) == pytest.approx(
        measure.compute(thinned, b), abs=1e-12, nan_ok=True
    )
    if measure.name == "spearman" and np.unique(a.pairs()[both]).size > 2:
        assert measure.compute(a, b) == pytest.approx(
            stats.spearmanr(a.pairs()[both], b.pairs()[both]).statistic, nan_ok=True
        )


@on_pairs
def test_matrices_without_a_common_pair_have_no_score(measure: MatrixMeasure) -> None:
    values = np.full((N, N), np.nan)
    np.fill_diagonal(values, 1)
    nothing = SimilarityMatrix(values, matrix(0).actions, "silent")

    assert np.isnan(measure.compute(matrix(0), nothing))
    assert np.isnan(measure.permuted(nothing, nothing, np.arange(N)[None])).all()


@every
def test_a_constant_matrix_has_no_score(measure: MatrixMeasure) -> None:
    flat = SimilarityMatrix(
        np.full((N, N), 0.3) + 0.7 * np.eye(N), matrix(0).actions, "f"
    )

    assert np.isnan(measure.compute(matrix(0), flat))
    assert np.isnan(measure.compute(flat, matrix(0)))


@every
def test_matrices_in_different_order_are_refused(measure: MatrixMeasure) -> None:
    with pytest.raises(MatrixError, match="the order of its actions differs from that"):
        measure.compute(matrix(0), matrix(1).take(range(N - 1, -1, -1)))


@every
def test_gaps_are_refused_where_a_measure_needs_every_pair(
    measure: MatrixMeasure,
) -> None:
    gappy = matrix(1, gaps=0.3)

    if measure.needs_complete:
        with pytest.raises(MatrixError, match="needs every pair judged"):
            measure.compute(matrix(0), gappy)
    else:
        assert np.isfinite(measure.compute(matrix(0), gappy))


@pytest.mark.parametrize(
    "measure",
    [measure for measure in MATRIX_MEASURES.values() if measure.chance is not None],
    ids=lambda measure: measure.name,
)
def test_unrelated_matrices_score_chance_on_average(measure: MatrixMeasure) -> None:
    assert measure.chance is not None
    rng = np.random.default_rng(0)
    scores: list[float] = []
    for seed in range(200):
        orders = rng.permuted(np.tile(np.arange(N), (10, 1)), axis=1)
        scores.extend(measure.permuted(matrix(seed), matrix(seed + 1000), orders))

    assert np.mean(scores) == pytest.approx(measure.chance(N), abs=0.03)


def done_to(b: SimilarityMatrix, what: str) -> SimilarityMatrix:
    """The matrix with every similarity of two actions changed as an invariance says."""
    level = np.linspace(0, 0.3, N)
    off = {
        "monotone map": b.values**3 / 2,
        "affine map": 0.4 * b.values + 0.1,
        "scale": 0.4 * b.values,
        "action levels": 0.4 * b.values + level[:, None] + level,
    }[what]
    return SimilarityMatrix(np.where(np.eye(N), 1.0, off), b.actions, b.rater)


@every
@pytest.mark.parametrize(
    "what", ["monotone map", "affine map", "scale", "action levels"]
)
def test_a_score_is_unchanged_by_what_its_row_says_and_by_nothing_else(
    measure: MatrixMeasure, what: Invariance
) -> None:
    moved_by = []
    for seed in range(10):
        a, b = matrix(seed), matrix(seed + 100)
        score = measure.compute(a, done_to(b, what))
        moved_by.append(abs(score - measure.compute(a, b)))

    if what in measure.invariant_to:
        assert max(moved_by) < 1e-9
    else:
        assert max(moved_by) > 1e-4


@every
def test_every_measure_says_when_to_use_it_and_when_not(measure: MatrixMeasure) -> None:
    for said in (measure.use_when, measure.misleads_when, measure.reference):
        assert len(said.split()) >= 2
    assert MATRIX_MEASURES[measure.name] is measure is measure_named(measure.name)


def test_an_unknown_measure_is_refused_with_those_there_are() -> None:
    with pytest.raises(
        MatrixError, match=r"measure sausage: .*; the measures are spearm"
    ):
        measure_named("sausage")
