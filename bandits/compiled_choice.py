"""`policies.choose` for one run at a time, compiled."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from bandits.compiled_noise import Words, uniform_at
from bandits.compiled_vectors import (
    how_many,
    largest,
    load,
    lowest,
    reaching,
    where_above,
)
from bandits.jit import compiled

Floats = NDArray[np.floating]


@compiled()
def highest(scores: Floats, blocked: Floats) -> np.floating:
    """The largest score among the arms that are not blocked."""
    top = load(scores, 0, 1) + load(blocked, 0, 1)
    for i in range(len(top), len(scores), len(top)):
        reached = load(scores, i, 1) + load(blocked, i, 1)
        top = where_above(reached, top, reached, top)
    most: np.floating = largest(top)
    return most


@compiled()
def _tied(
    scores: Floats, blocked: Floats, least: np.floating
) -> tuple[np.int64, np.int64]:
    """How many arms reach `least`, and one of them."""
    count, one, lanes = np.int64(0), np.int64(0), len(load(scores, 0, 1))
    for i in range(0, len(scores), lanes):
        ties = reaching(load(scores, i, 1) + load(blocked, i, 1), least)
        count += how_many(ties)
        one = i + lowest(ties) if ties else one
    return count, one


@compiled()
def _nth(scores: Floats, blocked: Floats, least: np.floating, wanted: int) -> int:
    """The arm at that place, from 1, among those that reach `least`."""
    at = -1
    while wanted > 0:
        at += 1
        if scores[at] + blocked[at] >= least:
            wanted -= 1
    return at


@compiled()
def choose(
    scores: Floats,
    blocked: Floats,
    tolerance: np.floating,
    step: int,
    where: int,
    key: Words,
) -> int:
    """The admissible arm with the highest score; ties broken by the run's own draw.

    The draw is made only where there is a tie: it belongs to its step, and nothing else
    waits for it. With `blocked` itself as scores any admissible arm is taken.

    Args:
        scores: (n_padded,), one for each arm; whole vectors.
        blocked: (n_padded,), 0 for admissible arms and -inf for the others.
        tolerance: Scores that differ by less tie.
        where: phase + 2**32 purpose of the draw.
    """
    least = highest(scores, blocked) - tolerance
    count, one = _tied(scores, blocked, least)
    if count == 1:
        return int(one)
    wanted = math.ceil(uniform_at(step, where, key) * count)
    return _nth(scores, blocked, least, wanted)


@compiled()
def softmax(
    expected: Floats,
    blocked: Floats,
    temperature: float,
    draw: np.float64,
    reached: NDArray[np.float64],
) -> int:
    """An admissible arm, likelier the more it is expected to be worth.

    Args:
        temperature: Points that make an arm e times as likely.
        draw: Uniform in (0, 1).
        reached: (n_padded,), room to work in.
    """
    top, n = highest(expected, blocked), len(expected)
    total = 0.0
    for i in range(n):
        over = np.float64(expected[i] + blocked[i] - top)
        total += math.exp(over / temperature)
        reached[i] = total
    wanted, at = draw * total, 0
    while reached[at] < wanted:
        at += 1
    return at
