"""The numba path: the agents of `policies.py` that a CPU runs faster one by one.

Torch is the reference and takes all runs through a step together; here one run goes
through a block of steps while what it believes stays in the core's cache. Same words,
same ties, same arithmetic but for the order of sums: a run differs from torch's only
where a rounding decides between two arms. No result depends on which runs stand beside
each other. Importing this imports numba: `simulate` does so when it is first wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bandits import beliefs, estimators, regressors, rules, svr
from bandits.cell import TIE_TOLERANCE, Cell
from bandits.compiled_gp import play as play_gp
from bandits.compiled_gp import variances
from bandits.compiled_ridge import play_ridge
from bandits.compiled_simple import play_independent, play_regression
from bandits.compiled_steps import (
    ANY,
    GREEDY,
    SCORED,
    SOFTMAX,
    UPPER_BOUND,
    Runs,
    Steps,
    Told,
)
from bandits.compiled_svr import play_svr
from bandits.noise import Phase
from bandits.settings import Settings

Floats = NDArray[np.floating]
Arrays = tuple[Any, ...]

STEPS_AT_ONCE = 128
"""Steps in one block. A constant: a belief is rounded alike for any chunk."""
VECTOR = 8
"""Arms are padded to a multiple of this, so that no arm is left to be done alone."""


@dataclass(frozen=True)
class CompiledEstimator:
    """An estimator of `estimators.py` in its compiled form.

    Its state is a tuple of arrays, most of one row per run, changed in place.

    Attributes:
        start: (cell, rows) -> arrays.
        play: (arrays, runs, steps, told) -> None.
        mean: arrays -> (n_runs, n_padded).
        variance: arrays -> (n_runs, n_padded), or None where it has none.
    """

    start: Callable[[Cell, slice], Arrays]
    play: Callable[[Arrays, Runs, Steps, Told], None]
    mean: Callable[[Arrays], Floats]
    variance: Callable[[Arrays], Floats] | None = None


class CompiledRule(NamedTuple):
    """A rule of `rules.py` by its number, and how it is set."""

    number: int
    width: Callable[[Settings], float] = lambda settings: 0.0


class Player:
    """The compiled twin of a cell's agent, for some of its runs."""

    def __init__(self, cell: Cell, rows: slice) -> None:
        self.cell, self.rows = cell, rows
        self._estimator = _ESTIMATORS[cell.agent.estimator.name]
        self._state = self._estimator.start(cell, rows)

    def play(self, phase: Phase) -> Iterator[Told]:
        """Take the runs through a phase; each block of steps, in order."""
        cell, runs = self.cell, _runs(self.cell, phase, self.rows)
        rule, form = cell.agent.rule, _RULES[cell.agent.rule.name]
        n_steps, dtype = cell.n_steps(phase), runs.table.dtype
        for begin in range(0, n_steps, STEPS_AT_ONCE):
            shape = min(STEPS_AT_ONCE, n_steps - begin), len(runs.keys)
            told = Told(
                arms=np.zeros(shape, np.int64),
                rewards=np.zeros(shape, dtype),
                greedy=np.zeros(shape, np.int64),
                mean=np.zeros(shape, dtype),
                variance=np.zeros(shape, dtype),
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
            self._estimator.play(self._state, runs, steps, told)
            yield told

    def believes(self) -> tuple[Tensor, Tensor | None]:
        """Mean and, where there is one, variance of all arms: (n_runs, n_arms)."""
        mean, of = self._estimator.mean(self._state), self._estimator.variance
        if of is None or self.cell.agent.estimator.marginals is None:
            return self._narrow(mean), None
        return self._narrow(mean), self._narrow(of(self._state)).clamp(min=0)

    def _narrow(self, wide: Floats) -> Tensor:
        return torch.from_numpy(wide[:, : len(self.cell.values)].copy())


def covers(cell: Cell) -> bool:
    """Whether the cell's agent has a compiled form, and its device can run it."""
    agent = cell.agent
    return (
        cell.values.device.type == "cpu"
        and agent.estimator.name in _ESTIMATORS
        and agent.rule.name in _RULES
    )


def _runs(cell: Cell, phase: Phase, rows: slice) -> Runs:
    allowed = cell.allowed(phase, rows).numpy()
    dtype = _dtype(cell)
    replicates = cell.replicates[rows].numpy().astype(np.uint64)
    keys = np.stack((np.full_like(replicates, cell.seed), replicates), 1)
    blocked = np.full((len(allowed), _padded(allowed.shape[1])), -np.inf, dtype)
    blocked[:, : allowed.shape[1]][allowed] = 0
    return Runs(
        keys=keys,
        blocked=blocked,
        table=cell.payer.table.numpy(),
        counts=cell.payer.counts.numpy(),
        sd=dtype(cell.payer.sd),
        noise_var=dtype(cell.settings.reward_sd**2),
        tolerance=dtype(TIE_TOLERANCE[cell.values.dtype]),
    )


def _dtype(cell: Cell) -> Any:
    return np.float64 if cell.values.dtype == torch.float64 else np.float32


def _padded(n_arms: int) -> int:
    return -(-n_arms // VECTOR) * VECTOR


def _wide(cell: Cell, n_runs: int, filled: float) -> Floats:
    """(n_runs, n_padded), filled for every arm, 0 where none is."""
    n_arms = len(cell.values)
    wide = np.zeros((n_runs, _padded(n_arms)), _dtype(cell))
    wide[:, :n_arms] = filled
    return wide


def _n_runs(cell: Cell, rows: slice) -> int:
    return len(cell.replicates[rows])


def _kernel(cell: Cell) -> NDArray[np.float64]:
    assert cell.kernel is not None  # open_cell saw to it
    return cell.kernel.double().numpy()


def _start_gp(cell: Cell, rows: slice) -> Arrays:
    n_runs = _n_runs(cell, rows)
    kernel = torch.from_numpy(_kernel(cell))
    n_arms = len(kernel)
    root = cell.settings.prior_sd * beliefs.symmetric_root(kernel).numpy()
    wide = np.zeros((n_arms + n_arms % 2, _padded(n_arms)), _dtype(cell))
    wide[:n_arms, :n_arms] = root
    mean = _wide(cell, n_runs, cell.settings.prior_mean)
    return np.tile(wide.ravel(), (n_runs, 1)), mean


def _gp_variance(parts: Arrays) -> Floats:
    root, mean = parts
    found = np.empty_like(mean)
    for row, out in zip(root, found, strict=True):
        variances(row, out)
    return found


def _start_process(cell: Cell, rows: slice) -> Arrays:
    settings = cell.settings
    return _start_covariance(cell, rows, settings.prior_sd**2, settings.reward_sd**2)


def _start_ridge(cell: Cell, rows: slice) -> Arrays:
    settings = cell.settings
    ratio = settings.ridge
    if ratio is None:
        ratio = settings.reward_sd**2 / settings.prior_sd**2
    return _start_covariance(cell, rows, 1.0, ratio)


def _start_covariance(
    cell: Cell, rows: slice, scale: float, noise_var: float
) -> Arrays:
    n_runs, n_arms = _n_runs(cell, rows), len(cell.values)
    prior = np.zeros((n_arms, _padded(n_arms)), _dtype(cell))
    prior[:, :n_arms] = scale * cell.kernel.numpy()
    needed = np.ones((n_runs, n_arms), np.bool_)
    if not cell.settings.learn:
        needed = cell.allowed(Phase.PERSONALIZATION, rows).numpy()
    return (
        np.tile(prior, (n_runs, 1, 1)),
        _wide(cell, n_runs, cell.settings.prior_mean),
        np.tile(
            np.append(prior.diagonal(), np.zeros(prior.shape[1] - n_arms, prior.dtype)),
            (n_runs, 1),
        ),
        needed,
        np.array(noise_var, prior.dtype),
    )


def _play_covariance(parts: Arrays, runs: Runs, steps: Steps, told: Told) -> None:
    *arrays, noise_var = parts
    runs = runs._replace(noise_var=noise_var[()])
    play_ridge(*arrays, runs, steps, told)


def _start_nothing(cell: Cell, rows: slice) -> Arrays:
    # No arm is like any other, itself included: a kernel of which nothing is learnt.
    n_arms = len(cell.values)
    kernel = torch.zeros(n_arms, n_arms, dtype=cell.values.dtype)
    return _start_regression(cell._replace(kernel=kernel), rows)


def _start_regression(cell: Cell, rows: slice) -> Arrays:
    n_runs = _n_runs(cell, rows)
    kernel = _kernel(cell)
    n_arms = len(kernel)
    weights = np.zeros((_padded(n_arms),) * 2, _dtype(cell))
    weights[:n_arms, :n_arms] = kernel.clip(min=0)
    prior_mean = cell.settings.prior_mean
    nothing = _wide(cell, n_runs, 0)
    return (
        weights,
        nothing,
        nothing.copy(),
        _wide(cell, n_runs, prior_mean),
        np.array(
            [regressors.LEAST_WEIGHT, prior_mean],
            _dtype(cell),
        ),
    )


def _play_regression(parts: Arrays, runs: Runs, steps: Steps, told: Told) -> None:
    weights, total, weight, mean, (least, prior_mean) = parts
    play_regression(weights, total, weight, mean, least, prior_mean, runs, steps, told)


def _start_independent(cell: Cell, rows: slice) -> Arrays:
    n_runs = _n_runs(cell, rows)
    prior = cell.settings
    mean = _wide(cell, n_runs, prior.prior_mean)
    return mean, _wide(cell, n_runs, prior.prior_sd**2)


def _start_svr(cell: Cell, rows: slice) -> Arrays:
    n_runs = _n_runs(cell, rows)
    kernel, settings = _kernel(cell), cell.settings
    n_arms = len(kernel)
    machine = svr.machine(torch.from_numpy(kernel), n_runs, settings)
    reach, ease = (np.zeros((_padded(n_arms),) * 2) for _ in range(2))
    reach[:n_arms, :n_arms] = machine.reach.numpy()
    ease[:n_arms, :n_arms] = machine.ease.numpy()
    begins = np.tile(2 * np.arange(n_arms + 1), (n_runs, 1))
    # What is padded stands between two walls, like an arm nobody pulled.
    position, up, down, pull, mean = (
        np.full((n_runs, _padded(n_arms)), filled)
        for filled in (0.0, -np.inf, np.inf, 0.0, settings.prior_mean)
    )
    position[:, :n_arms] = machine.position.numpy()
    return (
        reach,
        ease,
        machine.slopes.numpy(),
        begins,
        position,
        up,
        down,
        pull,
        mean,
        np.array([settings.svr_eps, settings.prior_mean]),
    )


def _play_svr(parts: Arrays, runs: Runs, steps: Steps, told: Told) -> None:
    *arrays, (eps, prior_mean) = parts
    runs = runs._replace(
        blocked=runs.blocked.astype(np.float64), tolerance=np.float64(runs.tolerance)
    )
    if not play_svr(
        *arrays, eps, prior_mean, svr.GAP, svr.MOST_ROUNDS, runs, steps, told
    ):
        raise svr.unsettled()


_BY_COVARIANCE = CompiledEstimator(
    start=_start_process,
    play=_play_covariance,
    mean=lambda parts: parts[1],
    variance=lambda parts: parts[2],
)
_REGRESSION = CompiledEstimator(
    start=_start_regression, play=_play_regression, mean=lambda parts: parts[3]
)
_ESTIMATORS: dict[str, CompiledEstimator] = {
    estimators.GAUSSIAN_PROCESS.name: CompiledEstimator(
        start=_start_gp,
        play=lambda parts, *rest: play_gp(*parts, *rest),
        mean=lambda parts: parts[1],
        variance=_gp_variance,
    ),
    estimators.COVARIANCE_PROCESS.name: _BY_COVARIANCE,
    estimators.KERNEL_RIDGE.name: replace(_BY_COVARIANCE, start=_start_ridge),
    estimators.KERNEL_REGRESSION.name: _REGRESSION,
    estimators.NOTHING_LEARNT.name: replace(_REGRESSION, start=_start_nothing),
    estimators.INDEPENDENT.name: CompiledEstimator(
        start=_start_independent,
        play=lambda parts, *rest: play_independent(*parts, *rest),
        mean=lambda parts: parts[0],
        variance=lambda parts: parts[1],
    ),
    estimators.SUPPORT_VECTORS.name: CompiledEstimator(
        start=_start_svr, play=_play_svr, mean=lambda parts: parts[8]
    ),
}
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
