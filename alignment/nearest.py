"""Near a symmetric matrix: one without eigenvalues below 0 and with a diagonal of 1.

Noisy similarity judgments make matrices that no covariance can be. Two repairs of that
are here; `kernels.py` applies them and reports how much they changed.
"""

import numpy as np
from scipy.linalg import eigh

from alignment.errors import MatrixError
from alignment.matrices import FloatArray

CLOSE = 1e-9
"""Change of a round, as a share of the matrix's norm, that ends the search."""
MOST_ROUNDS = 20_000
"""Rounds before giving up: a few hundred are usual."""


def without_negative(matrix: FloatArray) -> FloatArray:
    """The nearest positive semi-definite matrix in the Frobenius norm."""
    eigenvalues, vectors = eigh(matrix)
    clipped: FloatArray = (vectors * np.clip(eigenvalues, 0.0, None)) @ vectors.T
    return clipped


def clipped_correlation(matrix: FloatArray) -> FloatArray:
    """Eigenvalues below 0 clipped, then each row and column divided to a diagonal of 1.

    Clipping alone leaves diagonals above 1, and so actions of different prior variance.
    """
    clipped = without_negative(matrix)
    scale = 1 / np.sqrt(np.diag(clipped))
    repaired: FloatArray = clipped * scale[:, None] * scale[None, :]
    repaired = (repaired + repaired.T) / 2
    np.fill_diagonal(repaired, 1.0)
    return repaired


def nearest_correlation(matrix: FloatArray) -> FloatArray:
    """The nearest matrix, in the Frobenius norm, that is both at once.

    Alternating projections on the two convex sets with Dykstra's correction (Higham,
    2002, "Computing the nearest correlation matrix: a problem from finance", IMA Journal
    of Numerical Analysis 22); without the correction they would end in the
    intersection, but not at its nearest point. O(n ** 3) a round.

    Args:
        matrix: (n, n) symmetric, finite.

    Returns:
        (n, n) with a diagonal of exactly 1; its eigenvalues can lie below 0 by about
        `CLOSE`.

    Raises:
        MatrixError: Not settled after `MOST_ROUNDS`.
    """
    unit = np.array(matrix, dtype=np.float64)
    correction = np.zeros_like(unit)
    for _ in range(MOST_ROUNDS):
        before = unit
        corrected = unit - correction
        positive = without_negative(corrected)
        correction = positive - corrected
        unit = (positive + positive.T) / 2
        np.fill_diagonal(unit, 1.0)
        size = np.linalg.norm(unit)
        # Both: small steps can also mean that the two sets are approached slowly.
        apart = np.linalg.norm(unit - positive)
        if max(apart, np.linalg.norm(unit - before)) <= CLOSE * size:
            return unit
    raise MatrixError(
        f"nearest correlation matrix of {len(unit)} actions: must settle within "
        f"{MOST_ROUNDS:,} rounds, and still changed; repair it by clipping"
    )
