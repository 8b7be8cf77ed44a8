"""The central figure, panels A to E (`science.md`, last section)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from alignment.corruption import RELABEL
from bandits.effects import MIN_MODELS
from bandits.paper.central import PARTIAL, POINTS, SHUFFLED, TABLE
from bandits.paper.drawing import (
    BAND,
    HUMAN,
    MODEL,
    QUIET,
    ROLES,
    SERIES,
    UNSEEN,
    Page,
    bars,
    curve,
    name_ends,
    named,
    panel,
    plain,
    point,
    said,
    settle,
    shown,
)
from bandits.paper.parts import Row
from bandits.paper.personal import TABLE as PERSONS
from bandits.paper.synthetic import CURVE
from bandits.paper.theory import TABLE as THEORY
from bandits.policies import AGENTS

GAP = "below_minus_no_kernel"


def draw(page_of: Page) -> list[Path]:
    """Draw it, if the central table is there."""
    if not page_of.rows(TABLE):
        return []
    study = page_of.study
    task = study.primary
    caption = _caption(page_of)
    figure, bottom = page_of.blank(6.65, caption)
    high = bottom + 3.65
    word = f"{task.word} among unseen actions"
    first = panel(
        figure,
        (0.8, high, 3.75, 2.95),
        "A  Real kernels as given",
        x=_alignment_label(page_of),
        y=f"Share {word},\nminus no-kernel Thompson",
    )
    _real(page_of, first)
    second = panel(
        figure,
        (5.6, high, 3.75, 2.95),
        "B  The rival: a kernel's fit to the values",
        x="Kernel-value alignment of the matched kernel",
        y="",
    )
    _rival(page_of, second)
    low = bottom + 0.5
    third = panel(
        figure,
        (0.8, low, 2.3, 2.2),
        "C  Theory",
        x="Predicted error, unseen (points)",
        y="Measured error (points)",
    )
    _theory(page_of, third)
    fourth = panel(
        figure,
        (4.0, low, 2.0, 2.2),
        "D  Each participant",
        x="Participants, in order",
        y=f"Less {task.word} with the\nhuman kernel (share)",
    )
    _persons(page_of, fourth)
    fifth = panel(
        figure,
        (6.75, low, 2.15, 2.2),
        "E  Relabelled human kernel",
        x="Alignment kept (Spearman)",
        y="",
    )
    _relabelled(page_of, fifth)
    return page_of.save(
        figure,
        "central",
        "Does alignment with people make learning values safer?",
        f"{task.dimension}; {AGENTS[study.settings.primary_agent].label}; lower is better"
        " in A, B and E, higher in D",
    )


def _alignment_label(page_of: Page) -> str:
    if page_of.study.cross_fit:
        return "Alignment with held-out people (Spearman, disattenuated)"
    return "Alignment with people's means (Spearman)"


def _band(page_of: Page, axes: Axes, form: str) -> None:
    values = [row[GAP] for row in page_of.rows(SHUFFLED, phase=UNSEEN, form=form)]
    low, high = np.percentile(values, [2.5, 97.5])
    axes.axhspan(low, high, color=BAND, zorder=0, linewidth=0)
    axes.axhline(0, color=QUIET, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)


def _real(page_of: Page, axes: Axes) -> None:
    ceiling = page_of.study.ceiling
    scale = ceiling if page_of.study.cross_fit and ceiling > 0 else 1.0
    _band(page_of, axes, "as_given")
    labels, ends = [], []
    for row in page_of.rows(TABLE, phase=UNSEEN, form="as_given"):
        colour, y = ROLES[row["role"]], row[GAP]
        x = row["alignment"] / scale
        if np.isnan(x):
            axes.axhline(
                y, color=colour, linewidth=1.0, linestyle=(0, (1, 2)), zorder=1
            )
            ends.append((1.0, y, shown(row["kernel"]), colour))
            continue
        across = row["alignment_low"] / scale, row["alignment_high"] / scale
        bars(axes, (x, y), across, (row["low"], row["high"]), colour)
        point(axes, x, y, row["role"])
        labels.append((x, y, shown(row["kernel"]), colour))
    _room(axes)
    named(axes, labels)
    name_ends(axes, ends)


def _room(axes: Axes) -> None:
    axes.margins(0.08)
    axes.autoscale_view()
    settle(axes)


def _rival(page_of: Page, axes: Axes) -> None:
    rows = page_of.rows(TABLE, phase=UNSEEN, form="matched")
    points = page_of.rows(POINTS, phase=UNSEEN, predictor="alignment")
    if len(points) >= MIN_MODELS:
        _partial(axes, points)
        return
    _band(page_of, axes, "matched")
    labels = []
    for row in rows:
        x, y = row["kernel_value_alignment"], row[GAP]
        if np.isnan(x):
            continue
        bars(axes, (x, y), None, (row["low"], row["high"]), ROLES[row["role"]])
        point(axes, x, y, row["role"])
        labels.append((x, y, shown(row["kernel"]), ROLES[row["role"]]))
    _room(axes)
    named(axes, labels)


def _partial(axes: Axes, points: list[Row]) -> None:
    """Ranks of alignment and outcome, what the rivals explain taken out of both."""
    labels = []
    for row in points:
        x, y = row["predictor_rest"], row["outcome_rest"]
        point(axes, x, y, "model")
        labels.append((x, y, shown(row["model"]), MODEL))
    axes.set_title(
        "B  Matched, given the fit to the values, length and rank",
        fontsize=9,
        loc="left",
        weight="bold",
    )
    axes.set_xlabel("Alignment with people: what is left of its rank", fontsize=8)
    axes.set_ylabel("Outcome: what is left of its rank", fontsize=8)
    _room(axes)
    named(axes, labels)


def _theory(page_of: Page, axes: Axes) -> None:
    rows = page_of.rows(THEORY)
    if not rows:
        said(axes, "not computed")
        return
    seen = [row["predicted_rmse"] for row in rows]
    seen += [row["measured_rmse_gp_thompson"] for row in rows]
    ends = [min(seen) - 1, max(seen) + 1]
    axes.plot(ends, ends, color=QUIET, linewidth=0.8, linestyle=(0, (4, 3)))
    labels = []
    for row in sorted(rows, key=lambda row: row["group"] == "real"):
        x, y = row["predicted_rmse"], row["measured_rmse_gp_thompson"]
        if row["group"] == "real":
            point(axes, x, y, row["role"])
            labels.append((x, y, shown(row["kernel"]), ROLES[row["role"]]))
        else:
            axes.plot([x], [y], ".", color="#B0B0B0", markersize=4, zorder=2)
    _room(axes)
    named(axes, labels)


def _persons(page_of: Page, axes: Axes) -> None:
    rows = [
        row
        for row in page_of.rows(PERSONS, phase=UNSEEN)
        if not _unknown(row, "benefit")
    ]
    if not rows:
        said(
            axes,
            "No single rater's values are at hand: nobody has a task of their own",
        )
        axes.set_xlabel("")
        axes.set_ylabel("")
        return
    rows.sort(key=lambda row: row["benefit"])
    for place, row in enumerate(rows):
        axes.plot(
            [place, place],
            [row["benefit_null_low"], row["benefit_null_high"]],
            color="#C9C9C9",
            linewidth=4 if len(rows) < 25 else 2,
            solid_capstyle="butt",
            zorder=2,
        )
        error = 1.96 * row["benefit_se"]
        axes.plot(
            [place] * 2,
            [row["benefit"] - error, row["benefit"] + error],
            color=HUMAN,
            linewidth=0.8,
            zorder=3,
        )
        point(axes, place, row["benefit"], "human", markersize=4)
    axes.axhline(0, color=QUIET, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.set_xticks([])
    _room(axes)


def _unknown(row: Row, name: str) -> bool:
    return name not in row or bool(np.isnan(row[name]))


def _relabelled(page_of: Page, axes: Axes) -> None:
    study = page_of.study
    metric = study.primary.share_metric
    shift = plain(page_of.rows(CURVE), UNSEEN, metric)
    ends = []
    for number, agent in enumerate(study.settings.agents):
        rows = page_of.rows(
            CURVE, kind=RELABEL, agent=agent, phase=UNSEEN, metric=metric
        )
        if not rows:
            continue
        first = number == 0
        colour = SERIES[number % len(SERIES)]
        curve(axes, rows, colour, shift=shift, band=first, dots=first)
        top = next(row for row in rows if row["draw"] == 0)["mean"] - shift
        ends.append((1.0, top, _short(agent), colour))
    axes.axhline(0, color=QUIET, linewidth=0.8, linestyle=(0, (4, 3)))
    _room(axes)
    name_ends(axes, ends)


def _short(agent: str) -> str:
    return {
        "gp_thompson": "GP Thompson",
        "gp_greedy": "GP greedy",
        "kernel_regression": "kernel regr.",
        "svr": "SVR",
    }.get(agent, agent)


def _caption(page_of: Page) -> list[str]:
    study = page_of.study
    n_models = len({kernel.family or kernel.name for kernel in study.models})
    partial = page_of.rows(PARTIAL)
    n = int(partial[0]["n_models"]) if partial else n_models
    persons = {row["person"] for row in page_of.rows(PERSONS)}
    over = "participants and actions" if study.snapshot is not None else "actions"
    lines = [
        f"{n} independent model{'s' * (n != 1)}, {study.n_actions} actions,"
        f" {study.settings.n_runs} runs of each kernel on the same luck and splits."
        f" Upright bars: 95 % intervals over {over}, choices held fixed; across: over"
        " actions. Grey band: 95 % of model kernels with shuffled labels. Dashed: Thompson"
        " sampling without a kernel. Diamond: human kernel"
        + (
            ", made from one half of the people and measured on the other."
            if study.cross_fit
            else ", a line across: it is made from the means that alignment is with."
        ),
    ]
    if n < MIN_MODELS:
        lines.append(
            f"With {n} models no correlation is tested (at least {MIN_MODELS}); B"
            " then shows the rival explanation, not partial residuals."
        )
    lines.append("C: dots are relabelled kernels, never pooled with real ones.")
    if persons:
        lines.append(
            f"D: {len(persons)} participants, human kernel against the best model's; grey:"
            " simulated persons with the others' values and that person's noise; thin bars"
            " over runs."
        )
    lines.append(
        f"E: {study.settings.synthetic.draws} curves, band over curves, dots are kernels"
        " (first agent); apart, because relabelling is no model."
    )
    if study.simulated:
        lines.append(
            "Participants are simulated: this shows recovery of a planted truth."
        )
    return lines
