"""Measures of nearest neighbours, by going through every way to break the ties.

A draw names the action of each of its copies. Copies are told apart, and a copy of the
centre's own action is never among its neighbours.
"""

from collections.abc import Callable
from itertools import permutations

import numpy as np

from alignment.matrices import FloatArray

Near = frozenset[int]


def choices(values: FloatArray, draw: list[int], centre: int, k: int) -> list[Near]:
    """The neighbours of one copy, once for each order of breaking ties."""
    row = values[draw[centre]]
    others = [j for j in range(len(draw)) if draw[j] != draw[centre]]
    return [
        frozenset(
            sorted(order, key=lambda j: -row[draw[j]])[:k]
        )  # ties stay as in order
        for order in permutations(others)
    ]


def mean_over_centres(
    a: FloatArray,
    b: FloatArray,
    draw: list[int],
    k: int,
    score: Callable[[Near, Near], float],
) -> float:
    """Over all copies with somebody beside them, and all ways to break ties."""
    means = []
    for centre in range(len(draw)):
        of_a, of_b = (choices(values, draw, centre, k) for values in (a, b))
        if of_a[0]:
            means.append(
                np.mean([score(x, y) for x in set_of(of_a) for y in set_of(of_b)])
            )
    return float(np.mean(means))


def set_of(each: list[Near]) -> list[Near]:
    """One of each; every one comes up in equally many orders."""
    return sorted(set(each), key=sorted)


def overlap(x: Near, y: Near) -> float:
    """Share of the neighbours on one side that are the other's."""
    return len(x & y) / len(x)


def jaccard(x: Near, y: Near) -> float:
    """Shared neighbours over all that either side names."""
    return len(x & y) / len(x | y)


def cycle(a: FloatArray, b: FloatArray, draw: list[int], k: int) -> float:
    """Chance to come back, over all ways to break each tie by itself."""
    found = []
    for centre in range(len(draw)):
        ways = set_of(choices(b, draw, centre, k))
        if not ways[0]:
            continue
        for near in ways:
            missed = 1.0
            for j in near:
                back = set_of(choices(a, draw, j, k))
                missed *= 1 - sum(centre in each for each in back) / len(back)
            found.append((1 - missed) / len(ways))
    centres = sum(any(other != mine for other in draw) for mine in draw)
    return sum(found) / centres


def cknna(a: FloatArray, b: FloatArray, draw: list[int], k: int) -> float:
    """CKNNA (Huh et al., 2024) on the draw's copies, each mask entry its chance."""

    def chance(values: FloatArray) -> FloatArray:
        made = np.zeros((len(draw), len(draw)))
        for i in range(len(draw)):
            ways = choices(values, draw, i, k)
            for j in range(len(draw)):
                made[i, j] = np.mean([j in near for near in ways])
        return made

    def term(first: FloatArray, second: FloatArray) -> float:
        mask = chance(first) * chance(second)
        p, q = mask * first[np.ix_(draw, draw)], mask * second[np.ix_(draw, draw)]
        n, one = len(draw), np.ones(len(draw))
        return float(
            np.trace(p @ q)
            + (one @ p @ one) * (one @ q @ one) / ((n - 1) * (n - 2))
            - 2 * (one @ p @ q @ one) / (n - 2)
        ) / (n * (n - 3))

    own = term(a, a), term(b, b)
    return term(a, b) / np.sqrt(own[0] * own[1]) if min(own) > 1e-9 else float("nan")
