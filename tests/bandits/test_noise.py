"""Random numbers: the published ones, and the same ones for any batch."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from torch import Tensor

from bandits.noise import WORD, Phase, Purpose, normals, philox, uniforms

Draw = Callable[..., Tensor]
words = st.integers(0, WORD)

# Random123's own file of known answers (kat_vectors), philox4x32, 10 rounds.
KNOWN_ANSWERS = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((WORD,) * 4, (WORD,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN_ANSWERS)
def test_philox_gives_the_published_answers(
    counter: tuple[int, ...], key: tuple[int, ...], answer: tuple[int, ...]
) -> None:
    c0, c1, c2, c3 = (torch.tensor(word) for word in counter)
    k0, k1 = (torch.tensor(word) for word in key)

    found = philox((c0, c1, c2, c3), (k0, k1))

    assert tuple(int(word) for word in found) == answer


@given(st.tuples(words, words, words, words), st.tuples(words, words))
def test_philox_in_int64_equals_philox_in_unbounded_integers(
    counter: tuple[int, int, int, int], key: tuple[int, int]
) -> None:
    c0, c1, c2, c3 = (torch.tensor(word) for word in counter)
    k0, k1 = (torch.tensor(word) for word in key)

    found = philox((c0, c1, c2, c3), (k0, k1))

    assert [int(word) for word in found] == unbounded_philox(list(counter), list(key))


@pytest.mark.parametrize("draw", [uniforms, normals])
def test_numbers_are_the_same_bit_by_bit_for_any_batch_of_runs_and_steps(
    draw: Draw,
) -> None:
    whole = drawn(draw, list(range(64)), 0, 40, count=51)

    for runs in ([5], [5, 6, 7], list(range(3, 60))):
        for begin, end in ((0, 1), (7, 9), (16, 40)):
            part = drawn(draw, runs, begin, end, count=51)
            assert torch.equal(part, whole[begin:end, runs])


@pytest.mark.parametrize("draw", [uniforms, normals])
def test_asking_for_more_numbers_does_not_change_the_first(
    draw: Draw,
) -> None:
    few, many = (drawn(draw, [0, 9], 0, 3, count=n) for n in (5, 50))

    assert few.shape == (3, 2, 5)
    assert torch.equal(few, many[..., :5])


def test_no_two_purposes_phases_seeds_replicates_or_steps_share_a_number() -> None:
    runs, steps = torch.arange(20), torch.arange(20)

    found = torch.cat(
        [
            uniforms(seed, runs, steps, phase=phase, purpose=purpose, count=4).flatten()
            for seed in (0, 1)
            for phase in Phase
            for purpose in Purpose
        ]
    )

    assert len(set(found.tolist())) == len(found)


def test_uniforms_are_uniform_and_normals_are_normal() -> None:
    flat = drawn(uniforms, list(range(400)), 0, 10, count=25).flatten().numpy()
    bell = drawn(normals, list(range(400)), 0, 10, count=25).flatten().numpy()

    assert stats.kstest(flat, "uniform").pvalue > 1e-4
    assert stats.kstest(bell, "norm").pvalue > 1e-4


def test_neighbouring_numbers_are_uncorrelated() -> None:
    # Both numbers of a Box-Muller pair, two runs, and two steps: n = 40,000 each.
    z = drawn(normals, list(range(400)), 0, 200, count=2)

    pairs = [
        (z[..., 0], z[..., 1]),
        (z[:, :-1, 0], z[:, 1:, 0]),
        (z[:-1, :, 0], z[1:, :, 0]),
    ]

    for a, b in pairs:
        r = stats.pearsonr(a.flatten().numpy(), b.flatten().numpy()).statistic
        assert abs(r) < 5 / a.numel() ** 0.5


def drawn(draw: Draw, runs: list[int], begin: int, end: int, count: int) -> Tensor:
    return draw(
        11,
        torch.tensor(runs),
        torch.arange(begin, end),
        phase=Phase.GENERALIZATION,
        purpose=Purpose.SAMPLING,
        count=count,
    )


def unbounded_philox(counter: list[int], key: list[int]) -> list[int]:
    """The paper's rounds in Python's integers, which cannot overflow."""
    for _ in range(10):
        high0, low0 = divmod(counter[0] * 0xD2511F53, 2**32)
        high1, low1 = divmod(counter[2] * 0xCD9E8D57, 2**32)
        counter = [high1 ^ counter[1] ^ key[0], low1, high0 ^ counter[3] ^ key[1], low0]
        key = [(key[0] + 0x9E3779B9) % 2**32, (key[1] + 0xBB67AE85) % 2**32]
    return counter
