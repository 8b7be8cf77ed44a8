"""`alignment.pooling`: three ways to one human matrix of sparse ratings."""

import numpy as np
import pytest

from alignment.errors import TooFewRaters
from alignment.matrices import SimilarityMatrix
from alignment.measures.table import MATRIX_MEASURES
from alignment.pooling import POOLINGS, pooled_centred, pooled_mean, pooled_shrunken
from tests.sparse_studies import ids, published, rated, seen, similarities
from tests.witnesses import raters as slow

every = pytest.mark.parametrize("name", POOLINGS)
PAIRS = np.array([[0, 1], [0, 2], [1, 2]])


def truth(seed: int, n: int = 12) -> SimilarityMatrix:
    return seen(np.random.default_rng(seed).normal(size=(n, 3)), "truth")


def error(pooled: SimilarityMatrix, true: SimilarityMatrix) -> float:
    """Mean squared distance, after a level that all pairs share is taken off."""
    off = pooled.pairs() - true.pairs()
    return float(np.nanvar(off))


@every
def test_raters_of_one_mind_are_pooled_to_what_they_say(name: str) -> None:
    true = truth(0)
    judgments = rated(true, seed=0, n_raters=5, per_pair=5, noise=0, level=0)

    found = POOLINGS[name](judgments)

    np.testing.assert_allclose(found.matrix.values, true.values, atol=1e-3)
    assert (found.name, found.n_clipped, found.n_unused) == (name, 0, 0)


def test_the_mean_is_the_studys() -> None:
    judgments = rated(truth(1), seed=1, n_raters=8, per_pair=3)

    np.testing.assert_array_equal(
        pooled_mean(judgments).matrix.values, judgments.mean().values
    )


def test_shrinkage_is_the_prediction_of_the_whole_covariance_matrix() -> None:
    judgments = rated(truth(2, n=6), seed=2, n_raters=5, per_pair=3, level=0.1)

    found = pooled_shrunken(judgments)

    _, mu, things = slow.reml(
        judgments.a * 6 + judgments.b,
        np.unique(judgments.rater, return_inverse=True)[1],
        judgments.similarity,
        judgments.weight,
        cells=False,
    )
    np.testing.assert_allclose(found.matrix.pairs(), mu + things, atol=2e-3)
    assert found.fit is not None
    assert found.fit.var_raters > 0


def test_with_few_noisy_raters_shrinkage_is_nearest_the_truth() -> None:
    errors = {name: [] for name in POOLINGS}
    for seed in range(8):
        true = truth(seed)
        judgments = rated(
            true, seed=seed, n_raters=12, per_pair=2, noise=0.2, level=0.15
        )
        for name, pool in POOLINGS.items():
            errors[name].append(error(pool(judgments).matrix, true))

    # Each of 8 studies has 66 pairs: the means' ratio is about .5, with little scatter.
    assert np.mean(errors["shrunken"]) < 0.8 * np.mean(errors["mean"])
    assert np.mean(errors["shrunken"]) < np.mean(errors["centred"])
    assert np.mean(errors["centred"]) < np.mean(errors["mean"])


def test_with_many_raters_all_three_agree() -> None:
    true = truth(3, n=8)
    judgments = rated(true, seed=3, n_raters=60, per_pair=60)

    pooled = [pool(judgments).matrix for pool in POOLINGS.values()]

    for each in pooled:
        np.testing.assert_allclose(each.values, true.values, atol=0.06)


def test_lenient_raters_of_other_pairs_move_the_mean_and_not_the_others() -> None:
    # Ada and Bo see the same, Bo .4 higher; each judges two pairs, one of them shared.
    judgments = similarities(
        ids(4),
        np.array([[0, 1], [0, 2], [2, 3], [0, 1], [0, 3], [1, 3]]),
        np.array([0, 0, 0, 1, 1, 1]),
        np.array([0.2, 0.4, 0.3, 0.6, 0.8, 0.7]),
    )

    centred = pooled_centred(judgments).matrix.values

    assert centred[0, 2] == centred[0, 3]
    assert judgments.mean().values[0, 2] < judgments.mean().values[0, 3]


@every
def test_a_pair_nobody_judged_stays_unjudged(name: str) -> None:
    judgments = rated(truth(4, n=5), seed=4, n_raters=4, per_pair=3)
    kept = ~((judgments.a == 1) & (judgments.b == 3))
    fewer = similarities(
        judgments.actions,
        np.column_stack([judgments.a, judgments.b])[kept],
        np.array([int(r[1:]) for r in judgments.rater[kept]]),
        judgments.similarity[kept],
    )

    matrix = POOLINGS[name](fewer).matrix

    assert np.isnan(matrix.values[1, 3])
    assert matrix.n_missing == 1


def test_centring_is_the_formula_and_what_leaves_the_range_is_moved_and_counted() -> (
    None
):
    # Ada's mean is .45, Bo's 0, that of all .225.
    judgments = similarities(
        ids(4),
        np.array([[0, 1], [0, 2], [1, 2], [0, 3]]),
        np.array([0, 0, 1, 1]),
        np.array([0.0, 0.9, 0.0, 0.0]),
    )

    found = pooled_centred(judgments)

    expected = [0.0, 0.675, 0.225, 0.225, np.nan, np.nan]  # the first is -.225
    np.testing.assert_allclose(found.matrix.pairs(), expected, atol=1e-12)
    assert found.n_clipped == 1


def test_a_rater_of_one_pair_is_not_used_once_centred() -> None:
    judgments = similarities(
        ids(3), PAIRS[[0, 1, 0, 2]], np.array([0, 0, 1, 2]), np.array([0.2, 0.4, 1, 1])
    )

    found = pooled_centred(judgments)

    assert found.n_unused == 2
    np.testing.assert_allclose(found.matrix.pairs(), [0.2, 0.4, np.nan])


@every
def test_ties_stay_ties(name: str) -> None:
    rows = np.tile(np.column_stack(np.triu_indices(5, k=1)), (3, 1))
    likert = np.tile([0.1, 0.1, 0.3, 0.3, 0.3, 0.7, 0.7, 0.1, 0.9, 0.9], 3)
    values = likert + np.repeat([0, 0.1, -0.07], 10)

    found = POOLINGS[name](similarities(ids(5), rows, np.repeat([0, 1, 2], 10), values))

    assert len(np.unique(found.matrix.pairs())) == len(np.unique(likert)) == 4


@every
def test_ratings_that_never_vary_make_a_constant_matrix(name: str) -> None:
    rows = np.tile(PAIRS, (2, 1))
    flat = similarities(ids(3), rows, np.repeat([0, 1], 3), np.full(6, 0.4))

    matrix = POOLINGS[name](flat).matrix

    assert np.unique(matrix.pairs()).tolist() == [0.4]
    assert np.isnan(MATRIX_MEASURES["spearman"].compute(matrix, matrix))


def test_a_constant_rater_pulls_every_pair_alike() -> None:
    judgments = rated(truth(5, n=5), seed=5, n_raters=4, per_pair=4)
    rows = np.column_stack([judgments.a, judgments.b])
    more = similarities(
        ids(5),
        np.vstack([rows, rows[::4]]),
        np.append([int(r[1:]) for r in judgments.rater], np.full(10, 9)),
        np.append(judgments.similarity, np.full(10, 0.5)),
    )

    one, other = pooled_centred(judgments).matrix, pooled_centred(more).matrix

    assert np.corrcoef(one.pairs(), other.pairs())[0, 1] == pytest.approx(1)


def test_reversed_raters_leave_nothing_that_pairs_share() -> None:
    up = np.linspace(0.1, 0.9, 10)
    rows = np.tile(np.column_stack(np.triu_indices(5, k=1)), (2, 1))
    judgments = similarities(ids(5), rows, np.repeat([0, 1], 10), np.append(up, 1 - up))

    found = pooled_shrunken(judgments)

    assert found.fit is not None
    assert found.fit.var_things == 0
    assert np.unique(found.matrix.pairs()).tolist() == [0.5]


def test_what_cannot_be_pooled_is_refused() -> None:
    judgments = rated(truth(6, n=4), seed=6, n_raters=3, per_pair=2)
    lone = similarities(
        ids(3), PAIRS, np.zeros(3, dtype=int), np.array([0.1, 0.2, 0.3])
    )
    unlinked = similarities(ids(3), PAIRS, np.arange(3), np.array([0.1, 0.2, 0.3]))
    one_pair = similarities(
        ids(2), np.array([[0, 1], [0, 1]]), np.arange(2), np.array([0.1, 0.2])
    )

    for pool in (pooled_centred, pooled_shrunken):
        with pytest.raises(TooFewRaters, match="got only published means"):
            pool(published(judgments))
        with pytest.raises(TooFewRaters, match="got none"):
            pool(judgments.only([]))
    with pytest.raises(TooFewRaters, match="each of the 3 judged 1; take the mean"):
        pooled_centred(unlinked)
    for few in (lone, unlinked, one_pair):
        with pytest.raises(TooFewRaters, match="one thing that two of them judged"):
            pooled_shrunken(few)
    assert pooled_mean(published(judgments)).matrix.complete
    np.testing.assert_allclose(pooled_centred(lone).matrix.pairs(), [0.1, 0.2, 0.3])
