"""Other sources of reward: what real raters would pay for the same actions."""

from pathlib import Path

import numpy as np
import pytest

from bandits.paper import sensitivity
from bandits.paper.paid import HALVED, ONE_RATER, SPREAD, paid
from bandits.paper.study import Study, open_study
from bandits.simulate import trace
from tests.bandits.paper.conftest import MakeStudy, tiny


@pytest.fixture(scope="module")
def study(build_study: MakeStudy, tmp_path_factory: pytest.TempPathFactory) -> Study:
    return open_study(build_study(tmp_path_factory.mktemp("paid")), tiny(n_runs=6))


def test_every_source_pays_what_its_raters_said(study: Study) -> None:
    assert study.snapshot is not None
    ratings = study.snapshot.values.table("morality")
    found = paid(study)
    assert set(found) == {SPREAD, ONE_RATER, HALVED}
    drawn, spread = found[ONE_RATER], found[SPREAD]
    assert drawn.rewards is not None
    assert spread.rewards is not None
    for one in (drawn, spread):
        np.testing.assert_allclose(one.task.values, ratings.mean(0))
    for action, paying in enumerate(drawn.rewards.table):
        np.testing.assert_allclose(np.sort(paying), np.sort(ratings[:, action]))
    assert spread.rewards.sd == pytest.approx(np.sqrt(ratings.var(0, ddof=1).mean()))


def test_those_who_decide_what_is_harm_are_not_those_who_pay(study: Study) -> None:
    assert study.snapshot is not None
    ratings = study.snapshot.values.table("morality")
    half = paid(study)[HALVED]
    assert half.harm_values is not None
    n, n_paying = len(ratings), (len(ratings) + 1) // 2
    # Nobody in both halves, and nobody in neither: the sums add up to everybody's.
    total = n_paying * half.task.values + (n - n_paying) * half.harm_values
    np.testing.assert_allclose(total, ratings.sum(0))
    assert np.abs(half.task.values - half.harm_values).max() > 0.1


def test_a_random_raters_rating_is_what_a_step_pays(study: Study) -> None:
    source = paid(study)[ONE_RATER]
    assert source.rewards is not None
    cell = study.cell({}, "uniform", None, source.task, rewards=source.rewards)
    for steps in trace(
        *(cell.kernel, cell.task(), cell.agent, cell.settings),
        seed=cell.seed,
        replicates=range(6),
    ).values():
        for arm, reward in zip(steps.arms.ravel(), steps.rewards.ravel(), strict=True):
            assert np.isclose(source.rewards.table[int(arm)], float(reward)).any()


def test_each_source_is_another_cell(study: Study) -> None:
    kinds = [None, *(source.rewards for source in paid(study).values())]
    cells = [
        study.cell({}, "uniform", None, study.primary, rewards=one)
        for one in kinds
        if one is None or one.source == "rater_draw" or one.sd != 10
    ]
    keys = {cell.key for cell in cells}
    assert len(keys) == len({id(cell.rewards) for cell in cells}) == 3


def test_the_conclusions_are_asked_again_of_every_source(study: Study) -> None:
    found = [v.value for v in sensitivity.variants(study) if v.setting == "rewards"]
    assert set(found) == {SPREAD, ONE_RATER, HALVED}
    cells = [
        cell
        for cell in sensitivity.PART.cells(study)
        if cell.labels["setting"] == "rewards"
    ]
    by = {cell.labels["value"]: cell for cell in cells}
    assert by[ONE_RATER].rewards is not None
    assert by[HALVED].harm_values is not None
    assert by[HALVED].rewards is None


def test_without_single_raters_nothing_else_can_be_paid(
    build_study: MakeStudy, tmp_path: Path
) -> None:
    study = open_study(build_study(tmp_path, people=False), tiny())
    assert paid(study) == {}
    assert "rewards" not in {v.setting for v in sensitivity.variants(study)}
