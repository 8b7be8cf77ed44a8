"""Adjusted p-values as the papers print them."""

import numpy as np


def holm(p: list[float]) -> list[float]:
    """Holm (1979): max over the smaller ones of (n - rank + 1) p, at most 1."""
    n = len(p)
    ranked = sorted(p)
    return [
        min(1.0, max((n - j) * ranked[j] for j in range(n) if ranked[j] <= each))
        for each in p
    ]


def max_t(t: list[float], null: np.ndarray) -> list[float]:
    """Westfall & Young (1993), algorithm 4.1: one hypothesis after the other."""
    left = sorted(range(len(t)), key=lambda k: -t[k])
    p, before = [0.0] * len(t), 0.0
    while left:
        k = left[0]
        beaten = sum(max(row[j] for j in left) >= t[k] for row in null)
        before = max(before, (1 + beaten) / (1 + len(null)))
        p[k] = before
        left = left[1:]
    return p
