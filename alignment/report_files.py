"""The report folder: what its tables hold, how they are written and read back.

`ReportData` is all that a sweep or a page needs of a report. Everything in it stands
in files that a spreadsheet or numpy opens; nothing is pickled.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np

from alignment.errors import FolderError
from alignment.folders import (
    blank_nan,
    read_manifest,
    read_rows,
    write_records,
    write_rows,
)
from alignment.judgments import Actions
from alignment.matrices import FloatArray, IntArray, SimilarityMatrix
from alignment.report_judgments import Judgments, read_judgments, write_judgments

Kind = Literal[
    "human",
    "arrangements",
    "triplets",
    "embedding",
    "chat",
    "causal",
    "baseline",
    "recorded",
]

HUMAN = "human"
HALF_A = "human_half_a"
HALF_B = "human_half_b"
TRIPLETS = "human_triplets"
ARRANGEMENTS = "human_arrangements"
TRIPLET_EMBEDDING = "human_triplet_embedding"
HUMAN_VIEWS = (HUMAN, HALF_A, HALF_B, ARRANGEMENTS, TRIPLETS, TRIPLET_EMBEDDING)
GROUP = "group"
ACTION_IDS = "action_ids"
FIGURES = ("matrices", "alignment", "map")


@dataclass(frozen=True)
class RaterRow:
    """Whose matrix it is. complete: every pair was judged, so it can be a kernel."""

    rater: str
    kind: str
    family: str
    complete: bool
    n_missing: int
    n_pairs: int
    n_asked: int
    n_refused: int
    description: str


@dataclass(frozen=True)
class DimensionRow:
    """A value dimension; an action below `threshold` (0-100) is unsafe where `harm`."""

    dimension: str
    definition: str
    perspective: str
    harm: bool
    threshold: float
    low_label: str
    high_label: str


@dataclass(frozen=True)
class AlignmentRow:
    """One measure of one rater. NaN where undefined; `note` then says why.

    low, high: 95 % interval over actions. p: one-sided, from permutations. n_pairs:
    pairs that both had. n_resamples: resamples that gave a number. against: the
    matrix it was compared with.
    """

    rater: str
    measure: str
    value: float
    low: float
    high: float
    p: float
    n_pairs: int
    n_resamples: int
    n_permutations: int
    against: str
    note: str


@dataclass(frozen=True)
class ReliabilityRow:
    """How well people agree; NaN where it cannot be said, and `note` says why."""

    what: str
    value: float
    low: float
    high: float
    n_raters: int
    raters_per_pair: float
    note: str


@dataclass(frozen=True)
class ReportData:
    """A report as the libraries see it.

    matrices: By rater, in the order of `raters`; `human` is the pooled mean of pair
        ratings, `human_half_a` and `human_half_b` are split halves by participant,
        `human_arrangements` comes from arrangements, `human_triplets` from triplets.
        What could not be made is not there.
    values: (dimension, "group" or a participant) -> (n_actions,) in 0-100. The group's
        mean is NaN where nobody judged; a participant's vector is always complete.
    value_counts: (dimension, "group" or a participant) -> (n_actions,) judgments.
    notes: Sentences on what could not be done.
    judgments: What single people said; None for published means, and for reports of
        before it was kept.
    """

    folder: Path
    manifest: Mapping[str, Any]
    actions: Actions
    raters: tuple[RaterRow, ...]
    matrices: dict[str, SimilarityMatrix]
    dimensions: dict[str, DimensionRow]
    values: dict[tuple[str, str], FloatArray]
    value_counts: dict[tuple[str, str], IntArray]
    alignment: tuple[AlignmentRow, ...]
    reliability: tuple[ReliabilityRow, ...]
    simulated: bool
    notes: tuple[str, ...]
    judgments: Judgments | None = None

    def rater(self, name: str) -> RaterRow:
        """The row of one rater.

        Raises:
            FolderError: The report has no rater of that name.
        """
        for row in self.raters:
            if row.rater == name:
                return row
        raise FolderError(
            f"report {self.folder}: has no rater {name}; it has "
            f"{', '.join(row.rater for row in self.raters) or 'none'}"
        )

    def participants(self, dimension: str) -> tuple[str, ...]:
        """Who has a complete value vector on a dimension."""
        return tuple(
            who for name, who in self.values if name == dimension and who != GROUP
        )


def write_tables(report: ReportData, folder: Path) -> None:
    """Every table and matrix of a report; not its figures, not its manifest."""
    folder = Path(folder)
    attributes = list(report.actions.attributes[0]) if len(report.actions) else []
    write_rows(
        folder / "actions.csv",
        ("action_id", "text", *attributes),
        (
            {"action_id": id_, "text": text, **more}
            for id_, text, more in zip(
                report.actions.ids,
                report.actions.texts,
                report.actions.attributes,
                strict=True,
            )
        ),
    )
    write_records(folder / "raters.csv", RaterRow, report.raters)
    write_records(folder / "dimensions.csv", DimensionRow, report.dimensions.values())
    write_records(folder / "alignment.csv", AlignmentRow, report.alignment)
    write_records(folder / "reliability.csv", ReliabilityRow, report.reliability)
    write_rows(
        folder / "values.csv",
        ("action_id", "dimension", "rater_id", "value", "n"),
        (
            {
                "action_id": id_,
                "dimension": dimension,
                "rater_id": who,
                "value": blank_nan(values[i]),
                "n": report.value_counts[dimension, who][i],
            }
            for (dimension, who), values in report.values.items()
            for i, id_ in enumerate(report.actions.ids)
        ),
    )
    if report.judgments is not None:
        write_judgments(report.judgments, folder)
    arrays = {name: matrix.values for name, matrix in report.matrices.items()}
    with (folder / "matrices.npz").open("wb") as stream:
        np.savez(
            stream,
            allow_pickle=False,
            action_ids=np.array(report.actions.ids),
            **arrays,
        )


def read_report(folder: Path) -> ReportData:
    """Read a report folder, after checking it against its manifest's hashes.

    Raises:
        FolderError: No such folder, not a report, a file missing or changed.
        MatrixError: A matrix is not one; never so in a folder that this code wrote.
    """
    folder = Path(folder)
    manifest = read_manifest(folder, "report")
    actions = _read_actions(folder / "actions.csv")
    values, counts = _read_values(folder / "values.csv", actions)
    raters = tuple(_read(folder / "raters.csv", RaterRow))
    return ReportData(
        folder=folder,
        manifest=manifest,
        actions=actions,
        raters=raters,
        matrices=_read_matrices(folder / "matrices.npz", actions, raters),
        dimensions={
            row.dimension: row for row in _read(folder / "dimensions.csv", DimensionRow)
        },
        values=values,
        value_counts=counts,
        alignment=tuple(_read(folder / "alignment.csv", AlignmentRow)),
        reliability=tuple(_read(folder / "reliability.csv", ReliabilityRow)),
        simulated=bool(manifest["simulated"]),
        notes=tuple(manifest.get("notes", ())),
        judgments=read_judgments(folder, actions.ids),
    )


Row = TypeVar("Row", RaterRow, DimensionRow, AlignmentRow, ReliabilityRow)


def _read(path: Path, kind: type[Row]) -> list[Row]:
    parsers = {field.name: _PARSERS[field.type] for field in fields(kind)}
    return [
        kind(**{name: parse(row[name]) for name, parse in parsers.items()})
        for row in read_rows(path)
    ]


def _number(text: str) -> float:
    return float(text or "nan")


_PARSERS: dict[Any, Any] = {
    str: str,
    float: _number,
    int: int,
    bool: lambda text: text == "1",
}


def _read_actions(path: Path) -> Actions:
    rows = read_rows(path)
    return Actions(
        ids=tuple(row.pop("action_id") for row in rows),
        texts=tuple(row.pop("text") for row in rows),
        attributes=tuple(rows),
    )


def _read_values(
    path: Path, actions: Actions
) -> tuple[dict[tuple[str, str], FloatArray], dict[tuple[str, str], IntArray]]:
    row_of = {id_: i for i, id_ in enumerate(actions.ids)}
    values: dict[tuple[str, str], FloatArray] = {}
    counts: dict[tuple[str, str], IntArray] = {}
    for row in read_rows(path):
        key = (row["dimension"], row["rater_id"])
        if key not in values:
            values[key] = np.full(len(actions), np.nan)
            counts[key] = np.zeros(len(actions), dtype=np.int64)
        i = row_of[row["action_id"]]
        values[key][i] = _number(row["value"])
        counts[key][i] = int(row["n"])
    return values, counts


def _read_matrices(
    path: Path, actions: Actions, raters: Sequence[RaterRow]
) -> dict[str, SimilarityMatrix]:
    with np.load(path, allow_pickle=False) as held:
        ids = tuple(str(each) for each in held[ACTION_IDS])
        if ids != actions.ids:
            raise FolderError(f"{path}: its actions are not those of actions.csv")
        return {
            row.rater: SimilarityMatrix(held[row.rater], ids, row.rater)
            for row in raters
        }
