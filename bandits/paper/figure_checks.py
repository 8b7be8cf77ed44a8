"""Figures of what the conclusions rest on: settings, and measures of alignment."""

from __future__ import annotations

import itertools
import math
import textwrap
from pathlib import Path

from matplotlib.axes import Axes

from alignment.measures.table import MATRIX_MEASURES
from bandits.paper.compared import SCORES
from bandits.paper.drawing import INK, QUIET, SERIES, Page, panel, write_text
from bandits.paper.parts import Row
from bandits.paper.safe_sets import TABLE as SAFE
from bandits.paper.sensitivity import HERE
from bandits.paper.sensitivity import TABLE as SENSITIVITY
from bandits.policies import AGENTS

KEPT, TURNED, OPEN = "#0072B2", "#B00020", "#B9B9B9"


def draw(page_of: Page) -> list[Path]:
    """Draw the three, as far as there are rows."""
    files: list[Path] = []
    if page_of.rows(SENSITIVITY):
        files += _sensitivity(page_of)
    if page_of.rows(SCORES):
        files += _measures(page_of)
    if page_of.rows(SAFE):
        files += _safe(page_of)
    return files


def _sensitivity(page_of: Page) -> list[Path]:
    """Each conclusion a panel, each other choice a line with its interval.

    Conclusions of one kind stand under one heading; differences of shares share a scale.
    """
    rows = page_of.rows(SENSITIVITY)
    every = list(dict.fromkeys(row["conclusion"] for row in rows))
    asked = every[:MOST_PANELS]
    settings = list(dict.fromkeys((row["setting"], row["value"]) for row in rows))
    caption = [
        "One setting changed at a time. Blue: the interval is clear of 0; red: on the"
        " other side than with the settings used (top line); grey: it holds 0. Corruption:"
        " interval over curves; human kernel: interval over splits and luck.",
    ]
    if len(every) > len(asked):
        more = len(every) - len(asked)
        caption.append(f"{more} more conclusions stand in tables/{SENSITIVITY}.csv.")
    if page_of.study.simulated:
        caption.append("Participants are simulated.")
    tall = 0.17 * len(settings) + 0.1
    figure, bottom = page_of.blank(tall + 0.75, caption)
    at = {(row["setting"], row["value"], row["conclusion"]): row for row in rows}
    kinds = {name: _kind_of(name, page_of.study.primary.word) for name in asked}
    wide, left, before = 7.55 / len(asked), 2.0, ""
    for number, name in enumerate(asked):
        kind, short = kinds[name]
        left += GAP if before not in ("", kind) else 0
        axes = panel(figure, (left, bottom + 0.3, wide - 0.2, tall), "")
        axes.set_title(short, fontsize=7, color=INK, loc="left", pad=5)
        if kind != before:
            write_text(figure, left, bottom + tall + 0.72, kind, color=INK)
        before, left = kind, left + wide - GAP / len(asked)
        mine = [at[(*key, name)] for key in settings]
        _intervals(axes, mine)
        # Shares compare with one another; correlations of either sign do not.
        shared = [one for one in asked if kinds[one][0] == kind]
        same = [name] if kind == OF_CORRUPTION else shared
        axes.set_xlim(*_reach([row for row in rows if row["conclusion"] in same]))
        _lines_of(axes, settings, named=number == 0)
    return page_of.save(
        figure,
        "sensitivity",
        "Which conclusions survive what the paper does not tell?",
        f"Values: {page_of.study.primary.dimension}",
    )


MOST_PANELS = 8
OF_CORRUPTION = "Corruption: Spearman with alignment kept"
GAP = 0.2
"""Inches between conclusions of two kinds."""
WORDS = {
    "reward_sd": "reward noise, sd",
    "personalization_steps": "steps of learning",
    "split_share": "share of actions learned on",
    "split": "split",
    "exploration (greedy)": "greedy, random share",
    "prior_sd": "prior sd",
    "prior_mean": "prior mean",
}


def _kind_of(conclusion: str, word: str) -> tuple[str, str]:
    """What its scale is, and what it says of that, short."""
    if conclusion.startswith("corruption "):
        said = conclusion.removeprefix("corruption ")
        return OF_CORRUPTION, textwrap.fill(said, 17)
    than = conclusion.rpartition(" than ")[2]
    return f"Human kernel: share {word}, minus that of", textwrap.fill(than, 17)


def _intervals(axes: Axes, rows: list[Row]) -> None:
    """One line each from the top; nothing where nothing is defined."""
    for line, row in enumerate(rows):
        if math.isnan(row["estimate"]):
            continue
        colour = OPEN if row["says"] in ("open", "undefined") else KEPT
        if row["survives"] == "reversed":
            colour = TURNED
        axes.plot([row["low"], row["high"]], [line] * 2, color=colour, linewidth=1.2)
        axes.plot([row["estimate"]], [line], "o", color=colour, markersize=3.2)


def _reach(rows: list[Row]) -> tuple[float, float]:
    """From the least to the greatest end of any interval, and 0, with some room."""
    ends = [row[name] for row in rows for name in ("estimate", "low", "high")]
    known = [0.0, *(end for end in ends if not math.isnan(end))]
    room = 0.06 * (max(known) - min(known)) or 1.0
    return min(known) - room, max(known) + room


def _lines_of(axes: Axes, settings: list[tuple[str, str]], *, named: bool) -> None:
    """The lines' names, and a rule wherever another setting begins."""
    axes.grid(axis="y", visible=False)
    axes.axvline(0, color=QUIET, linewidth=0.7, linestyle=(0, (4, 3)))
    for line, (one, next_one) in enumerate(itertools.pairwise(settings)):
        if one[0] != next_one[0]:
            first = line == 0
            axes.axhline(
                line + 0.5,
                color="#BDBDBD" if first else "#ECECEC",
                linewidth=0.9 if first else 0.6,
                zorder=0,
            )
    axes.set_ylim(len(settings) - 0.5, -0.5)
    axes.set_yticks(range(len(settings)))
    labels = [_choice(setting, value) for setting, value in settings]
    axes.set_yticklabels(labels if named else [""] * len(labels), fontsize=7)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=6.5)
    axes.locator_params(axis="x", nbins=3)
    axes.xaxis.set_major_formatter("{x:g}")


def _choice(setting: str, value: str) -> str:
    """A line's name: 15 for 15.0, words for names."""
    if setting == HERE:
        return setting
    told = WORDS.get(setting, setting.replace("_", " "))
    return f"{told}: {value.removesuffix('.0').replace('_', ' ')}"


def _measures(page_of: Page) -> list[Path]:
    """Share of the variance in unseen harm that each measure foretells out of sample."""
    groups = list(dict.fromkeys(row["group"] for row in page_of.rows(SCORES)))
    longest = max(len(page_of.rows(SCORES, group=group)) for group in groups)
    caption = [
        "A line is fitted to the kernels of all other families (real) or kinds of"
        " corruption and predicts those left out; share of the variance foretold, 95 %"
        " intervals over curves; below 0 it does worse than the mean. Real and corrupted"
        " kernels are never fitted together.",
    ]
    if page_of.study.simulated:
        caption.append("Participants are simulated.")
    tall = 0.22 * longest + 0.1
    figure, bottom = page_of.blank(tall + 0.5, caption)
    for number, group in enumerate(groups):
        rows = page_of.rows(SCORES, group=group)
        axes = panel(
            figure,
            (2.1 + 4.2 * number, bottom + 0.5, 3.4 if len(groups) > 1 else 6.5, tall),
            f"{group.capitalize()} kernels ({int(rows[0]['n_kernels'])})",
            x="Variance of unseen harm foretold, out of sample",
        )
        for line, row in enumerate(rows):
            colour = SERIES[0] if row["measure"] == "spearman" else INK
            axes.plot(
                [row["low"], row["high"]], [line] * 2, color=colour, linewidth=1.1
            )
            axes.plot([row["explained"]], [line], "o", color=colour, markersize=4.5)
        axes.axvline(0, color=QUIET, linewidth=0.7, linestyle=(0, (4, 3)))
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_yticks(range(len(rows)))
        axes.set_yticklabels([MATRIX_MEASURES[r["measure"]].label for r in rows])
        axes.set_xlim(max(-1.0, axes.get_xlim()[0]), 1.0)
    return page_of.save(
        figure,
        "measures",
        "Which measure of alignment foretells harm?",
        f"Values: {page_of.study.primary.dimension}; blue: Spearman, the paper's measure",
    )


def _safe(page_of: Page) -> list[Path]:
    """Reward against harm while learning, by agent and kernel."""
    rows = page_of.rows(SAFE, phase="personalization")
    agents = list(dict.fromkeys(row["agent"] for row in rows))
    kernels = list(dict.fromkeys(row["kernel"] for row in rows))
    caption = [
        f"Learning phase, {page_of.study.settings.n_runs} runs; bars: standard errors over"
        " runs; matched kernels. A safe-set agent takes only what its kernel vouches for.",
    ]
    if page_of.study.simulated:
        caption.append("Participants are simulated.")
    figure, bottom = page_of.blank(3.1, caption)
    columns = (
        ("unsafe_share", "Share of steps unsafe"),
        ("runs_without_harm", "Runs without any harm"),
        ("mean_reward", "Reward a step"),
    )
    for number, (name, title) in enumerate(columns):
        axes = panel(figure, (0.7 + 3.15 * number, bottom + 0.75, 2.6, 2.0), title)
        for place, agent in enumerate(agents):
            mine = {row["kernel"]: row for row in rows if row["agent"] == agent}
            axes.errorbar(
                [at + (place - 1) * 0.16 for at in range(len(kernels))],
                [mine[kernel][name] for kernel in kernels],
                yerr=[mine[kernel][f"{name}_se_runs"] for kernel in kernels],
                linestyle="none",
                marker="o",
                markersize=4.5,
                elinewidth=0.8,
                color=SERIES[place % len(SERIES)],
            )
        axes.set_xticks(range(len(kernels)))
        axes.set_xticklabels(kernels, rotation=30, ha="right")
    height = float(figure.get_size_inches()[1])
    x = 0.7
    for place, agent in enumerate(agents):
        label = AGENTS[agent].label if agent in AGENTS else agent
        colour = SERIES[place % len(SERIES)]
        write_text(figure, x, height - 0.86, f"\u25cf {label}", color=colour)
        x += 0.35 + 0.072 * len(label)
    return page_of.save(
        figure,
        "safe_sets",
        "Safe sets: human against model kernels",
        f"Values: {page_of.study.primary.dimension}",
    )
