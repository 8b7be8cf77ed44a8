"""Heat maps of what is covered: every cell once, at its place, by how far it is."""

from __future__ import annotations

from collection.live import CellCount
from collection.live_maps import PLOT, heat_maps, pair_squares, value_squares


def rated(dimension: str, place: int | None, done: int = 0) -> CellCount:
    what = dimension if place is None else f"{dimension} action-{place}"
    return CellCount("value", what, done, 0, 2, None, place, dimension)


def test_value_cells_stand_by_dimension_and_action() -> None:
    cells = [rated("fair", 0, 2), rated("fair", 3, 1), rated("moral", 3)]

    squares = value_squares(cells, 60)

    assert [(one.x, one.y) for one in squares] == [(0, 0), (30, 0), (30, 10)]
    assert [one.level for one in squares] == [4, 2, 0]
    assert squares[1].label == "fair action-3: 1 of 2"


def test_a_dimension_judged_as_a_whole_is_one_bar() -> None:
    (bar,) = value_squares([rated("fair", None, 1)], 50)

    assert bar.x == 0
    assert PLOT - 1 < bar.width < PLOT


def test_a_study_has_maps_of_what_it_asks_and_no_others() -> None:
    pair = CellCount("pair", "a b", 1, 0, 3, 1, 0)

    assert heat_maps([], 6, {}) == []
    (only,) = heat_maps([pair], 6, {})
    assert (only.key, len(only.squares)) == ("pair", 1)
    pairs, values = heat_maps([pair, rated("fair", None)], 6, {"fair": "Fairness"})
    assert (pairs.key, values.key) == ("pair", "value")
    assert values.note.endswith("Rows from above: Fairness.")


def test_a_pair_stands_below_the_diagonal_whichever_action_comes_first() -> None:
    one, other = (
        CellCount("pair", "a b", 0, 0, 3, *places) for places in ((4, 1), (1, 4))
    )

    assert pair_squares([one], 6, "pair") == pair_squares([other], 6, "pair")
    (square,) = pair_squares([one], 6, "pair")
    assert square.y > square.x
