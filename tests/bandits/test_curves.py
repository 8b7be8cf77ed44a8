"""The curve of a line, with an interval that is there even where all runs agree."""

from __future__ import annotations

import math
from typing import Any

import pytest

from bandits.curves import curve_of
from bandits.tails import Z95, wilson_of


def row(step: int, mean: float, error: float, outcome: str = "mean_reward") -> Any:
    return {
        "first_step": step,
        "last_step": step + 1,
        "n_runs": 50,
        outcome: mean,
        f"{outcome}_se": error,
    }


def test_one_cell_is_drawn_as_it_is() -> None:
    curve = curve_of([row(3, 60.0, 2.0), row(1, 50.0, 1.0)], "mean_reward")

    assert curve.at.tolist() == [1.5, 3.5]
    assert curve.mean.tolist() == [50, 60]
    assert curve.error.tolist() == [1, 2]
    assert curve.low.tolist() == pytest.approx([50 - Z95, 60 - 2 * Z95])
    assert curve.high.tolist() == pytest.approx([50 + Z95, 60 + 2 * Z95])


def test_relabellings_make_one_line_whose_error_is_also_over_them() -> None:
    curve = curve_of([row(1, 55.0, 1.0), row(1, 45.0, 1.0)], "mean_reward")

    assert curve.mean.tolist() == [50]
    # Two draws 10 points apart: a variance of 50 over 2; and runs of their own, 1.
    assert curve.error.tolist() == pytest.approx([math.sqrt(25 + 1)])


def test_a_share_has_wilsons_interval_over_what_its_error_is_worth() -> None:
    error = math.sqrt(0.2 * 0.8 / 37)

    curve = curve_of([row(1, 0.2, error, "unsafe_share")], "unsafe_share")

    assert (curve.low[0], curve.high[0]) == pytest.approx(wilson_of(0.2, 37))


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_share_on_which_all_runs_agree_is_still_not_certain(share: float) -> None:
    curve = curve_of([row(1, share, 0.0, "unsafe_share")], "unsafe_share")

    assert (curve.low[0], curve.high[0]) == pytest.approx(wilson_of(share, 50))
    assert curve.high[0] - curve.low[0] > 0.05


def test_one_run_has_no_interval() -> None:
    for outcome in ("mean_reward", "unsafe_share"):
        curve = curve_of([row(1, 1.0, math.nan, outcome)], outcome)

        assert math.isnan(curve.low[0])
        assert math.isnan(curve.high[0])
