"""A snapshot folder read back as judgments."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from alignment.errors import FolderError, JudgmentsError
from alignment.folders import read_manifest, read_rows
from alignment.judgments import (
    Actions,
    ArrangementJudgments,
    SimilarityJudgments,
    TripletJudgments,
    ValueJudgments,
)
from alignment.snapshot_files import (
    ACTION_COLUMNS,
    ARRANGEMENT_COLUMNS,
    ARRANGEMENTS_FILE,
    SENSITIVITY_COLUMNS,
    SET_ASIDE,
    SIMILARITY_COLUMNS,
    TRIPLET_COLUMNS,
    VALUE_COLUMNS,
)


@dataclass(frozen=True)
class Snapshot:
    """A frozen study: its actions and every judgment that was kept.

    folder: Where it lies. manifest: `manifest.json` as read, with the study's
    dimensions, wording, and whether the participants were simulated. excluded: Scheme
    of exclusion (none, default, strict) -> the raters it leaves out; empty where none
    does. set_aside: Similarities of those whom the default leaves out and "none" does
    not: no judgments of this snapshot.
    """

    folder: Path
    manifest: dict[str, Any]
    actions: Actions
    values: ValueJudgments
    similarities: SimilarityJudgments
    triplets: TripletJudgments
    arrangements: ArrangementJudgments
    excluded: Mapping[str, frozenset[str]]
    set_aside: SimilarityJudgments

    @property
    def simulated(self) -> bool:
        """Whether the judgments come from simulated participants."""
        return bool(self.manifest["simulated"])


def read_snapshot(folder: Path) -> Snapshot:
    """Read a snapshot folder, after checking it against its manifest's hashes.

    Raises:
        FolderError: No such folder, not a snapshot, a file missing, changed or without
            one of its columns.
        JudgmentsError: A judgment names an unknown action or is out of range.
    """
    folder = Path(folder)
    manifest = read_manifest(folder, "snapshot")
    actions = _actions(_rows(folder / "actions.csv", ACTION_COLUMNS))
    return Snapshot(
        folder=folder,
        manifest=manifest,
        actions=actions,
        values=_values(folder, actions),
        similarities=_similarities(folder / "similarity_judgments.csv", actions),
        triplets=_triplets(folder, actions),
        arrangements=_arrangements(folder, actions),
        excluded=_excluded(folder / "sensitivity.csv"),
        set_aside=_similarities(folder / f"{SET_ASIDE}.csv", actions),
    )


def _actions(rows: list[dict[str, str]]) -> Actions:
    return Actions(
        ids=tuple(row["action_id"] for row in rows),
        texts=tuple(row["text"] for row in rows),
        attributes=tuple(
            {key: row[key] for key in row if key not in ACTION_COLUMNS} for row in rows
        ),
    )


def _values(folder: Path, actions: Actions) -> ValueJudgments:
    rows = _rows(folder / "value_judgments.csv", VALUE_COLUMNS)
    return ValueJudgments(
        actions=actions.ids,
        action=_numbers(rows, ("action_id",), actions)[:, 0],
        dimension=_column(rows, "dimension"),
        rater=_column(rows, "rater_id"),
        value=_floats(rows, "value"),
        group=_column(rows, "group"),
    )


def _excluded(path: Path) -> Mapping[str, frozenset[str]]:
    if not path.exists():  # a snapshot from before there were schemes
        return {}
    found: dict[str, set[str]] = {}
    for row in _rows(path, SENSITIVITY_COLUMNS):
        found.setdefault(row["exclusion"], set()).add(row["rater_id"])
    return {scheme: frozenset(raters) for scheme, raters in found.items()}


def _similarities(path: Path, actions: Actions) -> SimilarityJudgments:
    older = path.stem == SET_ASIDE and not path.exists()
    rows = [] if older else _rows(path, SIMILARITY_COLUMNS)
    # Files hold ids in alphabetical order; arrays hold rows in the actions' order.
    pairs = np.sort(_numbers(rows, ("action_a", "action_b"), actions), axis=1)
    return SimilarityJudgments(
        actions=actions.ids,
        a=pairs[:, 0],
        b=pairs[:, 1],
        rater=_column(rows, "rater_id"),
        similarity=_floats(rows, "similarity"),
        weight=_floats(rows, "weight"),
        group=_column(rows, "group"),
    )


def _triplets(folder: Path, actions: Actions) -> TripletJudgments:
    rows = _rows(folder / "triplet_judgments.csv", TRIPLET_COLUMNS)
    return TripletJudgments(
        actions=actions.ids,
        triplets=np.sort(_numbers(rows, ("a", "b", "c"), actions), axis=1),
        odd=_numbers(rows, ("odd",), actions)[:, 0],
        rater=_column(rows, "rater_id"),
        sampler=_column(rows, "sampler"),
        propensity=_floats(rows, "propensity"),
        group=_column(rows, "group"),
    )


def _arrangements(folder: Path, actions: Actions) -> ArrangementJudgments:
    """Empty where the snapshot has no such file: nothing was arranged in that study."""
    path = folder / ARRANGEMENTS_FILE
    rows = _rows(path, ARRANGEMENT_COLUMNS) if path.is_file() else []
    pairs = np.sort(_numbers(rows, ("action_a", "action_b"), actions), axis=1)
    return ArrangementJudgments(
        actions=actions.ids,
        a=pairs[:, 0],
        b=pairs[:, 1],
        rater=_column(rows, "rater_id"),
        distance=_floats(rows, "distance"),
        arena=_column(rows, "trial_id"),
        n_in_arena=np.array([int(row["n_in_arena"]) for row in rows], dtype=np.int64),
        group=_column(rows, "group"),
    )


def _rows(path: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    rows = read_rows(path)
    missing = [column for column in columns if rows and column not in rows[0]]
    if missing:
        raise FolderError(
            f"{path}: needs the columns {', '.join(columns)}; "
            f"missing: {', '.join(missing)}"
        )
    return rows


def _numbers(
    rows: list[dict[str, str]], columns: tuple[str, ...], actions: Actions
) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    number = {action_id: i for i, action_id in enumerate(actions.ids)}
    try:
        found = [[number[row[column]] for column in columns] for row in rows]
    except KeyError as unknown:
        raise JudgmentsError(
            f"actions.csv has no action {unknown.args[0]}, though a judgment of "
            f"{columns[0]} names it"
        ) from None
    return np.array(found, dtype=np.int64).reshape(len(rows), len(columns))


def _column(rows: list[dict[str, str]], column: str) -> np.ndarray[Any, Any]:
    return np.array([row[column] for row in rows], dtype=str)


def _floats(rows: list[dict[str, str]], column: str) -> np.ndarray[Any, Any]:
    """Numbers of one column; an empty field is NaN."""
    try:
        return np.array([float(row[column] or "nan") for row in rows])
    except ValueError as error:
        raise JudgmentsError(f"{column} must be a number: {error}") from None
