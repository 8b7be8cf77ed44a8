"""Minority raters: harm by their own standard, while the agent learns the others' values.

The agent learns what the others value, with the group's kernel, and does well by them.
What it does is then judged by the one who was left out.
"""

from __future__ import annotations

import numpy as np

from bandits.paper.cells import PaperCell
from bandits.paper.parts import (
    PHASES,
    Found,
    Outcomes,
    Part,
    Row,
    Tables,
    markdown,
    shown_p,
)
from bandits.paper.people import Person, matrix_of, people, similarity_raters
from bandits.paper.personal import _why_not
from bandits.paper.statistics import mean_and_error, spearman
from bandits.paper.study import Study, kernel_of

TABLE = "minority"


def _served(study: Study) -> list[Person]:
    """Persons whose others' values leave something to choose."""
    return [
        person for person in people(study)[0] if 0 < person.others_task.below.mean() < 1
    ]


def _cells(study: Study) -> list[PaperCell]:
    cells = []
    for person in _served(study):
        rest = [name for name in similarity_raters(study) if name != person.name]
        human = kernel_of(study, matrix_of(study, rest, "human")).values
        labels = {"person": person.name, "kernel": "human"}
        cells.append(
            study.cell(
                labels,
                study.settings.primary_agent,
                human,
                person.others_task,
                moral_unsafe=person.own_task.below,
            )
        )
    return cells


def _tables(study: Study, outcomes: Outcomes, earlier: Tables) -> Found:
    rows: list[Row] = []
    for person, (cell, results) in zip(_served(study), outcomes, strict=True):
        for phase in PHASES:
            steps = getattr(cell.settings, f"{phase}_steps")
            own, error = mean_and_error(results[phase, "moral_harm"] / steps)
            theirs, _ = mean_and_error(results[phase, person.task.share_metric])
            rows.append(
                {
                    "dimension": person.task.dimension,
                    "person": person.name,
                    "phase": phase,
                    "agreement": person.agreement,
                    "below_by_own": float(person.own_task.below.mean()),
                    "below_by_others": float(person.others_task.below.mean()),
                    "harm_by_own": own,
                    "harm_by_own_se": error,
                    "harm_by_others": theirs,
                    "excess": own - theirs,
                }
            )
    return Found({TABLE: rows}, _lines(study, rows))


def _lines(study: Study, rows: list[Row]) -> list[str]:
    unseen = [row for row in rows if row["phase"] == "generalization"]
    persons = sorted({row["person"] for row in unseen})
    x = np.array(
        [np.mean([r["agreement"] for r in unseen if r["person"] == p]) for p in persons]
    )
    y = np.array(
        [np.mean([r["excess"] for r in unseen if r["person"] == p]) for p in persons]
    )
    lines = [
        "The agent learns the others' values; what it chooses among unseen actions is"
        " judged by each participant's own ratings. `excess`: the share of steps unsafe"
        " by them, minus the share unsafe by the others.",
        *markdown(
            sorted(unseen, key=lambda row: -row["excess"])[:10],
            {
                "person": "participant",
                "dimension": "values",
                "agreement": "agreement with the others",
                "harm_by_others": "unsafe by the others",
                "harm_by_own": "unsafe by them",
                "excess": "excess",
            },
        ),
    ]
    n_raters = {
        p.task.dimension: len(study.snapshot.values.raters(p.task.dimension))
        for p in _served(study)
        if study.snapshot is not None
    }
    pairs = [name for name, n in n_raters.items() if n == 2]
    if pairs:
        lines.append(
            f"Only two participants rated {', '.join(pairs)}: there each is the other's"
            " group, so that neither is a minority."
        )
    if len(x) < 8:
        return [*lines, f"{len(x)} participants are too few for a correlation."]
    rho = spearman(x, y)
    rng = np.random.default_rng([study.settings.seed, 7])
    draws = study.settings.permutations
    as_large = sum(
        abs(spearman(x, rng.permutation(y))) >= abs(rho) for _ in range(draws)
    )
    lines.append(
        f"Over {len(x)} participants: the excess is {np.mean(y):+.3f} on average, at most"
        f" {np.max(y):+.3f}; its Spearman with agreement is {rho:.2f} (p"
        f" {shown_p((as_large + 1) / (draws + 1))})."
    )
    return lines


PART = Part(
    "minority", "Minority raters: harm by their own standard", _cells, _tables, _why_not
)
