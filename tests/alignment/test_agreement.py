"""`alignment.agreement`: Krippendorff's alpha and the intraclass correlation."""

import krippendorff
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from alignment.agreement import (
    _alpha,
    _icc,
    _pairable,
    agreement,
    icc,
    krippendorff_alpha,
)
from alignment.errors import AlignmentError, JudgmentsError, TooFewRaters
from alignment.judgments import SimilarityJudgments, ValueJudgments
from alignment.ratings import (
    Ratings,
    ratings_of_pairs,
    ratings_of_table,
    ratings_of_values,
)
from tests.witnesses import raters as slow

# Shrout & Fleiss (1979), table 2: six targets, four judges.
PRINTED = np.array(
    [[9, 6, 8, 7, 10, 6], [2, 1, 4, 1, 5, 2], [5, 3, 6, 2, 6, 4], [8, 2, 8, 6, 9, 7]]
)
LEVELS = ("nominal", "ordinal", "interval")
levels = pytest.mark.parametrize("level", LEVELS)


@st.composite
def tables(draw: st.DrawFn, share: float = 0.7) -> np.ndarray:
    """(n_raters, n_things) ratings in few steps, some missing, with a pair somewhere."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (draw(st.integers(2, 5)), draw(st.integers(2, 7)))
    table = rng.integers(0, draw(st.integers(2, 6)), shape).astype(float)
    table[rng.random(shape) > share] = np.nan
    counted = table[:, (~np.isnan(table)).sum(axis=0) > 1]
    assume(len(np.unique(counted[~np.isnan(counted)])) > 1)
    return table


@levels
@settings(max_examples=60)
@given(table=tables())
def test_alpha_is_that_of_an_independent_library(level: str, table: np.ndarray) -> None:
    theirs = krippendorff.alpha(reliability_data=table, level_of_measurement=level)

    assert krippendorff_alpha(ratings_of_table(table), level) == pytest.approx(
        theirs, abs=1e-10
    )


@settings(max_examples=20)
@given(table=tables())
def test_alpha_is_that_of_all_pairs_of_ratings(table: np.ndarray) -> None:
    ratings = ratings_of_table(table)

    for level, unlike in (
        ("nominal", lambda x, y: float(x != y)),
        ("interval", lambda x, y: (x - y) ** 2),
    ):
        assert krippendorff_alpha(ratings, level) == pytest.approx(
            slow.alpha_by_pairs(table, unlike), abs=1e-10
        )


def test_icc_is_the_one_printed() -> None:
    single, mean = icc(ratings_of_table(PRINTED))

    assert (round(single, 2), round(mean, 2)) == (0.17, 0.44)


@settings(max_examples=30)
@given(table=tables(share=1.0))
def test_icc_of_a_complete_table_is_the_textbooks(table: np.ndarray) -> None:
    assume(table.mean(axis=0).var() > 1e-9)

    found = icc(ratings_of_table(table))

    np.testing.assert_allclose(found, slow.icc_one_way(table), atol=1e-10)


@settings(max_examples=40)
@given(table=tables(share=0.8))
def test_icc_of_an_unbalanced_design_is_searles(table: np.ndarray) -> None:
    things = [column[~np.isnan(column)].tolist() for column in table.T]
    things = [each for each in things if len(each) > 1]
    assume(len(things) > 1)
    assume(np.var([np.mean(each) for each in things]) > 1e-9)
    single, mean = slow.icc_unbalanced(things)

    assert icc(ratings_of_table(table)) == pytest.approx((single, mean), rel=1e-6)


def test_icc_of_an_unbalanced_design_finds_the_planted_one() -> None:
    found = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        table = rng.normal(0, 1, 40) + rng.normal(0, 1, (12, 40))
        table[rng.random(table.shape) > rng.uniform(0.2, 0.9, 40)] = np.nan
        found.append(icc(ratings_of_table(table))[0])

    # .5 was planted; the mean of 30 has a standard error of .015.
    assert np.mean(found) == pytest.approx(0.5, abs=0.07)


@pytest.mark.parametrize("seed", range(4))
def test_a_draw_of_things_is_the_figure_of_the_things_written_out(seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = rng.integers(0, 5, (4, 9)).astype(float)
    table[rng.random(table.shape) > 0.8] = np.nan
    kept = _pairable(ratings_of_table(table))
    counts = rng.multinomial(9, np.full(9, 1 / 9), 6)

    for row in counts:
        drawn = ratings_of_table(np.repeat(table, row, axis=1))
        for level in LEVELS:
            assert _alpha(kept, level, row[None])[0] == pytest.approx(
                krippendorff_alpha(drawn, level), nan_ok=True, abs=1e-10
            )
        np.testing.assert_allclose(
            np.concatenate(_icc(kept, row[None])), icc(drawn), atol=1e-10
        )


def test_the_interval_holds_the_figure_and_shrinks_with_more_things() -> None:
    rng = np.random.default_rng(2)
    table = rng.normal(0, 1, 80) + rng.normal(0, 1, (5, 80))

    few = agreement(ratings_of_table(table[:, :15]), n_resamples=200, seed=1)
    many = agreement(ratings_of_table(table), n_resamples=200, seed=1)

    for found in (few, many):
        for each in (found.alpha, found.icc_1, found.icc_k):
            assert each.low <= each.value <= each.high
    assert many.icc_1.high - many.icc_1.low < few.icc_1.high - few.icc_1.low
    assert (many.n_raters, many.n_things, many.raters_per_thing) == (5, 80, 5)


@levels
def test_full_agreement_is_one(level: str) -> None:
    ratings = ratings_of_table(np.tile([1.0, 2.0, 5.0], (3, 1)))

    assert krippendorff_alpha(ratings, level) == pytest.approx(1)
    assert icc(ratings) == pytest.approx((1, 1))


@levels
def test_a_reversed_rater_takes_agreement_below_zero(level: str) -> None:
    up = np.arange(6.0)
    ratings = ratings_of_table(np.stack([up, up[::-1]]))

    assert krippendorff_alpha(ratings, level) < 0
    assert icc(ratings)[0] < 0


@levels
def test_ratings_that_never_vary_are_undefined_not_perfect(level: str) -> None:
    ratings = ratings_of_table(np.full((3, 4), 7.1))

    assert np.isnan(krippendorff_alpha(ratings, level))
    assert np.isnan(icc(ratings)).all()


def test_one_constant_rater_among_others_is_nothing_special() -> None:
    table = np.vstack([PRINTED, np.full(6, 5)])

    assert -1 < krippendorff_alpha(ratings_of_table(table)) < 1
    assert -1 < icc(ratings_of_table(table))[0] < 1


def test_what_one_rater_alone_rated_changes_nothing() -> None:
    alone = np.full((4, 1), np.nan)
    alone[0] = 99.0

    more = ratings_of_table(np.hstack([PRINTED, alone]))

    assert icc(more) == icc(ratings_of_table(PRINTED))
    assert krippendorff_alpha(more) == krippendorff_alpha(ratings_of_table(PRINTED))


def test_means_that_do_not_differ_have_no_reliability() -> None:
    single, mean = icc(ratings_of_table(np.array([[0.0, 1.0], [1.0, 0.0]])))

    assert single == -1
    assert np.isnan(mean)


def test_one_thing_has_no_variance_between_things() -> None:
    one = ratings_of_table(np.array([[1.0], [2.0]]))

    assert np.isnan(icc(one)).all()
    assert krippendorff_alpha(one) == pytest.approx(0)


def test_repeats_of_a_rater_count_as_one_rating() -> None:
    once = ratings_of_table(np.array([[2.0, 5.0, 1.0], [3.0, 5.0, 2.0]]))
    split = Ratings(
        thing=np.append(once.thing, 0),
        rater=np.append(once.rater, 0),
        value=np.append(
            np.where((once.thing == 0) & (once.rater == 0), 1, once.value), 3
        ),
        weight=np.ones(7),
        n_things=3,
        n_raters=2,
        what="ratings",
    )

    assert krippendorff_alpha(split) == krippendorff_alpha(once)
    assert icc(split) == icc(once)


def test_judgments_of_a_study_become_ratings() -> None:
    values = ValueJudgments(
        actions=("a", "b", "c"),
        action=np.array([0, 1, 0, 1, 2]),
        dimension=np.array(["m", "m", "m", "m", "x"]),
        rater=np.array(["ada", "ada", "bo", "bo", "bo"]),
        value=np.array([10.0, 90, 20, 80, 50]),
        group=np.full(5, ""),
    )
    pairs = SimilarityJudgments(
        actions=("a", "b", "c"),
        a=np.array([0, 0, 1]),
        b=np.array([2, 2, 2]),
        rater=np.array(["ada", "bo", "bo"]),
        similarity=np.array([0.1, 0.3, 0.9]),
        weight=np.ones(3),
        group=np.full(3, ""),
    )

    of_values = ratings_of_values(values, "m")
    of_pairs, which = ratings_of_pairs(pairs)

    assert (of_values.n_things, of_values.n_raters, len(of_values)) == (3, 2, 4)
    assert of_values.what == "ratings on m"
    assert which.tolist() == [[0, 2], [1, 2]]
    assert of_pairs.thing.tolist() == [0, 0, 1]


def test_what_has_no_agreement_is_refused() -> None:
    apart = ratings_of_table(np.array([[1.0, np.nan], [np.nan, 2.0]]))

    with pytest.raises(TooFewRaters, match="got 2 raters who share nothing"):
        agreement(apart, seed=0)
    with pytest.raises(AlignmentError, match="nominal, ordinal or interval, got ratio"):
        krippendorff_alpha(ratings_of_table(PRINTED), "ratio")  # type: ignore[arg-type]
    with pytest.raises(JudgmentsError, match="a row for each rater and a column"):
        ratings_of_table(np.ones(3))
    with pytest.raises(JudgmentsError, match="values must be finite"):
        ratings_of_table(np.array([[1.0, np.inf]]))
    assert np.isnan(krippendorff_alpha(apart))
    assert np.isnan(icc(apart)).all()


def test_ratings_of_nobody_or_nothing_are_refused() -> None:
    columns = {"value": np.ones(2), "weight": np.ones(2), "what": "ratings"}
    two = np.array([0, 1])

    with pytest.raises(JudgmentsError, match="columns differ in length"):
        Ratings(two, np.array([0]), n_things=2, n_raters=2, **columns)
    with pytest.raises(
        JudgmentsError, match="a rater has a number from 0 to 0, got 0 to 1"
    ):
        Ratings(two, two, n_things=2, n_raters=1, **columns)


def test_the_intervals_are_the_same_however_few_draws_fit_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(3)
    table = rng.normal(size=(12, 1)) + rng.normal(size=(12, 5))
    ratings = ratings_of_table(table.T)
    at_once = agreement(ratings, n_resamples=100, seed=1)

    monkeypatch.setattr("alignment.agreement.LARGEST_CHUNK", 3 * len(ratings) + 1)
    in_pieces = agreement(ratings, n_resamples=100, seed=1)

    for one, other in (
        (at_once.alpha, in_pieces.alpha),
        (at_once.icc_1, in_pieces.icc_1),
        (at_once.icc_k, in_pieces.icc_k),
    ):
        assert one.value == other.value
        assert (one.low, one.high) == pytest.approx((other.low, other.high), rel=1e-12)
