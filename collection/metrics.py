"""Numbers for Prometheus: requests by route, who is answering, what waits on the queue.

A route is the name of a view, never an address: those hold session codes. ``/metrics``
answers whoever brings ``ATTUNE_METRICS_TOKEN``, and, where none is set, a scraper on
this machine; for everybody else there is no such page.

Every gunicorn worker counts for itself, in files of a common folder which the server
makes before it starts them (``server_hooks.py``); a scrape adds them up, whichever
worker it reaches. What the database knows is asked at the scrape.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from typing import Final

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from collection import admission

FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"

REQUESTS: Final = Counter(
    "attune_requests_total", "Requests answered.", ["route", "method", "status"]
)
SECONDS: Final = Histogram(
    "attune_request_seconds",
    "Time to answer a request.",
    ["route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.3, 0.5, 1.0, 2.5, 5.0, 10.0),
)
LIMITED: Final = Counter(
    "attune_limited_total", "Requests refused by a limit.", ["limit"]
)

_JOBS: Final = "SELECT status::text, count(*) FROM procrastinate_jobs GROUP BY status"
_OLDEST: Final = """
SELECT coalesce(extract(epoch FROM now() - min(event.at)), 0)
FROM procrastinate_jobs AS job
JOIN procrastinate_events AS event ON event.job_id = job.id AND event.type = 'deferred'
WHERE job.status = 'todo'
"""
_HEARTBEAT: Final = """
SELECT count(*), coalesce(extract(epoch FROM now() - max(last_heartbeat)), -1)
FROM procrastinate_workers
"""


def count(route: str, method: str, status: int, seconds: float) -> None:
    """Add one request."""
    REQUESTS.labels(route, method, str(status)).inc()
    SECONDS.labels(route).observe(seconds)


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """The numbers, in Prometheus' text format; 404 for who may not see them."""
    if not may_read(request):
        raise Http404("no such page")
    registry = CollectorRegistry()
    if os.environ.get(FOLDER):
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    else:
        registry.register(_ThisProcess())
    registry.register(_Database())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def may_read(request: HttpRequest) -> bool:
    """Whoever knows the token; without one, a caller on this machine and no proxy."""
    token = settings.ATTUNE_METRICS_TOKEN
    if token:
        given = request.headers.get("Authorization", "")
        return secrets.compare_digest(given.encode(), f"Bearer {token}".encode())
    forwarded = {"X-Forwarded-For", "Forwarded", "X-Real-Ip"} & set(request.headers)
    return request.META.get("REMOTE_ADDR") in {"127.0.0.1", "::1"} and not forwarded


class _ThisProcess(Collector):
    """What one process counted by itself, where there is no common folder."""

    def collect(self) -> Iterator[Metric]:
        yield from REGISTRY.collect()


class _Database(Collector):
    """What the database knows; nothing but 0 for ``attune_database_up`` if it is away."""

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("attune_database_up", "1 if the database answered.")
        started = time.monotonic()
        try:
            found = list(self._asked())
        except (DatabaseError, OSError):
            found = []
        up.add_metric([], float(bool(found)))
        yield up
        yield from found
        took = GaugeMetricFamily(
            "attune_database_scrape_seconds", "Time the database took for this scrape."
        )
        took.add_metric([], time.monotonic() - started)
        yield took

    def _asked(self) -> Iterator[Metric]:
        answering = GaugeMetricFamily(
            "attune_people_answering", "People who are answering now."
        )
        answering.add_metric([], admission.n_answering())
        jobs = GaugeMetricFamily("attune_jobs", "Jobs on the queue.", labels=["status"])
        with connection.cursor() as cursor:
            cursor.execute(_JOBS)
            for status, n in cursor.fetchall():
                jobs.add_metric([status], n)
            cursor.execute(_OLDEST)
            (oldest_s,) = cursor.fetchone()
            cursor.execute(_HEARTBEAT)
            n_workers, silent_s = cursor.fetchone()
        oldest = GaugeMetricFamily(
            "attune_oldest_job_seconds", "How long the oldest waiting job waits."
        )
        oldest.add_metric([], float(oldest_s))
        workers = GaugeMetricFamily("attune_workers", "Workers known to the queue.")
        workers.add_metric([], n_workers)
        heartbeat = GaugeMetricFamily(
            "attune_worker_silent_seconds",
            "Since the last sign of life of any worker; -1 if there never was one.",
        )
        heartbeat.add_metric([], float(silent_s))
        yield from (answering, jobs, oldest, workers, heartbeat)
