"""A slow twin of `alignment.rater_ceilings`: Nili et al. (2014), one rater at a time."""

from collections.abc import Callable

import numpy as np
from scipy import stats


def tau_a(x: np.ndarray, y: np.ndarray) -> float:
    m = len(x)
    signs = [
        np.sign(x[i] - x[j]) * np.sign(y[i] - y[j]) for i in range(m) for j in range(i)
    ]
    return float(np.sum(signs) / (m * (m - 1) / 2))


def rho_a(x: np.ndarray, y: np.ndarray) -> float:
    m = len(x)
    a, b = stats.rankdata(x), stats.rankdata(y)
    return float(12 * ((a - (m + 1) / 2) @ (b - (m + 1) / 2)) / (m**3 - m))


SIMILARITY: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "pearson": lambda x, y: float(stats.pearsonr(x, y).statistic),
    "spearman": lambda x, y: float(stats.spearmanr(x, y).statistic),
    "tau_a": tau_a,
    "rho_a": rho_a,
}


def pooled(table: np.ndarray, raters: list[int], measure: str) -> np.ndarray:
    """(n_pairs,) the mean of z, or of ranks from -1/2 to 1/2; NaN where nobody judged."""
    made = np.full((len(raters), table.shape[1]), np.nan)
    for row, rater in enumerate(raters):
        own = ~np.isnan(table[rater])
        said = table[rater, own]
        if measure == "pearson":
            made[row, own] = (said - said.mean()) / said.std()
        else:
            made[row, own] = (stats.rankdata(said) - (own.sum() + 1) / 2) / own.sum()
    pool = np.full(table.shape[1], np.nan)
    for p in range(table.shape[1]):
        if not np.isnan(made[:, p]).all():
            pool[p] = round(float(np.nanmean(made[:, p])), 12)
    return pool


def ceilings(table: np.ndarray, measure: str) -> tuple[float, float]:
    """Lower and upper of (n_raters, n_pairs) judgments, NaN where there is none."""
    similarity = SIMILARITY[measure]
    everybody = list(range(len(table)))
    lower, upper = [], []
    for rater in everybody:
        others = pooled(table, [one for one in everybody if one != rater], measure)
        shared = ~np.isnan(table[rater]) & ~np.isnan(others)
        if shared.sum() < 3:
            continue
        own = table[rater, shared]
        whole = pooled(table, everybody, measure)[shared]
        if min(np.ptp(own), np.ptp(others[shared]), np.ptp(whole)) == 0:
            continue
        lower.append(similarity(others[shared], own))
        upper.append(similarity(whole, own))
    return float(np.mean(lower)), float(np.mean(upper))
