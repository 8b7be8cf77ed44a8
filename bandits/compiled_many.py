"""Cells whose runs try few of many arms: what their compiled runs share and start from."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bandits.cell import STEPS_COMPILED, Cell, most_tried
from bandits.compiled_desk import ROWS, Desk, Prior, desk
from bandits.compiled_observed import (
    Observed,
    believe_observed,
    observed,
    play_observed,
)
from bandits.compiled_steps import Runs, Scratch, Steps, Told, aligned, padded
from bandits.compiled_vectors import BYTES
from bandits.noise import Phase

Doubles = NDArray[np.float64]


class Many(NamedTuple):
    """A cell's prior, and where its runs are worked on one after the other."""

    prior: Prior
    on: Desk
    n_most: int
    prior_mean: float
    noise_var: float


class Beliefs(NamedTuple):
    """What some runs of a cell know, and what they were last found to believe."""

    many: Many
    known: Observed
    found: list[tuple[Doubles, Doubles]]


def open_many(cell: Cell, root: Tensor) -> Many:
    """What a cell's runs share.

    Args:
        root: (n_rows, n_arms) float64, of the kernel.
    """
    assert cell.exact_kernel is not None  # open_cell saw to it
    settings, n_arms, n_most = cell.settings, len(cell.values), most_tried(cell)
    dtype = np.float64 if cell.values.dtype == torch.float64 else np.float32
    wide = aligned((n_arms, padded(n_arms, np.float64)), np.float64)
    wide[:, :n_arms] = settings.prior_sd**2 * cell.exact_kernel.numpy()
    diagonal = aligned(wide.shape[1:], np.float64)
    diagonal[:n_arms] = wide.diagonal()
    prior = Prior((settings.prior_sd * root.numpy()).astype(dtype), wide, diagonal)
    followed = max(
        int(cell.allowed(phase, slice(None)).sum(1).max()) for phase in Phase
    )
    room_for = min(n_arms, followed + n_most)
    longest = min(STEPS_COMPILED, max(cell.horizons))
    on = desk(room_for, n_most, len(root), longest, dtype)
    noise_var = float(settings.reward_sd**2)
    return Many(prior, on, n_most, settings.prior_mean, noise_var)


def start_observed(many: Many, n_runs: int) -> Beliefs:
    """So many runs before any reward."""
    return Beliefs(many, observed(n_runs, many.n_most), [])


def play(
    beliefs: Beliefs, runs: Runs, steps: Steps, scratch: Scratch, told: Told
) -> None:
    """Take the runs through some steps."""
    many = beliefs.many
    if steps.learns:
        beliefs.found.clear()
    prior_mean = many.on.mean.dtype.type(many.prior_mean)
    play_observed(
        many.prior, beliefs.known, many.on, prior_mean, runs, steps, scratch, told
    )


def believed(beliefs: Beliefs) -> tuple[Doubles, Doubles]:
    """Mean and variance of all arms, each (n_runs, n_padded)."""
    if not beliefs.found:
        many, known = beliefs.many, beliefs.known
        shape = len(known.n_tried), many.prior.covariance.shape[1]
        mean, variance = (aligned(shape, np.float64) for _ in range(2))
        width, n_wide = 2 * BYTES // 8, known.counts.shape[1]
        believe_observed(
            many.prior,
            known,
            np.empty(n_wide * width),
            np.empty(ROWS * width),
            np.empty(n_wide),
            np.empty(n_wide),
            float(many.prior_mean),
            many.noise_var,
            mean,
            variance,
        )
        beliefs.found.append((mean, variance))
    return beliefs.found[0]
