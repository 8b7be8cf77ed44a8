"""What of a study is covered, as heat maps: squares of a drawing, ready for a page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from collection.live import CellCount
from collection.models.trials import Kind

PLOT: Final = 600.0
TALLEST: Final = 40.0
SHARE: Final = 0.94
NAMES: Final = {
    Kind.PAIR: "Pairs",
    Kind.ARRANGEMENT: "Pairs in arenas",
    Kind.TRIPLET: "Pairs within triplets",
}
OF_PAIRS: Final = (
    "One square a pair, actions in the order of the study; the darker, the nearer to "
    "what is needed. Squares with all that is needed have a dark edge."
)
OF_TRIPLETS: Final = (
    "One square a pair of actions, by how many answered triplets held both; the darker, "
    "the nearer to an even share of the triplets needed, and a dark edge from there on."
)
OF_VALUES: Final = (
    "One row a dimension, one square an action in the order of the study; one bar where "
    "people judge whole dimensions. Rows from above: "
)


@dataclass(frozen=True)
class Square:
    """One square of a heat map, in the units of its view box."""

    x: float
    y: float
    width: float
    height: float
    level: int
    label: str


@dataclass(frozen=True)
class HeatMap:
    """One map: ``PLOT`` wide, and so high as its rows need."""

    key: str
    name: str
    note: str
    height: float
    squares: list[Square]


def heat_maps(
    cells: list[CellCount], n_actions: int, labels: dict[str, str]
) -> list[HeatMap]:
    """A map for each kind of pair and for value ratings, as far as a study has them.

    labels: Each dimension's label, by its name.
    """
    maps = [
        HeatMap(
            kind.value,
            name,
            OF_TRIPLETS if kind == Kind.TRIPLET else OF_PAIRS,
            PLOT,
            pair_squares(cells, n_actions, kind.value),
        )
        for kind, name in NAMES.items()
        if any(cell.kind == kind for cell in cells)
    ]
    values = [cell for cell in cells if cell.kind == Kind.VALUE]
    if values:
        rows = list(dict.fromkeys(cell.dimension for cell in values))
        note = OF_VALUES + ", ".join(labels.get(one, one) for one in rows) + "."
        height = round(_height(n_actions) * len(rows), 2)
        squares = value_squares(values, n_actions)
        maps.append(HeatMap("value", "Value ratings", note, height, squares))
    return maps


def pair_squares(cells: list[CellCount], n_actions: int, kind: str) -> list[Square]:
    """The pairs of one kind as squares, below the diagonal."""
    size = PLOT / n_actions
    squares = []
    for cell in cells:
        if cell.kind != kind or cell.row is None or cell.column is None:
            continue
        column, row = sorted((cell.row, cell.column))
        squares.append(_square(cell, column * size, row * size, size, size))
    return squares


def value_squares(cells: list[CellCount], n_actions: int) -> list[Square]:
    """Value cells as squares, a row for each dimension in the order of the cells.

    A dimension that people judge as a whole is one bar over all actions.
    """
    rows: dict[str, int] = {}
    size, height = PLOT / n_actions, _height(n_actions)
    squares = []
    for cell in cells:
        y = rows.setdefault(cell.dimension, len(rows)) * height
        if cell.column is None:
            squares.append(_square(cell, 0, y, PLOT, height))
        else:
            squares.append(_square(cell, cell.column * size, y, size, height))
    return squares


def _height(n_actions: int) -> float:
    """A value row's: square where there are many actions, and no tower for a few."""
    return min(PLOT / n_actions, TALLEST)


def _square(cell: CellCount, x: float, y: float, width: float, height: float) -> Square:
    gap = (1 - SHARE) * min(width, height)
    return Square(
        round(x, 2),
        round(y, 2),
        round(width - gap, 2),
        round(height - gap, 2),
        cell.level,
        f"{cell.what}: {cell.completed} of {cell.wanted}",
    )
