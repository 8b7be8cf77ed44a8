"""`alignment.contrasts`: which model is more aligned, and how sure that is."""

from dataclasses import replace

import numpy as np
import pytest

from alignment.contrasts import (
    CEILING,
    CeilingDraws,
    compare_models,
    compare_over_both,
    compare_with_ceiling,
    models_against_chance,
    split_half_ceiling,
)
from alignment.errors import AlignmentError, MatrixError, TooFewRaters
from alignment.matrices import SimilarityMatrix
from alignment.measures.table import MATRIX_MEASURES
from alignment.multiplicity import benjamini_hochberg, holm
from alignment.reliability import noise_ceiling
from alignment.two_factor import factor_draws
from alignment.uncertainty import (
    bootstrap_draws,
    draw_actions,
    permutation_p,
)
from tests.sparse_studies import published, rated, seen

PEARSON = MATRIX_MEASURES["pearson"]


def world(
    seed: int, agreements: tuple[float, ...], n: int = 14
) -> list[SimilarityMatrix]:
    """The human matrix, then a model for each degree of agreement, "m0", "m1", ..."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    return [
        seen(x, "human"),
        *(
            seen(r * x + np.sqrt(1 - r**2) * rng.normal(size=x.shape), f"m{k}")
            for k, r in enumerate(agreements)
        ),
    ]


def without(one: SimilarityMatrix, n_pairs: int) -> SimilarityMatrix:
    values = one.values.copy()
    values[0, 1 : n_pairs + 1] = values[1 : n_pairs + 1, 0] = np.nan
    return replace(one, values=values)


def constant(like: SimilarityMatrix) -> SimilarityMatrix:
    n = len(like)
    return SimilarityMatrix(
        np.full((n, n), 0.3) + 0.7 * np.eye(n), like.actions, "flat"
    )


def test_a_pair_of_models_is_compared_on_the_same_draws() -> None:
    human, *models = world(1, (0.9, 0.5, 0.2))

    rows = compare_models(PEARSON, human, models, n_resamples=60, seed=3)

    counts = draw_actions(14, 60, seed=3)
    draws = [bootstrap_draws(PEARSON, human, model, counts) for model in models]
    assert [(row.first, row.second) for row in rows] == [
        ("m0", "m1"),
        ("m0", "m2"),
        ("m1", "m2"),
    ]
    d = draws[0] - draws[2]
    assert rows[1].difference.value == pytest.approx(
        PEARSON.compute(human, models[0]) - PEARSON.compute(human, models[2])
    )
    assert (rows[1].difference.low, rows[1].difference.high) == pytest.approx(
        tuple(np.percentile(d, [2.5, 97.5]))
    )
    side = min((d <= 0).sum(), (d >= 0).sum())
    assert rows[1].p == pytest.approx(min(1, 2 * (1 + side) / 61))


def test_the_adjusted_p_are_those_of_the_family() -> None:
    human, *models = world(2, (0.9, 0.7, 0.4, 0.1))

    rows = compare_models(PEARSON, human, models, n_resamples=80, seed=1)

    p = [row.p for row in rows]
    np.testing.assert_allclose([row.p_holm for row in rows], holm(p))
    np.testing.assert_allclose([row.p_bh for row in rows], benjamini_hochberg(p))
    assert all(1 / 81 <= row.p_max_t <= 1 for row in rows)


def test_a_clear_difference_is_found_and_none_is_not() -> None:
    human, close, far, _ = world(3, (0.97, 0.1, 0.1), n=20)
    twin = replace(far, rater="twin")

    rows = compare_models(PEARSON, human, [close, far, twin], n_resamples=99, seed=1)

    found = {(row.first, row.second): row for row in rows}
    assert found["m0", "m1"].p == 2 / 100
    assert found["m0", "m1"].p_max_t <= 0.05
    assert found["m1", "twin"].p == found["m1", "twin"].p_max_t == 1
    assert found["m1", "twin"].difference.high == 0


def test_models_alike_in_truth_are_seldom_called_different() -> None:
    studies = 60
    claims = {"p_holm": 0, "p_max_t": 0}
    for seed in range(studies):
        human, *models = world(seed, (0.6, 0.6, 0.6), n=12)
        rows = compare_models(PEARSON, human, models, n_resamples=99, seed=seed)
        for how in claims:
            claims[how] += min(getattr(row, how) for row in rows) <= 0.05

    # 3 expected at most; more than 11 come once in 10,000.
    assert max(claims.values()) <= 11


def test_refused_pairs_are_left_out_for_every_model() -> None:
    human, *models = world(4, (0.8, 0.4))
    coy = without(models[1], 5)

    rows = compare_models(PEARSON, human, [models[0], coy], n_resamples=40, seed=1)

    both = [without(each, 5) for each in models]
    assert rows[0].n_pairs == 86
    assert rows == compare_models(PEARSON, human, both, n_resamples=40, seed=1)


def test_a_model_without_a_score_is_in_no_family() -> None:
    human, *models = world(5, (0.8, 0.4))

    rows = compare_models(
        PEARSON, human, [*models, constant(human)], n_resamples=40, seed=1
    )

    alone = compare_models(PEARSON, human, models, n_resamples=40, seed=1)
    assert rows[0] == alone[0]
    for row in rows[1:]:
        assert np.isnan([row.difference.value, row.p, row.p_holm, row.p_max_t]).all()


@pytest.mark.parametrize("n", [5, 12])
def test_against_chance_the_raw_p_is_the_permutation_test(n: int) -> None:
    human, *models = world(6, (0.9, 0.5, 0.0), n=n)

    rows = models_against_chance(PEARSON, human, models, n_permutations=60, seed=2)

    for model, row in zip(models, rows, strict=True):
        assert row.value == PEARSON.compute(human, model)
        assert row.p == permutation_p(PEARSON, human, model, n_permutations=60, seed=2)
        assert row.p <= row.p_max_t
        assert row.p <= row.p_bh <= row.p_holm
    assert rows[0].p_max_t <= 3 * rows[0].p + 1e-12


def test_against_chance_one_of_many_unrelated_models_is_seldom_claimed() -> None:
    claims = 0
    for seed in range(60):
        human, *models = world(seed, (0.0,) * 4, n=9)
        rows = models_against_chance(
            PEARSON, human, models, n_permutations=59, seed=seed
        )
        claims += min(row.p_max_t for row in rows) <= 0.05

    # 3 expected; more than 11 come once in 10,000.
    assert claims <= 11


def test_against_chance_a_constant_model_is_in_no_family() -> None:
    human, *models = world(5, (0.8, 0.4))

    rows = models_against_chance(
        PEARSON, human, [constant(human), *models], n_permutations=40, seed=1
    )

    assert np.isnan([rows[0].value, rows[0].p, rows[0].p_bh, rows[0].p_max_t]).all()
    assert rows[1:] == models_against_chance(
        PEARSON, human, models, n_permutations=40, seed=1
    )


def test_the_ceiling_is_that_of_split_halves_on_each_draw() -> None:
    human = world(7, ())[0]
    judgments = rated(human, seed=7, n_raters=8, per_pair=8, noise=0.2)

    found = split_half_ceiling(PEARSON, judgments, n_splits=40, n_resamples=50, seed=2)
    spearman = split_half_ceiling(
        MATRIX_MEASURES["spearman"], judgments, n_splits=60, n_resamples=2, seed=2
    )

    close = noise_ceiling(judgments, n_splits=60, n_resamples=2, seed=1).estimate
    assert spearman.value == pytest.approx(close.value, abs=0.03)
    assert found.draws.shape == (50,)
    assert found.draws.min() >= 0
    assert found.draws.max() <= 1
    assert found.draws.mean() == pytest.approx(found.value, abs=0.1)


def test_a_poor_model_lies_below_the_ceiling_and_a_perfect_one_does_not() -> None:
    human, poor = world(8, (0.1,), n=16)
    judgments = rated(human, seed=8, n_raters=12, per_pair=8, noise=0.25)
    perfect = replace(human, rater="perfect")
    ceiling = split_half_ceiling(PEARSON, judgments, n_resamples=99, seed=4)

    rows = compare_with_ceiling(
        PEARSON, judgments.mean(), [poor, perfect], ceiling, n_resamples=99, seed=4
    )

    assert [row.second for row in rows] == [CEILING, CEILING]
    assert rows[0].difference.high < 0
    assert rows[0].p_max_t <= 0.05
    assert abs(rows[1].difference.value) < 0.08


def test_the_ceiling_leaves_out_the_pairs_that_a_model_lacks() -> None:
    human, model = world(8, (0.5,))
    judgments = rated(human, seed=8, n_raters=6, per_pair=4)
    coy = without(model, 6)
    kept = ~np.isnan(coy.values[judgments.a, judgments.b])
    columns = ("a", "b", "rater", "similarity", "weight", "group")
    fewer = replace(judgments, **{c: getattr(judgments, c)[kept] for c in columns})

    found = split_half_ceiling(PEARSON, judgments, [model, coy], n_resamples=8, seed=2)

    alone = split_half_ceiling(PEARSON, fewer, n_resamples=8, seed=2)
    assert found.value == alone.value
    np.testing.assert_array_equal(found.draws, alone.draws)


def test_without_a_ceiling_nothing_is_compared_with_it() -> None:
    human, model = world(9, (0.5,))
    nothing = CeilingDraws(float("nan"), np.zeros(20))

    (row,) = compare_with_ceiling(
        PEARSON, human, [model], nothing, n_resamples=20, seed=4
    )

    assert np.isnan(
        [row.difference.value, row.p, row.p_holm, row.p_bh, row.p_max_t]
    ).all()


def test_over_people_and_actions_the_tests_are_those_of_the_two_factors() -> None:
    human, *models = world(10, (0.95, 0.4, 0.1), n=12)
    judgments = rated(human, seed=1, n_raters=10, per_pair=6)
    draws = factor_draws(PEARSON, judgments, models, n_resamples=80, seed=3)

    rows = compare_over_both(draws)

    for row in rows:
        alone = draws.difference(row.first, row.second)
        assert row.difference == alone.estimate
        assert row.p == alone.p()
        assert row.n_pairs == 66
    p = [row.p for row in rows]
    np.testing.assert_allclose([row.p_holm for row in rows], holm(p))
    assert rows[0].p < rows[2].p


def test_what_cannot_be_compared_is_refused() -> None:
    human, *models = world(11, (0.5, 0.2))
    judgments = rated(human, seed=1, n_raters=4, per_pair=3)
    ceiling = split_half_ceiling(PEARSON, judgments, n_resamples=10, seed=1)

    with pytest.raises(AlignmentError, match="at least 2 models, got 1"):
        compare_models(PEARSON, human, models[:1], seed=0)
    with pytest.raises(AlignmentError, match="at least 1 models, got 0"):
        models_against_chance(PEARSON, human, [], seed=0)
    with pytest.raises(AlignmentError, match="m0 stands twice"):
        compare_models(PEARSON, human, [models[0], models[0]], seed=0)
    with pytest.raises(MatrixError, match="the order of its actions differs"):
        compare_models(
            PEARSON, human, [models[0], models[1].take(range(13, -1, -1))], seed=0
        )
    with pytest.raises(AlignmentError, match="needs 20 draws as the models have"):
        compare_with_ceiling(PEARSON, human, models, ceiling, n_resamples=20, seed=1)
    with pytest.raises(AlignmentError, match="holds for pearson and spearman, got cka"):
        split_half_ceiling(MATRIX_MEASURES["cka"], judgments, seed=1)
    with pytest.raises(TooFewRaters, match="only means are available"):
        split_half_ceiling(PEARSON, published(judgments), seed=1)
    endless = replace(PEARSON, has_interval=False)
    for compare in (
        lambda: compare_models(endless, human, models, seed=1),
        lambda: factor_draws(endless, judgments, models, seed=1),
    ):
        with pytest.raises(AlignmentError, match="has no interval, since a draw's"):
            compare()
    alone = factor_draws(PEARSON, judgments, models[:1], n_resamples=5, seed=1)
    with pytest.raises(AlignmentError, match="at least 2 models, got 1"):
        compare_over_both(alone)
