"""`alignment.corruption`: relabelling changes alignment and nothing else; others do."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import pearsonr, spearmanr

from alignment.corruption import (
    KINDS,
    as_matrix,
    corrupt,
    permute_pairs,
    relabel,
    same_spectrum,
)
from alignment.errors import MatrixError
from alignment.kernels import as_kernel
from alignment.matrices import SimilarityMatrix

seeds = st.integers(0, 2**32 - 1)
shares = st.floats(0, 1)


def matrix(seed: int, n: int = 9) -> SimilarityMatrix:
    values = np.random.default_rng(seed).uniform(size=(n, n))
    values = (values + values.T) / 2
    np.fill_diagonal(values, 1)
    return SimilarityMatrix(values, tuple(f"a{i}" for i in range(n)), "human")


def smooth(n: int = 20) -> SimilarityMatrix:
    """Similarities of places on a plane: positive semi-definite, of low rank."""
    places = np.random.default_rng(3).normal(size=(n, 2))
    gaps = ((places[:, None] - places[None]) ** 2).sum(-1)
    values = np.exp(-gaps / 6)
    return SimilarityMatrix(values, tuple(f"a{i}" for i in range(n)), "human")


def source(before: SimilarityMatrix, after: SimilarityMatrix) -> list[int]:
    """Whose row each row is now; all similarities are different, so it is unique."""
    rows = [sorted(row) for row in before.values.tolist()]
    return [rows.index(sorted(row)) for row in after.values.tolist()]


@given(seeds, seeds, shares)
def test_every_similarity_and_eigenvalue_stays(
    which: int, seed: int, share: float
) -> None:
    before = matrix(which)

    after = relabel(before, share, seed=seed)

    np.testing.assert_array_equal(np.sort(after.pairs()), np.sort(before.pairs()))
    np.testing.assert_allclose(
        np.linalg.eigvalsh(after.values), np.linalg.eigvalsh(before.values), atol=1e-12
    )
    assert after.actions == before.actions


@given(seeds, seeds, shares)
def test_the_share_of_actions_and_no_other_trades_places(
    which: int, seed: int, share: float
) -> None:
    before = matrix(which)

    moved = source(before, relabel(before, share, seed=seed))

    wanted = round(share * 9)
    assert sorted(moved) == list(range(9))
    assert sum(i != j for i, j in enumerate(moved)) == (2 if wanted == 1 else wanted)


@given(seeds, st.integers(2, 8))
def test_with_one_seed_a_larger_share_moves_the_same_and_more(
    seed: int, count: int
) -> None:
    before = matrix(0)

    fewer = source(before, relabel(before, count / 9, seed=seed))
    more = source(before, relabel(before, (count + 1) / 9, seed=seed))

    assert {i for i in range(9) if fewer[i] != i} < {
        i for i in range(9) if more[i] != i
    }


def test_no_share_changes_nothing() -> None:
    before = matrix(1)

    after = relabel(before, 0.0, seed=4)

    np.testing.assert_array_equal(after.values, before.values)
    assert after.rater == "human~0"


def test_the_same_seed_gives_the_same_matrix() -> None:
    first, again = (relabel(matrix(2), 0.5, seed=8) for _ in range(2))

    np.testing.assert_array_equal(first.values, again.values)
    assert first.rater == "human~0.5"


def test_unjudged_pairs_move_with_their_actions() -> None:
    values = matrix(3).values.copy()
    values[0, 1:] = values[1:, 0] = np.nan
    gappy = SimilarityMatrix(values, matrix(3).actions, "human")

    after = relabel(gappy, 1.0, seed=0)

    unjudged = np.isnan(after.values).sum(axis=1)
    assert after.n_missing == 8
    assert unjudged[0] == 1
    assert sorted(unjudged) == [1] * 8 + [8]


@pytest.mark.parametrize("share", [-0.1, 1.5, np.nan])
def test_a_share_outside_its_range_is_refused(share: float) -> None:
    with pytest.raises(MatrixError, match=r"corruption of human: the share must lie"):
        relabel(matrix(0), share, seed=0)


@pytest.mark.parametrize("kind", KINDS)
def test_no_share_of_any_kind_changes_anything(kind: str) -> None:
    before = smooth()

    after = corrupt(before, kind, 0.0, seed=4)

    np.testing.assert_array_equal(after.values, before.values)


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_gives_one_matrix_and_another_seed_another(kind: str) -> None:
    first, again, other = (corrupt(smooth(), kind, 0.6, seed=s) for s in (8, 8, 9))

    np.testing.assert_array_equal(first.values, again.values)
    assert not np.array_equal(first.values, other.values)


@pytest.mark.parametrize("kind", KINDS)
def test_alignment_after_repair_falls_with_the_share_until_none_is_left(
    kind: str,
) -> None:
    before = smooth()
    shares = (0.0, 0.25, 0.5, 0.75, 1.0)

    reached = [
        np.mean(
            [
                spearmanr(
                    as_matrix(as_kernel(corrupt(before, kind, share, seed=s))).pairs(),
                    before.pairs(),
                ).statistic
                for s in range(12)
            ]
        )
        for share in shares
    ]

    assert reached[0] == 1
    assert all(a > b for a, b in pairwise(reached))
    # One draw scatters by about 0.15 with 20 actions: the mean of 12 by 0.045.
    assert abs(reached[-1]) < 5 * 0.045


@pytest.mark.parametrize("kind", KINDS)
def test_every_corrupted_matrix_can_be_repaired_into_a_kernel(kind: str) -> None:
    for seed in range(5):
        kernel = as_kernel(corrupt(matrix(seed), kind, 0.7, seed=seed))

        assert np.linalg.eigvalsh(kernel.values)[0] > -1e-9


@pytest.mark.parametrize("kind", KINDS)
def test_unjudged_pairs_stay_as_many(kind: str) -> None:
    values = matrix(3).values.copy()
    values[0, 1:4] = values[1:4, 0] = np.nan
    gappy = SimilarityMatrix(values, matrix(3).actions, "human")

    after = corrupt(gappy, kind, 0.5, seed=0, completion="mean")

    assert after.n_missing == 3


@given(seeds, seeds, shares)
def test_permuted_pairs_keep_every_similarity_and_move_the_share(
    which: int, seed: int, share: float
) -> None:
    before = matrix(which)

    after = permute_pairs(before, share, seed=seed)

    wanted = round(share * 36)
    moved = (after.pairs() != before.pairs()).sum()
    np.testing.assert_array_equal(np.sort(after.pairs()), np.sort(before.pairs()))
    assert moved == (2 if wanted == 1 else wanted)


@given(seeds, st.integers(2, 12))
def test_a_random_matrix_of_equal_spectrum_has_it_and_a_unit_diagonal(
    seed: int, n: int
) -> None:
    kernel = as_kernel(matrix(seed, n)).values

    other = same_spectrum(kernel, np.random.default_rng(seed))

    np.testing.assert_allclose(
        np.linalg.eigvalsh(other), np.linalg.eigvalsh(kernel), atol=1e-9
    )
    np.testing.assert_array_equal(np.diag(other), 1)
    np.testing.assert_array_equal(other, other.T)


def test_a_random_matrix_of_equal_spectrum_favours_no_pair() -> None:
    # Turning uniformly, every pair has the same law, whatever the kernel said of it.
    kernel = np.array(
        [
            [1.0, 0.9, 0.1, 0.0],
            [0.9, 1.0, 0.1, 0.0],
            [0.1, 0.1, 1.0, 0.4],
            [0.0, 0.0, 0.4, 1.0],
        ]
    )
    rng = np.random.default_rng(1)
    rows, columns = np.triu_indices(4, k=1)

    drawn = np.stack([same_spectrum(kernel, rng)[rows, columns] for _ in range(4000)])

    away = drawn.mean(0) - drawn.mean()
    # Six z-scores: 5 is beyond chance.
    assert np.abs(away / (drawn.std(0) / np.sqrt(len(drawn)))).max() < 5


@pytest.mark.parametrize("kernel", [np.eye(5), np.ones((5, 5))])
def test_where_only_one_matrix_has_the_spectrum_it_is_that_one(
    kernel: np.ndarray,
) -> None:
    other = same_spectrum(kernel, np.random.default_rng(0))

    np.testing.assert_allclose(other, kernel, atol=1e-12)


def test_a_blend_lies_on_the_line_between_the_two() -> None:
    # Judgments near their mean: nothing has to be cut to [0, 1].
    shrunk = 0.5 + 0.1 * (smooth().values - 0.5)
    np.fill_diagonal(shrunk, 1)
    before = SimilarityMatrix(shrunk, smooth().actions, "human")
    whole, half = (corrupt(before, "blend", s, seed=2).pairs() for s in (1.0, 0.5))

    np.testing.assert_allclose(half, (whole + before.pairs()) / 2, atol=1e-12)


def test_noise_keeps_the_spread_and_leaves_the_correlation_it_says() -> None:
    # Judgments near their mean: nothing has to be cut to [0, 1].
    shrunk = 0.5 + 0.1 * (smooth(60).values - 0.5)
    np.fill_diagonal(shrunk, 1)
    before = SimilarityMatrix(shrunk, smooth(60).actions, "human")
    after = [corrupt(before, "noise", 0.36, seed=s).pairs() for s in range(10)]

    r = np.mean([pearsonr(before.pairs(), pairs).statistic for pairs in after])
    spread = np.mean([pairs.std() for pairs in after])
    # 17,700 pairs: both scatter by less than 0.006 of their size.
    assert r == pytest.approx(0.8, abs=0.03)
    assert spread == pytest.approx(before.pairs().std(), rel=0.03)


def test_noise_leaves_a_matrix_without_variance_alone() -> None:
    flat = np.full((4, 4), 0.3)
    np.fill_diagonal(flat, 1)
    before = SimilarityMatrix(flat, tuple("abcd"), "flat")

    after = corrupt(before, "noise", 1.0, seed=0)

    np.testing.assert_allclose(after.values, before.values)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [-0.1, 1.5, np.nan])
def test_no_kind_takes_a_share_outside_its_range(kind: str, share: float) -> None:
    with pytest.raises(MatrixError, match=r"corruption of human: the share must lie"):
        corrupt(matrix(0), kind, share, seed=0)


def test_another_kind_and_a_blend_with_gaps_are_refused() -> None:
    with pytest.raises(MatrixError) as refusal:
        corrupt(matrix(0), "rot", 0.5, seed=0)
    assert str(refusal.value) == (
        "corruption of human: the kind must be one of relabel, permute_pairs, blend, "
        "noise, got 'rot'"
    )
    values = matrix(3).values.copy()
    values[0, 1] = values[1, 0] = np.nan
    gappy = SimilarityMatrix(values, matrix(3).actions, "human")
    with pytest.raises(MatrixError, match="1 of 36 pairs were never judged"):
        corrupt(gappy, "blend", 0.5, seed=0)
