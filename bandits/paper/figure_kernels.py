"""Figures of parts 2 to 4: kernels on every value, the length control, the theory."""

from __future__ import annotations

import math
from pathlib import Path

from matplotlib.axes import Axes

from bandits.paper.control import TABLE as CONTROL
from bandits.paper.drawing import (
    HUMAN,
    LEARNING,
    QUIET,
    ROLES,
    SERIES,
    UNSEEN,
    Page,
    named,
    panel,
    point,
    settle,
    shown,
    write_text,
)
from bandits.paper.parts import Row
from bandits.paper.real import OUTCOMES
from bandits.paper.theory import TABLE as THEORY
from bandits.policies import AGENTS

PLAIN = "thompson_independent"
_PHASES = {LEARNING: "learning", UNSEEN: "unseen actions"}


def draw(page_of: Page) -> list[Path]:
    """Draw the three, as far as there are rows."""
    files: list[Path] = []
    if page_of.rows(OUTCOMES):
        files += _values(page_of)
    if page_of.rows(CONTROL):
        files += _control(page_of)
    if page_of.rows(THEORY):
        files += _theory(page_of)
    return files


def _values(page_of: Page) -> list[Path]:
    """Every dimension a line, every kernel a mark; reward and harm, two phases."""
    study = page_of.study
    names = [task.dimension for task in study.tasks]
    agent = study.settings.primary_agent
    caption = [
        f"{AGENTS[agent].label}, matched kernels, mean of {study.settings.n_runs} runs."
        " Diamond: human kernel; filled: language models; hollow: baselines; upright"
        " stroke: Thompson sampling without a kernel. On dimensions that are not of harm"
        " the share is of low-value choices.",
    ]
    if study.simulated:
        caption.append("Participants are simulated.")
    tall = 0.32 * len(names) + 0.15
    figure, bottom = page_of.blank(tall + 0.5, caption)
    columns = [
        (phase, column)
        for phase in (LEARNING, UNSEEN)
        for column in ("mean_reward", "below_share")
    ]
    for number, (phase, column) in enumerate(columns):
        told = "reward" if column == "mean_reward" else "unsafe or low"
        axes = panel(
            figure,
            (1.35 + 2.14 * number, bottom + 0.5, 1.95, tall),
            f"{_PHASES[phase].capitalize()}: {told}",
            x="points a step" if column == "mean_reward" else "share of choices",
        )
        axes.title.set_fontsize(8)
        for line, name in enumerate(names):
            rows = page_of.rows(OUTCOMES, dimension=name, phase=phase)
            for row in rows:
                if row["agent"] == PLAIN:
                    axes.plot([row[column]], [line], "|", color=QUIET, markersize=11)
                elif row["agent"] == agent and row["form"] == "matched":
                    point(axes, row[column], line, row["role"], markersize=5)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set_yticks(range(len(names)))
        axes.set_yticklabels(names if number == 0 else [""] * len(names), fontsize=8)
        axes.margins(x=0.08)
    return page_of.save(
        figure,
        "values",
        "Every value: what an agent earns, and what harm it does, by kernel",
        "A kernel that helps on every value lies apart from the stroke on every line",
    )


def _control(page_of: Page) -> list[Path]:
    """Human and length kernels on human and length rewards."""
    study = page_of.study
    agent = study.settings.primary_agent
    task = study.primary
    caption = [
        f"{AGENTS[agent].label}; matched kernels; bars: standard errors over"
        f" {study.settings.n_runs} runs; reward by length:"
        f" {study.settings.length_reward}. A kernel should help on its own reward alone.",
    ]
    figure, bottom = page_of.blank(2.85, caption)
    columns = [
        (phase, column)
        for phase in (LEARNING, UNSEEN)
        for column in ("mean_reward", "below_share")
    ]
    looks = {"human": (HUMAN, "D"), "length": (SERIES[0], "o"), "none": (QUIET, "_")}
    for number, (phase, column) in enumerate(columns):
        told = "reward" if column == "mean_reward" else f"share {task.word}"
        axes = panel(
            figure,
            (0.75 + 2.4 * number, bottom + 0.45, 1.75, 2.1),
            f"{_PHASES[phase].split()[0].capitalize()}: {told}",
        )
        axes.title.set_fontsize(8)
        for kernel, (colour, mark) in looks.items():
            rows = [
                row
                for row in page_of.rows(CONTROL, phase=phase, kernel=kernel)
                if row["agent"] in (agent, PLAIN)
            ]
            if not rows:
                continue
            rows.sort(key=lambda row: row["reward"])
            axes.errorbar(
                range(len(rows)),
                [row[column] for row in rows],
                yerr=[row[f"{column}_se_runs"] for row in rows],
                color=colour,
                marker=mark,
                markersize=6,
                linewidth=1.2,
                elinewidth=0.8,
            )
        axes.set_xlim(-0.4, 1.4)
        axes.set_xticks([0, 1])
        axes.set_xticklabels(["human\nvalues", "text\nlength"], fontsize=8)
    x = 0.75
    for kernel, (colour, _) in looks.items():
        label = {"none": "no kernel"}.get(kernel, f"{kernel} kernel")
        height = float(figure.get_size_inches()[1])
        write_text(
            figure, x, height - 0.9, f"\u2501 {label}", color=colour, fontsize=8.5
        )
        x += 0.4 + 0.085 * len(label)
    return page_of.save(
        figure,
        "control",
        "Control: text length as kernel and as reward",
        f"Human values: {task.dimension}",
    )


def _theory(page_of: Page) -> list[Path]:
    """Predicted against measured, and alignment against measured."""
    rows = page_of.rows(THEORY)
    real = [row for row in rows if row["group"] == "real"]
    other = [row for row in rows if row["group"] != "real"]
    caption = [
        "Error on unseen actions, root mean square, in points. Left: theory, exact where"
        " every learned action is rewarded once, against agents that choose for themselves"
        " (dashed: equal). Middle: real kernels alone, alignment as the yardstick. Right:"
        " relabelled human kernels alone. Real and relabelled kernels are never pooled.",
    ]
    if page_of.study.simulated:
        caption.append("Participants are simulated.")
    figure, bottom = page_of.blank(2.95, caption)
    first = panel(
        figure,
        (0.75, bottom + 0.5, 2.5, 2.4),
        "Real kernels: theory",
        x="Predicted error (points)",
        y="Thompson sampling's error (points)",
    )
    _scatter(first, real, "predicted_rmse")
    ends = [min(*first.get_xlim(), *first.get_ylim()), max(*first.get_xlim())]
    first.plot(ends, ends, color=QUIET, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
    second = panel(
        figure,
        (4.0, bottom + 0.5, 2.3, 2.4),
        "Real kernels: alignment",
        x="Alignment with people (Spearman)",
    )
    _scatter(
        second, [row for row in real if not math.isnan(row["alignment"])], "alignment"
    )
    third = panel(
        figure,
        (7.1, bottom + 0.5, 2.3, 2.4),
        "Relabelled: theory",
        x="Predicted error (points)",
    )
    x = [row["predicted_rmse"] for row in other]
    y = [row["measured_rmse_gp_thompson"] for row in other]
    third.plot(x, y, "o", color="#8C8C8C", markersize=4)
    if x:
        ends = [min(*x, *y), max(*x, *y)]
        third.plot(ends, ends, color=QUIET, linewidth=0.8, linestyle=(0, (4, 3)))
    return page_of.save(
        figure,
        "theory",
        "Which kernels will err on unseen actions: theory, and alignment",
        f"Values: {page_of.study.primary.dimension}; matched kernels",
    )


def _scatter(axes: Axes, rows: list[Row], name: str) -> None:
    labels = []
    for row in rows:
        x, y = row[name], row["measured_rmse_gp_thompson"]
        point(axes, x, y, row["role"])
        labels.append((x, y, shown(row["kernel"]), ROLES[row["role"]]))
    axes.margins(0.12)
    settle(axes)
    named(axes, labels)
