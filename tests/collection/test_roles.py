"""Every address of the researcher's pages, asked by everybody: what each role may.

The table says for every address the lowest role that gets in. An address that is not in
it fails the test: who adds a page says here who may see it.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from django.urls import URLPattern

from collection import research_urls
from collection.models import AuditRecord
from tests.researchers import Site

pytestmark = pytest.mark.django_db

ROLES = ["viewer", "editor", "owner", "operator"]
# Pages of nobody's study: whoever is logged in gets their own.
OF_ONESELF = {
    "research",
    "research-account",
    "research-new",
    "research-password",
    "research-teams",
    "research-team-join",
    "research-team-lead",
    "research-team-leave",
    "research-token-revoke",
    "research-tokens",
}
OPEN_TO_ALL = {"research-login", "research-logout", "research-welcome"}
LOWEST = {
    "research-preregistration": "viewer",
    "research-study": "viewer",
    "research-consent": "viewer",
    "research-recruitment": "viewer",
    "research-recruitment-act": "editor",
    "research-payment-list": "editor",
    "research-lab": "editor",
    "research-start": "editor",
    "research-job": "viewer",
    "research-cancel": "editor",
    "research-quality": "viewer",
    "research-quality-person": "viewer",
    "research-quality-decide": "editor",
    "research-erase-find": "owner",
    "research-erase": "owner",
    "research-snapshot": "viewer",
    "research-result": "viewer",
    "research-report-page": "viewer",
    "research-download": "viewer",
    "research-figure": "viewer",
    "research-figure-page": "viewer",
    "research-people": "viewer",
    "research-people-add": "owner",
    "research-people-add-team": "owner",
    "research-people-invite": "owner",
    "research-people-invite-anew": "owner",
    "research-people-role": "owner",
    "research-people-remove": "owner",
    "research-definition": "viewer",
    "research-live": "viewer",
    "research-new-sweep": "editor",
    "research-live-csv": "viewer",
    "research-preview": "viewer",
    "research-preview-page": "viewer",
    "research-upload": "editor",
    "research-state": "editor",
    "research-pilot": "editor",
    "research-audit": "owner",
    "research-audit-csv": "owner",
}
NAMES = {
    str(pattern.name)
    for pattern in research_urls.urlpatterns
    if isinstance(pattern, URLPattern)
}


def test_the_table_holds_every_page_of_a_study() -> None:
    assert set(LOWEST) == NAMES - OF_ONESELF - OPEN_TO_ALL


def test_every_address_answers_each_role_as_the_table_says(outside_var: Path) -> None:
    site = Site(outside_var)
    addresses = site.addresses()
    assert set(addresses) == set(LOWEST)
    found = {}
    for name, (method, address) in addresses.items():
        found[name] = {
            role: site.ask(getattr(site, role), method, address).status_code
            for role in ["stranger", *ROLES]
        } | {"nobody": site.ask(None, method, address).status_code}

    for name, lowest in LOWEST.items():
        answers = found[name]
        assert answers.pop("nobody") == 302, name  # to the login
        assert answers.pop("stranger") == 404, name
        lets_in = {
            role for role, status in answers.items() if status in (200, 302, 422)
        }
        assert lets_in == set(ROLES[ROLES.index(lowest) :]), (name, answers)
        assert {answers[role] for role in set(ROLES) - lets_in} <= {403}, name


def test_what_a_role_may_not_press_is_not_on_its_page(outside_var: Path) -> None:
    site = Site(outside_var)
    address = "/research/studies/tiny/"

    viewer = site.ask(site.viewer, "get", address).content.decode()
    editor = site.ask(site.editor, "get", address).content.decode()
    owner = site.ask(site.owner, "get", address).content.decode()

    for words, who in {
        "Freeze a snapshot": (editor, owner),
        "Erase a participant": (owner,),
        "Audit log": (owner,),
        "Lab sessions": (editor, owner),
        "Who may see and do what": (viewer, editor, owner),
    }.items():
        assert [words in page for page in (viewer, editor, owner)] == [
            page in who for page in (viewer, editor, owner)
        ], words


def test_a_refused_person_is_told_whom_to_ask_and_nothing_is_done(
    outside_var: Path,
) -> None:
    site = Site(outside_var)
    before = AuditRecord.objects.count()

    answer = site.ask(site.viewer, "post", "/research/studies/tiny/start/freeze/")

    assert answer.status_code == 403
    page = answer.content.decode()
    assert "Only an editor or an owner of this study may do this." in page
    assert "Ask ada." in page
    assert "My studies" in page
    assert "To the open studies" not in page
    assert site.study.jobs.filter(kind="freeze").count() == 1  # the site's own
    assert AuditRecord.objects.count() == before
