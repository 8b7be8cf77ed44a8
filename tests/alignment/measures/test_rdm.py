"""Measures on pairs: against scipy, brute force, and lists that repeat pairs."""

from collections.abc import Callable
from itertools import combinations, permutations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import cosine as cosine_distance

from alignment.matrices import FloatArray
from alignment.measures import rdm

PairMeasure = Callable[[FloatArray, FloatArray, FloatArray], FloatArray]
CORRELATIONS = [rdm.pearson, rdm.spearman, rdm.rho_a, rdm.tau_a, rdm.tau_b]
ALL = [*CORRELATIONS, rdm.cosine]

seeds = st.integers(0, 2**32 - 1)


def tied(seed: int, m: int = 15, levels: int = 5) -> tuple[FloatArray, FloatArray]:
    """Two raters who share some order and tie often; neither is constant."""
    rng = np.random.default_rng(seed)
    shared = rng.integers(0, levels, m)
    x = (shared + rng.integers(0, 2, m)) / levels
    y = (shared + rng.integers(0, levels, m)) / levels
    x[:2], y[:2] = (0, 1), (1, 0)
    return x, y


def plain(measure: PairMeasure, x: FloatArray, y: FloatArray) -> float:
    return float(measure(x, y, np.ones((1, len(x))))[0])


def brute_tau_a(x: FloatArray, y: FloatArray) -> float:
    """Kendall's definition, pair of pairs by pair of pairs."""
    signs = [
        np.sign(x[p] - x[q]) * np.sign(y[p] - y[q])
        for p, q in combinations(range(len(x)), 2)
    ]
    return float(np.mean(signs))


def tau_a_from_tau_b(x: FloatArray, y: FloatArray) -> float:
    """scipy's tau-b divides by sqrt((T - Tx)(T - Ty)): multiply, and divide by T."""
    m = len(x)
    t = m * (m - 1) / 2
    tx, ty = (
        sum(n * (n - 1) / 2 for n in np.unique(v, return_counts=True)[1])
        for v in (x, y)
    )
    tau_b: float = stats.kendalltau(x, y).statistic
    return float(tau_b * np.sqrt((t - tx) * (t - ty)) / t)


def spearman_over_tie_breaks(x: FloatArray, y: FloatArray) -> float:
    """Mean Spearman over every way to break the ties of each side, equally likely."""

    def strict_orders(v: FloatArray) -> list[list[int]]:
        groups = [np.flatnonzero(v == level).tolist() for level in np.unique(v)]
        made = []
        for choice in product(*(permutations(group) for group in groups)):
            order = [i for group in choice for i in group]
            made.append([order.index(i) for i in range(len(v))])
        return made

    pairs = product(strict_orders(x), strict_orders(y))
    return float(np.mean([stats.spearmanr(a, b).statistic for a, b in pairs]))


@given(seeds)
def test_pearson_is_scipys(seed: int) -> None:
    x, y = tied(seed)

    expected = stats.pearsonr(x, y).statistic

    assert plain(rdm.pearson, x, y) == pytest.approx(expected, abs=1e-10)


@given(seeds)
def test_spearman_with_ties_is_scipys(seed: int) -> None:
    x, y = tied(seed)

    expected = stats.spearmanr(x, y).statistic

    assert plain(rdm.spearman, x, y) == pytest.approx(expected, abs=1e-12)


@given(seeds)
def test_rho_a_follows_its_formula(seed: int) -> None:
    x, y = tied(seed)
    m = len(x)
    a, b = stats.rankdata(x) - (m + 1) / 2, stats.rankdata(y) - (m + 1) / 2

    assert plain(rdm.rho_a, x, y) == pytest.approx(12 * (a @ b) / (m**3 - m), abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_rho_a_is_the_expected_spearman_when_ties_are_broken_at_random(
    seed: int,
) -> None:
    x, y = tied(seed, m=6, levels=3)

    expected = spearman_over_tie_breaks(x, y)

    assert plain(rdm.rho_a, x, y) == pytest.approx(expected, abs=1e-12)


@given(seeds)
def test_tau_a_equals_brute_force(seed: int) -> None:
    x, y = tied(seed)

    assert plain(rdm.tau_a, x, y) == pytest.approx(brute_tau_a(x, y), abs=1e-12)


@given(seeds, st.sampled_from([2, 3, 17, 64, 65, 200]))
def test_tau_a_equals_scipys_tau_b_undone(seed: int, m: int) -> None:
    x, y = tied(seed, m=m)

    assert plain(rdm.tau_a, x, y) == pytest.approx(tau_a_from_tau_b(x, y), abs=1e-12)


@given(seeds)
def test_tau_b_is_scipys(seed: int) -> None:
    x, y = tied(seed)

    expected = stats.kendalltau(x, y).statistic

    assert plain(rdm.tau_b, x, y) == pytest.approx(expected, abs=1e-12)


@given(seeds)
def test_cosine_is_scipys_on_dissimilarities(seed: int) -> None:
    x, y = tied(seed)

    expected = 1 - cosine_distance(1 - x, 1 - y)

    assert plain(rdm.cosine, x, y) == pytest.approx(expected, abs=1e-12)
    # A factor on dissimilarities changes nothing, a constant does.
    assert plain(rdm.cosine, 1 - 3 * (1 - x), y) == pytest.approx(expected, abs=1e-12)
    assert plain(rdm.cosine, x - 1, y) != pytest.approx(expected, abs=1e-6)


@given(seeds)
def test_without_ties_rho_a_is_spearman(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(size=12), rng.uniform(size=12)

    assert plain(rdm.rho_a, x, y) == pytest.approx(plain(rdm.spearman, x, y))


@pytest.mark.parametrize("measure", ALL)
@given(seed=seeds)
def test_weights_are_repetitions(measure: PairMeasure, seed: int) -> None:
    x, y = tied(seed)
    weights = np.random.default_rng(seed).integers(0, 4, (6, len(x)))
    weights[:, :2] = np.maximum(weights[:, :2], 1)  # keeps both sides from constancy

    scores = measure(x, y, weights.astype(float))

    for score, repeats in zip(scores, weights, strict=True):
        whole = plain(measure, np.repeat(x, repeats), np.repeat(y, repeats))
        assert score == pytest.approx(whole, abs=1e-10)


@pytest.mark.parametrize("measure", CORRELATIONS)
@given(seed=seeds)
def test_a_measure_is_symmetric_and_turns_with_its_scale(
    measure: PairMeasure, seed: int
) -> None:
    x, y = tied(seed)
    score = plain(measure, x, y)

    assert plain(measure, y, x) == pytest.approx(score, abs=1e-12)
    assert plain(measure, 3 * x + 1, y) == pytest.approx(score, abs=1e-10)
    assert plain(measure, -x, y) == pytest.approx(-score, abs=1e-10)


@pytest.mark.parametrize("measure", [rdm.spearman, rdm.rho_a, rdm.tau_a, rdm.tau_b])
@given(seed=seeds)
def test_a_measure_of_order_does_not_see_a_bent_scale(
    measure: PairMeasure, seed: int
) -> None:
    x, y = tied(seed)

    assert plain(measure, np.exp(3 * x), y) == pytest.approx(plain(measure, x, y))


@pytest.mark.parametrize("measure", CORRELATIONS)
def test_the_same_order_without_ties_scores_one(measure: PairMeasure) -> None:
    x = np.linspace(0, 1, 11)

    assert plain(measure, x, x) == pytest.approx(1)
    assert plain(measure, x, -x) == pytest.approx(-1)


@pytest.mark.parametrize("measure", [rdm.rho_a, rdm.tau_a])
def test_ties_keep_a_tie_aware_measure_from_one(measure: PairMeasure) -> None:
    x = np.array([0, 0, 1, 1.0])

    assert 0 < plain(measure, x, x) < 1


@pytest.mark.parametrize("measure", ALL)
@pytest.mark.parametrize(
    ("x", "y"),
    [
        ([0.3, 0.3, 0.3], [0.1, 0.2, 0.3]),
        ([0.1, 0.2, 0.3], [0.3, 0.3, 0.3]),
        ([0.1], [0.2]),
    ],
)
def test_a_constant_side_has_no_score(
    measure: PairMeasure, x: list[float], y: list[float]
) -> None:
    assert np.isnan(plain(measure, np.array(x), np.array(y)))


@pytest.mark.parametrize("measure", ALL)
def test_a_draw_that_leaves_one_level_has_no_score(measure: PairMeasure) -> None:
    x, y = np.array([0.1, 0.1, 0.7]), np.array([0.2, 0.3, 0.4])
    weights = np.array([[2.0, 1, 0], [0, 0, 3], [0, 0, 0], [1, 1, 1]])

    for scores in (measure(x, y, weights), measure(y, x, weights)):
        np.testing.assert_array_equal(np.isnan(scores), [True, True, True, False])


@pytest.mark.parametrize(
    ("rows", "measure", "ranked"),
    [
        (rdm.pearson_rows, rdm.pearson, False),
        (rdm.pearson_rows, rdm.spearman, True),
        (rdm.rho_a_rows, rdm.rho_a, True),
        (rdm.tau_a_rows, rdm.tau_a, False),
    ],
)
@given(seed=seeds)
def test_many_rows_at_once_equal_one_by_one(
    rows: Callable[[FloatArray, FloatArray], FloatArray],
    measure: PairMeasure,
    ranked: bool,
    seed: int,
) -> None:
    x, _ = tied(seed)
    y = np.stack([tied(seed + i)[1] for i in range(4)] + [np.full(15, 0.5)])

    ranks = stats.rankdata if ranked else lambda values, axis: values
    scores = rows(ranks(x, axis=0), ranks(y, axis=1))

    expected = [plain(measure, x, row) for row in y]
    np.testing.assert_allclose(scores, expected, atol=1e-12)
    assert np.isnan(scores[-1])


def test_pearson_keeps_its_digits_far_from_zero() -> None:
    x, y = tied(0)

    assert plain(rdm.pearson, x + 1e6, y) == pytest.approx(
        plain(rdm.pearson, x, y), abs=1e-8
    )
