"""How a simulated person lays actions out in the plane: classical scaling, by hand.

Standard library only, like all that answers for simulated people: an arena holds twenty
actions at most, and two eigenvectors of so small a matrix need no library.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import hypot, sqrt
from typing import Final

ROUNDS: Final = 200
"""Power iterations: far more than a place on a screen can tell."""
ROOM: Final = 0.45
"""How far from the middle the outermost action is put; the arena's radius is 0.5."""


def spread_out(
    actions: Sequence[str], apart: Mapping[tuple[str, str], float]
) -> dict[str, tuple[float, float]]:
    """Places (x, y) whose distances follow `apart`, the outermost near the rim.

    Classical scaling (Torgerson, 1952): the two leading eigenvectors of the doubly
    centred squared dissimilarities.

    Args:
        actions: The actions to place.
        apart: (a, b) -> dissimilarity from 0 up, for every pair in the order of
            `actions`.
    """
    n = len(actions)
    if n == 0:
        return {}
    squared = [[0.0] * n for _ in range(n)]
    for i, a in enumerate(actions):
        for j, b in enumerate(actions[i + 1 :], start=i + 1):
            squared[i][j] = squared[j][i] = apart[a, b] ** 2
    means = [sum(row) / n for row in squared]
    whole = sum(means) / n
    centred = [
        [-(squared[i][j] - means[i] - means[j] + whole) / 2 for j in range(n)]
        for i in range(n)
    ]
    across = _leading(centred)
    rest = [[centred[i][j] - across[i] * across[j] for j in range(n)] for i in range(n)]
    down = _leading(rest)
    furthest = max(hypot(x, y) for x, y in zip(across, down, strict=True)) or 1.0
    return {
        action: (0.5 + ROOM * x / furthest, 0.5 + ROOM * y / furthest)
        for action, x, y in zip(actions, across, down, strict=True)
    }


def in_arena(x: float, y: float) -> tuple[float, float]:
    """The same place, or the nearest one within the round arena."""
    away = hypot(x - 0.5, y - 0.5)
    share = 0.5 / away if away > 0.5 else 1.0
    return round(0.5 + share * (x - 0.5), 4), round(0.5 + share * (y - 0.5), 4)


def _leading(matrix: Sequence[Sequence[float]]) -> list[float]:
    """The eigenvector of the largest eigenvalue, times the root of that eigenvalue.

    Zeros where no eigenvalue is above zero.
    """
    n = len(matrix)
    # Shifted by a bound on its eigenvalues, so that the largest is also the longest.
    shift = max(sum(map(abs, row)) for row in matrix)
    vector = [1.0 + i / n for i in range(n)]
    for _ in range(ROUNDS):
        moved = [
            shift * vector[i] + sum(map(float.__mul__, matrix[i], vector))
            for i in range(n)
        ]
        length = sqrt(sum(x * x for x in moved))
        if length == 0:
            return [0.0] * n
        vector = [x / length for x in moved]
    value = sum(
        vector[i] * sum(map(float.__mul__, matrix[i], vector)) for i in range(n)
    )
    return [sqrt(max(0.0, value)) * x for x in vector]
