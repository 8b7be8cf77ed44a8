"""Values on each dimension: the group's mean, and every complete participant's own."""

from dataclasses import dataclass

import numpy as np

from alignment.judgments import ValueJudgments
from alignment.matrices import FloatArray, IntArray
from alignment.report_files import GROUP

Key = tuple[str, str]


@dataclass(frozen=True)
class ValueVectors:
    """(dimension, "group" or a participant) -> (n_actions,) values and judgments."""

    values: dict[Key, FloatArray]
    counts: dict[Key, IntArray]


def value_vectors(judged: ValueJudgments, *, pool_equally: bool) -> ValueVectors:
    """Means of the group and vectors of participants who judged every action.

    Args:
        pool_equally: See `group_mean`.
    """
    values: dict[Key, FloatArray] = {}
    counts: dict[Key, IntArray] = {}
    for dimension in judged.dimensions:
        values[dimension, GROUP] = group_mean(judged, dimension, equally=pool_equally)
        counts[dimension, GROUP] = judged.counts(dimension)
        of_dimension = judged.dimension == dimension
        for rater in judged.complete_raters(dimension):
            values[dimension, rater] = judged.vector(rater, dimension)
            own = judged.action[of_dimension & (judged.rater == rater)]
            counts[dimension, rater] = np.bincount(own, minlength=len(judged.actions))
    return ValueVectors(values, counts)


def group_mean(
    judged: ValueJudgments, dimension: str, *, equally: bool = False
) -> FloatArray:
    """(n_actions,) mean value in 0-100 over raters; NaN where nobody judged.

    Args:
        equally: Take the mean of the groups' means instead, so that a larger group
            counts no more; a group without a judgment of an action is left out there.
    """
    if not equally:
        return judged.mean(dimension)
    of_dimension = judged.dimension == dimension
    means = []
    for group in np.unique(judged.group[of_dimension]):
        rows = of_dimension & (judged.group == group)
        one = ValueJudgments(
            actions=judged.actions,
            action=judged.action[rows],
            dimension=judged.dimension[rows],
            rater=judged.rater[rows],
            value=judged.value[rows],
            group=judged.group[rows],
        )
        means.append(one.mean(dimension))
    stacked = np.stack(means)
    n = (~np.isnan(stacked)).sum(axis=0)
    pooled: FloatArray = np.full(len(judged.actions), np.nan)
    np.divide(np.nansum(stacked, axis=0), n, out=pooled, where=n > 0)
    return pooled
