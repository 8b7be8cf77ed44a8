"""Linear predictivity: against loops and scikit-learn, and where units are odd."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import RidgeCV

from alignment.errors import MatrixError
from alignment.matrices import FloatArray
from alignment.measures.folds import shuffled_folds
from alignment.measures.predictivity import ALPHAS, linear_predictivity, predict_units
from alignment.measures.table import FEATURE_MEASURES
from tests.witnesses import maps as witness

seeds = st.integers(0, 2**32 - 1)


def sides(
    seed: int, n: int = 20, p: int = 3, q: int = 2
) -> tuple[FloatArray, FloatArray]:
    """The second is read out of the first, with some noise."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, p)) * rng.uniform(0.5, 3, p) + rng.normal(size=p)
    return x, x @ rng.normal(size=(p, q)) + rng.normal(size=(n, q))


@given(seeds)
@settings(max_examples=3, deadline=None)
def test_it_is_ridge_with_the_alpha_that_predicts_left_out_rows_best(seed: int) -> None:
    x, y = sides(seed)

    made = predict_units(x, y, n_folds=3, seed=seed)

    score, alphas = witness.predictivity(
        x, y, shuffled_folds(20, 3, seed), list(ALPHAS)
    )
    np.testing.assert_allclose(made.alphas, alphas)
    assert made.score == pytest.approx(score, abs=1e-9)
    assert made.score == pytest.approx(made.per_unit.mean())


@pytest.mark.parametrize("p", [5, 60])
def test_with_few_or_many_units_it_chooses_and_predicts_as_scikit_learn(p: int) -> None:
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(40, 4))
    x = hidden @ rng.normal(size=(4, p)) + 2 * rng.normal(size=(40, p))
    y = hidden + rng.normal(size=(40, 4))

    made = predict_units(x, y)

    scores = []
    for (train, test), alpha in zip(shuffled_folds(40), made.alphas, strict=True):
        a, b = (
            (x[rows] - x[train].mean(axis=0)) / x[train].std(axis=0)
            for rows in (train, test)
        )
        target = (y[train] - y[train].mean(axis=0)) / y[train].std(axis=0)
        peer = RidgeCV(alphas=np.array(ALPHAS)).fit(a, target)
        assert alpha == pytest.approx(peer.alpha_)
        predicted = peer.predict(b)
        scores += [np.corrcoef(predicted[:, j], y[test, j])[0, 1] for j in range(4)]
    assert made.score == pytest.approx(np.mean(scores), abs=1e-7)


def test_what_can_be_read_out_is_read_out_of_more_units_than_rows() -> None:
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(50, 2))
    wide = hidden @ rng.normal(size=(2, 300)) + 0.01 * rng.normal(size=(50, 300))

    assert linear_predictivity(wide, hidden) > 0.99


def test_unrelated_sides_score_nothing_on_average() -> None:
    scores = [
        linear_predictivity(sides(seed)[0], sides(seed + 500)[1]) for seed in range(60)
    ]

    assert abs(np.mean(scores)) < 4 * np.std(scores) / np.sqrt(60)


def test_unseen_rows_do_not_tell_of_themselves() -> None:
    """An outlier among unseen rows must not move the moments that others see."""
    x, y = sides(2)
    (_, test), *_ = shuffled_folds(20)
    odd = x.copy()
    odd[test] = 50.0 * odd[test]

    a, b = (predict_units(each, y).alphas[0] for each in (x, odd))

    assert a == b


def test_the_direction_counts() -> None:
    x, _ = sides(3, n=40, p=4)

    assert (
        linear_predictivity(x, x[:, :1])
        > 0.999
        > linear_predictivity(x[:, :1], x) + 0.2
    )


def test_constant_units_are_left_out_and_counted() -> None:
    x, y = sides(4)
    with_constant = np.hstack([y, np.full((20, 2), 0.1)])

    made = predict_units(np.hstack([x, np.full((20, 1), 7.3)]), with_constant)

    assert made.n_constant == 2
    assert len(made.per_unit) == 2
    assert made.score == pytest.approx(linear_predictivity(x, y), abs=1e-9)


def test_a_unit_of_one_odd_row_cannot_be_predicted() -> None:
    """Where its row is unseen it was constant before: a constant prediction counts 0."""
    x, y = sides(5)
    y[:, 1] = 0.0
    y[7, 1] = 1.0

    made = predict_units(x, y)

    assert made.per_unit[1] == 0


def test_a_unit_that_varies_in_no_fold_has_no_score() -> None:
    x, y = sides(6)
    for fold, (_, test) in enumerate(shuffled_folds(20)):
        y[test, 1] = fold

    made = predict_units(x, y)

    assert np.isnan(made.per_unit[1])
    assert made.score == made.per_unit[0]


@pytest.mark.parametrize("value", [0.0, 0.1])
def test_a_constant_side_has_no_score(value: float) -> None:
    x, y = sides(7)

    assert np.isnan(linear_predictivity(x, np.full_like(y, value)))
    assert np.isnan(linear_predictivity(np.full_like(x, value), y))


def test_folds_hold_every_row_once_and_follow_the_seed() -> None:
    folds = shuffled_folds(17, 5, seed=1)

    unseen = np.concatenate([test for _, test in folds])
    assert sorted(unseen) == list(range(17))
    for train, test in folds:
        assert sorted([*train, *test]) == list(range(17))
        assert len(test) in (3, 4)
    again, other = shuffled_folds(17, 5, seed=1), shuffled_folds(17, 5, seed=2)
    assert all(np.array_equal(a[1], b[1]) for a, b in zip(folds, again, strict=True))
    assert not all(
        np.array_equal(a[1], b[1]) for a, b in zip(folds, other, strict=True)
    )


def test_too_few_actions_for_the_folds_are_refused() -> None:
    x, y = sides(8)

    with pytest.raises(
        MatrixError, match=r"at least 3 actions each, got 7 folds for 20"
    ):
        predict_units(x, y, n_folds=7)
    with pytest.raises(MatrixError, match="needs at least 15 actions, got 14"):
        FEATURE_MEASURES["linear_predictivity"].compute(x[:14], y[:14])
