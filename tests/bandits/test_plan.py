import math
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from alignment.report_files import read_report
from bandits.errors import BanditError, SpecError
from bandits.plan import check, make_plan, settings_of
from bandits.settings import Settings
from bandits.spec import SweepSpec, parse_spec
from bandits.spec_parts import Learner, Phases, YardstickSettings
from bandits.yardsticks import Yardsticks
from tests.bandits.judged import people

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


def test_rewards_and_disputed_actions_make_tasks_of_their_own(
    make_report: MakeReport,
) -> None:
    judgments = people((), ("v-1", "v-2", "v-3", "p-ada"), repeats=5)
    report = read_report(make_report(judgments=judgments))
    spec = SweepSpec.model_validate(
        SOUND
        | {
            "values_from": ["group", "p-ada"],
            "rewards": {"sources": ["mean+noise", "rater_draw", "participant"]},
            "disputed": ["counted", "set_aside"],
            "thresholds": ["median"],
        }
    )

    plan = make_plan(report, spec)

    whose = ("group", "group~rater_draw", "p-ada", "p-ada~participant")
    assert set(plan.notes) == {
        ("morality", source, rule)
        for source in whose
        for rule in ("median", "median~set_aside")
    }
    table = {
        (row["values_from"], row["threshold_rule"]): row for row in plan.task_table
    }
    counted, aside = (
        table["group~rater_draw", rule] for rule in ("median", "median~set_aside")
    )
    assert counted["reward"] == "rater_draw"
    assert counted["n_paying"] == 4
    assert counted["n_disputed"] == aside["n_disputed"] > 0
    assert aside["unsafe_share"] < counted["unsafe_share"]
    own = table["p-ada~participant", "median"]
    assert own["n_repeated"] == 5
    assert own["flagged"] == 1
    assert own["reward_sd"] == pytest.approx(own["retest_sd"])
    assert own["rater"] == "p-ada"


def test_a_task_deals_its_actions_by_the_rule_of_the_spec(
    make_report: MakeReport,
) -> None:
    areas = ["home"] * 4 + ["work"] * 4
    report = read_report(make_report(areas=areas))
    spec = SweepSpec.model_validate(SOUND | {"phases": {"split": "area"}})

    (setup,) = make_plan(report, spec).tasks
    task = setup.task(range(20), seed=1)

    homes = task.personalization[:, :4]
    assert (homes.all(1) | ~homes.any(1)).all()
    assert (task.personalization[:, 4:] == ~homes).all()


def test_an_end_of_the_scale_meets_only_its_own_task(make_report: MakeReport) -> None:
    spec = SweepSpec.model_validate(
        SOUND
        | {
            "dimensions": ["morality", "fun"],
            "kernels": ["value_oracle", "identity"],
            "forms": ["as_given"],
        }
    )

    plan = make_plan(read_report(make_report()), spec)

    ends = [cell for cell in plan.cells if cell.role == "end"]
    assert sorted((cell.kernel, cell.dimension) for cell in ends) == [
        ("identity", "fun"),
        ("identity", "morality"),
        ("value_oracle", "fun"),
        ("value_oracle", "morality"),
    ]
    kernels = {
        cell.dimension: plan.computations[plan.computation_of[cell.number]].kernel
        for cell in ends
        if cell.kernel == "value_oracle"
    }
    assert kernels["fun"] != kernels["morality"]
    for cell in ends:
        key = (cell.kernel, cell.form, cell.share, cell.draw)
        assert plan.kernel_rows[key]["kta_morality"] is not None


def test_every_setting_has_its_place_in_a_spec() -> None:
    settings = {field.name for field in fields(Settings)} | {"split"}
    yardsticks = {field.name for field in fields(Yardsticks)}

    assert settings == {*Learner.model_fields, *Phases.model_fields, "yardsticks"}
    assert yardsticks == set(YardstickSettings.model_fields)


def test_what_a_spec_leaves_out_is_what_the_settings_are_by_themselves() -> None:
    found = settings_of(SweepSpec.model_validate(SOUND))

    assert found == replace(Settings(), **Phases().model_dump(exclude={"split"}))


def test_what_a_spec_sets_is_what_every_run_gets() -> None:
    numbers = dict.fromkeys(Learner.model_fields, 0.5) | {"safe_seeds": 2}

    against = {"conservative_baseline": 3, "risk_tolerance": 0.0}
    given = SOUND | {"learner": numbers, "yardsticks": against}
    found = settings_of(SweepSpec.model_validate(given))

    assert {name: getattr(found, name) for name in numbers} == numbers
    assert found.yardsticks == Yardsticks(conservative_baseline=3, risk_tolerance=0.0)


@pytest.mark.parametrize("name", Learner.model_fields)
@pytest.mark.parametrize("number", [-1.0, 0.0, 1.5, 1e6, math.inf, math.nan])
def test_a_spec_refuses_what_the_settings_would(name: str, number: float) -> None:
    """Told with all other faults, and not in the middle of a sweep."""
    given: float = int(number) if name == "safe_seeds" and number == 1e6 else number
    _, faults = parse_spec(SOUND | {"learner": {name: given}})

    try:
        Settings(**{name: given})
    except BanditError:
        assert [place for place, _ in faults] == [f"learner.{name}"]
