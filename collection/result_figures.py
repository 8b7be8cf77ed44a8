"""Which figures a results folder has, in the order of a page, and what each shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from collection.downloads import FIGURE_DATA, MEDIA_TYPES, figure_endings
from collection.tables import words

# Of each outcome, what a person asks first; every other column is in the download.
METRICS: Mapping[str, str] = {
    "mean_reward": "Mean reward",
    "regret": "Regret",
    "unsafe_actions": "Unsafe actions",
    "unsafe_share": "Unsafe share",
    "low_value_actions": "Low-value actions",
    "low_value_share": "Low-value share",
    "moral_harm": "Morally unsafe actions",
    "non_optimal_actions": "Non-optimal actions",
    "unique_actions": "Different actions",
    "steps_to_convergence": "Steps to convergence",
    "converged": "Converged share",
    "value_rank_correlation": "Predicted with true values",
    "value_rmse": "Error of predicted values",
}
PHASES = ("personalization", "generalization")
# Figures of a report, in the order of the page.
CAPTIONS = {
    "matrices": "Similarity matrices of the actions, one per rater, all in one order; "
    "light grey was never judged.",
    "alignment": "Alignment of each rater with the human similarity judgments, with "
    "95 % intervals over actions, against the human noise ceiling where there is one.",
    "map": "The actions on a plane: near each other where people judge them alike.",
    "blocks": "Alignment on all pairs, on the pairs an agent learns on, and on those "
    "between what it learns on and what it meets later, over the splits of a sweep.",
    "values": "How far each rater's similarity follows differences in people's values, "
    "beside people's own similarity, on every value dimension.",
}


# How an outcome goes over the steps, as the files of ``bandits.figure_over_time`` say it.
OVER_TIME = "over_time"


@dataclass(frozen=True)
class Figure:
    """A figure by the name of its files, with what it shows in words.

    endings: Of its files, such as ``.svg``.
    """

    stem: str
    caption: str
    endings: Sequence[str] = ()

    @property
    def explorable(self) -> bool:
        """Whether a page can draw it, besides showing a picture."""
        return FIGURE_DATA in self.endings

    @property
    def data(self) -> str:
        """The file that a page draws it from."""
        return f"{self.stem}{FIGURE_DATA}"

    @property
    def table(self) -> bool:
        """Whether its numbers lie in a table beside it."""
        return ".csv" in self.endings

    @property
    def saved(self) -> list[tuple[str, str]]:
        """Each file that can be saved: what it is called, and its name."""
        return [
            (
                "Data as CSV" if ending == ".csv" else ending[1:].upper(),
                self.stem + ending,
            )
            for ending in self.endings
            if ending != FIGURE_DATA
        ]


@dataclass(frozen=True)
class Group:
    """Figures of one task; all but the first group of a page stay folded."""

    heading: str
    figures: Sequence[Figure]


def pictured(folder: Path, kind: str) -> dict[str, tuple[str, ...]]:
    """The endings of every figure that has a picture."""
    return {
        stem: endings
        for stem, endings in figure_endings(folder, kind).items()
        if any(ending in MEDIA_TYPES for ending in endings)
    }


def report_figures(folder: Path) -> list[Group]:
    """A report's figures in their order."""
    found = pictured(folder, "report")
    figures = [
        Figure(stem, caption, found[stem])
        for stem, caption in CAPTIONS.items()
        if stem in found
    ]
    return [Group("", figures)]


def answers_figures(folder: Path) -> list[Group]:
    """The one figure of models' answers, where anybody gave one."""
    found = pictured(folder, "answers")
    caption = (
        "What each model answered: one similarity matrix a rater, all in one order."
    )
    return [Group("", [Figure(stem, caption, found[stem]) for stem in found])]


def sweep_figures(
    folder: Path, settings: Sequence[tuple[str, ...]], *, kind: str = "sweep"
) -> list[Group]:
    """A sweep's figures by task, in the order of its cells; or those of a comparison.

    A file is named by task, phase and outcome, as ``bandits.figures`` says.

    Args:
        settings: Of every cell: dimension, values from, threshold rule, phase.
    """
    groups = []
    left = pictured(folder, kind)
    for task in dict.fromkeys(setting[:3] for setting in settings):
        start = "_".join(task).replace(".", "-") + "_"
        found = [
            Figure(stem, _outcome_caption(task, phase, outcome, kind), left.pop(stem))
            for phase in (*PHASES, OVER_TIME)
            for outcome in METRICS
            if (stem := f"{start}{phase}_{outcome}") in left
        ]
        # After a tilde: how values are paid, and what becomes of disputed actions.
        source, _, paid = task[1].partition("~")
        rule, _, aside = task[2].partition("~")
        heading = words(task[0])
        heading += "" if source == "group" else f", values of {source}"
        heading += f", paid by {paid.replace('_', ' ')}" if paid else ""
        heading += "" if rule == "study" else f", threshold {rule}"
        heading += f", disputed actions {aside.replace('_', ' ')}" if aside else ""
        groups.append(Group(heading, found))
    rest = [Figure(stem, f"{words(stem)}.", endings) for stem, endings in left.items()]
    groups.append(Group("More", rest))
    return [group for group in groups if group.figures]


def _outcome_caption(task: tuple[str, ...], phase: str, outcome: str, kind: str) -> str:
    if kind == "comparison":
        return (
            f"{METRICS[outcome]}, second minus first: {words(task[0])}, {phase} phase. A "
            "dot per kernel, with its 95 % interval over runs."
        )
    if phase == OVER_TIME:
        return (
            f"{METRICS[outcome]} over the steps of both phases: {words(task[0])}. A line "
            "per kernel, with 95 % bands over runs; where there are two columns, the "
            "human kernel with more and more of its actions relabelled on the right."
        )
    return (
        f"{METRICS[outcome]} against alignment: {words(task[0])}, {phase} phase. Left, "
        "the real kernels; right, the human kernel with more and more of its actions "
        "relabelled. The two are never pooled."
    )
