"""Slow twins of `alignment.mean_error` for judgments of weight 1, in loops."""

import numpy as np


def error_of_mean(table: np.ndarray) -> float:
    """v: from (n_raters, n_pairs) judgments, NaN for none; 2 raters a pair or more.

    Each rater's share in the error of the mean, in the directions that matter.
    """
    parts = shares(table)
    flat, along = directions(table)
    v = 0.0
    for part in parts:
        v += part @ part - (part @ flat) ** 2 - (part @ along) ** 2
    return float(v)


def shares(table: np.ndarray) -> np.ndarray:
    """(n_raters, n_pairs) (x - mean) / sqrt(n (n - 1)), 0 where nothing was said."""
    made = np.zeros(table.shape)
    for p in range(table.shape[1]):
        asked = [s for s in range(len(table)) if not np.isnan(table[s, p])]
        mean = sum(table[s, p] for s in asked) / len(asked)
        for s in asked:
            made[s, p] = (table[s, p] - mean) / np.sqrt(len(asked) * (len(asked) - 1))
    return made


def directions(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mean = np.nanmean(table, axis=0)
    centred = mean - mean.mean()
    return np.full(len(mean), len(mean) ** -0.5), centred / np.linalg.norm(centred)


def dof_of_complete(table: np.ndarray) -> float:
    """D where everybody judged everything: tr(S)^2 / tr(S^2), S without two directions.

    tr(S^2) by the unbiased estimator with four different raters (Chen, Zhang & Zhong,
    2010): of (x_s - x_t)'(x_u - x_v) squared, over 4.
    """
    k, m = table.shape
    flat, along = directions(table)
    rows = [x - (x @ flat) * flat - (x @ along) * along for x in table]
    total, n = 0.0, 0
    for s in range(k):
        for t in range(k):
            for u in range(k):
                for v in range(k):
                    if len({s, t, u, v}) == 4:
                        total += ((rows[s] - rows[t]) @ (rows[u] - rows[v])) ** 2 / 4
                        n += 1
    mean = np.mean(rows, axis=0)
    trace = sum((x - mean) @ (x - mean) for x in rows) / (k - 1)
    return float(np.clip(trace**2 / (total / n), 1, m - 2))
