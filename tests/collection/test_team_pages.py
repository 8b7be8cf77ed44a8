"""Teams: making one, who is in it, who leads it, and what its studies are told."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from collection import access
from collection.access import Role
from collection.models import AuditRecord, Team
from tests.researchers import Site

pytestmark = pytest.mark.django_db


@pytest.fixture
def site(outside_var: Path) -> Site:
    return Site(outside_var)


@pytest.fixture
def team(site: Site) -> Team:
    """The lab, led by Ada, who made it; it edits the study."""
    page(site.owner, "research-teams", name="lab")
    made = Team.objects.get()
    access.grant(site.study, made, Role.EDITOR)
    return made


def page(by: User, name: str, /, *arguments: object, **fields: str) -> str:
    browser = Client()
    browser.force_login(by)
    answer = browser.post(reverse(name, args=arguments), fields, follow=True)
    return f"{answer.status_code} {answer.content.decode()}"


def test_who_joins_has_the_teams_role_and_the_study_is_told(
    site: Site, team: Team
) -> None:
    shown = page(site.owner, "research-team-join", team.pk, who="bo")

    assert ">bo<" in shown.replace("\n", "").replace(" ", "")
    assert access.role_in(site.stranger, site.study) == Role.EDITOR
    told = AuditRecord.objects.get(verb="team.joined")
    assert (told.study, told.by) == ("tiny", "ada")
    assert told.details == {"team": "lab", "account": "bo"}


def test_nobody_and_an_empty_name_are_refused(site: Site, team: Team) -> None:
    for typed in ("nobody", ""):
        shown = page(site.owner, "research-team-join", team.pk, who=typed)
        assert "Nobody here has this name or e-mail address." in shown
    assert team.places.count() == 1


def test_only_who_leads_changes_a_team_and_a_stranger_does_not_find_it(
    site: Site, team: Team
) -> None:
    team.places.create(user=site.viewer)
    lead = team.places.get(user=site.owner).pk

    for name, extra in (
        ("research-team-join", []),
        ("research-team-lead", [lead]),
        ("research-team-leave", [lead]),
    ):
        assert page(site.viewer, name, team.pk, *extra, who="bo").startswith("403")
        assert page(site.stranger, name, team.pk, *extra, who="bo").startswith("404")
    assert "Only who leads this team may do this." in page(
        site.viewer, "research-team-join", team.pk, who="bo"
    )
    assert team.places.count() == 2


def test_a_team_always_has_somebody_who_leads_it(site: Site, team: Team) -> None:
    other = team.places.create(user=site.viewer)
    mine = team.places.get(user=site.owner)

    stays = page(site.owner, "research-team-leave", team.pk, mine.pk)
    steps_down = page(site.owner, "research-team-lead", team.pk, mine.pk, leads="0")
    page(site.owner, "research-team-lead", team.pk, other.pk, leads="1")
    page(site.owner, "research-team-leave", team.pk, mine.pk)

    assert "A team needs somebody who leads it" in stays
    assert "A team needs somebody who leads it" in steps_down
    assert [place.user for place in team.places.all()] == [site.viewer]


def test_the_last_one_who_leaves_ends_the_team_and_its_roles(
    site: Site, team: Team
) -> None:
    mine = team.places.get(user=site.owner)

    page(site.owner, "research-team-leave", team.pk, mine.pk)

    assert not Team.objects.exists()
    assert not site.study.memberships.filter(user=None).exists()


def test_anybody_may_leave_a_team(site: Site, team: Team) -> None:
    place = team.places.create(user=site.viewer)

    page(site.viewer, "research-team-leave", team.pk, place.pk)

    assert team.places.count() == 1


def test_two_teams_cannot_have_one_name(site: Site, team: Team) -> None:
    shown = page(site.stranger, "research-teams", name="lab")

    assert shown.startswith("422")
    assert "Team with this Name already exists." in shown
