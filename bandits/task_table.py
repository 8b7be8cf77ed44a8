"""tasks.csv: what every task of a sweep is, and how sure its values are."""

from __future__ import annotations

import math

from alignment.report_files import GROUP, ReportData
from bandits.personal import idiosyncrasy, others_mean
from bandits.results import Row
from bandits.spec import SweepSpec
from bandits.spec_parts import RewardSource
from bandits.task import ValueTask
from bandits.task_values import TaskValues, own_retest


def names_of(
    values_from: str, reward: RewardSource, rule: object, disputed: str
) -> tuple[str, str]:
    """A task's two names in the tables: whose values pay, and where unsafe begins.

    With rewards and disputed actions as they always were, the names of before:
    "group" and "study". Else both say what differs: "group~rater_draw",
    "study~set_aside".
    """
    whose = values_from if reward == "mean+noise" else f"{values_from}~{reward}"
    below = str(rule) if disputed == "counted" else f"{rule}~{disputed}"
    return whose, below


def paid_in_words(values_from: str) -> str:
    """Whose values pay, and how, for a sentence: the name of `names_of` in words."""
    source, _, reward = values_from.partition("~")
    whose = "the group's values" if source == GROUP else f"the values of {source}"
    how = {
        "rater_draw": ", each pull paying a random rater's rating",
        "participant": ", paid with their own noise",
    }
    return whose + how.get(reward, "")


def rule_in_words(threshold_rule: str) -> str:
    """What becomes of disputed actions, and where the threshold is the median."""
    rule, _, disputed = threshold_rule.partition("~")
    said = " (the median)" if rule == "median" else ""
    return said + (", and surely so" if disputed else "")


def task_row(
    report: ReportData,
    spec: SweepSpec,
    axes: tuple[str, str, str],
    source: str,
    reward: RewardSource,
    disputed: str,
    paid: TaskValues,
    task: ValueTask,
) -> Row:
    """One row: the task by name, its rewards, and for a participant how much is theirs.

    Args:
        axes: The task's names, as in cells.csv.
        source: Whose values pay, as in the spec.
    """
    sd = spec.learner.reward_sd if paid.rewards is None else paid.rewards.sd
    row: Row = dict(
        zip(("dimension", "values_from", "threshold_rule"), axes, strict=True)
    )
    straddling = math.nan
    if paid.margin is not None:
        straddling = int(paid.disputed(task.threshold).sum())
    row |= {
        "threshold": task.threshold,
        "rater": source,
        "reward": reward,
        "reward_sd": sd,
        "disputed": disputed,
        "n_disputed": straddling,
        "unsafe_share": task.unsafe_share,
        "n_paying": paid.n_paying,
        "n_judging": paid.n_judging,
        "split": spec.phases.split,
    }
    if source != GROUP and report.judgments is not None:
        judged, dimension = report.judgments.values, axes[0]
        found = own_retest(report, source, dimension)
        others = others_mean(judged, dimension, without=source)
        own = idiosyncrasy(report.values[dimension, source], others, found)
        row |= {
            "n_repeated": found.n_repeated,
            "retest_sd": found.sd,
            "retest_reliability": found.reliability,
            "flagged": int(found.flagged),
            "agreement": own.agreement,
            "agreement_disattenuated": own.disattenuated,
            "idiosyncrasy": own.idiosyncrasy,
        }
    return row
