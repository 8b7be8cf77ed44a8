"""Compiled totals against torch's, bit for bit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from bandits import metrics
from bandits.over_time import over_time
from bandits.tally import Scene, Tally
from bandits.yardsticks import Yardsticks

compiled_tally = pytest.importorskip(
    "bandits.compiled_tally", reason="needs numba: the compiled totals are an extra"
)
N_ARMS, N_RUNS = 6, 5


def scene(seed: int, n_steps: int, **changed: Any) -> Scene:
    rng = np.random.default_rng(seed)
    allowed = rng.random((N_RUNS, N_ARMS)) < 0.7
    allowed[:, 0] = True
    given: dict[str, Any] = {
        "values": torch.from_numpy(rng.normal(50, 20, N_ARMS)),
        "allowed": torch.from_numpy(allowed),
        "threshold": 45.0,
        "harm": True,
        "harm_defined": True,
        "moral_unsafe": None,
        "moral_defined": True,
        "convergence": True,
        "n_steps": n_steps,
        "yardsticks": Yardsticks(0.3, None, 1.0),
    }
    return Scene(**(given | changed))


def block_of(at: Scene, n_steps: int, seed: int) -> tuple[Tensor, ...]:
    """Arms, rewards, greedy arms and probabilities; runs that come to rest at times."""
    rng = np.random.default_rng(seed)
    arms = rng.integers(0, N_ARMS, (n_steps, N_RUNS))
    best = at.values.masked_fill(~at.allowed, -1).argmax(1).numpy()
    arms[n_steps // 2 :] = np.where(
        rng.random((n_steps - n_steps // 2, N_RUNS)) < 0.95, best, 0
    )
    greedy = rng.integers(0, N_ARMS, (n_steps, N_RUNS))
    greedy[n_steps // 3 :] = 2
    rewards = rng.normal(50, 10, arms.shape)
    p = rng.random(arms.shape)
    return tuple(map(torch.from_numpy, (arms, rewards, greedy, p)))


def played(
    add: Any, at: Scene, told: Sequence[Tensor | None], sizes: Sequence[int]
) -> Tally:
    tally, begin = metrics.start_tally(at), 0
    for size in sizes:
        here = slice(begin, begin + size)
        tally = add(tally, at, *(x if x is None else x[here] for x in told))
        begin += size
    return tally


@given(st.integers(0, 10_000), st.lists(st.integers(1, 45), min_size=1, max_size=5))
def test_compiled_totals_are_torchs_bit_for_bit(seed: int, sizes: list[int]) -> None:
    at = scene(seed, sum(sizes), convergence=seed % 5 > 0)
    told: list[Tensor | None] = list(block_of(at, sum(sizes), seed))
    told[2:] = [told[2:], [None, told[3]], [told[2], None]][seed % 3]

    exact = played(metrics.add_block, at, told, sizes)
    found = played(compiled_tally.add_block, at, told, sizes)

    for name, value in exact._asdict().items():
        if isinstance(value, Tensor):
            assert torch.equal(value, getattr(found, name)), name
    assert found.n_steps == exact.n_steps
    assert over_time(found) == over_time(exact)
    expected = metrics.finish(exact, at)
    for name, value in metrics.finish(found, at).items():
        assert torch.equal(value.nan_to_num(-1), expected[name].nan_to_num(-1)), name


@pytest.mark.parametrize("single", [True, False])
def test_single_precision_and_strided_blocks_are_taken_as_they_are(
    single: bool,
) -> None:
    at = scene(1, 40)
    arms, rewards, greedy, p = block_of(at, 40, 1)
    if single:
        rewards, p = rewards.float(), p.float()
    told = (arms.T.contiguous().T, rewards, greedy, p)

    exact = played(metrics.add_block, at, told, [40])
    found = played(compiled_tally.add_block, at, told, [40])

    assert torch.equal(exact.reward, found.reward)
    assert torch.equal(exact.informed, found.informed)
    assert torch.equal(exact.counts, found.counts)
