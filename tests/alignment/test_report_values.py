"""`alignment.report_values`: how reliable people's values are."""

import numpy as np
import pytest

from alignment.judgments import ValueJudgments
from alignment.report_values import value_reliability


def judged(table: np.ndarray) -> ValueJudgments:
    """From (n_raters, n_actions), NaN where nothing was said."""
    rater, action = np.nonzero(~np.isnan(table))
    return ValueJudgments(
        actions=tuple(f"a{i}" for i in range(table.shape[1])),
        action=action,
        dimension=np.full(len(action), "morality"),
        rater=np.array([f"p{i}" for i in rater]),
        value=table[rater, action],
        group=np.full(len(action), ""),
    )


def test_raters_who_agree_are_reliable_and_those_who_do_not_are_less() -> None:
    rng = np.random.default_rng(2)
    truth = rng.uniform(20, 80, 30)
    sure, unsure = (
        value_reliability(
            judged(np.clip(truth + rng.normal(0, noise, (6, 30)), 0, 100)),
            "morality",
            seed=1,
        )
        for noise in (2, 40)
    )

    assert (sure.n_raters, sure.raters_per_action, sure.note) == (6, 6, "")
    assert sure.reliability > 0.95 > unsure.reliability
    assert sure.icc_1 > unsure.icc_1
    assert sure.ceiling == pytest.approx(sure.reliability**0.5)


def test_one_rater_has_a_sentence_instead_of_a_reliability() -> None:
    row = value_reliability(judged(np.linspace(0, 100, 8)[None]), "morality", seed=1)

    assert np.isnan([row.reliability, row.ceiling]).all()
    assert "needs at least 2 raters" in row.note
