"""From a spec and a report to the cells of a sweep, and to what must be computed.

Several cells can be one computation: the human kernel is its own matched form, and two
forms of one kernel may be equal. Each distinct one is simulated once and written under
every cell that it answers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from alignment.report_files import GROUP, ReportData
from bandits.axis_faults import axis_faults
from bandits.confirmatory import undefined_faults
from bandits.errors import SpecError
from bandits.kernel_ends import ENDS
from bandits.kernels_axis import KernelEntry, build_kernels, known_kernels
from bandits.policies import AGENTS
from bandits.results import NO_KERNEL, Cell, Row
from bandits.rewards import Rewards
from bandits.settings import Settings
from bandits.spec import Fault, SweepSpec, parse_spec, strings, unknown_names
from bandits.spec_parts import RewardSource
from bandits.splits import SplitRule, areas_of, split
from bandits.summary import BASELINE, TaskNote
from bandits.task import Bools, Floats, ValueTask
from bandits.task_table import names_of, task_row
from bandits.task_values import group_values, suits, task_values
from bandits.yardsticks import Yardsticks

MEDIAN = "median"
"""As a conservative baseline: the admissible action of median value."""


@dataclass(frozen=True, eq=False)
class TaskSetup:
    """A task but for its splits, which each batch of replicates draws for itself.

    values: (n_actions,).
    moral_unsafe: (n_actions,) bool, or None where cross-value harm is not counted.
    harm_values, disputed, rewards: As in `ValueTask`.
    split, areas: The rule of its splits, and the life area of each action.
    """

    values: Floats
    threshold: float
    harm: bool
    moral_unsafe: Bools | None
    harm_values: Floats | None = None
    disputed: Bools | None = None
    rewards: Rewards | None = None
    split: SplitRule = "random"
    areas: tuple[str, ...] | None = None

    def task(self, replicates: range, *, seed: int) -> ValueTask:
        """The task of these replicates, each with its own split of the actions."""
        # By the study's own view of what is unsafe: disputed actions are dealt too.
        judged = self.values if self.harm_values is None else self.harm_values
        dealt = split(
            *(self.split, judged < self.threshold, self.areas, replicates), seed=seed
        )
        return ValueTask(
            *(self.values, self.threshold, self.harm, dealt, self.moral_unsafe),
            harm_values=self.harm_values,
            disputed=self.disputed,
            rewards=self.rewards,
        )


@dataclass(frozen=True)
class Computation:
    """One agent with one kernel on one task; places in the plan's lists.

    kernel: None for an agent that has none.
    """

    agent: str
    kernel: int | None
    task: int


@dataclass(frozen=True, eq=False)
class Plan:
    """All a worker needs, and all a merge needs; nothing random is drawn yet.

    kernels: Distinct (n_actions, n_actions) kernels.
    computation_of: For each cell, the place of its computation.
    kernel_rows: What cells.csv says of a kernel, by (name, form, share, draw).
    kernel_table: Rows of kernels.csv.
    task_table: Rows of tasks.csv.
    """

    spec: SweepSpec
    settings: Settings
    cells: tuple[Cell, ...]
    kernels: tuple[Floats, ...]
    tasks: tuple[TaskSetup, ...]
    computations: tuple[Computation, ...]
    computation_of: tuple[int, ...]
    entries: tuple[KernelEntry, ...]
    kernel_rows: Mapping[tuple[str, str, float, int], Row]
    notes: Mapping[tuple[str, str, str], TaskNote]
    kernel_table: tuple[Row, ...]
    task_table: tuple[Row, ...]
    skipped: Mapping[str, str]
    cross_fit: bool

    @property
    def steps(self) -> int:
        """Steps of one run, both phases."""
        phases = self.spec.phases
        return phases.personalization_steps + phases.generalization_steps

    @property
    def run_steps(self) -> int:
        """Steps of all runs that must be computed."""
        return len(self.computations) * self.spec.n_runs * self.steps


def name_faults(document: Mapping[str, Any], report: ReportData) -> list[Fault]:
    """Every kernel, dimension and rater of values that the report does not have."""
    dimensions = list(report.dimensions)
    faults = unknown_names(
        "kernels",
        strings(document, "kernels"),
        ["all", *known_kernels(report), *ENDS],
        "kernel of this report",
    )
    named = strings(document, "dimensions")
    faults += unknown_names("dimensions", named, dimensions, "dimension of this report")
    raters = list(dict.fromkeys(rater for _, rater in report.values))
    sources = strings({"values_from": [GROUP], **document}, "values_from")
    faults += unknown_names(
        "values_from", sources, raters, "rater with a complete vector of values"
    )
    for place, source in enumerate(sources):
        for dimension in named:
            if source in raters and dimension in dimensions:
                faults += _value_faults(place, source, dimension, report)
    other = document.get("cross_harm")
    if isinstance(other, str):
        if other not in report.dimensions:
            listed = ", ".join(dimensions)
            said = f'"{other}" is not a dimension of this report; known: {listed}'
            faults.append(("cross_harm", said))
        elif not report.dimensions[other].harm:
            said = f'"{other}" is not a harm dimension: unsafe is not said of it'
            faults.append(("cross_harm", said))
    harm_of = {name: row.harm for name, row in report.dimensions.items()}
    return faults + undefined_faults(document, harm_of) + _baseline(document, report)


def _baseline(document: Mapping[str, Any], report: ReportData) -> list[Fault]:
    yardsticks = document.get("yardsticks")
    if not isinstance(yardsticks, Mapping):
        return []
    named = yardsticks.get("conservative_baseline", MEDIAN)
    if not isinstance(named, str) or named in (MEDIAN, *report.actions.ids):
        return []
    said = f'"{named}" is not an action of this report; give an id of actions.csv, or'
    return [("yardsticks.conservative_baseline", f'{said} "{MEDIAN}"')]


def _yardsticks(spec: SweepSpec, report: ReportData) -> Yardsticks:
    """The spec's yardsticks, with an action's place for its id."""
    given = spec.yardsticks
    named = given.conservative_baseline
    return Yardsticks(
        conservative_alpha=given.conservative_alpha,
        conservative_baseline=None
        if named == MEDIAN
        else report.actions.ids.index(named),
        risk_tolerance=given.risk_tolerance,
    )


def check(document: Mapping[str, Any], report: ReportData | None) -> SweepSpec:
    """The spec of a document, checked by itself and against a report.

    Raises:
        SpecError: With every fault of both kinds.
    """
    spec, faults = parse_spec(document)
    if report is not None:
        faults = faults + name_faults(document, report)
        if spec is not None:
            faults = faults + axis_faults(report, spec)
    if spec is None or faults:
        raise SpecError(faults)
    return spec


def make_plan(report: ReportData, spec: SweepSpec) -> Plan:
    """Expand the axes. Takes the time of the kernels' bootstraps: some seconds.

    Raises:
        SpecError: Every name the report does not have, or every refused kernel.
    """
    faults = name_faults(spec.model_dump(mode="json"), report)
    if faults := faults + axis_faults(report, spec):
        raise SpecError(faults)
    axis = build_kernels(report, spec)
    kernels, place_of = _distinct(axis.entries)
    tasks, notes, settings_of, table = _tasks(report, spec)
    agents = list(dict.fromkeys((BASELINE, *spec.agents)))

    cells: list[Cell] = []
    computations: dict[Computation, int] = {}
    computation_of: list[int] = []
    for task, (axes, source, threshold) in enumerate(settings_of):
        serving = [e for e in axis.entries if e.serves(axes[0], source)]
        for agent in agents:
            plain = not AGENTS[agent].uses_kernel
            for entry in (None,) if plain else serving:
                kernel = None if entry is None else place_of[id(entry)]
                computation = Computation(agent, kernel, task)
                computation_of.append(
                    computations.setdefault(computation, len(computations))
                )
                cells.append(_cell(len(cells), agent, entry, axes, threshold))
    return Plan(
        spec=spec,
        settings=Settings(
            **spec.learner.model_dump(),
            **spec.phases.model_dump(exclude={"split"}),
            yardsticks=_yardsticks(spec, report),
        ),
        cells=tuple(cells),
        kernels=kernels,
        tasks=tasks,
        computations=tuple(computations),
        computation_of=tuple(computation_of),
        entries=axis.entries,
        kernel_rows={entry.key: entry.row() for entry in axis.entries},
        notes=notes,
        kernel_table=tuple(axis.rows(report)),
        task_table=tuple(table),
        skipped=axis.skipped,
        cross_fit=axis.cross_fit,
    )


def _cell(
    number: int,
    agent: str,
    entry: KernelEntry | None,
    axes: tuple[str, str, str],
    threshold: float,
) -> Cell:
    of_kernel: tuple[str, str, str, float, int]
    if entry is None:
        of_kernel = (NO_KERNEL, NO_KERNEL, NO_KERNEL, 0.0, 0)
    else:
        of_kernel = (entry.name, entry.role, entry.form, entry.share, entry.draw)
    return Cell(number, agent, *of_kernel, *axes, threshold)


def _distinct(
    entries: tuple[KernelEntry, ...],
) -> tuple[tuple[Floats, ...], dict[int, int]]:
    kernels: list[Floats] = []
    place_of_content: dict[bytes, int] = {}
    place_of: dict[int, int] = {}
    for entry in entries:
        # A copy: torch warns of arrays that nobody may write to.
        values = np.array(entry.kernel.values)
        content = hashlib.sha256(values.tobytes()).digest()
        if content not in place_of_content:
            place_of_content[content] = len(kernels)
            kernels.append(values)
        place_of[id(entry)] = place_of_content[content]
    return tuple(kernels), place_of


def _tasks(
    report: ReportData, spec: SweepSpec
) -> tuple[
    tuple[TaskSetup, ...],
    dict[tuple[str, str, str], TaskNote],
    list[tuple[tuple[str, str, str], str, float]],
    list[Row],
]:
    """Every task, its note, its axes with whose values pay, and its row of tasks.csv."""
    tasks, notes, axes_of, table = [], {}, [], []
    areas = areas_of(report.actions)
    for dimension, source, reward in _paid(spec):
        row = report.dimensions[dimension]
        paid = task_values(report, spec, dimension, source, reward)
        judged = paid.values if paid.harm_values is None else paid.harm_values
        moral = None
        if spec.cross_harm is not None and spec.cross_harm != dimension:
            other = report.dimensions[spec.cross_harm]
            moral = group_values(report, spec.cross_harm, source) < other.threshold
        for rule in spec.thresholds:
            if rule == "study":
                threshold = row.threshold
            elif rule == "median":
                threshold = float(np.median(judged))
            else:
                threshold = float(rule)
            for treated in spec.disputed:
                aside = None
                if treated == "set_aside":
                    aside = paid.disputed(threshold)
                setup = TaskSetup(
                    *(paid.values, threshold, row.harm, moral),
                    harm_values=paid.harm_values,
                    disputed=aside,
                    rewards=paid.rewards,
                    split=spec.phases.split,
                    areas=areas,
                )
                example = setup.task(range(1), seed=spec.seed)
                axes = (dimension, *names_of(source, reward, rule, treated))
                notes[axes] = TaskNote(
                    row.harm, example.unsafe_share, example.harm_reason
                )
                tasks.append(setup)
                axes_of.append((axes, source, threshold))
                table.append(
                    task_row(report, spec, axes, source, reward, treated, paid, example)
                )
    return tuple(tasks), notes, axes_of, table


def _paid(spec: SweepSpec) -> list[tuple[str, str, RewardSource]]:
    """Dimension, whose values, and how they are paid, wherever the two suit."""
    return [
        (dimension, source, reward)
        for dimension in spec.dimensions
        for source in spec.values_from
        for reward in spec.rewards.sources
        if suits(reward, source)
    ]


def _value_faults(
    place: int, source: str, dimension: str, report: ReportData
) -> list[Fault]:
    values = report.values.get((dimension, source))
    missing = len(report.actions) if values is None else int(np.isnan(values).sum())
    if not missing:
        return []
    said = (
        f"{source} judged {len(report.actions) - missing} of {len(report.actions)}"
        f" actions on {dimension}; a task needs every one, nothing is imputed"
    )
    return [(f"values_from[{place}]", said)]
