"""What is paid on a task, by whom, and whose judgment of harm is counted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from alignment.report_files import ReportData, read_report
from bandits.errors import BanditError
from bandits.people import value_halves
from bandits.rewards import SOURCES, measured_noise
from bandits.spec import SweepSpec
from bandits.task_values import group_values, suits, task_values
from tests.bandits.judged import own_values, people

MakeReport = Callable[..., Path]
RATED = tuple(f"v-{i}" for i in range(6))
VALUES = np.linspace(5, 95, 8)


def spec(**changes: Any) -> SweepSpec:
    return SweepSpec.model_validate(
        {"n_runs": 2, "agents": ["gp_greedy"], "dimensions": ["morality"]} | changes
    )


@pytest.fixture
def report(make_report: MakeReport) -> ReportData:
    judgments = people(("s-1",), (*RATED, "p-ada"), repeats=4)
    own = (own_values("p-ada", "morality") + VALUES) / 2
    return read_report(
        make_report(judgments=judgments, values={("morality", "p-ada"): own})
    )


def ratings_of(report: ReportData, *raters: str) -> Any:
    assert report.judgments is not None
    return report.judgments.values.only(raters).table("morality")


def test_means_are_paid_as_they_stand_with_the_noise_agents_assume(
    report: ReportData,
) -> None:
    found = task_values(report, spec(), "morality", "group", "mean+noise")

    np.testing.assert_array_equal(found.values, report.values["morality", "group"])
    assert (found.harm_values, found.rewards) == (None, None)


def test_noise_is_a_number_or_measured_over_raters(report: ReportData) -> None:
    given, measured = (
        task_values(report, spec(rewards={"sd": sd}), "morality", "group", "mean+noise")
        for sd in (4.5, "measured")
    )

    assert given.rewards is not None
    assert measured.rewards is not None
    assert given.rewards.sd == 4.5
    np.testing.assert_array_equal(given.rewards.means, given.values)
    everyone = ratings_of(report, *RATED, "p-ada")
    assert measured.rewards.sd == pytest.approx(measured_noise(everyone))
    np.testing.assert_allclose(measured.values, everyone.mean(0))


def test_drawn_raters_pay_their_own_ratings_and_the_values_are_their_means(
    report: ReportData,
) -> None:
    found = task_values(report, spec(), "morality", "group", "rater_draw")

    everyone = ratings_of(report, *RATED, "p-ada")
    assert found.rewards is not None
    np.testing.assert_allclose(np.sort(found.rewards.table.T, 0), np.sort(everyone, 0))
    np.testing.assert_allclose(found.values, everyone.mean(0))
    assert (found.n_paying, found.n_judging) == (7, 7)


@pytest.mark.parametrize("source", ["mean+noise", "rater_draw"])
def test_one_half_of_the_raters_pays_and_the_other_says_what_is_harm(
    report: ReportData, source: Any
) -> None:
    halves = spec(people={"harm_raters": "other_half"})
    paying, judging = value_halves(("p-ada", *RATED), halves)

    found = task_values(report, halves, "morality", "group", source)

    assert found.harm_values is not None
    np.testing.assert_allclose(found.values, ratings_of(report, *paying).mean(0))
    np.testing.assert_allclose(found.harm_values, ratings_of(report, *judging).mean(0))
    assert (found.n_paying, found.n_judging) == (4, 3)


def test_disputed_actions_are_those_a_test_cannot_place(report: ReportData) -> None:
    found = task_values(report, spec(), "morality", "group", "rater_draw")
    everyone = ratings_of(report, *RATED, "p-ada")

    for threshold in (20.0, 50.0, 64.0):
        p = ttest_1samp(everyone, threshold).pvalue
        np.testing.assert_array_equal(found.disputed(threshold), p > 0.05)
    interval = ttest_1samp(everyone, 50.0).confidence_interval(0.95)
    np.testing.assert_allclose(found.margin, (interval.high - interval.low) / 2)


def test_an_action_with_one_rater_is_disputed_at_any_threshold(
    make_report: MakeReport,
) -> None:
    judgments = people((), ("v-1", "v-2"), skipped={"v-1": 2})
    report = read_report(make_report(judgments=judgments))

    found = task_values(report, spec(), "morality", "group", "rater_draw")

    assert found.disputed(0.5)[:2].all()
    assert np.isinf(found.margin[:2]).all()  # type: ignore[index]


def test_a_participant_pays_their_own_ratings_with_the_noise_of_their_repeats(
    report: ReportData,
) -> None:
    found = task_values(report, spec(), "morality", "p-ada", "participant")

    own = report.values["morality", "p-ada"]
    assert found.rewards is not None
    np.testing.assert_array_equal(found.rewards.table[:, 0], own)
    # Every second answer is 6 points higher: 3 off the mean, twice, with 1 to spare.
    assert found.rewards.sd == pytest.approx(np.sqrt(18), rel=0.05)
    assert found.margin is not None


def test_the_groups_view_of_harm_is_without_the_one_it_is_used_for(
    report: ReportData, make_report: MakeReport
) -> None:
    group = report.values["morality", "group"]

    np.testing.assert_array_equal(group_values(report, "morality", "group"), group)
    np.testing.assert_allclose(
        group_values(report, "morality", "p-ada"), ratings_of(report, *RATED).mean(0)
    )
    means = read_report(make_report(name="means"))
    np.testing.assert_array_equal(
        group_values(means, "morality", "p-ada"), means.values["morality", "group"]
    )
    alone = read_report(
        make_report(
            judgments=people((), ("p-ada", "v-1"), skipped={"v-1": 3}), name="alone"
        )
    )
    found = group_values(alone, "morality", "p-ada")
    np.testing.assert_array_equal(found[:3], alone.values["morality", "group"][:3])
    np.testing.assert_array_equal(found[3:], own_values("v-1", "morality")[3:])


def test_who_may_be_paid_by_whom() -> None:
    pairs = {
        (source, values_from)
        for source in SOURCES
        for values_from in ("group", "p-ada")
        if suits(source, values_from)
    }

    assert pairs == {
        ("mean+noise", "group"),
        ("mean+noise", "p-ada"),
        ("rater_draw", "group"),
        ("participant", "p-ada"),
    }


def test_what_single_raters_would_have_to_say_is_refused_without_them(
    make_report: MakeReport,
) -> None:
    means = read_report(make_report())
    said = "needs single raters' judgments of morality; this report has none"

    for changes, values_from, source in (
        ({}, "group", "rater_draw"),
        ({"rewards": {"sd": "measured"}}, "group", "mean+noise"),
        ({"rewards": {"sd": "measured"}}, "p-ada", "mean+noise"),
        ({"people": {"harm_raters": "other_half"}}, "group", "mean+noise"),
    ):
        with pytest.raises(BanditError) as refusal:
            task_values(means, spec(**changes), "morality", values_from, source)  # type: ignore[arg-type]
        assert str(refusal.value) == said
    with pytest.raises(BanditError) as refusal:
        task_values(means, spec(), "morality", "p-ada", "participant")
    assert str(refusal.value) == (
        "p-ada rated no action of morality twice: their own noise is not known; take "
        "mean+noise"
    )
    with pytest.raises(BanditError, match="to say how sure a mean is"):
        task_values(means, spec(), "morality", "group", "mean+noise").disputed(50.0)


def test_an_action_nobody_of_a_half_rated_is_refused(make_report: MakeReport) -> None:
    judgments = people((), ("v-1", "v-2"), skipped={"v-1": 2})
    report = read_report(make_report(judgments=judgments))
    halves = spec(people={"harm_raters": "other_half"})

    with pytest.raises(BanditError) as refusal:
        task_values(report, halves, "morality", "group", "mean+noise")

    assert str(refusal.value).startswith(
        "morality: 2 of 8 actions were rated by none of the 1 people who"
    )
