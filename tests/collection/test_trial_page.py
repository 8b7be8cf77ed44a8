"""What the page of a trial says, and on which side."""

from __future__ import annotations

from pathlib import Path

import pytest

from collection.definitions import StudyDefinition, load_definition
from collection.models import Trial
from collection.trial_page import ScaleShown, trial_page

STUDIES = Path(__file__).resolve().parents[2] / "collection" / "studies"


@pytest.fixture(scope="module")
def definition() -> StudyDefinition:
    return load_definition(STUDIES / "small" / "study.toml")


def test_a_row_of_places_runs_evenly_from_0_to_100_and_names_its_anchors() -> None:
    places = ScaleShown("Very unlike", "Very alike", "In between").places

    assert [place.rating for place in places] == list(range(0, 101, 10))
    assert places[0].name == "0 of 10: Very unlike"
    assert places[3].name == "3 of 10"
    assert places[5].name == "5 of 10: In between"
    assert places[10].name == "10 of 10: Very alike"


def test_a_middle_without_meaning_has_no_name_of_its_own() -> None:
    assert ScaleShown("None", "Much").places[5].name == "5 of 10"


def test_a_reversed_scale_shows_the_high_pole_at_the_left_end(
    definition: StudyDefinition,
) -> None:
    first = definition.action_ids[0]
    shown = {
        polarity: trial_page(
            Trial(
                kind="value", dimension="morality", actions=[first], polarity=polarity
            ),
            definition,
        )
        for polarity in ("normal", "reversed")
    }

    normal, turned = shown["normal"].scale, shown["reversed"].scale
    assert normal is not None
    assert turned is not None
    assert (normal.left, normal.right) == ("Very immoral", "Very moral")
    assert (turned.left, turned.right) == ("Very moral", "Very immoral")
    assert normal.middle == turned.middle == "Neither immoral nor moral"
    assert shown["normal"].question == shown["reversed"].question


def test_actions_stand_in_the_order_they_were_issued_in(
    definition: StudyDefinition,
) -> None:
    backwards = list(reversed(definition.action_ids[:3]))

    page = trial_page(Trial(kind="triplet", actions=backwards), definition)

    assert [action.action_id for action in page.actions] == backwards
    texts = {action.action_id: action.text for action in definition.actions}
    assert [action.text for action in page.actions] == [texts[key] for key in backwards]


def test_the_wording_of_a_pair_is_the_definitions_own(
    definition: StudyDefinition,
) -> None:
    page = trial_page(
        Trial(kind="pair", actions=list(definition.action_ids[:2])), definition
    )

    assert page.question == definition.wording.pair
    assert page.scale is not None
    assert page.scale.left == definition.wording.pair_low
    assert page.not_understood == definition.wording.not_understood
    assert page.template == "participant/trial_pair.html"


def test_a_sensitive_question_offers_not_to_say(definition: StudyDefinition) -> None:
    page = trial_page(Trial(kind="question", question="age-band"), definition)

    assert [option.key for option in page.options][-1] == "prefer-not-to-say"
    assert not page.optional
    assert trial_page(Trial(kind="question", question="comment"), definition).optional


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        ({"minimum": 18, "maximum": 99.5}, "A number from 18 to 99.5."),
        ({"minimum": 0}, "A number, 0 or more."),
        ({"maximum": 7}, "A number, 7 or less."),
        ({}, "A number."),
    ],
)
def test_a_number_question_says_which_numbers_it_takes(
    definition: StudyDefinition, bounds: dict[str, float], words: str
) -> None:
    document = definition.model_dump(mode="json")
    document["questions"][0] = {
        "key": "age-band",
        "kind": "number",
        "text": "How old are you?",
        **bounds,
    }
    asked = StudyDefinition.model_validate(document)

    page = trial_page(Trial(kind="question", question="age-band"), asked)

    assert page.range == words
