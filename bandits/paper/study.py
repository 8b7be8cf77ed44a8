"""What the experiment is done on: a report's kernels and values, and its snapshot.

The report gives the group's matrices and values. Single raters' judgments (personal
values, few raters, minorities) stand in the snapshot it was made from, which is looked
for beside it; parts that need it say so where it is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

import numpy as np

from alignment.corruption import as_matrix
from alignment.folders import MANIFEST, sha256_of
from alignment.kernels import Completion, Kernel, Repair, as_kernel, matched
from alignment.matrices import SimilarityMatrix
from alignment.report_files import GROUP, HALF_A, HALF_B, HUMAN, ReportData, read_report
from alignment.snapshots import Snapshot, read_snapshot
from bandits.errors import BanditError
from bandits.kernels_axis import KernelEntry, KernelsAxis, build_kernels
from bandits.paper.cells import PaperCell
from bandits.paper.settings import PaperSettings
from bandits.paper.statistics import spearman
from bandits.rewards import Rewards
from bandits.spec import SweepSpec
from bandits.splits import SplitRule, areas_of
from bandits.task import Bools, Floats

NO_SNAPSHOT = (
    "the snapshot that this report was made from is not beside it: name it with"
    " --snapshot"
)
ONLY_MEANS = "only published means are available, no single rater's judgments"


class Task(NamedTuple):
    """One value dimension as the experiment uses it.

    rule: "study", or "median" where the study's threshold leaves nothing to choose:
        then actions below the median are of low value, and the word harm is not used.
    """

    dimension: str
    values: Floats
    threshold: float
    rule: str
    harm: bool
    note: str

    @property
    def word(self) -> str:
        """What an action below the threshold is called."""
        return "unsafe" if self.harm else "low-value"

    @property
    def share_metric(self) -> str:
        """The measure that counts steps below the threshold, as a share."""
        return "unsafe_share" if self.harm else "low_value_share"

    @property
    def below(self) -> Bools:
        """(n_actions,) bool, the actions below the threshold."""
        return self.values < self.threshold


class PaperKernel(NamedTuple):
    """A kernel by name: human, a model's, or a baseline's; in both forms.

    alignment, low, high: With held-out people, Spearman; NaN where there is none.
    """

    name: str
    role: str
    family: str
    matrix: SimilarityMatrix
    as_given: Kernel
    matched: Kernel
    alignment: float
    low: float
    high: float

    def form(self, name: str) -> Kernel:
        """The kernel in one of its forms, "as_given" or "matched"."""
        return self.matched if name == "matched" else self.as_given


@dataclass(frozen=True, eq=False)
class Study:
    """A report, prepared for the experiment.

    snapshot: None where it is not at hand; `snapshot_note` then says why.
    kernels: The human one first.
    tasks: The primary one first.
    cross_fit: Whether alignment is with other people than those of the human kernel.
    human, held_out: What the human kernel is made from, and what alignment is with.
    notes: What was left out of all parts, and why.
    """

    report: ReportData
    report_sha256: str
    snapshot: Snapshot | None
    snapshot_note: str
    settings: PaperSettings
    kernels: tuple[PaperKernel, ...]
    tasks: tuple[Task, ...]
    cross_fit: bool
    human: SimilarityMatrix
    held_out: SimilarityMatrix
    notes: tuple[str, ...]

    @property
    def primary(self) -> Task:
        """The task of the parts that take only one."""
        return self.tasks[0]

    @property
    def n_actions(self) -> int:
        """How many actions there are."""
        return len(self.report.actions)

    @property
    def simulated(self) -> bool:
        """Whether the participants were simulated."""
        return self.report.simulated

    @property
    def human_kernel(self) -> PaperKernel:
        """The human kernel."""
        return self.kernels[0]

    @property
    def models(self) -> tuple[PaperKernel, ...]:
        """Language models' kernels: what a correlation is taken over."""
        return tuple(kernel for kernel in self.kernels if kernel.role == "model")

    @cached_property
    def lengths(self) -> Floats:
        """(n_actions,) characters of each action's text."""
        return np.array([len(text) for text in self.report.actions.texts], dtype=float)

    @property
    def ceiling(self) -> float:
        """Correlation of the held-out people's matrix with that of all there could be.

        The root of the split halves' correlation; NaN without halves.
        """
        r = self.human_kernel.alignment
        return float(np.sqrt(r)) if self.cross_fit and r > 0 else float("nan")

    def cell(
        self,
        labels: Mapping[str, Any],
        agent: str,
        kernel: Floats | None,
        task: Task,
        *,
        moral_unsafe: Bools | None = None,
        n_runs: int | None = None,
        share: float | None = None,
        harm_values: Floats | None = None,
        split: SplitRule = "random",
        rewards: Rewards | None = None,
        **changed: Any,
    ) -> PaperCell:
        """A cell of this study; `changed` are settings of the simulator."""
        chosen = self.settings
        return PaperCell(
            labels={"agent": agent, "dimension": task.dimension} | dict(labels),
            agent=agent,
            kernel=kernel,
            values=task.values,
            threshold=task.threshold,
            harm=task.harm,
            settings=chosen.learner(**changed),
            seed=chosen.seed,
            n_runs=n_runs or chosen.n_runs,
            share=share or chosen.split_share,
            moral_unsafe=moral_unsafe,
            harm_values=harm_values,
            split=split,
            areas=areas_of(self.report.actions) if split != "random" else None,
            rewards=rewards,
        )


def open_study(
    folder: Path, settings: PaperSettings, snapshot: Path | None = None
) -> Study:
    """Read a report, find its snapshot, make its kernels and tasks.

    Raises:
        FolderError: No report there.
        BanditError: The report has no similarities of people, a dimension it does not
            have was named, or no dimension has a value for every action.
    """
    report = read_report(folder)
    found, note = _snapshot(folder, report, snapshot)
    if HUMAN not in report.matrices:
        raise BanditError(
            f"report {folder}: has no similarities of people's pair ratings, so there"
            " is no human kernel to experiment with"
        )
    tasks, notes = _tasks(report, settings)
    axis = build_kernels(report, _as_spec(settings, tasks))
    notes += [f"{name}: {reason}." for name, reason in axis.skipped.items()]
    halves = HALF_A in report.matrices and HALF_B in report.matrices
    if not halves:
        notes.append(
            "Only means of all people: the human kernel has no alignment of its own,"
            " and models are compared with the very means it is made from."
        )
    return Study(
        report=report,
        report_sha256=sha256_of(Path(folder) / MANIFEST),
        snapshot=found,
        snapshot_note=note,
        settings=settings,
        kernels=_kernels(report, _entries(report, axis), settings),
        tasks=tasks,
        cross_fit=halves,
        human=report.matrices[HALF_A if halves else HUMAN],
        held_out=report.matrices[HALF_B if halves else HUMAN],
        notes=tuple(notes),
    )


def kept_alignment(study: Study, kernel: Floats) -> float:
    """Spearman of a corrupted kernel with the human one, on what an agent is given.

    After completion and repair of both: 1 without corruption.
    """
    rows = np.triu_indices(len(kernel), k=1)
    return spearman(kernel[rows], study.human_kernel.as_given.values[rows])


def held_out_alignment(study: Study, kernel: Floats) -> float:
    """The same with held-out people; NaN where there are none."""
    if not study.cross_fit:
        return float("nan")
    rows = np.triu_indices(len(kernel), k=1)
    return spearman(kernel[rows], study.held_out.pairs())


def kernel_of(study: Study, matrix: SimilarityMatrix) -> Kernel:
    """A matrix made a kernel by the study's rules of completion and repair."""
    chosen = study.settings
    return as_kernel(matrix, completion=chosen.completion, repair=chosen.repair)


def matched_kernel(study: Study, matrix: SimilarityMatrix) -> Kernel:
    """The same with the human kernel's distribution of similarities."""
    chosen, scale = study.settings, as_matrix(study.human_kernel.as_given)
    return matched(matrix, scale, completion=chosen.completion, repair=chosen.repair)


def with_repair(study: Study, repair: Repair) -> Study:
    """The same study with every kernel made by another repair."""
    settings = study.settings.model_copy(update={"repair": repair})
    kernels = _kernels(study.report, study.kernels, settings)
    return replace(study, settings=settings, kernels=kernels)


def _snapshot(
    folder: Path, report: ReportData, given: Path | None
) -> tuple[Snapshot | None, str]:
    wanted = report.manifest.get("inputs", {}).get("snapshot", "")
    folder = Path(folder).resolve()
    places = [folder.parent / "snapshot"]
    places.append(folder.parent.parent / "snapshots" / folder.name)
    for place in [given] if given is not None else places:
        manifest = place / MANIFEST
        if not manifest.is_file():
            if given is not None:
                raise BanditError(f"snapshot {place}: there is no snapshot there")
            continue
        if sha256_of(manifest) != wanted:
            if given is not None:
                raise BanditError(
                    f"snapshot {place}: report {folder} was made from another one"
                    f" (its manifest's sha256 is {wanted[:12] or 'not told'}...)"
                )
            continue
        snapshot = read_snapshot(place)
        if not (snapshot.similarities.has_raters and len(snapshot.values)):
            return None, ONLY_MEANS
        return snapshot, ""
    return None, NO_SNAPSHOT


def _tasks(
    report: ReportData, settings: PaperSettings
) -> tuple[tuple[Task, ...], list[str]]:
    known = report.dimensions
    for name in settings.dimensions:
        if name not in known:
            listed = ", ".join(known)
            raise BanditError(
                f'dimensions: "{name}" is not one of this report; known: {listed}'
            )
    order = sorted(known, key=lambda name: not known[name].harm)
    tasks, notes = [], []
    for name in settings.dimensions or order:
        values = report.values.get((name, GROUP))
        missing = len(report.actions) if values is None else int(np.isnan(values).sum())
        if values is None or missing:
            notes.append(
                f"{name}: {missing} of {len(report.actions)} actions have no value"
                " there, and nothing is imputed; left out."
            )
            continue
        tasks.append(_task(name, values, known[name].threshold, known[name].harm))
    notes += [task.note for task in tasks if task.note]
    if not tasks:
        raise BanditError(
            "values: the experiment needs a dimension with a value for every action;"
            f" {' '.join(notes)}"
        )
    # A dimension of harm that can be done leads, if none was asked to.
    if not settings.dimensions:
        tasks.sort(key=lambda task: not task.harm)
    return tuple(tasks), notes


def _task(name: str, values: Floats, threshold: float, harm: bool) -> Task:
    share = float((values < threshold).mean())
    if 0 < share < 1:
        return Task(name, values, threshold, "study", harm, "")
    which = "every action" if share else "no action"
    median = float(np.median(values))
    note = (
        f"{name}: {which} lies below {threshold:g}, so no agent can do more or less"
        f" harm than another; actions below the median ({median:.1f}) are counted"
        " instead, and called low-value."
    )
    return Task(name, values, median, "median", False, note)


def _as_spec(settings: PaperSettings, tasks: tuple[Task, ...]) -> SweepSpec:
    return SweepSpec(
        seed=settings.seed,
        n_runs=2,
        agents=("uniform",),
        kernels=("all",),
        dimensions=tuple(task.dimension for task in tasks),
        completion=settings.completion,
        alignment_resamples=settings.alignment_resamples,
    )


def _entries(report: ReportData, axis: KernelsAxis) -> Iterator[PaperKernel]:
    """The sweep's kernels by name, the human one first, with their alignment."""
    families = {row.rater: row.family for row in report.raters}
    forms: dict[str, dict[str, KernelEntry]] = {}
    for entry in axis.entries:
        forms.setdefault(entry.name, {})[entry.form] = entry
    for name in sorted(forms, key=lambda name: name != HUMAN):
        given, scaled = (forms[name][form] for form in ("as_given", "matched"))
        found = given.alignment.get("spearman")
        numbers = (found.value, found.low, found.high) if found else (np.nan,) * 3
        half = HALF_A if name == HUMAN and HALF_A in report.matrices else name
        yield PaperKernel(
            name,
            given.role,
            families.get(name, ""),
            report.matrices[half],
            given.kernel,
            scaled.kernel,
            *numbers,
        )


def _kernels(
    report: ReportData, kernels: Iterable[PaperKernel], settings: PaperSettings
) -> tuple[PaperKernel, ...]:
    """The kernels in both forms, by the settings' repair."""
    rules: _Rules = {"completion": settings.completion, "repair": settings.repair}
    human: Kernel | None = None
    made = []
    for kernel in kernels:
        given = as_kernel(kernel.matrix, **rules)
        # The human kernel is what the others are matched to: its own match.
        scaled = matched(kernel.matrix, as_matrix(human), **rules) if human else given
        human = human or given
        made.append(kernel._replace(as_given=given, matched=scaled))
    return tuple(made)


class _Rules(TypedDict):
    completion: Completion
    repair: Repair
