"""Actions are a sample: does a conclusion hold on other actions like these?

Everything is asked again on random subsets of the actions, alignment too. Subsets share
most of their actions, so that their range is no confidence interval; the delete-d
jackknife's factor makes a standard error of it (`bandits.subsets`). Of a simulated
number that error holds the luck of each subset's runs too, which the factor stretches
with it: it stands beside the same with luck's variance taken out. Subsets share keyed
luck, so that the truth lies between the two.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict

import numpy as np

from alignment.corruption import RELABEL
from bandits.expected_error import expected_errors
from bandits.paper.cells import PaperCell
from bandits.paper.parts import Found, Outcomes, Part, Row, Tables, markdown, shown
from bandits.paper.statistics import Floats, mean_and_error, spearman
from bandits.paper.study import PaperKernel, Study
from bandits.paper.synthetic import degraded
from bandits.policies import AGENTS
from bandits.subsets import (
    NOT_A_CI,
    Actions,
    SubsetResults,
    action_subset,
    n_kept,
    summarize,
)
from bandits.task import split_actions

TABLE, VALUES = "subsets", "subsets_values"
UNSEEN, PLAIN, NONE = "generalization", "thompson_independent", "none"
MOST_MODELS = 3
"""Models that are simulated on every subset: the most aligned ones."""
SPLITS = 16
"""Of each subset, for the error that theory gives."""
Harm = dict[tuple[int, str], Floats]
"""(subset, kernel) -> (n_runs,) share of unseen steps below the threshold."""


def compared(study: Study) -> tuple[PaperKernel, ...]:
    """The human kernel and the most aligned models, chosen before any outcome."""
    models = sorted(study.models, key=lambda k: -np.nan_to_num(k.alignment, nan=-2))
    return study.human_kernel, *models[:MOST_MODELS]


def subset(study: Study, number: int) -> Actions:
    """Places of the actions of subset `number`; all of them for number 0."""
    n, chosen = study.n_actions, study.settings
    if number == 0:
        return np.arange(n)
    share = chosen.beyond.subset_share
    return action_subset(n, number - 1, seed=chosen.seed, share=share)


def _cells(study: Study) -> list[PaperCell]:
    agent, task = study.settings.primary_agent, study.primary
    cells = []
    for number in range(1 + study.settings.beyond.subsets):
        kept = subset(study, number)
        small = task._replace(values=task.values[kept])
        if not 0 < small.below.mean() < 1:
            continue
        square = np.ix_(kept, kept)
        kernels = {one.name: one.matched.values[square] for one in compared(study)}
        for name, kernel in {**kernels, NONE: None}.items():
            cells.append(
                study.cell(
                    {"kernel": name, "subset": number},
                    agent if kernel is not None else PLAIN,
                    kernel,
                    small,
                    n_runs=study.settings.beyond.person_runs,
                )
            )
    return cells


def _tables(study: Study, outcomes: Outcomes, earlier: Tables) -> Found:
    chosen, task = study.settings, study.primary
    harm: Harm = {
        (cell.labels["subset"], cell.labels["kernel"]): results[
            UNSEEN, task.share_metric
        ]
        for cell, results in outcomes
    }
    degraded_kernels = [k.values for _, _, k in degraded(study, RELABEL)]
    asked: dict[str, Callable[[int], tuple[float, float]]] = {}
    for other in [NONE, *(kernel.name for kernel in compared(study)[1:])]:
        asked[_named(task.word, other)] = _difference(harm, other)
    asked["relabelled kernels: error in points per unit of alignment"] = lambda number: (
        _slope(study, degraded_kernels, subset(study, number)),
        0.0,
    )
    for kernel in study.models:
        name = f"alignment of the human kernel minus that of {kernel.name}"
        asked[name] = _alignment_gap(study, kernel)
    numbers = range(1 + chosen.beyond.subsets)
    kept = n_kept(study.n_actions, chosen.beyond.subset_share)
    rows: list[Row] = []
    values: list[Row] = []
    for name, ask in asked.items():
        (whole, *each), (_, *luck) = zip(*map(ask, numbers), strict=True)
        results_of = SubsetResults(
            whole, np.array(each), study.n_actions, kept, chosen.seed
        )
        told = asdict(summarize(results_of))
        less = without_luck(told["standard_error"], told["factor"], np.array(luck))
        rows.append(
            {"statistic": name, "n_kept": kept, "standard_error_without_luck": less}
            | told
        )
        values += [
            {"statistic": name, "subset": number, "value": value}
            for number, value in enumerate(each, start=1)
        ]
    return Found({TABLE: rows, VALUES: values}, _lines(study, rows))


def _named(word: str, other: str) -> str:
    told = "no kernel" if other == NONE else other
    return f"share {word}, human kernel minus {told}"


def without_luck(standard_error: float, factor: float, luck: Floats) -> float:
    """A jackknife's standard error, the luck of each subset's runs taken out.

    Args:
        luck: (n_subsets,) variance of each subset's number over runs; NaN where undefined.
    """
    known = luck[~np.isnan(luck)]
    if math.isnan(standard_error) or not len(known):
        return math.nan
    return math.sqrt(max(0.0, standard_error**2 - factor * float(known.mean())))


def _difference(harm: Harm, other: str) -> Callable[[int], tuple[float, float]]:
    """Human minus another on one subset, and the variance that luck gives it."""

    def ask(number: int) -> tuple[float, float]:
        human, theirs = (harm.get((number, name)) for name in ("human", other))
        if human is None or theirs is None:
            return math.nan, math.nan
        mean, error = mean_and_error(human - theirs)
        return mean, error**2

    return ask


def _slope(study: Study, kernels: list[Floats], kept: Actions) -> float:
    """Least squares of the expected error on the alignment kept, on these actions."""
    chosen, square = study.settings, np.ix_(kept, kept)
    whole = study.human_kernel.as_given.values[square]
    rows = np.triu_indices(len(kept), k=1)
    small = [whole, *(kernel[square] for kernel in kernels)]
    x = np.array([spearman(kernel[rows], whole[rows]) for kernel in small])
    squared = expected_errors(
        small,
        study.primary.values[kept, None],
        split_actions(
            len(kept), range(SPLITS), seed=chosen.seed, share=chosen.split_share
        ),
        prior_mean=chosen.prior_mean,
        prior_sd=chosen.prior_sd,
        reward_sd=chosen.reward_sd,
    )
    y = np.sqrt(squared[:, 0])
    spread = ((x - x.mean()) ** 2).sum()
    return float(((x - x.mean()) * y).sum() / spread) if spread > 0 else math.nan


def _alignment_gap(
    study: Study, kernel: PaperKernel
) -> Callable[[int], tuple[float, float]]:
    def ask(number: int) -> tuple[float, float]:
        if not study.cross_fit:
            return math.nan, math.nan
        kept = subset(study, number)
        at = np.ix_(kept, kept)
        rows = np.triu_indices(len(kept), k=1)
        people = study.held_out.values[at][rows]
        ours, theirs = (
            spearman(matrix.values[at][rows], people)
            for matrix in (study.human, kernel.matrix)
        )
        return ours - theirs, 0.0

    return ask


def _lines(study: Study, rows: list[Row]) -> list[str]:
    chosen = study.settings
    lines = [
        f"Values: {study.primary.dimension}; {AGENTS[chosen.primary_agent].label}; matched"
        f" kernels; unseen actions. {chosen.beyond.subsets} random subsets of"
        f" {int(rows[0]['n_kept'])} of {study.n_actions} actions, alignment taken anew on"
        f" each. {NOT_A_CI}",
    ]
    table = [
        {
            "what": row["statistic"],
            "whole": shown(row["whole"]),
            "range": f"{shown(row['q025'])} to {shown(row['q975'])}",
            "positive": f"{row['positive']:.0%}" if row["positive"] >= 0 else "-",
            "se": shown(row["standard_error"]),
            "less": shown(row["standard_error_without_luck"]),
        }
        for row in rows
        if not math.isnan(row["whole"])
    ]
    heads = {"what": "", "whole": "all actions", "range": "95 % of subsets"}
    heads |= {"positive": "above 0", "se": "standard error", "less": "luck taken out"}
    return [*lines, *markdown(table, heads)]


def _why_not(study: Study) -> str:
    kept = int(study.n_actions * study.settings.beyond.subset_share)
    return "" if kept >= 4 else f"{study.n_actions} actions leave too few in a subset"


PART = Part(
    "subsets",
    "Actions are a sample: the same on subsets of them",
    _cells,
    _tables,
    _why_not,
)
