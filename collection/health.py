"""Is the process alive, and may people be sent to it?

``/healthz`` answers as long as the process does, and asks nobody: restarting a web server
does not bring a database back. ``/readyz`` says whether people can be served: the
database answers, its tables are those of this code, and the queue takes jobs. Neither
says more than yes or no about each; how much waits is in the metrics.

A worker that is away is no reason to turn participants away: answering needs none.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Final

from django.db import Error as DatabaseError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

log = logging.getLogger("attune.health")

# The tables of this code are looked for until they were there once: migrations are not
# undone under a running server.
_migrated = False


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """200 while the process answers."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """200 if people can be served, 503 if not, with the parts that are at fault."""
    found = {name: _works(name, check) for name, check in CHECKS.items()}
    ready = all(found.values())
    body = {
        "status": "ok" if ready else "not-ready",
        "checks": {name: "ok" if works else "failed" for name, works in found.items()},
    }
    return JsonResponse(body, status=200 if ready else 503)


def database_answers() -> bool:
    """The database can be asked."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return bool(cursor.fetchone())


def is_migrated() -> bool:
    """Every migration of this code was applied."""
    global _migrated
    if not _migrated:
        executor = MigrationExecutor(connection)
        _migrated = not executor.migration_plan(executor.loader.graph.leaf_nodes())
    return _migrated


def queue_answers() -> bool:
    """The queue's tables and its function for new jobs are there."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT to_regclass('procrastinate_jobs') IS NOT NULL AND EXISTS"
            " (SELECT FROM pg_proc WHERE proname LIKE 'procrastinate_defer_job%%')"
        )
        return bool(cursor.fetchone()[0])


CHECKS: Final[Mapping[str, Callable[[], bool]]] = {
    "database": database_answers,
    "migrations": is_migrated,
    "queue": queue_answers,
}


def _works(name: str, check: Callable[[], bool]) -> bool:
    try:
        return check()
    except (DatabaseError, OSError) as error:
        log.warning("Not ready (%s): %s.", name, type(error).__name__)
        return False
