"""Debiased CKA: against the printed formula, and against rebuilding each draw."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.errors import MatrixError
from alignment.matrices import FloatArray, SimilarityMatrix, from_embeddings
from alignment.measures.cka import cka_permuted, cka_resampled, u_centred

seeds = st.integers(0, 2**32 - 1)


def matrix(seed: int, n: int = 7, rater: str = "human") -> SimilarityMatrix:
    values = np.random.default_rng(seed).uniform(size=(n, n))
    values = (values + values.T) / 2
    np.fill_diagonal(values, 1)
    return SimilarityMatrix(values, tuple(f"a{i}" for i in range(n)), rater)


def cka(a: SimilarityMatrix, b: SimilarityMatrix) -> float:
    return float(cka_resampled(a, b, np.ones((1, len(a)), dtype=np.int64))[0])


def hsic_u(k: FloatArray, l_: FloatArray) -> float:
    """The unbiased HSIC as Song et al. (2012) define it: a mean over quadruples."""
    n = len(k)
    pairs = np.mean([k[i, j] * l_[i, j] for i, j in permutations(range(n), 2)])
    chains = np.mean([k[i, j] * l_[i, q] for i, j, q in permutations(range(n), 3)])
    apart = np.mean([k[i, j] * l_[q, r] for i, j, q, r in permutations(range(n), 4)])
    return float(pairs + apart - 2 * chains)


def printed_formula(k: FloatArray, l_: FloatArray) -> float:
    """HSIC_u as the module's docstring prints it."""
    n = len(k)
    k, l_ = k - np.diag(np.diag(k)), l_ - np.diag(np.diag(l_))
    one = np.ones(n)
    inner = (
        np.trace(k @ l_)
        + (one @ k @ one) * (one @ l_ @ one) / ((n - 1) * (n - 2))
        - 2 * (one @ k @ l_ @ one) / (n - 2)
    )
    return float(inner / (n * (n - 3)))


def rebuilt(a: SimilarityMatrix, b: SimilarityMatrix, counts: list[int]) -> float:
    """Rebuild the draw, leave self pairs out, fit draw effects, take the cosine."""
    drawn = np.repeat(np.arange(len(a)), counts)
    pairs = [
        (p, q) for p in range(len(drawn)) for q in range(p) if drawn[p] != drawn[q]
    ]
    design = np.zeros((len(pairs), len(drawn)))
    for row, (p, q) in enumerate(pairs):
        design[row, [p, q]] = 1
    left = []
    for m in (a, b):
        s = np.array([m.values[drawn[p], drawn[q]] for p, q in pairs])
        left.append(s - design @ np.linalg.lstsq(design, s, rcond=None)[0])
    return float(left[0] @ left[1] / np.linalg.norm(left[0]) / np.linalg.norm(left[1]))


@given(seeds)
def test_it_is_the_ratio_of_mean_over_quadruples(seed: int) -> None:
    a, b = matrix(seed, n=5), matrix(seed + 1, n=5)
    k, l_ = a.values, b.values

    expected = hsic_u(k, l_) / np.sqrt(hsic_u(k, k) * hsic_u(l_, l_))

    assert cka(a, b) == pytest.approx(expected, abs=1e-9)


@given(seeds, st.sampled_from([4, 9, 20]))
def test_it_is_the_printed_formula(seed: int, n: int) -> None:
    a, b = matrix(seed, n), matrix(seed + 1, n)
    k, l_ = a.values, b.values

    expected = printed_formula(k, l_) / np.sqrt(
        printed_formula(k, k) * printed_formula(l_, l_)
    )

    assert cka(a, b) == pytest.approx(expected, abs=1e-9)


@given(seeds)
def test_a_draw_equals_rebuilding_it_without_self_pairs(seed: int) -> None:
    a, b = matrix(seed), matrix(seed + 1)
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(3, np.full(7, 1 / 7), 5)
    counts[:, :5] += 1  # five different actions: fewer leave hardly a residual
    counts[0] = [4, 1, 1, 1, 1, 0, 0]  # one action makes up half the draw

    scores = cka_resampled(a, b, counts)

    expected = [rebuilt(a, b, row.tolist()) for row in counts]
    np.testing.assert_allclose(scores, expected, atol=1e-8)


def test_copies_of_actions_do_not_raise_the_score_of_unrelated_matrices() -> None:
    scores = [
        cka_resampled(
            matrix(2 * seed, 20),
            matrix(2 * seed + 1, 20),
            np.random.default_rng(seed).multinomial(20, np.full(20, 0.05), 50),
        ).mean()
        for seed in range(40)
    ]

    assert abs(np.mean(scores)) < 0.05


@given(seeds)
def test_the_score_does_not_change_with_level_or_scale(seed: int) -> None:
    a, b = matrix(seed), matrix(seed + 1)
    levels = np.random.default_rng(seed).uniform(0, 0.2, 7)
    values = 0.3 * a.values + levels[:, None] + levels[None, :]
    np.fill_diagonal(values, 1)

    moved = SimilarityMatrix(values, a.actions, "moved")

    assert cka(moved, b) == pytest.approx(cka(a, b), abs=1e-9)


@given(seeds)
def test_a_matrix_agrees_with_itself_and_both_ways(seed: int) -> None:
    a, b = matrix(seed), matrix(seed + 1)

    assert cka(a, a) == pytest.approx(1)
    assert cka(a, b) == pytest.approx(cka(b, a), abs=1e-12)
    assert -1 <= cka(a, b) <= 1


def test_many_features_and_few_actions_do_not_look_aligned() -> None:
    actions = tuple(f"a{i}" for i in range(50))
    scores = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        one, other = (
            from_embeddings(rng.normal(size=(50, 768)), actions, rater="m")[0]
            for _ in range(2)
        )
        scores.append(cka(one, other))

    assert abs(np.mean(scores)) < 0.05


@given(seeds)
def test_u_centring_leaves_rows_that_sum_to_zero(seed: int) -> None:
    centred = u_centred(matrix(seed))

    np.testing.assert_allclose(centred.sum(axis=0), 0, atol=1e-12)
    np.testing.assert_array_equal(np.diag(centred), 0)


@given(seeds)
def test_permuting_equals_taking_another_order(seed: int) -> None:
    a, b = matrix(seed), matrix(seed + 1)
    orders = np.stack(
        [np.random.default_rng(seed + i).permutation(7) for i in range(4)]
    )

    scores = cka_permuted(a, b, orders)

    for score, order in zip(scores, orders, strict=True):
        moved = SimilarityMatrix(b.values[np.ix_(order, order)], b.actions, "moved")
        assert score == pytest.approx(cka(a, moved), abs=1e-9)


def test_a_constant_matrix_has_no_score() -> None:
    flat = SimilarityMatrix(
        np.full((7, 7), 0.4) + 0.6 * np.eye(7), matrix(0).actions, "f"
    )

    assert np.isnan(cka(matrix(0), flat))
    assert np.isnan(cka_permuted(matrix(0), flat, np.arange(7)[None])).all()


def test_a_draw_of_three_actions_has_no_score() -> None:
    counts = np.array([[3, 2, 2, 0, 0, 0, 0], [2, 2, 2, 1, 0, 0, 0]])

    scores = cka_resampled(matrix(0), matrix(1), counts)

    np.testing.assert_array_equal(np.isnan(scores), [True, False])


def test_three_actions_are_too_few() -> None:
    with pytest.raises(MatrixError, match="needs at least 4 actions, got 3"):
        cka(matrix(0, n=3), matrix(1, n=3))


def test_a_matrix_with_gaps_is_refused() -> None:
    values = matrix(0).values.copy()
    values[0, 1] = values[1, 0] = np.nan
    gappy = SimilarityMatrix(values, matrix(0).actions, "smollm2")

    with pytest.raises(
        MatrixError, match="with smollm2: needs every pair judged, 1 of 21 are missing"
    ):
        cka(matrix(1), gappy)
