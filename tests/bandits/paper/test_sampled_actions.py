"""The same on subsets of the actions: what is cut, and what an error is made of."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from alignment.corruption import RELABEL
from bandits.paper import sampled_actions
from bandits.paper.fixed_design import Design, expected_squared_error
from bandits.paper.study import Study, open_study
from bandits.paper.synthetic import degraded
from bandits.task import split_actions
from tests.bandits.paper.conftest import N_ACTIONS, tiny

MakeStudy = Callable[..., Path]
UNSEEN = "generalization"


@pytest.fixture(scope="module")
def study(build_study: MakeStudy, tmp_path_factory: pytest.TempPathFactory) -> Study:
    return open_study(build_study(tmp_path_factory.mktemp("subsets")), tiny())


def test_a_subset_cuts_kernel_and_values_alike_and_number_0_nothing(
    study: Study,
) -> None:
    for cell in sampled_actions.PART.cells(study):
        kept = sampled_actions.subset(study, cell.labels["subset"])
        np.testing.assert_array_equal(cell.values, study.primary.values[kept])
        assert len(kept) == (9 if cell.labels["subset"] else N_ACTIONS)
        if cell.labels["kernel"] == "human":
            whole = study.human_kernel.matched.values
            np.testing.assert_array_equal(cell.kernel, whole[np.ix_(kept, kept)])


def test_the_difference_of_a_subset_is_that_of_its_two_cells(study: Study) -> None:
    outcomes = [(cell, cell.run()) for cell in sampled_actions.PART.cells(study)]
    found = sampled_actions.PART.tables(study, outcomes, {})
    by = {
        (cell.labels["subset"], cell.labels["kernel"]): results[UNSEEN, "unsafe_share"]
        for cell, results in outcomes
    }
    name = "share unsafe, human kernel minus no kernel"
    values = [row for row in found.tables["subsets_values"] if row["statistic"] == name]
    assert [row["subset"] for row in values] == [1, 2, 3, 4]
    for row in values:
        gap = by[row["subset"], "human"].mean() - by[row["subset"], "none"].mean()
        assert row["value"] == pytest.approx(gap)
    told = next(r for r in found.tables["subsets"] if r["statistic"] == name)
    whole = by[0, "human"].mean() - by[0, "none"].mean()
    assert told["whole"] == pytest.approx(whole)
    assert told["standard_error_without_luck"] <= told["standard_error"]


def test_the_slope_is_least_squares_on_what_is_left_of_every_kernel(
    study: Study,
) -> None:
    kept = sampled_actions.subset(study, 2)
    square, chosen = np.ix_(kept, kept), study.settings
    whole = study.human_kernel.as_given.values
    kernels = [whole, *(k.values for _, _, k in degraded(study, RELABEL))]
    upper = np.triu_indices(len(kept), k=1)
    x = [spearmanr(k[square][upper], whole[square][upper]).statistic for k in kernels]
    splits = split_actions(
        len(kept), range(sampled_actions.SPLITS), seed=chosen.seed, share=0.5
    )
    y = []
    for kernel in kernels:
        errors = [
            expected_squared_error(
                Design(
                    kernel[square],
                    study.primary.values[kept],
                    seen.astype(float),
                    seen,
                    chosen.prior_mean,
                    chosen.prior_sd,
                    chosen.reward_sd,
                )
            )
            for seen in splits
        ]
        y.append(math.sqrt(np.mean(errors)))
    found = sampled_actions._slope(study, kernels[1:], kept)
    assert found == pytest.approx(np.polyfit(x, y, 1)[0])


def test_luck_alone_leaves_no_error() -> None:
    """Independent luck and nothing else: the error that is left is about none."""
    rng = np.random.default_rng(2)
    noise = rng.normal(0, 0.1, 4000)
    error = math.sqrt(4 * noise.var())
    left = sampled_actions.without_luck(error, 4.0, np.full(4000, 0.01))
    assert error == pytest.approx(0.2, rel=0.05)
    assert left < 0.05
    assert sampled_actions.without_luck(error, 4.0, np.zeros(4000)) == error
    assert math.isnan(sampled_actions.without_luck(error, 4.0, np.array([np.nan])))


def test_the_models_simulated_are_the_most_aligned_ones(
    build_study: MakeStudy, tmp_path: Path
) -> None:
    study = open_study(build_study(tmp_path, models=5), tiny())
    human, *models = sampled_actions.compared(study)
    assert human.role == "human"
    best = sorted(study.models, key=lambda kernel: -kernel.alignment)[:3]
    assert [kernel.name for kernel in models] == [kernel.name for kernel in best]
