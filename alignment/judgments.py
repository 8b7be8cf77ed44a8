"""Judgments as the libraries see them: value, similarity, triplet and arrangement.

Each type is a frozen table of columns, validated where it is made. A rater is a
participant or, for published means, the word ``aggregate``. Arrays are read-only.
`alignment.snapshots.read_snapshot` gives all of them from a snapshot folder.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from alignment.errors import JudgmentsError
from alignment.matrices import (
    FloatArray,
    IntArray,
    SimilarityMatrix,
    from_pair_means,
    from_triplets,
)

TextArray = npt.NDArray[np.str_]

# The rater of published means: nobody in particular, so no ceiling and no halves.
AGGREGATE = "aggregate"
# The sampler of triplets that earlier answers chose; see `alignment/adaptive.py`.
ADAPTIVE = "adaptive"

Table = TypeVar(
    "Table",
    "ValueJudgments",
    "SimilarityJudgments",
    "TripletJudgments",
    "ArrangementJudgments",
)


@dataclass(frozen=True)
class Actions:
    """The actions of a study, in the order of every matrix.

    ids: n_actions unique slugs. texts: what a participant reads. attributes: whatever
    else actions.csv says of each, by column.
    """

    ids: tuple[str, ...]
    texts: tuple[str, ...]
    attributes: tuple[Mapping[str, str], ...]

    def __post_init__(self) -> None:
        if len(set(self.ids)) != len(self.ids):
            twice = next(i for i in self.ids if self.ids.count(i) > 1)
            raise JudgmentsError(f"actions: each id stands once; {twice} stands twice")
        if not len(self.ids) == len(self.texts) == len(self.attributes):
            raise JudgmentsError(
                f"actions: needs one text and one row of attributes for each of "
                f"{len(self.ids)} ids, got {len(self.texts)} and {len(self.attributes)}"
            )

    def __len__(self) -> int:
        return len(self.ids)

    def index(self, action_id: str) -> int:
        """The row of an action.

        Raises:
            JudgmentsError: There is no such action.
        """
        try:
            return self.ids.index(action_id)
        except ValueError:
            raise JudgmentsError(f"actions: there is no action {action_id}") from None


@dataclass(frozen=True, eq=False)
class ValueJudgments:
    """Ratings of actions on value dimensions, 0-100, 100 the good or high end.

    actions: n_actions ids. Then one entry per judgment, (n_judgments,): action (row
    number), dimension, rater, value, group.

    Raises:
        JudgmentsError: Columns differ in length, a row number or a value is out of
            range.
    """

    actions: tuple[str, ...]
    action: IntArray
    dimension: TextArray
    rater: TextArray
    value: FloatArray
    group: TextArray

    def __post_init__(self) -> None:
        _freeze(self, whole=("action",), real=("value",))
        _check_rows("value judgments", self.action, len(self.actions))
        _check_range("value judgments", self.rater, self.value, 100)

    def __len__(self) -> int:
        return len(self.value)

    @cached_property
    def dimensions(self) -> tuple[str, ...]:
        """The dimensions judged at least once, in alphabetical order."""
        return _distinct(self.dimension)

    def raters(self, dimension: str) -> tuple[str, ...]:
        """Who judged anything on this dimension, in alphabetical order."""
        return _distinct(self.rater[self.dimension == dimension])

    def mean(self, dimension: str) -> FloatArray:
        """(n_actions,) mean over raters; NaN where nobody judged.

        A rater who judged an action more than once counts once, by their own mean.
        """
        by_rater = self.table(dimension)
        n = (~np.isnan(by_rater)).sum(axis=0)
        summed = np.nansum(by_rater, axis=0)
        means: FloatArray = np.full(len(self.actions), np.nan)
        np.divide(summed, n, out=means, where=n > 0)
        return means

    def counts(self, dimension: str) -> IntArray:
        """(n_actions,) how many raters judged each action on this dimension."""
        judged: IntArray = (~np.isnan(self.table(dimension))).astype(np.int64)
        return np.asarray(judged.sum(axis=0), dtype=np.int64)

    def vector(self, rater: str, dimension: str) -> FloatArray:
        """(n_actions,) one rater's own values; repeats are averaged.

        Raises:
            JudgmentsError: The rater left an action out. Nothing is imputed.
        """
        raters = self.raters(dimension)
        if rater not in raters:
            raise JudgmentsError(f"values of {rater}: no judgment on {dimension}")
        values: FloatArray = self.table(dimension)[raters.index(rater)]
        missing = int(np.isnan(values).sum())
        if missing:
            raise JudgmentsError(
                f"values of {rater} on {dimension}: a personal task needs all "
                f"{len(self.actions)} actions judged, {missing} are missing; choose "
                "one of complete_raters, or the group's mean"
            )
        return values

    def complete_raters(self, dimension: str) -> tuple[str, ...]:
        """Who judged every action on this dimension."""
        complete = ~np.isnan(self.table(dimension)).any(axis=1)
        raters = self.raters(dimension)
        return tuple(raters[i] for i in np.flatnonzero(complete))

    def only(self, raters: Collection[str]) -> "ValueJudgments":
        """The judgments of these raters alone."""
        return _take(self, np.isin(self.rater, list(raters)))

    def table(self, dimension: str) -> FloatArray:
        """(n_raters, n_actions) own means in the order of `raters`, NaN where none."""
        rows = self.dimension == dimension
        raters, who = np.unique(self.rater[rows], return_inverse=True)
        shape = (len(raters), len(self.actions))
        cell = who * shape[1] + self.action[rows]
        n = np.bincount(cell, minlength=shape[0] * shape[1])
        summed = np.bincount(cell, self.value[rows], shape[0] * shape[1])
        means: FloatArray = np.full(len(n), np.nan)
        np.divide(summed, n, out=means, where=n > 0)
        return means.reshape(shape)


@dataclass(frozen=True, eq=False)
class SimilarityJudgments:
    """Ratings of how alike two actions are, 0-1, 1 the same.

    actions: n_actions ids. Then one entry per judgment, (n_judgments,): a and b (row
    numbers, a < b), rater, similarity, weight (above zero), group.

    Raises:
        JudgmentsError: Columns differ in length, a pair or a similarity is out of
            range, a weight is not above zero, or means stand beside raters' judgments.
    """

    actions: tuple[str, ...]
    a: IntArray
    b: IntArray
    rater: TextArray
    similarity: FloatArray
    weight: FloatArray
    group: TextArray

    def __post_init__(self) -> None:
        _freeze(self, whole=("a", "b"), real=("similarity", "weight"))
        what = "similarity judgments"
        _check_rows(what, self.a, len(self.actions))
        _check_rows(what, self.b, len(self.actions))
        if np.any(self.a >= self.b):
            i = int(np.argmax(self.a >= self.b))
            raise JudgmentsError(
                f"{what}: a pair is two different actions, a before b; judgment {i} "
                f"has {self.a[i]} and {self.b[i]}"
            )
        _check_range(what, self.rater, self.similarity, 1)
        if not np.all(self.weight > 0):
            i = int(np.argmin(self.weight > 0))
            raise JudgmentsError(
                f"{what} of {self.rater[i]}: a weight must be above 0, "
                f"got {self.weight[i]:g}"
            )
        means = self.rater == AGGREGATE
        if means.any() and not means.all():
            raise JudgmentsError(
                f"{what}: published means ({AGGREGATE}) cannot stand beside the "
                f"judgments of raters, got {means.sum()} and {(~means).sum()}"
            )

    def __len__(self) -> int:
        return len(self.similarity)

    @cached_property
    def raters(self) -> tuple[str, ...]:
        """Who judged any pair, in alphabetical order."""
        return _distinct(self.rater)

    @property
    def has_raters(self) -> bool:
        """Whether single raters are known; False for published means, or nothing."""
        return self.raters not in ((), (AGGREGATE,))

    def mean(
        self, raters: Collection[str] | None = None, *, rater: str = "human"
    ) -> SimilarityMatrix:
        """Weighted mean of each pair's judgments; NaN where there was none.

        Args:
            raters: Whose judgments to use; everybody's if left out.
            rater: The name the matrix gets.
        """
        chosen = self if raters is None else self.only(raters)
        return from_pair_means(
            self.actions,
            chosen.a,
            chosen.b,
            chosen.similarity,
            rater=rater,
            weight=chosen.weight,
        )

    def by_rater(self, rater: str) -> SimilarityMatrix:
        """One rater's own matrix, NaN where they judged nothing."""
        return self.mean([rater], rater=rater)

    def only(self, raters: Collection[str]) -> "SimilarityJudgments":
        """The judgments of these raters alone."""
        return _take(self, np.isin(self.rater, list(raters)))


@dataclass(frozen=True, eq=False)
class TripletJudgments:
    """Which of three actions was named the odd one out.

    actions: n_actions ids. triplets: (n_judgments, 3) row numbers, a < b < c. Then one
    entry per judgment, (n_judgments,): odd (a row number, one of the three), rater,
    sampler (what drew the triplet), propensity (the chance with which it did, NaN
    where unknown), group.

    Raises:
        JudgmentsError: Columns differ in length, a triplet is not three actions in
            order, or the odd one is not among them.
    """

    actions: tuple[str, ...]
    triplets: IntArray
    odd: IntArray
    rater: TextArray
    sampler: TextArray
    propensity: FloatArray
    group: TextArray

    def __post_init__(self) -> None:
        triplets = np.array(self.triplets, dtype=np.int64).reshape(-1, 3)
        object.__setattr__(self, "triplets", triplets)
        _freeze(self, whole=("triplets", "odd"), real=("propensity",))
        what = "triplet judgments"
        _check_rows(what, triplets, len(self.actions))
        if np.any(np.diff(triplets, axis=1) <= 0):
            i = int(np.argmax(np.any(np.diff(triplets, axis=1) <= 0, axis=1)))
            raise JudgmentsError(
                f"{what}: a triplet is three different actions in order; judgment {i} "
                f"has {triplets[i].tolist()}"
            )
        foreign = ~np.any(triplets == self.odd[:, None], axis=1)
        if foreign.any():
            i = int(np.argmax(foreign))
            raise JudgmentsError(
                f"{what} of {self.rater[i]}: the odd one must be one of "
                f"{triplets[i].tolist()}, got {self.odd[i]}"
            )

    def __len__(self) -> int:
        return len(self.odd)

    @cached_property
    def raters(self) -> tuple[str, ...]:
        """Who judged any triplet, in alphabetical order."""
        return _distinct(self.rater)

    @cached_property
    def uniform(self) -> npt.NDArray[np.bool_]:
        """(n_judgments,) whether the triplet was not chosen for what it would teach.

        Only such triplets estimate what people say to triplets at large.
        """
        chosen: npt.NDArray[np.bool_] = self.sampler == ADAPTIVE
        return ~chosen

    def drawn_uniformly(self) -> "TripletJudgments":
        """The judgments of uniformly drawn triplets alone."""
        return _take(self, self.uniform)

    def mean(self, *, rater: str = "triplets") -> tuple[SimilarityMatrix, IntArray]:
        """Choice frequencies and the counts behind them; see `from_triplets`."""
        return from_triplets(self.actions, self.triplets, self.odd, rater=rater)

    def only(self, raters: Collection[str]) -> "TripletJudgments":
        """The judgments of these raters alone."""
        return _take(self, np.isin(self.rater, list(raters)))


@dataclass(frozen=True, eq=False)
class ArrangementJudgments:
    """How far apart two actions were put in one arena, for every pair of every arena.

    actions: n_actions ids. Then one entry per pair and arena, (n_judgments,): a and b
    (row numbers, a < b), rater, distance (at least 0, a share of the arena's diameter;
    only its ratio to the arena's other distances means something), arena (its id),
    n_in_arena (actions laid out in it), group. `alignment.arrangements` makes matrices.

    Raises:
        JudgmentsError: Columns differ in length, a pair or a distance is out of range,
            an arena has two raters, or holds a pair twice.
    """

    actions: tuple[str, ...]
    a: IntArray
    b: IntArray
    rater: TextArray
    distance: FloatArray
    arena: TextArray
    n_in_arena: IntArray
    group: TextArray

    def __post_init__(self) -> None:
        _freeze(self, whole=("a", "b", "n_in_arena"), real=("distance",))
        what = "arrangement judgments"
        _check_rows(what, self.a, len(self.actions))
        _check_rows(what, self.b, len(self.actions))
        if np.any(self.a >= self.b):
            i = int(np.argmax(self.a >= self.b))
            raise JudgmentsError(
                f"{what}: a pair is two different actions, a before b; judgment {i} "
                f"has {self.a[i]} and {self.b[i]}"
            )
        if not np.all(np.isfinite(self.distance) & (self.distance >= 0)):
            i = int(np.argmin(np.isfinite(self.distance) & (self.distance >= 0)))
            raise JudgmentsError(
                f"{what} of {self.rater[i]}: a distance must be finite and at least 0, "
                f"got {self.distance[i]:g}"
            )
        owners = len(set(zip(self.arena.tolist(), self.rater.tolist(), strict=True)))
        if owners != len(self.arenas):
            raise JudgmentsError(f"{what}: every arena must have one rater")
        held = set(
            zip(self.arena.tolist(), self.a.tolist(), self.b.tolist(), strict=True)
        )
        if len(held) != len(self):
            raise JudgmentsError(f"{what}: an arena holds each of its pairs once")

    def __len__(self) -> int:
        return len(self.distance)

    @cached_property
    def raters(self) -> tuple[str, ...]:
        """Who laid out any arena, in alphabetical order."""
        return _distinct(self.rater)

    @cached_property
    def arenas(self) -> tuple[str, ...]:
        """The ids of all arenas, in alphabetical order."""
        return _distinct(self.arena)

    def only(self, raters: Collection[str]) -> "ArrangementJudgments":
        """The arenas of these raters alone."""
        return _take(self, np.isin(self.rater, list(raters)))


def _distinct(names: TextArray) -> tuple[str, ...]:
    return tuple(str(name) for name in np.unique(names))


def _freeze(table: Any, *, whole: Collection[str], real: Collection[str]) -> None:
    """Make every column a read-only array of its kind, all of one length."""
    object.__setattr__(table, "actions", tuple(table.actions))
    lengths = {}
    for name in table.__dataclass_fields__:
        if name == "actions":
            continue
        dtype: Any = np.int64 if name in whole else np.float64 if name in real else str
        column = np.array(getattr(table, name), dtype=dtype)
        column.setflags(write=False)
        object.__setattr__(table, name, column)
        lengths[name] = len(column)
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise JudgmentsError(
            f"{type(table).__name__}: needs as many entries in every column, "
            f"got {found}"
        )


def _take(table: Table, rows: npt.NDArray[np.bool_]) -> Table:
    columns = {
        name: getattr(table, name)[rows]
        for name in table.__dataclass_fields__
        if name != "actions"
    }
    return replace(table, **columns)


def _check_rows(what: str, rows: IntArray, n_actions: int) -> None:
    if rows.size and (rows.min() < 0 or rows.max() >= n_actions):
        raise JudgmentsError(
            f"{what}: row numbers of actions run from 0 to {n_actions - 1}, "
            f"got {rows.min()} to {rows.max()}"
        )


def _check_range(what: str, rater: TextArray, values: FloatArray, top: int) -> None:
    outside = ~((values >= 0) & (values <= top))
    if outside.any():
        i = int(np.argmax(outside))
        raise JudgmentsError(
            f"{what} of {rater[i]}: must lie in 0 to {top}, got {values[i]:g}"
        )
