"""How reliable people's value ratings are, for each dimension."""

from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from math import isnan, nan, sqrt
from pathlib import Path

import numpy as np

from alignment.errors import TooFewRaters
from alignment.folders import write_rows
from alignment.judgments import ValueJudgments
from alignment.matrices import FloatArray
from alignment.reliability import split_half_correlation, stepped_up

HALVINGS = 100


@dataclass(frozen=True)
class ValueReliabilityRow:
    """How well people agree on one dimension; NaN where it cannot be said.

    raters_per_action: Median over judged actions. split_half_r: Mean Spearman between
    the means of two random halves of the raters. reliability: Of the mean of all,
    stepped up from it (Spearman and Brown). ceiling: Its root, what a perfect model
    would correlate with the mean. icc_1, icc_k: Of one rating, and of the mean of all
    raters of an action (one-way random effects; McGraw & Wong, 1996).
    """

    dimension: str
    n_raters: int
    raters_per_action: float
    split_half_r: float
    reliability: float
    ceiling: float
    icc_1: float
    icc_k: float
    note: str


def value_reliability(
    judged: ValueJudgments, dimension: str, *, seed: int
) -> ValueReliabilityRow:
    """The reliability of people's values on one dimension."""
    by_rater = _table(judged, dimension)
    weight = (~np.isnan(by_rater)).astype(np.float64)
    per_action = weight.sum(axis=0)
    judged_at_all = per_action[per_action > 0]
    usual = float(np.median(judged_at_all)) if len(judged_at_all) else 0.0
    known = (dimension, len(by_rater), usual)
    icc_1, icc_k = intraclass(by_rater)
    try:
        r = split_half_correlation(
            np.nan_to_num(by_rater), weight, n_splits=HALVINGS, seed=seed
        )
    except TooFewRaters as refusal:
        return ValueReliabilityRow(*known, nan, nan, nan, icc_1, icc_k, str(refusal))
    whole = stepped_up(r) if r > 0 else nan
    note = "" if r > 0 else "the halves of the raters do not agree"
    return ValueReliabilityRow(
        *known, r, whole, sqrt(whole) if r > 0 else nan, icc_1, icc_k, note
    )


def intraclass(by_rater: FloatArray) -> tuple[float, float]:
    """ICC(1) and ICC(k) of a table with gaps: actions differ, raters are exchangeable.

    Args:
        by_rater: (n_raters, n_actions), NaN where nothing was said.

    Returns:
        Of one rating, and of an action's mean; NaN without two actions and two ratings
        of one of them, or without any scatter. Below 0 where actions differ less than
        raters' scatter alone would make them.
    """
    judged = ~np.isnan(by_rater)
    n = judged.sum(axis=0)
    ratings, n = by_rater[:, n > 0], n[n > 0]
    total, n_actions = int(n.sum()), len(n)
    if n_actions < 2 or total <= n_actions:
        return nan, nan
    means = np.nansum(ratings, axis=0) / n
    grand = float((means * n).sum() / total)
    between = float((n * (means - grand) ** 2).sum()) / (n_actions - 1)
    within = float(np.nansum((ratings - means) ** 2)) / (total - n_actions)
    # The number of raters of an action, as unequal numbers count.
    usual = (total - float((n**2).sum()) / total) / (n_actions - 1)
    below = between + (usual - 1) * within
    if between <= 0 or below <= 0:
        return nan, nan
    return (between - within) / below, (between - within) / between


def write_value_reliability(rows: Iterable[ValueReliabilityRow], path: Path) -> None:
    """The table as a CSV file; an empty field for NaN."""
    columns = [field.name for field in fields(ValueReliabilityRow)]
    write_rows(
        path,
        columns,
        (
            {
                name: None if isinstance(value, float) and isnan(value) else value
                for name, value in zip(columns, astuple(row), strict=True)
            }
            for row in rows
        ),
    )


def _table(judged: ValueJudgments, dimension: str) -> FloatArray:
    """(n_raters, n_actions) each rater's own means, NaN where they said nothing."""
    raters = judged.raters(dimension)
    table: FloatArray = np.full((len(raters), len(judged.actions)), nan)
    for row, rater in enumerate(raters):
        table[row] = judged.only([rater]).mean(dimension)
    return table
