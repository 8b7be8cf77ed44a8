"""Who may see and do what in a study: roles of people and of teams."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.db import IntegrityError, transaction
from django.http import Http404

from collection import access
from collection.access import Role
from collection.errors import LastOwner, NotAllowed
from collection.models import AuditRecord, Membership, Study, Team
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def study() -> Study:
    study = factories.open_study()
    access.grant(study, User.objects.create_user("ada"), Role.OWNER)
    return study


def somebody(study: Study, name: str, role: Role) -> User:
    user = User.objects.create_user(name)
    access.grant(study, user, role)
    return user


def of_team(study: Study, name: str, role: Role) -> User:
    user = User.objects.create_user(name)
    team = Team.objects.create(name=f"team of {name}")
    team.places.create(user=user)
    access.grant(study, team, role)
    return user


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("at_least", Role)
@pytest.mark.parametrize("join", [somebody, of_team])
def test_a_role_may_all_that_the_lower_ones_may(
    study: Study, role: Role, at_least: Role, join: object
) -> None:
    user = join(study, "bo", role)  # type: ignore[operator]
    order = [Role.OWNER, Role.EDITOR, Role.VIEWER]

    if order.index(role) <= order.index(at_least):
        assert access.study_for(user, "tiny", at_least) == study
    else:
        with pytest.raises(NotAllowed):
            access.study_for(user, "tiny", at_least)


def test_the_refusal_says_who_may_and_whom_to_ask(study: Study) -> None:
    viewer = somebody(study, "vi", Role.VIEWER)

    with pytest.raises(NotAllowed) as refusal:
        access.study_for(viewer, "tiny", Role.EDITOR)

    assert refusal.value.status == 403
    assert refusal.value.code == "not-allowed"
    assert refusal.value.message == (
        "Only an editor or an owner of this study may do this. You are a viewer of it. "
        "Ask ada."
    )


@pytest.mark.parametrize("slug", ["tiny", "nowhere"])
def test_a_stranger_is_told_that_there_is_no_such_study(
    study: Study, slug: str
) -> None:
    for user in (User.objects.create_user("bo"), AnonymousUser()):
        with pytest.raises(Http404, match="no such study"):
            access.study_for(user, slug)
        assert access.role_in(user, study) is None
        assert not access.studies_of(user).exists()


def test_the_higher_of_ones_own_role_and_the_teams_counts(study: Study) -> None:
    user = of_team(study, "bo", Role.EDITOR)
    access.grant(study, user, Role.VIEWER)

    assert access.role_in(user, study) == Role.EDITOR
    assert list(access.studies_of(user)) == [study]


def test_who_leaves_a_team_loses_its_studies(study: Study) -> None:
    user = of_team(study, "bo", Role.OWNER)

    Team.objects.get().places.all().delete()

    assert access.role_in(user, study) is None
    assert not access.studies_of(user).exists()


def test_a_superuser_owns_everything(study: Study) -> None:
    operator = User.objects.create_superuser("cy")

    assert access.role_in(operator, study) == Role.OWNER
    assert access.study_for(operator, "tiny", Role.OWNER) == study


def test_a_role_in_one_study_is_none_in_another(study: Study) -> None:
    elsewhere = factories.open_study(slug="elsewhere")
    ada = User.objects.get()

    assert access.role_in(ada, elsewhere) is None
    with pytest.raises(Http404):
        access.study_for(ada, "elsewhere")


def test_the_last_owner_cannot_go_nor_become_less(study: Study) -> None:
    ada = User.objects.get()
    of_team(study, "bo", Role.OWNER)  # a team does not count: it can be emptied
    gone = somebody(study, "cy", Role.OWNER)
    User.objects.filter(pk=gone.pk).update(is_active=False)

    with pytest.raises(LastOwner, match="Make somebody else an owner first"):
        access.revoke(study, ada)
    with pytest.raises(LastOwner, match="Make somebody else an owner first"):
        access.grant(study, ada, Role.EDITOR)

    assert access.role_in(ada, study) == Role.OWNER


def test_an_owner_may_go_once_there_is_another(study: Study) -> None:
    ada = User.objects.get()
    somebody(study, "bo", Role.OWNER)

    assert access.revoke(study, ada)
    assert not access.revoke(study, ada)
    assert access.owners(study) == ["bo"]


def test_what_changed_is_noted_and_what_did_not_is_not(study: Study) -> None:
    ada = User.objects.get()
    bo = User.objects.create_user("bo")

    access.grant(study, bo, Role.VIEWER, by=ada)
    access.grant(study, bo, Role.VIEWER, by=ada)
    access.grant(study, bo, Role.EDITOR, by=ada)
    access.revoke(study, bo, by=ada)
    access.revoke(study, bo, by=ada)

    told = AuditRecord.objects.filter(by="ada").order_by("pk")
    assert list(told.values_list("study", "verb", "details")) == [
        ("tiny", "person.added", {"role": "viewer", "account": "bo"}),
        (
            "tiny",
            "person.role-changed",
            {"role": "editor", "before": "viewer", "account": "bo"},
        ),
        ("tiny", "person.removed", {"before": "editor", "account": "bo"}),
    ]


def test_a_membership_is_of_a_person_or_a_team_and_of_a_known_role(
    study: Study,
) -> None:
    team = Team.objects.create(name="lab")
    user = User.objects.create_user("bo")
    for wrong in (
        {"role": "viewer"},
        {"role": "viewer", "user": user, "team": team},
        {"role": "admin", "user": user},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            Membership.objects.create(study=study, **wrong)
