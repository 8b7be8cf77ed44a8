"""One simulated study in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from collection.definitions import StudyDefinition
from collection.forecasting.settings import ForecastRefused, ForecastSettings
from collection.forecasting.twin import planted, simulate, usable_attributes
from collection.simulated_people import Beliefs, Nature, SimulatedPerson
from tests import factories


def definition(**changes: Any) -> StudyDefinition:
    return StudyDefinition.model_validate(factories.document(**changes))


def coded(**codes: list[str]) -> list[dict[str, Any]]:
    """The factory's actions with these attributes."""
    return [
        action | {"attributes": {name: row[place] for name, row in codes.items()}}
        for place, action in enumerate(factories.document()["actions"])
    ]


def test_the_same_seed_gives_the_same_study_and_another_seed_another() -> None:
    settings = ForecastSettings(participants=(6,))

    one, again, other = (simulate(definition(), settings, seed=s) for s in (1, 1, 2))

    assert one.people == again.people
    for target, rows in one.rows.items():
        np.testing.assert_array_equal(rows.value, again.rows[target].value)
    assert one.rows["pairs"].value.tolist() != other.rows["pairs"].value.tolist()


def test_a_smaller_study_is_the_beginning_of_a_larger_one() -> None:
    large = simulate(definition(), ForecastSettings(participants=(4, 12)), seed=1)
    small = simulate(definition(), ForecastSettings(participants=(4,)), seed=1)

    assert large.joined_for(4) == len(small.people)
    assert large.people[: len(small.people)] == small.people


def test_answers_are_those_of_the_people_who_walk_the_pages() -> None:
    settings = ForecastSettings(participants=(3,), careless=0, dropout=0)
    found = definition(**factories.only("pair"))
    study = simulate(found, settings, seed=9)
    beliefs = Beliefs.from_json(study.truth.as_json())
    rows = study.rows["pairs"]
    pairs = study.desk.pairs

    for rater in range(3):
        person = SimulatedPerson(beliefs, 9, rater, 0, settings.nature)
        for cell, value in zip(
            rows.cell[rows.rater == rater], rows.value[rows.rater == rater], strict=True
        ):
            a, b = (found.action_ids[i] for i in pairs[cell])
            assert person.similarity_rating(a, b) == round(100 * value)


def test_an_attribute_that_says_nothing_is_no_ground_for_a_truth() -> None:
    same = definition()  # one area for all
    codes = ["good", "harmful", "neutral"] * 2
    foreign = definition(actions=coded(valence=codes, stakes=list("123123")))

    assert usable_attributes(same) == []
    assert usable_attributes(foreign) == ["valence"]
    for one in (same, foreign):
        similarity = planted(one, seed=1).similarity
        assert similarity[np.triu_indices(6, 1)].std() > 0.05


def test_buttons_leave_eleven_places() -> None:
    settings = ForecastSettings(participants=(10,))
    changes = factories.only("pair") | {"scale": {"input": "buttons"}}

    study = simulate(definition(**changes), settings, seed=1)

    assert set(np.round(100 * study.rows["pairs"].value)) <= set(range(0, 101, 10))


def test_a_lasting_view_makes_repeats_agree() -> None:
    beliefs = Beliefs({("a", "b"): 0.5, ("b", "a"): 0.5}, {})

    def apart(own_share: float) -> float:
        nature = Nature(similarity_sd=0.2, own_share=own_share)
        people = [SimulatedPerson(beliefs, 1, n, nature=nature) for n in range(300)]
        said = [[p.similarity_rating("a", "b") for _ in range(2)] for p in people]
        both = [pair for pair in said if None not in pair]
        return float(np.mean([abs(x - y) for x, y in both]))  # type: ignore[operator]

    assert apart(1) == 0
    assert apart(0.5) < 0.85 * apart(0)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"participants": ()}, "whole numbers from 1 up"),
        ({"participants": (0, 5)}, "whole numbers from 1 up"),
        ({"careless": 1.2}, "careless: needs a share"),
        ({"dropout": 1.0}, "if nobody finishes"),
        ({"replicates": 2}, "replicates: needs a whole number from 3 up"),
        ({"pace": 0.0}, "pace must be above 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(ForecastRefused, match=said):
        ForecastSettings(**changes)


def test_a_spread_below_zero_is_no_nature() -> None:
    with pytest.raises(ValueError, match="value_sd: from 0 up, got -1"):
        Nature(value_sd=-1)
    with pytest.raises(ValueError, match="own_share: from 0 to 1"):
        Nature(own_share=2)
