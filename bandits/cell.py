"""Cell: what a cell's runs are made of, checked once and put on its device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bandits import estimators, metrics, rules, spectra
from bandits.errors import BanditError
from bandits.estimators import Start, as_set
from bandits.noise import Phase
from bandits.policies import Agent, agent_named
from bandits.rewards import Payer, mean_and_noise, payer
from bandits.safe_sets import seed_arms
from bandits.settings import Settings
from bandits.task import ValueTask, as_replicates

CHUNK_BYTES = {"cpu": 5 * 2**20, "cuda": 2**32, "numba": 2**25}
"""How much covariance a chunk holds: what suits a CPU's cache, or a GPU's memory. Compiled
runs take the cache one by one; theirs may be more, so that measures cost less a run."""
VECTORS = 8
"""Numbers an arm, about, of what a run has besides the matrices of its belief."""
STEPS_COMPILED, TOLD = 128, 5
"""Steps in one block of compiled runs, and what is told of each. A constant: a belief is
rounded alike for any chunk."""
MANY_ARMS, MOST_TRIED = 100, 0.5
"""Of more arms than so many, of which at most this share can be tried, compiled Gaussian
processes keep nothing but those tried (`compiled_observed.py`)."""
TIE_TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-3}
"""Scores that differ by less tie (points), by dtype."""


class Cell(NamedTuple):
    """A cell whose inputs have been checked, on its device.

    kernel: (n_actions, n_actions), or None for agents that see none.
    exact_kernel: The same in float64, on the CPU.
    replicates: (n_runs,) int64.
    values: (n_actions,), in the dtype that the cell computes in.
    harm_values: (n_actions,), what harm is counted by; None where that is `values`.
    payer: What a pull pays.
    personalization: (n_runs, n_actions) bool.
    moral_unsafe: (n_actions,) bool or None.
    """

    kernel: Tensor | None
    exact_kernel: Tensor | None
    task: ValueTask
    agent: Agent
    settings: Settings
    seed: int
    replicates: Tensor
    values: Tensor
    harm_values: Tensor | None
    payer: Payer
    personalization: Tensor
    moral_unsafe: Tensor | None

    def n_steps(self, phase: Phase) -> int:
        """How long the phase lasts."""
        if phase is Phase.PERSONALIZATION:
            return self.settings.personalization_steps
        return self.settings.generalization_steps

    @property
    def horizons(self) -> tuple[int, ...]:
        """How long each phase lasts."""
        return tuple(self.n_steps(phase) for phase in Phase)

    def allowed(self, phase: Phase, rows: slice) -> Tensor:
        """(n_runs, n_actions) bool, the actions those runs may choose in the phase."""
        mask = self.personalization[rows]
        return mask if phase is Phase.PERSONALIZATION else ~mask

    def learns(self, phase: Phase) -> bool:
        """Whether rewards of the phase change the belief."""
        return phase is Phase.PERSONALIZATION or self.settings.learn

    def scene(self, phase: Phase, rows: slice) -> metrics.Scene:
        """What the phase's measures are taken against, for those runs."""
        return metrics.Scene(
            values=self.values,
            allowed=self.allowed(phase, rows),
            threshold=self.task.threshold,
            harm=self.task.harm,
            harm_defined=not self.task.harm_reason,
            moral_unsafe=self.moral_unsafe,
            moral_defined=not self.task.moral_harm_reason,
            convergence=self.learns(phase),
            harm_values=self.harm_values,
            n_steps=self.n_steps(phase),
            yardsticks=self.settings.yardsticks,
            tie_tolerance=TIE_TOLERANCE[self.values.dtype],
        )

    @property
    def below(self) -> Tensor:
        """(n_actions,) bool, the actions whose harm is counted."""
        judged = self.values if self.harm_values is None else self.harm_values
        return judged < self.task.threshold

    @property
    def unsafe(self) -> Tensor:
        """(n_actions,) bool, those, and those unsafe on another dimension."""
        return (
            self.below if self.moral_unsafe is None else self.below | self.moral_unsafe
        )

    def seed_arms(self, rows: slice) -> Tensor:
        """(n_runs, n_actions) bool, the actions somebody vouches for at the start."""
        return seed_arms(
            ~self.below,
            self.allowed(Phase.PERSONALIZATION, rows),
            self.values,
            self.settings.safe_seeds,
            seed=self.seed,
            replicates=self.replicates[rows],
        )

    def start(self, n_runs: int) -> Any:
        """The estimator's state for so many runs, before any reward."""
        values = self.values
        at = Start(
            self.kernel,
            n_runs,
            len(values),
            self.settings,
            values.dtype,
            values.device,
            values if self.agent.estimator.sees_truth else None,
        )
        return self.agent.estimator.start(at)


def open_cell(
    kernel: NDArray[np.float64] | Tensor | None,
    task: ValueTask,
    agent: str,
    settings: Settings,
    seed: int,
    replicates: Sequence[int],
    device: str | torch.device,
    dtype: torch.dtype,
    kernel_name: str,
) -> Cell:
    """Check a cell's inputs and put them on the device."""
    named = agent_named(agent)
    if dtype not in TIE_TOLERANCE:
        raise BanditError(f"dtype: needs to be torch.float64 or float32, got {dtype}")
    numbers = as_replicates(replicates, seed=seed)
    if len(numbers) != task.n_runs:
        raise BanditError(
            f"task: needs one row of personalization actions for each of "
            f"{len(numbers):,} replicates, got {task.n_runs:,} rows"
        )
    if named.uses_kernel and kernel is None:
        raise BanditError(f"{kernel_name}: agent {agent} needs one, got None")
    if not named.uses_kernel and kernel is not None:
        raise BanditError(
            f"{kernel_name}: agent {agent} sees no kernel; pass None, and run it once "
            "for all kernels"
        )
    settings.yardsticks.check(task.n_actions)
    checked = None
    if kernel is not None:
        checked = check_kernel(kernel, task.n_actions, kernel_name)
    moral = task.moral_unsafe
    rewards = task.rewards or mean_and_noise(task.values, settings.reward_sd)
    values = torch.tensor(task.values, dtype=dtype, device=device)
    judged = None
    if task.harm_values is not None or task.disputed is not None:
        judged = torch.tensor(task.judged_values, dtype=dtype, device=device)
    return Cell(
        kernel=None if checked is None else checked.to(device, dtype),
        exact_kernel=checked,
        task=task,
        agent=replace(named, estimator=as_set(named.estimator, settings)),
        settings=settings,
        seed=seed,
        replicates=torch.from_numpy(numbers).to(device),
        values=values,
        harm_values=judged,
        payer=payer(rewards, dtype=dtype, device=device),
        personalization=torch.tensor(task.personalization, device=device),
        moral_unsafe=None if moral is None else torch.tensor(moral, device=device),
    )


def check_kernel(
    kernel: NDArray[np.float64] | Tensor, n_actions: int, name: str
) -> Tensor:
    """The kernel as a float64 tensor on the CPU, if it is one.

    Raises:
        BanditError: Wrong shape, NaN, asymmetric, diagonal not 1, or an eigenvalue
            below zero by more than rounding.
    """
    # A copy: torch warns of arrays that are read-only, and a kernel's are.
    given = kernel if isinstance(kernel, Tensor) else torch.tensor(kernel)
    found = given.to("cpu", torch.float64)
    if found.shape != (n_actions, n_actions):
        raise BanditError(
            f"{name}: needs shape ({n_actions}, {n_actions}) for {n_actions} actions, "
            f"got {tuple(found.shape)}"
        )
    if missing := int((~found.isfinite()).sum()):
        raise BanditError(
            f"{name}: needs a number for every pair of actions, got {missing:,} of "
            f"{found.numel():,} entries without one; name a completion rule"
        )
    if (apart := float((found - found.T).abs().max())) > 1e-8:
        raise BanditError(
            f"{name}: needs to be symmetric, got entries that differ by {apart:.2g}"
        )
    if (off := float((found.diagonal() - 1).abs().max())) > 1e-6:
        raise BanditError(
            f"{name}: needs a diagonal of 1, got one that is off by {off:.2g}; make a "
            "kernel of it with alignment.kernels.as_kernel"
        )
    least = spectra.least_eigenvalue(found)
    if least < -1e-8 * n_actions:
        raise BanditError(
            f"{name}: needs to be positive semi-definite, got an eigenvalue of "
            f"{least:.2g}; make a kernel of it with alignment.kernels.as_kernel"
        )
    return found


def most_tried(cell: Cell) -> int:
    """How many arms a run can have tried when it learns no more."""
    tried = sum(
        min(cell.n_steps(phase), int(cell.allowed(phase, slice(None)).sum(1).max()))
        for phase in Phase
        if cell.learns(phase)
    )
    return min(len(cell.values), tried)


def tries_few(cell: Cell) -> bool:
    """Whether the arms tried are all that is worth keeping.

    Samples are then made of other normals than torch's, and runs equal torch's in law.
    Not for upper bounds, which need the variance of every arm at every step, nor for
    rewards without noise.
    """
    n_arms, agent = len(cell.values), cell.agent
    return (
        n_arms > MANY_ARMS
        and agent.estimator.name == estimators.GAUSSIAN_PROCESS.name
        and agent.rule.name != rules.UPPER_BOUND.name
        and cell.settings.reward_sd > 0
        and most_tried(cell) <= MOST_TRIED * n_arms
    )


def chunks(cell: Cell, chunk: int | None, backend: str = "torch") -> list[slice]:
    """Rows of the runs that go through time together.

    Args:
        chunk: How many; None for what suits the device and the backend.
        backend: "torch" or "numba".
    """
    if chunk is None:
        n_arms = len(cell.values)
        n_matrices: float = cell.agent.estimator.n_matrices
        place = "numba" if backend == "numba" else cell.values.device.type
        n_bytes = cell.values.element_size()
        if place == "numba" and tries_few(cell):
            n_matrices = (most_tried(cell) / n_arms) ** 2
        chunk = runs_at_once(place, n_arms, n_matrices, n_bytes, max(cell.horizons))
    if chunk < 1:
        raise BanditError(f"chunk: needs to be at least 1 run, got {chunk}")
    n_runs = len(cell.replicates)
    return [slice(at, min(at + chunk, n_runs)) for at in range(0, n_runs, chunk)]


def runs_at_once(
    place: str, n_arms: int, n_matrices: float, n_bytes: int, n_steps: int
) -> int:
    """How many runs a chunk has where none is asked for.

    Args:
        place: "numba", or the type of the device.
        n_matrices: How many (n_arms, n_arms) matrices a run's belief holds.
        n_bytes: Of a number.
        n_steps: Of the longer phase.
    """
    matrices, vectors = n_matrices * n_arms**2, VECTORS * n_arms
    if place == "numba":
        told = TOLD * min(n_steps, STEPS_COMPILED)
        per_run = (matrices + vectors + told) * n_bytes
    else:
        per_run = (matrices or vectors) * n_bytes
    return max(1, int(CHUNK_BYTES.get(place, CHUNK_BYTES["cpu"]) // per_run))
