"""Values dealt out anew: what the null is, and what it says of planted truths."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bandits.paper import dealt
from bandits.paper.fixed_design import Design, expected_squared_error
from bandits.paper.parts import Found
from bandits.paper.study import Study, open_study
from tests.bandits.paper.conftest import tiny

MakeStudy = Callable[..., Path]


def done(study: Study) -> Found:
    cells = dealt.PART.cells(study)
    return dealt.PART.tables(study, [(cell, cell.run()) for cell in cells], {})


@pytest.fixture(scope="module")
def study(build_study: MakeStudy, tmp_path_factory: pytest.TempPathFactory) -> Study:
    return open_study(build_study(tmp_path_factory.mktemp("dealt")), tiny())


@pytest.fixture(scope="module")
def found(study: Study) -> Found:
    return done(study)


def test_the_first_deal_is_the_values_and_the_others_the_same_dealt_anew(
    study: Study,
) -> None:
    table = dealt.deals(study)
    assert len(table) == 1 + study.settings.beyond.deals
    np.testing.assert_array_equal(table[0], study.primary.values)
    for row in table[1:]:
        np.testing.assert_array_equal(np.sort(row), np.sort(table[0]))
    assert len({tuple(row) for row in table}) == len(table)


def test_every_kernel_meets_every_deal_on_the_same_splits(study: Study) -> None:
    cells = dealt.PART.cells(study)
    assert len(cells) == len(study.kernels) * len(dealt.deals(study))
    first = cells[0].splits()
    assert all((cell.splits() == first).all() for cell in cells)


def test_an_error_is_that_of_theory_for_this_deal(study: Study, found: Found) -> None:
    splits = dealt.PART.cells(study)[0].splits()
    chosen, kernel = study.settings, study.models[0]

    def error(values: np.ndarray) -> float:
        each = [
            expected_squared_error(
                Design(
                    kernel.matched.values,
                    values,
                    seen.astype(float),
                    seen,
                    chosen.prior_mean,
                    chosen.prior_sd,
                    chosen.reward_sd,
                )
            )
            for seen in splits
        ]
        return math.sqrt(np.mean(each))

    real, *null = (error(values) for values in dealt.deals(study))
    row = next(
        row
        for row in found.tables["shuffled_values_kernels"]
        if (row["outcome"], row["kernel"]) == (dealt.ERROR, kernel.name)
    )
    assert row["value"] == pytest.approx(real)
    assert row["p_less"] == (1 + sum(one <= real for one in null)) / (1 + len(null))
    assert row["holm"] >= row["p_less"]


def test_where_values_follow_people_their_kernel_beats_nearly_every_deal(
    found: Found,
) -> None:
    rows = found.tables["shuffled_values_kernels"]
    by = {(row["outcome"], row["kernel"]): row["p_less"] for row in rows}
    assert by[dealt.ERROR, "human"] == 1 / 20
    assert by[dealt.ERROR, "length"] > 0.2


def test_where_values_are_unrelated_the_human_kernel_is_one_of_the_deals(
    build_study: MakeStudy, tmp_path: Path
) -> None:
    """p over studies whose values are dealt out at random: it is uniform."""
    study = open_study(build_study(tmp_path), tiny())
    splits = dealt.PART.cells(study)[0].splits()
    kernel = study.human_kernel.matched.values
    rng = np.random.default_rng(4)
    table = np.array([rng.permutation(study.primary.values) for _ in range(400)])
    errors = dealt._errors(study, [kernel], table, splits)[0].reshape(20, 20)
    p = (errors[:, 1:] <= errors[:, :1]).sum(1) / 20
    assert 0.25 < p.mean() < 0.75


def test_two_models_have_no_correlation_and_no_p_in_the_text(found: Found) -> None:
    rows = found.tables["shuffled_values_alignment"]
    real = [row for row in rows if row["group"] == "real"]
    assert {row["outcome"] for row in real} == {dealt.ERROR, dealt.HARM}
    assert all(math.isnan(row["spearman"]) and row["note"] for row in real)
    line = next(line for line in found.lines if line.startswith("| real"))
    assert line.endswith("| too few models to test | - | - |")


def test_both_p_are_named_and_the_one_over_deals_stands_first(found: Found) -> None:
    head = next(line for line in found.lines if "p over deals" in line)
    assert head.index("p over deals") < head.index("p over kernels")
    assert "rejects too often" in " ".join(found.lines)


def test_eight_models_are_asked_by_both_tests(
    build_study: MakeStudy, tmp_path: Path
) -> None:
    study = open_study(build_study(tmp_path, models=8), tiny())
    rows = done(study).tables["shuffled_values_alignment"]
    real = [row for row in rows if row["group"] == "real"]
    assert all(row["n_kernels"] == 8 for row in real)
    assert all(0 < row["p_values"] <= 1 and 0 < row["p_kernels"] <= 1 for row in real)


def test_fewer_deals_than_a_p_needs_are_left_out_with_a_sentence(study: Study) -> None:
    few = study.settings.beyond.model_copy(update={"deals": 5})
    other = open_study(study.report.folder, tiny(beyond=few))
    assert "beyond.deals is 5, and below 19" in dealt.PART.why_not(other)
