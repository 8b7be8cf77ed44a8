"""Stopping once every judgment is there, against a slow look at every cell."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client

from collection import covered, participation, quotas
from collection.errors import StudyFull
from collection.models import Cell, Study
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _asked_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(covered, "FRESH_S", 0.0)


def every_cell_has_enough(study: Study) -> bool:
    return all(
        cell.completed >= cell.wanted for cell in Cell.objects.filter(study=study)
    )


BLOCKS: dict[str, dict[str, Any]] = {
    "pairs": factories.only("pair", trials_per_session=15),
    "scattered values": factories.only("value", assign="cells", trials_per_session=12),
    "whole dimensions": factories.only("value", dimensions_per_session=2),
    "arenas": factories.arranging(actions_per_arena=6, arenas_per_session=1),
}


@pytest.mark.parametrize("what", BLOCKS)
def test_newcomers_come_until_every_cell_has_what_it_wants(what: str) -> None:
    study = factories.open_study(stop_when_covered=True, **BLOCKS[what])

    while not every_cell_has_enough(study):
        factories.finished(study)

    with pytest.raises(StudyFull, match="all the people it needs"):
        participation.enrol(study)
    assert study.sessions.count() == (3 if what == "arenas" else 2)


def test_triplets_are_wanted_over_all_people() -> None:
    block = factories.only("triplet", trials_per_session=10, judgments_wanted=20)
    study = factories.open_study(stop_when_covered=True, **block)

    first = factories.finished(study)
    factories.finished(study)
    assert quotas.is_full(study)

    participation.withdraw(first)
    assert not quotas.is_full(study), "what was lost is wanted again"


def test_judgments_that_are_only_being_made_are_not_there_yet() -> None:
    study = factories.open_study(
        stop_when_covered=True, **factories.only("pair", trials_per_session=15)
    )
    factories.finished(study)
    last = factories.joined(study)
    factories.answer(last, n_trials=14)
    assert participation.current_trial(last) is not None
    assert {cell.load for cell in Cell.objects.all()} == {2}

    assert not quotas.is_full(study)
    factories.answer(last)
    assert quotas.is_full(study)


def test_who_is_at_it_finishes_after_the_last_judgment_that_was_wanted() -> None:
    study = factories.open_study(
        stop_when_covered=True, **factories.only("pair", trials_per_session=15)
    )
    slow = factories.joined(study)
    for _ in range(2):
        factories.finished(study)
    assert quotas.is_full(study)

    factories.answer(slow)

    assert participation.finish(slow).completion_code == "TINY-DONE"


def test_a_group_whose_blocks_are_covered_is_left_out_alone() -> None:
    groups = [
        {"name": "similarity", "blocks": ["pairs", "triplets"]},
        {"name": "values", "blocks": ["values", "about"]},
    ]
    study = factories.open_study(
        group_mode="disjoint", groups=groups, stop_when_covered=True
    )
    Cell.objects.filter(kind="value").update(completed=2)

    assert {participation.enrol(study).group for _ in range(4)} == {"similarity"}


def test_without_asking_for_it_nothing_stops() -> None:
    factories.open_study(**factories.only("pair", trials_per_session=15))
    Cell.objects.update(completed=9)

    assert Client().post("/s/tiny/").status_code == 302


def test_a_group_that_only_asks_questions_never_has_enough() -> None:
    groups = [
        {"name": "all", "blocks": ["pairs", "triplets", "values"]},
        {"name": "asked", "blocks": ["about"]},
    ]
    study = factories.open_study(groups=groups, stop_when_covered=True)
    Cell.objects.update(completed=9)

    assert not quotas.is_full(study)


def test_the_page_says_so_over_http() -> None:
    study = factories.open_study(stop_when_covered=True, **BLOCKS["pairs"])
    Cell.objects.update(completed=2)

    page = Client().post("/s/tiny/")

    assert page.status_code == 403
    assert "This study is complete" in page.text
    assert study.sessions.count() == 0


def test_a_covered_study_of_many_pairs_is_known_from_the_index() -> None:
    study = factories.open_study(stop_when_covered=True, **BLOCKS["pairs"])
    template = Cell.objects.all()[0]
    Cell.objects.bulk_create(
        Cell(
            study=study,
            kind="pair",
            key=f"many-{n}",
            action_a=template.action_a,
            action_b=template.action_b,
            wanted=2,
        )
        for n in range(5000)
    )
    Cell.objects.update(completed=2)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE collection_cell")
        values = {"study": study.pk, "kind": "pair"}
        cursor.execute(f"EXPLAIN {covered._LEAST_LACKS}", values)
        least = "\n".join(line for (line,) in cursor.fetchall())
        cursor.execute(f"EXPLAIN {covered._HELD_LACKS}", values)
        held = "\n".join(line for (line,) in cursor.fetchall())

    assert "least_judged_first" in least
    assert "Seq Scan on collection_cell" not in held
    assert quotas.is_full(study)


def test_a_web_process_asks_again_only_after_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(covered, "FRESH_S", 3600.0)
    study = factories.open_study(stop_when_covered=True, **BLOCKS["pairs"])
    assert not quotas.is_full(study)

    Cell.objects.update(completed=2)

    assert not quotas.is_full(study)
    monkeypatch.setattr(covered, "FRESH_S", 0.0)
    assert quotas.is_full(study)
