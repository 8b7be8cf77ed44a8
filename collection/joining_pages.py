"""Arriving: the list of open studies, a study's front page, and the press that joins."""

from __future__ import annotations

import secrets
from typing import Final

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from collection import (
    admission,
    identities,
    languages,
    limits,
    participation,
    quotas,
)
from collection.errors import (
    CollectionError,
    NotSimulated,
    StudyFull,
)
from collection.forms import ArrivalForm
from collection.models import Study
from collection.page_parts import Status, get_or_post, participant_page
from collection.recruitment import arrival
from collection.recruitment.arrival import PROLIFIC, Arrival
from collection.recruitment.errors import ArrivalUnconfirmed
from collection.recruitment.participant_pages import full_page

SIMULATED_SALT: Final = "collection.simulated"
COOKIE_SECONDS: Final = 180 * 24 * 60 * 60


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """The studies that take new people, without those that have all they need."""
    found = Study.objects.filter(status=Study.Status.OPEN).order_by("title")
    studies = [study for study in found if not quotas.is_full(study)]
    return render(request, "participant/home.html", {"studies": studies})


@get_or_post
def join(request: HttpRequest, slug: str) -> HttpResponse:
    """A study's front page; sending it makes a session, or finds the person's own.

    The browser keeps a random token per study from its first visit on, so that a double
    click, or a return by the study's address, gives the same session. Simulated people
    bring a signed token instead, and each arrival is a new one.
    """
    study = get_object_or_404(
        Study.objects.exclude(status=Study.Status.DRAFT), slug=slug
    )
    form = ArrivalForm(request.POST if request.method == "POST" else request.GET)
    if not form.is_valid():
        raise CollectionError(
            _(
                "This link names you in a way that we cannot read. Please go back to the "
                "page that sent you here, and follow its link again."
            )
        )
    simulated = _claims_simulation(study, form.cleaned_data["simulated"])
    token = None if simulated else _browser_token(request, study)
    site = request.build_absolute_uri("/").rstrip("/")
    try:
        if request.method == "POST":
            response = _join(request, study, form, token, simulated, site)
        else:
            carried = arrival.looked_at(study, form.cleaned_data, site=site)
            who = arrival.claimed(carried)
            returning = _is_known(study, who.platform, who.external_id, token)
            if study.takes_new_people and not returning:
                quotas.open_groups(study, simulated=simulated)
            response = participant_page(
                request,
                "join",
                study,
                form=ArrivalForm(initial=carried),
                returning=returning,
                study=study,
            )
    except ArrivalUnconfirmed as refusal:
        arrival.note_refusal(study, refusal.reason)
        return participant_page(
            request,
            "unconfirmed",
            study,
            status=refusal.status,
            refusal=refusal,
            form=ArrivalForm(initial=form.cleaned_data),
            study=study,
        )
    except StudyFull as refusal:
        if request.method == "POST":
            arrival.note_refusal(study, refusal.code)
        sent_by = arrival.claimed(form.cleaned_data).platform
        return full_page(request, study, refusal, from_platform=sent_by == PROLIFIC)
    if token is not None:
        response.set_signed_cookie(
            _cookie_name(study),
            token,
            max_age=COOKIE_SECONDS,
            path=request.path,
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )
    return response


def _join(
    request: HttpRequest,
    study: Study,
    form: ArrivalForm,
    token: str | None,
    simulated: bool,
    site: str,
) -> HttpResponse:
    """A session for who arrives, or a place in the line.

    The line comes first: whoever waits asks again and again, and the platform is only
    asked who they are once there is room. Nobody waits for a study that is full.
    """
    platform, external_id = form.identity()
    known = _is_known(study, platform, external_id, token)
    if study.takes_new_people and not known:
        quotas.open_groups(study, simulated=simulated)
        line = admission.wait_or_enter(request.POST.get("waiting", "")[:40])
        if line is not None:
            return participant_page(
                request,
                "waiting",
                study,
                form=ArrivalForm(initial=form.cleaned_data),
                study=study,
                line=line,
                ask_again_s=admission.ASK_AGAIN_S,
            )
    if study.takes_new_people and not known and not simulated:
        limits.take(limits.JOINING, limits.address(request))
    who = (
        Arrival(platform, external_id)
        if simulated
        else arrival.confirmed(study, form.cleaned_data, site=site)
    )
    session = participation.enrol(
        study,
        external_id=who.external_id,
        platform=who.platform,
        participant_token=token,
        simulated=simulated,
    )
    languages.keep(session, languages.chosen(request, study))
    arrival.record(session, who)
    response = redirect("resume", code=session.code)
    if who.external_id and session.status == Status.ARRIVED:
        named = identities.Arrival(who.platform, who.external_id)
        identities.carry(response, session, named)
    return response


def _cookie_name(study: Study) -> str:
    return f"attune-{study.slug}"


def _browser_token(request: HttpRequest, study: Study) -> str:
    """The token that this browser was given for this study, or a new one."""
    known: str | None = request.get_signed_cookie(
        _cookie_name(study), default=None, max_age=COOKIE_SECONDS
    )
    return known or secrets.token_urlsafe(24)


def _is_known(
    study: Study, platform: str, external_id: str | None, token: str | None
) -> bool:
    """Whether somebody who arrives like this has a session already."""
    if external_id:
        return identities.find(
            study, identities.Arrival(platform, external_id)
        ).exists()
    if token:
        return identities.find(
            study, identities.Arrival(identities.BROWSER, token)
        ).exists()
    return False


def _claims_simulation(study: Study, token: str) -> bool:
    """True with a token that this server signed for this study, False without one.

    Raises:
        NotSimulated: a token that was not signed here, or for another study.
    """
    if not token:
        return False
    try:
        payload = signing.loads(token, salt=SIMULATED_SALT)
    except signing.BadSignature:
        payload = None
    if not isinstance(payload, dict) or payload.get("study") != study.slug:
        raise NotSimulated(
            _(
                "This link claims a simulated participant, and was not made for this "
                "study by this server. To take part yourself, use the study's plain "
                "address."
            )
        )
    return True
