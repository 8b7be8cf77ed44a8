"""What the page of an arena says, and what it remembers of a refused try."""

from __future__ import annotations

import json

import pytest
from django.test import Client
from django.urls import reverse

from collection import participation
from collection.arena_page import arena_shown
from collection.definitions import StudyDefinition
from collection.models import Response, StudySession, Trial
from collection.trial_page import TrialPage, trial_page
from tests import factories

UNCLEAR = "I do not understand this action"


@pytest.fixture
def page() -> TrialPage:
    definition = StudyDefinition.model_validate(
        factories.document(**factories.arranging(question="Where does each belong?"))
    )
    trial = Trial(kind="arrangement", block="arenas", actions=["bravo", "alpha"])
    return trial_page(trial, definition)


def test_a_fresh_arena_shows_its_actions_in_order_and_nothing_chosen(
    page: TrialPage,
) -> None:
    arena = arena_shown(page, UNCLEAR, {})

    assert arena is not None
    assert page.question == "Where does each belong?"
    assert page.not_understood == ""  # it is said of each action, not of the trial
    assert [item.text for item in arena.items] == ["I call bravo", "I call alpha"]
    assert {(item.across, item.down, item.unclear) for item in arena.items} == {
        ("", "", False)
    }
    assert arena.positions == ""
    assert [step.text for step in arena.columns][::8] == ["1 (left)", "9 (right)"]
    assert [step.key for step in arena.rows] == list("012345678")


def test_a_refused_grid_is_shown_as_it_was_sent(page: TrialPage) -> None:
    sent = {"across-bravo": "3", "down-bravo": "", "unclear-alpha": "1"}

    arena = arena_shown(page, UNCLEAR, sent)

    assert arena is not None
    assert [(item.across, item.unclear) for item in arena.items] == [
        ("3", False),
        ("", True),
    ]
    assert arena.positions == ""  # or it would speak in place of the grid


def test_other_kinds_have_no_arena() -> None:
    definition = StudyDefinition.model_validate(factories.document())
    pair = trial_page(Trial(kind="pair", actions=["alpha", "bravo"]), definition)

    assert arena_shown(pair, UNCLEAR, {}) is None


def post(client: Client, session: StudySession, **fields: str) -> str:
    address = reverse("trial", args=[session.code])
    response = client.post(address, fields, headers={"Attune-In-Place": "1"})
    return response.content.decode()


@pytest.mark.django_db
def test_a_refused_arrangement_comes_back_and_the_next_arena_begins_empty(
    client: Client,
) -> None:
    session = factories.joined(factories.open_study(**factories.arranging()))
    trial = participation.current_trial(session)
    assert trial is not None
    positions = dict(factories.attentive(trial).positions or {})
    outside = {**positions, trial.actions[0]: [1, 1]}

    refused = post(
        client, session, trial_id=str(trial.pk), positions=json.dumps(outside)
    )
    assert "lies outside the circle" in refused
    assert "[1, 1]" in refused
    assert not Response.objects.exists()

    after = post(
        client, session, trial_id=str(trial.pk), positions=json.dumps(positions)
    )
    assert Response.objects.get().positions == positions
    assert str(trial.pk) not in after
    assert 'name="positions" value=""' in after
