"""`alignment.two_factor`: people and actions are both samples."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.errors import AlignmentError, MatrixError, TooFewRaters
from alignment.judgments import SimilarityJudgments
from alignment.matrices import SimilarityMatrix
from alignment.measures.table import MATRIX_MEASURES
from alignment.two_factor import (
    bootstrap_raters,
    corrected_variance,
    factor_draws,
)
from alignment.uncertainty import bootstrap_draws, draw_actions
from tests.sparse_studies import ids, rated, seen, similarities

PEARSON = MATRIX_MEASURES["pearson"]
variances = st.floats(0, 10)


def world(
    seed: int, n: int = 10, agreement: float = 0.8
) -> tuple[SimilarityMatrix, SimilarityMatrix]:
    rng = np.random.default_rng(seed)
    x, own = rng.normal(size=(2, n, 3))
    return (
        seen(x, "truth"),
        seen(agreement * x + np.sqrt(1 - agreement**2) * own, "model"),
    )


def study(seed: int, **how) -> tuple[SimilarityJudgments, SimilarityMatrix]:
    truth, model = world(seed)
    design = {"n_raters": 8, "per_pair": 5, "noise": 0.15, **how}
    return rated(truth, seed=seed, **design), model


@given(variances, variances, variances)
def test_the_large_sample_form_is_the_papers(r: float, a: float, both: float) -> None:
    found = corrected_variance(r, a, both)

    plain = 2 * (r + a) - both
    assert found == pytest.approx(max(r, a, min(plain, both)))


def test_the_small_sample_form_is_the_papers() -> None:
    found = corrected_variance(1.0, 2.0, 3.5, n_raters=3, n_actions=5)

    assert found == pytest.approx(1.5 * 1 + 1.25 * 2 - 1.875 * (3.5 - 1 - 2))


@given(variances, variances, variances, st.integers(2, 50), st.integers(2, 50))
def test_no_factor_alone_says_more_than_both(
    r: float, a: float, both: float, k: int, n: int
) -> None:
    found = corrected_variance(r, a, both, n_raters=k, n_actions=n)

    least = max(r * k / (k - 1), a * n / (n - 1))
    assert least - 1e-9 <= found <= max(least, both) + 1e-9


def test_one_rater_or_one_action_has_no_variance() -> None:
    with pytest.raises(
        AlignmentError, match="more than one rater a pair and one action"
    ):
        corrected_variance(1, 1, 1, n_raters=1)


def test_draws_over_actions_are_those_of_the_plain_bootstrap() -> None:
    judgments, model = study(1)

    found = factor_draws(PEARSON, judgments, [model], n_resamples=30, seed=7)

    human = judgments.mean()
    counts = draw_actions(len(human), 30, seed=7)
    np.testing.assert_allclose(
        found.over_actions[:, 0], bootstrap_draws(PEARSON, human, model, counts)
    )
    assert found.values[0] == PEARSON.compute(human, model)


def test_raters_of_one_mind_leave_the_actions_alone_uncertain() -> None:
    judgments, model = study(1, noise=0.0, level=0.0, per_pair=8)

    found = factor_draws(PEARSON, judgments, [model], n_resamples=40, seed=7)

    np.testing.assert_allclose(found.over_raters, found.values[0])
    np.testing.assert_allclose(found.over_both, found.over_actions)
    estimate = found.of("model")
    assert estimate.variance == pytest.approx(estimate.over_actions * 10 / 9)
    assert estimate.dof == 7


def test_the_interval_is_the_t_interval_within_the_range() -> None:
    judgments, model = study(3)
    found = factor_draws(PEARSON, judgments, [model], n_resamples=40, seed=1)

    estimate = found.of("model")

    t7 = 2.3646243  # of 8 raters and 10 actions
    half = t7 * np.sqrt(estimate.variance)
    assert estimate.estimate.low == pytest.approx(
        max(-1, estimate.estimate.value - half), abs=1e-6
    )
    assert estimate.estimate.high == pytest.approx(
        min(1, estimate.estimate.value + half), abs=1e-6
    )
    assert estimate.p(against=estimate.estimate.value) == 1
    assert estimate.p(estimate.estimate.value - half) == pytest.approx(0.05, abs=1e-6)


def test_the_interval_covers_the_score_of_other_people_and_actions() -> None:
    studies = 40
    design = {"n_raters": 15, "per_pair": 4}
    expected = np.mean(
        [
            PEARSON.compute(judgments.mean(), model)
            for judgments, model in (study(1000 + s, **design) for s in range(150))
        ]
    )
    covered = 0
    for seed in range(studies):
        judgments, model = study(seed, **design)
        draws = factor_draws(PEARSON, judgments, [model], n_resamples=40, seed=seed)
        found = draws.of("model").estimate
        covered += found.low <= expected <= found.high

    # At 95 % fewer than 33 of 40 come about once in 1,400 such tests.
    assert covered >= 33


def test_people_add_to_the_uncertainty_of_the_actions() -> None:
    judgments, model = study(5, noise=0.4, per_pair=3)

    found = factor_draws(PEARSON, judgments, [model], n_resamples=100, seed=1)

    estimate = found.of("model")
    assert estimate.over_raters > 0
    assert estimate.variance > estimate.over_actions


def test_two_names_for_one_model_do_not_differ() -> None:
    judgments, model = study(2)
    twin = replace(model, rater="twin")

    draws = factor_draws(PEARSON, judgments, [model, twin], n_resamples=20, seed=1)

    difference = draws.difference("model", "twin")
    assert difference.estimate.value == 0
    assert difference.variance == 0
    assert difference.p() == 1
    assert np.isnan(difference.p(against=0.1))


def test_a_model_that_refused_pairs_is_compared_on_what_all_judged() -> None:
    judgments, model = study(2)
    values = model.values.copy()
    values[0, 1:4] = values[1:4, 0] = np.nan
    coy = replace(model, values=values, rater="coy")

    draws = factor_draws(PEARSON, judgments, [model, coy], n_resamples=20, seed=1)

    assert draws.n_pairs == 42
    assert draws.difference("model", "coy").estimate.value == 0


def test_pairs_unjudged_in_a_draw_are_left_out_of_it() -> None:
    # Bo alone judged the last pair: it is missing where Bo is, and the rest goes on.
    truth, model = world(4, n=5)
    judgments = rated(truth, seed=4, n_raters=4, per_pair=4)
    last = (judgments.a == 3) & (judgments.b == 4)
    kept = ~last | (judgments.rater == "r001")
    columns = ("a", "b", "rater", "similarity", "weight", "group")
    sparse = replace(judgments, **{c: getattr(judgments, c)[kept] for c in columns})

    by_pairs = bootstrap_raters(PEARSON, sparse, model, n_resamples=100, seed=0)
    complete = bootstrap_raters(
        MATRIX_MEASURES["cka"], sparse, model, n_resamples=100, seed=0
    )

    assert by_pairs.resampled == 100
    assert 40 <= complete.resampled < 100  # Bo is in 68 % of draws


def test_a_measure_that_most_draws_leave_undefined_is_refused() -> None:
    judgments, model = study(6, per_pair=2, n_raters=20)

    with pytest.raises(AlignmentError, match=r"cka is undefined in .* of the draws"):
        bootstrap_raters(
            MATRIX_MEASURES["cka"], judgments, model, n_resamples=20, seed=0
        )


def test_unlinked_raters_are_drawn_within_pairs() -> None:
    truth, model = world(7)
    rows = np.repeat(np.column_stack(np.triu_indices(10, k=1)), 2, axis=0)
    values = np.repeat(truth.pairs(), 2) + np.tile([-0.1, 0.1], 45)
    judgments = similarities(ids(10), rows, np.arange(90), values)

    found = bootstrap_raters(
        MATRIX_MEASURES["cka"], judgments, model, n_resamples=30, seed=0
    )

    assert found.resampled == 30
    assert found.low < found.high


def test_one_pair_is_undefined_and_says_so() -> None:
    truth, model = world(8, n=2)
    judgments = rated(truth, seed=1, n_raters=6, per_pair=6)

    found = factor_draws(PEARSON, judgments, [model], n_resamples=10, seed=0).of(
        "model"
    )

    estimate = found.estimate
    assert np.isnan([estimate.value, estimate.low, estimate.high, found.p()]).all()
    assert estimate.resampled == 0


def test_three_actions_have_an_interval_over_raters_but_none_over_actions() -> None:
    truth, model = world(8, n=3)
    judgments = rated(truth, seed=1, n_raters=6, per_pair=6)

    over_raters = bootstrap_raters(PEARSON, judgments, model, n_resamples=50, seed=0)

    assert -1 <= over_raters.low <= over_raters.high <= 1
    # All three are drawn with a chance of 6 in 27; two make one pair, without order.
    with pytest.raises(AlignmentError, match="too few different actions"):
        factor_draws(PEARSON, judgments, [model], n_resamples=50, seed=0)


def test_a_variance_that_could_not_be_had_is_not_covered_up() -> None:
    assert np.isnan(corrected_variance(0.1, float("nan"), 0.2))
    assert np.isnan(corrected_variance(0.1, 0.2, float("nan")))


def test_what_has_no_uncertainty_to_be_had_is_refused() -> None:
    judgments, model = study(9)
    lone, _ = study(9, per_pair=1)

    with pytest.raises(TooFewRaters, match="at least 2 raters a pair in the mean"):
        bootstrap_raters(PEARSON, lone, model, seed=0)
    with pytest.raises(AlignmentError, match="at least one model and a name for each"):
        factor_draws(PEARSON, judgments, [], seed=0)
    with pytest.raises(AlignmentError, match="got model, model"):
        factor_draws(PEARSON, judgments, [model, model], seed=0)
    with pytest.raises(MatrixError, match="the order of its actions differs"):
        factor_draws(PEARSON, judgments, [model.take(range(9, -1, -1))], seed=0)
    draws = factor_draws(PEARSON, judgments, [model], n_resamples=5, seed=0)
    with pytest.raises(AlignmentError, match="there is no model cat; the models are"):
        draws.of("cat")
