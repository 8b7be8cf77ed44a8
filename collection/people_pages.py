"""The people of a study: who they are, adding, changing a role, removing, inviting.

Everybody of the study sees who else is; owners change it. Anybody may leave.
"""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from collection import access, accounts
from collection.access import Role, role_in, study_for
from collection.errors import LastOwner, NotInvited, NotOneAccount
from collection.models import Membership, Study
from collection.people_forms import ROLES, AddForm, InviteForm, RoleForm, TeamForm


@login_required
@require_safe
def people(request: HttpRequest, slug: str) -> HttpResponse:
    """Who is in the study, and as what."""
    return _people(request, study_for(request.user, slug))


@login_required
@require_POST
def add(request: HttpRequest, slug: str) -> HttpResponse:
    """Give somebody with an account a role; who has none can be invited."""
    study = study_for(request.user, slug, at_least=Role.OWNER)
    form = AddForm(request.POST)
    if not form.is_valid():
        return _people(request, study, add_form=form)
    who, role = form.cleaned_data["who"], form.cleaned_data["role"]
    try:
        user = accounts.account_named(who)
    except NotOneAccount as refusal:
        form.add_error("who", refusal.message)
        invite_form = InviteForm(initial=_guessed(who, role))
        return _people(request, study, add_form=form, invite_form=invite_form)
    return _grant(request, study, user, role)


@login_required
@require_POST
def add_team(request: HttpRequest, slug: str) -> HttpResponse:
    """Give one of my teams a role."""
    study = study_for(request.user, slug, at_least=Role.OWNER)
    form = TeamForm(request.POST, user=request.user, study=study)
    if not form.is_valid():
        return _people(request, study, team_form=form)
    team, role = form.cleaned_data["team"], form.cleaned_data["role"]
    return _grant(request, study, team, role)


@login_required
@require_POST
def invite(request: HttpRequest, slug: str) -> HttpResponse:
    """Make an account, give it a role, and show once the link to hand over."""
    study = study_for(request.user, slug, at_least=Role.OWNER)
    form = InviteForm(request.POST)
    if not form.is_valid():
        return _people(request, study, invite_form=form)
    with transaction.atomic():
        user = accounts.invite(
            form.cleaned_data["username"],
            form.cleaned_data["email"],
            by=request.user,
        )
        access.grant(study, user, Role(form.cleaned_data["role"]), by=request.user)
    return _invited(request, study, user, accounts.welcome_key(user))


@login_required
@require_POST
def invite_anew(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Make and show a new link for somebody whose invitation was lost or ran out."""
    study = study_for(request.user, slug, at_least=Role.OWNER)
    user = get_object_or_404(study.memberships, pk=pk, user__isnull=False).user
    assert user is not None  # as the filter says
    try:
        key = accounts.renew(user, study, by=request.user)
    except NotInvited as refusal:
        messages.error(request, refusal.message)
        return redirect("research-people", slug=slug)
    return _invited(request, study, user, key, anew=True)


@login_required
@require_POST
def change_role(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Give a person or a team of the study another role."""
    study = study_for(request.user, slug, at_least=Role.OWNER)
    membership = get_object_or_404(study.memberships, pk=pk)
    form = RoleForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Choose one of the three roles.")
        return redirect("research-people", slug=slug)
    return _grant(request, study, _who(membership), form.cleaned_data["role"])


@login_required
@require_POST
def remove(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Take a person or a team out of the study. Oneself, anybody may."""
    study = study_for(request.user, slug)
    membership = get_object_or_404(study.memberships, pk=pk)
    if membership.user_id != request.user.pk:
        study_for(request.user, slug, at_least=Role.OWNER)
    who = _who(membership)
    try:
        access.revoke(study, who, by=request.user)
    except LastOwner as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, f"{who} is no longer in this study.")
    if role_in(request.user, study) is None:
        return redirect("research")
    return redirect("research-people", slug=slug)


# ------------------------------------------------------------------ the pieces


def _people(request: HttpRequest, study: Study, **shown: Any) -> HttpResponse:
    role = role_in(request.user, study)
    may_change = access.allows(role, Role.OWNER)
    refused = any(form.is_bound for form in shown.values() if hasattr(form, "is_bound"))
    if may_change:
        team_form = TeamForm(user=request.user, study=study)
        shown = {"add_form": AddForm(), "team_form": team_form, **shown}
    memberships = list(
        study.memberships.select_related("user", "team")
        .prefetch_related("team__places__user")
        .order_by("team", "since", "pk")
    )
    waiting = {one.user for one in memberships if one.user and accounts.waits(one.user)}
    context = {
        "study": study,
        "heading": "People",
        "memberships": memberships,
        "waiting": waiting,
        "renewable": {
            user
            for user in waiting
            if may_change and accounts.may_renew(user, request.user)
        },
        "role": role,
        "may_change": may_change,
        "roles": ROLES,
        **shown,
    }
    return render(
        request, "research/people.html", context, status=422 if refused else 200
    )


def _invited(
    request: HttpRequest,
    study: Study,
    user: Any,
    key: tuple[str, str],
    *,
    anew: bool = False,
) -> HttpResponse:
    """The page that shows a link once."""
    link = request.build_absolute_uri(reverse("research-welcome", args=key))
    return _people(request, study, invited=user, anew=anew, welcome_url=link)


def _grant(request: HttpRequest, study: Study, who: Any, role: str) -> HttpResponse:
    try:
        access.grant(study, who, Role(role), by=request.user)
    except LastOwner as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, f"{who} is {_a(Role(role))} of this study.")
    return redirect("research-people", slug=study.slug)


def _who(membership: Membership) -> Any:
    return membership.user or membership.team


def _a(role: Role) -> str:
    return f"{'a' if role == Role.VIEWER else 'an'} {role.value}"


def _guessed(who: str, role: str) -> dict[str, str]:
    """What the invitation begins with: the name before the @, and the address."""
    name, at, _ = who.partition("@")
    return {"username": name, "email": who if at else "", "role": role}
