from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from alignment.folders import read_rows
from alignment.report_files import read_report
from bandits.deals import (
    add_shuffled,
    deals,
    dealt_run_steps,
    declared_cells,
    simulated_deals,
)
from bandits.effects import associate
from bandits.engine import open_engine
from bandits.forecast import make_forecast
from bandits.plan import Plan, make_plan
from bandits.results import read_sweep
from bandits.shuffled_values import shuffled_value_test
from bandits.simulate import simulate
from bandits.spec import SweepSpec, parse_spec
from bandits.sweep import run_sweep
from bandits.value_alignment import kernel_target_alignment
from bandits.workers import make_and_keep, workers

MakeReport = Callable[..., Path]
ENGINE = open_engine("auto", "float64", "cpu")


def spec_of(shuffles: int = 19, **primary: object) -> SweepSpec:
    declared = {
        "agent": "gp_thompson",
        "dimension": "morality",
        "phase": "generalization",
        "metric": "mean_reward",
        "shuffles": shuffles,
    }
    return SweepSpec.model_validate(
        {
            "n_runs": 3,
            "agents": ["gp_thompson", "gp_greedy"],
            "dimensions": ["morality", "fun"],
            "alignment_resamples": 2,
            "phases": {"personalization_steps": 3, "generalization_steps": 2},
            "confirmatory": declared | primary,
        }
    )


@pytest.fixture
def plan(make_report: MakeReport) -> Plan:
    return make_plan(read_report(make_report(models=3)), spec_of())


def test_dealing_values_is_relabelling_every_kernel_by_one_order(plan: Plan) -> None:
    values = plan.tasks[0].values
    for deal in deals(plan, ENGINE):
        dealt = values[deal.order]
        for kernel in deal.kernels:
            # What a kernel has to do with the values is the same either way.
            assert kernel_target_alignment(deal.dealt(kernel), values) == pytest.approx(
                kernel_target_alignment(kernel, dealt), abs=1e-12
            )
            assert deal.dealt(kernel)[deal.order[2], deal.order[5]] == kernel[2, 5]


def test_the_deal_that_changes_nothing_gives_the_sweeps_own_outcomes(
    make_report: MakeReport, tmp_path: Path
) -> None:
    report, out = make_report(models=3), tmp_path / "sweep"
    plan = make_plan(read_report(report), spec_of())
    same = deals(plan, ENGINE)[0]._replace(order=np.arange(8))

    run_sweep(plan.spec, report, out, processes=1, figures=False)

    rows = {
        (int(row["cell"]), row["phase"]): row["mean_reward"]
        for row in read_sweep(out).cells
    }
    cells = [rows[cell.number, "generalization"] for cell in declared_cells(plan)]
    assert same.make() == pytest.approx(cells, abs=1e-9)


def test_a_censored_outcome_is_a_median_as_in_the_table_of_cells(
    make_report: MakeReport,
) -> None:
    primary = {"phase": "personalization", "metric": "first_violation"}
    plan = make_plan(read_report(make_report(models=3)), spec_of(**primary))
    deal = deals(plan, ENGINE)[0]

    found = deal.make()

    slow = []
    for kernel in deal.kernels:
        told = simulate(
            deal.dealt(kernel),
            deal.task.task(range(3), seed=deal.seed),
            deal.agent,
            deal.settings,
            seed=deal.seed,
            replicates=range(3),
        )["personalization"]
        seen = told["violation_free"].numpy() == 0
        first = np.sort(told["first_violation"].numpy())
        slow.append(first[1] if seen.sum() > 1 else np.nan)
    assert not np.isnan(slow).all()
    assert found == pytest.approx(slow, nan_ok=True)


def test_only_the_declared_row_has_a_p_by_deals_and_it_is_the_tests_own(
    make_report: MakeReport, tmp_path: Path
) -> None:
    report, out = make_report(models=3), tmp_path / "sweep"

    run_sweep(spec_of(), report, out, processes=1, figures=False)

    rows = read_rows(out / "effects.csv")
    [told] = [row for row in rows if row["p_shuffled_values"]]
    assert told["status"] == "confirmatory"
    assert told["n_shuffles"] == "19"
    names = list(told)
    assert names.index("p_shuffled_values") < names.index("p")
    plan = make_plan(read_report(report), spec_of())
    cells = declared_cells(plan)
    assert [cell.role for cell in cells] == ["model"] * 3
    of = {int(row["cell"]): row for row in read_sweep(out).cells
          if row["phase"] == "generalization"}  # fmt: skip
    x, y = (
        np.array([of[cell.number][name] for cell in cells])
        for name in ("alignment_spearman", "mean_reward")
    )
    table = np.array([deal.make() for deal in deals(plan, ENGINE)])
    assert float(told["p_shuffled_values"]) == shuffled_value_test(x, y, table).p
    assert float(told["p"]) == pytest.approx(associate(x, y, seed=1).p)


def test_a_model_without_a_number_is_left_out_of_all_deals(plan: Plan) -> None:
    cells = declared_cells(plan)
    rows = [
        {"cell": cell.number, "phase": "generalization", "mean_reward": float(at),
         "alignment_spearman": float(at)}
        for at, cell in enumerate(cells)
    ]  # fmt: skip
    table = np.random.default_rng(2).normal(size=(19, 3))
    effect = {
        "status": "confirmatory", "phase": "generalization", "metric": "mean_reward",
        "measure": "spearman",
    }  # fmt: skip
    holed = table.copy()
    holed[5, 1] = np.nan

    add_shuffled([effect], rows, cells, holed)

    two = shuffled_value_test(
        np.array([0.0, 2.0]), np.array([0.0, 2.0]), table[:, [0, 2]]
    )
    assert effect["p_shuffled_values"] == two.p


def test_deals_that_stand_are_kept_and_broken_ones_made_again(
    plan: Plan, tmp_path: Path
) -> None:
    wanted = deals(plan, ENGINE)
    with workers(1) as each:
        make = partial(each, make_and_keep)
        first = simulated_deals(wanted, tmp_path, "abc", make)
        files = sorted(tmp_path.glob("abc-deal-*.json"))
        files[3].write_text("[1.0, 2", encoding="utf-8")
        files[4].write_text("[7.0, 7.0, 7.0]", encoding="utf-8")
        second = simulated_deals(wanted, tmp_path, "abc", make)

    assert np.array_equal(np.delete(second, 4, axis=0), np.delete(first, 4, axis=0))
    assert second[4].tolist() == [7.0, 7.0, 7.0]
    assert len({tuple(row) for row in first}) > 10


def test_nothing_is_dealt_where_nothing_is_declared(make_report: MakeReport) -> None:
    report = read_report(make_report(models=3))
    plan = make_plan(report, spec_of(0))

    assert deals(plan, ENGINE) == []
    assert dealt_run_steps(plan) == 0
    assert not any("dealt" in line for line in make_forecast(plan, ENGINE).lines(1))


def test_the_forecast_counts_the_deals(plan: Plan) -> None:
    forecast = make_forecast(plan, ENGINE)

    assert dealt_run_steps(plan) == 19 * 3 * 3 * 5
    assert (
        "The declared outcome with the values dealt out 19 times, for 3 models: 855"
        " run-steps more." in forecast.lines(1)
    )
    cells = sum(3 * 5 / forecast.rates[one.agent] for one in plan.computations)
    assert forecast.seconds == pytest.approx(
        cells + 855 / forecast.rates["gp_thompson"]
    )


@pytest.mark.parametrize("shuffles", [1, 18, -3, 10_001, True, 20.5])
def test_shuffles_that_could_not_reach_a_p_of_5_percent_are_a_fault(
    shuffles: object,
) -> None:
    document = spec_of().model_dump(mode="json", exclude_none=True)
    document["confirmatory"]["shuffles"] = shuffles

    _, [(place, said)] = parse_spec(document)

    assert place == "confirmatory.shuffles"
    assert said == (
        "shuffles are 0 (none), or 19 to 10,000: with fewer, no p could be .05; got"
        f" {shuffles!r}"
    )
