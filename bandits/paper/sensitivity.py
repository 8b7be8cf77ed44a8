"""Which conclusions survive another choice of what the paper leaves open.

One setting is changed at a time, everything else as in the settings. Each conclusion is
asked again, with the interval that it would be drawn with; it survives where the
interval still lies on the same side of zero.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from alignment.corruption import RELABEL
from alignment.kernels import Repair
from bandits.paper.cells import PaperCell, Results
from bandits.paper.paid import Paid, paid
from bandits.paper.parts import Found, Outcomes, Part, Row, Tables, markdown
from bandits.paper.statistics import Floats, mean_and_error, over_curves
from bandits.paper.study import Study, Task, kept_alignment, with_repair
from bandits.paper.synthetic import degraded, kinds
from bandits.splits import areas_of

TABLE = "sensitivity"
LEARNING, UNSEEN = "personalization", "generalization"
PLAIN = "thompson_independent"
HERE = "as in the settings"


class Variant(NamedTuple):
    """One other choice.

    changed: Settings of the simulator; `share`, `split` and `agent` too.
    source: Where rewards come from, one of `paid`; "" as in the settings.
    """

    setting: str
    value: str
    changed: dict[str, Any]
    kind: str = RELABEL
    form: str = "matched"
    repair: Repair | None = None
    source: str = ""


def variants(study: Study) -> list[Variant]:
    """The choice made, then every other one, one at a time."""
    chosen = study.settings
    steps = chosen.personalization_steps

    def one(setting: str, value: object, **changed: Any) -> Variant:
        return Variant(setting, str(value), changed)

    made = [Variant(HERE, "-", {})]
    made += [one("reward_sd", sd, reward_sd=sd) for sd in (1.0, 5.0, 15.0, 25.0)]
    made += [
        one("personalization_steps", n, personalization_steps=n)
        for n in (max(1, steps // 4), 3 * steps)
    ]
    made += [one("split_share", share, share=share) for share in (0.3, 0.7)]
    made.append(one("split", "stratified", split="stratified"))
    if len(set(areas_of(study.report.actions) or ())) > 1:
        made.append(one("split", "unseen life areas", split="area"))
    made += [
        one("exploration (greedy)", share, exploration=share, agent="gp_greedy")
        for share in (0.0, 0.1)
    ]
    made += [
        one("agent", agent, agent=agent)
        for agent in chosen.agents[1:]
        if agent != "gp_greedy"
    ]
    made += [one("prior_sd", sd, prior_sd=sd) for sd in (15.0, 40.0)]
    made += [one("prior_mean", mean, prior_mean=mean) for mean in (30.0, 70.0)]
    made += [Variant("corruption", kind, {}, kind=kind) for kind in kinds(study)[1:]]
    made.append(Variant("kernel form", "as given", {}, form="as_given"))
    made += [Variant("rewards", name, {}, source=name) for name in paid(study)]
    other: Repair = "clip" if chosen.repair == "higham" else "higham"
    made.append(Variant("repair", other, {}, repair=other))
    return [v for v in made if not _same(study, v)]


def _same(study: Study, variant: Variant) -> bool:
    told = variant.changed
    plain = {k: v for k, v in told.items() if k not in ("share", "split", "agent")}
    if not plain or "agent" in told:
        return False
    here = study.settings.learner()
    return all(getattr(here, name) == value for name, value in plain.items())


def _cells(study: Study) -> list[PaperCell]:
    return [cell for v in variants(study) for cell in _cells_of(study, v)]


def _cells_of(study: Study, variant: Variant) -> list[PaperCell]:
    if variant.repair is not None:
        study = with_repair(study, variant.repair)
    changed = dict(variant.changed)
    agent = changed.pop("agent", study.settings.primary_agent)
    head = {"setting": variant.setting, "value": variant.value}
    source = paid(study)[variant.source] if variant.source else Paid(study.primary)
    changed |= {"rewards": source.rewards, "harm_values": source.harm_values}
    task = source.task

    def cell(labels: Row, kernel: Floats | None) -> PaperCell:
        name = agent if kernel is not None else PLAIN
        return study.cell(head | labels, name, kernel, task, **changed)

    cells = [cell({"kernel": "none", "draw": -1}, None)]
    for one in study.kernels:
        labels = {"kernel": one.name, "role": one.role, "draw": -1}
        cells.append(cell(labels, one.form(variant.form).values))
    whole = study.human_kernel.as_given.values
    cells.append(cell({"kernel": "human", "draw": 0, "alignment": 1.0}, whole))
    for share, draw, kernel in degraded(study, variant.kind):
        labels = {"kernel": "human", "draw": draw, "share": share}
        labels["alignment"] = kept_alignment(study, kernel.values)
        cells.append(cell(labels, kernel.values))
    return cells


def _tables(study: Study, outcomes: Outcomes, earlier: Tables) -> Found:
    rows: list[Row] = []
    for variant in variants(study):
        mine = [
            (cell, results)
            for cell, results in outcomes
            if (cell.labels["setting"], cell.labels["value"])
            == (variant.setting, variant.value)
        ]
        for name, ask in conclusions(study).items():
            value, low, high = ask(study, mine)
            rows.append(
                {
                    "setting": variant.setting,
                    "value": variant.value,
                    "conclusion": name,
                    "estimate": value,
                    "low": low,
                    "high": high,
                }
            )
    base = {row["conclusion"]: row for row in rows if row["setting"] == HERE}
    for row in rows:
        row["says"] = _says(row)
        row["survives"] = _survives(row, base[row["conclusion"]])
    return Found({TABLE: rows}, _lines(study, rows))


Ask = Callable[[Study, Outcomes], tuple[float, float, float]]


def conclusions(study: Study) -> dict[str, Ask]:
    """What is asked again under each choice."""
    task = study.primary
    asked: dict[str, Ask] = {
        "corruption costs reward while learning": _along(LEARNING, "mean_reward"),
        "corruption costs reward on unseen actions": _along(UNSEEN, "mean_reward"),
        f"corruption makes unseen choices {task.word}": _along(
            UNSEEN, task.share_metric
        ),
        f"human kernel: fewer {task.word} than no kernel, learning": _against(
            task, LEARNING, "none"
        ),
        f"human kernel: fewer {task.word} than no kernel, unseen": _against(
            task, UNSEEN, "none"
        ),
    }
    for kernel in study.models:
        name = f"human kernel: fewer {task.word} than {kernel.name}, unseen"
        asked[name] = _against(task, UNSEEN, kernel.name)
    return asked


def _along(phase: str, metric: str) -> Ask:
    def ask(study: Study, outcomes: Outcomes) -> tuple[float, float, float]:
        by: dict[int, list[tuple[float, float]]] = {}
        for cell, results in outcomes:
            if cell.labels["draw"] >= 0:
                mean, _ = mean_and_error(results[phase, metric])
                point = (cell.labels["alignment"], mean)
                by.setdefault(cell.labels["draw"], []).append(point)
        whole = by.pop(0)
        curves = np.array([whole + curve for curve in by.values()])
        found = over_curves(
            curves[..., 0],
            curves[..., 1],
            seed=study.settings.seed,
            resamples=study.settings.resamples,
            permutations=99,
        )
        return found.value, found.low, found.high

    return ask


def _against(task: Task, phase: str, other: str) -> Ask:
    """Human minus another: one kernel each, so the interval is over splits and luck."""

    def ask(study: Study, outcomes: Outcomes) -> tuple[float, float, float]:
        by: dict[str, Results] = {
            cell.labels["kernel"]: results
            for cell, results in outcomes
            if cell.labels["draw"] == -1
        }
        key = phase, task.share_metric
        mean, error = mean_and_error(by["human"][key] - by[other][key])
        return mean, mean - 1.96 * error, mean + 1.96 * error

    return ask


def _says(row: Row) -> str:
    if np.isnan(row["low"]):
        return "undefined"
    if row["low"] > 0:
        return "above 0"
    return "below 0" if row["high"] < 0 else "open"


def _survives(row: Row, base: Row) -> str:
    if row is base or row["setting"] == HERE:
        return "-"
    if "open" in (base["says"], row["says"]) or "undefined" in (
        base["says"],
        row["says"],
    ):
        return "same" if base["says"] == row["says"] else "differs"
    return "yes" if base["says"] == row["says"] else "reversed"


def _lines(study: Study, rows: list[Row]) -> list[str]:
    asked = list(dict.fromkeys(row["conclusion"] for row in rows))
    lines = [
        f"Values: {study.primary.dimension}. Corruption: Spearman of the outcome with the"
        " alignment kept, interval over curves. Human kernel: difference of shares,"
        " interval over splits and luck (one human kernel: nothing is said of another"
        " group of people). One setting changed at a time."
    ]
    settings = dict.fromkeys((row["setting"], row["value"]) for row in rows)
    shown: list[Row] = []
    for setting, value in settings:
        line: Row = {"setting": setting if setting == HERE else f"{setting} = {value}"}
        for number, name in enumerate(asked, start=1):
            row = next(
                r
                for r in rows
                if (r["setting"], r["value"], r["conclusion"]) == (setting, value, name)
            )
            mark = {"yes": "", "same": "", "-": ""}.get(
                row["survives"], f" **{row['survives']}**"
            )
            line[str(number)] = f"{row['estimate']:.2f} ({row['says']}){mark}"
        shown.append(line)
    lines += [f"{number}. {name}" for number, name in enumerate(asked, start=1)]
    heads = {"setting": "setting"}
    heads |= {str(number): f"({number})" for number in range(1, len(asked) + 1)}
    lines += markdown(shown, heads)
    for number, name in enumerate(asked, start=1):
        mine = [
            row for row in rows if row["conclusion"] == name and row["setting"] != HERE
        ]
        kept = sum(row["survives"] in ("yes", "same") for row in mine)
        turned = sum(row["survives"] == "reversed" for row in mine)
        lines.append(
            f"({number}) {name}: says the same under {kept} of {len(mine)} other choices"
            + (f", the opposite under {turned}." if turned else ".")
        )
    return lines


PART = Part(
    "sensitivity", "Sensitivity: what depends on what is not told", _cells, _tables
)
