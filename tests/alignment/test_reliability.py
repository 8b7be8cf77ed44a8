"""`alignment.reliability`: halves of people, and a ceiling near the true one."""

import numpy as np
import pytest
from scipy import stats

from alignment.errors import TooFewRaters
from alignment.judgments import SimilarityJudgments
from alignment.reliability import noise_ceiling, split_halves

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


def test_with_two_people_the_ceiling_follows_from_their_correlation() -> None:
    judgments, _ = people(2, n_raters=2)
    own = [judgments.by_rater(rater).pairs() for rater in judgments.raters]
    r = stats.spearmanr(*own).statistic

    ceiling = noise_ceiling(judgments, n_splits=4, n_resamples=10, seed=0)

    assert ceiling.mean_r == pytest.approx(r)
    assert ceiling.estimate.value == pytest.approx(np.sqrt(2 * r / (1 + r)))
    assert (ceiling.n_raters, ceiling.raters_per_pair) == (2, 2)


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


@pytest.mark.parametrize(("share", "noise"), [(1.0, 0.3), (0.4, 0.25)])
def test_the_ceiling_is_near_the_truth_and_its_interval_covers_it(
    share: float, noise: float
) -> None:
    made, true = [], []
    for seed in range(20):
        judgments, truth = people(seed, share=share, noise=noise)
        made.append(noise_ceiling(judgments, n_splits=20, n_resamples=60, seed=seed))
        mean = judgments.mean().pairs()
        judged = ~np.isnan(mean)
        true.append(stats.spearmanr(mean[judged], truth[judged]).statistic)

    values = [ceiling.estimate.value for ceiling in made]
    covered = sum(
        ceiling.estimate.low <= np.mean(true) <= ceiling.estimate.high
        for ceiling in made
    )

    assert np.mean(values) == pytest.approx(np.mean(true), abs=0.02)
    assert covered >= 14  # plain percentiles cover about 5


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
