"""Nearest neighbours of features: the measures of neighbourhoods, from embeddings.

Rows are scaled to length 1 and compared by cosine (Huh et al., 2024); a row is never
its own neighbour, told by its place and not by its likeness, so that duplicates are
neighbours of each other. Cosines that differ by less than `TIED` tie: equal rows need
not get equal cosines from a library of linear algebra, to the last digit. Ties at the
k-th place are broken at random and independently on both sides, in expectation, as in
`neighbours`.

Cosines are made for a block of rows at a time, and only neighbours are kept, so that
memory grows with n * (k + p) and not with n * n.
"""

import math
from collections.abc import Iterator

import numpy as np
from scipy.sparse import csr_array

from alignment.errors import MatrixError
from alignment.matrices import FloatArray, IntArray
from alignment.measures.cka import ROUNDING
from alignment.measures.cknna import cknna_size
from alignment.measures.cycle import cycle, cycle_size
from alignment.measures.jaccard import chance as jaccard_chance
from alignment.measures.jaccard import jaccard
from alignment.measures.kinds import FeatureMeasure, Invariance
from alignment.measures.neighbours import chance_corrected, neighbourhood_size

TIED = 1e-12

# Cosines held at once, and features gathered at once, times 8 bytes.
HELD = 1_500_000
GATHERED = 500_000

# With more unclear pairs than this for each neighbour, all cosines are made anew.
CROWDED = 8


def mutual_knn(x: FloatArray, y: FloatArray, k: int | None = None) -> float:
    """Mutual k-nearest-neighbour overlap, in [0, 1]; k / (n - 1) by chance.

    O(n^2 (p + q)). NaN where all rows of a side point the same way.

    Args:
        x, y: (n_actions, n_units) and (n_actions, n_other_units).
        k: See `neighbourhood_size`.

    Raises:
        MatrixError: A row of zeros, which has no direction; a k out of range.
    """
    size = neighbourhood_size(len(x), k)
    both = _both_near(x, y, size)
    if both is None:
        return np.nan
    return float(both[0].multiply(both[1]).sum() / (len(x) * size))


def mutual_knn_corrected(x: FloatArray, y: FloatArray, k: int | None = None) -> float:
    """`mutual_knn` with chance taken out: 0 by chance, 1 for the same neighbours."""
    size = neighbourhood_size(len(x), k)
    return chance_corrected(mutual_knn(x, y, size), len(x), size)


def jaccard_knn(x: FloatArray, y: FloatArray, k: int | None = None) -> float:
    """Mean Jaccard overlap of neighbourhoods, in [0, 1]; otherwise as `mutual_knn`."""
    size = neighbourhood_size(len(x), k)
    both = _both_near(x, y, size)
    if both is None:
        return np.nan
    score = 0.0
    for rows in _blocks(len(x)):
        near_x, near_y = (near[rows].toarray() for near in both)
        room = np.full(len(near_x), float(size))
        score += float(jaccard(near_x, near_y, np.ones_like(near_x), room).sum())
    return score / len(x)


def cycle_knn(x: FloatArray, y: FloatArray, k: int | None = None) -> float:
    """Share of rows that are near, in x, to one of their near ones in y; in [0, 1].

    Not symmetric; k: half of the root of n unless given. Otherwise as `mutual_knn`.
    """
    n = len(x)
    size = neighbourhood_size(n, cycle_size(n) if k is None else k)
    both = _both_near(x, y, size)
    if both is None:
        return np.nan
    has_near = both[0].T.tocsr()
    score = 0.0
    for rows in _blocks(n):
        near_y, back = both[1][rows].toarray(), has_near[rows].toarray()
        room = np.full(len(back), float(size))
        score += float(cycle(near_y, back, np.ones_like(back), room).sum())
    return score / n


def cknna(x: FloatArray, y: FloatArray, k: int | None = None) -> float:
    """CKNNA with the cosines of rows as kernels; see `alignment.measures.cknna`.

    With k = n - 1, debiased CKA of the cosines. Not symmetric. NaN where a side's own
    term is not above 0, otherwise as `mutual_knn`.

    Args:
        k: 10, or half of the others where those are fewer, but at least 2.

    Raises:
        MatrixError: Fewer than 4 actions, a row of zeros, a k not in 2 .. n - 1.
    """
    size = cknna_size(len(x), k)
    both = _both_near(x, y, size)
    if both is None:
        return np.nan
    near_x, near_y = both
    unit_x, unit_y = _directions(x), _directions(y)
    shared = near_x.multiply(near_y).tocsr()
    k_shared, l_shared = _masked(shared, unit_x), _masked(shared, unit_y)
    own = []
    for near, unit in ((near_x, unit_x), (near_y, unit_y)):
        kernel = _masked(near.multiply(near).tocsr(), unit)
        term = _term(kernel, kernel)
        own.append(term if term > ROUNDING * (kernel.data**2).sum() else np.nan)
    return float(_term(k_shared, l_shared) / np.sqrt(own[0] * own[1]))


def nearest(x: FloatArray, k: int) -> csr_array | None:
    """(n, n) the chance that each column is among the row's k nearest; k a row.

    None where no cosine differs from another, so that there is nobody to prefer.

    Cosines are made in single precision first, in half the time. A sum of p products
    is then off by less than p times the unit roundoff (Higham, 2002, section 3.1), as
    rows have length 1. So who stands above or below the k-th place by twice that is
    settled, and only the others, where there are more than places left, are compared
    anew in double precision.

    Args:
        x: (n, p), finite.

    Raises:
        MatrixError: A row of zeros among others.
    """
    if not np.ptp(x, axis=0).any():
        return None
    unit = _directions(x)
    n, p = unit.shape
    coarse = unit.astype(np.float32)
    margin = 2 * (p + 4) * 2.0**-24 + TIED
    found, n_open, low, high = [], 0, np.inf, -np.inf
    for block in _blocks(n):
        near = coarse[block] @ coarse.T
        places = np.arange(n)[block]
        near[np.arange(len(near)), places] = -np.inf
        last = np.partition(near, n - k, axis=1)[:, n - k].astype(np.float64)
        row, column = np.divmod(np.flatnonzero(near >= (last - margin)[:, None]), n)
        at_edge = near[row, column] <= last[row] + margin
        left = k - np.bincount(row[~at_edge], minlength=len(near))
        # With k = n - 1 only the cosines themselves tell whether they are all the same.
        unclear = (np.bincount(row[at_edge], minlength=len(near)) > left) | (k == n - 1)
        open_ = at_edge & unclear[row]
        chance = np.ones(len(row))
        if open_.sum() > CROWDED * k * len(near):
            cosine = (unit[block] @ unit.T)[row[open_], column[open_]]
        else:
            cosine = _cosines(unit, row[open_] + block.start, column[open_])
        chance[open_] = _chances(cosine, row[open_], left)
        n_open += len(cosine)
        low = min(low, float(cosine.min(initial=low)))
        high = max(high, float(cosine.max(initial=high)))
        inside = chance > 0
        found.append((row[inside] + block.start, column[inside], chance[inside]))
    if n_open == n * (n - 1) and high - low <= TIED:
        return None
    row, column, chance = (np.concatenate(each) for each in zip(*found, strict=True))
    return csr_array((chance, (row, column)), shape=(n, n))


def _chances(cosine: FloatArray, row: IntArray, left: IntArray) -> FloatArray:
    """(n_pairs,) chance of each to be among the left[row] nearest pairs of its row.

    Args:
        row: Which row a pair belongs to.
        left: (n_rows,) from 1 to its number of pairs, for rows that have pairs.
    """
    of_row = np.bincount(row, minlength=len(left))
    there = of_row > 0
    falling = cosine[np.lexsort((-cosine, row))]
    edge, share = np.zeros(len(left)), np.zeros(len(left))
    edge[there] = falling[(np.cumsum(of_row) - of_row + left - 1)[there]]
    above, tied = cosine > edge[row] + TIED, np.abs(cosine - edge[row]) <= TIED
    above_in, tied_in = (
        np.bincount(row[each], minlength=len(left)) for each in (above, tied)
    )
    np.divide(left - above_in, tied_in, out=share, where=there)
    return np.where(tied, share[row], above)


def _both_near(
    x: FloatArray, y: FloatArray, k: int
) -> tuple[csr_array, csr_array] | None:
    near_x, near_y = nearest(x, k), nearest(y, k)
    return None if near_x is None or near_y is None else (near_x, near_y)


def _directions(x: FloatArray) -> FloatArray:
    """(n, p) rows of length 1."""
    largest = np.abs(x).max(axis=1, keepdims=True)
    if not largest.all():
        raise MatrixError(
            f"nearest neighbours: row {int(np.argmin(largest))} is all zeros and has no "
            "direction to compare"
        )
    unit: FloatArray = x / largest  # so that squares neither overflow nor vanish
    unit /= np.sqrt(np.einsum("ij,ij->i", unit, unit))[:, None]
    return unit


def _blocks(n: int) -> Iterator[slice]:
    step = max(1, HELD // n)
    for start in range(0, n, step):
        yield slice(start, start + step)


def _masked(mask: csr_array, unit: FloatArray) -> csr_array:
    """The mask times the cosines of the pairs that it holds."""
    row = np.repeat(np.arange(len(unit)), np.diff(mask.indptr))
    data = mask.data * _cosines(unit, row, mask.indices)
    return csr_array((data, mask.indices.copy(), mask.indptr.copy()), shape=mask.shape)


def _cosines(unit: FloatArray, row: IntArray, column: IntArray) -> FloatArray:
    """(n_pairs,) cosine of each pair of rows."""
    made: FloatArray = np.empty(len(row))
    step = max(1, GATHERED // unit.shape[1])
    for start in range(0, len(row), step):
        some = slice(start, start + step)
        made[some] = np.einsum("ij,ij->i", unit[row[some]], unit[column[some]])
    return made


def _term(p: csr_array, q: csr_array) -> float:
    """H(P, Q) of `alignment.measures.cknna`, of sparse matrices."""
    n = p.shape[0]
    total = p.sum() * q.sum() / ((n - 1) * (n - 2))
    through = 2 * (p.sum(axis=0) * q.sum(axis=1)).sum() / (n - 2)
    return float(p.multiply(q.T.tocsr()).sum() + total - through)


_DIRECTIONS: frozenset[Invariance] = frozenset(
    {"orthogonal map", "scale", "order of units"}
)
_COST = "O(n^2 (p + q))"

ROWS = (
    FeatureMeasure(
        name="mutual_knn_features",
        label="mutual k-NN of features",
        use_when="two embeddings should put the same actions next to each other, and "
        "distances between unlike ones do not matter",
        misleads_when="embeddings share a large common direction: take the mean out "
        "first; or numbers of actions differ: chance is k / (n - 1)",
        reference="Huh et al. (2024), arXiv 2405.07987",
        cost=_COST,
        invariant_to=_DIRECTIONS,
        range=(0.0, 1.0),
        of_features=mutual_knn,
        chance=lambda n, p, q: neighbourhood_size(n) / (n - 1),
    ),
    FeatureMeasure(
        name="mutual_knn_corrected_features",
        label="mutual k-NN of features above chance",
        use_when="as mutual_knn_features, where numbers of actions differ",
        misleads_when="embeddings share a large common direction: take the mean out first",
        reference="Huh et al. (2024), arXiv 2405.07987, with chance k / (n - 1) taken out",
        cost=_COST,
        invariant_to=_DIRECTIONS,
        range=(-1.0, 1.0),
        of_features=mutual_knn_corrected,
        chance=lambda n, p, q: 0.0,
    ),
    FeatureMeasure(
        name="jaccard_knn_features",
        label="Jaccard of k-NN of features",
        use_when="neighbours that one embedding alone has should weigh against shared ones",
        misleads_when="read as a share of neighbours: half of them shared is 1/3",
        reference="Jaccard (1912); Klabunde et al. (2023), arXiv 2305.06329",
        cost=_COST,
        invariant_to=_DIRECTIONS,
        range=(0.0, 1.0),
        of_features=jaccard_knn,
        chance=lambda n, p, q: jaccard_chance(n, neighbourhood_size(n)),
    ),
    FeatureMeasure(
        name="cknna_features",
        label="CKNNA of features",
        use_when="among close neighbours the size of cosines should count, not only "
        "who they are",
        misleads_when="read against 0 or 1: unrelated embeddings that share neighbours "
        "by chance score above 0, and 1 is no bound",
        reference="Huh et al. (2024), arXiv 2405.07987; Song et al. (2012)",
        cost=_COST,
        symmetric=False,
        invariant_to=_DIRECTIONS,
        range=(-math.inf, math.inf),
        of_features=cknna,
        least_actions=4,
    ),
    FeatureMeasure(
        name="cycle_knn_features",
        label="cycle k-NN of features",
        use_when="it is enough that an action's neighbours in one embedding lead back "
        "to it in the other",
        misleads_when="k * k is not small beside n: unrelated embeddings then come near "
        "1; or both directions are taken for one, as they differ",
        reference="Huh et al. (2024), arXiv 2405.07987, code",
        cost=_COST,
        symmetric=False,
        invariant_to=_DIRECTIONS,
        range=(0.0, 1.0),
        of_features=cycle_knn,
    ),
)
