"""Cross-fit: kernel, alignment and values from different people."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alignment.report_files import ReportData, read_report
from bandits.errors import BanditError
from bandits.people import left_out, people_faults, value_halves, value_people, views
from bandits.spec import SweepSpec
from tests.bandits.judged import people

MakeReport = Callable[..., Path]
SIMILAR = tuple(f"s-{i}" for i in range(7))
RATED = tuple(f"v-{i}" for i in range(6))


def spec(**changes: Any) -> SweepSpec:
    return SweepSpec.model_validate(
        {"n_runs": 2, "agents": ["gp_greedy"], "dimensions": ["morality"]} | changes
    )


def report(make_report: MakeReport, judgments: Any = None, **more: Any) -> ReportData:
    given = judgments or people(SIMILAR, RATED)
    return read_report(make_report(judgments=given, seeds={"seed": 4}, **more))


def test_one_halving_of_everybody_is_the_reports_own(make_report: MakeReport) -> None:
    found = report(make_report)

    (view,) = views(found, spec())

    assert view.human is found.matrices["human_half_a"]
    assert view.held_out is found.matrices["human_half_b"]
    assert view.cross_fit
    assert len(view.asked) == 3


def test_published_means_have_nobody_to_hold_out(make_report: MakeReport) -> None:
    (view,) = views(read_report(make_report(halves=False)), spec())

    assert view.human is view.held_out
    assert not view.cross_fit
    assert not view.asked


def test_more_halvings_are_of_the_same_people_each_time_otherwise(
    make_report: MakeReport,
) -> None:
    found = report(make_report)
    assert found.judgments is not None
    pairs = found.judgments.similarities

    several = views(found, spec(people={"splits": 5}))

    assert len({view.asked for view in several}) > 1
    for view in several:
        assert view.human is not None
        assert view.held_out is not None
        assert len(view.asked) == 3
        others = set(SIMILAR) - view.asked
        np.testing.assert_array_equal(view.human.values, pairs.mean(others).values)
        np.testing.assert_array_equal(
            view.held_out.values, pairs.mean(view.asked).values
        )
    # The first is the report's own halving, and others do not depend on how many.
    assert several[0].asked == views(found, spec())[0].asked
    fewer = views(found, spec(people={"splits": 3}))
    assert [view.asked for view in fewer] == [view.asked for view in several[:3]]


def test_a_participant_left_out_is_in_neither_half_and_moves_nobody(
    make_report: MakeReport,
) -> None:
    found = report(make_report)
    assert found.judgments is not None
    pairs = found.judgments.similarities
    (whole,) = views(found, spec())

    for rater in SIMILAR:
        (view,) = views(found, spec(), without=rater)
        assert view.human is not None
        assert view.asked == whole.asked - {rater}
        behind = set(SIMILAR) - whole.asked - {rater}
        np.testing.assert_array_equal(view.human.values, pairs.mean(behind).values)


def test_only_those_who_judged_similarity_have_to_be_left_out(
    make_report: MakeReport,
) -> None:
    both = people(("p-ada", "s-1", "s-2"), ("p-ada", "v-1"))
    vectors = {("morality", "v-1"): np.linspace(0, 100, 8)}
    found = report(make_report, both, values=vectors)

    asked = spec(values_from=["group", "p-ada", "v-1"])
    assert left_out(found, asked) == ("p-ada",)
    assert left_out(read_report(make_report(name="means")), asked) == ()


def test_people_who_judged_both_can_be_asked_for_one_of_the_two(
    make_report: MakeReport,
) -> None:
    both = tuple(f"b-{i}" for i in range(8))
    found = report(make_report, people(both + SIMILAR, both + RATED))
    apart = spec(people={"value_raters": "apart", "splits": 3})

    valued = value_people(found, apart)

    assert len(valued & set(both)) == 4
    assert set(RATED) <= valued
    for view in views(found, apart):
        assert not view.asked & valued
        assert len(view.asked) in (5, 6)


def test_halves_of_raters_pay_and_judge_and_follow_the_seed() -> None:
    paying, judging = value_halves(RATED, spec())

    assert sorted(paying + judging) == sorted(RATED)
    assert len(paying) == len(judging) == 3
    assert any(value_halves(RATED, spec(seed=s)) != (paying, judging) for s in range(9))


def test_what_a_report_cannot_give_is_told_with_its_place(
    make_report: MakeReport,
) -> None:
    means = read_report(make_report())

    faults = dict(
        people_faults(
            means,
            spec(
                people={
                    "splits": 3,
                    "value_raters": "apart",
                    "harm_raters": "other_half",
                }
            ),
        )
    )

    none = (
        "needs single participants' similarity judgments, and this report has none: "
        "make it again from its snapshot, if people judged pairs there"
    )
    assert faults == {
        "people.splits": none,
        "people.value_raters": none,
        "people.harm_raters": '"other_half" needs at least 2 raters of morality whose '
        "own ratings are in the report, got 0",
    }
    assert people_faults(means, spec()) == []


def test_a_half_with_nobody_left_is_refused(make_report: MakeReport) -> None:
    found = report(make_report, people(("p-ada", "s-1"), RATED))

    with pytest.raises(BanditError) as refusal:
        views(found, spec(), without="s-1")

    assert str(refusal.value).startswith(
        "needs people in both halves of those who judged similarity, got "
    )
