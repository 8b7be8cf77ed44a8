"""Figure: how well each rater agrees with people, by every measure."""

from collections.abc import Mapping
from math import isnan
from textwrap import fill

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from alignment.figure_style import (
    FAINT,
    INK,
    QUIET,
    WIDTH,
    Drawing,
    axes_at,
    new_figure,
    shown_name,
    write_text,
)
from alignment.measures.kinds import MatrixMeasure
from alignment.measures.table import REPORTED, reported
from alignment.report_files import (
    ARRANGEMENTS,
    HUMAN,
    TRIPLETS,
    AlignmentRow,
    ReliabilityRow,
    ReportData,
)

# Kind of rater -> heading and colour, in the order in which they stand.
KINDS = {
    "arrangements": ("people, arranging", "#111111"),
    "triplets": ("people", "#111111"),
    "embedding": ("embedding models", "#0072B2"),
    "chat": ("chat models", "#D55E00"),
    "causal": ("causal models", "#CC79A7"),
    "recorded": ("recorded", "#009E73"),
    "baseline": ("baselines", "#8A6D3B"),
}
# What raters are compared with, as the subtitle names it.
REFERENCES = {
    HUMAN: "the participants' mean",
    ARRANGEMENTS: "the participants' arrangements",
    TRIPLETS: "triplets",
}
LINE = 0.27  # inches of height for one rater


def draw_alignment(report: ReportData) -> Drawing | None:
    """Each rater's alignment with people, by every measure; Spearman with the ceiling."""
    found = {
        (row.rater, row.measure): row
        for row in report.alignment
        if row.measure in REPORTED and row.against in REFERENCES
    }
    if not found:
        return None
    lines = lines_by_kind(report, found)
    raters = {name: line for name, (line, is_rater) in lines.items() if is_rater}
    caption = _alignment_caption(report)
    bottom = 0.6 + 0.16 * (1 + caption.count("\n"))
    tall = len(lines) * LINE
    figure = new_figure(bottom + tall + 1.0)
    left, large, numbers, gap = 1.55, 2.5, 1.1, 0.16
    n_small = len(REPORTED) - 1
    small = (WIDTH - 0.25 - left - large - numbers + gap) / n_small - gap
    for number, measure in enumerate(reported()):
        width = small if number else large
        axes = axes_at(figure, left, bottom, width, tall)
        left += width + (gap if number else numbers)
        rows = {name: found[name, measure.name] for name in raters}
        _dots(axes, report, rows, raters, measure, large=number == 0)
        axes.set_ylim(len(lines) - 0.4, -0.6)
        axes.set_title(measure.label, fontsize=8 + (number == 0), color=INK, pad=5)
    main = figure.axes[0]
    _write_numbers(main, found, raters)
    _ceiling_band(main, ceiling_of(report))
    main.set_yticks(
        list(raters.values()), [shown_name(name) for name in raters], fontsize=9
    )
    for heading, (line, is_rater) in lines.items():
        if not is_rater:
            main.text(
                -0.015,
                line,
                heading,
                transform=main.get_yaxis_transform(),
                ha="right",
                va="center",
                fontsize=7.5,
                color=QUIET,
                style="italic",
            )
    write_text(figure, 0.25, 0.12, caption)
    against = next(
        (said for name, said in REFERENCES.items() if name in report.matrices), "people"
    )
    return (
        figure,
        "Alignment with people",
        f"Agreement of each rater's similarities with {against}; dot and bar: value "
        "and 95 % interval over actions",
    )


def lines_by_kind(
    report: ReportData, found: Mapping[tuple[str, str], AlignmentRow]
) -> dict[str, tuple[int, bool]]:
    """Name or heading -> its line from the top, and whether it is a rater.

    Kinds in their order, within a kind the best aligned first, undefined ones last.
    """
    compared = {rater for rater, _ in found}
    best = REPORTED[0]
    lines: dict[str, tuple[int, bool]] = {}
    for kind, (heading, _) in KINDS.items():
        names = [row.rater for row in report.raters if row.kind == kind]
        names = [name for name in names if name in compared]
        if names:
            lines[heading] = (len(lines), False)
        values = {name: found[name, best].value for name in names}
        for name in sorted(
            names, key=lambda n: -2.0 if isnan(values[n]) else values[n], reverse=True
        ):
            lines[name] = (len(lines), True)
    return lines


def _dots(
    axes: Axes,
    report: ReportData,
    rows: Mapping[str, AlignmentRow],
    lines: Mapping[str, int],
    measure: MatrixMeasure,
    *,
    large: bool,
) -> None:
    """One dot and interval for each rater, or a word where there is none."""
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.set_yticks([])
    chance = measure.chance(len(report.actions)) if measure.chance else 0.0
    reach = [chance]
    axes.axvline(chance, color=QUIET, lw=0.8, zorder=1)
    for name, row in rows.items():
        colour = KINDS[report.rater(name).kind][1]
        line = lines[name]
        axes.axhline(line, color=FAINT, lw=0.6, zorder=0)
        if isnan(row.value):
            word = "undefined" if "undefined" in row.note else "needs all pairs"
            axes.text(
                chance,
                line,
                f" {word}",
                fontsize=7.5 if large else 6,
                color=QUIET,
                va="center",
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8},
            )
            continue
        reach += [each for each in (row.low, row.value, row.high) if not isnan(each)]
        axes.plot([row.low, row.high], [line, line], color=colour, lw=2, alpha=0.55)
        axes.plot(row.value, line, "o", color=colour, ms=6.5 if large else 4.5)
    axes.xaxis.set_major_locator(MaxNLocator(5 if large else 2))
    if len(reach) == 1:  # nobody has a value: no scale to show
        axes.set_xticks([])
        reach.append(chance + 1.0)
    low, high = min(reach), max(reach)
    pad = 0.08 * max(high - low, 0.1)
    axes.set_xlim(low - pad, high + pad + (0.0 if large else pad))


def _write_numbers(
    axes: Axes,
    found: Mapping[tuple[str, str], AlignmentRow],
    lines: Mapping[str, int],
) -> None:
    """Value and p of the first measure, to the right of its dots."""
    best = REPORTED[0]
    for name, line in lines.items():
        row = found[name, best]
        if isnan(row.value):
            continue
        axes.text(
            1.02,
            line,
            f"{row.value:.2f}   {_p(row.p)}".replace("-", "\N{MINUS SIGN}"),
            transform=axes.get_yaxis_transform(),
            va="center",
            fontsize=7.5,
            color=QUIET,
        )


def _p(p: float) -> str:
    return "p < .001" if p < 0.001 else f"p = {p:.3f}".replace("0.", ".", 1)


def ceiling_of(report: ReportData) -> ReliabilityRow | None:
    return next(
        (row for row in report.reliability if row.what == "noise_ceiling"), None
    )


def _ceiling_band(axes: Axes, ceiling: ReliabilityRow | None) -> None:
    if ceiling is None or isnan(ceiling.value):
        return
    reach = ceiling.value
    if not isnan(ceiling.low):
        axes.axvspan(ceiling.low, ceiling.high, color="#CC79A7", alpha=0.22, lw=0)
        reach = ceiling.high
    axes.axvline(ceiling.value, color="#A2527F", lw=1.2)
    low, high = axes.get_xlim()
    axes.set_xlim(low, max(high, reach + 0.03))


def _alignment_caption(report: ReportData) -> str:
    """What the reader must know: the ceiling, the marks, who was asked how much."""
    sentences = [
        *_ceiling_sentence(ceiling_of(report)),
        "Grey vertical line: chance. p: one-sided, from permuted actions.",
    ]
    undefined = {
        row.rater: row.note.removeprefix("undefined: ")
        for row in report.alignment
        if row.note.startswith("undefined: ") and row.against in REFERENCES
    }
    sentences += [f"Undefined: {why}." for why in undefined.values()]
    sentences += [
        f"{row.rater} was asked {row.n_asked:,} of {row.n_pairs:,} pairs; "
        f"{row.n_refused:,} of those gave no usable answer."
        for row in report.raters
        if row.kind in ("chat", "causal")
    ]
    return fill(" ".join(sentences), width=138)


def _ceiling_sentence(ceiling: ReliabilityRow | None) -> list[str]:
    if ceiling is None:
        return []
    if isnan(ceiling.value):
        return [f"{ceiling.note[:1].upper()}{ceiling.note[1:].rstrip('.')}."]
    interval = "" if isnan(ceiling.low) else f" [{ceiling.low:.2f}, {ceiling.high:.2f}]"
    return [
        f"Pink: noise ceiling {ceiling.value:.2f}{interval} for Spearman, from "
        f"{ceiling.n_raters:,} participants."
    ]
