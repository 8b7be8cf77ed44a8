"""Who may see and do what: the one place where a study is looked up for a person.

A role is a person's own or comes from a team; the higher one counts. Owners do all,
people and erasing included; editors run the study (jobs, its state, quality, pay);
viewers look, and download what names nobody. A superuser is owner of everything.

Whoever may not see a study at all is told what a guess at its address would be told,
that there is no such page. Whoever sees it and may not do this is told who may.
"""

from __future__ import annotations

from typing import Any, Final

from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import Http404

from collection import audit
from collection.errors import LastOwner, NotAllowed
from collection.models import Membership, Role, Study, Team

__all__ = [
    "Role",
    "allows",
    "grant",
    "owners",
    "revoke",
    "role_in",
    "studies_of",
    "study_for",
]

_RANK: Final = {Role.VIEWER: 1, Role.EDITOR: 2, Role.OWNER: 3}
_ONLY: Final = {
    Role.VIEWER: "Only people of this study may do this.",
    Role.EDITOR: "Only an editor or an owner of this study may do this.",
    Role.OWNER: "Only an owner of this study may do this.",
}


def studies_of(user: Any) -> QuerySet[Study]:
    """The studies that a person may see, by title; all of them for a superuser."""
    if not user.is_authenticated:
        return Study.objects.none()
    studies = Study.objects.order_by("title", "slug")
    if user.is_superuser:
        return studies
    return studies.filter(pk__in=_memberships(user).values("study"))


def role_in(user: Any, study: Study) -> Role | None:
    """The highest role that a person has in a study; None for a stranger."""
    if not user.is_authenticated:
        return None
    if user.is_superuser:
        return Role.OWNER
    roles = _memberships(user).filter(study=study).values_list("role", flat=True)
    return max(map(Role, roles), key=_RANK.__getitem__, default=None)


def allows(role: Role | None, at_least: Role) -> bool:
    """Whether a role may what `at_least` may."""
    return role is not None and _RANK[role] >= _RANK[at_least]


def study_for(user: Any, slug: str, at_least: Role = Role.VIEWER) -> Study:
    """A study, for a person who may do there what this role may.

    Raises:
        Http404: there is no such study, or this person may not see it.
        NotAllowed: they may see it, and their role is too low for this.
    """
    study = studies_of(user).filter(slug=slug).first()
    if study is None:
        raise Http404("no such study")
    role = role_in(user, study)
    if not allows(role, at_least):
        raise NotAllowed(
            f"{_ONLY[at_least]} You are {_a(role)} of it. Ask "
            f"{_named(owners(study)) or 'whoever runs this server'}."
        )
    return study


def owners(study: Study) -> list[str]:
    """The names of the accounts that own a study themselves, not through a team."""
    mine = study.memberships.filter(role=Role.OWNER, user__isnull=False)
    return list(mine.order_by("since", "pk").values_list("user__username", flat=True))


@transaction.atomic
def grant(study: Study, who: Any, role: Role, *, by: Any = None) -> Membership:
    """Give a person or a team a role in a study, in place of the one they had.

    Safe to repeat. What really changed is noted in the audit log.

    Args:
        who: An account or a :class:`Team`.
        by: The account that does it; None where a command does.

    Raises:
        LastOwner: the study would be without an owner.
    """
    Study.objects.select_for_update(no_key=True).get(pk=study.pk)
    key = _key(who)
    standing = study.memberships.filter(**key).first()
    if standing is None:
        made = Membership.objects.create(study=study, role=role, **key)
        audit.record(by, study, "person.added", role=role.value, **_said(who))
        return made
    before = Role(standing.role)
    if before == role:
        return standing
    if before == Role.OWNER:
        _another_owner(study, standing)
    standing.role = role
    standing.save(update_fields=["role"])
    audit.record(
        by,
        study,
        "person.role-changed",
        role=role.value,
        before=before.value,
        **_said(who),
    )
    return standing


@transaction.atomic
def revoke(study: Study, who: Any, *, by: Any = None) -> bool:
    """Take a person or a team out of a study; False where they were not in it.

    Raises:
        LastOwner: the study would be without an owner.
    """
    Study.objects.select_for_update(no_key=True).get(pk=study.pk)
    standing = study.memberships.filter(**_key(who)).first()
    if standing is None:
        return False
    if standing.role == Role.OWNER:
        _another_owner(study, standing)
    standing.delete()
    audit.record(by, study, "person.removed", before=standing.role, **_said(who))
    return True


def _memberships(user: Any) -> QuerySet[Membership]:
    return Membership.objects.filter(Q(user=user) | Q(team__places__user=user))


def _another_owner(study: Study, standing: Membership) -> None:
    """Refuse unless an active account owns the study besides this membership.

    A team does not count: its lead could empty it, and nobody would notice.
    """
    others = study.memberships.filter(role=Role.OWNER, user__is_active=True)
    if not others.exclude(pk=standing.pk).exists():
        raise LastOwner(
            "A study needs an owner, and this is its last one. Make somebody else an "
            "owner first."
        )


def _key(who: Any) -> dict[str, Any]:
    return {"team": who} if isinstance(who, Team) else {"user": who}


def _said(who: Any) -> dict[str, str]:
    if isinstance(who, Team):
        return {"team": who.name}
    return {"account": who.get_username()}


def _a(role: Role | None) -> str:
    assert role is not None  # a stranger is told that there is no such study
    return f"{'a' if role == Role.VIEWER else 'an'} {role.value}"


def _named(names: list[str]) -> str:
    return names[0] if len(names) == 1 else " or ".join(names[:3])
