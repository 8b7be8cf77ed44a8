"""How long a page of the API's lists takes at a million judgments, early and late.

    python tests/benchmarks/lists.py [--judgments 1000000] [--pages 200] [--page-size 100]

A site of its own is filled with simulated people who rated 60 pairs each, by SQL. A
program with a token then reads pages of its list of judgments, in a row from the start,
from the middle, and up to the last one, and pages of the list of cells; each request is
answered whole: the token, the roles, the query, the JSON. No network is in it.

The bar: the 95th percentile of a page under 250 ms wherever it stands, and the number of
queries the same for each.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from datetime import timedelta
from typing import Any

from stage import database, load_study, machine, open_study, pairs_only  # isort: skip

from django.conf import settings
from django.contrib.auth.models import User
from django.core import signing
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from filling import PAIRS_EACH, fill

from collection import access
from collection.api import tokens
from collection.models import Response

BAR_MS = 250.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--judgments", type=int, default=1_000_000)
    parser.add_argument("--pages", type=int, default=200, help="At each place.")
    parser.add_argument("--page-size", type=int, default=100)
    options = parser.parse_args()
    print(machine())
    with database():
        study = open_study(load_study(pairs_only(50, PAIRS_EACH)))
        began = time.monotonic()
        n = fill(study, options.judgments)
        print(f"{n:,} answers filled in, {time.monotonic() - began:.0f} s", flush=True)
        holds = _walks(study, options)
    print(
        f"bar (p95 under {BAR_MS:.0f} ms and as many queries everywhere): "
        f"{'holds' if holds else 'DOES NOT HOLD'}"
    )
    sys.exit(0 if holds else 1)


def _walks(study: Any, options: argparse.Namespace) -> bool:
    reader = User.objects.create_user("reader")
    access.grant(study, reader, access.Role.VIEWER)
    key = tokens.make(reader, "benchmark", ["read"], timedelta(days=1))[1]
    settings.ATTUNE_LIMITS = False  # a program of many would be told to wait
    client = Client(headers={"authorization": f"Bearer {key}"}, SERVER_NAME="localhost")
    size = options.page_size
    judgments = f"/api/1/studies/{study.slug}/judgments/"
    cells = f"/api/1/studies/{study.slug}/coverage/cells/"
    ids = Response.objects.order_by("pk").values_list("pk", flat=True)
    first, last = ids[0], ids.reverse()[0]
    late = max(first, last - options.pages * size)
    holds, counts = True, set()
    for name, path, after in (
        ("judgments, early", judgments, None),
        ("judgments, middle", judgments, (first + last) // 2),
        ("judgments, late", judgments, late),
        ("of one kind, late", f"{judgments}?kind=pair", late),
        ("cells", cells, None),
    ):
        times, queries = _walk(client, path, after, options.pages, size)
        if path.startswith(judgments):
            counts |= queries
        p50, p95 = statistics.median(times), _p95(times)
        holds = holds and p95 < BAR_MS and len(queries) == 1
        print(
            f"{name:<20}{len(times):>5} pages of {size}: p50 {p50:>6.1f} ms, p95 "
            f"{p95:>6.1f} ms, at most {max(times):>6.1f} ms; "
            f"{'/'.join(map(str, sorted(queries)))} queries",
            flush=True,
        )
    return holds and len(counts) == 1


def _walk(
    client: Client, path: str, after: int | None, pages: int, size: int
) -> tuple[list[float], set[int]]:
    """Milliseconds of each page, and how many queries a page took."""
    path, _, asked = path.partition("?")
    following = f"{path}?page_size={size}&{asked}"
    if after is not None:
        cursor = signing.dumps(after, salt=f"attune.api.cursor:{path}")
        following += f"&cursor={cursor}"
    times: list[float] = []
    queries = set()
    while following and len(times) < pages:
        with CaptureQueriesContext(connection) as asked_for:
            began = time.perf_counter()
            answer = client.get(following)
            times.append(1000 * (time.perf_counter() - began))
        if answer.status_code != 200:
            raise SystemExit(f"{following}: {answer.status_code} {answer.content!r}")
        queries.add(len(asked_for))
        following = answer.json()["next"]
    return times, queries


def _p95(times: list[float]) -> float:
    return sorted(times)[max(0, -(-95 * len(times) // 100) - 1)]


if __name__ == "__main__":
    main()
