"""Judgments that some model gave elsewhere, read from files.

These layouts are understood; a rater has at most one file of similarities:

- ``.npz``: ``action_ids`` and one matrix, under the rater's name or alone.
- ``.csv`` matrix: first column ``action_id``, then one column per action.
- ``.csv`` pairs: ``action_a, action_b`` and either ``similarity`` (0 to 1) or
  ``rating`` (0 to 100). Rows of one pair, in either order, are averaged.
- ``.csv`` values and triplets: see `alignment.raters.recorded_tables`.

The rows of a matrix must stand in the order of actions.csv: a matrix in another order
is refused, not sorted, because its maker may have sorted the labels alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any

import numpy as np

from alignment.errors import AlignmentError, MatrixError
from alignment.folders import sha256_of
from alignment.judgments import Actions
from alignment.matrices import (
    FloatArray,
    SimilarityMatrix,
    from_pair_means,
    from_triplets,
)
from alignment.raters.base import (
    BoolArray,
    MoreQuestions,
    Provenance,
    RaterKind,
    RaterResult,
    TripletChoices,
    ValueRatings,
)
from alignment.raters.recorded_tables import (
    TRIPLET_COLUMNS,
    VALUE_COLUMNS,
    triplets_from,
    values_from,
)
from alignment.tables import Line, read_lines


@dataclass(frozen=True)
class RecordedRater:
    """A rater whose judgments lie in a file, or in several of different layouts."""

    name: str
    path: Path
    family: str = ""
    more_paths: tuple[Path, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    kind: RaterKind = "recorded"

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", Path(self.path))
        object.__setattr__(self, "more_paths", tuple(map(Path, self.more_paths)))
        if not self.family:
            object.__setattr__(self, "family", self.name)

    def judge(
        self,
        actions: Actions,
        wording: Mapping[str, str],
        *,
        preferred: BoolArray | None = None,
        more: MoreQuestions | None = None,
    ) -> RaterResult:
        """Read the files; the wording plays no part.

        Without similarities the matrix is that of the triplets, or empty.

        Raises:
            AlignmentError: A file is missing or not in one of the layouts, names
                other actions, dimensions or another order, or holds impossible
                numbers; two files hold the same kind of judgments.
        """
        matrix: SimilarityMatrix | None = None
        values: dict[str, ValueRatings] = {}
        triplets: TripletChoices | None = None
        for path in (self.path, *self.more_paths):
            found = self._read(path, actions, more)
            if isinstance(found, SimilarityMatrix):
                self._only_one(matrix, "similarities", path)
                matrix = found
            elif isinstance(found, TripletChoices):
                self._only_one(triplets, "triplets", path)
                triplets = found
            else:
                self._only_one(values or None, "values", path)
                values = found
        if matrix is None:
            matrix = self._without_pairs(triplets, actions)
        names = ", ".join(path.name for path in (self.path, *self.more_paths))
        return RaterResult(
            matrix,
            f"Recorded judgments, read from {names}.",
            n_asked=matrix.n_pairs - matrix.n_missing,
            asked=~np.isnan(matrix.values),
            values=values,
            triplets=triplets,
            provenance=Provenance(
                self.name,
                "sha256:" + "+".join(map(sha256_of, (self.path, *self.more_paths))),
                settings={"files": names},
                facts=self.facts,
            ),
        )

    def _read(
        self, path: Path, actions: Actions, more: MoreQuestions | None
    ) -> SimilarityMatrix | TripletChoices | dict[str, ValueRatings]:
        if not path.is_file():
            raise AlignmentError(f"rater {self.name}: there is no file {path}")
        if path.suffix == ".npz":
            return self._from_npz(path, actions)
        if path.suffix != ".csv":
            raise AlignmentError(f"rater {self.name}: {path} must end in .npz or .csv")
        lines = read_lines(path)
        columns = set(lines[0].fields)
        if columns >= set(VALUE_COLUMNS):
            return values_from(lines, actions, more)
        if columns >= set(TRIPLET_COLUMNS):
            return triplets_from(lines, actions)
        return self._from_csv(path, lines, actions)

    def _only_one(self, known: object, what: str, path: Path) -> None:
        if known is not None:
            raise AlignmentError(
                f"rater {self.name}: {path} holds {what}, and so does a file before "
                "it; put them into one"
            )

    def _without_pairs(
        self, triplets: TripletChoices | None, actions: Actions
    ) -> SimilarityMatrix:
        if triplets is None:
            n = len(actions)
            empty = np.where(np.eye(n, dtype=np.bool_), 1.0, np.nan)
            return SimilarityMatrix(empty, actions.ids, self.name)
        decided = triplets.odd >= 0
        matrix, _ = from_triplets(
            actions.ids,
            triplets.triplets[decided],
            triplets.odd[decided],
            rater=self.name,
        )
        return matrix

    def _from_npz(self, path: Path, actions: Actions) -> SimilarityMatrix:
        try:
            with np.load(path, allow_pickle=False) as held:
                arrays = {key: held[key] for key in held.files}
        except (OSError, ValueError) as error:
            raise AlignmentError(
                f"rater {self.name}: {path} cannot be read as .npz without "
                f"pickled objects ({error})"
            ) from error
        if "action_ids" not in arrays:
            raise AlignmentError(
                f"rater {self.name}: {path} needs a key action_ids that names "
                f"the rows, got {', '.join(arrays) or 'nothing'}"
            )
        ids = tuple(str(each) for each in arrays.pop("action_ids"))
        if self.name not in arrays and len(arrays) != 1:
            raise AlignmentError(
                f"rater {self.name}: {path} needs a key {self.name}, got "
                f"{', '.join(arrays) or 'no matrix'}"
            )
        values = (
            arrays[self.name] if self.name in arrays else next(iter(arrays.values()))
        )
        return self._matrix(values, ids, actions)

    def _from_csv(
        self, path: Path, lines: list[Line], actions: Actions
    ) -> SimilarityMatrix:
        columns = list(lines[0].fields)
        if columns[0] == "action_id":
            self._same_order("column", tuple(columns[1:]), actions)
            ids = tuple(line["action_id"] for line in lines)
            values = [
                [_number(line, id_, -inf, inf) for id_ in columns[1:]] for line in lines
            ]
            return self._matrix(np.array(values, dtype=np.float64), ids, actions)
        if {"action_a", "action_b"} <= set(columns):
            for column, top in (("similarity", 1.0), ("rating", 100.0)):
                if column in columns:
                    return self._from_pairs(lines, column, top, actions)
        raise AlignmentError(
            f"rater {self.name}: {path} must have the columns action_id and one "
            "per action, or action_a, action_b and similarity (0 to 1) or rating (0 "
            "to 100), or action_id, dimension and value, or a, b, c and odd; got "
            f"{', '.join(columns)}"
        )

    def _from_pairs(
        self, lines: list[Line], column: str, top: float, actions: Actions
    ) -> SimilarityMatrix:
        known = {id_: row for row, id_ in enumerate(actions.ids)}
        pairs, similarity = [], []
        for line in lines:
            ids = (line["action_a"], line["action_b"])
            for id_ in ids:
                if id_ not in known:
                    raise line.fault(f"{id_} is no action of this snapshot")
            if ids[0] == ids[1]:
                raise line.fault(
                    f"a pair needs two different actions, got {ids[0]} twice"
                )
            value = _number(line, column, 0.0, top)
            if not np.isnan(value):
                pairs.append([known[id_] for id_ in ids])
                similarity.append(value / top)
        rows = np.array(pairs, dtype=np.int64).reshape(-1, 2)
        return from_pair_means(
            actions.ids,
            rows[:, 0],
            rows[:, 1],
            np.array(similarity, dtype=np.float64),
            rater=self.name,
        )

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


def _number(line: Line, column: str, low: float, high: float) -> float:
    """The number in a field; NaN, never judged, for an empty one or "nan"."""
    if line[column].strip().lower() == "nan":
        return float("nan")
    number = line.number_in(column, low, high)
    return float("nan") if number is None else number
