"""The compiled random numbers are those of noise.py."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bandits import compiled_noise, noise
from bandits.noise import Phase, Purpose

KEYS = [(0, 0), (7, 3), (2**32 - 1, 2**32 - 1)]
STEPS = [0, 1, 999, 2**32 - 1]
PURPOSES = [Purpose.SAMPLING, Purpose.TIE_BREAK]


def _where(phase: Phase, purpose: Purpose) -> int:
    return int(phase) + (int(purpose) << 32)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("purpose", PURPOSES)
def test_words_are_the_same_to_the_last_bit(
    key: tuple[int, int], purpose: Purpose
) -> None:
    words, _ = compiled_noise.room(13)
    zero = torch.zeros((), dtype=torch.int64)
    for step in STEPS:
        compiled_noise.words_across(
            words, 13, step, _where(Phase.GENERALIZATION, purpose), _key(key)
        )

        expected = noise.philox(
            (torch.arange(13), zero + step, zero + 1, zero + int(purpose)),
            (zero + key[0], zero + key[1]),
        )

        assert (words[:, :13] == torch.stack(expected).numpy()).all()


@pytest.mark.parametrize("count", [1, 2, 7, 50, 51])
def test_normals_of_a_step_are_those_of_noise_within_rounding(count: int) -> None:
    words, pairs = compiled_noise.room(count)
    for phase in Phase:
        expected = noise.normals(
            7,
            torch.tensor([3]),
            torch.arange(40),
            phase=phase,
            purpose=Purpose.SAMPLING,
            count=count,
        )[:, 0]
        found = np.empty((40, count + 1))
        for step in range(40):
            compiled_noise.normals_across(
                found[step],
                count,
                words,
                pairs,
                step,
                _where(phase, Purpose.SAMPLING),
                _key((7, 3)),
            )

        assert np.abs(found[:, :count] - expected.numpy()).max() < 1e-14


def test_one_number_a_step_is_the_first_of_that_step() -> None:
    words, pairs = compiled_noise.room(33)
    where, key = _where(Phase.PERSONALIZATION, Purpose.EXPLORATION), _key((5, 9))
    arguments = (5, torch.tensor([9]), torch.arange(10, 43))
    phase, purpose = Phase.PERSONALIZATION, Purpose.EXPLORATION
    normals, uniforms = np.empty(33), np.empty(33)

    compiled_noise.normals_along(normals, 33, words, pairs, 10, where, key)
    compiled_noise.uniforms_along(uniforms, 33, words, pairs, 10, where, key)

    as_normals = noise.normals(*arguments, phase=phase, purpose=purpose)
    as_uniforms = noise.uniforms(*arguments, phase=phase, purpose=purpose)
    assert np.abs(normals - as_normals.flatten().numpy()).max() < 1e-14
    assert (uniforms == as_uniforms.flatten().numpy()).all()
    assert compiled_noise.uniform_at(12, where, key) == uniforms[2]


def test_normals_stay_exact_at_the_ends_of_what_a_uniform_can_be() -> None:
    # The smallest uniform, the largest, the middle, and all four quarters of a turn.
    ends = np.array([0, 2**52 - 1, 2**51, 2**50, 3 * 2**50, 2**49, 12345], np.uint64)
    high, low = ends >> np.uint64(26), ends & np.uint64(2**26 - 1)
    words, pairs = compiled_noise.room(len(ends) ** 2)
    grid = np.arange(len(ends) ** 2)
    for row, part in enumerate((high, low, high, low)):
        which = grid // len(ends) if row < 2 else grid % len(ends)
        words[row, : len(grid)] = part[which] << np.uint64(6)

    compiled_noise.normals_from(words, len(grid), pairs)

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
