"""`alignment.reliability`: halves of people, and a ceiling near the true one."""

import numpy as np
import pytest
from scipy import stats

from alignment.errors import AlignmentError, TooFewRaters
from alignment.judgments import SimilarityJudgments
from alignment.reliability import (
    noise_ceiling,
    others_ceiling,
    split_half_correlation,
    split_halves,
    stepped_up,
)

N_ACTIONS = 10
A, B = np.triu_indices(N_ACTIONS, k=1)


def people(
    seed: int, *, n_raters: int = 16, share: float = 1.0, noise: float = 0.3
) -> tuple[SimilarityJudgments, np.ndarray]:
    """Raters who see one truth, each with their own noise; and that truth."""
    rng = np.random.default_rng(seed)
    truth = rng.uniform(size=len(A))
    who, pair = np.nonzero(rng.uniform(size=(n_raters, len(A))) < share)
    seen = truth[pair] + noise * rng.normal(size=len(pair))
    return table(who, pair, np.clip(seen, 0, 1)), truth


def table(
    who: np.ndarray, pair: np.ndarray, similarity: np.ndarray
) -> SimilarityJudgments:
    return SimilarityJudgments(
        actions=tuple(f"a{i}" for i in range(N_ACTIONS)),
        a=A[pair],
        b=B[pair],
        rater=np.array([f"p-{i:02d}" for i in who]),
        similarity=similarity,
        weight=np.ones(len(pair)),
        group=np.array(["pairs"] * len(pair)),
    )


def published() -> SimilarityJudgments:
    judgments = table(
        np.zeros(len(A), int), np.arange(len(A)), np.linspace(0, 1, len(A))
    )
    return SimilarityJudgments(
        **{
            name: getattr(judgments, name)
            for name in ("actions", "a", "b", "similarity", "weight", "group")
        },
        rater=np.array(["aggregate"] * len(A)),
    )


def test_every_person_is_in_one_half_and_halves_are_even() -> None:
    # Each person judges one pair of their own, so a half shows who is in it.
    judgments = table(np.arange(9), np.arange(9), np.linspace(0, 1, 9))

    one, other = split_halves(judgments, seed=3)

    in_one, in_other = ~np.isnan(one.pairs()[:9]), ~np.isnan(other.pairs()[:9])
    np.testing.assert_array_equal(in_one, ~in_other)
    assert (in_one.sum(), in_other.sum()) == (5, 4)
    assert (one.rater, other.rater) == ("human half a", "human half b")


def test_a_half_is_the_mean_of_its_people() -> None:
    judgments, _ = people(0, n_raters=2)

    halves = split_halves(judgments, seed=0)

    own = [judgments.by_rater(rater).pairs() for rater in judgments.raters]
    found = sorted(half.pairs().tolist() for half in halves)
    assert found == sorted(pairs.tolist() for pairs in own)


def test_halves_change_with_the_seed_alone() -> None:
    judgments, _ = people(1)
    made = [split_halves(judgments, seed=seed)[0].values for seed in (1, 1, 2)]

    np.testing.assert_array_equal(made[0], made[1])
    assert not np.array_equal(made[0], made[2])


def test_with_two_people_r_is_their_correlation() -> None:
    judgments, _ = people(2, n_raters=2)
    own = [judgments.by_rater(rater).pairs() for rater in judgments.raters]

    for measure, correlation in (
        ("spearman", stats.spearmanr),
        ("pearson", stats.pearsonr),
    ):
        ceiling = noise_ceiling(
            judgments, measure=measure, n_splits=4, n_resamples=10, seed=0
        )

        assert ceiling.mean_r == pytest.approx(correlation(*own).statistic)
        assert (ceiling.n_raters, ceiling.raters_per_pair) == (2, 2)


def test_halves_stepped_up_by_spearman_and_brown_agree_where_all_judged_all() -> None:
    """With normal errors the formula is right for Pearson, and nearly for Spearman."""
    judgments, _ = people(3, n_raters=12, noise=0.2)

    for measure, near in (("pearson", 0.005), ("spearman", 0.01)):
        ceiling = noise_ceiling(judgments, measure=measure, n_resamples=200, seed=0)

        assert ceiling.reliability == ceiling.estimate.value**2
        assert ceiling.reliability == pytest.approx(
            stepped_up(ceiling.mean_r), abs=near
        )


def test_only_pairs_judged_in_both_halves_count() -> None:
    # Two people with ten pairs in common, ten more each of their own.
    rng = np.random.default_rng(0)
    pair = np.concatenate([np.arange(20), np.r_[0:10, 20:30]])
    who = np.repeat([0, 1], 20)
    similarity = rng.uniform(size=40)
    judgments = table(who, pair, similarity)
    doubled = table(  # raters a pair must reach 2 in the median: two more people agree
        np.r_[who, 2, 3], np.r_[pair, 0, 0], np.r_[similarity, 0.5, 0.5]
    )

    with pytest.raises(TooFewRaters, match="median over the 30 judged pairs"):
        noise_ceiling(judgments, n_splits=4, n_resamples=10, seed=0)
    with pytest.raises(TooFewRaters, match="got 1 from 4 raters"):
        noise_ceiling(doubled, n_splits=4, n_resamples=10, seed=0)

    common = np.r_[0:10, 20:30]  # the twenty judgments of the ten common pairs
    r = stats.spearmanr(similarity[:10], similarity[20:30]).statistic
    assert noise_ceiling(
        table(who[common], pair[common], similarity[common]),
        n_splits=2,
        n_resamples=5,
        seed=0,
    ).mean_r == pytest.approx(r)


def test_pairs_of_one_half_alone_do_not_enter_the_correlation() -> None:
    # Most pairs have both people; a few have one, with wild answers.
    rng = np.random.default_rng(1)
    common = rng.uniform(size=(2, 30))
    who = np.r_[np.repeat([0, 1], 30), [0] * 5, [1] * 5]
    pair = np.r_[np.tile(np.arange(30), 2), 30:35, 35:40]
    judgments = table(who, pair, np.r_[common.ravel(), np.ones(5), np.zeros(5)])

    ceiling = noise_ceiling(judgments, n_splits=3, n_resamples=5, seed=0)

    assert ceiling.mean_r == pytest.approx(stats.spearmanr(*common).statistic)


@pytest.mark.parametrize("measure", ["pearson", "spearman"])
@pytest.mark.parametrize(("share", "noise"), [(1.0, 0.3), (0.4, 0.25)])
def test_the_interval_covers_what_it_says(
    share: float, noise: float, measure: str
) -> None:
    """Roughly: `tests/benchmarks/coverage.py` counts thousands of studies."""
    correlation = stats.pearsonr if measure == "pearson" else stats.spearmanr
    errors, covered = [], 0
    for seed in range(40):
        judgments, truth = people(seed, share=share, noise=noise)
        found = noise_ceiling(
            judgments, measure=measure, n_splits=2, n_resamples=60, seed=seed
        ).estimate
        mean = judgments.mean().pairs()
        judged = ~np.isnan(mean)
        true = correlation(mean[judged], truth[judged]).statistic
        errors.append(found.value - true)
        covered += found.low <= true <= found.high

    assert np.mean(errors) == pytest.approx(0, abs=0.02)
    assert covered >= 33


def test_offsets_and_stretched_scales_of_people_who_judge_all_pairs_change_nothing() -> (
    None
):
    judgments, _ = people(6, n_raters=8, noise=0.1)
    rng = np.random.default_rng(0)
    who = np.unique(judgments.rater, return_inverse=True)[1]
    shifted = 0.3 + 0.4 * judgments.similarity + rng.uniform(0, 0.3, 8)[who]

    one, other = (
        noise_ceiling(
            SimilarityJudgments(
                **{
                    name: getattr(judgments, name)
                    for name in ("actions", "a", "b", "rater", "weight", "group")
                },
                similarity=similarity,
            ),
            measure="pearson",
            n_splits=2,
            seed=0,
        ).estimate
        for similarity in (judgments.similarity, shifted)
    )

    assert (one.value, one.low, one.high) == pytest.approx(
        (other.value, other.low, other.high)
    )


def test_more_people_raise_the_ceiling_and_narrow_it() -> None:
    few, many = (
        noise_ceiling(people(5, n_raters=n)[0], n_splits=20, n_resamples=80, seed=1)
        for n in (6, 40)
    )

    assert many.estimate.value > few.estimate.value
    assert (many.estimate.high - many.estimate.low) < (
        few.estimate.high - few.estimate.low
    )


def test_the_interval_holds_the_value_and_stays_a_correlation() -> None:
    for seed in range(5):
        estimate = noise_ceiling(
            people(seed, n_raters=5, noise=0.6)[0],
            n_splits=10,
            n_resamples=50,
            seed=seed,
        ).estimate
        assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1


def test_people_who_do_not_agree_have_no_ceiling_and_a_note_says_so() -> None:
    x = np.linspace(0, 1, len(A))
    judgments = table(
        np.repeat([0, 1], len(A)), np.tile(np.arange(len(A)), 2), np.r_[x, 1 - x]
    )

    ceiling = noise_ceiling(judgments, n_splits=3, n_resamples=5, seed=0)

    assert np.isnan(ceiling.estimate.value)
    assert ceiling.mean_r == pytest.approx(-1)
    assert ceiling.note == (
        "no ceiling: the halves must agree, their correlation is -1.000"
    )


def test_people_who_never_vary_have_no_ceiling() -> None:
    judgments = table(
        np.repeat([0, 1], len(A)),
        np.tile(np.arange(len(A)), 2),
        np.full(2 * len(A), 0.5),
    )

    ceiling = noise_ceiling(judgments, n_splits=3, n_resamples=5, seed=0)

    assert np.isnan(ceiling.estimate.value)
    assert ceiling.note.endswith("their correlation is undefined")


def test_people_who_agree_wholly_have_a_ceiling_of_one() -> None:
    x = np.linspace(0, 1, len(A))
    judgments = table(
        np.repeat(range(4), len(A)), np.tile(np.arange(len(A)), 4), np.tile(x, 4)
    )

    estimate = noise_ceiling(judgments, n_splits=3, n_resamples=20, seed=0).estimate

    assert estimate.value == pytest.approx(1)
    assert (estimate.low, estimate.high) == pytest.approx((1, 1))


def test_noise_alone_has_no_ceiling_or_one_that_reaches_nought() -> None:
    rng = np.random.default_rng(1)
    for seed in range(8):
        judgments = table(
            np.repeat(range(6), len(A)),
            np.tile(np.arange(len(A)), 6),
            rng.uniform(size=6 * len(A)),
        )

        ceiling = noise_ceiling(judgments, n_splits=9, n_resamples=30, seed=seed)

        if np.isnan(ceiling.estimate.value):
            assert "halves must agree" in ceiling.note or "disagreement" in ceiling.note
        else:
            assert ceiling.estimate.low < 0.4


def test_two_pairs_are_too_few_for_a_ceiling() -> None:
    judgments = table(np.repeat(range(4), 2), np.tile([0, 1], 4), np.tile([0.2, 1], 4))

    ceiling = noise_ceiling(judgments, n_splits=3, seed=0)

    assert np.isnan(ceiling.estimate.value)
    assert ceiling.note.startswith("no ceiling: ")


def test_a_pair_that_one_person_judged_counts_with_the_error_of_one() -> None:
    judgments, _ = people(4, n_raters=6, noise=0.2)
    kept = (judgments.a != 0) | (judgments.b != 1) | (judgments.rater == "p-00")
    fewer = judgments.only(judgments.raters)
    fewer = SimilarityJudgments(
        actions=judgments.actions,
        **{
            name: getattr(judgments, name)[kept]
            for name in ("a", "b", "rater", "similarity", "weight", "group")
        },
    )

    whole, with_gap = (
        noise_ceiling(each, measure="pearson", n_splits=2, seed=0).estimate.value
        for each in (judgments, fewer)
    )

    assert with_gap == pytest.approx(whole, abs=0.03)


def test_a_weight_counts_as_that_many_judgments_of_the_mean_alone() -> None:
    """All weights doubled is the same study; a heavy judgment pulls the mean."""
    judgments, _ = people(7, n_raters=5)
    columns = {
        name: getattr(judgments, name)
        for name in ("actions", "a", "b", "rater", "similarity", "group")
    }
    doubled = SimilarityJudgments(**columns, weight=2 * judgments.weight)

    one, other = (
        noise_ceiling(each, n_splits=3, n_resamples=20, seed=0)
        for each in (judgments, doubled)
    )

    assert one == other


@pytest.mark.parametrize("measure", ["tau_a", "cka", "none of all"])
def test_a_root_of_a_reliability_bounds_correlations_of_means_alone(
    measure: str,
) -> None:
    judgments, _ = people(0)

    with pytest.raises(AlignmentError) as refusal:
        noise_ceiling(judgments, measure=measure, seed=0)

    assert str(refusal.value) == (
        f"noise ceiling: {measure} is not attenuated as a correlation of means is, so "
        "no root of a reliability bounds it; use spearman or pearson, or the lower and "
        "upper ceilings of alignment.rater_ceilings"
    )
    with pytest.raises(AlignmentError, match="no root of a reliability"):
        others_ceiling(judgments, measure=measure, seed=0)


@pytest.mark.parametrize("measure", ["pearson", "spearman"])
def test_a_single_answer_of_a_model_has_a_lower_ceiling_than_their_mean(
    measure: str,
) -> None:
    """A model asked eight times: each repeat is a rater."""
    singles, told, means = [], [], []
    correlation = stats.pearsonr if measure == "pearson" else stats.spearmanr
    for seed in range(12):
        judgments, truth = people(seed, n_raters=8, noise=0.15)
        told.append(
            others_ceiling(judgments, measure=measure, n_resamples=60, seed=seed)
        )
        means.append(
            noise_ceiling(
                judgments, measure=measure, n_splits=2, n_resamples=60, seed=seed
            )
        )
        singles += [
            correlation(judgments.by_rater(rater).pairs(), truth).statistic
            for rater in judgments.raters
        ]

    assert np.mean([one.value for one in told]) == pytest.approx(
        np.mean(singles), abs=0.02
    )
    for one, mean in zip(told, means, strict=True):
        assert one.low < one.value < one.high
        assert one.value < mean.estimate.value


def test_so_many_others_as_were_asked_have_the_ceiling_of_these() -> None:
    judgments, _ = people(1, n_raters=9)
    these = noise_ceiling(judgments, measure="pearson", n_splits=2, seed=0).estimate

    others = others_ceiling(judgments, n_raters=9, measure="pearson", seed=0)
    more = others_ceiling(judgments, n_raters=90, measure="pearson", seed=0)

    assert others.value == pytest.approx(these.value)
    assert more.value > others.value


def test_raters_who_do_not_agree_promise_nothing_of_others() -> None:
    x = np.linspace(0, 1, len(A))
    judgments = table(
        np.repeat([0, 1], len(A)), np.tile(np.arange(len(A)), 2), np.r_[x, 1 - x]
    )

    assert np.isnan(others_ceiling(judgments, seed=0).value)
    with pytest.raises(AlignmentError, match="ceiling: of at least 1 rater, got 0"):
        others_ceiling(judgments, n_raters=0, seed=0)


def test_random_halves_of_different_raters_a_pair_agree_too_little() -> None:
    """Why r is reported, and the ceiling not made from it."""
    stepped, ceilings, true = [], [], []
    for seed in range(12):
        judgments, truth = people(seed, n_raters=30, share=0.2, noise=0.3)
        ceiling = noise_ceiling(judgments, measure="pearson", n_splits=20, seed=seed)
        mean = judgments.mean().pairs()
        judged = ~np.isnan(mean)
        ceilings.append(ceiling.estimate.value)
        stepped.append(np.sqrt(stepped_up(ceiling.mean_r)))
        true.append(stats.pearsonr(mean[judged], truth[judged]).statistic)

    assert np.mean(ceilings) == pytest.approx(np.mean(true), abs=0.015)
    assert np.mean(stepped) < np.mean(true) - 0.01


def test_halves_of_a_table_are_refused_where_nothing_was_judged_twice() -> None:
    with pytest.raises(TooFewRaters, match="at least 2 raters, and 2 for each thing"):
        split_half_correlation(np.eye(3), np.eye(3), seed=0)


def test_published_means_have_no_ceiling() -> None:
    with pytest.raises(TooFewRaters) as refusal:
        noise_ceiling(published(), seed=0)
    assert str(refusal.value) == "no ceiling: only means are available"
    with pytest.raises(TooFewRaters, match="only means are available"):
        split_halves(published(), seed=0)


@pytest.mark.parametrize("n_raters", [0, 1])
def test_a_single_person_cannot_be_halved(n_raters: int) -> None:
    judgments, _ = people(0, n_raters=n_raters)

    sentence = f"needs at least 2 participants who judged similarity, got {n_raters}"
    with pytest.raises(TooFewRaters, match=sentence):
        noise_ceiling(judgments, seed=0)
    with pytest.raises(TooFewRaters, match=sentence):
        split_halves(judgments, seed=0)


def test_one_rater_a_pair_is_too_few() -> None:
    judgments = table(np.arange(45) % 3, np.arange(45), np.linspace(0, 1, 45))

    with pytest.raises(
        TooFewRaters,
        match=r"at least 2 raters a pair \(median over the 45 judged pairs\), got 1 "
        "from 3 raters; collect more",
    ):
        noise_ceiling(judgments, seed=0)
