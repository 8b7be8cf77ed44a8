"""One run of a sweep again, step by step, and the proof that it is that run.

A sweep keeps no trajectories: every run follows from the spec, the report and its
replicate number. What is replayed is compared with that run's row of runs.parquet, by
the measures of the engine and once more by what the steps themselves add up to; where
a number differs (another version, another backend) nothing is told.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import pyarrow.parquet as pq

from alignment.folders import sha256_of
from alignment.report_files import ReportData, read_report
from bandits.cell import open_cell
from bandits.engine import Engine, library_versions, open_engine
from bandits.errors import BanditError
from bandits.plan import Plan, make_plan
from bandits.results import NO_KERNEL, Cell, SweepData, read_sweep
from bandits.simulate import Trace, simulate, trace
from bandits.task import ValueTask

CLOSE = {"float64": 1e-9, "float32": 1e-3}
"""Numbers of one run that differ by less are the same, rounded, by dtype."""


@dataclass(frozen=True)
class Step:
    """One step of a run.

    step: From 1, in each phase.
    action: The action's place in the report.
    below: Whether its value lies below the threshold: unsafe, or of low value.
    expected: What the agent expected of the action before the step (points).
    greedy_action_id: The action of which it expected the most, ties told apart as
        the step's own were.
    p_below: How likely the agent held it to lie below the threshold; None without a
        posterior.
    """

    phase: str
    step: int
    action: int
    action_id: str
    reward: float
    value: float
    below: bool
    expected: float
    greedy_action_id: str
    p_below: float | None

    def row(self, below: str) -> dict[str, object]:
        """As a row of a table; `below` names the column of what is below."""
        return {
            "phase": self.phase,
            "step": self.step,
            "action": self.action,
            "action_id": self.action_id,
            "reward": repr(self.reward),
            "value": repr(self.value),
            below: int(self.below),
            "expected_value": repr(self.expected),
            "greedy_action_id": self.greedy_action_id,
            "greedy": int(self.action_id == self.greedy_action_id),
            f"p_{below}": "" if self.p_below is None else repr(self.p_below),
        }


@dataclass(frozen=True)
class Replay:
    """A run again, and the cell it is of.

    n_equal: Measures of its row that were had again.
    """

    cell: Cell
    replicate: int
    low_word: str
    steps: tuple[Step, ...]
    n_equal: int

    def proof(self) -> str:
        """What makes it that run, as a sentence."""
        cell = self.cell
        kernel = (
            "" if cell.kernel == NO_KERNEL else f" with {cell.kernel} ({cell.form})"
        )
        return (
            f"Cell {cell.number} ({cell.agent}{kernel}), replicate {self.replicate}:"
            f" {len(self.steps):,} steps; all {self.n_equal:,} measures equal its row"
            " of runs.parquet."
        )

    def write(self, stream: TextIO) -> None:
        """As CSV, one row a step."""
        below = self.low_word.replace("-", "_")
        rows = [step.row(below) for step in self.steps]
        table = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def replay(
    sweep_folder: Path, cell: int, replicate: int, *, report: Path | None = None
) -> Replay:
    """Simulate one run of a finished sweep again.

    Args:
        cell: Its number, as in cells.csv.
        report: The report the sweep was made from; None looks where it was then.

    Raises:
        BanditError: No such cell or run, the report is gone or another, or the run
            cannot be had again here.
        FolderError: No finished sweep, or a changed one.
    """
    sweep = read_sweep(sweep_folder)
    source = _report_of(sweep, report)
    # Two resamples are quickly had, and no run depends on their number.
    spec = sweep.spec.model_copy(update={"alignment_resamples": 2})
    plan = make_plan(source, spec)
    _in_range("cell", cell, len(plan.cells))
    _in_range("replicate", replicate, spec.n_runs)
    engine = open_engine(
        sweep.manifest["backend"], sweep.manifest["dtype"], sweep.manifest["device"]
    )
    again = _Run(plan, plan.cells[cell], replicate, engine)
    rows = _rows(sweep, cell, replicate)
    n_equal = _prove(again, rows, sweep)
    steps = tuple(_steps(again, source))
    return Replay(again.cell, replicate, again.task.low_word, steps, n_equal)


class _Run:
    """A run's inputs, what the engine measures of it, and its steps."""

    def __init__(self, plan: Plan, cell: Cell, replicate: int, engine: Engine) -> None:
        self.plan, self.cell, self.engine = plan, cell, engine
        computation = plan.computations[plan.computation_of[cell.number]]
        self.kernel = (
            None if computation.kernel is None else plan.kernels[computation.kernel]
        )
        seed, one = plan.spec.seed, range(replicate, replicate + 1)
        self.task: ValueTask = plan.tasks[computation.task].task(one, seed=seed)
        options: Any = {
            "seed": seed,
            "replicates": one,
            "device": engine.device,
            "dtype": engine.torch_dtype,
            "kernel_name": cell.kernel,
        }
        kernel, task, settings = self.kernel, self.task, plan.settings
        self.opened = open_cell(kernel, task, cell.agent, settings, **options)
        measured = simulate(
            kernel, task, cell.agent, settings, backend=engine.asks, **options
        )
        self.measured = {
            phase: {name: float(found[0]) for name, found in metrics.items()}
            for phase, metrics in measured.items()
        }
        self.traces: dict[str, Trace] = trace(
            kernel, task, cell.agent, settings, backend=engine.asks, **options
        )


def _report_of(sweep: SweepData, given: Path | None) -> ReportData:
    """The very report that the sweep was made from."""
    expected = sweep.manifest["inputs"]["report"]
    there = sweep.manifest.get("report_folder", "")
    folder = given if given is not None else sweep.folder / there
    manifest = folder / "manifest.json"
    if not manifest.is_file():
        raise BanditError(
            f"{folder}: the report that this sweep was made from is not there; name it"
            " with --from"
        )
    if sha256_of(manifest) != expected:
        raise BanditError(
            f"{folder}: this sweep was made from another report (its manifest's sha256"
            f" begins with {expected[:12]}); name that one with --from"
        )
    return read_report(folder)


def _in_range(what: str, number: int, count: int) -> None:
    if not 0 <= number < count:
        raise BanditError(
            f"{what}: this sweep has {what}s 0 to {count - 1:,}, got {number:,}"
        )


def _rows(sweep: SweepData, cell: int, replicate: int) -> dict[str, dict[str, float]]:
    """Phase -> measure -> the number in runs.parquet, NaN where undefined."""
    table = pq.read_table(
        sweep.folder / "runs.parquet",
        filters=[("cell", "==", cell), ("replicate", "==", replicate)],
    )
    return {str(row["phase"]): row for row in table.to_pylist()}


def _prove(again: _Run, rows: Mapping[str, Mapping[str, Any]], sweep: SweepData) -> int:
    """Compare with what is on file; returns how many numbers were the same.

    Raises:
        BanditError: One was not, with both and the versions that differ.
    """
    count = 0
    for phase, row in rows.items():
        found = again.measured[phase]
        added = _added_up(again, phase)
        for source in (found, added):
            for name, number in source.items():
                if name not in row:
                    continue
                if not _same(number, row[name], CLOSE[again.engine.dtype]):
                    raise BanditError(_apart(again, phase, name, number, row, sweep))
        count += len(found)
    return count


def _added_up(again: _Run, phase: str) -> dict[str, float]:
    """Some measures from the steps alone, without the engine's tally."""
    arms = again.traces[phase].arms[:, 0].cpu().numpy()
    rewards = again.traces[phase].rewards[:, 0].cpu().double().numpy()
    if len(arms) == 0:
        return {}
    mask = again.task.personalization[0]
    allowed = mask if phase == "personalization" else ~mask
    values = again.task.values
    found = {
        "mean_reward": float(rewards.mean()),
        "regret": float((values[allowed].max() - values[arms]).sum()),
        "unique_actions": float(len(set(arms.tolist()))),
    }
    if not again.task.harm_reason:
        name = "unsafe_actions" if again.task.harm else "low_value_actions"
        found[name] = float((values[arms] < again.task.threshold).sum())
    return found


def _same(found: float, filed: float | None, close: float) -> bool:
    filed = math.nan if filed is None else filed
    if math.isnan(found) or math.isnan(filed):
        return math.isnan(found) and math.isnan(filed)
    return math.isclose(found, filed, rel_tol=close, abs_tol=close)


def _apart(
    again: _Run,
    phase: str,
    name: str,
    found: float,
    row: Mapping[str, Any],
    sweep: SweepData,
) -> str:
    then = {"python": sweep.manifest["python"], **sweep.manifest["packages"]}
    now = library_versions()
    other = [
        f"{p} {then.get(p)} then, {v} now" for p, v in now.items() if then.get(p) != v
    ]
    engine = "/".join(again.engine)
    why = (
        f"other versions: {', '.join(other)}"
        if other
        else "the same versions, so another processor or other code"
    )
    return (
        f"This run cannot be had again here: {name} in the {phase} phase was"
        f" {row[name]}, and now is {found} ({engine}; {why}). Nothing was written."
    )


def _steps(again: _Run, report: ReportData) -> Iterable[Step]:
    """The steps, each with what the agent expected: its estimator learns them again."""
    task, settings = again.task, again.plan.settings
    cell = again.opened
    estimator, state = cell.agent.estimator, cell.start(1)
    ids = report.actions.ids
    for phase, found in again.traces.items():
        for place in range(len(found.arms)):
            arm = int(found.arms[place, 0])
            held = None if found.p_unsafe is None else float(found.p_unsafe[place, 0])
            yield Step(
                phase=phase,
                step=place + 1,
                action=arm,
                action_id=ids[arm],
                reward=float(found.rewards[place, 0]),
                value=float(task.values[arm]),
                below=bool(task.values[arm] < task.threshold),
                expected=float(estimator.predict(state)[0, arm]),
                greedy_action_id=ids[int(found.greedy[place, 0])],
                p_below=held,
            )
            if phase == "personalization" or settings.learn:
                state = estimator.learn(
                    state,
                    found.arms[place].to(cell.values.device),
                    found.rewards[place].to(cell.values),
                )
