"""Yardsticks refuse what no measure can be taken against."""

from __future__ import annotations

from typing import Any

import pytest

from bandits.errors import BanditError
from bandits.yardsticks import Yardsticks


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            {"conservative_alpha": 1.5},
            "conservative_alpha needs to lie between 0 and 1, got 1.5",
        ),
        (
            {"conservative_baseline": -1},
            "conservative_baseline needs to be an action's place, from 0, or None for"
            " the median, got -1",
        ),
        (
            {"risk_tolerance": float("inf")},
            "risk_tolerance needs to be a finite number, at least 0, got inf",
        ),
    ],
)
def test_a_yardstick_out_of_range_is_refused(
    given: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(BanditError) as refusal:
        Yardsticks(**given)

    assert str(refusal.value) == f"yardsticks: {sentence}"


def test_a_baseline_that_is_no_action_of_the_task_is_refused() -> None:
    Yardsticks(conservative_baseline=7).check(8)

    with pytest.raises(BanditError, match="one of 7 actions, 0 to 6, got 7"):
        Yardsticks(conservative_baseline=7).check(7)
