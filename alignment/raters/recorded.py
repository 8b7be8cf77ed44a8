"""Judgments that some model gave elsewhere, read from a file.

Three layouts are understood:

- ``.npz``: ``action_ids`` and one matrix, under the rater's name or alone.
- ``.csv`` matrix: first column ``action_id``, then one column per action.
- ``.csv`` pairs: ``action_a, action_b`` and either ``similarity`` (0 to 1) or
  ``rating`` (0 to 100). Rows of one pair, in either order, are averaged.

The rows of a matrix must stand in the order of actions.csv: a matrix in another order
is refused, not sorted, because its maker may have sorted the labels alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

import numpy as np

from alignment.errors import AlignmentError, MatrixError
from alignment.folders import read_rows
from alignment.judgments import Actions
from alignment.matrices import FloatArray, SimilarityMatrix, from_pair_means
from alignment.raters.base import RaterKind, RaterResult


@dataclass(frozen=True)
class RecordedRater:
    """A rater whose judgments lie in a file."""

    name: str
    path: Path
    family: str = ""
    kind: RaterKind = "recorded"

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", Path(self.path))
        if not self.family:
            object.__setattr__(self, "family", self.name)

    def judge(self, actions: Actions, wording: Mapping[str, str]) -> RaterResult:
        """Read the file; the wording plays no part.

        Raises:
            AlignmentError: The file is missing or not in one of the layouts, names
                other actions or another order, or holds impossible numbers.
        """
        if not self.path.is_file():
            raise AlignmentError(f"rater {self.name}: there is no file {self.path}")
        if self.path.suffix == ".npz":
            matrix = self._from_npz(actions)
        elif self.path.suffix == ".csv":
            matrix = self._from_csv(actions)
        else:
            raise AlignmentError(
                f"rater {self.name}: {self.path} must end in .npz or .csv"
            )
        return RaterResult(
            matrix,
            f"Recorded judgments, read from {self.path.name}.",
            n_asked=matrix.n_pairs - matrix.n_missing,
        )

    def _from_npz(self, actions: Actions) -> SimilarityMatrix:
        try:
            with np.load(self.path, allow_pickle=False) as held:
                arrays = {key: held[key] for key in held.files}
        except (OSError, ValueError) as error:
            raise AlignmentError(
                f"rater {self.name}: {self.path} cannot be read as .npz without "
                f"pickled objects ({error})"
            ) from error
        if "action_ids" not in arrays:
            raise AlignmentError(
                f"rater {self.name}: {self.path} needs a key action_ids that names "
                f"the rows, got {', '.join(arrays) or 'nothing'}"
            )
        ids = tuple(str(each) for each in arrays.pop("action_ids"))
        if self.name not in arrays and len(arrays) != 1:
            raise AlignmentError(
                f"rater {self.name}: {self.path} needs a key {self.name}, got "
                f"{', '.join(arrays) or 'no matrix'}"
            )
        values = (
            arrays[self.name] if self.name in arrays else next(iter(arrays.values()))
        )
        return self._matrix(values, ids, actions)

    def _from_csv(self, actions: Actions) -> SimilarityMatrix:
        rows = read_rows(self.path)
        columns = list(rows[0]) if rows else []
        if columns[:1] == ["action_id"]:
            values = [
                [self._number(row[id_], line) for id_ in columns[1:]]
                for line, row in enumerate(rows, start=2)
            ]
            ids = tuple(row["action_id"] for row in rows)
            self._same_order("column", tuple(columns[1:]), actions)
            return self._matrix(np.array(values, dtype=np.float64), ids, actions)
        if {"action_a", "action_b"} <= set(columns):
            return self._from_pairs(rows, actions)
        raise AlignmentError(
            f"rater {self.name}: {self.path} must start with the columns action_id "
            "and one per action, or hold action_a, action_b and similarity or rating; "
            f"got {', '.join(columns) or 'no rows'}"
        )

    def _from_pairs(
        self, rows: list[dict[str, str]], actions: Actions
    ) -> SimilarityMatrix:
        column = next((c for c in ("similarity", "rating") if c in rows[0]), None)
        if column is None:
            raise AlignmentError(
                f"rater {self.name}: {self.path} needs a column similarity (0 to 1) "
                f"or rating (0 to 100), got {', '.join(rows[0])}"
            )
        top = 1.0 if column == "similarity" else 100.0
        known = {id_: row for row, id_ in enumerate(actions.ids)}
        a, b, similarity = [], [], []
        for line, row in enumerate(rows, start=2):
            for id_ in (row["action_a"], row["action_b"]):
                if id_ not in known:
                    raise AlignmentError(
                        f"rater {self.name}: {self.path}, line {line}: {id_} is no "
                        "action of this snapshot"
                    )
            if row["action_a"] == row["action_b"]:
                raise AlignmentError(
                    f"rater {self.name}: {self.path}, line {line}: a pair needs two "
                    f"different actions, got {row['action_a']} twice"
                )
            value = self._number(row[column], line)
            if np.isnan(value):
                continue  # an empty field: this pair was not rated
            if not 0 <= value <= top:
                raise AlignmentError(
                    f"rater {self.name}: {self.path}, line {line}: {column} must lie "
                    f"between 0 and {top:g}, got {value:g}"
                )
            a.append(known[row["action_a"]])
            b.append(known[row["action_b"]])
            similarity.append(value / top)
        return from_pair_means(
            actions.ids,
            np.array(a, dtype=np.int64),
            np.array(b, dtype=np.int64),
            np.array(similarity, dtype=np.float64),
            rater=self.name,
        )

    def _number(self, text: str, line: int) -> float:
        """The number in a field; NaN for an empty one or "nan"."""
        try:
            value = float(text) if text.strip() else float("nan")
        except ValueError:
            value = float("inf")
        if not isfinite(value) and not np.isnan(value):
            raise AlignmentError(
                f"rater {self.name}: {self.path}, line {line}: needs a number or an "
                f"empty field, got {text!r}"
            )
        return value

    def _matrix(
        self, values: FloatArray, ids: tuple[str, ...], actions: Actions
    ) -> SimilarityMatrix:
        n = len(actions.ids)
        if values.shape != (n, n):
            raise MatrixError(
                f"similarity of {self.name}: needs shape ({n}, {n}) for {n} actions, "
                f"got {values.shape}"
            )
        self._same_order("row", ids, actions)
        return SimilarityMatrix(values, actions.ids, self.name)

    def _same_order(self, what: str, ids: tuple[str, ...], actions: Actions) -> None:
        if len(ids) != len(actions.ids):
            n = len(actions.ids)
            raise MatrixError(
                f"similarity of {self.name}: needs {n} {what}s for {n} actions, "
                f"got {len(ids)}"
            )
        for i, (expected, found) in enumerate(zip(actions.ids, ids, strict=True)):
            if expected != found:
                raise MatrixError(
                    f"similarity of {self.name}: {what} {i} must be {expected} as in "
                    f"actions.csv, got {found}; put the file in that order"
                )
