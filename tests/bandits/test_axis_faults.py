"""What a spec asks of raters, rewards and splits that its report cannot give."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alignment.report_files import ReportData, read_report
from bandits.axis_faults import axis_faults
from bandits.errors import SpecError
from bandits.plan import check
from bandits.spec import SweepSpec
from tests.bandits.judged import people

MakeReport = Callable[..., Path]
SOUND = {"n_runs": 2, "agents": ["gp_greedy"], "dimensions": ["morality"]}


def faults(report: ReportData, **changes: Any) -> dict[str, str]:
    return dict(axis_faults(report, SweepSpec.model_validate(SOUND | changes)))


@pytest.fixture
def means(make_report: MakeReport) -> ReportData:
    return read_report(make_report())


@pytest.fixture
def judged(make_report: MakeReport) -> ReportData:
    given = people(("s-1", "s-2"), ("v-1", "v-2", "p-ada"), repeats=3)
    areas = ["home", "work"] * 4
    return read_report(make_report(judgments=given, areas=areas, name="judged"))


def test_every_axis_at_once_suits_a_report_that_has_what_it_needs(
    judged: ReportData,
) -> None:
    assert not faults(
        judged,
        values_from=["group", "p-ada"],
        rewards={"sources": ["mean+noise", "rater_draw", "participant"], "sd": 3},
        disputed=["counted", "set_aside"],
        people={"splits": 2, "harm_raters": "other_half", "value_raters": "apart"},
        phases={"split": "area"},
    )


def test_a_plain_spec_suits_published_means(means: ReportData) -> None:
    assert not faults(means, values_from=["group", "p-ada"])


def test_sources_and_values_that_no_other_suits_are_told(judged: ReportData) -> None:
    assert faults(judged, rewards={"sources": ["mean+noise", "participant"]}) == {
        "rewards.sources[1]": '"participant" pays a participant\'s values; values_from '
        "names none"
    }
    assert faults(
        judged, values_from=["p-ada"], rewards={"sources": ["rater_draw"]}
    ) == {
        "rewards.sources[0]": '"rater_draw" pays the group\'s values; values_from names '
        "none",
        "values_from[0]": 'no source of rewards suits p-ada; add "mean+noise" or '
        '"participant"',
    }


def test_single_raters_that_a_report_does_not_know_are_told(means: ReportData) -> None:
    none = "needs single raters' judgments of morality; this report has none"
    assert faults(means, rewards={"sources": ["mean+noise", "rater_draw"]}) == {
        "rewards.sources[1]": none
    }
    assert faults(means, rewards={"sd": "measured"}) == {"rewards.sd": none}
    assert faults(means, disputed=["set_aside"]) == {
        "disputed[0]": "needs single raters' judgments, to say how sure a mean is; "
        "this report has none"
    }
    assert faults(
        means, values_from=["p-ada"], rewards={"sources": ["participant"]}
    ) == {
        "rewards.sources[0]": "p-ada rated no action of morality twice: their own noise "
        "is not known; take mean+noise"
    }
    assert faults(means, values_from=["p-ada"], disputed=["counted", "set_aside"]) == {
        "disputed[1]": "p-ada rated no action of morality twice: how sure their ratings "
        "are is not known"
    }


def test_areas_that_the_actions_do_not_name_are_told(means: ReportData) -> None:
    assert faults(means, phases={"split": "area"})["phases.split"].startswith(
        "split by area: needs actions of at least 2 life areas"
    )
    assert not faults(means, phases={"split": "stratified"})


def test_they_are_listed_with_the_other_faults_of_a_spec(means: ReportData) -> None:
    with pytest.raises(SpecError) as refusal:
        check(
            SOUND | {"kernels": ["gpt"], "phases": {"split": "area"}},
            means,
        )

    assert {place for place, _ in refusal.value.faults} == {
        "kernels[0]",
        "phases.split",
    }


@pytest.mark.parametrize(
    ("changes", "place", "sentence"),
    [
        (
            {"rewards": {"sd": "loud"}},
            "rewards.sd",
            'noise is "assumed", "measured" or a number of points, at least 0',
        ),
        (
            {"rewards": {"sd": -1}},
            "rewards.sd",
            'noise is "assumed", "measured" or a number of points, at least 0',
        ),
        (
            {"corruption": {"kinds": ["relabel", "relabel"]}},
            "corruption.kinds[1]",
            '"relabel" is already listed',
        ),
        (
            {"corruption": {"kinds": ["rot"]}},
            "corruption.kinds[0]",
            "must be 'relabel', 'permute_pairs', 'blend' or 'noise'",
        ),
        (
            {"disputed": ["counted", "counted"]},
            "disputed[1]",
            '"counted" is already listed',
        ),
        (
            {"people": {"half": 1}},
            "people.half",
            "is not a field of a sweep spec; fields there: splits, value_raters,"
            " harm_raters",
        ),
    ],
)
def test_a_field_of_the_axes_that_cannot_be_is_told_with_its_place(
    changes: dict[str, Any], place: str, sentence: str
) -> None:
    with pytest.raises(SpecError) as refusal:
        check(SOUND | changes, None)

    assert sentence in dict(refusal.value.faults)[place]
