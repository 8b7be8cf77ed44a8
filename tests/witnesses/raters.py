"""Agreement and variance components of raters, by the papers' formulas."""

from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize


def icc_one_way(table: np.ndarray) -> tuple[float, float]:
    """Shrout & Fleiss (1979), case 1, of a complete (n_raters, n_things) table."""
    k = len(table)
    between = k * table.mean(axis=0).var(ddof=1)
    within = table.var(axis=0, ddof=1).mean()
    single = (between - within) / (between + (k - 1) * within)
    return float(single), float((between - within) / between)


def icc_unbalanced(things: list[list[float]]) -> tuple[float, float]:
    """Searle (1971): the variance between things of unequal numbers of ratings."""
    n, total = len(things), sum(len(each) for each in things)
    grand = sum(sum(each) for each in things) / total
    means = [sum(each) / len(each) for each in things]
    between, within = 0.0, 0.0
    for each, mean in zip(things, means, strict=True):
        between += len(each) * (mean - grand) ** 2 / (n - 1)
        within += sum((x - mean) ** 2 for x in each) / (total - n)
    k0 = (total - sum(len(each) ** 2 for each in things) / total) / (n - 1)
    of_things = (between - within) / k0
    of_means = within * sum(1 / len(each) for each in things) / n
    return of_things / (of_things + within), of_things / (of_things + of_means)


def anova(table: np.ndarray) -> tuple[float, float, float, float]:
    """Things, raters, cells, noise of a balanced (n_things, n_raters, n_repeats) table."""
    a, b, r = table.shape
    cell = table.mean(axis=2)
    grand = cell.mean()
    ms_a = b * r * ((cell.mean(axis=1) - grand) ** 2).sum() / (a - 1)
    ms_b = a * r * ((cell.mean(axis=0) - grand) ** 2).sum() / (b - 1)
    left = cell - cell.mean(axis=1, keepdims=True) - cell.mean(axis=0) + grand
    ms_c = r * (left**2).sum() / ((a - 1) * (b - 1))
    ms_e = ((table - cell[:, :, None]) ** 2).sum() / (a * b * (r - 1))
    return (
        (ms_a - ms_c) / (b * r),
        (ms_b - ms_c) / (a * r),
        (ms_c - ms_e) / r,
        ms_e,
    )


def reml(
    thing: np.ndarray,
    rater: np.ndarray,
    value: np.ndarray,
    weight: np.ndarray,
    *,
    cells: bool,
) -> tuple[np.ndarray, float, np.ndarray]:
    """Components, mu and predicted things, from the whole covariance matrix at once."""
    z = [np.equal.outer(x, np.unique(x)) * 1.0 for x in (thing, rater)]
    if cells:
        cell = thing * 10_000 + rater
        z.append(np.equal.outer(cell, np.unique(cell)) * 1.0)
    ones = np.ones((len(value), 1))

    def parts(log: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        s = np.exp(log)
        v = np.diag(s[-1] / weight)
        v = v + sum(s[k] * each @ each.T for k, each in enumerate(z))
        inverse = np.linalg.inv(v)
        mu = np.linalg.solve(ones.T @ inverse @ ones, ones.T @ inverse @ value)
        return v, inverse, mu

    def deviance(log: np.ndarray) -> float:
        v, inverse, mu = parts(log)
        off = value - mu[0]
        return float(
            np.linalg.slogdet(v)[1]
            + np.log((ones.T @ inverse @ ones)[0, 0])
            + off @ inverse @ off
        )

    best = minimize(
        deviance,
        np.full(len(z) + 1, np.log(value.var() / 3)),
        method="L-BFGS-B",
        bounds=[(-16, 8)] * (len(z) + 1),
    )
    _, inverse, mu = parts(best.x)
    s = np.exp(best.x)
    return s, float(mu[0]), s[0] * z[0].T @ inverse @ (value - mu[0])


def alpha_by_pairs(table: np.ndarray, unlike: Callable[[float, float], float]) -> float:
    """Krippendorff's alpha of (n_raters, n_things): every pair of ratings in turn."""
    things = [column[~np.isnan(column)] for column in table.T]
    things = [each for each in things if len(each) > 1]
    every = np.concatenate(things)
    observed = sum(
        unlike(x, y) / (len(each) - 1)
        for each in things
        for i, x in enumerate(each)
        for j, y in enumerate(each)
        if i != j
    )
    expected = sum(unlike(x, y) for x in every for y in every)
    return float(1 - (len(every) - 1) * observed / expected)
