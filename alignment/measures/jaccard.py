"""Jaccard overlap of nearest neighbours: shared ones over all that either side names.

For each action |A n B| / |A u B| of its k nearest on both sides, averaged over actions.
Where the k-th place is shared, it is the mean over all ways to break ties, at random
and independently on both sides. |A n B| is then a random number, and since the ratio
is bent in it, its mean does not do: its distribution is summed over. Of the actions
that tie on side a, a random choice fills the places left; how many of those side b
names for certain, and how many tie there too, follows a multivariate hypergeometric
law, and what side b adds, given that, a hypergeometric one.
"""

from functools import partial

import numpy as np
from scipy.special import gammaln
from scipy.stats import hypergeom

from alignment.matrices import FloatArray, IntArray
from alignment.measures.kinds import MatrixMeasure
from alignment.measures.neighbours import (
    INVARIANT_TO,
    neighbourhood_size,
    shares_permuted,
    shares_resampled,
)

# Terms of the sum over tie-breaks that are held at once, times 8 bytes and a few arrays.
TERMS = 500_000


def jaccard(
    near_a: FloatArray, near_b: FloatArray, copies: FloatArray, room: FloatArray
) -> FloatArray:
    """(n_rows,) expected Jaccard overlap of two neighbourhoods of a centre; 0 of none.

    See `neighbours.RowScores` for what comes in.
    """
    sure_a, sure_b = copies * (near_a == 1), copies * (near_b == 1)
    tied_a = copies * ((near_a > 0) & (near_a < 1))
    tied_b = copies * ((near_b > 0) & (near_b < 1))
    shared = sure_a > 0, tied_a > 0
    facts = np.column_stack(
        [
            room,
            (shared[0] * sure_b).sum(axis=1),  # certain on both sides
            (shared[1] * sure_b).sum(axis=1),  # tied on a, certain on b
            (shared[0] * tied_b).sum(axis=1),  # certain on a, tied on b
            (shared[1] * tied_b).sum(axis=1),  # tied on both
            tied_a.sum(axis=1),
            room - sure_a.sum(axis=1),
            tied_b.sum(axis=1),
            room - sure_b.sum(axis=1),
        ]
    ).astype(np.int64)
    # Many rows are alike in these, most of them for having no ties at all.
    cases, which = np.unique(facts, axis=0, return_inverse=True)
    return _expected(cases)[which.reshape(-1)]


def chance(n_actions: int, k: int) -> float:
    """What unrelated neighbourhoods of k among n - 1 others score on average."""
    shared = np.arange(k + 1)
    law = hypergeom(n_actions - 1, k, k)
    return float((law.pmf(shared) * shared / (2 * k - shared)).sum())


def _expected(cases: IntArray) -> FloatArray:
    """(n_cases,) expected overlap; columns as `jaccard` makes them."""
    _, _, tied_sure, sure_tied, both_tied, _, left_a, _, left_b = cases.T
    u_most = int(np.minimum(tied_sure, left_a).max(initial=0))
    v_most = int(np.minimum(both_tied, left_a).max(initial=0))
    w_most = int(np.minimum(sure_tied + both_tied, left_b).max(initial=0))
    u, v, w = np.ix_(*(np.arange(most + 1) for most in (u_most, v_most, w_most)))
    step = max(1, TERMS // (u.size * v.size * w.size))
    factorials = gammaln(np.arange(2 * int(cases.max(initial=0)) + 1) + 1.0)
    made = []
    for start in range(0, len(cases), step):
        column = cases[start : start + step].T[:, :, None, None, None]
        room, sure, tied_sure, sure_tied, both_tied, of_a, left_a, of_b, left_b = column
        found = sure_tied + v
        log_chance = (
            _log_choose(tied_sure, u, factorials)
            + _log_choose(both_tied, v, factorials)
            + _log_choose(of_a - tied_sure - both_tied, left_a - u - v, factorials)
            - _log_choose(of_a, left_a, factorials)
            + _log_choose(found, w, factorials)
            + _log_choose(of_b - found, left_b - w, factorials)
            - _log_choose(of_b, left_b, factorials)
        )
        shared = sure + u + w
        named = np.maximum(2 * room - shared, 1)  # 1 where there is nobody to name
        made.append((np.exp(log_chance) * shared / named).sum(axis=(1, 2, 3)))
    return np.concatenate(made) if made else np.zeros(0)


def _log_choose(of: IntArray, chosen: IntArray, factorials: FloatArray) -> FloatArray:
    """Log of the number of ways; minus infinity where there are none."""
    possible = (chosen >= 0) & (chosen <= of)
    of, chosen = np.where(possible, of, 0), np.where(possible, chosen, 0)
    ways = factorials[of] - factorials[chosen] - factorials[of - chosen]
    return np.where(possible, ways, -np.inf)


jaccard_resampled = partial(shares_resampled, jaccard)
"""(a, b, counts (n_draws, n_actions), k) -> (n_draws,) scores of bootstrap draws."""

jaccard_permuted = partial(shares_permuted, jaccard)
"""(a, b, orders (n_draws, n_actions), k) -> (n_draws,) of `a` with b in each order."""


ROWS = (
    MatrixMeasure(
        name="jaccard_knn",
        label="Jaccard of k-NN",
        use_when="only close neighbours should count, and neighbours that one side "
        "alone has should weigh against shared ones",
        misleads_when="read as a share of neighbours: half of them shared is 1/3; "
        "chance depends on the number of actions",
        reference="Jaccard (1912); Klabunde et al. (2023), arXiv 2305.06329",
        cost="O(B n^2), and O(k^3) for each kind of tie",
        invariant_to=INVARIANT_TO,
        range=(0.0, 1.0),
        needs_complete=True,
        resampled=jaccard_resampled,
        permuted=jaccard_permuted,
        chance=lambda n: chance(n, neighbourhood_size(n)),
    ),
)
