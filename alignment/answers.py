"""What models answered, in a folder of its own, before any report is written.

answers/ manifest.json  kind "answers"; the snapshot by hash
         actions.csv    as in the snapshot
         raters.csv     who was asked, how much, and how many answers were no use
         refused.csv    who could not be asked, and why
         matrices.npz   one similarity matrix a rater
         replies.csv    every answer in words
         figures/       the matrices side by side
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from alignment.errors import AlignmentError
from alignment.figure_data import matrices_data
from alignment.figure_matrices import draw_matrices
from alignment.figure_style import finish
from alignment.folders import locked, sha256_of, short_hash, write_manifest, write_rows
from alignment.interactive import save_interactive
from alignment.raters.base import Rater, RaterResult
from alignment.report import rater_row, write_raw
from alignment.report_files import ReportData, write_tables
from alignment.snapshots import Snapshot

KIND = "answers"
# Tables of a report that answers alone say nothing for.
_EMPTY = ("dimensions.csv", "alignment.csv", "reliability.csv", "values.csv")


def write_answers(
    snapshot: Snapshot,
    out: Path,
    raters: Sequence[Rater],
    results: Mapping[str, RaterResult],
    refusals: Mapping[str, AlignmentError],
) -> Path:
    """Write what was answered, and draw it.

    Args:
        results, refusals: As `ask.ask_each` gives them, by rater.

    Raises:
        FolderInUse: Another process writes there.
    """
    started_at = datetime.now(UTC)
    asked = [rater for rater in raters if rater.name in results]
    with locked(out) as folder:
        answers = ReportData(
            folder=folder,
            manifest=snapshot.manifest,
            actions=snapshot.actions,
            raters=tuple(rater_row(rater, results[rater.name]) for rater in asked),
            matrices={rater.name: results[rater.name].matrix for rater in asked},
            dimensions={},
            values={},
            value_counts={},
            alignment=(),
            reliability=(),
            simulated=snapshot.simulated,
            notes=(),
            judgments=None,
        )
        write_tables(answers, folder)
        for name in _EMPTY:
            (folder / name).unlink()
        write_rows(
            folder / "refused.csv",
            ("rater", "reason"),
            ({"rater": name, "reason": str(why)} for name, why in refusals.items()),
        )
        write_raw(dict(results), folder)
        _draw(answers, folder / "figures", f"snapshot {short_hash(snapshot.folder)}")
        write_manifest(
            folder,
            kind=KIND,
            parameters={"raters": [rater.name for rater in asked]},
            inputs={"snapshot": sha256_of(snapshot.folder / "manifest.json")},
            simulated=snapshot.simulated,
            seeds={},
            started_at=started_at,
        )
    return out


def _draw(answers: ReportData, folder: Path, mark: str) -> None:
    drawn, explored = draw_matrices(answers), matrices_data(answers)
    if drawn is None or explored is None:  # nobody gave a usable answer
        return
    folder.mkdir(parents=True, exist_ok=True)
    figure, title, subtitle = drawn
    finish(
        figure,
        folder / "matrices",
        title=title,
        subtitle=subtitle,
        mark=mark,
        simulated=answers.simulated,
    )
    save_interactive(
        folder / "matrices", explored, mark=mark, simulated=answers.simulated
    )
