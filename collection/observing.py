"""Look at every request from outside: which view, how long, with what status.

The line in the log and the numbers for Prometheus come from the same look, and neither
holds an address: a view's name says what was asked for, and not by whom.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from collection import metrics

log = logging.getLogger("attune.requests")

# Whoever looks after the site asks these every few seconds.
QUIET: Final = ("healthz", "readyz", "metrics", "static")
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class ObservingMiddleware:
    """Counts and logs every answer. The outermost: nothing is answered around it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        started = time.perf_counter()
        response = self.get_response(request)
        seconds = time.perf_counter() - started
        route, status = route_of(request), response.status_code
        method = request.method if request.method in METHODS else "other"
        metrics.count(route, method, status, seconds)
        if route not in QUIET:
            told = {
                "route": route,
                "method": method,
                "status": status,
                "ms": round(1000 * seconds, 1),
            }
            log.info("answered", extra=told)
        return response


def route_of(request: HttpRequest) -> str:
    """The view's name; `static`, or `none` where no view was found."""
    match = request.resolver_match
    if match is not None:
        return match.view_name or "unnamed"
    return "static" if request.path.startswith(settings.STATIC_URL) else "none"
