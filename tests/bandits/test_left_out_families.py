import math

import numpy as np
import pytest
from scipy.stats import linregress

from bandits.effects import TOO_FEW
from bandits.errors import BanditError
from bandits.left_out_families import (
    CHOSEN,
    CONSTANT,
    TOO_FEW_FAMILIES,
    leave_one_family_out,
)


def lab(
    n_families: int = 6, each: int = 3, seed: int = 0
) -> tuple[list[str], list[str], np.ndarray, dict[str, np.ndarray]]:
    """Models whose outcome follows `cka`; `cosine` follows it less, `noise` not."""
    rng = np.random.default_rng(seed)
    n = n_families * each
    cka = rng.normal(size=n)
    outcome = 3 * cka + 0.3 * rng.normal(size=n)
    measures = {
        "noise": rng.normal(size=n),
        "cosine": cka + rng.normal(size=n),
        "cka": cka,
    }
    models = [f"model-{k}" for k in range(n)]
    return models, [f"family-{k // each}" for k in range(n)], outcome, measures


def skill_by_scipy(families: list[str], y: np.ndarray, x: np.ndarray) -> float:
    of = np.array(families)
    wrong = unknowing = 0.0
    for family in sorted(set(families)):
        out = of == family
        line = linregress(x[~out], y[~out])
        wrong += sum((y[out] - line.intercept - line.slope * x[out]) ** 2)
        unknowing += sum((y[out] - y[~out].mean()) ** 2)
    return float(1 - wrong / unknowing)


def test_each_skill_is_that_of_scipys_lines_on_the_family_left_out() -> None:
    models, families, outcome, measures = lab()

    found = {
        row.measure: row
        for row in leave_one_family_out(models, families, outcome, measures, seed=1)
    }

    for name, column in measures.items():
        assert found[name].skill == pytest.approx(
            skill_by_scipy(families, outcome, column)
        )
        assert found[name].low <= found[name].skill <= found[name].high
        assert found[name].note == ""


def test_the_measure_that_made_the_outcome_leads_and_is_chosen() -> None:
    *rows, chosen = leave_one_family_out(*lab(), seed=1)

    assert rows[0].measure == "cka"
    assert rows[0].times_chosen == 6
    assert (rows[0].behind, rows[0].behind_low, rows[0].behind_high) == (0, 0, 0)
    assert rows[-1].measure == "noise"
    assert rows[-1].behind_low > 0
    assert chosen.measure == CHOSEN
    assert chosen.skill == rows[0].skill


def test_choosing_among_measures_of_noise_is_worth_nothing() -> None:
    """The best of forty fits well in the sample; the choice does not predict."""
    rng = np.random.default_rng(5)
    models, families, outcome, _ = lab()
    measures = {f"noise-{k}": rng.normal(size=len(models)) for k in range(40)}
    outcome = rng.normal(size=len(models))

    *rows, chosen = leave_one_family_out(models, families, outcome, measures, seed=1)

    in_sample = max(linregress(x, outcome).rvalue ** 2 for x in measures.values())
    assert in_sample > 0.2
    assert chosen.skill < rows[0].skill
    assert chosen.low < 0
    assert sum(row.times_chosen for row in rows) == 6


def test_the_choice_is_made_by_families_that_judged_as_left_out_too() -> None:
    """The nested loops written out, among measures of which none is a sure choice."""
    # Here the choice by in-sample fit would differ, without two of the families.
    rng = np.random.default_rng(10)
    models, families, _, _ = lab(5, 2)
    of = np.array(families)
    outcome = rng.normal(size=10)
    measures = {f"noise-{k}": rng.normal(size=10) for k in range(12)}

    def error(x: np.ndarray, fitted: np.ndarray, out: np.ndarray) -> float:
        line = linregress(x[fitted], outcome[fitted])
        made = line.intercept + line.slope * x[out]
        return float(((outcome[out] - made) ** 2).sum())

    wrong = unknowing = 0.0
    chosen = []
    for family in sorted(set(families)):
        rest = of != family
        by = {
            name: sum(
                error(x, rest & (of != other), of == other)
                for other in sorted(set(of[rest]))
            )
            for name, x in measures.items()
        }
        chosen.append(min(by, key=lambda name: by[name]))
        wrong += error(measures[chosen[-1]], rest, ~rest)
        unknowing += float(((outcome[~rest] - outcome[rest].mean()) ** 2).sum())

    *rows, choice = leave_one_family_out(models, families, outcome, measures, seed=1)

    assert choice.skill == pytest.approx(1 - wrong / unknowing)
    assert {r.measure: r.times_chosen for r in rows if r.times_chosen} == {
        name: chosen.count(name) for name in chosen
    }


def test_a_family_judges_lines_it_had_no_part_in() -> None:
    """A family whose own outcome is absurd does not change what it is predicted."""
    models, families, outcome, measures = lab(n_families=2, each=4)
    far = outcome.copy()
    far[:4] = 1e6
    found = leave_one_family_out(models, families, far, measures, seed=1)

    assert {row.n_families for row in found} == {2}
    for row in found[:-1]:
        assert row.skill == pytest.approx(
            skill_by_scipy(families, far, measures[row.measure]), rel=1e-6
        )


@pytest.mark.parametrize(("n_families", "each"), [(0, 1), (1, 2), (3, 1), (7, 1)])
def test_below_eight_models_nothing_is_claimed(n_families: int, each: int) -> None:
    rows = leave_one_family_out(*lab(n_families, each), seed=1)

    assert {row.note for row in rows} == {TOO_FEW}
    assert all(math.isnan(row.skill) and math.isnan(row.low) for row in rows)


def test_few_families_give_skills_without_intervals() -> None:
    rows = leave_one_family_out(*lab(4, 2), seed=1)

    assert {row.note for row in rows} == {TOO_FEW_FAMILIES}
    assert not any(math.isnan(row.skill) for row in rows)
    assert all(math.isnan(row.low) and math.isnan(row.behind_high) for row in rows)


def test_one_family_alone_has_nobody_to_be_judged_on() -> None:
    rows = leave_one_family_out(*lab(1, 9), seed=1)

    assert {row.note for row in rows} == {TOO_FEW_FAMILIES}
    assert all(math.isnan(row.skill) for row in rows)


def test_a_constant_measure_knows_nothing_and_a_constant_outcome_says_so() -> None:
    models, families, outcome, measures = lab()
    measures["flat"] = np.full(len(models), 0.1)

    rows = leave_one_family_out(models, families, outcome, measures, seed=1)
    flat = next(row for row in rows if row.measure == "flat")
    assert (flat.skill, flat.low, flat.high) == (0, 0, 0)

    same = leave_one_family_out(models, families, outcome * 0 + 0.1, measures, seed=1)
    assert {row.note for row in same} == {CONSTANT}
    assert all(math.isnan(row.skill) for row in same)


def test_variants_count_once_and_incomplete_models_not_at_all() -> None:
    models, families, outcome, measures = lab()
    once = leave_one_family_out(models, families, outcome, measures, seed=1)
    doubled = leave_one_family_out(
        [f"{name}@{layer}" for name in models for layer in "ab"],
        [family for family in families for _ in "ab"],
        np.repeat(outcome, 2),
        {name: np.repeat(column, 2) for name, column in measures.items()},
        seed=1,
    )
    assert doubled == once

    outcome[0] = np.nan
    assert (
        leave_one_family_out(models, families, outcome, measures, seed=1)[0].n_models
        == len(models) - 1
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"measures": {}}, "at least one measure"),
        ({"families": ["one"]}, "a family for each of 4 raters, got 1"),
        ({"outcome": [1, 2, 3]}, "the outcome needs one finite number"),
        ({"measures": {"cka": [1, 2, 3, np.inf]}}, "cka needs one finite number"),
        (
            {"families": ["one", "two", "two", "two"]},
            "a is in two families, one and two",
        ),
    ],
)
def test_what_cannot_be_judged_is_refused(change: dict[str, object], said: str) -> None:
    arguments = {
        "models": ["a@1", "a@2", "b", "c"], "families": ["one", "one", "two", "two"],
        "outcome": np.arange(4.0), "measures": {"cka": np.arange(4.0)}, "seed": 1,
    }  # fmt: skip
    with pytest.raises(BanditError, match=said):
        leave_one_family_out(**(arguments | change))  # type: ignore[arg-type]
