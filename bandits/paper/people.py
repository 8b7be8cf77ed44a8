"""Single participants: their own values, the group without them, their own noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from alignment.judgments import ValueJudgments
from alignment.matrices import SimilarityMatrix
from bandits.paper.statistics import Floats, spearman
from bandits.paper.study import NO_SNAPSHOT, Study, Task

REPEATS = 10
"""Actions rated twice below which a person's own noise is not measured."""
MUTE = 0.5
"""A person whose repeats correlate less is shown apart."""


@dataclass(frozen=True, eq=False)
class Person:
    """A participant with a value for every action of one dimension.

    values: (n_actions,) their own. others: the group's without them.
    noise_sd: Of one rating around the person's own mean, points.
    n_repeats, repeat_r: Actions rated twice, and how the two ratings correlate.
    agreement: Spearman of own values with the others'.
    """

    name: str
    task: Task
    values: Floats
    others: Floats
    noise_sd: float
    n_repeats: int
    repeat_r: float

    @property
    def agreement(self) -> float:
        """Spearman of own values with the others'."""
        return spearman(self.values, self.others)

    @property
    def own_task(self) -> Task:
        """The person's values as the reward, at the study's threshold."""
        return self.task._replace(values=self.values)

    @property
    def others_task(self) -> Task:
        """The others' values as the reward."""
        return self.task._replace(values=self.others)

    @property
    def degenerate(self) -> bool:
        """Whether by this person every action, or none, lies below the threshold."""
        return all(self.own_task.below) or not any(self.own_task.below)


def why_no_people(study: Study) -> str:
    """Why there are no single raters to work with, or ""."""
    return "" if study.snapshot is not None else study.snapshot_note or NO_SNAPSHOT


def people(study: Study) -> tuple[list[Person], list[str]]:
    """Everyone with a whole vector of values, and why others are left out."""
    if study.snapshot is None:
        return [], [why_no_people(study)]
    found, notes = [], []
    for task in study.tasks:
        judged = study.snapshot.values
        raters = judged.raters(task.dimension)
        complete = judged.complete_raters(task.dimension)
        if len(complete) < len(raters):
            notes.append(
                f"{task.dimension}: {len(raters) - len(complete)} of {len(raters)}"
                " participants left an action out, and nothing is imputed."
            )
        for rater in complete:
            rest = judged.only([other for other in raters if other != rater])
            others = rest.mean(task.dimension)
            if np.isnan(others).any():
                alone = int(np.isnan(others).sum())
                were = "action was" if alone == 1 else "actions were"
                notes.append(
                    f"{task.dimension}: {alone} {were} judged by {rater} alone, so"
                    " there is no group without them."
                )
                continue
            n, r, sd = own_noise(judged, rater, task.dimension)
            person = Person(
                rater,
                task,
                judged.vector(rater, task.dimension),
                others,
                sd if n >= REPEATS else study.settings.beyond.own_noise_sd,
                n,
                r,
            )
            if person.degenerate:
                notes.append(
                    f"{task.dimension}: by {rater}'s own ratings every action, or none,"
                    " lies below the threshold."
                )
                continue
            found.append(person)
    return found, notes


def own_noise(
    judged: ValueJudgments, rater: str, dimension: str
) -> tuple[int, float, float]:
    """Actions rated twice, the correlation of the two, and the sd of one rating.

    NaN where fewer than two actions were rated twice.
    """
    mine = (judged.rater == rater) & (judged.dimension == dimension)
    pairs = []
    for action in np.unique(judged.action[mine]):
        ratings = judged.value[mine & (judged.action == action)]
        if len(ratings) > 1:
            pairs.append(ratings[:2])
    if len(pairs) < 2:
        return len(pairs), np.nan, np.nan
    first, second = np.array(pairs).T
    sd = float(np.sqrt(np.mean((first - second) ** 2) / 2))
    return len(pairs), spearman(first, second), sd


def matrix_of(study: Study, raters: Sequence[str], name: str) -> SimilarityMatrix:
    """The mean similarities of some participants."""
    assert study.snapshot is not None
    return study.snapshot.similarities.mean(np.array(list(raters)), rater=name)


def similarity_raters(study: Study) -> tuple[str, ...]:
    """Who judged similarities."""
    return () if study.snapshot is None else study.snapshot.similarities.raters


def best_model(study: Study, outcomes: Sequence[dict[str, object]]) -> str:
    """The model's kernel that does best for the group, chosen before any person is.

    Args:
        outcomes: Rows of part 2's outcomes.

    Returns:
        Its name; "" where there is no model.
    """
    models = {kernel.name for kernel in study.models}
    rows = [
        row
        for row in outcomes
        if row["kernel"] in models
        and row["form"] == "matched"
        and row["agent"] == study.settings.primary_agent
        and row["dimension"] == study.primary.dimension
        and row["phase"] == "generalization"
    ]
    best = min(rows, key=lambda row: float(str(row["below_share"])), default=None)
    return str(best["kernel"]) if best else ""
