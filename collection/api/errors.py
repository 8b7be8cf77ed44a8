"""One envelope for every refusal: ``{"error": {"code", "message", "fields"}}``.

``code`` is stable, ``message`` a sentence for a person, ``fields`` what is wrong by its
place (empty where nothing was filled in). The site's other JSON refusals have the same
shape (``middleware.py``, ``error_pages.py``).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from rest_framework import exceptions, status
from rest_framework.response import Response

from collection.errors import CollectionError, DefinitionError
from collection.middleware import prefers_json

GONE_OR_HIDDEN = "There is nothing at this address, or it is not open to you."


class TokenRefused(CollectionError):
    """A token that cannot be made as it was asked for."""

    code = "token-refused"


class JobEnded(CollectionError):
    """A job that has ended cannot be cancelled."""

    code = "job-ended"
    status = 409


class Impossible(CollectionError):
    """A request that is well formed and asks for what this study does not have."""

    code = "impossible"
    status = 422

    def __init__(
        self, message: str, fields: Mapping[str, list[str]] | None = None
    ) -> None:
        super().__init__(message)
        self.fields = dict(fields or {})


class BodyTooLarge(exceptions.APIException):
    """More than any request to this API needs."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "body-too-large"
    default_detail = "The body of the request is too large."


def envelope(
    code: str, message: str, fields: Mapping[str, list[str]] | None = None
) -> dict[str, Any]:
    """The body of a refusal."""
    return {"error": {"code": code, "message": message, "fields": dict(fields or {})}}


def answer_to(refusal: Exception, context: Mapping[str, Any]) -> Response | None:
    """The response to anything a view raises; None leaves it to the site's middleware.

    Without one are a database that is away (503) and faults of ours (500): both have
    their JSON there.
    """
    if isinstance(refusal, CollectionError):
        fields = getattr(refusal, "fields", None)
        body = envelope(refusal.code, refusal.message, fields)
        return Response(body, status=refusal.status)
    if isinstance(refusal, DefinitionError):
        faults: dict[str, list[str]] = {}
        for fault in refusal.faults:
            faults.setdefault(fault.place, []).append(fault.message)
        message = f"The study's definition is not ready: {refusal.faults[0]}"
        return Response(envelope("definition-faults", message, faults), status=422)
    if isinstance(refusal, Http404):
        return Response(envelope("not-found", GONE_OR_HIDDEN), status=404)
    if isinstance(refusal, PermissionDenied):
        refusal = exceptions.PermissionDenied()
    if isinstance(refusal, exceptions.APIException):
        return _of_framework(refusal)
    return None


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400 where Django refuses a request before any view sees it."""
    if not prefers_json(request):
        return defaults.bad_request(request, exception)
    too_big = isinstance(exception, RequestDataTooBig)
    code, message = (
        (BodyTooLarge.default_code, BodyTooLarge.default_detail)
        if too_big
        else ("bad-request", "The server cannot read this request.")
    )
    return JsonResponse(envelope(code, message), status=413 if too_big else 400)


def _of_framework(refusal: exceptions.APIException) -> Response:
    if isinstance(refusal, exceptions.Throttled):
        return _throttled(refusal)
    headers = {}
    if getattr(refusal, "auth_header", None):
        headers["WWW-Authenticate"] = refusal.auth_header
    if isinstance(refusal, exceptions.ValidationError):
        fields: dict[str, list[str]] = {}
        for place, sentence in _flat(refusal.detail):
            fields.setdefault(place, []).append(sentence)
        place, sentences = next(iter(fields.items()))
        body = envelope("invalid", f"{place}: {sentences[0]}", fields)
        return Response(body, status=400, headers=headers)
    code = str(refusal.get_codes()).replace("_", "-")
    body = envelope(code, str(refusal.detail))
    return Response(body, status=refusal.status_code, headers=headers)


def _throttled(refusal: exceptions.Throttled) -> Response:
    seconds = max(1, math.ceil(refusal.wait or 0))
    body = envelope(
        "too-many-requests", f"Too many requests in a short time. Go on in {seconds} s."
    )
    return Response(body, status=429, headers={"Retry-After": str(seconds)})


def _flat(detail: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Each sentence of a nested refusal with its place, as in ``parameters.use``."""
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            whole = name == "non_field_errors"
            within = f"{place}.{name}" if place else str(name)
            yield from _flat(inner, place or "body" if whole else within)
    elif isinstance(detail, list):
        for inner in detail:
            yield from _flat(inner, place)
    else:
        yield place or "body", str(detail)
