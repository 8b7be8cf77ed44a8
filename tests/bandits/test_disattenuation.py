import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.reliability import stepped_up
from bandits.disattenuation import (
    BEYOND,
    NOT_RELIABLE,
    SHAKY,
    UNKNOWN,
    disattenuate,
    disattenuate_draws,
    disattenuate_halves,
)
from bandits.errors import BanditError


def planted(
    n_pairs: int, n_raters: int, link: float, noise: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """A kernel's pairs, correlated `link` with the truth, and (n_raters, n_pairs) said."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=n_pairs)
    kernel = link * truth + math.sqrt(1 - link**2) * rng.normal(size=n_pairs)
    return kernel, truth + noise * rng.normal(size=(n_raters, n_pairs))


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a, b)[0, 1])


def split(kernel: np.ndarray, said: np.ndarray, seed: int) -> tuple[list[float], float]:
    order = np.random.default_rng(seed).permutation(len(said))
    half = len(said) // 2
    first, second = said[order[:half]].mean(0), said[order[half:]].mean(0)
    to_each = [correlation(kernel, first), correlation(kernel, second)]
    return to_each, correlation(first, second)


@pytest.mark.parametrize("link", [0.2, 0.6, 0.9])
def test_the_planted_alignment_is_recovered_from_noisy_raters(link: float) -> None:
    kernel, said = planted(20_000, 6, link, noise=2.0, seed=1)
    splits = [split(kernel, said, k) for k in range(10)]
    halves = np.array([h for _, h in splits])
    raw = correlation(kernel, said.mean(axis=0))

    whole = disattenuate(raw, stepped_up(float(halves.mean())))
    by_halves = disattenuate_halves(np.array([each for each, _ in splits]), halves)

    assert raw < 0.85 * link
    assert whole.value == pytest.approx(link, abs=0.04)
    assert by_halves.value == pytest.approx(link, abs=0.04)


@given(st.floats(-1, 1), st.floats(0.01, 1), st.floats(0.01, 1))
def test_it_is_spearmans_formula_and_says_where_it_goes_beyond(
    raw: float, one: float, other: float
) -> None:
    found = disattenuate(raw, one, other)

    assert found.value == pytest.approx(raw / math.sqrt(one) / math.sqrt(other))
    assert abs(found.value) >= abs(raw) - 1e-12
    assert found.shown == pytest.approx(max(-1, min(1, found.value)))
    assert (BEYOND in found.note) == (abs(found.value) > 1 + 1e-9)
    assert (SHAKY in found.note) == (one * other < 0.5)


def test_a_perfect_measurement_needs_no_correction() -> None:
    found = disattenuate(0.37, 1.0)

    assert (found.value, found.shown, found.note) == (0.37, 0.37, "")


@pytest.mark.parametrize(
    ("one", "other"), [(0.0, 1.0), (-0.2, 1.0), (0.8, -0.1), (-0.5, -0.5)]
)
def test_nothing_but_noise_gives_a_sentence_and_no_number(
    one: float, other: float
) -> None:
    found = disattenuate(0.4, one, other)

    assert found.note == NOT_RELIABLE
    assert math.isnan(found.value)
    assert math.isnan(found.shown)
    assert found.raw == 0.4


@pytest.mark.parametrize(("raw", "one"), [(math.nan, 0.8), (0.3, math.nan)])
def test_what_is_unknown_stays_unknown(raw: float, one: float) -> None:
    found = disattenuate(raw, one)

    assert found.note == UNKNOWN
    assert math.isnan(found.value)


def test_a_result_beyond_one_is_kept_for_averaging_and_cut_for_show() -> None:
    """Half of the estimates of a perfect alignment lie above 1: cutting biases them."""
    values = []
    for seed in range(200):
        kernel, said = planted(60, 6, 1.0, noise=2.0, seed=seed)
        each, halves = split(kernel, said, seed)
        values.append(disattenuate_halves(np.array([each]), np.array([halves])))

    kept = np.array([found.value for found in values])
    shown = np.array([found.shown for found in values])
    assert 0.2 < np.mean(kept > 1) < 0.8
    assert shown.max() == 1
    assert abs(kept.mean() - 1) < abs(shown.mean() - 1)


def test_the_interval_holds_pairs_of_draws_together() -> None:
    """Noise that lowers both leaves their ratio: taken apart it would be wide."""
    reliability = np.linspace(0.3, 0.9, 101)
    raw = 0.6 * np.sqrt(reliability)

    found = disattenuate_draws(0.6 * math.sqrt(0.6), 0.6, raw, reliability)
    apart = disattenuate_draws(0.6 * math.sqrt(0.6), 0.6, raw, reliability[::-1])

    assert (found.low, found.value, found.high) == pytest.approx((0.6, 0.6, 0.6))
    assert apart.high - apart.low > 0.5


def test_draws_without_reliability_are_counted_and_too_many_end_the_interval() -> None:
    raw = np.full(10, 0.3)
    some = disattenuate_draws(0.3, 0.5, raw, np.array([0.0] * 4 + [0.5] * 6))
    most = disattenuate_draws(0.3, 0.5, raw, np.array([-0.1] * 5 + [0.5] * 5))

    assert some.n_undefined == 4
    assert some.low == some.high == some.value == pytest.approx(0.3 / math.sqrt(0.5))
    assert most.n_undefined == 5
    assert most.value == some.value
    assert math.isnan(most.low)
    noise = disattenuate_draws(0.3, 0.5, raw, np.full(10, 0.5), other_reliability=-1)
    assert math.isnan(noise.low)


def test_the_human_kernel_of_one_half_stands_at_the_root_of_their_agreement() -> None:
    halves = np.array([0.5, 0.62, 0.7])

    found = disattenuate_halves(np.column_stack([halves, halves]), halves)

    assert found.value == pytest.approx(math.sqrt(halves.mean()))


def test_what_cannot_be_corrected_is_refused() -> None:
    with pytest.raises(
        BanditError, match=r"correlation must be at most 1 in size, got 1\.2"
    ):
        disattenuate(1.2, 0.5)
    with pytest.raises(BanditError, match=r"reliability must be at most 1, got 1\.5"):
        disattenuate(0.2, 0.5, 1.5)
    for draws in (np.ones(3), np.ones((2, 2)), np.ones(0)):
        with pytest.raises(BanditError, match="as many draws of the correlation"):
            disattenuate_draws(0.2, 0.5, np.ones(2), draws)
    with pytest.raises(BanditError, match="two alignments for each split"):
        disattenuate_halves(np.ones((3, 1)), np.ones(3))
