import math
from functools import partial

import numpy as np
import pytest
from scipy.stats import spearmanr

from bandits.paper.statistics import (
    mean_and_error,
    naive,
    of_units,
    over_curves,
    sign_flip,
    spearman,
)

few = partial(over_curves, seed=1, resamples=300, permutations=199)


def curves(n: int, slope: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """n curves of 6 doses: alignment from 1 to 0, outcome with a slope and noise."""
    rng = np.random.default_rng(seed)
    x = np.linspace(1, 0, 6) + 0.02 * rng.normal(size=(n, 6))
    return x, slope * x + 0.3 * rng.normal(size=(n, 6))


def test_spearman_is_scipys_with_ties_and_leaves_out_what_is_undefined() -> None:
    x = np.array([1.0, 2.0, 2.0, 5.0, np.nan, 0.0])
    y = np.array([3.0, 1.0, 4.0, 4.0, 2.0, np.nan])
    assert spearman(x, y) == pytest.approx(spearmanr(x[:4], y[:4]).statistic)
    assert math.isnan(spearman(np.ones(4), np.arange(4.0)))


def test_interval_and_p_over_curves_are_those_of_one_draw_after_the_other() -> None:
    """Two outcomes on one alignment, ties among them: what is kept serves both."""
    x, y = curves(4, 0.3, 5)
    for outcome in (y, np.round(y)):
        found = few(x, outcome)
        rows = np.random.default_rng(1).integers(0, 4, (300, 4))
        drawn = [spearman(x[row].ravel(), outcome[row].ravel()) for row in rows]
        assert found[1:3] == pytest.approx(np.nanpercentile(drawn, [2.5, 97.5]))
        rng = np.random.default_rng([1, 1])
        places = np.broadcast_to(np.arange(24).reshape(4, 6), (199, 4, 6))
        orders = rng.permuted(places, axis=2).reshape(199, -1)
        sizes = [abs(spearman(x.ravel(), outcome.ravel()[o])) for o in orders]
        far = sum(size >= abs(found.value) - 1e-9 for size in sizes)
        assert found.p == (far + 1) / 200


def test_an_outcome_that_follows_alignment_is_found_over_curves() -> None:
    found = few(*curves(6, 2.0, 0))
    assert found.value > 0.7
    assert found.low > 0
    assert found.p == 1 / 200  # the smallest that so few orders can give


def test_the_statistic_over_curves_is_that_of_all_their_kernels() -> None:
    x, y = curves(4, 1.0, 3)
    assert few(x, y).value == pytest.approx(spearmanr(x.ravel(), y.ravel()).statistic)


def test_without_an_effect_small_ps_are_as_rare_as_they_should_be() -> None:
    """200 null data sets; more than 29 of them below .05 has a chance under 1e-6."""
    small = sum(
        over_curves(
            *curves(3, 0.0, 100 + seed), seed=1, resamples=100, permutations=99
        ).p
        <= 0.05
        for seed in range(200)
    )
    assert small <= 29


def test_curves_that_differ_only_from_each_other_are_no_effect() -> None:
    """Whole curves high or low: pooled points would call that evidence, doses do not."""
    x, y = curves(2, 0.0, 5)
    x[1] += 2
    y[1] += 50
    pooled = spearman(x.ravel(), y.ravel())
    assert pooled > 0.5
    assert few(x, y).p > 0.05


def test_an_undefined_outcome_gives_nothing() -> None:
    x, y = curves(3, 1.0, 0)
    y[0, 0] = np.nan
    assert all(math.isnan(number) for number in few(x, y))


def test_the_mean_over_units_has_an_interval_and_an_exact_p() -> None:
    values = np.array([1.0, 2.0, 3.0, 1.5, 2.5])
    found = of_units(values, seed=1, resamples=500)
    assert found.value == pytest.approx(2.0)
    assert 1.0 <= found.low < 2.0 < found.high <= 3.0
    # All five above 0: of 32 sign patterns only all plus and all minus are as large.
    assert found.p == pytest.approx(2 / 32)


def test_signs_are_flipped_at_random_where_there_are_many_units() -> None:
    rng = np.random.default_rng(0)
    assert sign_flip(rng.normal(5, 1, 30), rng) < 0.001
    assert sign_flip(np.tile([1.0, -1.0], 15), rng) == pytest.approx(1.0)


def test_two_units_have_a_mean_and_no_interval() -> None:
    found = of_units(np.array([1.0, 3.0, np.nan]), seed=1, resamples=100)
    assert found.value == 2.0
    assert math.isnan(found.low)
    assert math.isnan(found.p)


def test_counting_runs_makes_two_kernels_look_certain() -> None:
    """What the sentence warns of: a constant per kernel, and noise, give a tiny p."""
    rng = np.random.default_rng(0)
    x = [np.full(500, 0.1), np.full(500, 0.6)]
    y = [rng.normal(0, 1, 500), rng.normal(0.5, 1, 500)]
    rho, p, n = naive(x, y)
    assert n == 1000
    assert p < 1e-6
    assert rho > 0


def test_the_error_of_a_mean_leaves_out_what_is_undefined() -> None:
    mean, error = mean_and_error(np.array([1.0, 3.0, np.nan]))
    assert mean == 2.0
    assert error == pytest.approx(1.0)
    assert all(math.isnan(one) for one in mean_and_error(np.array([np.nan])))
