"""The participants' pages: find the session, do one thing, go on.

A session's code in the address is the key to it; nothing else identifies a participant
to these pages. Where a participant is, is looked up and never believed: every page of
another stage leads to the right one.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core import signing
from django.core.exceptions import ValidationError
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone, translation
from django.utils.functional import lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from collection import (
    admission,
    comprehension,
    consents,
    erasure,
    identities,
    languages,
    participation,
    withdrawal,
)
from collection.arena_page import arena_shown
from collection.assignment import Whereabouts
from collection.definitions import StudyDefinition
from collection.error_pages import csrf_failure
from collection.errors import (
    AlreadyAnswered,
    AnswerMissing,
    AnswerNotOffered,
    CollectionError,
    ComprehensionFailed,
    ConsentMissing,
    ConsentTextChanged,
    NotSimulated,
    RatingOutOfRange,
    SessionErased,
    SessionOver,
)
from collection.forms import AnswerForm, ArrivalForm, ConsentForm
from collection.models import Study, StudySession, Trial
from collection.recruitment import arrival
from collection.recruitment.arrival import Arrival
from collection.recruitment.completion import completion_for, end
from collection.recruitment.errors import ArrivalUnconfirmed
from collection.recruitment.sections import Outcome
from collection.rows import IssuedTrial
from collection.trial_page import trial_page

__all__ = [
    "consent",
    "csrf_failure",
    "debrief",
    "healthz",
    "home",
    "instructions",
    "join",
    "resume",
    "return_place",
    "trial",
    "withdraw",
]

SIMULATED_SALT: Final = "collection.simulated"
COOKIE_SECONDS: Final = 180 * 24 * 60 * 60
NO_TRIAL: Final = UUID(int=0)
"""Stands for a trial id that cannot be read: no session was ever shown it."""
SHOWN_BEFORE_S: Final = 5
"""An open trial older than this was on an earlier page: its time is not measured."""

IN_PLACE: Final = "Attune-In-Place"
"""Request header: answer with the next page itself instead of the way to it."""
STORED: Final = "Attune-Stored"
"""Response header: the trial to which the server now holds an answer for good."""

Status = StudySession.Status
get_or_post = require_http_methods(["GET", "HEAD", "POST"])


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """The studies that take new people."""
    studies = Study.objects.filter(status=Study.Status.OPEN).order_by("title")
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
            response = _page(
                request,
                "join",
                study,
                form=ArrivalForm(initial=carried),
                returning=returning,
                study=study,
            )
    except ArrivalUnconfirmed as refusal:
        arrival.note_refusal(study, refusal)
        return _page(
            request,
            "unconfirmed",
            study,
            status=refusal.status,
            refusal=refusal,
            form=ArrivalForm(initial=form.cleaned_data),
            study=study,
        )
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
    asked who they are once there is room.
    """
    platform, external_id = form.identity()
    if study.takes_new_people and not _is_known(study, platform, external_id, token):
        line = admission.wait_or_enter(request.POST.get("waiting", "")[:40])
        if line is not None:
            return _page(
                request,
                "waiting",
                study,
                form=ArrivalForm(initial=form.cleaned_data),
                study=study,
                line=line,
                ask_again_s=admission.ASK_AGAIN_S,
            )
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


@require_safe
def resume(request: HttpRequest, code: UUID) -> HttpResponse:
    """Wherever this session is."""
    session = _find(code)
    if session.status == Status.ARRIVED:
        return redirect("consent", code=code)
    if session.over:
        return redirect("debrief", code=code)
    begun = session.trials.exists()
    return redirect("trial" if begun else "instructions", code=code)


@get_or_post
def consent(request: HttpRequest, code: UUID) -> HttpResponse:
    """What taking part means, the age gate, and a tick for each use of the data."""
    session = _find(code)
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
        else:
            return _forgetting_who(redirect("instructions", code=code), session)
    return _page(
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
    session = _find(code)
    if session.status != Status.CONSENTED:
        return redirect("resume", code=code)
    done, total = participation.progress(session)
    return _page(request, "instructions", session, done=done, total=total)


@get_or_post
def trial(request: HttpRequest, code: UUID) -> HttpResponse:
    """Show the session's current trial, or take the answer to one."""
    if request.method == "POST":
        return _take_answer(request, code)
    return _show_current(request, code)


@require_safe
def debrief(request: HttpRequest, code: UUID) -> HttpResponse:
    """The end: finished, withdrawn or declined, each in its own words."""
    session = _find(code)
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
    return _page(
        request, name, session, completion=completion, withdrawal_code=own_code
    )


@require_safe
def return_place(request: HttpRequest, code: UUID) -> HttpResponse:
    """For whoever missed the instructions twice: how to give the place back."""
    session = _find(code)
    if session.status != Status.CONSENTED or not comprehension.failed(session):
        return redirect("resume", code=code)
    completion = end(session, Outcome.FAILED_COMPREHENSION)
    return _page(request, "return", session, completion=completion)


@get_or_post
def withdraw(request: HttpRequest, code: UUID) -> HttpResponse:
    """Ask once whether the answers shall be left out, and do so."""
    session = _find(code)
    if session.status == Status.WITHDRAWN:
        return redirect("debrief", code=code)
    if request.method == "POST":
        participation.withdraw(session)
        return redirect("debrief", code=code)
    return _page(request, "withdraw", session, too_late=withdrawal.too_late(session))


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Whether the site and its database answer."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return JsonResponse({"status": "ok"})


# What the pages share -----------------------------------------------------------------


def _find(code: UUID) -> StudySession:
    # The study's documents are large, and parsed once per process: not fetched here.
    sessions = StudySession.objects.select_related("study").defer(
        "study__definition", "study__simulation"
    )
    session = sessions.filter(code=code).first()
    if session is None:
        raise _missing(code)
    languages.speak(session)  # refusals too are said in it
    return session


def _missing(code: UUID) -> Exception:
    """Why there is no session of this code: erased, or never there."""
    return SessionErased() if erasure.was_erased(code) else Http404("no such session")


def _page(
    request: HttpRequest,
    name: str,
    whose: StudySession | Study,
    *,
    status: int = 200,
    **context: Any,
) -> HttpResponse:
    """Render a participant's page in their language."""
    session = whose if isinstance(whose, StudySession) else None
    study = session.study if session else whose
    assert isinstance(study, Study)
    language = languages.chosen(request, whose)
    definition = study.definition_model().in_language(language)
    translation.activate(language)
    return render(
        request,
        f"participant/{name}.html",
        {
            "session": session,
            "definition": definition,
            "warning": consents.warning(definition.consent),
            "language": language,
            "languages": languages.switcher(
                request, study.definition_model(), language
            ),
            **context,
        },
        status=status,
    )


def _take_answer(request: HttpRequest, code: UUID) -> HttpResponse:
    """Store one answer and go on; an incomplete one is asked for again.

    A browser without the script is sent on to the next page, which it may then reload.
    The script asks for that page at once (``IN_PLACE``): one request less for each
    answer. It is told in ``STORED`` that the server holds an answer to this trial, and
    keeps the answer until then.
    """
    form = AnswerForm(request.POST)
    form.is_valid()
    trial_id = form.cleaned_data.get("trial_id", NO_TRIAL)
    refusal = _unreadable(form)
    if refusal is None:
        try:
            participation.record_response(
                code,
                trial_id=trial_id,
                answer=form.answer(),
                rt_ms=form.cleaned_data.get("rt_ms"),
                timing=form.cleaned_data.get("timing"),
            )
        except StudySession.DoesNotExist as unknown:
            raise _missing(code) from unknown
        except AlreadyAnswered as first_stands:  # the back button: tell them, and go on
            messages.info(request, first_stands.message)
        except (ConsentMissing, SessionOver):  # ended in another tab meanwhile
            return redirect("resume", code=code)
        except AnswerMissing:
            refusal = ""  # the page has its own words for what this trial lacks
        except (AnswerNotOffered, RatingOutOfRange) as wrong:
            refusal = wrong.message
    if refusal is not None:
        return _show_current(request, code, refused=trial_id, refusal=refusal)
    if IN_PLACE not in request.headers:
        return redirect("trial", code=code)
    response = _show_current(request, code)
    response.headers[STORED] = str(trial_id)
    return response


def _show_current(
    request: HttpRequest,
    code: UUID,
    *,
    refused: UUID | None = None,
    refusal: str = "",
) -> HttpResponse:
    """The trial that the session is at, or the way to where it is instead.

    A refusal is shown if it was about this trial; about another one it is too late.
    """
    try:
        session, here = participation.whereabouts(code)
    except StudySession.DoesNotExist as unknown:
        raise _missing(code) from unknown
    except (ConsentMissing, SessionOver):
        return redirect("resume", code=code)
    except ComprehensionFailed:
        return redirect("return", code=code)
    if here is not None and here.trial is None:
        participation.finish(session)
    if here is None or here.trial is None:
        return redirect("debrief", code=code)
    if refused is None or refused == here.trial.pk:
        return _show_trial(
            request, session, here, refusal=None if refused is None else refusal
        )
    return redirect("trial", code=code)


def _unreadable(form: AnswerForm) -> str | None:
    """What could not be read in an answer; an unknown trial is not for here."""
    for field in ("rating", "choice", "text"):
        for error in form.errors.as_data().get(field, []):
            return _in_time(error)
    return None


def _in_words(error: ValidationError) -> str:
    return str(error.messages[0])


# Put into words once the language of the page is known.
_in_time: Callable[[ValidationError], str] = lazy(_in_words, str)


@dataclass(frozen=True)
class Opening:
    """What is said where something new begins."""

    heading: str
    text: str


def _show_trial(
    request: HttpRequest,
    session: StudySession,
    here: Whereabouts,
    *,
    refusal: str | None = None,
) -> HttpResponse:
    definition = languages.speak(session)
    current = here.trial
    assert current is not None
    total = participation.n_trials(session)
    done = min(here.n_answered, total)
    if current.kind == "question" and current.repeat:
        done -= 1  # the same question once more
    page = trial_page(current, definition)
    age_s = (timezone.now() - current.issued_at).total_seconds()
    return _page(
        request,
        page.template.removeprefix("participant/").removesuffix(".html"),
        session,
        status=200 if refusal is None else 422,
        page=page,
        arena=arena_shown(
            page,
            definition.wording.not_understood,
            {} if refusal is None else request.POST,
        ),
        refused=refusal is not None,
        refusal=refusal,
        done=done,
        number=done + 1,
        total=total,
        part=session.blocks.index(current.block) + 1,
        n_parts=len(session.blocks),
        opening=_opening(session, current, here.before, definition),
        shown_before=refusal is not None or age_s > SHOWN_BEFORE_S,
    )


def _opening(
    session: StudySession,
    current: Trial,
    before: IssuedTrial | None,
    definition: StudyDefinition,
) -> Opening | None:
    """What to say where a part, or a dimension within it, begins."""
    if current.kind == "question" and current.repeat:
        block = definition.block(current.block).instructions
        return Opening(
            _("That was not it. Please read how it works once more, and try again"),
            "\n\n".join(filter(None, [definition.instructions, block])),
        )
    if before is None or before.block != current.block:
        text = definition.block(current.block).instructions
        if not text:
            return None
        where = {
            "part": session.blocks.index(current.block) + 1,
            "parts": len(session.blocks),
        }
        return Opening(_("Part %(part)d of %(parts)d") % where, text)
    if current.dimension and before.dimension != current.dimension:
        dimension = definition.dimension(current.dimension)
        return Opening(
            _("The question changes here"), f"{dimension.label}: {dimension.definition}"
        )
    return None


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


def _forgetting_who(response: HttpResponse, session: StudySession) -> HttpResponse:
    identities.drop(response, session)
    return response


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
