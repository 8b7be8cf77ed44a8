"""What people see when there is no page, or no leave, or a fault of ours."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from collection.middleware import prefers_json, session_code, trouble_url


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404, with a word to those who followed a broken link."""
    return _error(request, 404, "not-found", _("There is no such page."))


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403."""
    return _error(request, 403, "forbidden", _("This page is not open to you."))


def server_error(request: HttpRequest) -> HttpResponse:
    """500. Its template asks neither the database nor the person's session."""
    return _error(request, 500, "server-error", _("Something went wrong on our side."))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 where a form cannot be shown to be our own; the way back is offered."""
    return _error(
        request,
        403,
        "csrf",
        _("The form was not sent from our own page, or cookies are refused."),
        template="errors/csrf.html",
        code=session_code(request),
    )


def _error(
    request: HttpRequest,
    status: int,
    name: str,
    message: str,
    *,
    template: str | None = None,
    code: UUID | None = None,
) -> HttpResponse:
    if prefers_json(request):
        body = {"code": name, "message": message, "fields": {}}
        return JsonResponse({"error": body}, status=status)
    resume_url = reverse("resume", args=[code]) if code else None
    return render(
        request,
        template or f"errors/{status}.html",
        {"resume_url": resume_url, "trouble_url": trouble_url(request)},
        status=status,
    )
