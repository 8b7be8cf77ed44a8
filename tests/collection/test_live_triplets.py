"""Which actions were shown together in triplets, counted where the answers stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from collection import live_triplets
from collection.coverage import coverage_by_block
from collection.live import CellCount
from collection.live_maps import heat_maps
from collection.models import Study, Trial
from tests import factories
from tests.researchers import Site

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def asked_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """What another test's database counted is not remembered."""
    live_triplets._known.clear()
    monkeypatch.setattr(live_triplets, "FRESH_S", 0.0)


def pairs_of(study: Study) -> list[CellCount]:
    answered = live_triplets.n_answered(coverage_by_block(study))
    return live_triplets.triplet_pairs(study, answered)


def test_more_triplets_than_can_be_counted_in_time_have_no_map(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    study = factories.open_study(**factories.only("triplet"))
    factories.finished(study)
    assert sum(pair.completed for pair in pairs_of(study)) == 9
    monkeypatch.setattr(live_triplets, "MOST", 2)

    assert pairs_of(study) == []


def test_what_was_counted_is_remembered_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live_triplets, "FRESH_S", 60.0)
    study = factories.open_study(**factories.only("triplet"))
    before = pairs_of(study)
    factories.finished(study)

    assert pairs_of(study) == before
    live_triplets._known.clear()
    assert pairs_of(study) != before


def test_each_answered_triplet_counts_for_its_three_pairs() -> None:
    study = factories.open_study(**factories.only("triplet"))
    assert {one.completed for one in pairs_of(study)} == {0}
    factories.finished(study)

    pairs = pairs_of(study)

    shown = [
        set(trial.actions)
        for trial in Trial.objects.filter(kind="triplet", response__isnull=False)
    ]
    assert shown
    for pair in pairs:
        assert pair.completed == sum(set(pair.what.split()) <= three for three in shown)
    n_actions = len(study.definition_model().actions)
    (only,) = heat_maps(pairs, n_actions, {})
    assert (only.key, len(only.squares)) == ("triplet", n_actions * (n_actions - 1) / 2)


def test_a_study_that_asks_no_triplets_has_no_map_of_them() -> None:
    study = factories.open_study(**factories.only("pair"))

    assert pairs_of(study) == []


def test_the_page_shows_the_map(outside_var: Path) -> None:
    site = Site(outside_var)

    page = site.page("research-live", "tiny")
    table = site.page("research-live-csv", "tiny")

    assert table.count("\r\ntriplet,") == 15
    assert "Pairs within triplets" in page
    assert "an even share of the triplets needed" in page
