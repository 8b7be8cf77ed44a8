"""`alignment.rater_ceilings`: a slow twin, bounds that hold, and who cannot be compared."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignment.errors import AlignmentError, TooFewRaters
from alignment.judgments import SimilarityJudgments
from alignment.measures.table import MATRIX_MEASURES
from alignment.rater_ceilings import POOLINGS, rater_ceilings
from tests.witnesses import rater_ceilings as witness

N_ACTIONS = 6
COMPLETE = ("cka", "whitened_cosine", "whitened_correlation")
A, B = np.triu_indices(N_ACTIONS, k=1)


def judged(table: np.ndarray) -> SimilarityJudgments:
    """From (n_raters, 15) similarities, NaN for none."""
    who, pair = np.nonzero(~np.isnan(table))
    return SimilarityJudgments(
        actions=tuple(f"a{i}" for i in range(N_ACTIONS)),
        a=A[pair],
        b=B[pair],
        rater=np.array([f"p-{i:03d}" for i in who], dtype=np.str_),
        similarity=table[who, pair],
        weight=np.ones(len(who)),
        group=np.full(len(who), "all"),
    )


def people(
    seed: int, n_raters: int = 8, *, noise: float = 0.2, share: float = 1.0
) -> np.ndarray:
    """(n_raters, 15) similarities in steps of .05, so that some tie."""
    rng = np.random.default_rng(seed)
    truth = rng.uniform(size=len(A))
    seen = truth + noise * rng.normal(size=(n_raters, len(A)))
    table = np.round(20 * np.clip(seen, 0, 1)) / 20
    return np.where(rng.uniform(size=table.shape) < share, table, np.nan)


@settings(max_examples=15, deadline=None)
@given(
    st.integers(0, 10_000),
    st.integers(2, 6),
    st.sampled_from([0.6, 1.0]),
    st.sampled_from(sorted(witness.SIMILARITY)),
)
def test_both_are_those_of_one_rater_at_a_time(
    seed: int, n_raters: int, share: float, measure: str
) -> None:
    table = people(seed, n_raters, share=share)
    if np.isnan(table).all(axis=0).any() or n_raters < 2:
        table[:2] = people(seed, 2)

    found = rater_ceilings(judged(table), measure=measure)

    lower, upper = witness.ceilings(table, measure)
    assert found.lower.value == pytest.approx(lower)
    assert found.upper.value == pytest.approx(upper)


@settings(max_examples=15, deadline=None)
@given(
    st.integers(0, 10_000),
    st.integers(3, 7),
    st.sampled_from([0.1, 0.5, 3.0]),
    st.sampled_from(sorted(set(POOLINGS) - set(COMPLETE))),
    st.sampled_from([0.7, 1.0]),
)
def test_the_upper_is_no_lower_and_both_keep_within_the_range(
    seed: int, n_raters: int, noise: float, measure: str, share: float
) -> None:
    table = people(seed, n_raters, noise=noise, share=share)
    table[:2] = people(seed, 2, noise=noise)

    found = rater_ceilings(judged(table), measure=measure)

    assert found.lower.value <= found.upper.value
    for each in (found.lower, found.upper):
        assert -1 <= each.value <= 1
        if not np.isnan(each.low):
            assert -1 <= each.low <= each.value <= each.high <= 1


@pytest.mark.parametrize("measure", list(POOLINGS))
def test_the_lower_ceiling_of_two_is_how_they_agree_by_the_measure_itself(
    measure: str,
) -> None:
    table = people(8, 2, noise=0.4)
    one, other = (judged(table).by_rater(f"p-00{i}") for i in range(2))

    found = rater_ceilings(judged(table), measure=measure)

    agreement = MATRIX_MEASURES[measure].compute(one, other)
    assert found.lower.value == pytest.approx(agreement)
    assert found.upper.value > agreement


@pytest.mark.parametrize("measure", ["pearson", "cka"])
def test_no_matrix_agrees_better_with_all_than_the_pool_does(measure: str) -> None:
    """The upper ceiling is an optimum: nothing tried beats it."""
    table = people(1, 7, noise=0.4)
    judgments = judged(table)
    found = rater_ceilings(judgments, measure=measure).upper.value
    if measure == "cka":
        # What is compared is what each pair holds beyond its actions' levels.
        levels = (np.arange(N_ACTIONS)[:, None] == A) | (
            np.arange(N_ACTIONS)[:, None] == B
        )
        fit = levels.T @ np.linalg.pinv(levels.T)
        table = table - table @ fit.T
    rng = np.random.default_rng(0)
    tried = [table.mean(axis=0) + 0.1 * rng.normal(size=15) for _ in range(300)]
    if measure == "cka":
        tried = [each - fit @ each for each in tried]

    best = max(np.mean([np.corrcoef(x, y)[0, 1] for y in table]) for x in tried)

    assert best <= found + 1e-12


def test_the_bounds_close_on_the_populations_own_agreement() -> None:
    rng = np.random.default_rng(2)
    truth = rng.uniform(size=15)
    table = np.clip(truth + 0.1 * rng.normal(size=(200, 15)), 0, 1)
    true = np.mean([np.corrcoef(truth, row)[0, 1] for row in table])

    few, many = (rater_ceilings(judged(table[:n]), measure="pearson") for n in (5, 200))

    assert many.lower.value == pytest.approx(true, abs=0.01)
    assert many.upper.value - many.lower.value < 0.2 * (
        few.upper.value - few.lower.value
    )
    assert many.lower.resampled == 50
    assert few.lower.high - few.lower.low > many.lower.high - many.lower.low


def test_the_jackknife_is_that_of_pools_made_anew() -> None:
    table = people(3, 5)
    found = rater_ceilings(judged(table), measure="pearson").lower

    without = [
        witness.ceilings(np.delete(table, left_out, axis=0), "pearson")[0]
        for left_out in range(5)
    ]
    error = np.sqrt(4 / 5 * np.sum((np.array(without) - np.mean(without)) ** 2))

    assert found.value - found.low == pytest.approx(2.7764451 * error)
    assert found.resampled == 5


@pytest.mark.parametrize("measure", ["tau_a", "tau_b"])
def test_kendalls_of_many_pairs_are_those_of_few(
    measure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    judgments = judged(people(9, 4, share=0.8))
    each_with_each = rater_ceilings(judgments, measure=measure)

    monkeypatch.setattr("alignment.rater_ceilings.SHORT", 0)

    assert rater_ceilings(judgments, measure=measure).lower == each_with_each.lower


def test_two_raters_have_ceilings_but_no_intervals() -> None:
    table = people(4, 2)

    found = rater_ceilings(judged(table), measure="pearson")

    assert found.lower.value == pytest.approx(np.corrcoef(table)[0, 1])
    assert np.isnan([found.lower.low, found.upper.high]).all()
    assert found.n_raters == 2


def test_who_always_answers_the_same_is_left_out_and_counted() -> None:
    table = people(5, 5)
    with_one = np.vstack([table, np.full(15, 0.5)])

    for measure in POOLINGS:
        found = rater_ceilings(judged(with_one), measure=measure)

        assert (found.n_raters, found.n_left_out) == (5, 1)
        assert found.lower.value == pytest.approx(
            rater_ceilings(judged(table), measure=measure).lower.value
        )


def test_somebody_alone_with_their_pairs_is_left_out_and_counted() -> None:
    table = people(6, 5)
    table[:4, 10:] = np.nan
    table[4, :8] = np.nan  # two pairs in common with the others

    found = rater_ceilings(judged(table), measure="spearman")

    assert (found.n_raters, found.n_left_out) == (4, 1)


def test_repeats_of_a_steady_model_have_both_ceilings_at_one() -> None:
    table = np.tile(np.linspace(0, 1, 15), (4, 1))

    for measure in POOLINGS:
        found = rater_ceilings(judged(table), measure=measure)

        assert found.lower.value == pytest.approx(1)
        assert found.upper.high == pytest.approx(1)


def test_the_order_of_raters_and_their_own_scales_do_not_matter() -> None:
    table = people(7, 6)
    stretched = 0.1 + 0.5 * table * np.linspace(0.5, 1, 6)[:, None]
    for measure in sorted(set(POOLINGS) - {"cosine", "whitened_cosine"}):
        one = rater_ceilings(judged(table), measure=measure)
        other = rater_ceilings(judged(stretched[::-1]), measure=measure)

        assert one.lower.value == pytest.approx(other.lower.value)
        assert one.upper.high == pytest.approx(other.upper.high)


def test_a_measure_without_a_best_pool_is_refused() -> None:
    with pytest.raises(AlignmentError) as refusal:
        rater_ceilings(judged(people(0)), measure="mutual_knn")

    assert str(refusal.value).startswith(
        "lower and upper ceilings: no pool of raters is known to agree best with them "
        "by mutual_knn; there are ceilings for spearman, pearson, "
    )


def test_too_few_raters_and_published_means_are_refused() -> None:
    with pytest.raises(TooFewRaters, match="got 1 raters, of whom fewer can"):
        rater_ceilings(judged(people(0, 1)))
    apart = np.full((2, 15), np.nan)
    apart[0, :7], apart[1, 8:] = np.linspace(0, 1, 7), np.linspace(0, 1, 7)
    with pytest.raises(TooFewRaters, match="share 3 pairs with others, got 2"):
        rater_ceilings(judged(apart))
    with pytest.raises(TooFewRaters, match="got 0 raters"):
        rater_ceilings(judged(np.empty((0, 15))))
    means = judged(people(0, 1))
    published = SimilarityJudgments(
        **{
            name: getattr(means, name)
            for name in ("actions", "a", "b", "similarity", "weight", "group")
        },
        rater=np.full(len(means), "aggregate"),
    )
    with pytest.raises(TooFewRaters, match="only means are available"):
        rater_ceilings(published)


@pytest.mark.parametrize("measure", COMPLETE)
def test_some_measures_need_every_pair_of_every_rater(measure: str) -> None:
    table = people(0, 3)
    table[1, 4] = np.nan

    with pytest.raises(AlignmentError, match="needs every pair judged, 1 of 15"):
        rater_ceilings(judged(table), measure=measure)
