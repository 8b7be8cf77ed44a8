"""The researcher's pages on quality: flags with reasons, and a button per ledger."""

from __future__ import annotations

import html
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from collection import ledgers
from collection.attention.runs import run_rules
from collection.attention.settings import RuleSet, TooFast
from collection.models import ExclusionDecision, JobRecord, PaymentDecision
from collection.quality_plots import answer_dots, histogram
from tests import factories
from tests.collection.test_sensitivity import at_a_pace, hurried, rater
from tests.researchers import Site

pytestmark = pytest.mark.django_db


@pytest.fixture
def site(outside_var: Path) -> Site:
    return Site(outside_var)


def test_before_the_first_run_the_page_offers_one(site: Site) -> None:
    page = site.page("research-quality", "tiny")

    assert "No session was judged yet." in page
    assert reverse("research-start", args=["tiny", "quality"]) in page


def test_the_button_enqueues_the_job_once(site: Site) -> None:
    address = reverse("research-start", args=["tiny", "quality"])

    first = site.ask(site.owner, "post", address)
    second = site.ask(site.owner, "post", address)

    assert first["Location"] == second["Location"]
    assert JobRecord.objects.filter(kind="quality").count() == 1


def test_sessions_stand_with_their_flags_reasons_and_standing_decisions(
    site: Site,
) -> None:
    steady = at_a_pace(site.study, "ada", 4000)
    fast = hurried(site.study, "eve")
    run = run_rules(site.study)
    ledgers.record_payment(
        fast, "ask-to-return", ground="too-fast", reason="So.", by="ada", run=run
    )

    page = html.unescape(site.page("research-quality", "tiny"))

    assert "1 of 2 sessions" in page
    assert "answers came faster than they can be read" in page
    assert "Ask to return the submission" in page
    assert page.index(rater(fast)) < page.index(rater(steady))
    # The code is the participant's own key: it stands on no page but theirs.
    assert str(fast.pk) not in page
    assert str(fast.pk) not in site.page("research-quality-person", "tiny", rater(fast))


def test_an_earlier_run_can_be_looked_at_and_its_difference(site: Site) -> None:
    at_a_pace(site.study, "ada", 4000)
    fast = hurried(site.study, "eve")
    run_rules(site.study)
    run_rules(site.study, RuleSet(name="lenient", too_fast=TooFast(use=False)))

    latest = html.unescape(site.page("research-quality", "tiny"))
    earlier = site.ask(
        site.owner, "get", reverse("research-quality", args=["tiny"]) + "?run=1"
    )
    unknown = site.ask(
        site.owner, "get", reverse("research-quality", args=["tiny"]) + "?run=7"
    )

    assert "0 of 2 sessions" in latest
    assert "Since run 1: 1 session changed" in latest
    assert f"{rater(fast)}: flag → no flag" in latest
    assert "1 of 2 sessions" in earlier.content.decode()
    assert unknown.status_code == 404


@pytest.mark.parametrize(
    ("ledger", "decision", "mine", "other"),
    [
        ("payment", "ask-to-return", PaymentDecision, ExclusionDecision),
        ("exclusion", "exclude", ExclusionDecision, PaymentDecision),
    ],
)
def test_a_decision_is_noted_in_its_own_ledger_with_who_when_why_and_which_run(
    site: Site,
    ledger: str,
    decision: str,
    mine: type[PaymentDecision] | type[ExclusionDecision],
    other: type[PaymentDecision] | type[ExclusionDecision],
) -> None:
    session = at_a_pace(site.study, "ada", 4000)
    run = run_rules(site.study)
    browser = Client()
    browser.force_login(site.owner)

    answer = browser.post(
        reverse("research-quality-decide", args=["tiny", rater(session), ledger]),
        {"decision": decision, "ground": "traces", "reason": "A script <b>."},
        follow=True,
    )

    row = mine.objects.get()
    assert (row.session, row.decision, row.ground) == (session, decision, "traces")
    assert (row.reason, row.decided_by, row.run) == ("A script <b>.", "ada", run)
    assert not other.objects.exists()
    page = answer.content.decode()
    assert f"Noted in the {ledger} ledger." in page
    assert "A script &lt;b&gt;." in page
    assert "after run 1" in page


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (
            {"decision": "withhold", "ground": "person-asked", "reason": "So."},
            "pay does not depend on withdrawing",
        ),
        ({"decision": "pay", "ground": "in-order", "reason": " "}, "Reason:"),
        ({"decision": "pay", "ground": "agreement", "reason": "So."}, "Ground:"),
    ],
)
def test_what_is_refused_is_said_beside_the_form_and_nothing_is_noted(
    site: Site, fields: dict[str, str], sentence: str
) -> None:
    session = at_a_pace(site.study, "ada", 4000)
    browser = Client()
    browser.force_login(site.owner)

    answer = browser.post(
        reverse("research-quality-decide", args=["tiny", rater(session), "payment"]),
        fields,
    )

    assert answer.status_code == 200
    assert "Nothing was noted" in answer.content.decode()
    assert sentence in answer.content.decode()
    assert not PaymentDecision.objects.exists()


def test_dissent_is_offered_as_a_ground_in_neither_form(site: Site) -> None:
    session = at_a_pace(site.study, "ada", 4000)

    page = site.page("research-quality-person", "tiny", rater(session))

    assert 'value="too-fast"' in page
    assert 'value="agreement"' not in page
    assert 'value="fading"' not in page


def test_the_answers_of_who_withdrew_are_not_shown(site: Site) -> None:
    session = factories.cy(site.study)

    page = site.page("research-quality-person", "tiny", rater(session))

    assert "This person withdrew" in page
    assert "<circle" not in page


def test_a_person_of_another_study_is_not_found_under_mine(site: Site) -> None:
    elsewhere = factories.open_study(slug="third")
    theirs = factories.joined(elsewhere)

    for name, arguments, method in (
        ("research-quality-person", ["tiny", rater(theirs)], "get"),
        ("research-quality-decide", ["tiny", rater(theirs), "payment"], "post"),
        ("research-quality-decide", ["tiny", rater(theirs), "erasure"], "post"),
    ):
        answer = site.ask(site.owner, method, reverse(name, args=arguments))
        assert answer.status_code == 404


def test_bins_of_scores_begin_at_the_operating_point() -> None:
    found = histogram([-3.0, 1.9, 2.0, 2.5, 9.0], flag_at=2)

    assert sum(bar.n for bar in found.bars) == 5
    assert sum(bar.n for bar in found.bars if bar.flagged) == 3
    assert all((bar.x > found.limit) == bar.flagged for bar in found.bars)


def test_pictures_of_nothing_are_drawn_without_a_fault() -> None:
    assert histogram([], flag_at=2).bars == ()
    assert answer_dots(()) == ()
