"""A trial's page: show it, take the answer to it, go on.

A browser without the script is sent on to the next page, which it may then reload; the
script gets that page in the answer itself (`IN_PLACE`) and hears which trial the server
now holds an answer to (`STORED`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.functional import lazy
from django.utils.translation import gettext as _

from collection import (
    languages,
    participation,
)
from collection.arena_page import arena_shown
from collection.assignment import Whereabouts
from collection.definitions import StudyDefinition
from collection.errors import (
    AlreadyAnswered,
    AnswerMissing,
    AnswerNotOffered,
    ComprehensionFailed,
    ConsentMissing,
    RatingOutOfRange,
    SessionOver,
)
from collection.forms import AnswerForm
from collection.models import StudySession, Trial
from collection.page_parts import get_or_post, no_session, participant_page
from collection.rows import IssuedTrial
from collection.trial_page import trial_page

NO_TRIAL: Final = UUID(int=0)
"""Stands for a trial id that cannot be read: no session was ever shown it."""
SHOWN_BEFORE_S: Final = 5
"""An open trial older than this was on an earlier page: its time is not measured."""
IN_PLACE: Final = "Attune-In-Place"
"""Request header: answer with the next page itself instead of the way to it."""
STORED: Final = "Attune-Stored"
"""Response header: the trial to which the server now holds an answer for good."""


@get_or_post
def trial(request: HttpRequest, code: UUID) -> HttpResponse:
    """Show the session's current trial, or take the answer to one."""
    if request.method == "POST":
        return _take_answer(request, code)
    return _show_current(request, code)


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
            raise no_session(code) from unknown
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
        raise no_session(code) from unknown
    except (ConsentMissing, SessionOver):
        return redirect("resume", code=code)
    except ComprehensionFailed:
        return redirect("return", code=code)
    if here is not None and here.trial is None:
        participation.finish(session)
    if here is None or here.trial is None:
        return redirect("debrief", code=code)
    if refused is None or refused == here.trial.pk:
        return show_trial(
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


def show_trial(
    request: HttpRequest,
    session: StudySession,
    here: Whereabouts,
    *,
    refusal: str | None = None,
) -> HttpResponse:
    """The page of one trial; looks nothing up that is not handed over."""
    definition = languages.speak(session)
    current = here.trial
    assert current is not None
    total = participation.n_trials(session)
    done = min(here.n_answered, total)
    if current.kind == "question" and current.repeat:
        done -= 1  # the same question once more
    page = trial_page(current, definition)
    age_s = (timezone.now() - current.issued_at).total_seconds()
    return participant_page(
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
