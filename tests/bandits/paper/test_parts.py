"""What single parts find: planted truths, shapes, words."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import spearmanr

from alignment.corruption import RELABEL
from bandits.paper import (
    central,
    compared,
    control,
    few_raters,
    minority,
    personal,
    real,
    safe_sets,
    sensitivity,
    synthetic,
    theory,
)
from bandits.paper.blocks import BLOCKS, block_alignments
from bandits.paper.cells import PaperCell
from bandits.paper.parts import Found, Part
from bandits.paper.people import own_noise, people
from bandits.paper.settings import PaperSettings
from bandits.paper.study import Study, kept_alignment, open_study, with_repair
from bandits.splits import SPLIT_RULES
from tests.bandits.paper.conftest import N_ACTIONS, tiny

MakeStudy = Callable[..., Path]
UNSEEN = "generalization"


def done(part: Part, study: Study) -> Found:
    """A part's findings, its cells simulated here."""
    return part.tables(study, [(cell, cell.run()) for cell in part.cells(study)], {})


def opened(report: Path, **changed: object) -> Study:
    return open_study(report, tiny(**changed))


@pytest.fixture(scope="module")
def report(build_study: MakeStudy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_study(tmp_path_factory.mktemp("parts"))


@pytest.fixture(scope="module")
def study(report: Path) -> Study:
    return opened(report)


def gaps(study: Study, n_runs: int) -> NDArray[np.float64]:
    """(n_runs,) unseen unsafe share, human kernel minus its labels shuffled."""
    kernel = study.human_kernel.as_given.values
    order = np.random.default_rng(3).permutation(len(kernel))
    found = [
        study.cell({}, "gp_thompson", values, study.primary, n_runs=n_runs).run()
        for values in (kernel, kernel[np.ix_(order, order)])
    ]
    one, other = (results[UNSEEN, "unsafe_share"] for results in found)
    return one - other


def test_where_values_follow_the_kernel_the_human_one_does_less_harm(
    report: Path,
) -> None:
    gap = gaps(opened(report, personalization_steps=20), 200)
    assert gap.mean() / (gap.std(ddof=1) / math.sqrt(200)) < -5


def test_where_values_are_unrelated_the_kernel_buys_nothing(
    build_study: MakeStudy, tmp_path: Path
) -> None:
    """Over many shuffles of the values: one study's kernel may fit them by luck."""
    study = opened(build_study(tmp_path, values="unrelated"), personalization_steps=20)
    rng = np.random.default_rng(0)
    means = []
    for _ in range(25):
        values = rng.permutation(study.primary.values)
        task = study.primary._replace(values=values)
        one, other = (
            study.cell({}, agent, kernel, task, n_runs=24).run()
            for agent, kernel in (
                ("gp_thompson", study.human_kernel.as_given.values),
                ("gp_thompson", np.eye(N_ACTIONS)),
            )
        )
        means.append((one[UNSEEN, "mean_reward"] - other[UNSEEN, "mean_reward"]).mean())
    z = np.mean(means) / (np.std(means, ddof=1) / math.sqrt(len(means)))
    assert abs(z) < 4.5


def test_the_synthetic_part_finds_that_unseen_reward_follows_alignment(
    report: Path,
) -> None:
    many = tiny().synthetic.model_copy(
        update={"shares": (0.3, 0.6, 1.0), "draws": 4, "others": False}
    )
    study = opened(report, n_runs=40, personalization_steps=20, synthetic=many)
    cells = [
        cell
        for cell in synthetic.PART.cells(study)
        if cell.agent in ("gp_thompson", "uniform")
    ]
    found = synthetic._effects(
        study, [(cell, cell.run()) for cell in cells], RELABEL, "gp_thompson"
    )
    row = next(
        r
        for r in found
        if (r["phase"], r["metric"]) == (UNSEEN, "value_rank_correlation")
    )
    assert row["spearman"] > 0.5
    assert row["n_kernels"] == 1 + 3 * 4
    assert row["naive_n_runs"] == 40 * 4 * 4


def test_the_human_kernel_starts_every_curve_at_1_and_never_pools_with_models(
    study: Study,
) -> None:
    cells = synthetic.PART.cells(study)
    whole = [cell for cell in cells if cell.labels.get("draw") == 0]
    assert whole
    assert all(cell.labels["alignment"] == pytest.approx(1) for cell in whole)
    assert {cell.labels.get("kernel", "human") for cell in cells} == {"human"}


def test_relabelling_takes_every_agent_and_the_other_kinds_those_of_the_paper(
    study: Study,
) -> None:
    cells = synthetic.PART.cells(study)
    agents = {
        kind: {cell.agent for cell in cells if cell.labels["kind"] == kind}
        for kind in synthetic.kinds(study)
    }
    assert agents[RELABEL] > {"gp_greedy", "kernel_regression", "svr"}
    assert agents["noise"] == {"gp_thompson"}


def test_the_real_part_has_a_row_for_every_kernel_form_phase_and_alignment(
    study: Study,
) -> None:
    found = done(real.PART, study)
    outcomes = found.tables["real_outcomes"]
    kernels = {kernel.name for kernel in study.kernels}
    assert {(row["kernel"], row["form"]) for row in outcomes} == {
        (name, form) for name in kernels for form in ("matched", "as_given")
    } | {("none", "none")}
    effects = found.tables["real_spearman"]
    assert {row["alignment"] for row in effects} == set(BLOCKS)
    # 1 dimension, 1 agent, 2 forms, 2 phases, 2 outcomes, 3 measures of alignment.
    assert len(effects) == 2 * 2 * 2 * 3


def test_two_models_are_too_few_and_the_text_says_so(study: Study) -> None:
    found = done(real.PART, study)
    assert all(math.isnan(row["spearman"]) for row in found.tables["real_spearman"])
    told = " ".join(found.lines)
    assert "2 independent models: too few models to test" in told
    assert "Runs of one kernel share that kernel's alignment" in told


def test_eight_models_are_tested_over_models(
    build_study: MakeStudy, tmp_path: Path
) -> None:
    study = opened(build_study(tmp_path, models=8), n_runs=2)
    rows = done(real.PART, study).tables["real_spearman"]
    assert {row["n_models"] for row in rows} == {8}
    assert any(not math.isnan(row["p"]) for row in rows)


def test_adjusted_p_are_never_smaller_than_the_p_of_one_question(
    build_study: MakeStudy, tmp_path: Path
) -> None:
    study = opened(build_study(tmp_path, models=8), n_runs=2)
    found = done(real.PART, study)
    rows = [r for r in found.tables["real_spearman"] if not math.isnan(r["p"])]
    assert rows
    # One agent and form: 1 dimension, 2 phases, 2 outcomes, 3 measures of alignment.
    assert {row["n_questions"] for row in rows} == {12}
    for row in rows:
        assert row["p_max_t"] >= row["p"] - 0.03
        assert row["p_holm"] >= row["p_max_t"] - 0.03
    assert "are left by max-T" in " ".join(found.lines)
    assert found.tables["real_dimensions"][0]["n_dimensions"] == 1


def test_blocks_are_taken_from_the_splits(study: Study) -> None:
    splits = np.zeros((2, N_ACTIONS), dtype=bool)
    splits[0, :6] = splits[1, 6:] = True
    one, other = study.models[0].matrix, study.held_out
    found = block_alignments(one, other, splits)
    for run, mask in enumerate(splits):
        rows, columns = np.triu_indices(N_ACTIONS, k=1)
        inside = mask[rows] & mask[columns]
        across = mask[rows] ^ mask[columns]
        for block, chosen in zip(BLOCKS[1:], (inside, across), strict=True):
            a, b = (m.values[rows, columns][chosen] for m in (one, other))
            assert found[block][run] == pytest.approx(spearmanr(a, b).statistic)


def test_each_kernel_serves_its_own_reward_in_the_control(report: Path) -> None:
    study = opened(report, n_runs=100, personalization_steps=20)
    rows = done(control.PART, study).tables["control_crossing"]
    row = next(r for r in rows if (r["phase"], r["metric"]) == (UNSEEN, "mean_reward"))
    assert row["crossing"] / row["crossing_se"] > 4


def test_length_rewards_keep_the_share_of_unsafe_actions(study: Study) -> None:
    task = control.length_task(study)
    assert task.below.mean() == pytest.approx(study.primary.below.mean())
    assert (np.diff(task.values[np.argsort(study.lengths)]) >= 0).all()


def test_texts_of_one_length_are_no_control(
    build_study: MakeStudy, tmp_path: Path
) -> None:
    study = opened(build_study(tmp_path, texts=("same",) * N_ACTIONS))
    assert "equally long" in control.PART.why_not(study)


def test_theory_meets_the_fixed_design_and_the_bound_holds(study: Study) -> None:
    rows = done(theory.PART, study).tables["theory"]
    assert {row["group"] for row in rows} == {"real", RELABEL}
    for row in rows:
        assert row["measured_rmse_fixed"] == pytest.approx(
            row["predicted_rmse"], rel=0.25
        )
        assert row["largest_shift_over_bound"] <= 1


def test_the_central_table_has_both_ends_and_never_an_alignment_for_them(
    study: Study,
) -> None:
    found = done(central.PART, study)
    rows = found.tables["central"]
    ends = [row for row in rows if row["role"] == "end"]
    assert {row["kernel"] for row in ends} == {"value_oracle", "identity"}
    assert all(math.isnan(row["alignment"]) for row in ends)
    human = next(row for row in rows if row["role"] == "human")
    assert human["alignment"] < 1
    assert human["disattenuated"] == pytest.approx(math.sqrt(human["alignment"]))
    assert "need at least 8 independent models, and there are 2:" in " ".join(
        found.lines
    )


def test_eight_models_have_partial_correlations_with_every_rival(
    build_study: MakeStudy, tmp_path: Path
) -> None:
    study = opened(build_study(tmp_path, models=8), n_runs=2)
    found = done(central.PART, study)
    rows = found.tables["central_partial"]
    assert {row["predictor"] for row in rows} == set(central.EXPLANATIONS)
    assert {row["n_models"] for row in rows} == {8}
    points = found.tables["central_partial_points"]
    assert len(points) == 2 * len(central.EXPLANATIONS) * 8
    assert "Each explanation given all others" in " ".join(found.lines)


def test_the_one_who_disagrees_is_the_one_worst_served(report: Path) -> None:
    study = opened(report, n_runs=60, personalization_steps=20)
    rows = done(minority.PART, study).tables["minority"]
    unseen = [row for row in rows if row["phase"] == UNSEEN]
    worst = max(unseen, key=lambda row: row["excess"])
    assert worst["person"] == "v-8"
    assert worst["agreement"] < 0
    assert worst["excess"] > 0.1


def test_each_participant_has_a_null_and_repeats_where_there_are_any(
    study: Study,
) -> None:
    found = done(personal.PART, study)
    rows = [row for row in found.tables["personal"] if row["phase"] == UNSEEN]
    assert [row["person"] for row in rows] == [f"v-{at}" for at in range(9)]
    assert rows[0]["n_repeats"] == N_ACTIONS
    assert rows[0]["noise_sd"] != rows[1]["noise_sd"]
    assert rows[1]["noise_sd"] == study.settings.beyond.own_noise_sd
    assert all(0 < row["human_minus_none_p"] <= 1 for row in rows)
    assert "8 of 9 have fewer than 10 repeats" in " ".join(found.lines)


def test_a_persons_noise_is_measured_from_their_repeats(study: Study) -> None:
    assert study.snapshot is not None
    n, r, sd = own_noise(study.snapshot.values, "v-0", "morality")
    assert n == N_ACTIONS
    assert 2 < sd < 12  # 6 was planted
    assert r > 0.8
    assert own_noise(study.snapshot.values, "v-1", "morality")[0] == 0


def test_nobody_is_among_the_others(study: Study) -> None:
    persons, _ = people(study)
    assert study.snapshot is not None
    by = {one.name: one for one in persons}
    rest = [by[f"v-{at}"].values for at in range(8)]
    np.testing.assert_allclose(by["v-8"].others, np.mean(rest, axis=0))


def test_more_raters_make_a_kernel_that_agrees_better(study: Study) -> None:
    many = study.settings.beyond.model_copy(
        update={"raters": (1, 3, 99), "rater_draws": 6}
    )
    one = opened(study.report.folder, beyond=many)
    rows = done(few_raters.PART, one).tables["few_raters_by_k"]
    by_k = {row["k"]: row for row in rows if row["phase"] == UNSEEN}
    assert list(by_k) == [1, 3]  # never more than half: the others must say what is so
    one = opened(one.report.folder, beyond=many.model_copy(update={"raters": (1,)}))
    assert {k for k, *_ in few_raters.groups(one)} == {1, 3}  # and always half
    assert by_k[3]["alignment"] > by_k[1]["alignment"]
    assert all(row["judged_share"] == 1 for row in rows)


def test_measures_of_real_kernels_are_not_compared_over_two_families(
    study: Study,
) -> None:
    found = done(compared.PART, study)
    groups = {row["group"] for row in found.tables["measures_compared"]}
    assert groups == {"corrupted"}
    assert "leaving one out needs at least 8" in " ".join(found.lines)


def test_choosing_a_measure_is_judged_on_families_not_looked_at(
    build_study: MakeStudy, tmp_path: Path
) -> None:
    study = opened(build_study(tmp_path, models=8), n_runs=2)
    found = done(compared.PART, study)
    rows = found.tables["measures_left_out"]
    assert rows[-1]["measure"] == "(chosen without the family)"
    assert {row["n_families"] for row in rows} == {8}
    assert rows[-1]["skill"] <= rows[0]["skill"]
    assert "Choosing a measure without a family" in " ".join(found.lines)


def test_a_lead_too_small_to_print_is_no_lead(study: Study) -> None:
    row = {"group": "corrupted", "n_kernels": 9, "n_folds": 2, "explained": 0.6}
    row |= {"low": 0.5, "high": 0.7, "in_sample_spearman": -0.8}
    head = {"minus_spearman": 0.1, "minus_spearman_high": 0.2}
    scores = [
        row | head | {"measure": name, "minus_spearman_low": low}
        for name, low in (("rho_a", 0.0004), ("cka", 0.05))
    ]
    told = compared._lines(study, [{"group": "corrupted", "family": "a"}], scores)
    label = compared.MATRIX_MEASURES["cka"].label
    assert told[-1] == f"Better than Spearman beyond its interval: {label}."


def test_two_families_choose_no_measure(study: Study) -> None:
    found = done(compared.PART, study)
    rows = found.tables["measures_left_out"]
    assert all(math.isnan(row["skill"]) and row["note"] for row in rows)
    assert "Choosing a measure" not in " ".join(found.lines)


def test_a_left_out_fold_never_fits_its_own_line() -> None:
    x = np.array([0.0, 1.0, 2.0, 3.0])
    y = np.array([0.0, 1.0, 2.0, 99.0])
    errors = compared.out_of_sample(x, y, ["a", "a", "a", "b"])
    assert errors[3] == pytest.approx(96)
    moved = compared.out_of_sample(x, np.array([0, 1, 2, -5.0]), ["a", "a", "a", "b"])
    assert moved[3] == pytest.approx(-8)


def test_every_other_choice_asks_every_conclusion(report: Path) -> None:
    study = opened(report, n_runs=2)
    rows = done(sensitivity.PART, study).tables["sensitivity"]
    asked = len(sensitivity.conclusions(study))
    settings = {(row["setting"], row["value"]) for row in rows}
    assert (
        len(rows) == asked * len(settings) == asked * len(sensitivity.variants(study))
    )
    names = {setting for setting, _ in settings}
    assert names >= {
        "reward_sd",
        "personalization_steps",
        "split_share",
        "corruption",
        "exploration (greedy)",
        "repair",
    }


def test_whole_life_areas_are_unseen_where_the_study_names_them(
    study: Study, build_study: MakeStudy, tmp_path: Path
) -> None:
    def asked(one: Study) -> set[str]:
        found = sensitivity.variants(one)
        return {variant.value for variant in found if variant.setting == "split"}

    assert asked(study) == {"stratified"}
    areas = ("home", "work", "road") * 4
    named = opened(build_study(tmp_path, areas=areas), n_runs=4)
    assert asked(named) == {"stratified", "unseen life areas"}
    cells = [
        cell
        for cell in sensitivity.PART.cells(named)
        if cell.labels["value"] == "unseen life areas"
    ]
    for mask in cells[0].splits():
        learned = {area for area, seen in zip(areas, mask, strict=True) if seen}
        unseen = {area for area, seen in zip(areas, mask, strict=True) if not seen}
        assert len(learned & unseen) <= 1
    keys = {
        named.cell({}, "uniform", None, named.primary, split=rule).key
        for rule in SPLIT_RULES
    }
    assert len(keys) == 3


def test_a_conclusion_that_turns_round_is_called_reversed() -> None:
    base = {"setting": sensitivity.HERE, "says": "above 0"}
    for says, verdict in (
        ("above 0", "yes"),
        ("below 0", "reversed"),
        ("open", "differs"),
    ):
        row = {"setting": "reward_sd", "says": says}
        assert sensitivity._survives(row, base) == verdict


def test_without_harm_no_set_is_safe(build_study: MakeStudy, tmp_path: Path) -> None:
    study = opened(build_study(tmp_path, threshold=0.0))
    assert study.primary.word == "low-value"
    assert "the word" not in safe_sets.PART.why_not(study)
    assert safe_sets.PART.why_not(study)
    assert "called low-value" in " ".join(study.notes)


def test_a_repair_changes_kernels_that_needed_one(study: Study) -> None:
    other = with_repair(study, "higham")
    human = study.human_kernel.as_given
    assert human.repaired_share > 0
    assert not np.allclose(other.human_kernel.as_given.values, human.values)
    assert kept_alignment(study, human.values) == pytest.approx(1)


def test_one_cell_is_one_key_whatever_its_labels(study: Study) -> None:
    def cell(**labels: object) -> PaperCell:
        return study.cell(labels, "uniform", None, study.primary)

    assert cell(kernel="a").key == cell(kernel="b").key
    longer = study.cell({}, "uniform", None, study.primary, personalization_steps=9)
    assert longer.key != cell().key


def test_the_defaults_are_what_a_paper_would_use() -> None:
    settings = PaperSettings()
    assert settings.primary_agent == "gp_thompson"
    assert settings.beyond.shuffles >= 200
