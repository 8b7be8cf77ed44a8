"""The people of a study: adding, inviting, changing a role, removing, leaving."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from collection import access, accounts
from collection.access import Role
from collection.models import AuditRecord, Study, Team
from tests.researchers import Site

pytestmark = pytest.mark.django_db


@pytest.fixture
def site(outside_var: Path) -> Site:
    return Site(outside_var)


def send(by: User, name: str, /, *arguments: object, **fields: str) -> HttpResponse:
    browser = Client()
    browser.force_login(by)
    answer: HttpResponse = browser.post(
        reverse(name, args=["tiny", *arguments]), fields, follow=True
    )
    return answer


def place(site: Site, user: User) -> int:
    return site.study.memberships.get(user=user).pk


@pytest.mark.parametrize("typed", ["bo", " bo ", "Bo@Example.org"])
def test_somebody_is_added_by_name_or_by_e_mail(site: Site, typed: str) -> None:
    User.objects.filter(username="bo").update(email="bo@example.org")

    answer = send(site.owner, "research-people-add", who=typed, role="editor")

    assert access.role_in(site.stranger, site.study) == Role.EDITOR
    assert "bo is an editor of this study." in answer.content.decode()


def test_an_address_of_two_accounts_is_refused(site: Site) -> None:
    for name in ("dee", "eli"):
        User.objects.create_user(name, email="lab@example.org")

    answer = send(
        site.owner, "research-people-add", who="lab@example.org", role="viewer"
    )

    assert answer.status_code == 422
    assert "Several accounts have this e-mail address" in answer.content.decode()
    assert site.study.memberships.count() == 3


def test_a_closed_account_is_not_found(site: Site) -> None:
    User.objects.filter(username="bo").update(is_active=False)

    answer = send(site.owner, "research-people-add", who="bo", role="viewer")

    assert "Nobody here has this name or e-mail address." in answer.content.decode()


def test_who_has_no_account_is_invited_and_chooses_a_password_once(site: Site) -> None:
    unknown = send(
        site.owner, "research-people-add", who="new@example.org", role="viewer"
    ).content.decode()
    assert 'name="username" value="new"' in unknown

    page = send(
        site.owner,
        "research-people-invite",
        username="new",
        email="new@example.org",
        role="viewer",
    ).content.decode()
    link = re.search(r"data-welcome-url>http://testserver([^<]+)<", page)
    assert link is not None
    browser = Client()
    first = browser.get(link[1], follow=True)
    assert "Your name here is <strong>new</strong>" in first.content.decode()
    refused = browser.post(
        first.request["PATH_INFO"],
        {"new_password1": "12345", "new_password2": "12345"},
    )
    assert refused.status_code == 422
    words = "correct horse battery"
    done = browser.post(
        first.request["PATH_INFO"],
        {"new_password1": words, "new_password2": words},
        follow=True,
    )

    assert "A tiny study" in done.content.decode()
    assert Client().login(username="new", password=words)
    again = Client().get(link[1], follow=True)
    assert again.status_code == 404
    assert "This link does not work any more" in again.content.decode()
    told = AuditRecord.objects.filter(verb="account.invited").get()
    assert (told.by, told.details) == ("ada", {"account": "new"})


def test_an_invitation_is_no_way_into_an_account_that_has_a_password(
    site: Site,
) -> None:
    from collection.accounts import welcome_key

    site.operator.set_password("a long enough secret")
    site.operator.save()

    answer = Client().get(
        reverse("research-welcome", args=welcome_key(site.operator)), follow=True
    )

    assert answer.status_code == 404


def invited(site: Site, role: str = "viewer") -> User:
    """Somebody who was invited into the study and did not come yet."""
    user = accounts.invite("new", "new@example.org", by=site.owner)
    access.grant(site.study, user, Role(role), by=site.owner)
    return user


def link_on(answer: HttpResponse) -> str:
    found = re.search(
        r"data-welcome-url>http://testserver([^<]+)<", answer.content.decode()
    )
    assert found is not None
    return found[1]


def test_a_lost_link_is_made_anew_and_the_old_one_stops_working_at_once(
    site: Site,
) -> None:
    user = invited(site)
    old = reverse("research-welcome", args=accounts.welcome_key(user))
    opened = Client()  # somebody found the lost link, and has its page open
    form = opened.get(old, follow=True).request["PATH_INFO"]

    answer = send(site.owner, "research-people-invite-anew", place(site, user))

    assert "The old link has stopped working." in answer.content.decode()
    assert Client().get(old, follow=True).status_code == 404
    words = dict.fromkeys(("new_password1", "new_password2"), "correct horse battery")
    assert opened.post(form, words).status_code == 404
    guest = Client()
    page = guest.get(link_on(answer), follow=True)
    assert "Your name here is <strong>new</strong>" in page.content.decode()
    guest.post(page.request["PATH_INFO"], words)
    assert Client().login(username="new", password=words["new_password1"])
    told = AuditRecord.objects.get(verb="account.invited-anew")
    assert (told.by, told.study, told.details) == ("ada", "tiny", {"account": "new"})


def test_nobody_with_a_password_gets_a_new_link(site: Site) -> None:
    user = invited(site)
    user.set_password("a long enough secret")
    user.save()

    answer = send(site.owner, "research-people-invite-anew", place(site, user))

    page = answer.content.decode()
    assert "new does not wait for an invitation any more: no link was made." in page
    assert "data-welcome-url" not in page
    assert Client().login(username="new", password="a long enough secret")


def in_another_study(site: Site, user: User) -> None:
    access.grant(Study.objects.get(slug="elsewhere"), user, Role.VIEWER)


def in_another_team(site: Site, user: User) -> None:
    team = Team.objects.create(name="others")
    team.places.create(user=site.stranger, leads=True)
    team.places.create(user=user)


def running_the_server(site: Site, user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_staff=True)


@pytest.mark.parametrize(
    "beyond", [in_another_study, in_another_team, running_the_server]
)
def test_a_new_link_never_opens_more_than_its_maker_owns(
    site: Site, beyond: Callable[[Site, User], None]
) -> None:
    user = invited(site)
    beyond(site, user)

    answer = send(site.owner, "research-people-invite-anew", place(site, user))

    page = answer.content.decode()
    assert "The link would open more than you own" in page
    assert "whoever runs this server can make one for new." in page
    assert "Make a new link for new" not in page
    assert not AuditRecord.objects.filter(verb="account.invited-anew").exists()
    by_operator = send(site.operator, "research-people-invite-anew", place(site, user))
    assert link_on(by_operator)


def test_a_team_that_its_maker_leads_is_their_own(site: Site) -> None:
    user = invited(site)
    team = Team.objects.create(name="mine")
    team.places.create(user=site.owner, leads=True)
    team.places.create(user=user)

    assert link_on(send(site.owner, "research-people-invite-anew", place(site, user)))


def test_the_button_stands_beside_who_waits_and_only_for_owners(site: Site) -> None:
    for one in (site.owner, site.editor, site.viewer):
        one.set_password("a long enough secret")
        one.save()
    before = site.page("research-people", "tiny")
    invited(site)
    pages = [
        site.ask(who, "get", reverse("research-people", args=["tiny"])).content.decode()
        for who in (site.owner, site.editor)
    ]

    assert "Make a new link" not in before
    assert [page.count("Make a new link for new") for page in pages] == [1, 0]
    assert [page.count(">invited<") for page in pages] == [1, 1]


def test_a_team_has_no_invitation(site: Site) -> None:
    team = Team.objects.create(name="lab")
    membership = access.grant(site.study, team, Role.VIEWER)

    answer = send(site.owner, "research-people-invite-anew", membership.pk)

    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"username": "ada", "email": "x@example.org"}, "already exists"),
        ({"username": "new", "email": "Bo@example.org"}, "has an account already"),
        ({"username": "new", "email": ""}, "This field is required"),
        ({"username": "a b", "email": "x@example.org"}, "Enter a valid username"),
    ],
)
def test_an_invitation_that_cannot_be_made_says_why(
    site: Site, fields: dict[str, str], told: str
) -> None:
    User.objects.filter(username="bo").update(email="bo@example.org")

    answer = send(site.owner, "research-people-invite", role="viewer", **fields)

    assert answer.status_code == 422
    assert told in answer.content.decode()
    assert not User.objects.filter(username="new").exists()


def test_a_role_is_changed_and_an_unknown_one_is_not(site: Site) -> None:
    viewer = place(site, site.viewer)

    send(site.owner, "research-people-role", viewer, role="editor")
    wrong = send(site.owner, "research-people-role", viewer, role="admin")

    assert access.role_in(site.viewer, site.study) == Role.EDITOR
    assert "Choose one of the three roles." in wrong.content.decode()


def test_the_last_owner_stays_and_is_told_why(site: Site) -> None:
    owner = place(site, site.owner)

    for name, fields in (
        ("research-people-remove", {}),
        ("research-people-role", {"role": "viewer"}),
    ):
        answer = send(site.owner, name, owner, **fields)
        assert "A study needs an owner" in answer.content.decode()

    assert access.role_in(site.owner, site.study) == Role.OWNER


def test_anybody_may_leave_but_take_nobody_along(site: Site) -> None:
    other = send(site.viewer, "research-people-remove", place(site, site.editor))
    left = send(site.viewer, "research-people-remove", place(site, site.viewer))

    assert other.status_code == 403
    assert left.redirect_chain[-1][0] == reverse("research")  # type: ignore[attr-defined]
    assert access.role_in(site.viewer, site.study) is None
    assert access.role_in(site.editor, site.study) == Role.EDITOR


def test_a_place_in_another_study_is_not_found_under_mine(site: Site) -> None:
    theirs = site.stranger.memberships.get().pk  # type: ignore[attr-defined]

    for name in ("research-people-role", "research-people-remove"):
        assert send(site.owner, name, theirs, role="viewer").status_code == 404


def test_only_a_team_of_ones_own_can_be_added(site: Site) -> None:
    mine, theirs = (Team.objects.create(name=name) for name in ("lab", "others"))
    mine.places.create(user=site.owner, leads=True)
    mine.places.create(user=site.stranger)

    refused = send(
        site.owner, "research-people-add-team", team=str(theirs.pk), role="viewer"
    )
    send(site.owner, "research-people-add-team", team=str(mine.pk), role="editor")

    assert refused.status_code == 422
    assert access.role_in(site.stranger, site.study) == Role.EDITOR
    assert "lab" in site.page("research-people", "tiny")
