"""Figures beyond the paper: participants, minorities, few raters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from bandits.paper.drawing import (
    HUMAN,
    QUIET,
    SERIES,
    UNSEEN,
    Page,
    panel,
    write_text,
)
from bandits.paper.few_raters import BY_K
from bandits.paper.minority import TABLE as MINORITY
from bandits.paper.parts import Row
from bandits.paper.personal import TABLE as PERSONS

SIGNS = {"o": "\u25cf", "s": "\u25a0", "^": "\u25b2"}


def draw(page_of: Page) -> list[Path]:
    """Draw the two, as far as there are rows."""
    files: list[Path] = []
    if page_of.rows(PERSONS):
        files += _persons(page_of)
    if page_of.rows(BY_K):
        files += _raters(page_of)
    return files


def _persons(page_of: Page) -> list[Path]:
    """Harm of the group's kernel to each, and harm of the others' values to each."""
    rows = page_of.rows(PERSONS, phase=UNSEEN)
    dimensions = list(dict.fromkeys(row["dimension"] for row in rows))
    measured = sum(row["n_repeats"] >= 10 for row in rows)
    caption = [
        "Left: share of unseen choices below a participant's own threshold, learning their"
        " own ratings with the group's kernel, minus the same without a kernel; above 0 the"
        " group's kernel makes learning less safe for them. Grey: 95 % of simulated persons"
        " with the others' values and this person's own noise"
        + (
            "."
            if measured == len(rows)
            else f" (measured from repeats for {measured} of {len(rows)}, else set to"
            f" {page_of.study.settings.beyond.own_noise_sd:g} points)."
        ),
        "Right: the agent learned the others' values; choices unsafe by the participant's"
        " own ratings minus those unsafe by the others'. Colours and shapes: dimensions.",
    ]
    if page_of.study.simulated:
        caption.append("Participants are simulated.")
    figure, bottom = page_of.blank(3.35, caption)
    left = panel(
        figure,
        (0.85, bottom + 0.5, 3.6, 2.65),
        "Learning one's own values with the group's kernel",
        x="Agreement with the others (Spearman)",
        y="Below own threshold,\nhuman kernel minus none (share)",
    )
    colours = {name: SERIES[at % len(SERIES)] for at, name in enumerate(dimensions)}
    # More dimensions than colours: the second round is square.
    marks = {name: "os^"[at // len(SERIES) % 3] for at, name in enumerate(dimensions)}
    for row in rows:
        at = row["agreement"]
        null = row["human_minus_none_null_low"], row["human_minus_none_null_high"]
        left.plot([at, at], null, color="#CFCFCF", linewidth=3, zorder=2)
    for row in rows:
        left.plot(
            [row["agreement"]],
            [row["human_minus_none"]],
            marks[row["dimension"]],
            color=colours[row["dimension"]],
            markersize=5,
            zorder=3,
        )
    left.axhline(0, color=QUIET, linewidth=0.8, linestyle=(0, (4, 3)))
    right = panel(
        figure,
        (5.7, bottom + 0.5, 3.6, 2.65),
        "Judged by those who were not asked",
        x="Agreement with the others (Spearman)",
        y="Unsafe by own ratings minus\nby the others' (share)",
    )
    for row in page_of.rows(MINORITY, phase=UNSEEN):
        colour = colours.get(row["dimension"], QUIET)
        mark = marks.get(row["dimension"], "o")
        right.plot(
            [row["agreement"]], [row["excess"]], mark, color=colour, markersize=5
        )
    right.axhline(0, color=QUIET, linewidth=0.8, linestyle=(0, (4, 3)))
    x, height = 0.85, float(figure.get_size_inches()[1])
    for name in dimensions:
        text = f"{SIGNS[marks[name]]} {name}"
        write_text(figure, x, height - 0.86, text, color=colours[name], fontsize=7.5)
        x += 0.25 + 0.068 * len(name)
    return page_of.save(
        figure,
        "participants",
        "For whom is it unsafe to learn with the group's kernel?",
        f"{len({row['person'] for row in rows})} participants, each with all actions rated"
        f" on {len(dimensions)} dimension{'s' * (len(dimensions) != 1)} between them",
    )


def _raters(page_of: Page) -> list[Path]:
    """Alignment, judged pairs and outcome by the number of raters."""
    task = page_of.study.primary
    rows = page_of.rows(BY_K, phase=UNSEEN)
    n = page_of.study.settings.beyond.rater_draws
    caption = [
        f"{n} nested random groups of each size; bands: 95 % over groups, which overlap and"
        " so look more alike than new ones would where k is large. Alignment is with all"
        " other participants, over the pairs that these judged; in the kernel, pairs that"
        " no one of k judged take the mean of those judged.",
    ]
    if page_of.study.simulated:
        caption.append("Participants are simulated.")
    figure, bottom = page_of.blank(2.75, caption)
    columns = (
        ("alignment_kernel", "Alignment of the kernel (Spearman)"),
        ("judged_share", "Share of pairs that k raters judged"),
        ("below_minus_no_kernel", f"Unseen: {task.word} minus no kernel"),
    )
    for number, (name, title) in enumerate(columns):
        axes = panel(
            figure,
            (0.7 + 3.2 * number, bottom + 0.5, 2.5, 2.2),
            title[0].upper() + title[1:],
            x="Raters who made the kernel",
        )
        axes.title.set_fontsize(7.5)
        _line(axes, rows, name)
        if name == "below_minus_no_kernel":
            axes.axhline(0, color=QUIET, linewidth=0.8, linestyle=(0, (4, 3)))
    return page_of.save(
        figure,
        "few_raters",
        "How many raters are enough?",
        f"Values: {task.dimension}; kernels from k participants",
    )


def _line(axes: Axes, rows: list[Row], name: str) -> None:
    k = np.array([row["k"] for row in rows])
    axes.plot(k, [row[name] for row in rows], "o-", color=HUMAN, markersize=4)
    low = [row[f"{name}_low"] for row in rows]
    high = [row[f"{name}_high"] for row in rows]
    axes.fill_between(k, low, high, color=HUMAN, alpha=0.15, linewidth=0)
    axes.set_xscale("log", base=2)
    axes.set_xticks(k)
    axes.set_xticklabels([f"{int(one)}" for one in k])
    axes.minorticks_off()
