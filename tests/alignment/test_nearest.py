"""The nearest correlation matrix, against another algorithm and what must hold of it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.linalg import eigh

from alignment import nearest
from alignment.errors import MatrixError
from alignment.kernels import as_kernel, matched
from alignment.matrices import SimilarityMatrix
from alignment.nearest import clipped_correlation, nearest_correlation
from tests.witnesses import nearest as witness

Array = NDArray[np.float64]


def noisy(seed: int, n: int = 9, noise: float = 0.4) -> Array:
    """A similarity matrix with noise that takes eigenvalues below 0."""
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(n, 2))
    gaps = ((points[:, None] - points[None]) ** 2).sum(-1)
    shaken = noise * rng.normal(size=(n, n))
    matrix = np.clip(np.exp(-gaps / 2) + (shaken + shaken.T) / 2, 0, 1)
    np.fill_diagonal(matrix, 1.0)
    return matrix


def similarity(values: Array) -> SimilarityMatrix:
    return SimilarityMatrix(values, tuple(f"a{k}" for k in range(len(values))), "ada")


@pytest.mark.parametrize("seed", range(6))
def test_it_is_the_matrix_that_minimising_the_dual_finds(seed: int) -> None:
    matrix = noisy(seed)

    found = nearest_correlation(matrix)

    assert eigh(matrix, eigvals_only=True)[0] < -0.1
    np.testing.assert_allclose(
        found, witness.nearest_correlation(matrix), rtol=0, atol=1e-6
    )


def test_the_example_of_the_paper_comes_out() -> None:
    # Higham (2002), section 4: four digits are printed there.
    chain = np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0], [0.0, 1.0, 1.0]])

    found = nearest_correlation(chain)

    expected = [[1, 0.7607, 0.1573], [0.7607, 1, 0.7607], [0.1573, 0.7607, 1]]
    np.testing.assert_allclose(found, expected, rtol=0, atol=5e-5)


@given(st.integers(0, 10_000), st.floats(0.1, 1.0))
def test_it_is_never_farther_than_clipping(seed: int, noise: float) -> None:
    matrix = noisy(seed, 6, noise)

    higham, clip = (
        as_kernel(similarity(matrix), repair="higham"),
        as_kernel(similarity(matrix), repair="clip"),
    )

    assert higham.repaired_share <= clip.repaired_share + 1e-8
    assert higham.negative_share == clip.negative_share


def test_a_kernel_needs_no_repair_of_either_kind() -> None:
    fine = clipped_correlation(noisy(3))
    np.testing.assert_allclose(nearest_correlation(fine), fine, rtol=0, atol=1e-8)

    gaps = np.abs(np.subtract.outer(np.arange(5.0), np.arange(5.0)))
    smooth = similarity(np.exp(-gaps))
    for repair in ("clip", "higham"):
        kernel = as_kernel(smooth, repair=repair)
        assert kernel.repaired_share == 0
        assert np.array_equal(kernel.values, smooth.values)


def test_a_matched_kernel_is_repaired_as_asked() -> None:
    matrix, reference = similarity(noisy(1)), similarity(noisy(2))

    clip, higham = (
        matched(matrix, reference, repair=repair) for repair in ("clip", "higham")
    )

    assert 0 < higham.repaired_share < clip.repaired_share
    assert higham.form == clip.form == "matched"


def test_an_unknown_repair_is_refused() -> None:
    with pytest.raises(MatrixError) as refusal:
        as_kernel(similarity(noisy(1)), repair="shift")  # type: ignore[arg-type]

    assert str(refusal.value) == (
        "similarity of ada: the repair must be one of clip, higham, got 'shift'"
    )


def test_a_search_that_does_not_settle_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nearest, "MOST_ROUNDS", 2)

    with pytest.raises(MatrixError) as refusal:
        nearest_correlation(noisy(1))

    assert str(refusal.value) == (
        "nearest correlation matrix of 9 actions: must settle within 2 rounds, and "
        "still changed; repair it by clipping"
    )
