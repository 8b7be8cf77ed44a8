"""`policies.choose` for one run at a time, compiled."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from bandits.compiled_noise import Words, uniform_at
from bandits.jit import NO_NAN, compiled

Floats = NDArray[np.floating]

_ONE, _TWO, _THREE, _FOUR = (np.uint64(n) for n in (1, 2, 3, 4))


@compiled(NO_NAN)
def highest(scores: Floats, blocked: Floats) -> np.floating:
    """The largest score among the arms that are not blocked."""
    # Four at a time: one after the other, each would wait for the one before.
    a = b = c = d = scores[0] + blocked[0]
    for i in range(np.uint64(0), np.uint64(len(scores)), _FOUR):
        a = max(a, scores[i] + blocked[i])
        b = max(b, scores[i + _ONE] + blocked[i + _ONE])
        c = max(c, scores[i + _TWO] + blocked[i + _TWO])
        d = max(d, scores[i + _THREE] + blocked[i + _THREE])
    top: np.floating = max(max(a, b), max(c, d))
    return top


@compiled()
def _tied(
    scores: Floats, blocked: Floats, least: np.floating
) -> tuple[np.int64, np.int64]:
    """How many arms reach `least`, and the sum of their indices."""
    count, indices = np.int64(0), np.int64(0)
    for i in range(np.uint64(len(scores))):
        ties = np.int64(scores[i] + blocked[i] >= least)
        count += ties
        indices += ties * np.int64(i)
    return count, indices


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
        scores: (n_padded,), one for each arm; a multiple of 4.
        blocked: (n_padded,), 0 for admissible arms and -inf for the others.
        tolerance: Scores that differ by less tie.
        where: phase + 2**32 purpose of the draw.
    """
    least = highest(scores, blocked) - tolerance
    count, indices = _tied(scores, blocked, least)
    if count == 1:
        return int(indices)
    wanted = math.ceil(uniform_at(step, where, key) * count)
    return _nth(scores, blocked, least, wanted)


@compiled()
def softmax(
    expected: Floats, blocked: Floats, temperature: float, draw: np.float64
) -> int:
    """An admissible arm, likelier the more it is expected to be worth.

    Args:
        temperature: Points that make an arm e times as likely.
        draw: Uniform in (0, 1).
    """
    top, n = highest(expected, blocked), len(expected)
    reached = np.empty(n)
    total = 0.0
    for i in range(n):
        over = np.float64(expected[i] + blocked[i] - top)
        total += math.exp(over / temperature)
        reached[i] = total
    wanted, at = draw * total, 0
    while reached[at] < wanted:
        at += 1
    return at
