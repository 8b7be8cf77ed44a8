"""Mean similarities and values, added up as the judgments pass by.

Plain means of all ratings, each beside the number that it stands for. What is modelled
(raters' own ways of using the scale, noise ceilings, ordinal embeddings) is the alignment
report's business.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from collection.datasets.streaming import rows_of

SIMILARITY = "results/similarity_matrix.csv"
SIMILARITY_COUNTS = "results/similarity_counts.csv"
VALUE_MEANS = "results/value_means.csv"
VALUE_COUNTS = "results/value_counts.csv"
NPZ = "results/matrices.npz"


class Matrices:
    """Sums and counts of judgments.

    similarity: (n_actions, n_actions) mean rating in [0, 1], diagonal 1, symmetric, NaN
        where never judged. values: (n_actions, n_dimensions) mean in [0, 100], NaN where
        never judged. `*_counts` are the numbers of ratings.
    """

    def __init__(self, action_ids: Sequence[str], dimensions: Sequence[str]) -> None:
        self.action_ids = list(action_ids)
        self.dimensions = list(dimensions)
        self._place = {name: i for i, name in enumerate(action_ids)}
        self._column = {name: i for i, name in enumerate(dimensions)}
        n = len(action_ids)
        self._similarity = np.zeros((n, n))
        self._weights = np.zeros((n, n))
        self.similarity_counts = np.zeros((n, n), dtype=np.int64)
        self._values = np.zeros((n, len(dimensions)))
        self.value_counts = np.zeros((n, len(dimensions)), dtype=np.int64)

    def take_similarities(self, piece: Any) -> None:
        """Add a piece of the table of similarities."""
        rows = list(rows_of(piece, ("action_a", "action_b", "similarity", "weight")))
        a = [self._place[row[0]] for row in rows]
        b = [self._place[row[1]] for row in rows]
        rated = np.array([row[2] for row in rows])
        weight = np.array([row[3] for row in rows])
        for one, other in ((a, b), (b, a)):
            np.add.at(self._similarity, (one, other), weight * rated)
            np.add.at(self._weights, (one, other), weight)
            np.add.at(self.similarity_counts, (one, other), 1)

    def take_values(self, piece: Any) -> None:
        """Add a piece of the table of values."""
        rows = list(rows_of(piece, ("action_id", "dimension", "value")))
        where = (
            [self._place[row[0]] for row in rows],
            [self._column[row[1]] for row in rows],
        )
        np.add.at(self._values, where, [row[2] for row in rows])
        np.add.at(self.value_counts, where, 1)

    @property
    def similarity(self) -> Any:
        with np.errstate(invalid="ignore"):
            mean = self._similarity / self._weights
        np.fill_diagonal(mean, 1.0)
        return mean

    @property
    def values(self) -> Any:
        with np.errstate(invalid="ignore"):
            return self._values / self.value_counts

    def write(self, folder: Path) -> list[str]:
        """Write what there is; returns the files, by their paths in the package."""
        (folder / NPZ).parent.mkdir(parents=True, exist_ok=True)
        arrays: dict[str, Any] = {"action_ids": np.array(self.action_ids)}
        written = []
        if self.similarity_counts.any():
            arrays["similarity"] = self.similarity
            arrays["similarity_counts"] = self.similarity_counts
            self._table(folder / SIMILARITY, self.action_ids, self.similarity)
            self._table(
                folder / SIMILARITY_COUNTS, self.action_ids, self.similarity_counts
            )
            written += [SIMILARITY, SIMILARITY_COUNTS]
        if self.value_counts.any():
            arrays["dimensions"] = np.array(self.dimensions)
            arrays["values"] = self.values
            arrays["value_counts"] = self.value_counts
            self._table(folder / VALUE_MEANS, self.dimensions, self.values)
            self._table(folder / VALUE_COUNTS, self.dimensions, self.value_counts)
            written += [VALUE_MEANS, VALUE_COUNTS]
        if written:
            np.savez_compressed(folder / NPZ, **arrays)
            written.append(NPZ)
        return written

    def _table(self, path: Path, columns: Sequence[str], rows: Any) -> None:
        """A row per action; an empty field is a number that nobody can know."""
        with path.open("w", encoding="utf-8", newline="") as file:
            file.write(",".join(["action_id", *columns]) + "\n")
            for action_id, row in zip(self.action_ids, rows.tolist(), strict=True):
                told = ["" if cell != cell else repr(cell) for cell in row]
                file.write(",".join([action_id, *told]) + "\n")
