"""The numba path: the agents of `policies.py` that a CPU runs faster one by one.

Torch is the reference and takes all runs through a step together; here one run goes
through a block of steps while what it believes stays in the core's cache. Same words,
same ties, same arithmetic but for the order of sums: a run differs from torch's only
where a rounding decides between two arms. No result depends on which runs stand beside
each other. Importing this imports numba: `simulate` does so when it is first wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bandits import rules
from bandits.backends import Player
from bandits.cell import STEPS_COMPILED, TIE_TOLERANCE, Cell
from bandits.compiled_beliefs import (
    ESTIMATORS,
    CompiledEstimator,
    dtype_of,
    form_of,
)
from bandits.compiled_steps import (
    ANY,
    GREEDY,
    SCORED,
    SOFTMAX,
    UPPER_BOUND,
    Runs,
    Steps,
    Told,
    aligned,
    padded,
    scratch_for,
)
from bandits.noise import Phase
from bandits.predictions import probability_below
from bandits.settings import Settings

Floats = NDArray[np.floating]


class CompiledRule(NamedTuple):
    """A rule of `rules.py` by its number, and how it is set."""

    number: int
    width: Callable[[Settings], float] = lambda settings: 0.0


class CompiledPlayer(Player):
    """A cell's agent in its compiled form, with what some of its runs believe."""

    def __init__(
        self, cell: Cell, form: CompiledEstimator, prior: Any, rows: slice
    ) -> None:
        self._cell, self._rows = cell, rows
        self._estimator = form
        self._state = form.start(cell, prior, rows)

    def play(
        self, phase: Phase
    ) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor | None]]:
        """Take the runs through a phase.

        Yields:
            The fields of `simulate.Block`, for some steps after the others.
        """
        cell = self._cell
        has_posterior = cell.agent.estimator.marginal_at is not None
        for told in self._blocks(phase):
            # As everywhere, (n_steps, n_runs): a view of what stands run by run.
            arms, rewards, greedy, mean, variance = (
                torch.from_numpy(part).T for part in told
            )
            p_unsafe = None
            if has_posterior:
                p_unsafe = probability_below(mean, variance, cell.task.threshold)
            yield arms, rewards, greedy, p_unsafe

    def believes(self) -> tuple[Tensor, Tensor | None]:
        """Mean and, where there is one, variance of all arms: (n_runs, n_arms)."""
        mean, of = self._estimator.mean(self._state), self._estimator.variance
        if of is None or self._cell.agent.estimator.marginals is None:
            return self._narrow(mean), None
        return self._narrow(mean), self._narrow(of(self._state)).clamp(min=0)

    def _blocks(self, phase: Phase) -> Iterator[Told]:
        cell, runs = self._cell, _runs(self._cell, phase, self._rows)
        rule, form = cell.agent.rule, _RULES[cell.agent.rule.name]
        n_steps, dtype = cell.n_steps(phase), runs.table.dtype
        n_runs, n_padded = runs.blocked.shape
        scratch = scratch_for(min(STEPS_COMPILED, n_steps), n_padded, dtype)
        for begin in range(0, n_steps, STEPS_COMPILED):
            shape = n_runs, min(STEPS_COMPILED, n_steps - begin)
            told = Told(
                arms=np.empty(shape, np.int64),
                rewards=np.empty(shape, dtype),
                greedy=np.empty(shape, np.int64),
                mean=np.empty(shape, dtype),
                variance=np.empty(shape, dtype),
            )
            steps = Steps(
                phase=int(phase),
                begin=begin,
                learns=cell.learns(phase),
                rule=form.number,
                width=float(form.width(cell.settings)),
                own=-1 if rule.purpose is None else int(rule.purpose),
                exploration=float(rule.explores(cell.settings)),
            )
            self._estimator.play(self._state, runs, steps, scratch, told)
            yield told

    def _narrow(self, wide: Floats) -> Tensor:
        narrow = wide[:, : len(self._cell.values)].astype(dtype_of(self._cell))
        return torch.from_numpy(narrow)


def players(cell: Cell) -> Callable[[slice], CompiledPlayer]:
    """Makes the player of any of a cell's runs."""
    form = form_of(cell)
    return partial(CompiledPlayer, cell, form, form.prior(cell))


def covers(cell: Cell) -> bool:
    """Whether the cell's agent has a compiled form, and its device can run it."""
    agent = cell.agent
    return (
        cell.values.device.type == "cpu"
        and agent.estimator.name in ESTIMATORS
        and agent.rule.name in _RULES
    )


def _runs(cell: Cell, phase: Phase, rows: slice) -> Runs:
    allowed = cell.allowed(phase, rows).numpy()
    dtype = dtype_of(cell)
    replicates = cell.replicates[rows].numpy().astype(np.uint64)
    keys = np.stack((np.full_like(replicates, cell.seed), replicates), 1)
    blocked = aligned((len(allowed), padded(allowed.shape[1], dtype)), dtype, -np.inf)
    np.copyto(blocked[:, : allowed.shape[1]], 0, where=allowed)
    return Runs(
        keys=keys,
        blocked=blocked,
        table=cell.payer.table.numpy(),
        counts=cell.payer.counts.numpy(),
        sd=dtype(cell.payer.sd),
        noise_var=dtype(cell.settings.reward_sd**2),
        tolerance=dtype(TIE_TOLERANCE[cell.values.dtype]),
    )


_RULES: dict[str, CompiledRule] = {
    rules.THOMPSON.name: CompiledRule(SCORED),
    rules.GREEDY.name: CompiledRule(GREEDY),
    rules.EPSILON.name: CompiledRule(GREEDY),
    rules.UPPER_BOUND.name: CompiledRule(
        UPPER_BOUND, lambda settings: settings.ucb_beta**0.5
    ),
    rules.SOFTMAX.name: CompiledRule(
        SOFTMAX, lambda settings: settings.softmax_temperature
    ),
    rules.UNIFORM.name: CompiledRule(ANY),
}
