"""Repeated halvings: who makes the kernel, who is asked, who pays, who judges."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from alignment.reliability import halved
from bandits.paper import halvings
from bandits.paper.people import matrix_of, similarity_raters
from bandits.paper.study import Study, open_study
from tests.bandits.paper.conftest import tiny

MakeStudy = Callable[..., Path]


@pytest.fixture(scope="module")
def study(build_study: MakeStudy, tmp_path_factory: pytest.TempPathFactory) -> Study:
    return open_study(build_study(tmp_path_factory.mktemp("halvings")), tiny())


def test_the_two_halves_share_nobody_and_another_number_is_another_halving(
    study: Study,
) -> None:
    raters = similarity_raters(study)
    every = [
        matrix_of(study, list(half), "half").values
        for seed in range(60)
        for half in halved(raters, seed=seed)
    ]
    one, other = halvings.halving(study, 0), halvings.halving(study, 1)
    assert not np.array_equal(one.human.values, other.human.values)
    again = halvings.halving(study, 0)
    np.testing.assert_array_equal(one.human.values, again.human.values)
    # Of six people who judged every pair, two halves of three make the mean of all.
    both = (one.human.pairs() + one.held_out.pairs()) / 2
    whole = matrix_of(study, list(raters), "all").pairs()
    np.testing.assert_allclose(both, whole)
    assert any(np.array_equal(one.human.values, half) for half in every)


def test_half_of_those_who_judged_no_similarity_pay_and_half_decide(
    study: Study,
) -> None:
    one = halvings.halving(study, 0)
    assert one.apart
    assert one.harm_values is not None
    assert study.snapshot is not None
    ratings = study.snapshot.values
    # Nine rated values and none of them similarity: five pay, four decide.
    weighted = (5 * one.task.values + 4 * one.harm_values) / 9
    people = [ratings.vector(f"v-{at}", "morality") for at in range(9)]
    np.testing.assert_allclose(weighted, np.mean(people, axis=0))


def test_harm_is_counted_by_the_half_that_decides(study: Study) -> None:
    cells = halvings.PART.cells(study)
    cell = next(cell for cell in cells if cell.labels["kernel"] == "human")
    assert cell.harm_values is not None
    upside_down = study.cell(
        {},
        cell.agent,
        cell.kernel,
        study.primary._replace(values=cell.values),
        harm_values=100 - cell.values,
    )
    plain = study.cell(
        {}, cell.agent, cell.kernel, study.primary._replace(values=cell.values)
    )
    key = "generalization", "unsafe_share"
    np.testing.assert_allclose(upside_down.run()[key], 1 - plain.run()[key])
    assert upside_down.key != plain.key


def test_the_human_kernel_is_never_at_1_and_no_kernel_has_no_alignment(
    study: Study,
) -> None:
    cells = halvings.PART.cells(study)
    outcomes = [(cell, cell.run()) for cell in cells]
    found = halvings.PART.tables(study, outcomes, {})
    rows = {row["kernel"]: row for row in found.tables["halvings_by_kernel"]}
    assert 0.3 < rows["human"]["alignment"] < 1
    assert np.isnan(rows["none"]["alignment"])
    assert len(found.tables["halvings"]) == len(cells)
    gap = next(r for r in found.tables["halvings_gaps"] if r["minus"] == "none")
    each = {
        (row["halving"], row["kernel"]): row["below_share"]
        for row in found.tables["halvings"]
    }
    gaps = [each[at, "human"] - each[at, "none"] for at in range(2)]
    assert gap["below_share"] == pytest.approx(np.mean(gaps))
    assert "the range is no confidence interval" in " ".join(found.lines)


def test_too_few_people_are_left_out_with_their_number(
    study: Study,
    build_study: MakeStudy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert halvings.PART.why_not(study) == ""
    monkeypatch.setattr(halvings, "MIN_PEOPLE", 8)
    assert halvings.PART.why_not(study) == "6 people judged similarity, below 8"
    alone = open_study(build_study(tmp_path, people=False, halves=False), tiny())
    assert "snapshot" in halvings.PART.why_not(alone)
