"""`alignment.comparison`: every measure of a pair of matrices, or the reason why not."""

from dataclasses import replace
from math import isnan

import numpy as np
import pytest

from alignment.comparison import (
    TRIPLET_ACCURACY,
    compare_by_all_measures,
    compare_with_triplets,
)
from alignment.judgments import TripletJudgments
from alignment.matrices import SimilarityMatrix
from alignment.measures.table import MATRIX_MEASURES, REPORTED
from alignment.report_files import AlignmentRow
from alignment.triplets import odd_one_out_accuracy
from alignment.uncertainty import bootstrap_actions, permutation_p

N = 12


def matrix(seed: int, rater: str, n: int = N) -> SimilarityMatrix:
    values = np.random.default_rng(seed).random((n, n))
    values = (values + values.T) / 2
    np.fill_diagonal(values, 1.0)
    return SimilarityMatrix(values, tuple(f"a{i}" for i in range(n)), rater)


def with_gaps(one: SimilarityMatrix, gaps: int) -> SimilarityMatrix:
    values = one.values.copy()
    for j in range(1, gaps + 1):
        values[0, j] = values[j, 0] = np.nan
    return replace(one, values=values)


def constant(rater: str, value: float = 1.0) -> SimilarityMatrix:
    values = np.full((N, N), value)
    np.fill_diagonal(values, 1.0)
    return SimilarityMatrix(values, matrix(0, "x").actions, rater)


def rows(against: SimilarityMatrix, other: SimilarityMatrix) -> dict[str, AlignmentRow]:
    made = compare_by_all_measures(
        against, other, n_resamples=40, n_permutations=30, seed=3
    )
    return {row.measure: row for row in made}


HUMAN = matrix(1, "human")
MODEL = matrix(2, "model")


@pytest.mark.parametrize("name", REPORTED)
def test_a_row_holds_what_the_measure_the_bootstrap_and_the_test_give(
    name: str,
) -> None:
    row = rows(HUMAN, MODEL)[name]

    measure = MATRIX_MEASURES[name]
    estimate = bootstrap_actions(measure, HUMAN, MODEL, n_resamples=40, seed=3)
    p = permutation_p(measure, HUMAN, MODEL, n_permutations=30, seed=3)
    assert (row.value, row.low, row.high) == (
        estimate.value,
        estimate.low,
        estimate.high,
    )
    assert (row.p, row.n_permutations) == (p, 30)
    assert (row.rater, row.against, row.note) == ("model", "human", "")
    assert (row.n_pairs, row.n_resamples) == (66, 40)


@pytest.mark.parametrize("side", ["human", "model"])
def test_gaps_leave_the_pair_measures_on_judged_pairs_and_say_why_not_the_others(
    side: str,
) -> None:
    human = with_gaps(HUMAN, 3) if side == "human" else HUMAN
    model = with_gaps(MODEL, 3) if side == "model" else MODEL

    found = rows(human, model)

    for name, measure in ((name, MATRIX_MEASURES[name]) for name in REPORTED):
        row = found[name]
        assert row.n_pairs == 63
        if measure.needs_complete:
            assert isnan(row.value)
            assert isnan(row.p)
            assert row.note == (
                f"needs every pair judged: 3 of 66 pairs were not judged by {side}"
            )
        else:
            assert row.low <= row.high
            assert row.note == ""


@pytest.mark.parametrize("name", REPORTED)
@pytest.mark.parametrize("side", ["human", "model"])
def test_a_constant_rater_is_undefined_with_the_reason(name: str, side: str) -> None:
    flat = constant(side)

    row = rows(flat, MODEL)[name] if side == "human" else rows(HUMAN, flat)[name]

    assert isnan(row.value)
    assert isnan(row.p)
    assert row.note == f"undefined: {side} gave all 66 pairs the same similarity, 1"


def test_ratings_that_are_constant_only_where_both_judged_are_undefined_too() -> None:
    values = np.full((N, N), np.nan)
    values[0, 1] = values[1, 0] = values[2, 3] = values[3, 2] = 0.3
    np.fill_diagonal(values, 1.0)
    model = replace(MODEL, values=values)

    row = rows(HUMAN, model)["spearman"]

    assert isnan(row.value)
    assert row.note == "undefined: model gave all 2 pairs the same similarity, 0.3"


@pytest.mark.parametrize("n_judged", [0, 1])
def test_too_few_common_pairs_are_said(n_judged: int) -> None:
    values = np.full((N, N), np.nan)
    if n_judged:
        values[0, 1] = values[1, 0] = 0.3
    np.fill_diagonal(values, 1.0)

    row = rows(HUMAN, replace(MODEL, values=values))["spearman"]

    assert row.note == f"needs at least 2 pairs judged by both, got {n_judged}"


def test_too_few_actions_for_one_measure_leave_the_others() -> None:
    found = rows(matrix(1, "human", 3), matrix(2, "model", 3))

    assert found["cka"].note == "debiased CKA: needs at least 4 actions, got 3"
    assert not isnan(found["spearman"].value)
    assert found["spearman"].n_permutations == 6  # all orders of three


def test_triplet_accuracy_stands_in_a_row_of_its_own() -> None:
    triplets = TripletJudgments(
        actions=MODEL.actions,
        triplets=np.array([[0, 1, 2], [3, 4, 5], [1, 5, 9]]),
        odd=np.array([0, 4, 9]),
        rater=np.array(["ada"] * 3),
        sampler=np.array(["random"] * 3),
        propensity=np.full(3, np.nan),
        group=np.array([""] * 3),
    )

    row = compare_with_triplets(triplets, MODEL, n_resamples=20, seed=1)
    empty = compare_with_triplets(
        triplets, with_gaps(with_gaps(MODEL, N - 1), N - 1), n_resamples=20, seed=1
    )

    expected = odd_one_out_accuracy(MODEL, triplets, n_resamples=20, seed=1)
    assert row.measure == TRIPLET_ACCURACY
    assert (row.value, row.low, row.high) == (
        expected.value,
        expected.low,
        expected.high,
    )
    assert isnan(row.p)
    assert empty.note == ""  # two triplets without action 0 remain


def test_a_rater_without_the_pairs_of_any_triplet_is_said() -> None:
    triplets = TripletJudgments(
        actions=MODEL.actions,
        triplets=np.array([[0, 1, 2]]),
        odd=np.array([0]),
        rater=np.array(["ada"]),
        sampler=np.array([""]),
        propensity=np.array([np.nan]),
        group=np.array([""]),
    )

    row = compare_with_triplets(triplets, with_gaps(MODEL, 2), n_resamples=20, seed=1)

    assert isnan(row.value)
    assert row.note == "it judged all three pairs of no triplet"
