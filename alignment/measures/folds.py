"""Cross-validation shared by the measures that fit a map and score it on unseen rows."""

import numpy as np
import numpy.typing as npt

from alignment.errors import MatrixError
from alignment.matrices import FloatArray, IntArray

N_FOLDS = 5

# Three unseen rows to a fold: a correlation of two is always 1 or -1.
LEAST_ACTIONS = 3 * N_FOLDS

# A column whose values differ by less than this share of their size is constant.
ROUNDING = 1e-12


def shuffled_folds(
    n_actions: int, n_folds: int = N_FOLDS, seed: int = 0
) -> list[tuple[IntArray, IntArray]]:
    """Rows to fit on and rows to score on, for each fold; sizes differ by 1 at most.

    Rows are dealt out at random: actions next to each other are often alike. The split
    depends on the number of rows and the seed alone.

    Raises:
        MatrixError: Fewer than 2 folds, or fewer than 3 rows to a fold.
    """
    if n_folds < 2 or n_actions < 3 * n_folds:
        raise MatrixError(
            f"cross-validation: needs at least 2 folds of at least 3 actions each, got "
            f"{n_folds} folds for {n_actions} actions"
        )
    order = np.random.default_rng(seed).permutation(n_actions)
    made = []
    for test in np.array_split(order, n_folds):
        unseen = np.zeros(n_actions, dtype=bool)
        unseen[test] = True
        made.append((np.flatnonzero(~unseen), np.flatnonzero(unseen)))
    return made


def varying(x: FloatArray) -> FloatArray:
    """The columns of x that are not constant, in order."""
    return x[:, _spread(x)]


def standardized(x: FloatArray) -> FloatArray:
    """Columns centred and of length 1, so that products are correlations.

    A constant column becomes 0: it correlates with nothing.
    """
    kept = _spread(x)
    size = np.abs(x).max(axis=0)
    centred = x / np.where(
        kept, size, 1.0
    )  # so that squares neither overflow nor vanish
    centred -= centred.mean(axis=0)
    length = np.sqrt((centred**2).sum(axis=0))
    made: FloatArray = np.zeros_like(centred)
    np.divide(centred, length, out=made, where=kept & (length > 0))
    return made


def over_folds(total: FloatArray, counted: FloatArray) -> FloatArray:
    """(n_units,) each unit's mean over its folds, clipped to [-1, 1].

    NaN for a unit that varies between folds but in none of them.
    """
    made: FloatArray = np.full(len(total), np.nan)
    np.divide(total, counted, out=made, where=counted > 0)
    return np.clip(made, -1.0, 1.0)


def over_units(per_unit: FloatArray) -> float:
    """Mean of the units that have a score; NaN where none has."""
    scored = per_unit[~np.isnan(per_unit)]
    return float(scored.mean()) if scored.size else np.nan


def _spread(x: FloatArray) -> npt.NDArray[np.bool_]:
    return np.asarray(np.ptp(x, axis=0) > ROUNDING * np.abs(x).max(axis=0))
