"""Matching of units: how well single units of one side find a partner on the other.

Every form starts from the correlations r_ij of unit i of x with unit j of y over
actions. Units that are constant over all actions are left out before anything else,
whatever their value: they have no correlation, and a NaN among costs spoils a matching.

- Semi-matching (Li et al., 2015): each y_j takes the x_i that correlates most with it.
- Hard matching: a one-to-one assignment with the largest sum of correlations; units of
  the wider side may stay alone. The score is the mean over pairs.
- Soft matching (Khosla & Williams, 2024): a transport plan T >= 0 whose rows sum to 1/p
  and columns to 1/q, so that all units count alike whatever the widths.

        score = max_T sum T_ij r_ij
        distance = sqrt(min_T sum T_ij |x_i - y_j|^2)

  With p = q the best plan is an assignment, so soft and hard scores are the same. The
  distance is a metric; columns are centred and each side is divided by the root mean
  square of its columns' lengths, so that it lies in [0, 2] and no scale counts.

With hundreds of units and tens of actions some pair always fits by chance. In the
cross-validated forms the partners are found on some rows and correlated on the others.
"""

from typing import cast

import numpy as np
from scipy.optimize import linear_sum_assignment

from alignment.errors import MatrixError
from alignment.matrices import FloatArray
from alignment.measures.folds import (
    LEAST_ACTIONS,
    N_FOLDS,
    over_folds,
    over_units,
    shuffled_folds,
    standardized,
    varying,
)
from alignment.measures.kinds import FeatureMeasure, Invariance

# Pivots after which a transport plan is given up; its own default is too few for 1,000
# units a side.
MOST_PIVOTS = 50_000_000


def correlations(x: FloatArray, y: FloatArray) -> FloatArray:
    """(p, q) correlation of each unit of x with each of y; 0 with a constant one."""
    return np.clip(standardized(x).T @ standardized(y), -1.0, 1.0)


def semi_matching(
    x: FloatArray, y: FloatArray, *, n_folds: int = N_FOLDS, seed: int = 0
) -> float:
    """Mean correlation, on unseen rows, of each unit of y with its best one of x.

    The best is found on the other folds, by correlation with its sign. A unit of y that
    is constant on the unseen rows is left out of that fold, as there is nothing to
    match; a partner that is constant there counts 0. Not symmetric; O(n p q).

    Raises:
        MatrixError: Too few actions for the folds; see `shuffled_folds`.
    """
    x, y = varying(x), varying(y)
    if not x.shape[1] or not y.shape[1]:
        return np.nan
    total, counted = np.zeros(y.shape[1]), np.zeros(y.shape[1])
    for train, test in shuffled_folds(len(x), n_folds, seed):
        partner = correlations(x[train], y[train]).argmax(axis=0)
        seen_x, seen_y = standardized(x[test][:, partner]), standardized(y[test])
        total += (seen_x * seen_y).sum(axis=0)
        counted += seen_y.any(axis=0)
    return over_units(over_folds(total, counted))


def hard_matching(x: FloatArray, y: FloatArray) -> float:
    """Mean correlation of units paired one to one, as well as can be; symmetric."""
    r = correlations(varying(x), varying(y))
    return float((r * hard_plan(r)).sum()) if r.size else np.nan


def soft_matching(x: FloatArray, y: FloatArray) -> float:
    """Correlation under the best transport plan between units; symmetric.

    Raises:
        MatrixError: The package POT is not installed, or found no plan.
    """
    r = correlations(varying(x), varying(y))
    return float(np.clip((r * soft_plan(-r)).sum(), -1, 1)) if r.size else np.nan


def soft_matching_distance(x: FloatArray, y: FloatArray) -> float:
    """The soft matching metric, in [0, 2]; 0 for the same units in any order.

    Raises:
        MatrixError: As `soft_matching`.
    """
    x, y = varying(x), varying(y)
    if not x.shape[1] or not y.shape[1]:
        return np.nan
    x, y = _scaled(x), _scaled(y)
    # |x_i|^2 and |y_j|^2 average to 1 under every plan: only the products are to be won.
    products = x.T @ y
    return float(np.sqrt(max(0.0, 2 - 2 * (products * soft_plan(-products)).sum())))


def hard_matching_cv(
    x: FloatArray, y: FloatArray, *, n_folds: int = N_FOLDS, seed: int = 0
) -> float:
    """Hard matching made on some rows, scored on the others; mean over folds.

    A pair of which one unit is constant on the unseen rows counts 0. Symmetric.

    Raises:
        MatrixError: Too few actions for the folds; see `shuffled_folds`.
    """
    return _unseen(x, y, n_folds, seed, soft=False)


def soft_matching_cv(
    x: FloatArray, y: FloatArray, *, n_folds: int = N_FOLDS, seed: int = 0
) -> float:
    """Soft matching made on some rows, scored on the others; as `hard_matching_cv`."""
    return _unseen(x, y, n_folds, seed, soft=True)


def hard_plan(worth: FloatArray) -> FloatArray:
    """(p, q) 1 / min(p, q) for each pair of the assignment worth most, 0 elsewhere."""
    plan: FloatArray = np.zeros_like(worth)
    plan[linear_sum_assignment(worth, maximize=True)] = 1 / min(worth.shape)
    return plan


def soft_plan(cost: FloatArray) -> FloatArray:
    """(p, q) the cheapest plan that moves 1 / p from each row, 1 / q to each column.

    Exact, by the network simplex of POT (Bonneel et al., 2011; Flamary et al., 2021);
    about O(p^3 log p).
    """
    try:
        import ot  # seconds to import, and only this needs it
    except ImportError:
        raise MatrixError(
            "soft matching: needs the package POT, which is not installed; "
            "install attune[matching]"
        ) from None
    p, q = cost.shape
    weights = np.full(p, 1 / p), np.full(q, 1 / q)
    plan, log = ot.emd(*weights, cost, numItermax=MOST_PIVOTS, log=True)
    if log["warning"] is not None:
        raise MatrixError(
            f"soft matching of {p} with {q} units: no plan was found, "
            f"as POT says: {log['warning']}"
        )
    return cast(FloatArray, plan)


def _unseen(
    x: FloatArray, y: FloatArray, n_folds: int, seed: int, *, soft: bool
) -> float:
    x, y = varying(x), varying(y)
    if not x.shape[1] or not y.shape[1]:
        return np.nan
    scores = []
    for train, test in shuffled_folds(len(x), n_folds, seed):
        r = correlations(x[train], y[train])
        plan = soft_plan(-r) if soft else hard_plan(r)
        scores.append((plan * correlations(x[test], y[test])).sum())
    return float(np.clip(np.mean(scores), -1, 1))


def _scaled(x: FloatArray) -> FloatArray:
    """Columns centred, their squared lengths 1 on average."""
    centred = x / np.abs(x).max()  # so that squares neither overflow nor vanish
    centred = centred - centred.mean(axis=0)
    made: FloatArray = centred / np.sqrt((centred**2).sum(axis=0).mean())
    return made


_UNITS: frozenset[Invariance] = frozenset(
    {"translation", "scale", "order of units", "scale of each unit"}
)
_BY_CHANCE = (
    "units are many and actions few: the best of many partners fits by chance, so "
    "compare it with a permutation test"
)
_UNSEEN = (
    "there are few actions: folds of ten rows give noisy correlations, and partners "
    "found on forty rows fit by chance; a permutation test is needed"
)

ROWS = (
    FeatureMeasure(
        name="semi_matching",
        label="semi-matching",
        use_when="each unit of the second side should have a like one in the first, "
        "and one may serve many",
        misleads_when=_UNSEEN,
        reference="Li et al. (2015); Longon et al. (2025), arXiv 2510.03186",
        cost="O(folds n p q)",
        symmetric=False,
        invariant_to=_UNITS,
        range=(-1.0, 1.0),
        of_features=semi_matching,
        least_actions=LEAST_ACTIONS,
        cross_validated=True,
    ),
    FeatureMeasure(
        name="hard_matching",
        label="hard matching",
        use_when="units should correspond one to one",
        misleads_when=_BY_CHANCE + "; with different widths, units left over go unseen",
        reference="Li et al. (2015)",
        cost="O(n p q + p^3)",
        invariant_to=_UNITS,
        range=(-1.0, 1.0),
        of_features=hard_matching,
    ),
    FeatureMeasure(
        name="hard_matching_cv",
        label="hard matching, cross-validated",
        use_when="units should correspond one to one, and chance fits should not count",
        misleads_when=_UNSEEN,
        reference="Li et al. (2015); Longon et al. (2025), arXiv 2510.03186",
        cost="O(folds (n p q + p^3))",
        invariant_to=_UNITS,
        range=(-1.0, 1.0),
        of_features=hard_matching_cv,
        least_actions=LEAST_ACTIONS,
        cross_validated=True,
    ),
    FeatureMeasure(
        name="soft_matching",
        label="soft matching",
        use_when="units should correspond, and widths differ",
        misleads_when=_BY_CHANCE,
        reference="Khosla & Williams (2024), arXiv 2311.09466",
        cost="O(n p q + p^3 log p)",
        invariant_to=_UNITS,
        range=(-1.0, 1.0),
        of_features=soft_matching,
    ),
    FeatureMeasure(
        name="soft_matching_cv",
        label="soft matching, cross-validated",
        use_when="units should correspond, widths differ, and chance fits should not count",
        misleads_when=_UNSEEN,
        reference="Khosla & Williams (2024), arXiv 2311.09466",
        cost="O(folds (n p q + p^3 log p))",
        invariant_to=_UNITS,
        range=(-1.0, 1.0),
        of_features=soft_matching_cv,
        least_actions=LEAST_ACTIONS,
        cross_validated=True,
    ),
    FeatureMeasure(
        name="soft_matching_distance",
        label="soft matching distance",
        use_when="representations are to be placed or clustered by their units: it is a "
        "metric",
        misleads_when="few units vary much more than the rest: they make up the distance",
        reference="Khosla & Williams (2024), arXiv 2311.09466",
        cost="O(n p q + p^3 log p)",
        is_distance=True,
        invariant_to=frozenset({"translation", "scale", "order of units"}),
        range=(0.0, 2.0),
        of_features=soft_matching_distance,
    ),
)
