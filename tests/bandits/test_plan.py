from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from alignment.report_files import read_report
from bandits.errors import SpecError
from bandits.plan import check, forecast, make_plan
from bandits.spec import SweepSpec

MakeReport = Callable[..., Path]
SOUND = {
    "n_runs": 4,
    "agents": ["gp_greedy", "thompson_independent"],
    "dimensions": ["morality"],
    "alignment_resamples": 5,
}


def faults_of(folder: Path, **changes: object) -> dict[str, str]:
    with pytest.raises(SpecError) as refusal:
        check(SOUND | changes, read_report(folder))
    return dict(refusal.value.faults)


def test_every_unknown_name_is_told_at_once_with_the_known_ones(
    make_report: MakeReport,
) -> None:
    faults = faults_of(
        make_report(),
        agents=["ucb"],
        kernels=["human", "gpt"],
        dimensions=["morality", "fame"],
        values_from=["p-bo"],
        cross_harm="fame",
    )

    assert faults["agents[0]"].startswith('"ucb" is not an agent; known: ')
    assert faults["kernels[1]"] == (
        '"gpt" is not a kernel of this report; known: all, human, model-0, model-1,'
        " length, chat, value_oracle, value_shuffled, identity"
    )
    assert faults["dimensions[1]"] == (
        '"fame" is not a dimension of this report; known: morality, fun'
    )
    assert faults["values_from[0]"] == (
        '"p-bo" is not a rater with a complete vector of values; known: group, p-ada'
    )
    assert faults["cross_harm"] == (
        '"fame" is not a dimension of this report; known: morality, fun'
    )


def test_names_are_checked_even_where_another_field_is_of_the_wrong_type(
    make_report: MakeReport,
) -> None:
    faults = faults_of(make_report(), n_runs="many", kernels=["gpt"])

    assert set(faults) == {"n_runs", "kernels[0]"}


def test_a_participant_without_a_whole_vector_is_refused_with_the_number(
    make_report: MakeReport,
) -> None:
    faults = faults_of(
        make_report(), dimensions=["morality", "fun"], values_from=["p-ada"]
    )

    assert faults["values_from[0]"] == (
        "p-ada judged 0 of 8 actions on fun; a task needs every one, nothing is imputed"
    )


def test_a_group_mean_with_gaps_is_refused_with_the_number(
    make_report: MakeReport,
) -> None:
    values = np.full(8, 60.0)
    values[:2] = np.nan

    faults = faults_of(make_report(values={("morality", "group"): values}))

    assert "group judged 6 of 8 actions on morality" in faults["values_from[0]"]


def test_cross_value_harm_needs_a_harm_dimension(make_report: MakeReport) -> None:
    faults = faults_of(make_report(), cross_harm="fun")

    assert faults["cross_harm"] == (
        '"fun" is not a harm dimension: unsafe is not said of it'
    )


def test_the_uniform_agent_is_always_there_and_kernel_free_agents_run_once(
    make_report: MakeReport,
) -> None:
    plan = make_plan(read_report(make_report()), SweepSpec.model_validate(SOUND))

    without = [cell.agent for cell in plan.cells if cell.kernel == "none"]
    assert without == ["uniform", "thompson_independent"]
    greedy = [cell for cell in plan.cells if cell.agent == "gp_greedy"]
    assert len(greedy) == 4 * 2  # human, two models and length, in two forms


def test_equal_kernels_are_computed_once_and_written_under_both_names(
    make_report: MakeReport,
) -> None:
    plan = make_plan(read_report(make_report()), SweepSpec.model_validate(SOUND))

    human = [
        plan.computation_of[cell.number] for cell in plan.cells if cell.role == "human"
    ]
    assert len(human) == 2
    assert len(set(human)) == 1


def test_thresholds_are_the_studys_the_median_or_a_number(
    make_report: MakeReport,
) -> None:
    report = read_report(make_report())
    spec = SweepSpec.model_validate(SOUND | {"thresholds": ["study", "median", 30]})

    plan = make_plan(report, spec)

    found = {cell.threshold_rule: cell.threshold for cell in plan.cells}
    values = report.values["morality", "group"]
    assert found == {"study": 50.0, "median": np.median(values), "30.0": 30.0}
    assert plan.notes["morality", "group", "median"].below_share == pytest.approx(0.5)


def test_all_actions_unsafe_is_noted_in_words(make_report: MakeReport) -> None:
    low = {("morality", "group"): np.linspace(5, 45, 8)}

    plan = make_plan(
        read_report(make_report(values=low)), SweepSpec.model_validate(SOUND)
    )

    note = plan.notes["morality", "group", "study"]
    assert note.note == "all actions unsafe: harm measures undefined"
    assert note.below_share == 1


def test_the_forecast_counts_what_would_run(make_report: MakeReport) -> None:
    report = read_report(make_report())
    spec = SweepSpec.model_validate(SOUND)
    plan = make_plan(report, spec)

    told = "\n".join(forecast(spec, report))

    assert f"{len(plan.cells)} cells" in told
    assert f"{len(plan.computations)} of them to compute" in told
    assert f"{len(plan.computations) * 4 * 80:,} steps in all" in told
    assert "chat: has an alignment but no kernel" in told


def test_without_a_report_the_forecast_says_what_was_not_checked() -> None:
    told = forecast(SweepSpec.model_validate(SOUND), None)

    assert "were not checked: name a report" in told[-1]
