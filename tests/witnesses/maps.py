"""Predicting and matching units, by loops over folds, alphas, rows and units."""

from itertools import permutations

import numpy as np
from scipy.stats import pearsonr

from alignment.matrices import FloatArray

Folds = list[tuple[FloatArray, FloatArray]]


def ridge(x: FloatArray, y: FloatArray, alpha: float, unseen: FloatArray) -> FloatArray:
    """Predictions by the normal equations, the intercept not shrunk."""
    mean_x, mean_y = x.mean(axis=0), y.mean(axis=0)
    xc, yc = x - mean_x, y - mean_y
    weights = np.linalg.solve(xc.T @ xc + alpha * np.eye(x.shape[1]), xc.T @ yc)
    made: FloatArray = (unseen - mean_x) @ weights + mean_y
    return made


def left_out_error(x: FloatArray, y: FloatArray, alpha: float) -> float:
    """Squared error of each row, predicted by a fit to all others."""
    total = 0.0
    for i in range(len(x)):
        rest = np.arange(len(x)) != i
        total += float(
            ((ridge(x[rest], y[rest], alpha, x[i : i + 1]) - y[i]) ** 2).sum()
        )
    return total


def predictivity(
    x: FloatArray, y: FloatArray, folds: Folds, alphas: list[float]
) -> tuple[float, list[float]]:
    """Mean r on unseen rows and the alphas that leaving one out chose."""
    scores, chosen = [], []
    for train, test in folds:
        moments = x[train].mean(axis=0), x[train].std(axis=0)
        of_y = y[train].mean(axis=0), y[train].std(axis=0)
        a, b = ((x[rows] - moments[0]) / moments[1] for rows in (train, test))
        target = (y[train] - of_y[0]) / of_y[1]
        best = min(alphas, key=lambda alpha: left_out_error(a, target, alpha))
        predicted = ridge(a, target, best, b)
        scores.append(
            [
                pearsonr(predicted[:, j], y[test][:, j]).statistic
                for j in range(y.shape[1])
            ]
        )
        chosen.append(best)
    return float(np.mean(scores)), chosen


def semi_matching(x: FloatArray, y: FloatArray, folds: Folds) -> float:
    """The partner with the highest correlation on seen rows, scored on the others."""
    scores = []
    for train, test in folds:
        for unit in y.T:
            best = max(
                x.T, key=lambda mine: pearsonr(mine[train], unit[train]).statistic
            )
            scores.append(pearsonr(best[test], unit[test]).statistic)
    return float(np.mean(scores))


def hard_matching(x: FloatArray, y: FloatArray) -> float:
    """The best of all ways to give each unit of the narrower side a partner."""
    narrow, wide = sorted((x.T, y.T), key=len)
    return max(
        float(
            np.mean(
                [pearsonr(a, b).statistic for a, b in zip(narrow, some, strict=True)]
            )
        )
        for some in permutations(wide, len(narrow))
    )


def copies(x: FloatArray, times: int) -> FloatArray:
    """Each unit as often: unequal widths p and q become lcm(p, q) equal shares."""
    return np.repeat(x, times, axis=1)
