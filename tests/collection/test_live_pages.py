"""The live view: what is covered, by whom, what was flagged, and what it cost."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from django.urls import reverse

from collection import live, live_maps
from tests import factories
from tests.researchers import Site

pytestmark = pytest.mark.django_db


@pytest.fixture
def site(outside_var: Path) -> Site:
    return Site(outside_var)


def test_the_study_leads_to_its_live_view(site: Site) -> None:
    assert reverse("research-live", args=["tiny"]) in site.page(
        "research-study", "tiny"
    )


def test_real_and_simulated_people_are_counted_apart_and_named(site: Site) -> None:
    factories.ada(site.study)
    factories.finished(site.study, simulated=True)

    page = site.page("research-live", "tiny")

    assert "Real participants" in page
    assert "Simulated participants" in page
    assert "Counts of judgments hold both together" in page


def test_the_map_and_the_file_hold_every_pair(site: Site) -> None:
    factories.ada(site.study)

    squares = live_maps.pair_squares(live.cell_counts(site.study), 6, "pair")
    answer = site.ask(
        site.owner, "get", reverse("research-live-csv", args=["tiny"])
    ).content.decode()

    rows = [row for row in csv.DictReader(io.StringIO(answer)) if row["kind"] == "pair"]
    assert len(squares) == len(rows) == 15
    assert sum(int(row["completed"]) for row in rows) == 5
    assert {square.level for square in squares} == {0, 2}


def test_without_recruitment_the_page_says_that_no_pay_is_known(site: Site) -> None:
    assert "nothing is known of pay" in site.page("research-live", "tiny")


def test_nobody_else_sees_it(site: Site) -> None:
    for name in ("research-live", "research-live-csv"):
        answer = site.ask(site.stranger, "get", reverse(name, args=["tiny"]))
        assert answer.status_code == 404
