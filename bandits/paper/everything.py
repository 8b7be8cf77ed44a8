"""The experiment on all that is at hand: the demo's study, and real people's verbs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from alignment.folders import MANIFEST
from bandits.bridge_verbs import CLASSES, report_on
from bandits.errors import BanditError
from bandits.paper.run import run_paper
from bandits.paper.settings import PaperSettings


def run_everything(
    out: Path,
    settings: PaperSettings | None = None,
    *,
    demo: Path,
    data: Path | None = None,
    processes: int = 2,
) -> Iterator[str]:
    """Run the experiment on each report; finished ones stand, unfinished ones go on.

    Args:
        out: Gets one folder per report.
        demo: The folder of the demo study's reports; the latest one is taken.
        data: The folder that holds `bridge-verbs`; None looks where `ATTUNE_DATA` says.

    Yields:
        Lines: each summary, or why there is none.
    """
    report = latest(demo)
    if report is None:
        yield (
            f"{demo}: there is no report of the demo's study;"
            " `make demo SERVE=0` makes it."
        )
    else:
        yield from _one(report, out / "demo", settings, processes)
    for verb_class in CLASSES:
        try:
            report = report_on(data, out / "reports", verb_class)
        except BanditError as refusal:
            yield f"bridge-verbs: {refusal}"
            return
        yield from _one(report, out / f"bridge-verbs-{verb_class}", settings, processes)


def latest(folder: Path) -> Path | None:
    """The report with the highest number in a folder of them; None if there is none."""
    found = [
        path
        for path in folder.glob("*")
        if path.name.isdigit() and (path / MANIFEST).is_file()
    ]
    return max(found, key=lambda path: int(path.name), default=None)


def _one(
    report: Path, out: Path, settings: PaperSettings | None, processes: int
) -> Iterator[str]:
    run_paper(report, out, settings, processes=processes, resume=True)
    yield (out / "summary.md").read_text(encoding="utf-8")
    yield f"Tables and figures: {out}"
