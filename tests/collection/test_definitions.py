"""Reading a study's documents: what is accepted, and every fault with its place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from collection.definition_parts import Section
from collection.definitions import (
    StudyDefinition,
    check_definition,
    load_definition,
    stored_definition,
)
from collection.errors import DefinitionError
from tests import factories

DOCUMENT = """
slug = "tiny"
title = "A tiny study"
version = "1"
instructions = "Read and judge."
debrief = "Thank you."

[consent]

[completion]
code = "TINY-DONE"

[[dimensions]]
name = "morality"
definition = "How right or wrong it is."
perspective = "self"
polarity = "bipolar"
low = "Very immoral"
midpoint = "Neither"
high = "Very moral"
question = "How moral is it to do this?"
harm = true

[[dimensions]]
name = "challenge"
definition = "How hard it is."
perspective = "self"
polarity = "unipolar"
low = "Easy"
high = "Hard"
question = "How hard is it to do this?"
harm = false

[[blocks]]
key = "pairs"
kind = "pair"
trials_per_session = 3
judgments_per_cell = 2

[[blocks]]
key = "values"
kind = "value"
judgments_per_cell = 2

[[groups]]
name = "similarity"
blocks = ["pairs"]

[[groups]]
name = "values"
blocks = ["values"]
"""

ACTIONS = """action_id,text,area,valence
keep-wallet,I keep a lost wallet,money,harmful
return-wallet,I return a lost wallet,money,good
"buy-bread","I buy bread, and butter",home,neutral
"""

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def documents(*changes: tuple[str, str], actions: str = ACTIONS) -> Path:
        text = DOCUMENT
        for old, new in changes:
            assert old in text, f"the document has no {old!r}"
            text = text.replace(old, new, 1)
        (tmp_path / "actions.csv").write_text(actions, encoding="utf-8")
        path = tmp_path / "study.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return documents


def faults(path: Path) -> list[str]:
    return [str(fault) for fault in check_definition(path)]


def test_both_documents_become_one_frozen_definition(write: Write) -> None:
    definition = load_definition(write())

    assert definition.action_ids == ("keep-wallet", "return-wallet", "buy-bread")
    assert definition.actions[2].text == "I buy bread, and butter"
    assert definition.actions[0].attributes == {"area": "money", "valence": "harmful"}
    assert definition.dimension("morality").low_threshold == 50
    assert definition.wording.triplet == (
        "Which of these three actions is least like the other two?"
    )
    with pytest.raises(ValidationError, match="frozen"):
        definition.title = "Another"  # type: ignore[misc]


def test_every_fault_is_listed_at_once_with_its_place(write: Write) -> None:
    path = write(
        ('title = "A tiny study"', 'titel = "A tiny study"'),
        ('low = "Easy"\n', ""),
        ('kind = "pair"', 'kind = "pairs"'),
        ('blocks = ["values"]', 'blocks = ["value"]'),
        actions=ACTIONS + "keep-wallet,I keep it all,money,bad\n",
    )

    assert faults(path) == [
        "actions.csv line 5: valence is good, neutral, harmful or empty; got 'bad'",
        "actions.csv line 5: action_id 'keep-wallet' stands already on line 2",
        "study.toml: title: Field required",
        "study.toml: dimensions[1].low: Field required",
        "study.toml: blocks[0].kind: must be one of value, pair, triplet, "
        "arrangement, questions; got 'pairs'",
        "study.toml: titel: unknown field; is it misspelt?",
        "study.toml: groups[1].blocks: unknown block 'value'; the study has pairs, "
        "values",
        "study.toml: blocks[1].key: block 'values' is in no group",
    ]


def test_load_refuses_with_the_same_list(write: Write) -> None:
    path = write(('slug = "tiny"', 'slug = "Tiny Study"'))

    with pytest.raises(DefinitionError, match="1 fault\n") as refused:
        load_definition(path)

    (fault,) = refused.value.faults
    assert fault.place == "study.toml: slug"
    assert fault.message.startswith("needs lower-case letters, digits")
    assert "'Tiny Study'" in fault.message


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (
            'kind = "value"',
            'kind = "value"\ndimensions = ["fairness"]\ndimensions_per_session = 1',
            "blocks[1].dimensions: unknown dimension 'fairness'; the study has "
            "morality, challenge",
        ),
        (
            'kind = "value"',
            'kind = "value"\ndimensions_per_session = 3',
            "blocks[1].dimensions_per_session: the block has 2; got 3",
        ),
        (
            'kind = "value"',
            'kind = "value"\ntrials_per_session = 3',
            'blocks[1]: trials_per_session belongs to assign = "cells"; with whole '
            "dimensions every action is rated on dimensions_per_session dimensions",
        ),
        (
            'kind = "value"',
            'kind = "value"\nassign = "cells"\ntrials_per_session = 7',
            "blocks[1].trials_per_session: 3 actions on 2 dimensions make 6 ratings; "
            "got 7",
        ),
        (
            'kind = "value"',
            'kind = "value"\nrepeats = 4',
            "blocks[1].repeats: at most 3 trials can be repeated",
        ),
        (
            "trials_per_session = 3",
            "trials_per_session = 4",
            "blocks[0].trials_per_session: 3 actions make 3 pairs, and a person sees "
            "each once; got 4",
        ),
        (
            "trials_per_session = 3",
            "trials_per_session = 0",
            "blocks[0].trials_per_session: Input should be greater than or equal to 1; "
            "got 0",
        ),
        (
            'blocks = ["pairs"]',
            'blocks = ["pairs", "values"]',
            'groups[0].blocks: group_mode = "disjoint" keeps people who judge '
            "similarity from value questions; split the group, or set group_mode",
        ),
        (
            'name = "challenge"',
            'name = "morality"',
            "dimensions[1].name: 'morality' is taken by number 0",
        ),
        (
            'midpoint = "Neither"\n',
            "",
            "dimensions[0]: a bipolar dimension needs a midpoint label",
        ),
        (
            'low = "Easy"',
            'low = "Easy"\nmidpoint = "Middling"',
            "dimensions[1]: a unipolar dimension has no midpoint; remove it",
        ),
        (
            'code = "TINY-DONE"',
            'redirect = "http://example.org/done"',
            "completion.redirect: must be an https address, got "
            "'http://example.org/done'",
        ),
        ('code = "TINY-DONE"', "", "completion: needs a code, a redirect, or both"),
        (
            "[consent]",
            '[consent]\nuses = [{ key = "this_study", text = "x" }]',
            "consent.uses[0].required: this_study must be required: without it, no "
            "data at all",
        ),
        (
            "[consent]",
            '[consent]\nuses = [{ key = "open_release", text = "x", required = true }]',
            "consent.uses[0].required: open_release must be a free choice; only "
            "this_study can be required",
        ),
        (
            'slug = "tiny"',
            'slug = "tiny"\nactions = []',
            "actions: actions stand in a CSV beside this document; name it in "
            "actions_file",
        ),
    ],
)
def test_a_fault_says_where_it_is_and_what_must_hold(
    write: Write, old: str, new: str, fault: str
) -> None:
    assert faults(write((old, new))) == [f"study.toml: {fault}"]


def test_a_document_that_is_not_toml_says_where(write: Write) -> None:
    (fault,) = faults(write(('slug = "tiny"', "slug = tiny")))

    assert fault.startswith("study.toml: is not TOML: ")
    assert "line 2" in fault


def test_a_missing_document_or_actions_file_is_a_fault(
    write: Write, tmp_path: Path
) -> None:
    assert "cannot be read" in faults(tmp_path / "nothing.toml")[0]

    (fault,) = faults(write(('version = "1"', 'version = "1"\nactions_file = "x.csv"')))

    assert fault.startswith("x.csv: cannot be read: ")


def test_a_same_group_puts_similarity_first(write: Write) -> None:
    one_group = (
        '[[groups]]\nname = "similarity"\nblocks = ["pairs"]\n\n'
        '[[groups]]\nname = "values"\nblocks = ["values"]',
        '[[groups]]\nname = "all"\nblocks = ["values", "pairs"]',
    )
    mode = ('version = "1"', 'version = "1"\ngroup_mode = "same"')

    assert faults(write(mode, one_group)) == [
        'study.toml: groups[0].blocks: group_mode = "same" puts every similarity block '
        "before values"
    ]


def definition_with(**changes: Any) -> StudyDefinition:
    return StudyDefinition.model_validate(factories.document(**changes))


def test_the_hash_covers_every_text_and_nothing_else() -> None:
    same = definition_with().sha256
    actions = factories.document()["actions"]
    actions[3]["text"] += "!"

    assert definition_with().sha256 == same
    assert definition_with(actions=actions).sha256 != same
    assert definition_with(debrief="Thanks.").sha256 != same


def test_a_stored_definition_comes_back_as_it_was() -> None:
    definition = definition_with(title="Stored and read back")

    back = stored_definition(
        definition.sha256, lambda: definition.model_dump(mode="json")
    )

    assert back.sha256 == definition.sha256
    assert back.model_dump() == definition.model_dump()


def test_blocks_of_one_person_do_not_share_a_dimension() -> None:
    blocks = factories.only("value")["blocks"]
    twice = [*blocks, {**blocks[0], "key": "again"}]

    with pytest.raises(ValidationError, match="share the dimension 'morality'"):
        definition_with(
            blocks=twice, groups=[{"name": "all", "blocks": ["values", "again"]}]
        )


def test_a_counterbalanced_group_needs_something_to_balance() -> None:
    with pytest.raises(ValidationError, match="needs two judgment blocks"):
        definition_with(group_mode="counterbalanced", **factories.only("pair"))


@pytest.mark.parametrize(
    ("changes", "place", "sentence"),
    [
        (
            {"actions_per_arena": 7},
            "actions_per_arena",
            "the study has 6 actions; got 7",
        ),
        (
            {"actions_per_arena": 6},
            "arenas_per_session",
            "an arena of 6 holds every action",
        ),
        (
            {"arenas_per_session": 16},
            "arenas_per_session",
            "each arena is begun for another pair, and 6 actions make 15; got 16",
        ),
    ],
)
def test_arenas_must_fit_the_actions(
    changes: dict[str, int], place: str, sentence: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        StudyDefinition.model_validate(
            factories.document(**factories.arranging(**changes))
        )

    assert f"blocks[0].{place}: {sentence}" in str(refused.value)


@pytest.mark.parametrize("n", [2, 21])
def test_an_arena_is_neither_a_pair_nor_a_crowd(n: int) -> None:
    with pytest.raises(ValidationError, match="actions_per_arena"):
        StudyDefinition.model_validate(
            factories.document(**factories.arranging(actions_per_arena=n))
        )


def test_arrangements_are_similarity_and_kept_from_value_questions() -> None:
    arenas = factories.arranging()["blocks"]
    values = factories.only("value")["blocks"]
    groups = [{"name": "all", "blocks": ["arenas", "values"]}]

    with pytest.raises(ValidationError, match="keeps people who judge similarity"):
        StudyDefinition.model_validate(
            factories.document(
                blocks=[*arenas, *values], groups=groups, group_mode="disjoint"
            )
        )


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ({"kind": "choice"}, "a choice needs at least two options"),
        ({"kind": "number", "minimum": 5, "maximum": 1}, "must not exceed maximum"),
        ({"kind": "text", "minimum": 5}, "has no minimum or maximum"),
        (
            {"kind": "text", "options": [{"key": "a", "text": "A"}]},
            "a text question has no options",
        ),
        (
            {
                "kind": "choice",
                "options": [{"key": "a", "text": "A"}, {"key": "a", "text": "B"}],
            },
            "option keys must differ",
        ),
        ({"kind": "text", "purpose": "attention"}, "needs its correct option"),
    ],
)
def test_a_question_must_fit_its_kind(question: dict[str, Any], sentence: str) -> None:
    about = {"key": "about", "kind": "questions", "questions": ["odd"]}

    with pytest.raises(ValidationError, match=sentence):
        definition_with(
            questions=[{"key": "odd", "text": "What?", **question}],
            blocks=[about],
            groups=[{"name": "all", "blocks": ["about"]}],
        )


def test_an_empty_consent_lists_all_that_is_missing_before_opening() -> None:
    missing = definition_with(consent={}).missing_before_opening()

    assert {fault.place.removeprefix("consent.") for fault in missing} == {
        "text",
        "minimum_age",
        "ethics",
        "controller",
        "contact",
        "duration_minutes",
        "pay",
        "content_warning",
        "uses",
        "withdrawal_until",
        "support",
    }
    assert 'consent.ethics: is empty; say the ethics approval number, or "none"' in map(
        str, missing
    )
    assert definition_with().missing_before_opening() == ()


def test_a_minimum_age_of_zero_is_an_answer() -> None:
    consent = {**factories.document()["consent"], "minimum_age": 0}

    assert definition_with(consent=consent).missing_before_opening() == ()


def sections(model: type[BaseModel]) -> set[type[BaseModel]]:
    found = set()
    for kind in model.__subclasses__():
        found |= {kind} | sections(kind)
    return found


def test_every_field_is_described_and_every_section_refuses_unknown_fields() -> None:
    for section in sections(Section):
        assert section.model_config["extra"] == "forbid"
        assert section.model_config["frozen"]
        for name, field in section.model_fields.items():
            assert field.description, f"{section.__name__}.{name} has no description"


@pytest.mark.parametrize(
    ("n_dimensions", "sentence"),
    [
        (5, ""),
        (6, "6 actions can be laid out in 1 to 5 dimensions; got 6"),
    ],
)
def test_adaptive_triplets_need_room_for_their_dimensions(
    n_dimensions: int, sentence: str
) -> None:
    changes = factories.only(
        "triplet", sampler="adaptive", embedding_dimensions=n_dimensions
    )
    if not sentence:
        StudyDefinition.model_validate(factories.document(**changes))
        return

    with pytest.raises(ValidationError, match=sentence):
        StudyDefinition.model_validate(factories.document(**changes))


def test_too_many_actions_are_left_to_the_random_sampler() -> None:
    many = [{"action_id": f"a{i}", "text": f"I count to {i}"} for i in range(2001)]
    changes = factories.only("triplet", sampler="adaptive")

    with pytest.raises(ValidationError, match='2001; use sampler = "random"'):
        StudyDefinition.model_validate(factories.document(**changes, actions=many))


def test_what_random_triplets_do_not_read_is_not_in_their_hash() -> None:
    random = StudyDefinition.model_validate(factories.document())
    block = random.block("triplets")

    assert "embedding_dimensions" not in block.model_dump()
    assert type(block).model_validate(block.model_dump()) == block
    adaptive = block.model_copy(update={"sampler": "adaptive"})
    assert adaptive.model_dump()["embedding_dimensions"] == 3
