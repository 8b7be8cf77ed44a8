"""Where compiled runs that try few of many arms are worked on, one after the other.

A draw from the prior depends on nothing that happens in a run, and is made for all
steps of a block in one product, whose sums stay in registers. Only arms that may be
pulled, or were, are followed.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bandits.compiled_noise import room
from bandits.compiled_steps import Steps, aligned, padded, sampling
from bandits.compiled_vectors import alike, fused, load, store
from bandits.jit import compiled

Floats = NDArray[np.floating]
Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]

ROWS = 8
"""Steps whose prior draws are made together, each in two vectors."""


class Prior(NamedTuple):
    """What all runs share.

    root: (n_rows, n_arms), root' root is the covariance; in the agent's dtype.
    covariance: (n_arms, n_padded) float64.
    variance: (n_padded,), its diagonal.
    """

    root: Floats
    covariance: Doubles
    variance: Doubles


class Desk(NamedTuple):
    """What one run's block is worked out on, made once for all runs.

    arms: (n_places,), which arm stands at a place; -1 where there is none.
    slot: (n_places,), where in `tried` it stands; -1 before its first pull.
    place: (n_most,), the place of each arm tried.
    blocked: (n_places,), 0 for admissible arms, -inf for others.
    near: (n_most * n_places,), covariances of the arms tried with those followed.
    panels: (n_places / width * n_rows * width,), the root's columns of those followed.
    normals: (n_steps * n_normals,).
    drawn: (n_steps * n_places,), prior draws.
    mean, scores, weights: (n_places,) or (n_wide,), in the agent's dtype.
    average, share, gain, pulled, off: (n_wide,) float64.
    """

    arms: Integers
    slot: Integers
    place: Integers
    blocked: Floats
    near: Floats
    panels: Floats
    normals: Floats
    drawn: Floats
    mean: Floats
    scores: Floats
    weights: Floats
    average: Doubles
    share: Doubles
    gain: Doubles
    pulled: Doubles
    off: Doubles


def desk(n_followed: int, n_most: int, n_rows: int, n_steps: int, dtype: Any) -> Desk:
    """Room for a block of steps.

    Args:
        n_followed: Arms that are admissible, or tried, at most.
        n_rows: Of the root.
    """
    n_places, n_wide = padded(n_followed, dtype), padded(n_most, np.float64)
    n_steps = -(-n_steps // ROWS) * ROWS

    def numbers(*shape: int) -> Floats:
        made: Floats = aligned(shape, dtype)
        return made

    doubles = [aligned((n_wide,), np.float64) for _ in range(5)]
    return Desk(
        np.zeros(n_places, np.int64),
        np.zeros(n_places, np.int64),
        np.zeros(n_most, np.int64),
        numbers(n_places),
        numbers(n_most * n_places),
        numbers(n_rows * n_places),
        numbers(n_steps * room(n_rows + n_most)),
        numbers(n_steps * n_places),
        numbers(n_places),
        numbers(n_places),
        numbers(n_wide),
        *doubles,
    )


@compiled()
def follow(on: Desk, prior: Prior, tried: Integers, blocked: Floats) -> None:
    """Set the desk for a run: its admissible arms, then others that it tried."""
    n_arms, n_places, here = prior.root.shape[1], len(on.arms), 0
    for arm in range(n_arms):
        if blocked[arm] == 0:
            on.arms[here], on.blocked[here], on.slot[here] = arm, 0, -1
            here += 1
    n_may = here
    for slot in range(len(tried)):
        arm, at = tried[slot], 0
        if blocked[arm] == 0:
            while on.arms[at] != arm:
                at += 1
        else:
            at = here
            on.arms[at], on.blocked[at] = arm, -np.inf
            here += 1
        on.slot[at], on.place[slot] = slot, at
    for empty in range(max(here, n_may), n_places):
        on.arms[empty], on.blocked[empty], on.slot[empty] = -1, -np.inf, -1
    for slot in range(len(tried)):
        lay_near(on, prior, slot, tried[slot])


@compiled()
def lay_near(on: Desk, prior: Prior, slot: int, arm: int) -> None:
    n_places = len(on.arms)
    row = prior.covariance[arm]
    for at in range(n_places):
        other = on.arms[at]
        on.near[slot * n_places + at] = row[other] if other >= 0 else 0


@compiled()
def lay_panels(on: Desk, root: Floats) -> None:
    """The root's columns of the arms followed, so many side by side as go together."""
    n_rows, width = len(root), len(load(on.drawn, 0, 2))
    for row in range(n_rows):
        for begin in range(0, len(on.arms), width):
            at = (begin // width * n_rows + row) * width
            for lane in range(width):
                on.panels[at + lane] = root[row, max(on.arms[begin + lane], 0)]


@compiled()
def times_panel(
    normals: Floats, first: int, stride: int, panel: Floats, n_rows: int, out: Floats
) -> None:
    """Eight rows of normals times one panel: out, row by row."""
    width = len(load(out, 0, 2))
    s0 = alike(out.dtype.type(0), load(out, 0, 2))
    s1, s2, s3, s4, s5, s6, s7 = s0, s0, s0, s0, s0, s0, s0
    z1, z2, z3 = first + stride, first + 2 * stride, first + 3 * stride
    z4, z5, z6 = first + 4 * stride, first + 5 * stride, first + 6 * stride
    z7 = first + 7 * stride
    for j in range(n_rows):
        row = load(panel, j * width, 2)
        s0 = fused(alike(normals[first + j], row), row, s0)
        s1 = fused(alike(normals[z1 + j], row), row, s1)
        s2 = fused(alike(normals[z2 + j], row), row, s2)
        s3 = fused(alike(normals[z3 + j], row), row, s3)
        s4 = fused(alike(normals[z4 + j], row), row, s4)
        s5 = fused(alike(normals[z5 + j], row), row, s5)
        s6 = fused(alike(normals[z6 + j], row), row, s6)
        s7 = fused(alike(normals[z7 + j], row), row, s7)
    store(out, 0, s0)
    store(out, width, s1)
    store(out, 2 * width, s2)
    store(out, 3 * width, s3)
    store(out, 4 * width, s4)
    store(out, 5 * width, s5)
    store(out, 6 * width, s6)
    store(out, 7 * width, s7)


@compiled()
def draw_priors(
    on: Desk, root: Floats, key: NDArray[np.uint64], steps: Steps, n_steps: int
) -> None:
    """Normals of all steps of a block, and their draws from the prior.

    `drawn` holds, for each eight steps, panel by panel, a step's part of it.
    """
    n_rows, n_places, width = len(root), len(on.arms), len(load(on.drawn, 0, 2))
    stride = room(n_rows + len(on.place))
    for t in range(n_steps):
        known = n_rows + len(on.place)
        sampling(key, steps, t, known, on.normals[t * stride : (t + 1) * stride])
    size = n_rows * width
    for begin in range(0, n_places, width):
        panel = on.panels[begin // width * size : (begin // width + 1) * size]
        for t in range(0, n_steps, ROWS):
            at = t * n_places + begin * ROWS
            out = on.drawn[at : at + ROWS * width]
            times_panel(on.normals, t * stride, stride, panel, n_rows, out)


@compiled()
def take_draw(on: Desk, t: int) -> None:
    """scores = the prior's draw of a step."""
    n_places, width = len(on.arms), len(load(on.drawn, 0, 2))
    whole, row = t // ROWS * ROWS, t % ROWS
    for begin in range(0, n_places, width):
        at = whole * n_places + begin * ROWS + row * width
        store(on.scores, begin, load(on.drawn, at, 2))
