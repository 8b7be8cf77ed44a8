"""The studies that come with Attune: what their documents promise."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from collection.definition_parts import ValueBlock
from collection.definitions import StudyDefinition, load_definition
from collection.truth import ORDERED, OUTSIDE_WEIGHTS, SIMILARITY_WEIGHTS, WORLDS, plant

STUDIES = Path(__file__).parents[2] / "collection" / "studies"
SCORE = {"harmful": -1, "neutral": 0, "good": 1}
HARM = ("morality", "fairness", "honesty", "integrity", "loyalty", "compassion")
OTHER = ("social-status", "popularity", "enjoyability", "challenge")


@pytest.fixture(scope="module")
def everyday() -> StudyDefinition:
    return load_definition(STUDIES / "everyday" / "study.toml")


@pytest.fixture(scope="module", params=["everyday", "small"])
def study(request: pytest.FixtureRequest) -> StudyDefinition:
    return load_definition(STUDIES / request.param / "study.toml")


def column(study: StudyDefinition, name: str) -> list[str]:
    return [action.attributes[name] for action in study.actions]


def words(text: str) -> list[str]:
    return [word.strip(".,").lower() for word in text.split()]


def overlap(one: str, other: str) -> float:
    """Share of all words of two texts that both have."""
    a, b = set(words(one)), set(words(other))
    return len(a & b) / len(a | b)


def test_nothing_is_missing_for_opening(study: StudyDefinition) -> None:
    assert study.missing_before_opening() == ()


def test_consent_lists_each_use_of_the_data_by_itself(study: StudyDefinition) -> None:
    uses = {use.key: use.required for use in study.consent.uses}

    assert uses == {
        "this_study": True,
        "open_release": False,
        "simulated_agents": False,
    }
    assert study.consent.minimum_age == 18
    assert study.consent.ethics.startswith("none")


def test_who_judges_similarity_never_sees_a_value_question(
    study: StudyDefinition,
) -> None:
    for group in study.groups:
        kinds = {study.block(key).kind for key in group.blocks}
        assert not ({"pair", "triplet"} & kinds and "value" in kinds)


def test_similarity_questions_do_not_mention_values(study: StudyDefinition) -> None:
    asked = f"{study.wording.pair} {study.wording.triplet} {study.instructions}"
    asked += " ".join(b.instructions for b in study.blocks if b.kind != "value")

    for word in ("moral", "good", "bad", "harm", "fair", "value", "honest"):
        assert word not in words(asked)


def test_every_attribute_is_coded_for_every_action(study: StudyDefinition) -> None:
    for name in (*SIMILARITY_WEIGHTS, *OUTSIDE_WEIGHTS):
        codes = column(study, name)
        assert all(codes)
        assert set(codes) <= set(ORDERED.get(name, codes))


def test_every_world_can_be_planted(study: StudyDefinition) -> None:
    attributes = [action.attributes for action in study.actions]
    names = [dimension.name for dimension in study.dimensions]

    for world in WORLDS:
        truth = plant(study.action_ids, attributes, names, world=world, seed=1)
        assert set(truth.values) == set(names)


def test_there_are_fifty_actions_in_the_first_person_and_one_sentence_each(
    everyday: StudyDefinition,
) -> None:
    texts = [action.text for action in everyday.actions]

    assert len(set(texts)) == 50
    assert all(text.startswith("I ") and text.endswith(".") for text in texts)
    assert all(text.count(".") == 1 for text in texts)
    assert Counter(column(everyday, "valence")) == {
        "good": 16,
        "neutral": 17,
        "harmful": 17,
    }


def test_valence_is_crossed_with_life_area(everyday: StudyDefinition) -> None:
    cells = Counter(
        zip(column(everyday, "area"), column(everyday, "valence"), strict=True)
    )

    assert len(cells) == 5 * 3
    assert set(cells.values()) == {3, 4}


def test_word_count_does_not_go_with_valence(everyday: StudyDefinition) -> None:
    lengths = [len(action.text.split()) for action in everyday.actions]
    scores = [SCORE[valence] for valence in column(everyday, "valence")]

    r = np.corrcoef(lengths, scores)[0, 1]
    assert abs(r) < 0.1
    assert everyday.plan().length_correlation == pytest.approx(r)


def test_minimal_pairs_share_most_words_and_differ_in_value(
    everyday: StudyDefinition,
) -> None:
    labels = Counter(label for label in column(everyday, "minimal_pair") if label)

    assert len(labels) >= 10
    assert set(labels.values()) == {2}
    for label in labels:
        one, other = [
            a for a in everyday.actions if a.attributes["minimal_pair"] == label
        ]
        assert overlap(one.text, other.text) >= 0.6
        assert one.attributes["valence"] != other.attributes["valence"]
        assert one.attributes["area"] == other.attributes["area"]


def test_no_other_two_actions_come_near_each_other_in_wording(
    everyday: StudyDefinition,
) -> None:
    for one, other in combinations(everyday.actions, 2):
        label = one.attributes["minimal_pair"]
        if label and label == other.attributes["minimal_pair"]:
            continue
        assert overlap(one.text, other.text) < 0.4, (one.text, other.text)


def test_attributes_outside_the_similarity_are_not_its_copies(
    everyday: StudyDefinition,
) -> None:
    valence = [SCORE[code] for code in column(everyday, "valence")]

    for name in ("effort", "thrill"):
        codes = [ORDERED[name].index(code) for code in column(everyday, name)]
        assert abs(np.corrcoef(valence, codes)[0, 1]) < 0.6


def test_ten_dimensions_of_which_six_can_harm(everyday: StudyDefinition) -> None:
    harm = {dimension.name: dimension.harm for dimension in everyday.dimensions}

    assert harm == {**dict.fromkeys(HARM, True), **dict.fromkeys(OTHER, False)}
    assert all(dimension.low_threshold == 50 for dimension in everyday.dimensions)
    assert everyday.dimension("morality").question == (
        "In your own view, how moral or immoral is it to do this?"
    )
    assert everyday.dimension("social-status").question == (
        "Would doing this lower or raise someone's standing in other people's eyes?"
    )


def test_a_value_session_rates_every_action_on_two_whole_dimensions(
    study: StudyDefinition,
) -> None:
    block = study.block("values")

    assert isinstance(block, ValueBlock)
    assert (block.assign, block.dimensions_per_session) == ("dimension", 2)


def test_sessions_are_short_enough_to_bear(study: StudyDefinition) -> None:
    promised = study.consent.duration_minutes

    assert promised is not None
    assert max(group.minutes for group in study.plan().groups) <= promised <= 12


def test_groups_are_filled_in_step_with_the_sessions_they_need(
    everyday: StudyDefinition,
) -> None:
    plan = everyday.plan()
    shares = sum(group.share for group in everyday.groups)

    for group, planned in zip(everyday.groups, plan.groups, strict=True):
        share = group.share / shares
        assert planned.sessions_needed / plan.sessions_needed == pytest.approx(
            share, abs=0.03
        )
