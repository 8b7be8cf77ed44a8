"""What is paid on a task, by whom, and whose judgment of harm is counted.

Without anything asked of single raters, a task's values are the report's means. Where
rewards come from real raters, where the noise is measured, or where others than those
who pay decide what is harm (`science.md`, rule 18), values are means over the raters of
the one part and of the other, from their own judgments. There every rater counts once,
even in a study whose report pools groups of raters equally.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from alignment.report_files import GROUP, ReportData
from bandits.errors import BanditError
from bandits.people import value_halves, value_people
from bandits.personal import Retest, others_mean, retest
from bandits.rewards import (
    Rewards,
    mean_and_noise,
    measured_noise,
    participant,
    rater_draw,
)
from bandits.spec import SweepSpec
from bandits.spec_parts import RewardSource

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
COVERAGE = 0.95


class TaskValues(NamedTuple):
    """The values of one dimension from one source, however they are paid.

    values: (n_actions,) the mean reward of each action.
    harm_values: (n_actions,) what harm is counted by; None where that is `values`.
    margin: (n_actions,) half the 95 % interval of what harm is counted by; infinite
        where one judgment alone says nothing of its noise, None where single judgments
        are not known.
    rewards: What a pull pays; None for the value plus the noise that agents assume.
    n_paying, n_judging: Raters behind the values and behind harm; 0 where not known.
    """

    values: Floats
    harm_values: Floats | None
    margin: Floats | None
    rewards: Rewards | None
    n_paying: int
    n_judging: int

    def disputed(self, threshold: float) -> Bools:
        """(n_actions,) whether the interval reaches to both sides of the threshold.

        Raises:
            BanditError: No interval is known.
        """
        if self.margin is None:
            raise BanditError(
                "needs single raters' judgments, to say how sure a mean is; this report "
                "has none"
            )
        judged = self.values if self.harm_values is None else self.harm_values
        low, high = judged - self.margin, judged + self.margin
        return np.asarray((low < threshold) & (high >= threshold))


def suits(source: RewardSource, values_from: str) -> bool:
    """Whether rewards of this source can be paid for the group's, or a person's values.

    Raters are drawn from a group; a participant pays only their own.
    """
    if source == "mean+noise":
        return True
    return (values_from == GROUP) == (source == "rater_draw")


def task_values(
    report: ReportData,
    spec: SweepSpec,
    dimension: str,
    values_from: str,
    source: RewardSource,
) -> TaskValues:
    """The values, harm and rewards of a task.

    Raises:
        BanditError: The report has no judgments of single people where they are needed,
            an action was rated by nobody of a part, or a participant has no repeats.
    """
    if values_from == GROUP:
        return _of_group(report, spec, dimension, source)
    return _of_person(report, spec, dimension, values_from, source)


def group_values(report: ReportData, dimension: str, values_from: str) -> Floats:
    """(n_actions,) the group's mean, without the participant it is used for.

    Where nobody else rated an action, or single raters are not known, it is the mean of
    all.
    """
    everybody = report.values[dimension, GROUP]
    judgments = report.judgments
    if values_from == GROUP or judgments is None:
        return everybody
    if values_from not in judgments.values.raters(dimension):
        return everybody
    others = others_mean(judgments.values, dimension, without=values_from)
    return np.where(np.isnan(others), everybody, others)


def own_retest(report: ReportData, rater: str, dimension: str) -> Retest:
    """How well a participant repeats themselves; nothing is known without judgments."""
    if report.judgments is None:
        return Retest(0, math.nan, math.nan)
    return retest(report.judgments.values, rater, dimension)


def _of_group(
    report: ReportData, spec: SweepSpec, dimension: str, source: RewardSource
) -> TaskValues:
    people, sd = spec.people, spec.rewards.sd
    needed = (
        source == "rater_draw"
        or sd == "measured"
        or people.value_raters == "apart"
        or people.harm_raters == "other_half"
    )
    raters = _raters(report, spec, dimension)
    if not raters:
        if needed:
            raise BanditError(
                f"needs single raters' judgments of {dimension}; this report has none"
            )
        values = report.values[dimension, GROUP]
        return TaskValues(values, None, None, _noise(values, sd, None), 0, 0)
    paying = judging = raters
    if people.harm_raters == "other_half":
        paying, judging = value_halves(raters, spec)
    ratings = _ratings(report, dimension, paying)
    judged = ratings
    values, harm = report.values[dimension, GROUP], None
    if needed:
        values = _means(ratings, dimension, "whose ratings are paid")
    if people.harm_raters == "other_half":
        judged = _ratings(report, dimension, judging)
        harm = _means(judged, dimension, "who decide what is harm")
    if source == "rater_draw":
        rewards: Rewards | None = rater_draw(ratings)
    else:
        rewards = _noise(values, sd, ratings)
    margin = _margin(judged)
    return TaskValues(values, harm, margin, rewards, len(paying), len(judging))


def _of_person(
    report: ReportData,
    spec: SweepSpec,
    dimension: str,
    person: str,
    source: RewardSource,
) -> TaskValues:
    own = report.values[dimension, person]
    found = own_retest(report, person, dimension)
    margin = None
    if math.isfinite(found.sd):
        counts = np.maximum(report.value_counts[dimension, person], 1)
        width = float(student.ppf((1 + COVERAGE) / 2, found.n_repeated))
        margin = width * found.sd / np.sqrt(counts)
    if source == "participant":
        if margin is None:
            raise BanditError(
                f"{person} rated no action of {dimension} twice: their own noise is not "
                "known; take mean+noise"
            )
        return TaskValues(own, None, margin, participant(own, found.sd), 1, 1)
    ratings = None
    if spec.rewards.sd == "measured":
        raters = _raters(report, spec, dimension)
        if not raters:
            raise BanditError(
                f"needs single raters' judgments of {dimension}; this report has none"
            )
        ratings = _ratings(report, dimension, raters)
    return TaskValues(own, None, margin, _noise(own, spec.rewards.sd, ratings), 1, 1)


def _raters(report: ReportData, spec: SweepSpec, dimension: str) -> tuple[str, ...]:
    if report.judgments is None:
        return ()
    raters = report.judgments.values.raters(dimension)
    if spec.people.value_raters == "apart":
        chosen = value_people(report, spec)
        return tuple(rater for rater in raters if rater in chosen)
    return raters


def _ratings(report: ReportData, dimension: str, raters: tuple[str, ...]) -> Floats:
    """(n_raters, n_actions) their own means, NaN where they did not rate."""
    if report.judgments is None:  # nobody is known: there are no raters either
        return np.empty((0, len(report.actions)))
    return report.judgments.values.only(raters).table(dimension)


def _means(ratings: Floats, dimension: str, who: str) -> Floats:
    counts = (~np.isnan(ratings)).sum(0)
    if empty := int((counts == 0).sum()):
        raise BanditError(
            f"{dimension}: {empty:,} of {ratings.shape[1]:,} actions were rated by none "
            f"of the {len(ratings):,} people {who}; a task needs a value for every action"
        )
    found: Floats = np.nansum(ratings, 0) / counts
    return found


def _margin(ratings: Floats) -> Floats:
    """(n_actions,) half of Student's 95 % interval of each mean over raters."""
    rated = ~np.isnan(ratings)
    n = rated.sum(0)
    several = n > 1
    means = np.nansum(ratings, 0) / np.maximum(n, 1)
    squares = (np.where(rated, ratings - means, 0.0) ** 2).sum(0)
    margin: Floats = np.full(ratings.shape[1], np.inf)
    k = n[several]
    error = np.sqrt(squares[several] / (k - 1) / k)
    margin[several] = student.ppf((1 + COVERAGE) / 2, k - 1) * error
    return margin


def _noise(values: Floats, sd: float | str, ratings: Floats | None) -> Rewards | None:
    if sd == "assumed":
        return None
    if sd == "measured":
        return mean_and_noise(values, measured_noise(np.asarray(ratings)))
    return mean_and_noise(values, float(sd))
