"""`alignment.kernels`: repair, the matched form, roots, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from alignment.errors import MatrixError
from alignment.kernels import Kernel, as_kernel, matched, robust_cholesky, root
from alignment.matrices import SimilarityMatrix

seeds = st.integers(0, 2**32 - 1)


def matrix(seed: int, n: int = 8, rater: str = "human") -> SimilarityMatrix:
    """Independent similarities: far from positive semi-definite."""
    values = np.random.default_rng(seed).uniform(size=(n, n))
    values = (values + values.T) / 2
    np.fill_diagonal(values, 1)
    return SimilarityMatrix(values, tuple(f"a{i}" for i in range(n)), rater)


def smooth(seed: int, n: int = 8, rater: str = "model") -> SimilarityMatrix:
    """Similarities that fall with squared distance: positive definite as they are."""
    x = np.random.default_rng(seed).normal(size=(n, 2))
    apart = ((x[:, None] - x[None]) ** 2).sum(axis=2)
    return SimilarityMatrix(np.exp(-apart), tuple(f"a{i}" for i in range(n)), rater)


def with_gaps(whole: SimilarityMatrix, n_missing: int) -> SimilarityMatrix:
    values = whole.values.copy()
    rows, columns = np.triu_indices(len(whole), k=1)
    values[rows[:n_missing], columns[:n_missing]] = np.nan
    values[columns[:n_missing], rows[:n_missing]] = np.nan
    return SimilarityMatrix(values, whole.actions, whole.rater)


@given(seeds)
def test_a_kernel_is_positive_semi_definite_with_a_unit_diagonal(seed: int) -> None:
    kernel = as_kernel(matrix(seed))

    assert np.linalg.eigvalsh(kernel.values).min() > -1e-10
    np.testing.assert_array_equal(np.diag(kernel.values), 1)
    np.testing.assert_array_equal(kernel.values, kernel.values.T)


@given(seeds)
def test_repair_is_clipping_then_scaling(seed: int) -> None:
    given_, kernel = matrix(seed), as_kernel(matrix(seed))

    eigenvalues, vectors = np.linalg.eigh(given_.values)
    clipped = sum(
        max(value, 0) * np.outer(vector, vector)
        for value, vector in zip(eigenvalues, vectors.T, strict=True)
    )
    d = np.diag(1 / np.sqrt(np.diag(clipped)))
    np.testing.assert_allclose(kernel.values, d @ clipped @ d, atol=1e-10)
    negative = -eigenvalues[eigenvalues < 0].sum()
    assert kernel.negative_share == pytest.approx(negative / np.abs(eigenvalues).sum())
    assert kernel.repaired_share == pytest.approx(
        np.linalg.norm(kernel.values - given_.values) / np.linalg.norm(given_.values),
        abs=1e-9,
    )


def test_a_matrix_that_needs_no_repair_is_taken_as_it_is() -> None:
    given_ = smooth(3)

    kernel = as_kernel(given_)

    np.testing.assert_array_equal(kernel.values, given_.values)
    assert (kernel.repaired_share, kernel.negative_share) == (0, 0)
    assert (kernel.form, kernel.rater, kernel.completed_pairs) == (
        "as_given",
        "model",
        0,
    )


@pytest.mark.parametrize(
    ("values", "rank"),
    [(np.eye(5), 5), (np.ones((5, 5)), 1), (np.kron(np.eye(2), np.ones((3, 3))), 2)],
)
def test_effective_rank_counts_equal_directions(values: np.ndarray, rank: int) -> None:
    actions = tuple(f"a{i}" for i in range(len(values)))

    kernel = as_kernel(SimilarityMatrix(values, actions, "human"))

    assert kernel.effective_rank == pytest.approx(rank)


def test_pairs_never_judged_are_refused_by_number() -> None:
    sentence = (
        r"similarity of smollm2: 1,075 of 1,225 pairs were never judged; a kernel "
        r"needs all of them: judge them, or name a completion rule"
    )

    with pytest.raises(MatrixError, match=sentence):
        as_kernel(with_gaps(matrix(0, 50, "smollm2"), 1075))


def test_a_named_completion_fills_with_the_mean_and_is_counted() -> None:
    gappy = with_gaps(smooth(1), 2)
    mean = np.nanmean(gappy.pairs())

    kernel = as_kernel(gappy, completion="mean")

    filled = np.where(np.isnan(gappy.values), mean, gappy.values)
    whole = as_kernel(SimilarityMatrix(filled, gappy.actions, "model"))
    assert kernel.completed_pairs == 2
    np.testing.assert_allclose(kernel.values, whole.values)


def test_nothing_judged_cannot_be_completed() -> None:
    with pytest.raises(MatrixError, match="28 of 28 pairs were never judged; there is"):
        as_kernel(with_gaps(matrix(0), 28), completion="mean")


def test_an_unknown_completion_is_refused() -> None:
    with pytest.raises(MatrixError, match='the completion rule must be "mean"'):
        as_kernel(with_gaps(matrix(0), 2), completion="zero")  # type: ignore[arg-type]


def test_a_matrix_matched_to_itself_is_the_matrix() -> None:
    given_ = smooth(4)

    kernel = matched(given_, given_)

    np.testing.assert_allclose(kernel.values, given_.values, atol=1e-12)
    assert kernel.form == "matched"


@given(seeds)
def test_a_matched_kernel_does_not_see_a_bent_scale(seed: int) -> None:
    model, human = smooth(seed), smooth(seed + 1, rater="human")
    bent = SimilarityMatrix(model.values**3, model.actions, "model")

    np.testing.assert_allclose(
        matched(bent, human).values, matched(model, human).values, atol=1e-12
    )


def test_matching_gives_the_references_values_in_the_matrixs_order() -> None:
    # Near identity, so that nothing needs repair and the mapping itself is seen.
    human = SimilarityMatrix(0.9 * np.eye(8) + 0.1 * smooth(5).values, *named("human"))
    model = smooth(6)

    kernel = matched(model, human)

    pairs = kernel.values[np.triu_indices(8, k=1)]
    np.testing.assert_array_equal(np.argsort(pairs), np.argsort(model.pairs()))
    np.testing.assert_allclose(np.sort(pairs), np.sort(human.pairs()), atol=1e-12)


def test_tied_pairs_stay_tied_and_get_the_value_at_their_mid_rank() -> None:
    human = SimilarityMatrix(triangle(0.1, 0.2, 0.4), ("x", "y", "z"), "human")
    model = SimilarityMatrix(triangle(0.5, 0.5, 0.9), ("x", "y", "z"), "model")

    pairs = matched(model, human).values[np.triu_indices(3, k=1)]

    np.testing.assert_allclose(pairs, [0.15, 0.15, 0.4])


def test_a_reference_may_have_gaps_but_not_only_gaps() -> None:
    human = with_gaps(matrix(1), 27)
    level = human.pairs()[-1]

    kernel = matched(smooth(2), human)

    np.testing.assert_allclose(kernel.mean_off_diagonal, level, atol=1e-12)
    with pytest.raises(MatrixError, match="a reference needs a judged pair, all 28"):
        matched(smooth(2), with_gaps(matrix(1), 28))


def test_a_reference_in_another_order_is_refused() -> None:
    with pytest.raises(MatrixError, match="the order of its actions differs"):
        matched(smooth(2), matrix(1).take(range(7, -1, -1)))


@given(seeds)
@settings(max_examples=25)
def test_the_root_is_the_symmetric_one(seed: int) -> None:
    kernel = smooth(seed % 1000).values + 0.1 * np.eye(8)

    made = root(kernel)

    np.testing.assert_allclose(made @ made, kernel, atol=1e-10)
    np.testing.assert_allclose(made, np.real(sqrtm(kernel)), atol=1e-7)


def test_the_root_of_a_singular_kernel_is_real() -> None:
    made = root(np.ones((4, 4)))

    np.testing.assert_allclose(made, np.full((4, 4), 0.5), atol=1e-7)


@given(seeds)
@settings(max_examples=25)
def test_a_cholesky_factor_gives_the_kernel_back(seed: int) -> None:
    kernel = smooth(seed % 1000).values

    lower, jitter = robust_cholesky(kernel)

    np.testing.assert_allclose(lower @ lower.T, kernel + jitter * np.eye(8), atol=1e-12)
    np.testing.assert_array_equal(lower, np.tril(lower))


def test_a_singular_kernel_gets_the_least_jitter_that_works() -> None:
    lower, jitter = robust_cholesky(np.ones((6, 6)))

    assert 0 <= jitter <= 1e-8
    np.testing.assert_allclose(lower @ lower.T, np.ones((6, 6)), atol=1e-7)


def test_an_indefinite_matrix_is_not_factored() -> None:
    with pytest.raises(MatrixError, match="repair it with as_kernel"):
        robust_cholesky(triangle(0.9, 0.9, 0.0))


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (np.eye(3), r"kernel of model: needs shape \(8, 8\) for 8 actions"),
        (2 * np.eye(8), "must be symmetric with a diagonal of 1"),
        (np.full((8, 8), np.nan), "must be symmetric with a diagonal of 1"),
        (matrix(0).values, "no eigenvalue may lie below 0"),
    ],
)
def test_a_kernel_that_is_none_cannot_be_made(
    values: np.ndarray, sentence: str
) -> None:
    kernel: Kernel = as_kernel(smooth(1))

    with pytest.raises(MatrixError, match=sentence):
        replace(kernel, values=values)


def named(rater: str) -> tuple[tuple[str, ...], str]:
    return tuple(f"a{i}" for i in range(8)), rater


def triangle(xy: float, xz: float, yz: float) -> np.ndarray:
    return np.array([[1, xy, xz], [xy, 1, yz], [xz, yz, 1]])
