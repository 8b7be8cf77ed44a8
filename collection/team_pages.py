"""Teams: people who get a study's role together.

Anybody may make a team and leads it then. Who leads says who is in it and who else
leads; a team always has somebody who does. A team without people is no team: leaving as
the last one ends it, and with it the roles that it had.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from collection import accounts, audit
from collection.errors import CollectionError, LastLead, NotAllowed, NotOneAccount
from collection.models import Study, Team, TeamPlace
from collection.people_forms import LONGEST_WHO


class NewTeamForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Team
        fields = ("name",)
        labels = {"name": "Name of the new team"}


class WhoForm(forms.Form):
    who = forms.CharField(max_length=LONGEST_WHO)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def teams(request: HttpRequest) -> HttpResponse:
    """My teams, and a form that makes another one."""
    form = NewTeamForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        with transaction.atomic():
            team = form.save()
            team.places.create(user_id=request.user.pk, leads=True)
            audit.record(request.user, None, "team.made", team=team.name)
        return redirect("research-teams")
    mine = TeamPlace.objects.filter(user=_me(request)).select_related("team")
    context = {
        "form": form,
        "places": mine.prefetch_related("team__places__user", "team__memberships"),
    }
    status = 422 if form.is_bound else 200
    return render(request, "research/teams.html", context, status=status)


@login_required
@require_POST
def join(request: HttpRequest, pk: int) -> HttpResponse:
    """Put somebody with an account into a team that I lead."""
    team = _led(request, pk)
    form = WhoForm(request.POST)
    try:
        typed = form.cleaned_data["who"] if form.is_valid() else ""
        user = accounts.account_named(typed)
    except NotOneAccount as refusal:
        messages.error(request, refusal.message)
        return redirect("research-teams")
    with transaction.atomic():
        _, new = team.places.get_or_create(user=user)
        if new:
            _note(team, request.user, "team.joined", user)
    return redirect("research-teams")


@login_required
@require_POST
def change_lead(request: HttpRequest, pk: int, place: int) -> HttpResponse:
    """Make somebody lead the team too, or no longer."""
    team = _led(request, pk)
    return _change(request, team, place, request.POST.get("leads") == "1")


@login_required
@require_POST
def leave(request: HttpRequest, pk: int, place: int) -> HttpResponse:
    """Take somebody out of a team that I lead, or myself out of any."""
    team = _mine(request, pk)
    if get_object_or_404(team.places, pk=place).user_id != request.user.pk:
        team = _led(request, pk)
    return _change(request, team, place, None)


# ------------------------------------------------------------------ the pieces


def _me(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # every view here asks for a login
    return request.user


def _mine(request: HttpRequest, pk: int) -> Team:
    return get_object_or_404(Team, pk=pk, places__user=request.user)


def _led(request: HttpRequest, pk: int) -> Team:
    team = _mine(request, pk)
    if not team.places.filter(user=_me(request), leads=True).exists():
        raise NotAllowed("Only who leads this team may do this.")
    return team


def _change(
    request: HttpRequest, team: Team, place_pk: int, leads: bool | None
) -> HttpResponse:
    """Change whether somebody leads; None takes them out."""
    try:
        with transaction.atomic():
            Team.objects.select_for_update(no_key=True).get(pk=team.pk)
            place = get_object_or_404(team.places, pk=place_pk)
            _do(team, place, leads, request.user)
    except CollectionError as refusal:
        messages.error(request, refusal.message)
    return redirect("research-teams")


def _do(team: Team, place: TeamPlace, leads: bool | None, by: Any) -> None:
    others = team.places.exclude(pk=place.pk)
    stops = place.leads and not leads and (leads is not None or others.exists())
    if stops and not others.filter(leads=True).exists():
        raise LastLead("A team needs somebody who leads it: name another one first.")
    if leads is None:
        place.delete()
        _note(team, by, "team.left", place.user)
        if not others.exists():
            team.delete()
    elif place.leads != leads:
        place.leads = leads
        place.save(update_fields=["leads"])
        _note(team, by, "team.lead-changed", place.user, leads=leads)


def _note(team: Team, by: Any, verb: str, who: User, **details: bool) -> None:
    """In the log of every study of the team: each has one person more, or less, now."""
    studies: list[Study | None] = [
        one.study for one in team.memberships.select_related("study")
    ]
    for study in studies or [None]:
        account = who.get_username()
        audit.record(by, study, verb, team=team.name, account=account, **details)
