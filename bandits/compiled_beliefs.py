"""What each compiled estimator starts from, and the table of them.

The priors are those of the torch estimators of the same names (`estimators.py`); here
they are laid out for one run at a time, arms padded to whole vectors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bandits import compiled_many, estimators, regressors, spectra, svr
from bandits.cell import Cell, tries_few
from bandits.compiled_gp import play as play_gp
from bandits.compiled_gp import variances
from bandits.compiled_regression import followed, play_regression
from bandits.compiled_ridge import play_ridge
from bandits.compiled_simple import play_independent
from bandits.compiled_steps import Runs, Scratch, Steps, Told, aligned, padded
from bandits.compiled_svr import Limits, Machines, play_svr
from bandits.noise import Phase

Floats = NDArray[np.floating]
Arrays = tuple[Any, ...]


@dataclass(frozen=True)
class CompiledEstimator:
    """An estimator of `estimators.py` in its compiled form.

    Its state is made of arrays, most of one row per run, changed in place.

    Attributes:
        prior: cell -> what all runs share, made once for a cell.
        start: (cell, what they share, rows) -> arrays.
        play: (arrays, runs, steps, scratch, told) -> None.
        mean: arrays -> (n_runs, n_padded).
        variance: arrays -> (n_runs, n_padded), or None where it has none.
    """

    prior: Callable[[Cell], Any]
    start: Callable[[Cell, Any, slice], Any]
    play: Callable[[Any, Runs, Steps, Scratch, Told], None]
    mean: Callable[[Any], Floats]
    variance: Callable[[Any], Floats] | None = None


def dtype_of(cell: Cell) -> Any:
    return np.float64 if cell.values.dtype == torch.float64 else np.float32


def _one_each(prior: Any, n_runs: int) -> Any:
    """(n_runs, ...): a copy of what is believed at first for every run."""
    each = aligned((n_runs, *prior.shape), prior.dtype, None)
    each[...] = prior
    return each


def _wide(cell: Cell, n_runs: int, filled: float) -> Floats:
    """(n_runs, n_padded), filled for every arm, 0 where none is."""
    n_arms = len(cell.values)
    dtype = dtype_of(cell)
    wide: Floats = aligned((n_runs, padded(n_arms, dtype)), dtype)
    wide[:, :n_arms] = filled
    return wide


def _n_runs(cell: Cell, rows: slice) -> int:
    return len(cell.replicates[rows])


def _padded_kernel(cell: Cell) -> Floats:
    """(n_padded, n_padded), in the cell's dtype."""
    kernel = _nothing(cell)
    n_arms = len(cell.values)
    kernel[:n_arms, :n_arms] = _kernel(cell)
    return kernel


def _kernel(cell: Cell) -> NDArray[np.float64]:
    assert cell.exact_kernel is not None  # open_cell saw to it
    kernel: NDArray[np.float64] = cell.exact_kernel.numpy()
    return kernel


def _root(cell: Cell) -> Floats:
    """The prior's root, row by row, padded: (n_rows * n_padded,)."""
    kernel = torch.from_numpy(_kernel(cell))
    n_arms = len(kernel)
    root = cell.settings.prior_sd * spectra.thin_root(kernel).numpy()
    n_rows = len(root)
    dtype = dtype_of(cell)
    wide = np.zeros((n_rows, padded(n_arms, dtype)), dtype)
    wide[:, :n_arms] = root
    flat: Floats = wide.ravel()
    return flat


def _start_gp(cell: Cell, root: Floats, rows: slice) -> Arrays:
    n_runs = _n_runs(cell, rows)
    return _one_each(root, n_runs), _wide(cell, n_runs, cell.settings.prior_mean)


def _gp_variance(parts: Arrays) -> Floats:
    root, mean = parts
    found: Floats = np.empty_like(mean)
    for row, out in zip(root, found, strict=True):
        variances(row, out)
    return found


def _process(cell: Cell) -> tuple[Floats, float]:
    settings = cell.settings
    prior: Floats = settings.prior_sd**2 * _padded_kernel(cell)
    return prior, settings.reward_sd**2


def _ridge(cell: Cell) -> tuple[Floats, float]:
    settings = cell.settings
    ratio = settings.ridge
    if ratio is None:
        ratio = settings.reward_sd**2 / settings.prior_sd**2
    return _padded_kernel(cell), ratio


def _start_covariance(cell: Cell, prior: tuple[Floats, float], rows: slice) -> Arrays:
    (covariance, noise_var), n_runs = prior, _n_runs(cell, rows)
    n_arms = len(cell.values)
    variance = _wide(cell, n_runs, 0)
    variance[:, :n_arms] = covariance.diagonal()[:n_arms]
    needed = np.ones((n_runs, n_arms), np.bool_)
    if not cell.settings.learn:
        needed = cell.allowed(Phase.PERSONALIZATION, rows).numpy()
    return (
        _one_each(covariance[:n_arms].ravel(), n_runs),
        _wide(cell, n_runs, cell.settings.prior_mean),
        variance,
        # Those that are needed first.
        np.argsort(~needed, axis=1, kind="stable"),
        needed.sum(1),
        np.array(noise_var, covariance.dtype),
    )


def _play_covariance(
    parts: Arrays, runs: Runs, steps: Steps, scratch: Scratch, told: Told
) -> None:
    covariance, mean, variance, needed, n_needed, noise_var = parts
    runs = runs._replace(noise_var=noise_var[()])
    play_ridge(covariance, mean, variance, needed, n_needed, runs, steps, scratch, told)


def _nothing(cell: Cell) -> Floats:
    # No arm is like any other, itself included: a kernel of which nothing is learnt.
    dtype = dtype_of(cell)
    n_padded = padded(len(cell.values), dtype)
    nothing: Floats = aligned((n_padded, n_padded), dtype)
    return nothing


def _start_regression(cell: Cell, kernel: Floats, rows: slice) -> Arrays:
    n_runs, prior_mean = _n_runs(cell, rows), cell.settings.prior_mean
    weights = aligned(kernel.shape, kernel.dtype)
    kernel.clip(min=0, out=weights)
    return (
        weights,
        _wide(cell, n_runs, 0),
        _wide(cell, n_runs, 0),
        _wide(cell, n_runs, prior_mean),
        np.array([regressors.LEAST_WEIGHT, prior_mean], kernel.dtype),
    )


def _play_regression(
    parts: Arrays, runs: Runs, steps: Steps, scratch: Scratch, told: Told
) -> None:
    weights, total, weight, mean, (least, prior_mean) = parts
    most = int((runs.blocked == 0).sum(1).max())
    side = followed(padded(most, mean.dtype), told.arms.shape[1], mean.dtype.type)
    play_regression(
        *(weights, total, weight, mean, least, prior_mean),
        *(runs, steps, side, scratch, told),
    )


def _start_independent(cell: Cell, prior: None, rows: slice) -> Arrays:
    n_runs, settings = _n_runs(cell, rows), cell.settings
    mean = _wide(cell, n_runs, settings.prior_mean)
    return mean, _wide(cell, n_runs, settings.prior_sd**2)


def _start_svr(cell: Cell, kernel: NDArray[np.float64], rows: slice) -> Arrays:
    n_runs, settings = _n_runs(cell, rows), cell.settings
    n_arms = len(kernel)
    machine = svr.machine(torch.from_numpy(kernel), n_runs, settings)
    n_padded = padded(n_arms, np.float64)
    reach, ease = (aligned((n_padded, n_padded), np.float64) for _ in range(2))
    reach[:n_arms, :n_arms] = machine.reach.numpy()
    ease[:n_arms, :n_arms] = machine.ease.numpy()
    begins = np.tile(2 * np.arange(n_arms + 1), (n_runs, 1))
    # What is padded stands between two walls, like an arm nobody pulled.
    position, up, down, pull, mean = (
        aligned((n_runs, n_padded), np.float64, filled)
        for filled in (0.0, -np.inf, np.inf, 0.0, settings.prior_mean)
    )
    position[:, :n_arms] = machine.position.numpy()
    machines = Machines(
        reach, ease, machine.slopes.numpy(), begins, position, up, down, pull, mean
    )
    eps, prior_mean = float(settings.svr_eps), float(settings.prior_mean)
    limits = Limits(eps, prior_mean, svr.GAP, svr.MOST_ROUNDS)
    return machines, limits


def _play_svr(
    parts: Arrays, runs: Runs, steps: Steps, scratch: Scratch, told: Told
) -> None:
    machines, limits = parts
    n_padded = machines.mean.shape[1]
    runs = runs._replace(
        blocked=runs.blocked[:, :n_padded].astype(np.float64, order="C"),
        tolerance=np.float64(runs.tolerance),
    )
    if not play_svr(machines, limits, runs, steps, scratch, told):
        raise svr.unsettled()


def form_of(cell: Cell) -> CompiledEstimator:
    """The compiled form of the cell's estimator that suits its runs."""
    return _BY_TRIED if tries_few(cell) else ESTIMATORS[cell.agent.estimator.name]


def _open_many(cell: Cell) -> compiled_many.Many:
    root = spectra.thin_root(torch.from_numpy(_kernel(cell)))
    return compiled_many.open_many(cell, root)


_BY_TRIED = CompiledEstimator(
    prior=_open_many,
    start=lambda cell, many, rows: compiled_many.start_observed(
        many, _n_runs(cell, rows)
    ),
    play=compiled_many.play,
    mean=lambda beliefs: compiled_many.believed(beliefs)[0],
    variance=lambda beliefs: compiled_many.believed(beliefs)[1],
)
_BY_COVARIANCE = CompiledEstimator(
    prior=_process,
    start=_start_covariance,
    play=_play_covariance,
    mean=lambda parts: parts[1],
    variance=lambda parts: parts[2],
)
_REGRESSION = CompiledEstimator(
    prior=_padded_kernel,
    start=_start_regression,
    play=_play_regression,
    mean=lambda parts: parts[3],
)
ESTIMATORS: dict[str, CompiledEstimator] = {
    estimators.GAUSSIAN_PROCESS.name: CompiledEstimator(
        prior=_root,
        start=_start_gp,
        play=lambda parts, *rest: play_gp(*parts, *rest),
        mean=lambda parts: parts[1],
        variance=_gp_variance,
    ),
    estimators.COVARIANCE_PROCESS.name: _BY_COVARIANCE,
    estimators.KERNEL_RIDGE.name: replace(_BY_COVARIANCE, prior=_ridge),
    estimators.KERNEL_REGRESSION.name: _REGRESSION,
    estimators.NOTHING_LEARNT.name: replace(_REGRESSION, prior=_nothing),
    estimators.INDEPENDENT.name: CompiledEstimator(
        prior=lambda cell: None,
        start=_start_independent,
        play=lambda parts, *rest: play_independent(*parts, *rest),
        mean=lambda parts: parts[0],
        variance=lambda parts: parts[1],
    ),
    estimators.SUPPORT_VECTORS.name: CompiledEstimator(
        prior=_kernel,
        start=_start_svr,
        play=_play_svr,
        mean=lambda parts: parts[0].mean,
    ),
}
