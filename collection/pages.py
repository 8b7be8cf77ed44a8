"""A session's own pages around its trials: consent, instructions, debrief, withdrawal."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from collection import (
    comprehension,
    consents,
    identities,
    languages,
    participation,
    withdrawal,
)
from collection.errors import (
    ConsentTextChanged,
    StudyFull,
)
from collection.forms import ConsentForm
from collection.models import StudySession
from collection.page_parts import Status, find_session, get_or_post, participant_page
from collection.recruitment.completion import completion_for, end
from collection.recruitment.participant_pages import full_page
from collection.recruitment.sections import Outcome


@require_safe
def resume(request: HttpRequest, code: UUID) -> HttpResponse:
    """Wherever this session is."""
    session = find_session(code)
    if session.status == Status.ARRIVED:
        return redirect("consent", code=code)
    if session.over:
        return redirect("debrief", code=code)
    begun = session.trials.exists()
    return redirect("trial" if begun else "instructions", code=code)


@get_or_post
def consent(request: HttpRequest, code: UUID) -> HttpResponse:
    """What taking part means, the age gate, and a tick for each use of the data."""
    session = find_session(code)
    if session.status != Status.ARRIVED:
        return redirect("resume", code=code)
    language = languages.chosen(request, session)
    if request.method == "POST":
        languages.keep(session, language)
    if request.method == "POST" and request.POST.get("decision") == "decline":
        participation.decline(session)
        return _forgetting_who(redirect("debrief", code=code), session)
    uses = session.study.definition_model().consent.uses
    form = ConsentForm(request.POST if request.method == "POST" else None, uses=uses)
    changed = None
    if form.is_valid():
        session.arriving_as = identities.carried(request, session)
        try:
            participation.give_consent(
                session,
                form.cleaned_data["uses"],
                of_age=form.cleaned_data["of_age"],
                read=request.POST.get("version") or None,
            )
        except ConsentTextChanged as refusal:  # shown again, as it is now
            changed = refusal
        except StudyFull as refusal:  # they took long, and others came
            return full_page(request, session, refusal)
        else:
            return _forgetting_who(redirect("instructions", code=code), session)
    return participant_page(
        request,
        "consent",
        session,
        status=changed.status if changed else 422 if form.is_bound else 200,
        form=form,
        changed=changed,
        ticked=[] if changed else request.POST.getlist("uses"),
        version=consents.version_of(
            consents.shown(session.study.definition_model(), language)
        ),
    )


@require_safe
def instructions(request: HttpRequest, code: UUID) -> HttpResponse:
    """How it works, with the way to the first trial."""
    session = find_session(code)
    if session.status != Status.CONSENTED:
        return redirect("resume", code=code)
    done, total = participation.progress(session)
    return participant_page(request, "instructions", session, done=done, total=total)


@require_safe
def debrief(request: HttpRequest, code: UUID) -> HttpResponse:
    """The end: finished, withdrawn or declined, each in its own words."""
    session = find_session(code)
    if not session.over:
        return redirect("resume", code=code)
    completion = completion_for(session)
    name = {
        Outcome.FINISHED: "debrief",
        Outcome.DECLINED: "declined",
        Outcome.WITHDRAWN: "withdrawn",
    }.get(completion.outcome, "ended")
    own_code = None
    if session.status == Status.FINISHED and not session.simulated:
        own_code = withdrawal.code_of(session)
    return participant_page(
        request, name, session, completion=completion, withdrawal_code=own_code
    )


@require_safe
def return_place(request: HttpRequest, code: UUID) -> HttpResponse:
    """For whoever missed the instructions twice: how to give the place back."""
    session = find_session(code)
    if session.status != Status.CONSENTED or not comprehension.failed(session):
        return redirect("resume", code=code)
    completion = end(session, Outcome.FAILED_COMPREHENSION)
    return participant_page(request, "return", session, completion=completion)


@get_or_post
def withdraw(request: HttpRequest, code: UUID) -> HttpResponse:
    """Ask once whether the answers shall be left out, and do so."""
    session = find_session(code)
    if session.status == Status.WITHDRAWN:
        return redirect("debrief", code=code)
    if request.method == "POST":
        participation.withdraw(session)
        return redirect("debrief", code=code)
    return participant_page(
        request, "withdraw", session, too_late=withdrawal.too_late(session)
    )


def _forgetting_who(response: HttpResponse, session: StudySession) -> HttpResponse:
    identities.drop(response, session)
    return response
