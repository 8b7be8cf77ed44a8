"""What is turned away at the door: bodies that are too large, and floods of requests.

A request with a session's code is counted by that session, one with a token by that
token, and only one with neither by its address: behind one university's address are
many. A code or a token that belongs to nobody counts for the address it came from.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _

from collection import limits
from collection.limits import Flood, TooManyRequests
from collection.middleware import prefers_json, session_code, trouble_url
from collection.observing import QUIET, route_of

GetResponse = Callable[[HttpRequest], HttpResponseBase]

UPLOADS: Final = ("/research/", "/api/")
"""Where researchers send documents; a person must be known there to send a large one."""

_by_session = Flood(limits.SESSION_REQUESTS)
_by_token = Flood(limits.TOKEN_REQUESTS)
_by_address = Flood(limits.ADDRESS_REQUESTS)


class BodySizeMiddleware:
    """Refuses a body before a byte of it is read; Django's own limit leaves out files."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        largest = largest_body(request)
        try:
            size = int(request.META.get("CONTENT_LENGTH") or 0)
        except ValueError:
            size = 0
        if size <= largest:
            return self.get_response(request)
        message = _(
            "What was sent is too large: at most %(kib)d KiB are taken here."
        ) % {"kib": largest // 1024}
        return _refusal(request, "body-too-large", message, 413)


def largest_body(request: HttpRequest) -> int:
    """Bytes that may be sent to this address.

    Whoever shows neither a login's cookie nor a token has nothing large to send. Whether
    these are genuine is seen later, by whoever reads the body.
    """
    known = settings.SESSION_COOKIE_NAME in request.COOKIES or (
        "Authorization" in request.headers
    )
    if known and request.path.startswith(UPLOADS):
        return int(settings.ATTUNE_LARGEST_UPLOAD)
    return int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)


class FloodMiddleware:
    """Answers 429 to more requests than a person, or a program in its senses, sends."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        try:
            if response.status_code == 404 and session_code(request) is not None:
                _by_address.take(limits.address(request))
            elif response.status_code == 401 and request.path.startswith("/api/"):
                limits.take(limits.TOKENS, limits.address(request))
        except TooManyRequests as refusal:
            return too_many(request, refusal)
        return response

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponseBase | None:
        """None lets the request through."""
        code, token = session_code(request), request.headers.get("Authorization")
        try:
            if code is not None:
                _by_session.take(code.hex)
            elif token and request.path.startswith("/api/"):
                _by_token.take(hashlib.sha256(token.encode()).hexdigest())
            elif route_of(request) not in QUIET:
                _by_address.take(limits.address(request))
        except TooManyRequests as refusal:
            return too_many(request, refusal)
        return None

    def process_exception(
        self, request: HttpRequest, exception: Exception
    ) -> HttpResponse | None:
        """A limit that a view itself asked."""
        if isinstance(exception, TooManyRequests):
            return too_many(request, exception)
        return None


def too_many(request: HttpRequest, refusal: TooManyRequests) -> HttpResponse:
    """429. What a browser without the script had sent stands in the page."""
    response = _refusal(request, refusal.code, refusal.message, refusal.status)
    response.headers["Retry-After"] = str(refusal.retry_after_s)
    return response


def _refusal(
    request: HttpRequest, code: str, message: str, status: int
) -> HttpResponse:
    if prefers_json(request):
        body = {"code": code, "message": message, "fields": {}}
        return JsonResponse({"error": body}, status=status)
    keeps = status == 429 and request.method == "POST"
    context = {
        "message": message,
        "sent": _sent(request) if keeps else [],
        "posted": keeps,
        "trouble_url": trouble_url(request),
    }
    return render(request, "errors/too_much.html", context, status=status)


def _sent(request: HttpRequest) -> list[tuple[str, Any]]:
    """The fields to send again; never a secret, which is not written into a page."""
    if session_code(request) is None:
        return []
    return [
        (name, value)
        for name, values in request.POST.lists()
        if name != "csrfmiddlewaretoken"
        for value in values
    ]
