"""Ratings of things by raters, whatever was rated: actions on a dimension, or pairs.

The agreement of raters and the components of variance need no more than who rated what
how. Things nobody rated have no entry.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from alignment.errors import JudgmentsError
from alignment.judgments import SimilarityJudgments, ValueJudgments
from alignment.matrices import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Ratings:
    """One entry per rating: thing and rater (numbers from 0), value, weight.

    n_things, n_raters: How many there are, rated or not. what: as messages name them.

    Raises:
        JudgmentsError: Columns differ in length, a number is out of range, a value is
            not finite or a weight not above 0.
    """

    thing: IntArray
    rater: IntArray
    value: FloatArray
    weight: FloatArray
    n_things: int
    n_raters: int
    what: str

    def __post_init__(self) -> None:
        lengths = {len(self.thing), len(self.rater), len(self.value), len(self.weight)}
        if len(lengths) > 1:
            raise JudgmentsError(f"{self.what}: columns differ in length")
        for name, column, n in (
            ("thing", self.thing, self.n_things),
            ("rater", self.rater, self.n_raters),
        ):
            if len(column) and not 0 <= column.min() <= column.max() < n:
                raise JudgmentsError(
                    f"{self.what}: a {name} has a number from 0 to {n - 1}, "
                    f"got {column.min()} to {column.max()}"
                )
        if not (np.isfinite(self.value).all() and np.all(self.weight > 0)):
            raise JudgmentsError(
                f"{self.what}: values must be finite and weights above 0"
            )

    def __len__(self) -> int:
        return len(self.value)

    def once(self) -> "Ratings":
        """The same with each rater's repeats of a thing averaged into one, by weight."""
        cell, at = np.unique(
            self.thing * max(1, self.n_raters) + self.rater, return_inverse=True
        )
        weight = np.bincount(at, self.weight, len(cell)).astype(np.float64)
        value = np.bincount(at, self.weight * self.value, len(cell)) / weight
        return replace(
            self,
            thing=(cell // max(1, self.n_raters)).astype(np.int64),
            rater=(cell % max(1, self.n_raters)).astype(np.int64),
            value=value,
            weight=weight,
        )

    def without(self, raters: npt.ArrayLike) -> "Ratings":
        """The ratings of all but these raters."""
        kept = ~np.isin(self.rater, np.asarray(raters))
        return replace(
            self,
            thing=self.thing[kept],
            rater=self.rater[kept],
            value=self.value[kept],
            weight=self.weight[kept],
        )


def ratings_of_values(judgments: ValueJudgments, dimension: str) -> Ratings:
    """The ratings of actions on one dimension, 0-100, repeats apart."""
    rows = judgments.dimension == dimension
    names, who = np.unique(judgments.rater[rows], return_inverse=True)
    return Ratings(
        thing=judgments.action[rows],
        rater=who.astype(np.int64),
        value=judgments.value[rows],
        weight=np.ones(int(rows.sum())),
        n_things=len(judgments.actions),
        n_raters=len(names),
        what=f"ratings on {dimension}",
    )


def ratings_of_pairs(judgments: SimilarityJudgments) -> tuple[Ratings, IntArray]:
    """The ratings of pairs, 0-1, repeats apart; and (n_things, 2) which pairs those are.

    Only judged pairs are things, in the order of `SimilarityMatrix.pairs`.
    """
    n = len(judgments.actions)
    codes, thing = np.unique(judgments.a * n + judgments.b, return_inverse=True)
    names, who = np.unique(judgments.rater, return_inverse=True)
    ratings = Ratings(
        thing=thing.astype(np.int64),
        rater=who.astype(np.int64),
        value=judgments.similarity,
        weight=judgments.weight,
        n_things=len(codes),
        n_raters=len(names),
        what="similarity ratings",
    )
    return ratings, np.column_stack(np.divmod(codes, n)).astype(np.int64)


def ratings_of_table(table: npt.ArrayLike, *, what: str = "ratings") -> Ratings:
    """The ratings in a table (n_raters, n_things), NaN where a rater left a thing out.

    Raises:
        JudgmentsError: No table.
    """
    values = np.asarray(table, dtype=np.float64)
    if values.ndim != 2:
        raise JudgmentsError(
            f"{what}: a table has a row for each rater and a column for each thing, "
            f"got shape {values.shape}"
        )
    rater, thing = np.nonzero(~np.isnan(values))
    return Ratings(
        thing=thing.astype(np.int64),
        rater=rater.astype(np.int64),
        value=values[rater, thing],
        weight=np.ones(len(rater)),
        n_things=values.shape[1],
        n_raters=values.shape[0],
        what=what,
    )
