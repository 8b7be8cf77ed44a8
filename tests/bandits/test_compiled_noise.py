"""The compiled random numbers are those of noise.py."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from bandits import compiled_noise, noise
from bandits.compiled_vectors import alike, counting, load, store
from bandits.jit import compiled
from bandits.noise import Phase, Purpose

KEYS = [(0, 0), (7, 3), (2**32 - 1, 2**32 - 1)]
STEPS = [0, 1, 999, 2**32 - 1]
PURPOSES = [Purpose.SAMPLING, Purpose.TIE_BREAK]


def _where(phase: Phase, purpose: Purpose) -> int:
    return int(phase) + (int(purpose) << 32)


@compiled()
def _words(
    out: NDArray[np.uint64], step: int, where: int, key: NDArray[np.uint64]
) -> None:
    """out[word] = the words of the counters (0 .. 15, step)."""
    blocks = counting(0, 2)
    steps = alike(np.uint64(step), blocks)
    w0, w1, w2, w3 = compiled_noise.philox(blocks, steps, where, key)
    store(out[0], 0, w0)
    store(out[1], 0, w1)
    store(out[2], 0, w2)
    store(out[3], 0, w3)


@compiled()
def _pairs(words: NDArray[np.uint64], out: NDArray[np.float64]) -> None:
    """out[:, i] = the two normals of words[:, i]: eight counters at a time."""
    for at in range(0, words.shape[1], 8):
        first, second = compiled_noise.normal_pair(
            load(words[0], at, 1),
            load(words[1], at, 1),
            load(words[2], at, 1),
            load(words[3], at, 1),
        )
        store(out[0], at, first)
        store(out[1], at, second)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("purpose", PURPOSES)
def test_words_are_the_same_to_the_last_bit(
    key: tuple[int, int], purpose: Purpose
) -> None:
    words = np.zeros((4, 16), np.uint64)
    zero = torch.zeros((), dtype=torch.int64)
    for step in STEPS:
        _words(words, step, _where(Phase.GENERALIZATION, purpose), _key(key))

        expected = noise.philox(
            (torch.arange(16), zero + step, zero + 1, zero + int(purpose)),
            (zero + key[0], zero + key[1]),
        )

        assert (words == torch.stack(expected).numpy()).all()


@pytest.mark.parametrize("count", [1, 2, 7, 32, 33, 50])
def test_normals_of_a_step_are_those_of_noise_within_rounding(count: int) -> None:
    for phase in Phase:
        expected = noise.normals(
            7,
            torch.tensor([3]),
            torch.arange(40),
            phase=phase,
            purpose=Purpose.SAMPLING,
            count=count,
        )[:, 0]
        found = np.empty((40, compiled_noise.room(count)))
        for step in range(40):
            compiled_noise.normals_across(
                found[step], count, step, _where(phase, Purpose.SAMPLING), _key((7, 3))
            )

        assert np.abs(found[:, :count] - expected.numpy()).max() < 1e-14


def test_numbers_wanted_in_single_precision_are_the_same_ones_rounded() -> None:
    where, key = _where(Phase.PERSONALIZATION, Purpose.SAMPLING), _key((1, 2))
    single = np.zeros(compiled_noise.room(50), np.float32)
    double = np.zeros(compiled_noise.room(50))

    for out in (single, double):
        compiled_noise.normals_across(out, 50, 3, where, key)

    assert (single == double.astype(np.float32)).all()


def test_one_number_a_step_is_the_first_of_that_step() -> None:
    where, key = _where(Phase.PERSONALIZATION, Purpose.EXPLORATION), _key((5, 9))
    arguments = (5, torch.tensor([9]), torch.arange(10, 43))
    phase, purpose = Phase.PERSONALIZATION, Purpose.EXPLORATION
    normals, uniforms = np.empty(48), np.empty(48)

    compiled_noise.normals_along(normals, 33, 10, where, key)
    compiled_noise.uniforms_along(uniforms, 33, 10, where, key)

    as_normals = noise.normals(*arguments, phase=phase, purpose=purpose)
    as_uniforms = noise.uniforms(*arguments, phase=phase, purpose=purpose)
    assert np.abs(normals[:33] - as_normals.flatten().numpy()).max() < 1e-14
    assert (uniforms[:33] == as_uniforms.flatten().numpy()).all()
    assert compiled_noise.uniform_at(12, where, key) == uniforms[2]


def test_normals_stay_exact_at_the_ends_of_what_a_uniform_can_be() -> None:
    # The smallest uniform, the largest, the middle, and all four quarters of a turn.
    ends = np.array([0, 2**52 - 1, 2**51, 2**50, 3 * 2**50, 2**49, 12345], np.uint64)
    high, low = ends >> np.uint64(26), ends & np.uint64(2**26 - 1)
    grid = np.arange(len(ends) ** 2)
    words, pairs = np.zeros((4, 56), np.uint64), np.empty((2, 56))
    for row, part in enumerate((high, low, high, low)):
        which = grid // len(ends) if row < 2 else grid % len(ends)
        words[row, : len(grid)] = part[which] << np.uint64(6)

    _pairs(words, pairs)

    uniform = (ends.astype(np.longdouble) + 0.5) * np.longdouble(2) ** -52
    radius = np.sqrt(-2 * np.log(uniform))[:, None]
    angle = 2 * np.arctan2(np.longdouble(0), np.longdouble(-1)) * uniform
    for found, wanted in zip(
        pairs, (radius * np.cos(angle), radius * np.sin(angle)), strict=True
    ):
        # The uniform itself is rounded: one close to 1 by half of 2^-52, and so on.
        off = found[: len(grid)] - wanted.ravel().astype(np.float64)
        assert np.abs(off).max() < 2e-14


def _key(numbers: tuple[int, int]) -> compiled_noise.Words:
    return np.array(numbers, np.uint64)
