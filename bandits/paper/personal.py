"""Personal values: for whom does the group's kernel make learning unsafe?

Each participant who judged every action is a task of their own: their ratings are the
reward, and they decide what is unsafe. The kernel is the group's without them. Nobody
agrees with the group perfectly, if only because nobody rates one action twice alike:
the null is a simulated person with the group's values and that person's own noise.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

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
from bandits.paper.people import (
    MUTE,
    Person,
    matrix_of,
    people,
    similarity_raters,
    why_no_people,
)
from bandits.paper.statistics import Floats, mean_and_error, of_units, spearman
from bandits.paper.study import Study, kernel_of
from bandits.policies import AGENTS

TABLE, NULL = "personal", "personal_null"
NO_KERNEL = "none"
PLAIN = "thompson_independent"


def _why_not(study: Study) -> str:
    if why := why_no_people(study):
        return why
    found, notes = people(study)
    return (
        "" if found else f"no participant can be a task of their own: {' '.join(notes)}"
    )


def twins(study: Study, person: Person, place: int) -> list[Person]:
    """Simulated persons with the group's values and this person's noise."""
    rng = np.random.default_rng([study.settings.seed, 19, place])
    made = []
    for _ in range(study.settings.beyond.null_persons):
        noise = person.noise_sd * rng.normal(size=len(person.others))
        one = replace(person, values=np.clip(person.others + noise, 0, 100))
        if not one.degenerate:
            made.append(one)
    return made


def _cells(study: Study) -> list[PaperCell]:
    cells = []
    models = {kernel.name: kernel.matched.values for kernel in study.models}
    for place, person in enumerate(people(study)[0]):
        rest = [name for name in similarity_raters(study) if name != person.name]
        human = kernel_of(study, matrix_of(study, rest, "human")).values
        for number, one in enumerate([person, *twins(study, person, place)]):
            kernels: dict[str, Floats | None] = {"human": human, NO_KERNEL: None}
            kernels |= models
            for name, kernel in kernels.items():
                labels = {"person": person.name, "twin": number, "kernel": name}
                agent = PLAIN if kernel is None else study.settings.primary_agent
                runs = study.settings.beyond.person_runs
                cells.append(
                    study.cell(labels, agent, kernel, one.own_task, n_runs=runs)
                )
    return cells


def _tables(study: Study, outcomes: Outcomes, earlier: Tables) -> Found:
    found, notes = people(study)
    by = {
        (
            cell.labels["dimension"],
            cell.labels["person"],
            cell.labels["twin"],
            cell.labels["kernel"],
        ): results
        for cell, results in outcomes
    }
    model = _best_model(study, by, found)
    rows, null = [], []
    for place, person in enumerate(found):
        for phase in PHASES:
            own = _harms(study, by, person, 0, phase, model)
            drawn = [
                _harms(study, by, person, number, phase, model)
                for number in range(1, 1 + len(twins(study, person, place)))
            ]
            rows.append(_row(person, phase, own, drawn))
            null += [
                {"dimension": person.task.dimension, "person": person.name}
                | {"phase": phase, "twin": number}
                | one
                for number, one in enumerate(drawn, start=1)
            ]
    return Found({TABLE: rows, NULL: null}, _lines(study, rows, notes, model))


def _best_model(study: Study, by: dict[Any, Any], found: list[Person]) -> str:
    """The model that does best for the twins: for the group, never for the persons."""
    scores = {}
    for kernel in study.models:
        harms = [
            mean_and_error(results[PHASES[1], _metric(found, dimension)])[0]
            for (dimension, _, twin, name), results in by.items()
            if twin > 0 and name == kernel.name
        ]
        scores[kernel.name] = float(np.mean(harms))
    return min(scores, key=lambda name: scores[name], default="")


def _metric(found: list[Person], dimension: str) -> str:
    return next(p.task.share_metric for p in found if p.task.dimension == dimension)


def _harms(
    study: Study, by: dict[Any, Any], person: Person, twin: int, phase: str, model: str
) -> dict[str, float]:
    """Shares below the threshold, by kernel, and the two differences that matter."""

    def share(kernel: str) -> Floats:
        results = by[person.task.dimension, person.name, twin, kernel]
        found: Floats = results[phase, person.task.share_metric]
        return found

    human, none = share("human"), share(NO_KERNEL)
    told = {
        "human": mean_and_error(human)[0],
        "no_kernel": mean_and_error(none)[0],
        "human_minus_none": mean_and_error(human - none)[0],
        "human_minus_none_se": mean_and_error(human - none)[1],
    }
    if model:
        gap = share(model) - human
        told |= {"model": mean_and_error(share(model))[0]}
        told |= dict(zip(("benefit", "benefit_se"), mean_and_error(gap), strict=True))
    return told


def _row(
    person: Person, phase: str, own: dict[str, float], drawn: list[dict[str, float]]
) -> Row:
    row: Row = {
        "dimension": person.task.dimension,
        "person": person.name,
        "phase": phase,
        "agreement": person.agreement,
        "n_repeats": person.n_repeats,
        "repeat_r": person.repeat_r,
        "apart": bool(person.repeat_r < MUTE),
        "noise_sd": person.noise_sd,
        "below": float(person.own_task.below.mean()),
    }
    row |= own
    for name in ("human_minus_none", "benefit"):
        if name not in own:
            continue
        null = np.array([one[name] for one in drawn])
        low, middle, high = np.percentile(null, [2.5, 50, 97.5])
        worse = null >= own[name] if name == "human_minus_none" else null <= own[name]
        row |= {
            f"{name}_null": float(middle),
            f"{name}_null_low": float(low),
            f"{name}_null_high": float(high),
            f"{name}_p": float((worse.sum() + 1) / (len(null) + 1)),
        }
    return row


def _lines(study: Study, rows: list[Row], notes: list[str], model: str) -> list[str]:
    agent = AGENTS[study.settings.primary_agent].label
    persons = {row["person"] for row in rows}
    measured = {row["person"] for row in rows if row["n_repeats"] >= 10}
    lines = [
        f"{agent} learns each participant's own ratings with the group's kernel without"
        f" them; {len(persons)} participants, {len(rows) // 2} tasks. `harm` is the share"
        " of steps below that person's own threshold, human kernel minus no kernel;"
        " p: how rarely a simulated person with the others' values and this person's"
        " own noise is served as badly.",
        *(f"- {note}" for note in notes),
    ]
    if len(measured) < len(persons):
        lines.append(
            f"- {len(persons) - len(measured)} of {len(persons)} have fewer than 10"
            " repeats: their own noise is not known and is set to"
            f" {study.settings.beyond.own_noise_sd:g} points, so their null is only as"
            " good as that number."
        )
    unseen = [row for row in rows if row["phase"] == "generalization"]
    lines += markdown(
        sorted(unseen, key=lambda row: -row["human_minus_none"])[:12],
        {
            "person": "participant",
            "dimension": "values",
            "agreement": "agreement with the others",
            "human": "human kernel",
            "no_kernel": "no kernel",
            "human_minus_none": "harm",
            "human_minus_none_null": "harm, null",
            "human_minus_none_p": "p",
        },
    )
    if len(unseen) > 12:
        lines.append(f"The 12 served worst of {len(unseen)}; all stand in the table.")
    hurt = [row for row in unseen if row["human_minus_none"] > 0]
    ill = [row for row in unseen if row["human_minus_none_p"] < 0.05]
    lines += [
        f"Unseen actions: the human kernel makes learning less safe than no kernel for"
        f" {len(hurt)} of {len(unseen)}; worse than their null allows (p < .05) for"
        f" {len(ill)}, where {0.05 * len(unseen):.1f} are expected of luck.",
        _trend(study, unseen),
    ]
    if model:
        lines.append(_benefit(study, unseen, model))
    return lines


def _by_person(rows: list[Row], name: str) -> tuple[Floats, Floats]:
    """Agreement and an outcome, one number a person: two tasks of one are not two."""
    persons = sorted({row["person"] for row in rows})
    x = [np.mean([r["agreement"] for r in rows if r["person"] == p]) for p in persons]
    y = [np.mean([r[name] for r in rows if r["person"] == p]) for p in persons]
    return np.array(x), np.array(y)


def _trend(study: Study, rows: list[Row]) -> str:
    x, y = _by_person(rows, "human_minus_none")
    if len(x) < 8:
        return f"{len(x)} participants are too few to ask who they are."
    rho = spearman(x, y)
    rng = np.random.default_rng(study.settings.seed)
    draws = study.settings.permutations
    as_large = sum(
        abs(spearman(x, rng.permutation(y))) >= abs(rho) for _ in range(draws)
    )
    p = (as_large + 1) / (draws + 1)
    return (
        f"Over {len(x)} participants the Spearman of that harm with agreement with the"
        f" others is {rho:.2f} (permutation over participants, p {shown_p(p)})."
    )


def _benefit(study: Study, rows: list[Row], model: str) -> str:
    _, y = _by_person(rows, "benefit")
    found = of_units(y, seed=study.settings.seed, resamples=study.settings.resamples)
    return (
        f"Benefit of the human kernel over {model}, the model that serves the group best:"
        f" {found.value:.3f} less of the steps below the threshold"
        f" [{found.low:.3f}, {found.high:.3f}], p {shown_p(found.p)} over"
        f" {len(y)} participants."
    )


PART = Part(
    "personal",
    "Personal values: whom the group's kernel serves",
    _cells,
    _tables,
    _why_not,
)
