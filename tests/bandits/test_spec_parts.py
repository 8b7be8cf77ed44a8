"""The tables of a spec, held against what they set."""

import math
from dataclasses import fields

import pytest

from bandits.errors import BanditError
from bandits.settings import Settings
from bandits.spec import parse_spec
from bandits.spec_learner import Learner
from bandits.spec_parts import Phases, YardstickSettings
from bandits.yardsticks import Yardsticks

SOUND = {"n_runs": 10, "agents": ["gp_thompson"], "dimensions": ["morality"]}


def test_every_setting_has_its_place_in_a_spec() -> None:
    settings = {field.name for field in fields(Settings)}
    yardsticks = {field.name for field in fields(Yardsticks)}

    tables = {*Learner.model_fields, *Phases.model_fields, "yardsticks"}
    assert settings == tables - {"split"}  # which is the task's
    assert yardsticks == set(YardstickSettings.model_fields)


def test_what_a_spec_leaves_out_is_what_the_settings_are_by_themselves() -> None:
    usual = Settings()

    for name, number in Learner():
        assert number == getattr(usual, name)
        # Compiled code is compiled for a type: 50 is not 50.0 there.
        assert type(number) is type(getattr(usual, name))


def test_a_whole_number_is_as_good_as_one_with_a_point() -> None:
    spec, faults = parse_spec(SOUND | {"learner": {"prior_sd": 20}})

    assert spec is not None
    assert not faults
    assert type(spec.learner.prior_sd) is float


@pytest.mark.parametrize(
    "name", [name for name, value in Learner() if isinstance(value, int | float | None)]
)
@pytest.mark.parametrize("number", [-1, 0, 1.5, math.inf, math.nan])
def test_a_spec_refuses_what_the_settings_would(name: str, number: float) -> None:
    """Told with all other faults, and not in the middle of a sweep."""
    _, faults = parse_spec(SOUND | {"learner": {name: number}})

    try:
        Settings(**{name: number})
    except BanditError:
        assert [place for place, _ in faults] == [f"learner.{name}"]
