"""Every figure of the experiment, from its tables alone."""

from __future__ import annotations

from pathlib import Path

from alignment.progress import Progress
from bandits.paper import (
    figure_central,
    figure_checks,
    figure_curves,
    figure_dealt,
    figure_kernels,
    figure_people,
)
from bandits.paper.drawing import Page
from bandits.paper.parts import Tables
from bandits.paper.study import Study
from bandits.workers import Each

GROUPS = (
    figure_central,
    figure_curves,
    figure_kernels,
    figure_people,
    figure_checks,
    figure_dealt,
)


def draw_all(
    study: Study, tables: Tables, folder: Path, mark: str, each: Each
) -> list[Path]:
    """Draw what the tables have something for; SVG, PNG and PDF of each.

    Args:
        tables: Name of each table to its rows, of all parts that were not left out.
        folder: Where the files go; it is there.
        mark: What stands in a corner of each.
        each: What does the work, in as many processes as it has.

    Returns:
        The files, by name.
    """
    one = Page(study, tables, folder, mark)
    with Progress("figures", len(GROUPS)) as progress:
        for _ in each(draw_group, [(at, one) for at in range(len(GROUPS))]):
            progress.advance()
    return sorted(folder.iterdir())


def draw_group(place: int, page: Page) -> None:
    """Draw one group of figures."""
    GROUPS[place].draw(page)
