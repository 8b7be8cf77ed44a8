"""Partial correlations as textbooks print them: by inverting, and by refitting."""

import itertools

import numpy as np


def by_precision(table: np.ndarray) -> float:
    """Partial correlation of columns 0 and 1 given the rest, from the inverse matrix."""
    inverse = np.linalg.inv(np.corrcoef(table, rowvar=False))
    return float(-inverse[0, 1] / np.sqrt(inverse[0, 0] * inverse[1, 1]))


def semi_by_shares(table: np.ndarray) -> float:
    """Root of what R squared gains from column 1, with its coefficient's sign."""
    y, x, rest = table[:, 0], table[:, 1:], table[:, 2:]
    return float(
        np.sign(fit(x, y)[0][1]) * np.sqrt(max(0, explained(x, y) - explained(rest, y)))
    )


def fit(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients with the constant first, and fitted values."""
    design = np.column_stack([np.ones(len(y)), x])
    coefficients = np.linalg.lstsq(design, y, rcond=None)[0]
    return coefficients, design @ coefficients


def explained(x: np.ndarray, y: np.ndarray) -> float:
    return float(1 - np.sum((y - fit(x, y)[1]) ** 2) / np.sum((y - y.mean()) ** 2))


def freedman_lane(table: np.ndarray) -> float:
    """Over all orders: permute the rest, put the fit back, take the controls out again."""
    y, x, controls = table[:, 0], table[:, 1], table[:, 2:]
    fitted = fit(controls, y)[1]
    x_rest = x - fit(controls, x)[1]
    sizes = []
    for order in itertools.permutations(range(len(y))):
        made = fitted + (y - fitted)[list(order)]
        left = made - fit(controls, made)[1]
        sizes.append(abs(np.corrcoef(left, x_rest)[0, 1]))
    return float(np.mean(np.array(sizes) >= sizes[0] - 1e-10))
