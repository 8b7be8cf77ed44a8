"""Matching of units: against all assignments, scipy's linear programs, and edges."""

import sys
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from alignment.errors import MatrixError
from alignment.matrices import FloatArray
from alignment.measures import matching
from alignment.measures.folds import shuffled_folds
from alignment.measures.matching import (
    correlations,
    hard_matching,
    hard_matching_cv,
    semi_matching,
    soft_matching,
    soft_matching_cv,
    soft_matching_distance,
    soft_plan,
)
from tests.witnesses import maps as witness

seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=10, deadline=None)
scores = pytest.mark.parametrize(
    "score",
    [semi_matching, hard_matching, soft_matching, hard_matching_cv, soft_matching_cv],
)


def sides(
    seed: int, n: int = 18, p: int = 3, q: int = 4
) -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, p)) + rng.normal(size=p)
    return x, x @ rng.normal(size=(p, q)) + rng.normal(size=(n, q))


def cheapest(cost: FloatArray) -> float:
    """The cost of the best transport plan, as a linear program."""
    p, q = cost.shape
    rows = np.kron(np.eye(p), np.ones(q))
    columns = np.kron(np.ones(p), np.eye(q))
    plan = linprog(
        cost.ravel(),
        A_eq=np.vstack([rows, columns]),
        b_eq=np.r_[np.full(p, 1 / p), np.full(q, 1 / q)],
    )
    return float(plan.fun)


@few
@given(seeds)
def test_semi_matching_takes_the_best_on_seen_rows_and_scores_the_others(
    seed: int,
) -> None:
    x, y = sides(seed)

    made = semi_matching(x, y, n_folds=3, seed=seed)

    folds = shuffled_folds(18, 3, seed)
    assert made == pytest.approx(witness.semi_matching(x, y, folds), abs=1e-9)


@few
@given(seeds)
def test_hard_matching_is_the_best_of_all_assignments(seed: int) -> None:
    x, y = sides(seed)

    assert hard_matching(x, y) == pytest.approx(witness.hard_matching(x, y), abs=1e-9)


@few
@given(seeds)
def test_soft_matching_is_the_best_transport_plan(seed: int) -> None:
    x, y = sides(seed)

    plan = soft_plan(-correlations(x, y))

    np.testing.assert_allclose(plan.sum(axis=1), 1 / 3)
    np.testing.assert_allclose(plan.sum(axis=0), 1 / 4)
    assert soft_matching(x, y) == pytest.approx(
        -cheapest(-np.corrcoef(x.T, y.T)[:3, 3:]), abs=1e-9
    )


@few
@given(seeds)
def test_the_distance_is_the_root_of_the_cheapest_transport(seed: int) -> None:
    x, y = (side - side.mean(axis=0) for side in sides(seed))
    x, y = (side / np.sqrt((side**2).sum(axis=0).mean()) for side in (x, y))
    cost = ((x[:, :, None] - y[:, None, :]) ** 2).sum(axis=0)

    assert soft_matching_distance(*sides(seed)) == pytest.approx(
        np.sqrt(cheapest(cost)), abs=1e-7
    )


@few
@given(seeds, st.integers(1, 6))
def test_at_equal_widths_soft_and_hard_matching_are_the_same(seed: int, p: int) -> None:
    x, y = sides(seed, p=p, q=p)

    assert soft_matching(x, y) == pytest.approx(hard_matching(x, y), abs=1e-9)
    assert soft_matching_cv(x, y) == pytest.approx(hard_matching_cv(x, y), abs=1e-9)


@few
@given(seeds)
def test_soft_matching_does_not_ask_how_often_a_unit_is_copied(seed: int) -> None:
    x, y = sides(seed)

    as_often = witness.copies(x, 4), witness.copies(y, 3)

    assert hard_matching(*as_often) == pytest.approx(soft_matching(x, y), abs=1e-9)


@few
@given(seeds)
def test_the_same_units_in_another_order_match_wholly(seed: int) -> None:
    x, _ = sides(seed)
    turned = x[:, [2, 0, 1]]

    for score in (semi_matching, hard_matching, soft_matching, soft_matching_cv):
        assert score(x, turned) == pytest.approx(1)
    assert soft_matching_distance(x, turned) == pytest.approx(0, abs=1e-7)


def test_a_rotation_loses_the_units() -> None:
    x, _ = sides(0, n=200, p=2)
    turned = x @ np.array([[1, 1], [-1, 1]]) / np.sqrt(2)

    assert soft_matching(x, turned) < 0.9
    assert soft_matching_distance(x, turned) > 0.3


@scores
def test_constant_units_are_left_out_whatever_their_value(
    score: "partial[float]",
) -> None:
    x, y = sides(1)
    padded = [
        np.hstack([side[:, :1], np.full((18, 1), value), side[:, 1:]])
        for side, value in ((x, 0.1), (y, 3.0))
    ]

    assert score(*padded) == pytest.approx(score(x, y), abs=1e-12)
    assert soft_matching_distance(*padded) == pytest.approx(
        soft_matching_distance(x, y), abs=1e-9
    )


@scores
def test_a_constant_side_has_no_score(score: "partial[float]") -> None:
    x, y = sides(2)

    assert np.isnan(score(x, np.full_like(y, 0.1)))
    assert np.isnan(score(np.zeros_like(x), y))
    assert np.isnan(soft_matching_distance(x, np.full_like(y, 0.1)))


@scores
def test_units_that_are_constant_in_some_folds_leave_a_score(
    score: "partial[float]",
) -> None:
    """Sparse units, as after a ReLU: one row apart from zero."""
    x, y = sides(3)
    x[1:, 0] = 0.0
    y[:, 1] = 0.0
    y[4, 1] = 1.0

    assert -1 <= score(x, y) <= 1


def test_a_unit_that_varies_in_no_fold_is_left_out_of_semi_matching() -> None:
    x, y = sides(4)
    for fold, (_, test) in enumerate(shuffled_folds(18)):
        y[test, 1] = fold

    assert semi_matching(x, y) == pytest.approx(semi_matching(x, y[:, [0, 2, 3]]))


def test_chance_fits_do_not_survive_unseen_rows() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 60)), rng.normal(size=(30, 60))

    assert hard_matching(x, y) > 0.35
    assert abs(hard_matching_cv(x, y)) < 0.1


def test_without_the_library_soft_matching_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "ot", None)

    with pytest.raises(
        MatrixError, match=r"needs the package POT.* attune\[matching\]"
    ):
        soft_matching(*sides(5))


def test_a_plan_that_was_not_found_is_no_score(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "MOST_PIVOTS", 1)
    x, y = sides(6, p=40, q=41)

    with (
        pytest.warns(UserWarning, match="numItermax"),
        pytest.raises(MatrixError, match="of 40 with 41 units: no plan was found"),
    ):
        soft_matching(x, y)
