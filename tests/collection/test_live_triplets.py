"""Which actions were shown together in triplets, counted where the answers stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from collection import live_triplets
from collection.live_maps import heat_maps
from collection.models import Trial
from tests import factories
from tests.researchers import Site

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def asked_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """What another test's database counted is not remembered."""
    live_triplets._known.clear()
    monkeypatch.setattr(live_triplets, "FRESH_S", 0.0)


def test_each_answered_triplet_counts_for_its_three_pairs() -> None:
    study = factories.open_study(**factories.only("triplet"))
    assert {one.completed for one in live_triplets.triplet_pairs(study)} == {0}
    factories.finished(study)

    pairs = live_triplets.triplet_pairs(study)

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

    assert live_triplets.triplet_pairs(study) == []


def test_the_page_shows_the_map(outside_var: Path) -> None:
    site = Site(outside_var)

    page = site.page("research-live", "tiny")

    assert "Pairs within triplets" in page
    assert "an even share of the triplets needed" in page
