"""The kinds of job that end in a page, and what their folders are called in a manifest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from collection.comparison_pages import answers_page, comparison_page
from collection.results_pages import Page, report_page, sweep_page


class Result(NamedTuple):
    """How one kind of result is shown.

    folder: The kind that its manifest says.
    heading: What it is, for a page and its title.
    """

    page: Callable[[Path], Page]
    folder: str
    heading: str


RESULTS: Mapping[str, Result] = {
    "ask": Result(answers_page, "answers", "Models’ answers"),
    "report": Result(report_page, "report", "Alignment report"),
    "sweep": Result(sweep_page, "sweep", "Bandit sweep"),
    "comparison": Result(comparison_page, "comparison", "Comparison of two sweeps"),
}
