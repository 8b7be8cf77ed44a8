"""Random numbers that depend on what they are for, not on how runs are batched.

Philox4x32-10 (Salmon, Moraes, Dror & Shaw, 2011, "Parallel random numbers: as easy as
1, 2, 3", SC '11): a keyed bijection of a counter, so that any number can be had without
those before it. The key is (seed, replicate) and the counter (block, step, phase,
purpose). Neither the agent nor the kernel is in it: two cells with the same seed run on
the same luck, replicate by replicate, and adding a draw for one purpose moves no other.

Integers are 32-bit words held in int64. `>>` copies the sign bit there, so that every
shift is masked.
"""

from __future__ import annotations

import math
from enum import IntEnum

import torch
from torch import Tensor

WORD = 0xFFFFFFFF
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
_ROUNDS = 10


class Purpose(IntEnum):
    """What a draw is for. The number is part of the counter: never renumber.

    There is none for a greedy agent's first action: before any reward all actions
    tie, so that the tie-break already makes it uniform.
    """

    SAMPLING = 0
    REWARD_NOISE = 1
    TIE_BREAK = 2
    SPLIT = 3
    EXPLORATION = 4
    RATER = 5
    SOFTMAX = 10
    SEED_ARMS = 11


class Phase(IntEnum):
    """The phase a draw is for, part of the counter."""

    PERSONALIZATION = 0
    GENERALIZATION = 1


def philox(
    counter: tuple[Tensor, Tensor, Tensor, Tensor], key: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Four random words for every counter, under its key.

    Args:
        counter: Four int64 tensors of 32-bit words, of shapes that broadcast.
        key: Two int64 tensors of 32-bit words, likewise.

    Returns:
        Four int64 tensors of 32-bit words, of the broadcast shape.
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(_ROUNDS):
        product0, product1 = c0 * _MULTIPLIERS[0], c2 * _MULTIPLIERS[1]
        # The low words stay unmasked for now: they are only xored, and masked then.
        c0, c1, c2, c3 = (
            ((product1 >> 32) ^ c1 ^ k0) & WORD,
            product1,
            ((product0 >> 32) ^ c3 ^ k1) & WORD,
            product0,
        )
        k0, k1 = (k0 + _KEY_STEPS[0]) & WORD, (k1 + _KEY_STEPS[1]) & WORD
    return c0, c1 & WORD, c2, c3 & WORD


def uniforms(
    seed: int,
    replicates: Tensor,
    steps: Tensor,
    *,
    phase: Phase,
    purpose: Purpose,
    count: int = 1,
) -> Tensor:
    """Uniform numbers strictly between 0 and 1, with 52 random bits.

    Args:
        seed: The sweep's seed, 0 <= seed < 2**32.
        replicates: (n_runs,) int64, each run's replicate number.
        steps: (n_steps,) int64, the steps they are for.
        count: How many a step; the first k of `count` are the same for any count.

    Returns:
        (n_steps, n_runs, count) float64 on the device of `replicates`.
    """
    first, second = _uniform_pairs(seed, replicates, steps, phase, purpose, count)
    return torch.stack((first, second), -1).flatten(-2)[..., :count]


def normals(
    seed: int,
    replicates: Tensor,
    steps: Tensor,
    *,
    phase: Phase,
    purpose: Purpose,
    count: int = 1,
) -> Tensor:
    """Standard normal numbers, by Box and Muller (1958); arguments as `uniforms`.

    Returns:
        (n_steps, n_runs, count) float64 on the device of `replicates`.
    """
    first, second = _uniform_pairs(seed, replicates, steps, phase, purpose, count)
    radius = first.log_().mul_(-2.0).sqrt_()
    angle = second.mul_(2.0 * math.pi)
    pair = torch.empty(*radius.shape, 2, dtype=radius.dtype, device=radius.device)
    torch.mul(radius, angle.cos(), out=pair[..., 0])
    torch.mul(radius, angle.sin_(), out=pair[..., 1])
    return pair.flatten(-2)[..., :count]


def _uniform_pairs(
    seed: int,
    replicates: Tensor,
    steps: Tensor,
    phase: Phase,
    purpose: Purpose,
    count: int,
) -> tuple[Tensor, Tensor]:
    """Two uniforms a block, each (n_steps, n_runs, n_blocks), as new tensors."""
    device = replicates.device
    blocks = torch.arange((count + 1) // 2, dtype=torch.int64, device=device)
    zero = torch.zeros((), dtype=torch.int64, device=device)
    words = philox(
        (blocks, steps[:, None, None], zero + int(phase), zero + int(purpose)),
        (zero + seed, replicates[:, None]),
    )
    return _uniform(words[0], words[1]), _uniform(words[2], words[3])


def _uniform(high: Tensor, low: Tensor) -> Tensor:
    # 52 bits and a half are exact in float64, and keep 0 and 1 out: logarithms follow.
    whole = ((high >> 6) << 26) + (low >> 6)
    return (whole.to(torch.float64) + 0.5) * 2.0**-52
