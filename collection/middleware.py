"""What every response carries, and how a refusal is shown.

``SecurityHeadersMiddleware`` allows a page to load from this site only (``policies.py``
says what, and how a view asks for more). ``CollectionErrorMiddleware`` turns a
:class:`~collection.errors.CollectionError` into a page a participant can act on, or into
JSON for a program, and leaves an ``Incident`` behind. A database that is away for a moment
is no fault of anybody's: the page says so, and tries again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final
from uuid import UUID

from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from collection.erasure import was_erased
from collection.errors import (
    AlreadyAnswered,
    AnswerNotOffered,
    CollectionError,
    RatingOutOfRange,
    SessionErased,
    UnknownTrial,
)
from collection.languages import speak_to
from collection.models import Incident, StudySession
from collection.policies import CONTENT_SECURITY_POLICY, HEADER

log = logging.getLogger(__name__)

HEADERS: Final = {
    HEADER: CONTENT_SECURITY_POLICY,
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    # A session's address is its key, so no page may wait in a cache for the next person
    # at a shared machine, nor come back from one with an answered trial.
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex",
}

# `participation.record_response` keeps these itself, with what had been sent.
NOTED_BY_PARTICIPATION: Final = (
    AlreadyAnswered,
    AnswerNotOffered,
    RatingOutOfRange,
    UnknownTrial,
)

RETRY_AFTER_S: Final = 2

GetResponse = Callable[[HttpRequest], HttpResponseBase]


class SecurityHeadersMiddleware:
    """Adds ``HEADERS`` to every response of a view that did not set its own."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response


class CollectionErrorMiddleware:
    """Shows a refusal as a page, or as JSON to a caller that prefers it."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(
        self, request: HttpRequest, exception: Exception
    ) -> HttpResponse | None:
        """The answer to a refusal; None leaves every other exception to Django."""
        if isinstance(exception, (OperationalError, InterfaceError)):
            return _database_is_away(request, exception)
        if isinstance(exception, StudySession.DoesNotExist):
            exception = self._erased_meanwhile(request) or exception
        if not isinstance(exception, CollectionError):
            return None
        code = session_code(request)
        if code is not None and not isinstance(exception, NOTED_BY_PARTICIPATION):
            record_incident(code, exception, path=request.path)
        if code is not None:
            speak_to(code)
        if prefers_json(request):
            body = {"code": exception.code, "message": exception.message, "fields": {}}
            return JsonResponse({"error": body}, status=exception.status)
        of_research = request.path_info.startswith("/research/")
        return render(
            request,
            "research/refusal.html" if of_research else "errors/refusal.html",
            {
                "refusal": exception,
                "resume_url": reverse("resume", args=[code]) if code else None,
                "trouble_url": trouble_url(request),
            },
            status=exception.status,
        )

    @staticmethod
    def _erased_meanwhile(request: HttpRequest) -> SessionErased | None:
        """A session that went while its page was being made: by an erasure."""
        code = session_code(request)
        return SessionErased() if code and was_erased(code) else None


def _database_is_away(request: HttpRequest, exception: Exception) -> HttpResponse:
    """503: nothing was stored; the same request may be sent again at once.

    What a browser without the script had sent stands in the page, one button away. The
    page asks the database nothing: how one is paid is in its words, and the session's
    code in its address.
    """
    log.warning("The database did not answer: %s.", type(exception).__name__)
    message = _("The database does not answer at the moment. Please try again.")
    if prefers_json(request):
        error = {"code": "try-again", "message": message, "fields": {}}
        response: HttpResponse = JsonResponse({"error": error}, status=503)
    else:
        sent = [
            (name, value)
            for name, values in request.POST.lists()
            if name != "csrfmiddlewaretoken"
            for value in values
        ]
        context = {
            "sent": sent,
            "posted": request.method == "POST",
            "trouble_url": trouble_url(request),
        }
        response = render(request, "errors/503.html", context, status=503)
    response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return response


def session_code(request: HttpRequest) -> UUID | None:
    """The session in the request's address, if it has one."""
    match = request.resolver_match
    code = match.kwargs.get("code") if match else None
    return code if isinstance(code, UUID) else None


def trouble_url(request: HttpRequest) -> str | None:
    """Where the person of this session is told how they are paid; no database asked."""
    code = session_code(request)
    return reverse("trouble", args=[code]) if code else None


def prefers_json(request: HttpRequest) -> bool:
    """True for the API, and for a caller whose Accept header ranks JSON above HTML."""
    if request.path.startswith("/api/"):
        return True
    return request.get_preferred_type(["text/html", "application/json"]) == (
        "application/json"
    )


def record_incident(code: UUID, refusal: CollectionError, *, path: str) -> None:
    """Keep what was refused with its session; a failure here must not hide the refusal.

    A code that belongs to no session is somebody's guess, and is not kept.
    """
    detail = {"message": refusal.message, "path": path.replace(str(code), "<code>")}
    try:
        with transaction.atomic():
            session = StudySession.objects.filter(code=code).first()
            if session is not None:
                Incident.objects.create(
                    session=session, code=refusal.code, detail=detail
                )
    except DatabaseError:
        log.exception("An incident (%s) could not be stored.", refusal.code)
