"""Raters drawn with replacement, and the mean similarities of each draw.

Two forms, by what the study knows. Where a person judged several pairs, *people* are
drawn, each with all they judged: their habits (using the scale high, or its middle)
move many pairs together, and the draws must show it. Where every rater judged one pair
only, nothing links the pairs; drawing people would just vary how many judged each pair,
so judgments are drawn *within pairs*, as many as the pair has. `RaterTable.linked` says
which of the two a study calls for.

A pair all of whose raters are absent from a draw is unjudged in that draw: NaN in its
mean, as a pair that was never judged. To keep its old mean instead would call the pair
certain exactly where least is known of it. It cannot happen within pairs. With k raters
a pair it befalls about exp(-k) of the pairs: 14 in 100 for 2, 5 in a million for 12.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from scipy.sparse import csr_array

from alignment.errors import AlignmentError, TooFewRaters
from alignment.judgments import SimilarityJudgments
from alignment.matrices import FloatArray, IntArray, SimilarityMatrix
from alignment.ratings import ratings_of_pairs

RaterUnit = Literal["people", "within pairs"]


@dataclass(frozen=True, eq=False)
class RaterTable:
    """Who judged which pair how: one entry for each rater and pair they judged.

    actions: n_actions ids. pairs: (n_pairs, 2) row numbers of the pairs judged at all,
    first below second. n_raters: distinct raters. Then one entry per rater and pair, by
    pair: pair (row of `pairs`), rater, summed (weight times similarity, over the
    rater's repeats of the pair), weight (their sum, above 0).

    Make it by `rater_table`.
    """

    actions: tuple[str, ...]
    pairs: IntArray
    n_raters: int
    pair: IntArray
    rater: IntArray
    summed: FloatArray
    weight: FloatArray

    @cached_property
    def raters_per_pair(self) -> IntArray:
        """(n_pairs,) how many raters judged each, at least 1."""
        return np.bincount(self.pair, minlength=len(self.pairs)).astype(np.int64)

    @property
    def linked(self) -> bool:
        """Whether any rater judged more than one pair."""
        return len(self.rater) > self.n_raters

    @property
    def unit(self) -> RaterUnit:
        """What a draw should draw; see the module."""
        return "people" if self.linked else "within pairs"

    def means(self) -> FloatArray:
        """(n_pairs,) the mean similarity of each pair."""
        summed = np.bincount(self.pair, self.summed, len(self.pairs))
        return summed / np.bincount(self.pair, self.weight, len(self.pairs))

    def matrix(self, means: FloatArray, *, rater: str = "human") -> SimilarityMatrix:
        """The matrix with these means, (n_pairs,); NaN for every other pair."""
        n = len(self.actions)
        values = np.full((n, n), np.nan)
        i, j = self.pairs.T
        values[i, j] = values[j, i] = np.clip(means, 0.0, 1.0)
        np.fill_diagonal(values, 1.0)
        return SimilarityMatrix(values, self.actions, rater)

    def drawn_means(
        self, n_resamples: int, *, seed: int, unit: RaterUnit | None = None
    ) -> Iterator[FloatArray]:
        """(n_pairs,) means of one draw after the other; the same for one seed.

        Args:
            unit: What to draw; what the study calls for if left out.

        Raises:
            AlignmentError: Fewer than one resample, or an unknown unit.
        """
        if n_resamples < 1:
            raise AlignmentError(
                f"bootstrap: needs at least 1 resample, got {n_resamples}"
            )
        unit = self.unit if unit is None else unit
        if unit not in ("people", "within pairs"):
            raise AlignmentError(
                f"bootstrap over raters: the unit must be people or within pairs, "
                f"got {unit}"
            )
        rng = np.random.default_rng(seed)
        draw = self._people if unit == "people" else self._within_pairs
        return (draw(rng) for _ in range(n_resamples))

    def _people(self, rng: np.random.Generator) -> FloatArray:
        counts = np.bincount(
            rng.integers(self.n_raters, size=self.n_raters), minlength=self.n_raters
        ).astype(np.float64)
        summed, weight = (each @ counts for each in self._by_pair)
        means: FloatArray = np.full(len(self.pairs), np.nan)
        np.divide(summed, weight, out=means, where=weight > 0)
        return means

    def _within_pairs(self, rng: np.random.Generator) -> FloatArray:
        size = self.raters_per_pair
        first = np.repeat(np.cumsum(size) - size, size)
        drawn = first + rng.integers(np.repeat(size, size))
        summed = np.bincount(self.pair, self.summed[drawn], len(size))
        return summed / np.bincount(self.pair, self.weight[drawn], len(size))

    @cached_property
    def _by_pair(self) -> tuple[csr_array, csr_array]:
        """(n_pairs, n_raters) sparse sums and weights."""
        shape = (len(self.pairs), self.n_raters)
        at = (self.pair, self.rater)
        return (
            csr_array((self.summed, at), shape=shape),
            csr_array((self.weight, at), shape=shape),
        )


def rater_table(judgments: SimilarityJudgments) -> RaterTable:
    """The judgments by rater and pair. A rater's repeats of a pair count as one rater's.

    Raises:
        TooFewRaters: Only published means, or nothing.
    """
    if not judgments.has_raters:
        raise TooFewRaters(
            "bootstrap over raters: needs the judgments of single raters, got "
            + ("only published means" if len(judgments) else "none")
        )
    ratings, pairs = ratings_of_pairs(judgments)
    own = ratings.once()
    return RaterTable(
        actions=judgments.actions,
        pairs=pairs,
        n_raters=own.n_raters,
        pair=own.thing,
        rater=own.rater,
        summed=own.weight * own.value,
        weight=own.weight,
    )
