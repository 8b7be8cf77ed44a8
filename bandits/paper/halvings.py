"""Cross-fit over repeated halvings: another half of the people makes the kernel.

Of each halving one half's similarities are the human kernel and the other half's are
what every kernel's alignment is taken with, the human one's too. Values come from
people who made no kernel: one half of them pays, the other decides what is harm, where
enough rated every action for that.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from alignment.corruption import as_matrix
from alignment.kernels import as_kernel, matched
from alignment.matrices import SimilarityMatrix
from alignment.reliability import halved
from bandits.effects import MIN_MODELS
from bandits.paper.cells import PaperCell
from bandits.paper.parts import Found, Outcomes, Part, Row, Tables, markdown, shown
from bandits.paper.people import matrix_of, similarity_raters, why_no_people
from bandits.paper.statistics import Floats, mean_and_error, spearman
from bandits.paper.study import Study, Task
from bandits.policies import AGENTS

TABLE, BY_KERNEL, GAPS = "halvings", "halvings_by_kernel", "halvings_gaps"
UNSEEN, PLAIN, HUMAN, NONE = "generalization", "thompson_independent", "human", "none"
MIN_PEOPLE = 6
_PURPOSE = 15


class Halving(NamedTuple):
    """One division of the people.

    kernel_from, held_out: Who makes the human kernel; whom alignment is with.
    task: What pays.
    harm_values: What harm is counted by; None where that is what pays.
    """

    human: SimilarityMatrix
    held_out: SimilarityMatrix
    task: Task
    harm_values: Floats | None

    @property
    def apart(self) -> bool:
        """Whether others than those who pay decide what is harm."""
        return self.harm_values is not None


def halving(study: Study, number: int) -> Halving:
    """Division `number`, from the study's seed alone."""
    seeds = np.random.SeedSequence([study.settings.seed, _PURPOSE, number])
    first, second = (int(seed) for seed in seeds.generate_state(2))
    makers, asked = halved(similarity_raters(study), seed=first)
    task = study.primary
    values, harm = _values(study, task, set(makers) | set(asked), second)
    return Halving(
        matrix_of(study, makers, HUMAN),
        matrix_of(study, asked, "held out"),
        task._replace(values=values),
        harm,
    )


def _values(
    study: Study, task: Task, judged: set[str], seed: int
) -> tuple[Floats, Floats | None]:
    """What pays, and what harm is counted by; None where that is the same."""
    if study.snapshot is None:
        return task.values, None
    ratings = study.snapshot.values
    raters = [one for one in ratings.raters(task.dimension) if one not in judged]
    if len(raters) < 2:
        return task.values, None
    paying, judging = (
        ratings.only(half).mean(task.dimension) for half in halved(raters, seed=seed)
    )
    both = (paying, judging)
    if any(np.isnan(one).any() for one in both) or not _can_harm(judging, task):
        alone = ratings.only(raters).mean(task.dimension)
        return (task.values if np.isnan(alone).any() else alone), None
    return paying, judging


def _can_harm(values: Floats, task: Task) -> bool:
    return bool(0 < (values < task.threshold).mean() < 1)


def _kernels(study: Study, one: Halving) -> dict[str, Floats]:
    """The human kernel of this halving, and all others matched to it."""
    chosen = study.settings
    human = as_kernel(one.human, completion=chosen.completion, repair=chosen.repair)
    made = {HUMAN: human.values}
    for kernel in study.kernels[1:]:
        made[kernel.name] = matched(
            kernel.matrix,
            as_matrix(human),
            completion=chosen.completion,
            repair=chosen.repair,
        ).values
    return made


def _cells(study: Study) -> list[PaperCell]:
    cells = []
    for number in range(study.settings.beyond.halvings):
        one = halving(study, number)
        for name, kernel in {**_kernels(study, one), NONE: None}.items():
            labels: Row = {"kernel": name, "halving": number, "apart": one.apart}
            labels["alignment"] = _alignment(study, one, name)
            agent = PLAIN if kernel is None else study.settings.primary_agent
            cells.append(
                study.cell(labels, agent, kernel, one.task, harm_values=one.harm_values)
            )
    return cells


def _alignment(study: Study, one: Halving, name: str) -> float:
    if name == NONE:
        return float("nan")
    by_name = {kernel.name: kernel.matrix for kernel in study.kernels}
    matrix = one.human if name == HUMAN else by_name[name]
    return spearman(matrix.pairs(), one.held_out.pairs())


def _tables(study: Study, outcomes: Outcomes, earlier: Tables) -> Found:
    task = study.primary
    rows: list[Row] = []
    for cell, results in outcomes:
        reward, _ = mean_and_error(results[UNSEEN, "mean_reward"])
        share, _ = mean_and_error(results[UNSEEN, task.share_metric])
        names = ("halving", "kernel", "alignment", "apart")
        told = {"mean_reward": reward, "below_share": share}
        rows.append({name: cell.labels[name] for name in names} | told)
    kernels = [HUMAN, *(kernel.name for kernel in study.kernels[1:]), NONE]
    by_kernel = [_over_halvings(rows, kernel) for kernel in kernels]
    gaps = [_gap(rows, kernel) for kernel in kernels[1:]]
    tables = {TABLE: rows, BY_KERNEL: by_kernel, GAPS: gaps}
    return Found(tables, _lines(study, rows, by_kernel, gaps))


def _column(rows: list[Row], kernel: str, name: str) -> Floats:
    return np.array([row[name] for row in rows if row["kernel"] == kernel])


def _over_halvings(rows: list[Row], kernel: str) -> Row:
    """Mean and 95 % range over the halvings."""
    line: Row = {"kernel": kernel}
    for name in ("alignment", "mean_reward", "below_share"):
        line |= _spread(name, _column(rows, kernel, name))
    return line


def _gap(rows: list[Row], other: str) -> Row:
    """Human minus another, within each halving."""
    gap = _column(rows, HUMAN, "below_share") - _column(rows, other, "below_share")
    less = {"share_of_halvings_less": float((gap < 0).mean())}
    return {"kernel": HUMAN, "minus": other} | _spread("below_share", gap) | less


def _spread(name: str, values: Floats) -> dict[str, Any]:
    if np.isnan(values).all():
        return {name: np.nan, f"{name}_low": np.nan, f"{name}_high": np.nan}
    low, high = np.nanpercentile(values, [2.5, 97.5])
    mean = float(np.nanmean(values))
    return {name: mean, f"{name}_low": float(low), f"{name}_high": float(high)}


def _lines(
    study: Study, rows: list[Row], by_kernel: list[Row], gaps: list[Row]
) -> list[str]:
    task, n = study.primary, study.settings.beyond.halvings
    apart = sum(row["apart"] for row in rows if row["kernel"] == HUMAN)
    lines = [
        f"Values: {task.dimension}; {AGENTS[study.settings.primary_agent].label}; matched"
        f" kernels; unseen actions. Mean and 95 % range over {n} random halvings of the"
        f" {len(similarity_raters(study))} people who judged similarity; halvings share"
        " people, so that the range is no confidence interval. Values come from people who"
        " judged no similarity, where there are such"
        + (
            f"; in {apart} halvings one half of them paid and the other decided what is"
            " harm."
            if apart
            else "; too few rated every action for one half to pay and the other to decide"
            " what is harm."
        ),
    ]
    table = [
        {"kernel": row["kernel"]}
        | {name: _range(row, name) for name in ("alignment", "below_share")}
        for row in by_kernel
    ]
    heads = {"kernel": "kernel", "alignment": "alignment with the other half"}
    lines += markdown(table, heads | {"below_share": f"share {task.word}"})
    lines += [
        f"Human minus {row['minus']}: {_range(row, 'below_share')}; less in"
        f" {row['share_of_halvings_less']:.0%} of the halvings."
        for row in gaps
    ]
    if len(study.models) >= MIN_MODELS:
        lines.append(_over_models(study, rows))
    return lines


def _range(row: Row, name: str) -> str:
    value, low, high = (row[f"{name}{end}"] for end in ("", "_low", "_high"))
    if np.isnan(value):
        return "-"
    return f"{shown(value)} ({shown(low)} to {shown(high)})"


def _over_models(study: Study, rows: list[Row]) -> str:
    """Spearman over models within each halving."""
    names = [kernel.name for kernel in study.models]
    found = []
    for number in range(study.settings.beyond.halvings):
        mine = [row for row in rows if row["halving"] == number]
        by = {row["kernel"]: row for row in mine}
        x, y = (
            np.array([by[name][column] for name in names])
            for column in ("alignment", "below_share")
        )
        found.append(spearman(x, y))
    line = _spread("rho", np.array(found))
    return (
        f"Over {len(names)} models the Spearman of the share with alignment is"
        f" {_range(line, 'rho')} over the halvings."
    )


def _why_not(study: Study) -> str:
    if why := why_no_people(study):
        return why
    n = len(similarity_raters(study))
    return (
        "" if n >= MIN_PEOPLE else f"{n} people judged similarity, below {MIN_PEOPLE}"
    )


PART = Part(
    "halvings",
    "Cross-fit: other halves of the people",
    _cells,
    _tables,
    _why_not,
)
