"""Similarity matrices: the one type, and the ways to make one.

Similarities lie in [0, 1], larger is more alike, 1 on the diagonal, NaN where a pair
was never judged. A matrix travels with the ids of its actions and the name of its
rater, so two matrices cannot be compared in different orders by mistake.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import numpy.typing as npt

from alignment.errors import MatrixError

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
DistanceRule = Literal["linear", "exp"]

# How far rounding may take a matrix from symmetry, its range or a diagonal of ones.
TOLERANCE = 1e-9


@dataclass(frozen=True, eq=False)
class SimilarityMatrix:
    """How alike one rater, or the mean of many, sees every pair of actions.

    values: (n_actions, n_actions) float64 in [0, 1], symmetric, diagonal 1, NaN off
        the diagonal where a pair was never judged. Read-only.
    actions: n_actions ids, in the order of the rows.
    rater: Whose view this is, as messages and figures name it.

    Raises:
        MatrixError: Any of the above does not hold.
    """

    values: FloatArray
    actions: tuple[str, ...]
    rater: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "actions", tuple(self.actions))
        values = np.array(self.values, dtype=np.float64)
        n = len(self.actions)
        whose = f"similarity of {self.rater}"
        if n < 2:
            raise MatrixError(f"{whose}: needs at least 2 actions, got {n}")
        if len(set(self.actions)) != n:
            twice = next(a for a in self.actions if self.actions.count(a) > 1)
            raise MatrixError(f"{whose}: each action stands once; {twice} stands twice")
        if values.shape != (n, n):
            raise MatrixError(
                f"{whose}: needs shape ({n}, {n}) for {n} actions, got {values.shape}"
            )
        self._check_entries(values, whose)
        values = np.clip((values + values.T) / 2, 0.0, 1.0)
        np.fill_diagonal(values, 1.0)
        values.setflags(write=False)
        object.__setattr__(self, "values", values)

    def _check_entries(self, values: FloatArray, whose: str) -> None:
        missing = np.isnan(values)
        if not np.all(np.abs(np.diag(values) - 1.0) <= TOLERANCE):
            i = int(np.argmax(~(np.abs(np.diag(values) - 1.0) <= TOLERANCE)))
            raise MatrixError(
                f"{whose}: every action is like itself, so the diagonal must be 1; "
                f"got {values[i, i]:g} for {self.actions[i]}"
            )
        outside = (values < -TOLERANCE) | (values > 1 + TOLERANCE)
        if outside.any():
            i, j = np.argwhere(outside)[0]
            raise MatrixError(
                f"{whose}: similarities must lie in [0, 1], got {values[i, j]:g} for "
                f"{self.actions[i]} with {self.actions[j]}"
            )
        gap = np.where(missing & missing.T, 0.0, np.abs(values - values.T))
        if not np.all(gap <= TOLERANCE):
            i, j = np.argwhere(~(gap <= TOLERANCE))[0]
            raise MatrixError(
                f"{whose}: must be symmetric; {self.actions[i]} with {self.actions[j]} "
                f"is {values[i, j]:g} and the other way round {values[j, i]:g}"
            )

    def __len__(self) -> int:
        return len(self.actions)

    @property
    def n_pairs(self) -> int:
        """Number of pairs of different actions, judged or not."""
        return len(self) * (len(self) - 1) // 2

    @property
    def n_missing(self) -> int:
        """Number of pairs that were never judged."""
        return int(np.isnan(self.pairs()).sum())

    @property
    def complete(self) -> bool:
        """Whether every pair was judged."""
        return self.n_missing == 0

    def pairs(self) -> FloatArray:
        """(n_pairs,), the upper triangle row by row: (0,1), (0,2), ..., (1,2), ..."""
        return self.values[np.triu_indices(len(self), k=1)]

    def take(self, order: Sequence[int] | IntArray) -> Self:
        """The same judgments with actions in another order, or only some of them.

        Args:
            order: Row numbers, each at most once.
        """
        rows = np.asarray(order, dtype=np.int64)
        return type(self)(
            values=self.values[np.ix_(rows, rows)],
            actions=tuple(self.actions[i] for i in rows),
            rater=self.rater,
        )

    def same_actions(self, other: "SimilarityMatrix") -> None:
        """Refuse to go on unless both matrices have the same actions in one order.

        Raises:
            MatrixError: They differ in size, in actions or in order.
        """
        if self.actions == other.actions:
            return
        whose = f"similarity of {other.rater}"
        if len(self) != len(other):
            raise MatrixError(
                f"{whose}: needs shape ({len(self)}, {len(self)}) for the "
                f"{len(self)} actions of {self.rater}, "
                f"got ({len(other)}, {len(other)})"
            )
        i = next(
            i
            for i, (mine, theirs) in enumerate(
                zip(self.actions, other.actions, strict=True)
            )
            if mine != theirs
        )
        how = (
            "the order of its actions differs from that of"
            if set(self.actions) == set(other.actions)
            else "its actions are not those of"
        )
        raise MatrixError(
            f"{whose}: {how} {self.rater}; row {i} must be {self.actions[i]}, "
            f"got {other.actions[i]}"
        )


def from_pair_means(
    actions: Sequence[str],
    a: IntArray,
    b: IntArray,
    similarity: FloatArray,
    *,
    rater: str,
    weight: FloatArray | None = None,
) -> SimilarityMatrix:
    """Weighted mean of the judgments of each pair; NaN where there was none.

    Args:
        actions: n_actions ids.
        a, b: (n_judgments,) row numbers of the two actions, in either order.
        similarity: (n_judgments,) in [0, 1].
        weight: (n_judgments,) above zero; 1 each if left out.
    """
    n = len(actions)
    weight = np.ones(len(similarity)) if weight is None else weight
    cell = a * n + b
    total = np.bincount(cell, weight, n * n).reshape(n, n)
    summed = np.bincount(cell, weight * similarity, n * n).reshape(n, n)
    total, summed = total + total.T, summed + summed.T
    values = np.divide(summed, total, out=np.full((n, n), np.nan), where=total > 0)
    np.fill_diagonal(values, 1.0)
    return SimilarityMatrix(values, tuple(actions), rater)


def from_triplets(
    actions: Sequence[str], triplets: IntArray, odd: IntArray, *, rater: str
) -> tuple[SimilarityMatrix, IntArray]:
    """How often two actions stayed together when a third was the odd one out.

    s(i, j) is the share of judged triplets holding i and j in which the third action
    was named the odd one (choice frequency, Hebart et al., 2020); 1/3 at random.

    Args:
        actions: n_actions ids.
        triplets: (n_judgments, 3) row numbers of the three actions.
        odd: (n_judgments,) the row number of the odd one.

    Returns:
        The matrix, NaN where no triplet held the pair, and the (n_actions, n_actions)
        number of judged triplets behind each pair (0 on the diagonal).
    """
    n = len(actions)
    shown = np.zeros((n, n), dtype=np.int64)
    kept = np.zeros((n, n), dtype=np.int64)
    for first, second, third in ((0, 1, 2), (0, 2, 1), (1, 2, 0)):
        i, j, k = triplets[:, first], triplets[:, second], triplets[:, third]
        np.add.at(shown, (i, j), 1)
        np.add.at(kept, (i, j), odd == k)
    shown, kept = shown + shown.T, kept + kept.T
    values = np.divide(kept, shown, out=np.full((n, n), np.nan), where=shown > 0)
    np.fill_diagonal(values, 1.0)
    return SimilarityMatrix(values, tuple(actions), rater), shown


def from_embeddings(
    vectors: npt.ArrayLike, actions: Sequence[str], *, rater: str
) -> tuple[SimilarityMatrix, FloatArray]:
    """Cosine similarity of embeddings, moved from [-1, 1] to [0, 1] by (1 + c) / 2.

    Args:
        vectors: (n_actions, n_features), one row per action.

    Returns:
        The matrix and the raw cosines, (n_actions, n_actions).

    Raises:
        MatrixError: A wrong number of rows, a row that is not finite or all zero.
    """
    rows = _rows(vectors, actions, rater)
    lengths = np.linalg.norm(rows, axis=1)
    if not lengths.all():
        raise MatrixError(
            f"embedding of {rater}: {actions[int(np.argmin(lengths))]} is all zeros "
            "and has no direction to compare"
        )
    unit = rows / lengths[:, None]
    cosine = np.clip(unit @ unit.T, -1.0, 1.0)
    np.fill_diagonal(cosine, 1.0)
    return SimilarityMatrix((1 + cosine) / 2, tuple(actions), rater), cosine


def from_distances(
    distances: npt.ArrayLike,
    actions: Sequence[str],
    *,
    rater: str,
    rule: DistanceRule = "linear",
) -> SimilarityMatrix:
    """Distances turned into similarities by a rule that the manifest should name.

    Args:
        distances: (n_actions, n_actions), symmetric, 0 on the diagonal, at least 0,
            NaN where unknown.
        rule: "linear" is 1 - d / max(d); "exp" is exp(-d / median(d)), over the
            pairs that are known.

    Raises:
        MatrixError: A negative or infinite distance, a diagonal that is not 0, an
            unknown rule, no known pair, or all distances 0.
    """
    d = np.array(distances, dtype=np.float64)
    whose = f"distances of {rater}"
    if d.shape != (len(actions), len(actions)):
        n = len(actions)
        raise MatrixError(
            f"{whose}: needs shape ({n}, {n}) for {n} actions, got {d.shape}"
        )
    if np.any(d < 0) or np.isinf(d).any():
        raise MatrixError(f"{whose}: must be finite and at least 0")
    if np.any(np.diag(d) != 0):
        raise MatrixError(f"{whose}: the diagonal must be 0")
    off = d[~np.eye(len(d), dtype=bool)]
    known = off[~np.isnan(off)]
    if rule not in ("linear", "exp"):
        raise MatrixError(f"{whose}: the rule must be linear or exp, got {rule}")
    scale = (np.max if rule == "linear" else np.median)(known) if known.size else 0.0
    if scale <= 0:
        raise MatrixError(f"{whose}: no pair lies apart, so there is no scale")
    values = 1 - d / scale if rule == "linear" else np.exp(-d / scale)
    return SimilarityMatrix(values, tuple(actions), rater)


def from_features(
    features: npt.ArrayLike,
    actions: Sequence[str],
    *,
    rater: str,
    rule: DistanceRule = "linear",
) -> SimilarityMatrix:
    """Euclidean distance between rows of features, then `from_distances`.

    Args:
        features: (n_actions, n_features), one row per action, already scaled.
    """
    rows = _rows(features, actions, rater)
    difference = rows[:, None, :] - rows[None, :, :]
    distances = np.sqrt((difference**2).sum(axis=2))
    return from_distances(distances, actions, rater=rater, rule=rule)


def _rows(vectors: npt.ArrayLike, actions: Sequence[str], rater: str) -> FloatArray:
    rows = np.array(vectors, dtype=np.float64)
    n = len(actions)
    if rows.ndim != 2 or len(rows) != n:
        raise MatrixError(
            f"features of {rater}: needs {n} rows for {n} actions, got shape "
            f"{rows.shape}"
        )
    if not np.isfinite(rows).all():
        bad = int(np.argmin(np.isfinite(rows).all(axis=1)))
        raise MatrixError(f"features of {rater}: {actions[bad]} is not finite")
    return rows
