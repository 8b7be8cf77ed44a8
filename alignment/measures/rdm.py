"""Measures on pairs: how alike two raters order, or space, the same pairs of actions.

Every measure here is a function of the pairs judged in both matrices, with a weight
for each pair. All weights 1 give the measure itself. Integer weights give exactly what
the measure would be on a list that holds each pair that often; with the weight
c_i * c_j for a pair of actions drawn c_i and c_j times, that is the bootstrap over
actions with self pairs left out (`methods.md`, 1.3), without rebuilding a matrix.

A measure is NaN where either side is constant (also: fewer than two pairs): such a
matrix says nothing about order, and a 0 would read as a measured absence of alignment.

Shapes: x (n_pairs,), y (n_pairs,) or (n_draws, n_pairs), weights (n_draws, n_pairs).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from alignment.matrices import FloatArray, IntArray

BoolArray = npt.NDArray[np.bool_]
RankArray = npt.NDArray[np.int32]
# weights (n_draws, n_pairs) -> (n_draws,) scores of pairs that are known already.
Weighted = Callable[[FloatArray], FloatArray]
Number = TypeVar("Number", np.int32, np.float64)


def pearson(x: FloatArray, y: FloatArray, weights: FloatArray) -> FloatArray:
    """(n_draws,) weighted product-moment correlation; in [-1, 1]. O(draws * pairs)."""
    # Centring by the plain means first loses no digits to large common offsets.
    x, y = x - x.mean(), y - y.mean()
    total = weights.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_x, mean_y = weights @ x / total, weights @ y / total
        xx = weights @ x**2 / total - mean_x**2
        yy = weights @ y**2 / total - mean_y**2
        xy = weights @ (x * y) / total - mean_x * mean_y
        r = np.clip(xy / np.sqrt(xx * yy), -1.0, 1.0)
    return np.where(_constant(x, weights) | _constant(y, weights), np.nan, r)


def spearman(x: FloatArray, y: FloatArray, weights: FloatArray) -> FloatArray:
    """(n_draws,) Pearson correlation of mid-ranks; in [-1, 1]. O(draws * pairs).

    Spearman (1904). Favours raters with ties: see `rho_a`.
    """
    return spearman_of(x, y)(weights)


def rho_a(x: FloatArray, y: FloatArray, weights: FloatArray) -> FloatArray:
    """(n_draws,) expected Spearman correlation if ties were broken at random.

    12 sum((r1 - rbar)(r2 - rbar)) / (m^3 - m) over m pairs with mid-ranks (Schuett et
    al., 2023, eLife 82566). In [-1, 1]; ties keep it from reaching 1.
    """
    return rho_a_of(x, y)(weights)


def spearman_of(x: FloatArray, y: FloatArray) -> Weighted:
    """`spearman` of these pairs, for any weights: they are sorted once."""
    one, other = _Groups.of(x), _Groups.of(y)

    def scores(weights: FloatArray) -> FloatArray:
        xy, xx, yy = _rank_products(one, other, weights)
        return _ratio(xy, np.sqrt(xx * yy), (xx > 0) & (yy > 0))

    return scores


def rho_a_of(x: FloatArray, y: FloatArray) -> Weighted:
    """`rho_a` of these pairs, for any weights: they are sorted once."""
    one, other = _Groups.of(x), _Groups.of(y)

    def scores(weights: FloatArray) -> FloatArray:
        m = weights.sum(axis=1)
        xy, xx, yy = _rank_products(one, other, weights)
        return _ratio(12 * xy, m**3 - m, (xx > 0) & (yy > 0))

    return scores


def tau_a(x: FloatArray, y: FloatArray, weights: FloatArray) -> FloatArray:
    """(n_draws,) concordant minus discordant pairs of pairs, over all of them.

    Kendall (1938); the measure that Nili et al. (2014) advise where a rater predicts
    ties. In [-1, 1]; ties keep it from reaching 1. O(draws * pairs * log pairs): the
    discordant ones are weighted inversions, counted digit by digit.
    """
    m = weights.sum(axis=1)
    x_codes, y_codes = _codes(x), _codes(y)
    both = x_codes * (y_codes.max() + 1) + y_codes
    tied_x = _sum_of_squares_by(x_codes, weights)
    tied_y = _sum_of_squares_by(y_codes, weights)
    tied_both = _sum_of_squares_by(_codes(both), weights)
    # With W_g the weight of a group of tied pairs, sum W_g (W_g - 1) / 2 of the
    # m (m - 1) / 2 are tied; the linear terms cancel.
    not_tied = (m**2 - tied_x - tied_y + tied_both) / 2
    order = np.lexsort((y, x))
    discordant = _inversions(_ordinal(y_codes[None, order]), weights[:, order])
    return _ratio(
        not_tied - 2 * discordant,
        m * (m - 1) / 2,
        (tied_x < m**2) & (tied_y < m**2),
    )


def tau_b(x: FloatArray, y: FloatArray, weights: FloatArray) -> FloatArray:
    """(n_draws,) tau-a's difference over sqrt of the pairs untied on either side.

    Kendall (1945): (C - D) / sqrt((T - T_x)(T - T_y)). In [-1, 1]; favours raters with
    ties, see `tau_a`.
    """
    m = weights.sum(axis=1)
    x_codes, y_codes = _codes(x), _codes(y)
    untied = [
        (m**2 - _sum_of_squares_by(codes, weights)) / 2 for codes in (x_codes, y_codes)
    ]
    share = tau_a(x, y, weights) * (m * (m - 1) / 2)
    size = np.sqrt(untied[0] * untied[1])
    made: FloatArray = np.clip(_ratio(share, size, ~np.isnan(share)), -1.0, 1.0)
    return made


def cosine(x: FloatArray, y: FloatArray, weights: FloatArray) -> FloatArray:
    """(n_draws,) cosine of the dissimilarities 1 - x and 1 - y; O(draws * pairs).

    In [0, 1] for similarities up to 1. Its zero is the similarity of an action with
    itself, so a factor on dissimilarities changes nothing and a constant does.
    """
    d, e = 1.0 - x, 1.0 - y
    dd, ee, de = weights @ d**2, weights @ e**2, weights @ (d * e)
    defined = ~(_constant(x, weights) | _constant(y, weights))
    return np.asarray(np.clip(_ratio(de, np.sqrt(dd * ee), defined), -1.0, 1.0))


def tau_b_rows(x: FloatArray, y: FloatArray) -> FloatArray:
    """`tau_b` of x with each row of y, all weights 1."""
    m = len(x)
    y_codes = np.sort(_codes(y).reshape(y.shape), axis=1)
    untied_x = (m**2 - _squares_of_runs(np.sort(_codes(x))[None])[0]) / 2
    untied_y = (m**2 - _squares_of_runs(y_codes)) / 2
    share = tau_a_rows(x, y) * (m * (m - 1) / 2)
    made = _ratio(share, np.sqrt(untied_x * untied_y), ~np.isnan(share))
    return np.asarray(np.clip(made, -1.0, 1.0))


def cosine_rows(x: FloatArray, y: FloatArray) -> FloatArray:
    """`cosine` of x with each row of y, all weights 1."""
    d, e = 1.0 - x, 1.0 - y
    size = np.sqrt((d**2).sum() * (e**2).sum(axis=1))
    varied = (np.ptp(x) > 0) & (np.ptp(y, axis=1) > 0)
    return np.asarray(np.clip(_ratio(e @ d, size, varied), -1.0, 1.0))


def pearson_rows(x: FloatArray, y: FloatArray) -> FloatArray:
    """`pearson` of x with each row of y, all weights 1."""
    x, y = x - x.mean(), y - y.mean(axis=1, keepdims=True)
    size = np.sqrt((x @ x) * np.einsum("ij,ij->i", y, y))
    varied = (np.ptp(x) > 0) & (np.ptp(y, axis=1) > 0)
    return np.asarray(np.clip(_ratio(y @ x, size, varied), -1.0, 1.0))


def rho_a_rows(x: FloatArray, y: FloatArray) -> FloatArray:
    """`rho_a` of x with each row of y, all weights 1; both hold mid-ranks already."""
    m = len(x)
    varied = (np.ptp(x) > 0) & (np.ptp(y, axis=1) > 0)
    products = (y - (m + 1) / 2) @ (x - (m + 1) / 2)
    return _ratio(12 * products, np.full(len(y), m**3 - m), varied)


def tau_a_rows(x: FloatArray, y: FloatArray) -> FloatArray:
    """`tau_a` of x with each row of y, all weights 1."""
    m = len(x)
    y_codes = _codes(y).reshape(y.shape)
    n_codes = int(y_codes.max()) + 1
    keys = np.sort(_codes(x) * n_codes + y_codes, axis=1)  # by x, then by y
    tied_x = _squares_of_runs(keys // n_codes)
    tied_y = _squares_of_runs(np.sort(y_codes, axis=1))
    not_tied = (m**2 - tied_x - tied_y + _squares_of_runs(keys)) / 2
    discordant = _inversions(_ordinal(keys % n_codes))
    return _ratio(
        not_tied - 2 * discordant,
        np.full(len(y), m * (m - 1) / 2),
        (tied_x < m**2) & (tied_y < m**2),
    )


@dataclass(frozen=True)
class _Groups:
    """Pairs in the order of their values, and where each group of ties ends.

    codes: (n_pairs,) each pair's group, in the order of values. order: (n_pairs,) the
    pairs by value. ends: (n_groups,) the place in that order of each group's last.
    """

    codes: IntArray
    order: IntArray
    ends: IntArray

    @classmethod
    def of(cls, x: FloatArray) -> "_Groups":
        codes = _codes(x)
        order = np.argsort(codes, kind="stable")
        ends = np.searchsorted(codes[order], np.arange(codes.max() + 1), "right") - 1
        return cls(codes, order, ends)

    @property
    def untied(self) -> bool:
        return len(self.ends) == len(self.order)

    def cumulated(self, each: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(n_draws, n_groups) sums of (n_draws, n_pairs): of each group, and so far."""
        each = np.take(each, self.order, axis=1)
        through = np.cumsum(each, axis=1)
        if self.untied:
            return each, through
        through = np.take(through, self.ends, axis=1)
        within = np.empty_like(through)
        within[:, 0] = through[:, 0]
        np.subtract(through[:, 1:], through[:, :-1], out=within[:, 1:])
        return within, through

    def summed(self, each: FloatArray) -> FloatArray:
        """(n_draws, n_groups) sums of (n_draws, n_pairs) over each group."""
        if self.untied:
            return np.take(each, self.order, axis=1)
        return self.cumulated(each)[0]


def _rank_products(
    one: _Groups, other: _Groups, weights: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """(n_draws,) each: weighted products of centred mid-ranks, xy, xx and yy.

    The mid-rank of a group of ties is (W_before + W_through + 1) / 2 with W the
    cumulative weights in order of x, and the mean rank is (W + 1) / 2. A group of
    weight w adds w (mid - mean)^2 to its own product; over all groups that comes to
    (W^3 - sum w^3) / 12, which needs no ranks.
    """
    by_x, ranks_x = one.cumulated(weights)
    by_y, ranks_y = other.cumulated(weights)
    whole = ranks_x[:, -1:].copy()
    xx, yy = (
        (whole[:, 0] ** 3 - np.einsum("ij,ij,ij->i", by, by, by)) / 12
        for by in (by_x, by_y)
    )
    for by, ranks in ((by_x, ranks_x), (by_y, ranks_y)):  # in place: this is the loop
        by *= 0.5
        ranks -= by
        ranks -= whole / 2
    at_pairs = np.take(ranks_x, one.codes, axis=1)
    at_pairs *= weights
    return np.einsum("ij,ij->i", other.summed(at_pairs), ranks_y), xx, yy


def _codes(x: FloatArray) -> IntArray:
    """The number of distinct values below each one, over the whole array, flat."""
    return np.unique(x, return_inverse=True)[1].reshape(-1).astype(np.int64)


def _sum_by(codes: IntArray, weights: FloatArray) -> FloatArray:
    """(n_draws, n_groups) the weight of each group of pairs."""
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(codes.max() + 1))
    summed: FloatArray = np.add.reduceat(weights[:, order], starts, axis=1)
    return summed


def _sum_of_squares_by(codes: IntArray, weights: FloatArray) -> FloatArray:
    return np.asarray((_sum_by(codes, weights) ** 2).sum(axis=1))


def _squares_of_runs(rows: IntArray) -> FloatArray:
    """(n_rows,) sum of the squared lengths of runs of equal entries in sorted rows."""
    starts = np.ones(rows.shape, dtype=bool)
    starts[:, 1:] = rows[:, 1:] != rows[:, :-1]
    lengths = np.diff(np.append(np.flatnonzero(starts), rows.size))
    squares = lengths.astype(np.float64) ** 2
    return np.bincount(np.nonzero(starts)[0], squares).astype(np.float64)


def _ordinal(codes: IntArray) -> RankArray:
    """Each row's ranks 0 .. n_pairs - 1; of tied ones, the first stands lower."""
    ranks = np.empty(codes.shape, dtype=np.int32)
    order = np.argsort(codes, axis=1, kind="stable")
    places = np.arange(codes.shape[1], dtype=np.int32)
    np.put_along_axis(ranks, order, places[None, :], axis=1)
    return ranks


def _inversions(ranks: RankArray, weights: FloatArray | None = None) -> FloatArray:
    """(n_draws,) sum of w_p * w_q over p before q with ranks[p] > ranks[q].

    Two ranks differ first at some binary digit, read from the top. At each digit the
    pairs stand in groups that agree on all digits above, each group in its original
    order; those with a 1 that stand before one with a 0 are inverted. Then each group
    is parted into its 0s and its 1s, and the next digit is read.

    Args:
        ranks: (n_draws, n_pairs), or (1, n_pairs) for all draws; each row holds
            0 .. n_pairs - 1 once, so groups start at the same place in all rows.
        weights: (n_draws, n_pairs); None for all 1.
    """
    total = np.zeros(len(ranks) if weights is None else len(weights))
    place = np.arange(ranks.shape[1], dtype=ranks.dtype)
    for digit in reversed(range(int(len(place) - 1).bit_length())):
        start = (place >> (digit + 1)) << (digit + 1)
        one = (ranks >> digit) & 1
        ones_before = _sum_before(one, start)
        if weights is None:
            total += np.where(one, 0, ones_before).sum(axis=1)
        else:
            heavy_before = _sum_before(weights * one, start)
            total += (heavy_before * weights * (1 - one)).sum(axis=1)
        to = np.where(one, start + (1 << digit) + ones_before, place - ones_before)
        ranks = _moved(ranks, to)
        weights = None if weights is None else _moved(weights, to)
    return total


def _sum_before(rows: npt.NDArray[Number], start: RankArray) -> npt.NDArray[Number]:
    """Sum of each row's entries from `start` of a place up to before that place."""
    summed = np.zeros((len(rows), rows.shape[1] + 1), dtype=rows.dtype)
    np.cumsum(rows, axis=1, out=summed[:, 1:])
    made: npt.NDArray[Number] = summed[:, :-1] - summed[:, start]
    return made


def _moved(rows: npt.NDArray[Number], to: RankArray) -> npt.NDArray[Number]:
    """Each row with its entries put where `to` says; one row of `to` serves all."""
    made = np.empty_like(rows)
    if len(to) == 1:
        made[:, to[0]] = rows
    else:
        np.put_along_axis(made, to, rows, axis=1)
    return made


def _constant(x: FloatArray, weights: FloatArray) -> BoolArray:
    """(n_draws,) whether x has one value only among the pairs with a weight."""
    drawn = weights > 0
    low = np.where(drawn, x, np.inf).min(axis=1)
    high = np.where(drawn, x, -np.inf).max(axis=1)
    return np.asarray(low >= high)  # also where nothing was drawn


def _ratio(above: FloatArray, below: FloatArray, defined: BoolArray) -> FloatArray:
    made: FloatArray = np.full(len(above), np.nan)
    np.divide(above, below, out=made, where=defined)
    return made
