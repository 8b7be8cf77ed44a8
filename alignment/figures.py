"""The figures of a report. They draw what the report holds and compute nothing.

A figure of simulated participants says so. Its corner carries the short hash of the
snapshot: the report's own manifest is written after its figures and hashes them.
"""

from collections.abc import Callable
from pathlib import Path

from alignment.figure_alignment import draw_alignment
from alignment.figure_blocks import draw_blocks, draw_values
from alignment.figure_data import save_all
from alignment.figure_map import draw_map
from alignment.figure_matrices import draw_matrices
from alignment.figure_style import Drawing, finish
from alignment.progress import Progress
from alignment.report_files import ReportData
from alignment.report_parts import Parts


def draw(
    report: ReportData, folder: Path, *, mark: str, parts: Parts | None = None
) -> list[Path]:
    """Draw the figures that the report has something for, as SVG, PNG and PDF.

    Beside each lie what a page needs to let it be explored (JSON) and its data (CSV).

    Args:
        mark: What stands in a corner, so that a figure can be traced to its data.
        parts: Blocks and values, where they were computed; they have figures too.

    Returns:
        The files written.
    """
    steps: dict[str, Callable[[ReportData], Drawing | None]] = {
        "matrices": draw_matrices,
        "alignment": draw_alignment,
        "map": draw_map,
    }
    if parts is not None:
        found = parts
        steps["blocks"] = lambda report: draw_blocks(report, found.blocks)
        steps["values"] = lambda report: draw_values(report, found.blocks)
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    with Progress("drawing figures", len(steps)) as progress:
        for name, step in steps.items():
            drawn = step(report)
            if drawn is not None:
                figure, title, subtitle = drawn
                files += finish(
                    figure,
                    folder / name,
                    title=title,
                    subtitle=subtitle,
                    mark=mark,
                    simulated=report.simulated,
                )
            progress.advance()
    blocks = None if parts is None else parts.blocks
    return [*files, *save_all(report, folder, mark=mark, blocks=blocks)]
