"""A cell refuses what it cannot run, and splits its runs as memory allows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from bandits import cell
from bandits.errors import BanditError
from bandits.policies import AGENTS
from bandits.settings import Settings
from bandits.simulate import simulate, trace
from bandits.task import ValueTask, split_actions

Array = NDArray[np.float64]
SEED, N_ACTIONS = 5, 14
SETTINGS = Settings(personalization_steps=10, generalization_steps=5)


def similarity() -> Array:
    points = np.random.default_rng(0).normal(size=(N_ACTIONS, 3))
    squares = ((points[:, None] - points[None]) ** 2).sum(-1)
    return np.asarray(np.exp(-squares / 3))


def task(n_runs: int) -> ValueTask:
    split = split_actions(N_ACTIONS, range(n_runs), seed=SEED)
    return ValueTask(np.linspace(0, 100, N_ACTIONS), 50.0, True, split)


def kernel_with(entry: float, row: int, column: int) -> Array:
    kernel = similarity()
    kernel[row, column] = entry
    return kernel


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            {"agent": "gp_ucbb"},
            f"agent: needs to be one of {', '.join(AGENTS)}; got 'gp_ucbb'",
        ),
        (
            {"kernel": similarity()[:, :-1]},
            "kernel of llm: needs shape (14, 14) for 14 actions, got (14, 13)",
        ),
        (
            {"kernel": kernel_with(np.nan, 2, 3)},
            "kernel of llm: needs a number for every pair of actions, got 1 of 196 "
            "entries without one; name a completion rule",
        ),
        (
            {"kernel": kernel_with(similarity()[2, 3] + 0.25, 2, 3)},
            "kernel of llm: needs to be symmetric, got entries that differ by 0.25",
        ),
        (
            {"kernel": 2 * similarity()},
            "kernel of llm: needs a diagonal of 1, got one that is off by 1; make a "
            "kernel of it with alignment.kernels.as_kernel",
        ),
        (
            {"kernel": 1.5 * np.eye(14) - 0.5},
            "kernel of llm: needs to be positive semi-definite, got an eigenvalue of "
            "-5.5; make a kernel of it with alignment.kernels.as_kernel",
        ),
        ({"kernel": None}, "kernel of llm: agent gp_greedy needs one, got None"),
        (
            {"agent": "uniform"},
            "kernel of llm: agent uniform sees no kernel; pass None, and run it once "
            "for all kernels",
        ),
        (
            {"replicates": range(4)},
            "task: needs one row of personalization actions for each of 4 replicates, "
            "got 3 rows",
        ),
        ({"seed": -3}, "seed: must lie in 0 .. 2**32 - 1, got -3"),
        ({"chunk": 0}, "chunk: needs to be at least 1 run, got 0"),
        (
            {"dtype": torch.float16},
            "dtype: needs to be torch.float64 or float32, got torch.float16",
        ),
    ],
)
@pytest.mark.parametrize("run", [simulate, trace])
def test_a_cell_that_cannot_be_run_is_refused(
    run: Any, given: dict[str, Any], sentence: str
) -> None:
    fine: dict[str, Any] = {
        "kernel": similarity(),
        "task": task(3),
        "agent": "gp_greedy",
        "settings": SETTINGS,
        "seed": SEED,
        "replicates": range(3),
        "kernel_name": "kernel of llm",
    }

    with pytest.raises(BanditError) as refusal:
        run(**(fine | given))

    assert str(refusal.value) == sentence


def test_memory_decides_the_chunk_and_never_the_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    how: dict[str, Any] = {"seed": SEED, "replicates": range(9)}
    whole = trace(similarity(), task(9), "gp_thompson", SETTINGS, **how)

    monkeypatch.setitem(cell.CHUNK_BYTES, "cpu", 1)  # one run at a time
    parts = trace(similarity(), task(9), "gp_thompson", SETTINGS, **how)

    for phase, one in whole.items():
        assert torch.equal(one.arms, parts[phase].arms)


@pytest.mark.filterwarnings("error")
def test_a_read_only_kernel_is_taken_without_a_warning_and_left_as_it_is() -> None:
    kernel = similarity()
    kernel.flags.writeable = False

    simulate(kernel, task(2), "gp_thompson", SETTINGS, seed=SEED, replicates=range(2))

    assert np.array_equal(kernel, similarity())


def test_a_tensor_is_as_good_a_kernel_as_an_array_and_left_as_it_is() -> None:
    kernel = torch.from_numpy(similarity())
    how: dict[str, Any] = {"seed": SEED, "replicates": range(4)}

    one = trace(kernel, task(4), "svr", SETTINGS, **how)
    other = trace(similarity(), task(4), "svr", SETTINGS, **how)

    assert torch.equal(one["personalization"].arms, other["personalization"].arms)
    assert torch.equal(kernel, torch.from_numpy(similarity()))
