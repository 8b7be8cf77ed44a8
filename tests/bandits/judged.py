"""Judgments of single people for the reports of these tests: `people(...)`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from alignment.judgments import SimilarityJudgments, ValueJudgments
from alignment.report_judgments import Judgments

IDS = tuple(f"action-{letter}" for letter in "abcdefgh")
DIMENSIONS = ("fun", "morality")


def own_values(rater: str, dimension: str, noise: float = 8.0) -> Any:
    """(8,) what a person says first: a common view, and noise of their own."""
    seed = [ord(letter) for letter in rater + dimension]
    common = np.array([12.0, 20.0, 35.0, 47.0, 53.0, 66.0, 80.0, 91.0])
    if dimension == "fun":
        common = common[::-1]
    noise_of = np.random.default_rng(seed).normal(size=8)
    return np.clip(common + noise * noise_of, 0, 100)


def people(
    similarity: Sequence[str] = (),
    values: Sequence[str] = (),
    *,
    repeats: int = 0,
    skipped: dict[str, int] | None = None,
) -> Judgments:
    """Everyone of `similarity` judges every pair, everyone of `values` every action.

    Args:
        repeats: How many actions are rated a second time, 6 points higher.
        skipped: Rater to the first actions that they did not rate.
    """
    ratings = []
    for rater in values:
        for dimension in DIMENSIONS:
            first = own_values(rater, dimension)
            start = (skipped or {}).get(rater, 0)
            ratings += [(a, dimension, rater, first[a]) for a in range(start, 8)]
            ratings += [
                (a, dimension, rater, min(first[a] + 6, 100)) for a in range(repeats)
            ]
    pairs = []
    for rater in similarity:
        rng = np.random.default_rng([ord(letter) for letter in rater])
        for a, b in combinations(range(8), 2):
            seen = np.exp(-abs(a - b) / 3) + 0.1 * rng.normal()
            pairs.append((a, b, rater, float(np.clip(seen, 0, 1))))
    n, m = len(ratings), len(pairs)
    return Judgments(
        ValueJudgments(
            actions=IDS,
            action=np.array([row[0] for row in ratings], dtype=int),
            dimension=np.array([row[1] for row in ratings], dtype=str),
            rater=np.array([row[2] for row in ratings], dtype=str),
            value=np.array([row[3] for row in ratings], dtype=float),
            group=np.array(["all"] * n, dtype=str),
        ),
        SimilarityJudgments(
            actions=IDS,
            a=np.array([row[0] for row in pairs], dtype=int),
            b=np.array([row[1] for row in pairs], dtype=int),
            rater=np.array([row[2] for row in pairs], dtype=str),
            similarity=np.array([row[3] for row in pairs], dtype=float),
            weight=np.ones(m),
            group=np.array(["all"] * m, dtype=str),
        ),
    )
