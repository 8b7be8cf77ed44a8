"""How many raters a mean needs, against SciPy's law and a plain simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student_law

from collection.raters_needed import (
    LEAST,
    MOST,
    USUAL_WIDTH,
    needed,
    raters_for,
    student,
    width_asked,
)


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 6, 10, 30, 200, 5000])
def test_students_point_is_scipys(freedom: int) -> None:
    tolerance = 5e-3 if freedom < 10 else 1e-4

    assert student(freedom) == pytest.approx(
        student_law.ppf(0.975, freedom), rel=tolerance
    )


@given(width=st.floats(2, 100), spread=st.floats(0.5, 50))
def test_it_is_the_smallest_number_that_is_narrow_enough(
    width: float, spread: float
) -> None:
    k = raters_for(width, spread)

    def wide(n: int) -> float:
        return 2 * student(n - 1) * spread / n**0.5

    assert wide(k) <= width
    assert k == LEAST or wide(k - 1) > width


def test_intervals_of_so_many_raters_are_as_wide_as_asked() -> None:
    k = raters_for(20, 25)
    rng = np.random.default_rng(5)
    said = rng.normal(50, 25, size=(20_000, k))

    half = student_law.ppf(0.975, k - 1) * said.std(axis=1, ddof=1) / k**0.5

    assert 2 * half.mean() == pytest.approx(20, rel=0.05)
    assert np.mean(np.abs(said.mean(axis=1) - 50) <= half) == pytest.approx(
        0.95, abs=0.01
    )


def test_raters_who_say_the_same_need_two() -> None:
    assert raters_for(1, 0) == LEAST


def test_what_nobody_could_pay_for_is_cut_off() -> None:
    assert raters_for(0.01, 50) == MOST


def test_a_width_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="must be above 0, got 0"):
        raters_for(0, 10)


def test_still_needed_is_beyond_those_who_are_there() -> None:
    rows = [
        {"kind": "pair", "what": "", "raters_each": 4.5, "spread": (25, 20, 30)},
        {
            "kind": "value",
            "what": "morality",
            "raters_each": 900,
            "spread": (25, 20, 30),
        },
        {"kind": "triplet", "what": "", "raters_each": None, "spread": None},
    ]

    pairs, morality = needed(rows, 20)

    assert (pairs.what, morality.what) == ("Similarity of pairs", "morality")
    assert pairs.low < pairs.raters < pairs.high
    assert pairs.still == -int(-(pairs.raters - 4.5) // 1)
    assert morality.still == 0


@pytest.mark.parametrize("sent", ["", "wide", "nan", "inf", "0", "-3", "101"])
def test_a_width_that_is_none_is_the_usual_one(sent: str) -> None:
    assert width_asked(sent) == USUAL_WIDTH


def test_a_width_may_have_a_comma() -> None:
    assert width_asked("7,5") == 7.5
