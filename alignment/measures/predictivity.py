"""Linear predictivity: how well one representation predicts another, unit by unit.

Ridge regression from x to each unit of y, fitted on some rows and scored on the others
(as in Brain-Score, Schrimpf et al., 2018): the score is Pearson's r of prediction and
truth on unseen rows, its mean over folds, then over units. Not symmetric.

- Rows are dealt into folds at random, by seed.
- Columns of x and y are standardised with the moments of the rows fitted on, and with
  those alone: moments of unseen rows would tell of them.
- One alpha a fold, for all units, from 1e-8 to 1e8: the one with the least squared error
  of rows predicted with that row left out, among the rows fitted on. Leaving one out
  needs no refit: its error is e_i / (1 - h_ii) (Allen, 1974), and one singular value
  decomposition a fold gives that for all alphas.
- A unit of y that is constant over all actions is left out, and so is one in a fold on
  whose unseen rows it is constant: there is nothing to predict. A prediction that is
  constant there, as where no unit of x varies among the rows fitted on, counts 0.
"""

from dataclasses import dataclass

import numpy as np

from alignment.matrices import FloatArray
from alignment.measures.folds import (
    LEAST_ACTIONS,
    N_FOLDS,
    ROUNDING,
    over_folds,
    over_units,
    shuffled_folds,
    standardized,
    varying,
)
from alignment.measures.kinds import FeatureMeasure

ALPHAS: tuple[float, ...] = tuple(10.0**power for power in range(-8, 9))

# Predictions that vary by less than this share of a unit's spread are constant.
CONSTANT = 1e-9

# A row with a leverage this near to 1 is fitted whatever it is.
ALONE = 1e-12


@dataclass(frozen=True, eq=False)
class Predictivity:
    """How well x predicts y on rows it was not fitted on.

    score: Mean of `per_unit`; NaN where a side does not vary.
    per_unit: (n_units,) mean r over folds for each unit of y that varies, in [-1, 1];
        NaN for one that varies between folds but within none.
    alphas: (n_folds,) the ridge penalty of each fold.
    n_constant: Units of y left out because they are constant.
    """

    score: float
    per_unit: FloatArray
    alphas: FloatArray
    n_constant: int


def predict_units(
    x: FloatArray, y: FloatArray, *, n_folds: int = N_FOLDS, seed: int = 0
) -> Predictivity:
    """Cross-validated ridge prediction of each unit of y; O(folds n min(n, p) (p + q)).

    Args:
        x: (n_actions, n_units), finite.
        y: (n_actions, n_other_units), finite.

    Raises:
        MatrixError: Too few actions for the folds; see `shuffled_folds`.
    """
    folds = shuffled_folds(len(x), n_folds, seed)
    n_units = y.shape[1]
    x, y = varying(x), varying(y)
    n_constant = n_units - y.shape[1]
    if not x.shape[1] or not y.shape[1]:
        return Predictivity(
            np.nan, np.zeros(0), np.full(len(folds), np.nan), n_constant
        )
    total, counted = np.zeros(y.shape[1]), np.zeros(y.shape[1])
    alphas = []
    for train, test in folds:
        x_seen, x_unseen = _by_training(x[train], x[test])
        y_seen, _ = _by_training(y[train], y[test])
        predicted, alpha = _ridge(x_seen, y_seen, x_unseen)
        alphas.append(alpha)
        predicted[:, np.ptp(predicted, axis=0) <= CONSTANT] = 0.0
        truth = standardized(y[test])
        total += (standardized(predicted) * truth).sum(axis=0)
        counted += truth.any(axis=0)
    per_unit = over_folds(total, counted)
    return Predictivity(over_units(per_unit), per_unit, np.array(alphas), n_constant)


def linear_predictivity(x: FloatArray, y: FloatArray) -> float:
    """The score of `predict_units` in five folds."""
    return predict_units(x, y).score


def _by_training(seen: FloatArray, unseen: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Both standardised by the moments of the first; a column constant there is 0."""
    size = np.abs(seen).max(axis=0)
    kept = np.ptp(seen, axis=0) > ROUNDING * size
    size = np.where(kept, size, 1.0)  # so that squares neither overflow nor vanish
    seen, unseen = seen / size, unseen / size
    mean, spread = seen.mean(axis=0), np.where(kept, seen.std(axis=0), np.inf)
    return (seen - mean) / spread, (unseen - mean) / spread


def _ridge(
    x: FloatArray, y: FloatArray, unseen: FloatArray
) -> tuple[FloatArray, float]:
    """(n_unseen, n_units) predictions, and the alpha that leave-one-out chose.

    Args:
        x, y: Centred, (n, p) and (n, q).
    """
    n = len(x)
    u, s, vt = np.linalg.svd(x, full_matrices=False)
    kept = s > s[0] * max(x.shape) * np.finfo(np.float64).eps
    u, s, vt = u[:, kept], s[kept], vt[kept]
    if not s.size:
        return np.zeros((len(unseen), y.shape[1])), ALPHAS[-1]
    on_u = u.T @ y
    # What no alpha reaches: y beyond x, and each row's share of what x leaves free. A
    # row that x can fit alone has none of either, and rounding must not stand in for it.
    beyond = y - u @ on_u
    free = 1 - 1 / n - (u**2).sum(axis=1)
    alone = free < ALONE
    beyond[alone], free[alone] = 0.0, 0.0
    errors = []
    for alpha in ALPHAS:
        shrunk = alpha / (s**2 + alpha)
        residual = beyond + u @ (shrunk[:, None] * on_u)
        left_out = residual / (free + u**2 @ shrunk)[:, None]
        errors.append(float((left_out**2).sum()))
    alpha = ALPHAS[int(np.argmin(errors))]
    weights = vt.T @ ((s / (s**2 + alpha))[:, None] * on_u)
    return unseen @ weights, alpha


ROWS = (
    FeatureMeasure(
        name="linear_predictivity",
        label="linear predictivity",
        use_when="what counts is whether the second side can be read out of the first, "
        "whatever else the first holds",
        misleads_when="units outnumber actions: with 50 actions and 768 units a score "
        "means little without a permutation test; or the two directions are taken for "
        "one",
        reference="Schrimpf et al. (2018), Brain-Score; Hoerl & Kennard (1970)",
        cost="O(folds n min(n, p) (p + q))",
        symmetric=False,
        invariant_to=frozenset(
            {"translation", "scale", "order of units", "scale of each unit"}
        ),
        range=(-1.0, 1.0),
        of_features=linear_predictivity,
        least_actions=LEAST_ACTIONS,
        cross_validated=True,
    ),
)
