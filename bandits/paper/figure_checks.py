"""Figures of what the conclusions rest on: settings, and measures of alignment."""

from __future__ import annotations

import math
import textwrap
from pathlib import Path

from alignment.measures.table import MATRIX_MEASURES
from bandits.paper.compared import SCORES
from bandits.paper.drawing import INK, QUIET, SERIES, Page, panel, write_text
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
    """Each conclusion a panel, each other choice a line with its interval."""
    rows = page_of.rows(SENSITIVITY)
    asked = list(dict.fromkeys(row["conclusion"] for row in rows))
    settings = list(dict.fromkeys((row["setting"], row["value"]) for row in rows))
    caption = [
        "One setting changed at a time. Blue: the interval lies on the side on which it"
        " lies with the settings used (top line); grey: it holds 0; red: it lies on the"
        " other side. Corruption: Spearman with the alignment kept, interval over curves;"
        " human kernel: difference of shares, interval over splits and luck.",
    ]
    if page_of.study.simulated:
        caption.append("Participants are simulated.")
    tall = 0.2 * len(settings) + 0.1
    figure, bottom = page_of.blank(tall + 0.7, caption)
    wide = (10 - 2.2 - 0.25) / len(asked)
    for number, name in enumerate(asked):
        axes = panel(
            figure,
            (2.2 + wide * number, bottom + 0.35, wide - 0.14, tall),
            "",
        )
        # Seven or more conclusions stand side by side: no room for a panel's usual title.
        words = textwrap.fill(name[0].upper() + name[1:], max(12, int(wide * 14.5)))
        axes.set_title(words, fontsize=6.3, color=INK, loc="left", pad=5)
        axes.grid(axis="y", visible=False)
        mine = {(r["setting"], r["value"]): r for r in rows if r["conclusion"] == name}
        for line, key in enumerate(settings):
            row = mine[key]
            if math.isnan(row["estimate"]):
                continue
            says = row["says"]
            colour = OPEN if says in ("open", "undefined") else KEPT
            if row["survives"] == "reversed":
                colour = TURNED
            axes.plot(
                [row["low"], row["high"]], [line] * 2, color=colour, linewidth=1.2
            )
            axes.plot([row["estimate"]], [line], "o", color=colour, markersize=3.5)
        axes.axvline(0, color=QUIET, linewidth=0.7, linestyle=(0, (4, 3)))
        for line in range(1, len(settings)):
            if settings[line][0] != settings[line - 1][0]:
                axes.axhline(line - 0.5, color="#E3E3E3", linewidth=0.6)
        axes.set_ylim(len(settings) - 0.5, -0.5)
        axes.set_yticks(range(len(settings)))
        labels = [_choice(setting, value) for setting, value in settings]
        axes.set_yticklabels(labels if number == 0 else [""] * len(labels), fontsize=7)
        axes.tick_params(axis="x", labelsize=6.5)
    return page_of.save(
        figure,
        "sensitivity",
        "Which conclusions survive what the paper does not tell?",
        f"Values: {page_of.study.primary.dimension}",
    )


def _choice(setting: str, value: str) -> str:
    """A line's name: 15 for 15.0, words for names."""
    if setting == HERE:
        return setting
    return f"{setting.replace('_', ' ')}: {value.removesuffix('.0').replace('_', ' ')}"


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
