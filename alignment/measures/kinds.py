"""What a measure is: its facts, and how it is computed on what it compares.

There are two kinds. A `MatrixMeasure` compares two similarity matrices of the same
actions, and can be had exactly on every bootstrap draw and permutation of the actions.
A `FeatureMeasure` compares two representations of the same actions, as the rows of a
table of numbers each: what embeddings have, and people's judgments have not.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from alignment.errors import MatrixError
from alignment.matrices import FloatArray, IntArray, SimilarityMatrix

Draws = Callable[[SimilarityMatrix, SimilarityMatrix, IntArray], FloatArray]

Invariance = Literal[
    "monotone map",
    "affine map",
    "scale",
    "action levels",
    "orthogonal map",
    "translation",
    "order of units",
    "scale of each unit",
    "invertible linear map",
]
"""What may be done to one side without changing the score.

Of matrices, to all similarities of different actions: "monotone map" (any strictly
increasing function), "affine map" (a factor above 0 and a constant), "scale" (a factor
above 0), "action levels" (a number for each action, added to all its pairs).
Of features, to all rows: "orthogonal map" (rotation and reflection), "translation",
"scale" (one factor above 0), "order of units" (columns permuted), "scale of each unit"
(a factor above 0 for each column), "invertible linear map".
"""


@dataclass(frozen=True, kw_only=True)
class Measure:
    """The facts of one way to say how well two sides agree.

    name: As in tables, files and the command line.
    label: As on a figure.
    use_when, misleads_when, reference: For the person who has to choose.
    range: Smallest and largest value there can be.
    cost: Order of time, in actions n, pairs m, draws B, units p and q.
    symmetric: Whether both sides may change places.
    is_distance: Whether 0, not the upper end of the range, means full agreement.
    invariant_to: All that changes no score, done to one side alone; the tests hold a
        row to it, and show that what it leaves out does change scores.
    """

    name: str
    label: str
    use_when: str
    misleads_when: str
    reference: str
    range: tuple[float, float]
    cost: str
    symmetric: bool = True
    is_distance: bool = False
    invariant_to: frozenset[Invariance] = frozenset()


@dataclass(frozen=True, kw_only=True)
class MatrixMeasure(Measure):
    """A measure of two similarity matrices of the same actions in the same order.

    NaN where either is constant.

    chance: What unrelated matrices give on average, from the number of actions; None
        where it depends on the matrices, so that only a permutation test can say.
    needs_complete: Whether both matrices must have every pair judged. Otherwise the
        measure is taken over the pairs judged in both.
    has_interval: Whether percentiles over draws of actions are an interval: not where
        the fewer different actions of a draw raise the score by themselves.
    resampled: (a, b, counts (n_draws, n_actions)) -> (n_draws,) scores when action i
        is drawn counts[:, i] times, pairs of copies of one action left out.
    permuted: (a, b, orders (n_draws, n_actions)) -> (n_draws,) scores of `a` with
        b's actions put in each order.
    """

    compares: ClassVar[str] = "similarity matrices"
    needs_complete: bool
    has_interval: bool = True
    resampled: Draws
    permuted: Draws
    chance: Callable[[int], float] | None = lambda n_actions: 0.0

    @property
    def needs(self) -> str:
        """What is asked of both sides, to follow their name."""
        return ", every pair judged" if self.needs_complete else ""

    def compute(self, a: SimilarityMatrix, b: SimilarityMatrix) -> float:
        """How well two matrices agree.

        Raises:
            MatrixError: Different actions or order; for some measures, pairs that were
                never judged or too few actions.
        """
        a.same_actions(b)
        return float(self.resampled(a, b, np.ones((1, len(a)), dtype=np.int64))[0])


@dataclass(frozen=True, kw_only=True)
class FeatureMeasure(Measure):
    """A measure of two representations: rows are the same actions, columns units.

    of_features: (x (n, p), y (n, q)) float64 and finite -> the score; NaN where either
        side has no variance.
    least_actions: The fewest rows on which it means anything.
    cross_validated: Whether rows are dealt into folds: the same rows in another order
        are then dealt otherwise, and score a little differently.
    chance: What unrelated representations give on average, (n, p, q) -> score; None
        where only a permutation test can say.
    """

    compares: ClassVar[str] = "features"
    of_features: Callable[[FloatArray, FloatArray], float]
    least_actions: int = 3
    cross_validated: bool = False
    chance: Callable[[int, int, int], float] | None = None

    @property
    def needs(self) -> str:
        """What is asked of both sides, to follow their name."""
        return f", of at least {self.least_actions} actions"

    def compute(self, x: npt.ArrayLike, y: npt.ArrayLike) -> float:
        """How well two representations agree.

        Args:
            x: (n_actions, n_units).
            y: (n_actions, n_other_units), rows in the same order.

        Raises:
            MatrixError: No tables of numbers, different numbers of rows, too few rows,
                no column, or an entry that is not finite.
        """
        sides = [np.asarray(each, dtype=np.float64) for each in (x, y)]
        for each in sides:
            if each.ndim != 2 or not each.shape[1]:
                raise MatrixError(
                    f"{self.name}: features are a table with a row for each action and "
                    f"at least one column, got shape {each.shape}"
                )
            if not np.isfinite(each).all():
                row = int(np.argmin(np.isfinite(each).all(axis=1)))
                raise MatrixError(
                    f"{self.name}: all features must be finite, row {row} is not"
                )
        n_x, n_y = (len(each) for each in sides)
        if n_x != n_y:
            raise MatrixError(
                f"{self.name}: both sides need a row for each action, got {n_x} and {n_y}"
            )
        if n_x < self.least_actions:
            raise MatrixError(
                f"{self.name}: needs at least {self.least_actions} actions, got {n_x}"
            )
        return float(self.of_features(*sides))
