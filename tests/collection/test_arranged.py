"""What may be answered to an arrangement, and what is refused with which sentence."""

from __future__ import annotations

import json
from math import hypot
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collection.arranged import GRID, checked_places, read_places
from collection.errors import AnswerMissing, AnswerNotOffered, PositionOutside

SHOWN = ["alpha", "bravo", "carol"]
GOOD: dict[str, Any] = {"alpha": [0.5, 0.5], "bravo": [0.5, 1.0], "carol": None}


def test_places_are_kept_in_the_order_shown_and_what_was_unclear_has_none() -> None:
    turned = {"carol": None, "bravo": (0.123456, 0.7), "alpha": [0, 0.5]}

    places = checked_places(SHOWN, turned)

    assert places == {"alpha": [0.0, 0.5], "bravo": [0.1235, 0.7]}
    assert list(places) == ["alpha", "bravo"]


@pytest.mark.parametrize(
    "place",
    [
        [1.0, 1.0],
        [0.5, 1.01],
        [float("nan"), 0.5],
        [float("inf"), 0.5],
        [True, 0.5],
        ["0.5", "0.5"],
        [0.5],
        [0.5, 0.5, 0.5],
        "ab",
        7,
        {"x": 0.5},
    ],
)
def test_what_is_no_place_in_the_circle_is_refused(place: object) -> None:
    with pytest.raises(PositionOutside, match=r"The place of bravo (is not|lies outs)"):
        checked_places(SHOWN, {**GOOD, "bravo": place})


@pytest.mark.parametrize("answer", [None, {}, [], "x"])
def test_nothing_placed_is_an_answer_that_is_missing(answer: object) -> None:
    with pytest.raises(AnswerMissing, match="3 of 3 actions have no place yet"):
        checked_places(SHOWN, answer)


def test_one_action_left_over_is_asked_for() -> None:
    with pytest.raises(
        AnswerMissing, match=r"1 of 3 .* say that you do not understand"
    ):
        checked_places(SHOWN, {"alpha": [0.5, 0.5], "bravo": None})


def test_an_action_that_was_not_shown_is_refused() -> None:
    with pytest.raises(AnswerNotOffered, match="does not show the action “delta”"):
        checked_places(SHOWN, {**GOOD, "delta": [0.5, 0.5]})


def test_the_scripts_positions_are_read_and_nonsense_is_not() -> None:
    assert read_places({"positions": json.dumps(GOOD)}) == GOOD
    for nonsense in ("", "{", "[1]", "null", "[" * 100_000):
        assert read_places({"positions": nonsense}) is None


grid = st.integers(min_value=0, max_value=GRID - 1)


@given(grid, grid)
def test_every_place_of_the_grid_lies_in_the_circle(across: int, down: int) -> None:
    fields = {"across-alpha": str(across), "down-alpha": str(down)}

    places = read_places(fields)

    assert places is not None
    x, y = checked_places(["alpha"], places)["alpha"]
    assert hypot(x - 0.5, y - 0.5) <= 0.5001
    assert (x > 0.5) == (across > GRID // 2)
    assert (y > 0.5) == (down > GRID // 2)


def test_an_unfinished_grid_leaves_out_what_is_not_chosen() -> None:
    fields = {
        "across-alpha": "4",
        "down-alpha": "4",
        "across-bravo": "2",
        "down-bravo": "",
        "across-carol": "",
        "down-carol": "",
        "unclear-carol": "1",
        "across-delta": "9",
        "down-delta": "-1",
        "across-echo": "²",
        "down-echo": "1",
    }

    assert read_places(fields) == {"alpha": [0.5, 0.5], "carol": None}
