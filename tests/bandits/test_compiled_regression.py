"""Compiled kernel regression: runs side by side, that see nothing of each other."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from bandits.settings import Settings
from bandits.simulate import Trace, simulate, trace
from bandits.task import ValueTask

pytest.importorskip("numba", reason="compiled agents are an extra")
N_ACTIONS, N_RUNS = 12, 9
AGENTS = ["kernel_regression", "kernel_regression_epsilon", "uniform"]
LEARNING = Settings(
    personalization_steps=150, generalization_steps=140, exploration=0.2, learn=True
)


def a_kernel() -> NDArray[np.float64]:
    points = np.random.default_rng(1).normal(size=(N_ACTIONS, 2))
    return np.asarray(np.exp(-((points[:, None] - points[None]) ** 2).sum(-1)))


def a_task(rows: slice = slice(None)) -> ValueTask:
    """Runs of which one may choose from one action, another from all but one."""
    may = np.zeros((N_RUNS, N_ACTIONS), dtype=bool)
    for run in range(N_RUNS):
        may[run, np.random.default_rng(run).permutation(N_ACTIONS)[: run + 1]] = True
    may[-1] = True
    may[-1, 3] = False
    return ValueTask(np.linspace(0, 100, N_ACTIONS), 50.0, True, may[rows])


def traced(agent: str, rows: slice = slice(None), **how: object) -> dict[str, Trace]:
    return trace(
        None if agent == "uniform" else a_kernel(),
        a_task(rows),
        agent,
        LEARNING,
        seed=5,
        replicates=range(N_RUNS)[rows],
        **how,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("agent", AGENTS)
def test_how_many_actions_a_run_may_choose_changes_no_run_beside_it(agent: str) -> None:
    together = traced(agent, backend="numba")

    for run in range(N_RUNS):
        alone = traced(agent, slice(run, run + 1), backend="numba")
        for phase, found in alone.items():
            assert torch.equal(found.arms[:, 0], together[phase].arms[:, run])
            assert torch.equal(found.rewards[:, 0], together[phase].rewards[:, run])
            assert torch.equal(found.greedy[:, 0], together[phase].greedy[:, run])


@pytest.mark.parametrize("agent", AGENTS)
def test_choices_over_blocks_and_phases_are_torchs(agent: str) -> None:
    ours, theirs = traced(agent, backend="numba"), traced(agent, backend="torch")

    for phase, found in ours.items():
        assert torch.equal(found.arms, theirs[phase].arms)
        assert torch.equal(found.greedy, theirs[phase].greedy)


def test_predictions_of_actions_nobody_could_choose_are_torchs() -> None:
    found = [
        simulate(
            a_kernel(),
            a_task(),
            "kernel_regression_epsilon",
            Settings(
                personalization_steps=300, generalization_steps=0, exploration=0.3
            ),
            seed=5,
            replicates=range(N_RUNS),
            backend=backend,
        )["generalization"]["value_rmse"]
        for backend in ("numba", "torch")
    ]

    torch.testing.assert_close(found[0], found[1], rtol=0, atol=1e-9)
