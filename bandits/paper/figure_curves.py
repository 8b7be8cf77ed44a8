"""Part 1's figures: outcomes along corruption, its four kinds, and every measure."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from alignment.corruption import RELABEL
from bandits.metrics import METRICS
from bandits.paper.drawing import (
    INK,
    LABELS,
    LEARNING,
    QUIET,
    SERIES,
    UNSEEN,
    Page,
    axes_at,
    curve,
    new_figure,
    panel,
    plain,
    settle,
    write_text,
)
from bandits.paper.synthetic import CURVE, TABLE, WORDS
from bandits.policies import AGENTS

COLOURS = LinearSegmentedColormap.from_list(
    "worse-better", ("#D55E00", "white", "#0072B2")
)
_PHASES = {LEARNING: "Learning", UNSEEN: "Unseen actions"}


def draw(page_of: Page) -> list[Path]:
    """Draw the three, as far as there are rows."""
    if not page_of.rows(CURVE):
        return []
    agents = [a for a in page_of.study.settings.agents if page_of.rows(CURVE, agent=a)]
    kinds = list(dict.fromkeys(row["kind"] for row in page_of.rows(TABLE)))
    primary = page_of.study.settings.primary_agent
    files = _grid(
        page_of,
        "synthetic",
        "Alignment lowered on purpose: the human kernel, relabelled",
        [(AGENTS[agent].label, RELABEL, agent) for agent in agents],
    )
    if len(kinds) > 1:
        files += _grid(
            page_of,
            "corruptions",
            f"Four ways of lowering alignment ({AGENTS[primary].label})",
            [(WORDS.get(kind, kind), kind, primary) for kind in kinds],
        )
    return files + _matrix(page_of)


def _outcomes(page_of: Page) -> list[tuple[str, str]]:
    low = page_of.study.primary.share_metric
    return [
        (LEARNING, "mean_reward"),
        (LEARNING, low),
        (LEARNING, "unique_actions"),
        (UNSEEN, "mean_reward"),
        (UNSEEN, low),
        (UNSEEN, "value_rank_correlation"),
    ]


def _grid(
    page_of: Page, name: str, title: str, lines: Sequence[tuple[str, str, str]]
) -> list[Path]:
    """Six outcomes; one line for each (label, kind, agent)."""
    study = page_of.study
    n = study.settings.synthetic.draws
    caption = [
        f"Values: {study.primary.dimension}. Each line: mean of {n} corruption curves of"
        f" {study.settings.n_runs} runs, band: 95 % over curves; alignment is measured on"
        " the repaired kernel and is 1 for the human kernel itself, which this experiment"
        " alone takes for the truth. Dashed: Thompson sampling without a kernel. Spearman"
        " with its interval over curves stands in tables/synthetic_spearman.csv.",
    ]
    if study.simulated:
        caption.append("Participants are simulated.")
    figure, bottom = page_of.blank(5.7, caption)
    for number, (phase, metric) in enumerate(_outcomes(page_of)):
        row, column = divmod(number, 3)
        axes = panel(
            figure,
            (0.75 + 3.1 * column, bottom + 0.5 + 2.85 * (1 - row), 2.4, 2.05),
            f"{_PHASES[phase]}: {LABELS.get(metric, metric)}",
            x="Alignment kept (Spearman)" if row else "",
        )
        axes.title.set_fontsize(8)
        none = plain(page_of.rows(CURVE), phase, metric)
        if not math.isnan(none):
            axes.axhline(none, color=QUIET, linewidth=0.8, linestyle=(0, (4, 3)))
        for place, (_, kind, agent) in enumerate(lines):
            rows = page_of.rows(
                CURVE, kind=kind, agent=agent, phase=phase, metric=metric
            )
            rows = [row for row in rows if not math.isnan(row["mean"])]
            if len(rows) > 2 and _whole(rows):
                curve(axes, rows, SERIES[place % len(SERIES)])
        axes.margins(0.05)
        settle(axes)
    _key(figure, [label for label, _, _ in lines])
    return page_of.save(
        figure, name, title, "Each outcome against the alignment that is left"
    )


def _whole(rows: Sequence[dict[str, float]]) -> bool:
    """Whether every curve has every dose: an undefined outcome leaves holes."""
    draws = {row["draw"] for row in rows} - {0.0}
    shares = {row["share"] for row in rows} - {0.0}
    return len(rows) == 1 + len(draws) * len(shares)


def _key(figure: Figure, labels: Sequence[str]) -> None:
    """The lines' names in their colours, in one row above the panels."""
    height = float(figure.get_size_inches()[1])
    x = 0.75
    for number, label in enumerate(labels):
        colour = SERIES[number % len(SERIES)]
        write_text(
            figure, x, height - 0.92, "\u2501 " + label, color=colour, fontsize=8.5
        )
        x += 0.35 + 0.075 * len(label)


def _matrix(page_of: Page) -> list[Path]:
    """Spearman with alignment: every agent by every measure, relabelling."""
    rows = page_of.rows(TABLE, kind=RELABEL)
    agents = list(dict.fromkeys(row["agent"] for row in rows))
    columns = [
        (phase, metric)
        for phase, metric in dict.fromkeys((r["phase"], r["metric"]) for r in rows)
        if any(
            not math.isnan(row["spearman"])
            for row in rows
            if (row["phase"], row["metric"]) == (phase, metric)
        )
    ]
    of = {(row["agent"], row["phase"], row["metric"]): row for row in rows}
    tall = 0.24 * len(columns)
    wide = min(0.62, 5.6 / len(agents))
    bottom = 0.75
    figure = new_figure(bottom + tall + 2.1)
    axes = axes_at(figure, 3.6, bottom, wide * len(agents), tall)
    values = np.array(
        [[of[agent, *column]["spearman"] for agent in agents] for column in columns]
    )
    better = np.array([_better(metric) for _, metric in columns])[:, None]
    axes.imshow(values * better, cmap=COLOURS, vmin=-1, vmax=1, aspect="auto")
    for (y, x), value in np.ndenumerate(values):
        row = of[agents[x], *columns[y]]
        if math.isnan(value):
            continue
        sure = row["low"] > 0 or row["high"] < 0
        axes.text(
            x,
            y,
            f"{value:.2f}",
            ha="center",
            va="center",
            fontsize=6.5,
            color="white" if abs(value * better[y, 0]) > 0.75 else INK,
            weight="bold" if sure else "normal",
        )
    _ticks(axes, agents, columns)
    caption = textwrap.fill(
        "Spearman of each measure with the alignment that relabelling kept, over kernels."
        " Blue: better with more alignment; orange: worse; white: neither is better. Bold:"
        " the 95 % interval over curves excludes 0. Empty: undefined or constant.",
        150,
    )
    write_text(figure, 0.25, 0.25, caption)
    return page_of.save(
        figure,
        "every_measure",
        "Every agent, every measure: does it follow alignment?",
        f"Values: {page_of.study.primary.dimension}; relabelled human kernels",
    )


def _better(metric: str) -> float:
    """1 where more of it is better, -1 where less is, 0 where neither."""
    told = METRICS[metric].better if metric in METRICS else ""
    return {"higher": 1.0, "lower": -1.0}.get(told, 0.0)


def _ticks(
    axes: Axes, agents: Sequence[str], columns: Sequence[tuple[str, str]]
) -> None:
    axes.set_xticks(range(len(agents)))
    names = [AGENTS[a].label if a in AGENTS else a for a in agents]
    axes.set_xticklabels(names, rotation=40, ha="left", fontsize=7)
    axes.xaxis.tick_top()
    axes.set_yticks(range(len(columns)))
    axes.set_yticklabels(
        [
            f"{METRICS[metric].label if metric in METRICS else metric}"
            f" · {'learning' if phase == LEARNING else 'unseen'}"
            for phase, metric in columns
        ],
        fontsize=7,
    )
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
