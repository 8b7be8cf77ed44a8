"""`alignment.corruption`: relabelling changes alignment and nothing else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.corruption import relabel
from alignment.errors import MatrixError
from alignment.matrices import SimilarityMatrix

seeds = st.integers(0, 2**32 - 1)
shares = st.floats(0, 1)


def matrix(seed: int, n: int = 9) -> SimilarityMatrix:
    values = np.random.default_rng(seed).uniform(size=(n, n))
    values = (values + values.T) / 2
    np.fill_diagonal(values, 1)
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
