"""Many tests at once: p-values adjusted for how many there are.

Three ways, from what they promise. Holm keeps the chance of any false claim below the
level whatever the tests share. Max-T promises the same and uses what they share, so it
finds more where models are alike. Benjamini and Hochberg keep the expected share of
false claims among all claims below the level: for screening, not for a single claim.

A test that could not be made has p NaN, belongs to no family and stays NaN.
"""

import numpy as np
import numpy.typing as npt

from alignment.errors import AlignmentError
from alignment.matrices import FloatArray

# A statistic this close to the observed one, relatively, is the same one, rounded.
SAME = 1e-12


def holm(p: npt.ArrayLike) -> FloatArray:
    """(n_tests,) p adjusted by Holm (1979): family-wise error, any dependence.

    The smallest p times n, the next times n - 1 and so on, never decreasing, at most 1.

    Raises:
        AlignmentError: A p outside 0 to 1.
    """
    raw, tested = _checked(p)
    made: FloatArray = np.full(len(raw), np.nan)
    order = tested[np.argsort(raw[tested], kind="stable")]
    times = np.arange(len(order), 0, -1)
    made[order] = np.minimum(np.maximum.accumulate(raw[order] * times), 1.0)
    return made


def benjamini_hochberg(p: npt.ArrayLike) -> FloatArray:
    """(n_tests,) p adjusted by Benjamini and Hochberg (1995): false discovery rate.

    Holds for independent tests and for those that depend positively (Benjamini &
    Yekutieli, 2001), as scores of models against one set of people do.

    Raises:
        AlignmentError: A p outside 0 to 1.
    """
    raw, tested = _checked(p)
    made: FloatArray = np.full(len(raw), np.nan)
    order = tested[np.argsort(raw[tested], kind="stable")]
    scaled = raw[order] * len(order) / np.arange(1, len(order) + 1)
    made[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return made


def max_t(
    observed: npt.ArrayLike, null: npt.ArrayLike, *, all_orders: bool = False
) -> FloatArray:
    """(n_tests,) p adjusted by the step-down max-T of Westfall and Young (1993).

    The largest statistic is compared with the largest of all tests in each draw, the
    next with the largest of the rest, and so on; p never decreases down that order.

    Args:
        observed: (n_tests,) statistics, large against the null; NaN for no test.
        null: (n_draws, n_tests) what each draw without an effect gave, all tests on the
            same draw. NaN counts as at least the observed statistic, against the claim.
        all_orders: Whether `null` holds every order there is, the observed one among
            them; otherwise that one is added: (1 + k) / (1 + n_draws).

    Raises:
        AlignmentError: Shapes that do not fit, or no draw.
    """
    t = np.asarray(observed, dtype=np.float64)
    draws = np.asarray(null, dtype=np.float64)
    if t.ndim != 1 or draws.ndim != 2 or draws.shape[1] != len(t) or not len(draws):
        raise AlignmentError(
            f"max-T: needs one column of draws for each of the tests and at least one "
            f"draw, got {t.shape} tests and draws of shape {draws.shape}"
        )
    made: FloatArray = np.full(len(t), np.nan)
    tested = np.flatnonzero(~np.isnan(t))
    order = tested[np.argsort(t[tested], kind="stable")]  # smallest first
    largest = np.full(len(draws), -np.inf)
    added = 0 if all_orders else 1
    for test in order:
        column = draws[:, test]
        largest = np.maximum(largest, np.where(np.isnan(column), np.inf, column))
        room = SAME * max(1.0, abs(t[test])) if np.isfinite(t[test]) else 0.0
        as_large = int((largest >= t[test] - room).sum())
        made[test] = (added + as_large) / (added + len(draws))
    downwards = order[::-1]
    made[downwards] = np.maximum.accumulate(made[downwards])
    return made


def _checked(p: npt.ArrayLike) -> tuple[FloatArray, npt.NDArray[np.intp]]:
    raw = np.asarray(p, dtype=np.float64)
    outside = (raw < 0) | (raw > 1)
    if raw.ndim != 1 or outside.any():
        found = f"{raw[outside][0]:g}" if outside.any() else f"shape {raw.shape}"
        raise AlignmentError(f"p-values: a list of numbers in 0 to 1, got {found}")
    return raw, np.flatnonzero(~np.isnan(raw))
