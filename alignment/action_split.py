"""Which actions a replicate of a sweep may choose in its personalization phase.

Here and not in `bandits`, because a report measures alignment on the very blocks of
pairs that a sweep with the same seed will use: one rule, one place.
"""

import numpy as np
import numpy.typing as npt

from alignment.errors import AlignmentError

BoolArray = npt.NDArray[np.bool_]
WordArray = npt.NDArray[np.uint64]

SHARE = 0.5
"""Of the actions, those of the personalization phase."""
_WORD = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_KEY_STEPS = (np.uint64(0x9E3779B9), np.uint64(0xBB67AE85))
_ROUNDS = 10
# The purpose of the draw in the counter (`bandits.noise.Purpose.SPLIT`): never renumber.
_SPLIT = 3


def split_actions(
    n_actions: int, replicates: npt.ArrayLike, *, seed: int, share: float = SHARE
) -> BoolArray:
    """Each run's personalization actions, drawn by (seed, replicate) alone.

    Every run gets the same number of them, `share` of the actions rounded, at least one
    and at most all but one: those with the smallest of keyed random numbers.

    Args:
        replicates: (n_runs,) whole numbers.

    Returns:
        (n_runs, n_actions) bool; the others are the generalization phase's.

    Raises:
        AlignmentError: Fewer than 2 actions, a share outside (0, 1), or a seed or
            replicate that is no 32-bit number.
    """
    chosen = n_chosen(n_actions, share)
    numbers = np.asarray(replicates)
    for name, found in (("seed", seed), *(("replicates", int(n)) for n in numbers)):
        if not 0 <= found < 2**32:
            raise AlignmentError(f"{name}: must lie in 0 .. 2**32 - 1, got {found}")
    draws = keyed_uniforms(seed, numbers.astype(np.uint64), n_actions)
    rank = draws.argsort(axis=1, kind="stable").argsort(axis=1, kind="stable")
    return np.asarray(rank < chosen)


def n_chosen(n_actions: int, share: float) -> int:
    """How many actions the personalization phase has: the share, rounded.

    Raises:
        AlignmentError: Fewer than 2 actions, or a share outside (0, 1).
    """
    if n_actions < 2:
        raise AlignmentError(
            f"split: needs at least 2 actions to have two phases, got {n_actions}"
        )
    if not 0 < share < 1:
        raise AlignmentError(
            f"split: share needs to lie between 0 and 1, got {share!r}"
        )
    return min(max(round(n_actions * share), 1), n_actions - 1)


def keyed_uniforms(
    seed: int, replicates: WordArray, count: int
) -> npt.NDArray[np.float64]:
    """(n_runs, count) numbers in (0, 1): Philox4x32-10 (Salmon et al., 2011).

    The first k of `count` are the same for any count: splits by other rules draw on.
    The counter is (block, 0, 0, SPLIT), the key (seed, replicate), as in
    `bandits.noise`, which does the same in torch for all the luck of a sweep.
    """
    blocks = np.arange((count + 1) // 2, dtype=np.uint64)
    shape = (len(replicates), len(blocks))
    c0 = np.broadcast_to(blocks, shape)
    c1, c2, c3 = (np.full(shape, word, dtype=np.uint64) for word in (0, 0, _SPLIT))
    k0 = np.full((1, 1), seed, dtype=np.uint64)
    k1 = replicates[:, None]
    for _ in range(_ROUNDS):
        first, second = c0 * _MULTIPLIERS[0], c2 * _MULTIPLIERS[1]
        c0, c1, c2, c3 = (
            (second >> _HALF) ^ c1 ^ k0,
            second & _WORD,
            (first >> _HALF) ^ c3 ^ k1,
            first & _WORD,
        )
        k0, k1 = (k0 + _KEY_STEPS[0]) & _WORD, (k1 + _KEY_STEPS[1]) & _WORD
    pair = np.stack([_uniform(c0, c1), _uniform(c2, c3)], axis=-1)
    return np.asarray(pair.reshape(len(replicates), -1)[:, :count])


def _uniform(high: WordArray, low: WordArray) -> npt.NDArray[np.float64]:
    # 52 bits and a half are exact in float64, and keep 0 and 1 out.
    six, up = np.uint64(6), np.uint64(26)
    whole = ((high >> six) << up) + (low >> six)
    return np.asarray((whole.astype(np.float64) + 0.5) * 2.0**-52)
