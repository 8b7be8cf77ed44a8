"""How figures look: colours, sizes, the stamp, the corner mark, and how one is saved.

Colours can be told apart by colour-blind readers (Okabe & Ito, 2008; cividis). No
pyplot: a figure is an object, nothing global is left behind, threads may draw.
"""

from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from alignment.report_files import (
    ARRANGEMENTS,
    HALF_A,
    HALF_B,
    HUMAN,
    TRIPLET_EMBEDDING,
    TRIPLETS,
    ReportData,
)

INK = "#222222"
QUIET = "#6b6b6b"
FAINT = "#d9d9d9"
NEVER_JUDGED = "#e9e9e9"
ALARM = "#B00020"
WIDTH = 10.0  # inches: a page's width
SIMULATED = "SIMULATED PARTICIPANTS"
NAMES = {
    HUMAN: "people",
    ARRANGEMENTS: "people (arrangements)",
    TRIPLETS: "people (triplets)",
    TRIPLET_EMBEDDING: "people (triplets, embedded)",
}

Drawing = tuple[Figure, str, str]  # the figure, its title and its subtitle


def new_figure(height: float) -> Figure:
    """An empty white figure, WIDTH by `height` inches."""
    figure = Figure(figsize=(WIDTH, height), facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def axes_at(figure: Figure, x: float, y: float, width: float, height: float) -> Axes:
    """Axes at a place given in inches from the lower left corner."""
    _, total = figure.get_size_inches()
    axes = figure.add_axes((x / WIDTH, y / total, width / WIDTH, height / total))
    for side in axes.spines.values():
        side.set_color(FAINT)
        side.set_linewidth(0.8)
    axes.tick_params(labelsize=8, length=3, color=FAINT, labelcolor=INK, pad=2)
    return axes


def write_text(figure: Figure, x: float, y: float, text: str, **style: Any) -> None:
    """Text at a place in inches; small and quiet unless told otherwise."""
    _, total = figure.get_size_inches()
    usual: dict[str, Any] = {
        "fontsize": 8,
        "color": QUIET,
        "va": "bottom",
        "linespacing": 1.35,
    }
    figure.text(x / WIDTH, y / total, text, **(usual | style))


def finish(
    figure: Figure, path: Path, *, title: str, subtitle: str, mark: str, simulated: bool
) -> list[Path]:
    """Title, stamp and corner mark, then the files `path`.svg, .png and .pdf."""
    height = float(figure.get_size_inches()[1])
    write_text(figure, 0.25, height - 0.38, title, fontsize=13, color=INK)
    write_text(figure, 0.25, height - 0.6, subtitle, fontsize=9)
    if simulated:
        write_text(
            figure,
            WIDTH - 0.25,
            height - 0.38,
            SIMULATED,
            fontsize=11,
            color=ALARM,
            weight="bold",
            ha="right",
        )
    write_text(figure, WIDTH - 0.15, 0.1, mark, fontsize=6.5, ha="right")
    files = []
    # A fixed salt and no date: the same report gives the same bytes.
    endings: dict[str, dict[str, Any]] = {
        "svg": {"Date": None},
        "png": {"Software": None},
        "pdf": {"CreationDate": None},
    }
    # Whole letters in a PDF, so that its text can be searched and edited.
    with matplotlib.rc_context({"svg.hashsalt": "attune", "pdf.fonttype": 42}):
        for ending, metadata in endings.items():
            file = path.with_suffix(f".{ending}")
            figure.savefig(file, format=ending, dpi=200, metadata=metadata)
            files.append(file)
    return files


def shown_name(rater: str) -> str:
    """A rater's name as a reader should see it."""
    return NAMES.get(rater, rater)


def clipped(text: str, longest: int) -> str:
    """The text, cut off with an ellipsis beyond `longest` characters."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def raters_with_pairs(report: ReportData) -> list[str]:
    """Raters with a matrix to show, people first; not the halves."""
    return [
        name
        for name, matrix in report.matrices.items()
        if name not in (HALF_A, HALF_B) and matrix.n_missing < matrix.n_pairs
    ]
