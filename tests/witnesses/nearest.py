"""The nearest correlation matrix by another road: its smooth dual, by quasi-Newton.

Qi & Sun (2006, "A quadratically convergent Newton method for computing the nearest
correlation matrix"): the answer is the positive part of A + Diag(y), for the y that
minimises |positive part|^2 / 2 - sum(y).
"""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

Array = NDArray[np.float64]


def nearest_correlation(matrix: Array) -> Array:
    """The nearest in the Frobenius norm with a diagonal of 1 and no eigenvalue below 0."""

    def positive(y: Array) -> Array:
        sizes, vectors = np.linalg.eigh(matrix + np.diag(y))
        return np.asarray(vectors @ np.diag(np.maximum(sizes, 0)) @ vectors.T)

    def dual(y: Array) -> tuple[float, Array]:
        part = positive(y)
        return float((part**2).sum() / 2 - y.sum()), np.diag(part) - 1

    found = minimize(
        dual, np.zeros(len(matrix)), jac=True, method="BFGS", options={"gtol": 1e-9}
    )
    return positive(found.x)
