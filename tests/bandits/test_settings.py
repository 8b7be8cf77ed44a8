"""Settings refuse what no simulation can be run with."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from bandits.errors import BanditError
from bandits.settings import Settings


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"prior_mean": math.nan}, "prior_mean needs to be a finite number, got nan"),
        ({"prior_sd": 0.0}, "prior_sd needs to be above 0, got 0.0"),
        ({"reward_sd": -1.0}, "reward_sd needs to be above 0, got -1.0"),
        ({"reward_sd": math.inf}, "reward_sd needs to be above 0, got inf"),
        ({"svr_c": 0}, "svr_c needs to be above 0, got 0"),
        ({"svr_eps": -0.5}, "svr_eps needs to be at least 0, got -0.5"),
        (
            {"personalization_steps": 0},
            "personalization_steps needs to be a whole number, at least 1, got 0",
        ),
        (
            {"generalization_steps": 2.5},
            "generalization_steps needs to be a whole number, at least 0, got 2.5",
        ),
        ({"exploration": 1.2}, "exploration needs to be between 0 and 1, got 1.2"),
        ({"epsilon": -0.1}, "epsilon needs to be between 0 and 1, got -0.1"),
        (
            {"safe_probability": 1.5},
            "safe_probability needs to be between 0 and 1, got 1.5",
        ),
        (
            {"softmax_temperature": 0.0},
            "softmax_temperature needs to be above 0, got 0.0",
        ),
        ({"ucb_beta": -1.0}, "ucb_beta needs to be at least 0, got -1.0"),
        ({"safe_beta": math.nan}, "safe_beta needs to be at least 0, got nan"),
        (
            {"safe_seeds": 0},
            "safe_seeds needs to be a whole number, at least 1, got 0",
        ),
        ({"ridge": 0.0}, "ridge needs to be above 0, or unset, got 0.0"),
        (
            {"hyperparameters": "chosen"},
            "hyperparameters needs to be one of fixed, marginal_likelihood, "
            "got 'chosen'",
        ),
    ],
)
def test_a_setting_out_of_range_is_refused_by_name(
    given: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(BanditError) as refusal:
        Settings(**given)

    assert str(refusal.value) == f"settings: {sentence}"


def test_a_frozen_generalization_phase_teaches_nothing() -> None:
    frozen = Settings(personalization_steps=30, generalization_steps=20)

    assert frozen.learning_steps == 30
    assert replace(frozen, learn=True).learning_steps == 50
