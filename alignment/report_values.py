"""How reliable people's value ratings are, for each dimension."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import nan, sqrt
from pathlib import Path

import numpy as np

from alignment.agreement import icc
from alignment.errors import TooFewRaters
from alignment.folders import write_records
from alignment.judgments import ValueJudgments
from alignment.matrices import FloatArray
from alignment.ratings import ratings_of_values
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
    icc_1, icc_k = icc(ratings_of_values(judged, dimension))
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


def write_value_reliability(rows: Iterable[ValueReliabilityRow], path: Path) -> None:
    """The table as a CSV file; an empty field for NaN."""
    write_records(path, ValueReliabilityRow, rows)


def _table(judged: ValueJudgments, dimension: str) -> FloatArray:
    """(n_raters, n_actions) each rater's own means, NaN where they said nothing."""
    raters = judged.raters(dimension)
    table: FloatArray = np.full((len(raters), len(judged.actions)), nan)
    for row, rater in enumerate(raters):
        table[row] = judged.only([rater]).mean(dimension)
    return table
