"""Trials dealt in memory, and how that compares with the real scheduler."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from collection.definitions import StudyDefinition
from collection.forecasting.desk import Ask, Desk
from collection.forecasting.settings import ForecastSettings
from collection.forecasting.twin import pair_cell, simulate
from collection.models import Cell
from tests import factories, real_people

PEOPLE = 9


def definition(**changes: Any) -> StudyDefinition:
    return StudyDefinition.model_validate(factories.document(**changes))


def desk(**changes: Any) -> Desk:
    return Desk(definition(**changes), np.random.default_rng(3))


def sat(desk: Desk, *, stays: int | None = None) -> list[Ask]:
    """One person's trials, answered up to the one at which they leave."""
    _, blocks = desk.join()
    asks = list(desk.deal(blocks))
    answered = asks[:stays]
    for number, ask in enumerate(answered):
        following = asks[number + 1] if number + 1 < len(asks) else None
        last = following is None or following.repeat or following.cell != ask.cell
        desk.answered(ask, last=last)
    return answered


@pytest.mark.django_db(transaction=True)
def test_the_loads_come_out_as_even_as_on_the_database() -> None:
    settings = ForecastSettings(participants=(PEOPLE,), careless=0, dropout=0.3)
    study = factories.open_study(**factories.only("pair"))

    real_people.answered_for_real(study, settings, n=PEOPLE, seed=4)
    twin = simulate(study.definition_model(), settings, seed=4).desk.pair_load

    cells = Cell.objects.filter(study=study, kind="pair")
    real = np.array(cells.values_list("completed", flat=True))
    # A pair may be held by someone who left: the real loads are one more apart at most.
    assert np.ptp(twin) <= 1
    assert np.ptp(real) <= 2
    assert len(real) == len(twin)


def test_nobody_gets_a_pair_or_a_triplet_twice() -> None:
    many = factories.document()
    for block in many["blocks"]:
        if block["kind"] in ("pair", "triplet"):
            block["trials_per_session"] = 15
    table = desk(blocks=many["blocks"])

    for _ in range(5):
        asks = sat(table)
        for kind in ("pair", "triplet"):
            shown = [frozenset(ask.actions) for ask in asks if ask.kind == kind]
            assert len(shown) == len(set(shown)) == 15


def test_more_pairs_than_there_are_end_with_the_last() -> None:
    asks = sat(desk(**factories.only("pair", trials_per_session=15, repeats=3)))

    assert Counter(ask.repeat for ask in asks) == {False: 15, True: 3}
    assert {pair_cell(*ask.actions, 6) for ask in asks} == set(range(15))


def test_repeats_are_of_earlier_pairs_and_count_for_nobody() -> None:
    table = desk(**factories.only("pair", trials_per_session=10, repeats=2))

    asks = sat(table)

    again = [ask for ask in asks if ask.repeat]
    first = {ask.actions: place for place, ask in enumerate(asks) if not ask.repeat}
    assert len({ask.actions for ask in again}) == 2
    for place, ask in enumerate(asks):
        if ask.repeat:
            assert place - first[ask.actions] > 5
    assert table.pair_load.sum() == 10


def test_a_dimension_counts_only_when_it_is_whole() -> None:
    table = desk(**factories.only("value", dimensions_per_session=2))

    sat(table, stays=8)  # six actions on one dimension, two on the other
    assert sorted(table.vector_load) == [0, 1]

    sat(table)
    assert sorted(table.vector_load) == [1, 2]


def test_scattered_values_are_dealt_to_the_least_judged() -> None:
    table = desk(
        **factories.only(
            "value",
            assign="cells",
            dimensions_per_session=1,
            trials_per_session=5,
            judgments_per_cell=2,
        )
    )

    for _ in range(5):
        sat(table)

    assert table.value_load.sum() == 25
    assert np.ptp(table.value_load) <= 1


def test_groups_fill_by_their_shares_and_half_turn_their_blocks_round() -> None:
    groups = [
        {"name": "many", "blocks": ["pairs", "values"], "share": 3},
        {"name": "few", "blocks": ["pairs", "values"], "share": 1},
    ]
    blocks = [
        block
        for block in factories.document()["blocks"]
        if block["key"] in ("pairs", "values")
    ]
    table = desk(
        blocks=blocks, groups=groups, group_mode="counterbalanced", questions=[]
    )

    joined = Counter(
        (name, blocks[0]) for name, blocks in (table.join() for _ in range(80))
    )

    assert joined == {
        ("many", "pairs"): 30,
        ("many", "values"): 30,
        ("few", "pairs"): 10,
        ("few", "values"): 10,
    }


def test_the_places_of_pairs_are_those_of_combinations() -> None:
    table = desk()

    assert [pair_cell(a, b, 6) for a, b in table.pairs.tolist()] == list(range(15))
