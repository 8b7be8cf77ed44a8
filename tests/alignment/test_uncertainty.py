"""`alignment.uncertainty`: intervals that cover, tests that do not cry wolf."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from alignment.errors import AlignmentError, MatrixError
from alignment.matrices import SimilarityMatrix
from alignment.measures.kinds import MatrixMeasure
from alignment.measures.table import MATRIX_MEASURES
from alignment.uncertainty import (
    bootstrap_actions,
    bootstrap_draws,
    draw_actions,
    percentile_estimate,
    permutation_p,
)

every = pytest.mark.parametrize(
    "measure", MATRIX_MEASURES.values(), ids=list(MATRIX_MEASURES)
)
seeds = st.integers(0, 2**32 - 1)


def seen(features: np.ndarray, rater: str) -> SimilarityMatrix:
    """Similarity of actions with these features, rated in eleven steps."""
    apart = ((features[:, None] - features[None]) ** 2).sum(axis=2)
    values = np.round(10 * np.exp(-apart / 6)) / 10
    np.fill_diagonal(values, 1)
    return SimilarityMatrix(values, tuple(f"a{i}" for i in range(len(values))), rater)


def two_raters(
    seed: int, n: int, agreement: float
) -> tuple[SimilarityMatrix, SimilarityMatrix]:
    """Actions drawn from a population that two raters see alike to a degree."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 4))
    own = rng.normal(size=(n, 4))
    y = agreement * x + np.sqrt(1 - agreement**2) * own
    return seen(x, "human"), seen(y, "model")


def gappy(matrix: SimilarityMatrix, n_missing: int) -> SimilarityMatrix:
    values = matrix.values.copy()
    rows, columns = np.triu_indices(len(matrix), k=1)
    values[rows[:n_missing], columns[:n_missing]] = np.nan
    values[columns[:n_missing], rows[:n_missing]] = np.nan
    return SimilarityMatrix(values, matrix.actions, matrix.rater)


@given(seeds, st.integers(4, 12))
def test_each_draw_holds_as_many_actions_as_there_are(seed: int, n: int) -> None:
    counts = draw_actions(n, 20, seed)

    assert counts.shape == (20, n)
    assert (counts.sum(axis=1) == n).all()
    np.testing.assert_array_equal(counts, draw_actions(n, 20, seed))


def test_no_resamples_at_all_are_refused() -> None:
    with pytest.raises(AlignmentError, match="needs at least 1 resample, got 0"):
        draw_actions(5, 0, seed=1)


def test_a_draw_of_actions_is_scipy_on_the_rebuilt_pairs() -> None:
    human, model = two_raters(1, 9, 0.7)
    counts = draw_actions(9, 30, seed=5)

    draws = bootstrap_draws(MATRIX_MEASURES["spearman"], human, model, counts)

    for score, row in zip(draws, counts, strict=True):
        drawn = np.repeat(np.arange(9), row)
        pairs = [(p, q) for k, p in enumerate(drawn) for q in drawn[:k] if p != q]
        x, y = ([m.values[pair] for pair in pairs] for m in (human, model))
        assert score == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-10)


with_interval = pytest.mark.parametrize(
    "measure",
    [measure for measure in MATRIX_MEASURES.values() if measure.has_interval],
    ids=lambda measure: measure.name,
)


def test_a_measure_that_few_actions_raise_gives_no_interval() -> None:
    measure = MATRIX_MEASURES["bures"]
    human, model = two_raters(2, 20, 0.7)

    estimate = bootstrap_actions(measure, human, model, n_resamples=50, seed=3)

    assert estimate.value == measure.compute(human, model)
    assert np.isnan([estimate.low, estimate.high]).all()
    draws = bootstrap_draws(measure, human, model, draw_actions(20, 50, seed=3))
    assert np.median(draws) > estimate.value  # why there is none


@with_interval
def test_the_interval_is_that_of_the_draws(measure: MatrixMeasure) -> None:
    human, model = two_raters(2, 10, 0.7)

    estimate = bootstrap_actions(measure, human, model, n_resamples=300, seed=3)

    draws = bootstrap_draws(measure, human, model, draw_actions(10, 300, seed=3))
    usable = draws[~np.isnan(draws)]
    assert estimate.value == measure.compute(human, model)
    assert estimate.resampled == len(usable)
    assert (estimate.low, estimate.high) == pytest.approx(
        tuple(np.percentile(usable, [2.5, 97.5]))
    )


@with_interval
def test_the_interval_covers_what_holds_in_the_population(
    measure: MatrixMeasure,
) -> None:
    n, studies = 16, 40
    truth = np.mean(
        [measure.compute(*two_raters(10_000 + i, n, 0.7)) for i in range(150)]
    )
    intervals = [
        bootstrap_actions(measure, *two_raters(i, n, 0.7), n_resamples=100, seed=i)
        for i in range(studies)
    ]

    covered = sum(e.low <= truth <= e.high for e in intervals)

    # At 95 % fewer than 33 of 40 come about once in 1,400 such tests.
    assert covered >= 33


def test_the_interval_shrinks_with_more_actions() -> None:
    width = {}
    for n in (12, 48):
        estimates = [
            bootstrap_actions(
                MATRIX_MEASURES["rho_a"],
                *two_raters(i, n, 0.7),
                n_resamples=100,
                seed=i,
            )
            for i in range(10)
        ]
        width[n] = np.mean([e.high - e.low for e in estimates])

    assert width[48] < 0.7 * width[12]


def test_draws_without_a_score_are_left_out_and_counted() -> None:
    human, model = two_raters(0, 4, 0.5)

    estimate = bootstrap_actions(
        MATRIX_MEASURES["cka"], human, model, n_resamples=400, seed=1
    )

    # All four actions are drawn with a chance of 4! / 4^4 = 9 %.
    assert 10 <= estimate.resampled <= 80


def test_an_estimate_without_draws_or_without_a_value_has_no_interval() -> None:
    nothing = percentile_estimate(0.4, np.full(5, np.nan))
    undefined = percentile_estimate(np.nan, np.array([0.1, 0.2]))

    assert nothing.value == 0.4
    assert nothing.resampled == 0
    assert np.isnan([nothing.low, nothing.high, undefined.low, undefined.high]).all()


def test_matrices_of_other_actions_are_refused() -> None:
    human, model = two_raters(0, 6, 0.5)
    turned = model.take([5, 4, 3, 2, 1, 0])

    with pytest.raises(MatrixError, match="the order of its actions differs"):
        bootstrap_actions(MATRIX_MEASURES["spearman"], human, turned, seed=1)
    with pytest.raises(MatrixError, match="the order of its actions differs"):
        permutation_p(MATRIX_MEASURES["spearman"], human, turned, seed=1)


@every
@pytest.mark.parametrize("seed", range(3))
def test_p_is_exact_for_few_actions(measure: MatrixMeasure, seed: int) -> None:
    human, model = two_raters(seed, 5, 0.6)
    observed = measure.compute(human, model)
    scores = [
        measure.compute(
            human,
            SimilarityMatrix(
                model.values[np.ix_(order, order)], model.actions, model.rater
            ),
        )
        for order in permutations(range(5))
    ]

    p = permutation_p(measure, human, model, seed=seed)

    assert p == sum(score >= observed - 1e-9 for score in scores) / 120


@every
def test_p_is_small_for_planted_agreement_and_never_zero(
    measure: MatrixMeasure,
) -> None:
    human, model = two_raters(4, 20, 0.95)

    p = permutation_p(measure, human, model, n_permutations=199, seed=0)

    assert p == 1 / 200


@every
def test_p_is_large_for_unrelated_raters_as_often_as_it_should(
    measure: MatrixMeasure,
) -> None:
    studies = 80
    p = [
        permutation_p(measure, *two_raters(i, 10, 0.0), n_permutations=99, seed=i)
        for i in range(studies)
    ]

    # 24 are expected below .3; outside 10 to 40 lies one binomial draw in 8,000.
    assert 10 <= sum(value <= 0.3 for value in p) <= 40
    assert all(0.01 <= value <= 1 for value in p)


def test_p_of_an_undefined_score_is_undefined() -> None:
    human, _ = two_raters(0, 8, 0.5)
    flat = SimilarityMatrix(np.full((8, 8), 0.5) + 0.5 * np.eye(8), human.actions, "f")

    assert np.isnan(permutation_p(MATRIX_MEASURES["tau_a"], human, flat, seed=0))


@pytest.mark.parametrize("which", ["human", "model", "both"])
def test_p_works_on_judged_pairs_alone(which: str) -> None:
    human, model = two_raters(4, 14, 0.95)
    if which in ("human", "both"):
        human = gappy(human, 20)
    if which in ("model", "both"):
        model = gappy(model.take(range(13, -1, -1)), 20).take(range(13, -1, -1))

    p = permutation_p(MATRIX_MEASURES["rho_a"], human, model, n_permutations=99, seed=0)

    assert p == 1 / 100


def test_an_order_without_a_score_counts_against_the_claim() -> None:
    # Two judged pairs on each side: most orders leave them nothing in common.
    def two_pairs(rater: str) -> SimilarityMatrix:
        values = np.full((5, 5), np.nan)
        np.fill_diagonal(values, 1)
        values[0, 1] = values[1, 0] = 0.2
        values[0, 2] = values[2, 0] = 0.8
        return SimilarityMatrix(values, tuple("abcde"), rater)

    p = permutation_p(
        MATRIX_MEASURES["pearson"], two_pairs("x"), two_pairs("y"), seed=0
    )

    # Of 120 orders, only those that swap the two pairs score below the observed 1:
    # action 0 stays, 1 and 2 trade places, 3 and 4 stand either way.
    assert p == 118 / 120
