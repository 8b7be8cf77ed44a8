"""Storing a definition, opening and closing what it describes."""

from __future__ import annotations

from itertools import combinations

import pytest

from collection import loading
from collection.definitions import StudyDefinition
from collection.errors import DefinitionError
from collection.models import Action, Cell, Study
from tests import factories

pytestmark = pytest.mark.django_db


def tiny(**changes: object) -> StudyDefinition:
    return StudyDefinition.model_validate(factories.document(**changes))


def test_a_study_is_stored_with_its_actions_and_a_cell_for_all_that_is_wanted() -> None:
    study = loading.load_study(tiny())

    assert study.status == "draft"
    assert study.definition_model().sha256 == study.definition_sha256
    assert [a.action_id for a in study.actions.all()] == list(factories.ACTION_IDS)
    pairs = [f"{a}|{b}" for a, b in combinations(sorted(factories.ACTION_IDS), 2)]
    assert set(Cell.objects.values_list("kind", "key", "wanted")) == {
        *(("pair", key, 2) for key in pairs),
        ("value", "morality", 2),
        ("value", "challenge", 2),
    }


def test_loading_the_same_again_changes_nothing() -> None:
    study = loading.load_study(tiny())
    loading.open_study(study)
    cells = set(Cell.objects.values_list("pk", "shuffle"))

    again = loading.load_study(tiny())

    assert again.pk == study.pk
    assert again.status == "open"
    assert set(Cell.objects.values_list("pk", "shuffle")) == cells


def test_a_changed_definition_replaces_one_that_nobody_answered() -> None:
    loading.load_study(tiny())

    study = loading.load_study(tiny(title="Better", **factories.only("value")))

    assert Study.objects.get() == study
    assert study.title == "Better"
    assert set(Cell.objects.values_list("key", flat=True)) == {"morality", "challenge"}
    assert Action.objects.count() == 6


def test_a_changed_definition_is_refused_once_people_took_part() -> None:
    study = factories.open_study()
    factories.bo(study)

    with pytest.raises(DefinitionError, match="1 people took part") as refused:
        loading.load_study(tiny(title="Changed afterwards"))

    assert "load it under a new slug" in str(refused.value)
    study.refresh_from_db()
    assert study.title == "A tiny study"
    assert Cell.objects.filter(in_flight=0, completed=1).exists()


def test_a_study_opens_only_with_a_whole_consent_page() -> None:
    study = loading.load_study(tiny(consent={"text": "Take part?"}))

    with pytest.raises(DefinitionError, match="10 faults") as refused:
        loading.open_study(study)

    assert "consent.controller: is empty; say who is responsible" in str(refused.value)
    study.refresh_from_db()
    assert study.status == "draft"


def test_opening_twice_keeps_the_first_moment() -> None:
    study = factories.open_study()
    opened_at = study.opened_at

    loading.close_study(study)
    loading.open_study(study)

    assert study.status == "open"
    assert study.opened_at == opened_at


def test_a_definition_that_lost_its_consent_page_closes_the_door() -> None:
    factories.open_study()

    study = loading.load_study(tiny(consent={}))

    assert study.status == "draft"


def test_blocks_of_one_kind_share_cells_and_the_larger_wish_counts() -> None:
    (block,) = factories.only("pair")["blocks"]
    more = {**block, "key": "more", "judgments_per_cell": 7}

    loading.load_study(
        tiny(
            blocks=[block, more],
            groups=[
                {"name": "few", "blocks": ["pairs"]},
                {"name": "many", "blocks": ["more"]},
            ],
        )
    )

    assert set(Cell.objects.values_list("wanted", flat=True)) == {7}
    assert Cell.objects.count() == 15
