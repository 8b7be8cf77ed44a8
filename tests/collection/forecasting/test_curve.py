"""Many studies as one curve, and what is read off it."""

from __future__ import annotations

from math import inf, isinf, isnan, nan

import numpy as np
import pytest

from alignment.reliability import stepped_up
from collection.forecasting.curve import (
    band,
    curve_of,
    needed_for_reliability,
    needed_for_width,
)
from collection.forecasting.measures import Measured, Point

NUMBERS = (20, 40, 80, 160)


def point(n: int, half_r: float, note: str = "") -> Point:
    reliability = stepped_up(half_r)
    measured = Measured(
        "pairs", n, n / 10, 0.0, half_r, reliability, 0.3, 0.5, nan, 0.9, 0, note
    )
    return Point(n, n, n, (5.0,) * n, (measured,))


def brown(per_person: float, jitter: float = 0.0) -> list[Point]:
    """A study whose odds of reliability grow with the people, as the formula has it."""
    found = []
    for n in NUMBERS:
        odds = per_person * n * (1 + jitter)
        reliability = odds / (1 + odds)
        found.append(point(n, reliability / (2 - reliability)))
    return found


def test_what_spearman_and_brown_say_is_read_off_exactly() -> None:
    studies = [brown(0.05), brown(0.05), brown(0.05)]

    need = needed_for_reliability(studies, "pairs", 0.8)  # odds 4: 80 people

    assert need.value == pytest.approx(80)
    assert (need.low, need.high) == pytest.approx((80, 80))


def test_beyond_the_curve_nothing_is_carried_on() -> None:
    need = needed_for_reliability([brown(0.01)] * 3, "pairs", 0.8)

    assert isinf(need.value)
    assert need.most == 160


def test_below_the_curve_it_is_the_first_number() -> None:
    need = needed_for_reliability([brown(5)] * 3, "pairs", 0.8)

    assert need.value == need.least == 20


def test_studies_that_differ_make_the_need_uncertain() -> None:
    studies = [brown(0.05, jitter) for jitter in (-0.3, -0.1, 0, 0.1, 0.3)]

    need = needed_for_reliability(studies, "pairs", 0.8)

    assert need.low == pytest.approx(80 / 1.3)
    assert need.high == pytest.approx(80 / 0.7)


def test_a_wide_interval_takes_fewer_people_than_a_narrow_one() -> None:
    studies = [brown(0.05, jitter) for jitter in np.linspace(-0.3, 0.3, 9)]

    wide = needed_for_width(studies, "pairs", 0.2, seed=1)
    narrow = needed_for_width(studies, "pairs", 0.05, seed=1)

    assert wide.value < narrow.value
    assert wide.low <= wide.value <= wide.high
    assert needed_for_width(studies, "pairs", 1e-6, seed=1).value == inf


def test_an_interval_holds_further_studies_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    held = []
    for _ in range(2000):
        *seen, further = np.tanh(0.6 + 0.2 * rng.normal(size=11))
        here = band(seen)
        held.append(here.low <= further <= here.high)

    assert 0.93 < np.mean(held) < 0.97


def test_refused_studies_are_said_and_never_averaged_in() -> None:
    why = "fewer than 2 raters for half of what was judged"
    studies = [[point(20, nan, why)], [point(20, nan, why)], [point(20, 0.5)]]

    (joined,) = curve_of(studies)["pairs"]

    assert joined.refused == pytest.approx(2 / 3)
    assert joined.note == why
    assert joined.half_r.value == pytest.approx(0.5)
    assert isnan(joined.half_r.low)


def test_halves_that_disagree_are_no_reliability() -> None:
    studies = [[point(20, r)] for r in (-0.2, 0.0, 0.1, -0.1)]

    (joined,) = curve_of(studies)["pairs"]

    assert joined.reliability.low == 0
    assert joined.reliability.value == 0
    assert joined.refused == 0.75
