"""What the participants' pages share: finding the session, and rendering a page.

A session's code in the address is the key to it; nothing else identifies a participant
to these pages. Where a participant is, is looked up and never believed: every page of
another stage leads to the right one.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.views.decorators.http import require_http_methods

from collection import (
    consents,
    erasure,
    languages,
)
from collection.errors import (
    SessionErased,
)
from collection.models import Study, StudySession

Status = StudySession.Status
get_or_post = require_http_methods(["GET", "HEAD", "POST"])


def find_session(code: UUID) -> StudySession:
    # The study's documents are large, and parsed once per process: not fetched here.
    sessions = StudySession.objects.select_related("study").defer(
        "study__definition", "study__simulation"
    )
    session = sessions.filter(code=code).first()
    if session is None:
        raise no_session(code)
    languages.speak(session)  # refusals too are said in it
    return session


def no_session(code: UUID) -> Exception:
    """Why there is no session of this code: erased, or never there."""
    return SessionErased() if erasure.was_erased(code) else Http404("no such session")


def participant_page(
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
