"""The experiment's cells: what is simulated, once each, and kept until the end.

A cell is known by a hash of all that its numbers depend on. Parts that ask for the same
cell share it, and a run that was interrupted finds the cells that it had finished.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignment.progress import Progress
from bandits.policies import AGENTS
from bandits.rewards import Rewards
from bandits.settings import Settings
from bandits.simulate import simulate, trace
from bandits.splits import SplitRule, split
from bandits.task import Bools, Floats, ValueTask
from bandits.workers import Each

Labels = dict[str, Any]
Results = Mapping[tuple[str, ...], Floats]
"""(phase, metric) -> (n_runs,)."""

_NAMES = "names"
"""In a file of results: of each cell, its measures in order, as JSON."""
CELLS_AT_ONCE = 6
"""Cells in one file: an interruption loses at most so many per process."""


@dataclass(frozen=True, eq=False)
class PaperCell:
    """One agent with one kernel on one task, and what its rows are labelled with.

    labels: Columns of the tables; no number depends on them.
    kernel: (n_actions, n_actions), or None for an agent that has none.
    values: (n_actions,), the mean rewards, 0-100.
    moral_unsafe: (n_actions,) bool, actions counted as cross-value harm; or None.
    share: Of the actions that are personalized on.
    harm_values: (n_actions,), by which harm is counted where others than those who pay
        decide what it is; None: by `values`.
    split, areas: The rule of the splits, and the life area of each action.
    rewards: What a pull pays; None for the value plus the settings' noise.
    """

    labels: Labels
    agent: str
    kernel: Floats | None
    values: Floats
    threshold: float
    harm: bool
    settings: Settings
    seed: int
    n_runs: int
    share: float = 0.5
    moral_unsafe: Bools | None = None
    first_run: int = field(default=0)
    harm_values: Floats | None = None
    split: SplitRule = "random"
    areas: tuple[str, ...] | None = None
    rewards: Rewards | None = None

    @cached_property
    def key(self) -> str:
        """Hash of everything the cell's numbers depend on."""
        told = hashlib.sha256()
        plain = [self.agent, self.threshold, self.harm, asdict(self.settings)]
        plain += [self.seed, self.n_runs, self.share, self.first_run, self.split]
        if self.split != "random":
            plain.append(self.areas)
        told.update(json.dumps(plain, sort_keys=True, default=str).encode())
        arrays: list[NDArray[Any] | None] = [self.kernel, self.values]
        arrays += [self.moral_unsafe, self.harm_values]
        if self.rewards is not None:
            told.update(f"{self.rewards.source} {self.rewards.sd!r}".encode())
            arrays += [self.rewards.table, self.rewards.counts]
        for array in arrays:
            told.update(
                b"|" if array is None else np.ascontiguousarray(array).tobytes()
            )
        return told.hexdigest()[:32]

    @property
    def n_run_steps(self) -> int:
        """Steps of all runs, both phases."""
        steps = self.settings.personalization_steps + self.settings.generalization_steps
        return self.n_runs * steps

    def splits(self) -> Bools:
        """(n_runs, n_actions) bool, what each run personalizes on."""
        runs = range(self.first_run, self.first_run + self.n_runs)
        judged = self.values if self.harm_values is None else self.harm_values
        return split(
            *(self.split, judged < self.threshold, self.areas, runs),
            seed=self.seed,
            share=self.share,
        )

    def task(self) -> ValueTask:
        """The task, with each run's split."""
        return ValueTask(
            *(self.values, self.threshold, self.harm, self.splits(), self.moral_unsafe),
            harm_values=self.harm_values,
            rewards=self.rewards,
        )

    def run(self) -> dict[tuple[str, ...], Floats]:
        """Simulate it."""
        found = simulate(
            self.kernel,
            self.task(),
            self.agent,
            self.settings,
            seed=self.seed,
            replicates=range(self.first_run, self.first_run + self.n_runs),
            kernel_name=str(self.labels.get("kernel", "kernel")),
        )
        return {
            (phase, name): np.asarray(numbers, dtype=float)
            for phase, by_name in found.items()
            for name, numbers in by_name.items()
        }


def pulls(cell: PaperCell) -> dict[str, Floats]:
    """Phase -> (n_runs, n_actions), how often each run took each action."""
    found = {}
    runs = range(cell.first_run, cell.first_run + cell.n_runs)
    played = trace(
        cell.kernel,
        cell.task(),
        cell.agent,
        cell.settings,
        seed=cell.seed,
        replicates=runs,
    )
    for phase, steps in played.items():
        counts = np.zeros((cell.n_runs, len(cell.values)))
        arms = np.asarray(steps.arms)
        np.add.at(counts, (np.arange(cell.n_runs), arms), 1)
        found[phase] = counts
    return found


class Store:
    """Results of cells by key, on disk beside the tables until the run is finished."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._found: dict[str, dict[tuple[str, ...], Floats]] = {}
        folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(folder.glob("*.npz")):
            self._load(path)

    def _load(self, path: Path) -> None:
        with np.load(path) as arrays:
            names = json.loads(bytes(arrays[_NAMES]).decode())
            for key, found in names.items():
                measures = map(tuple, found)
                self._found[key] = dict(zip(measures, arrays[key], strict=True))

    def missing(self, cells: Sequence[PaperCell]) -> list[PaperCell]:
        """Those not simulated yet, each once."""
        wanted = {cell.key: cell for cell in cells if cell.key not in self._found}
        return list(wanted.values())

    def fill(self, cells: Sequence[PaperCell], each: Each, stage: str) -> None:
        """Simulate what is missing, in as many processes as `each` has."""
        missing = self.missing(cells)
        if not missing:
            return
        # Dear cells first: no process is left alone with the last one.
        missing.sort(key=lambda cell: (-seconds_of(cell), cell.key))
        batches = [
            tuple(missing[at : at + CELLS_AT_ONCE])
            for at in range(0, len(missing), CELLS_AT_ONCE)
        ]
        paths = [self._folder / f"{batch[0].key}.npz" for batch in batches]
        tasks = list(zip(batches, paths, strict=True))
        with Progress(stage, len(missing)) as progress:
            for place in each(run_batch, tasks):
                self._load(paths[place])
                progress.advance(len(batches[place]))

    def of(self, cell: PaperCell) -> Results:
        """Every measure of a cell that was simulated."""
        return self._found[cell.key]


def run_batch(cells: Sequence[PaperCell], path: Path) -> None:
    """Simulate some cells and write their numbers, whole or not at all."""
    names: dict[str, list[tuple[str, ...]]] = {}
    arrays: dict[str, NDArray[Any]] = {}
    for cell in cells:
        found = cell.run()
        names[cell.key] = list(found)
        arrays[cell.key] = np.stack(list(found.values()))
    arrays[_NAMES] = np.frombuffer(json.dumps(names).encode(), dtype=np.uint8)
    partial = path.with_suffix(".partial")
    with partial.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **arrays)
    partial.replace(path)


_SECONDS = {"gp_safeopt": 1.5e-4, "gp_gated": 5e-5, "svr": 1.2e-5, "gp": 6e-6}
_OTHERWISE = 4e-6


def seconds_of(cell: PaperCell) -> float:
    """About how long a cell takes on one quiet core: rates seen once, compiled."""
    rates = (s for name, s in _SECONDS.items() if cell.agent.startswith(name))
    return 0.02 + cell.n_run_steps * next(rates, _OTHERWISE)


def forecast(cells: Sequence[PaperCell]) -> tuple[int, float]:
    """How many different cells there are, and about how many seconds of one core."""
    once = {cell.key: cell for cell in cells}
    return len(once), sum(map(seconds_of, once.values()))


def has_kernel(agent: str) -> bool:
    """Whether an agent of that name sees a kernel."""
    return AGENTS[agent].uses_kernel
