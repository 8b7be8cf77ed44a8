"""Pages of long lists: each is found by an index, the last as near as the first.

What is counted is rows, as PostgreSQL tells them of the very query that a request made:
no clock decides.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from collection.models import Study
from tests.programs import Program
from tests.researchers import Site

pytestmark = pytest.mark.django_db

PEOPLE = 400
EACH = 50
FEW = 2_500
"""Of 20,000: a page of 100, each with its trial, session, person and consent."""
JUDGMENTS = "studies/tiny/judgments/"
CELLS = "studies/tiny/coverage/cells/"

_PEOPLE = """
WITH people AS (
    INSERT INTO collection_participant (study_id, rater_id, "group", simulated, created_at)
    SELECT %(study)s, %(study)s || '-' || i, 'all', false, now()
    FROM generate_series(1, %(people)s) AS i RETURNING id
), sessions AS (
    INSERT INTO collection_studysession (code, participant_id, study_id, status, "group",
        blocks, dimensions, simulated, created_at, consented_at, completion_code, language)
    SELECT gen_random_uuid(), id, %(study)s, 'finished', 'all', '[]', '[]', false, now(),
        now(), 'x', '' FROM people RETURNING code
)
INSERT INTO collection_consent (session_id, version, uses, given_at)
SELECT code, repeat('0', 64), '{"this_study": true}', now() FROM sessions
"""
_TRIALS = """
INSERT INTO collection_trial (id, session_id, block, kind, position, actions, dimension,
    polarity, question, sampler, repeat, issued_at, reserved_until)
SELECT gen_random_uuid(), code, 'pairs', 'pair', place, '["alpha", "beta"]', '',
    'normal', '', '', false, now(), now()
FROM collection_studysession, generate_series(1, %(each)s) AS place
WHERE study_id = %(study)s
"""
# In the order in which answers come in where many people are at it at once.
_RESPONSES = """
INSERT INTO collection_response (trial_id, rating, choice, text, not_understood, rt_ms,
    received_at)
SELECT trial.id, 50, '', '', false, 900, now()
FROM collection_trial AS trial JOIN collection_studysession AS session
  ON session.code = trial.session_id
WHERE session.study_id = %(study)s ORDER BY trial.position, trial.id
"""
_CELLS = """
INSERT INTO collection_cell (study_id, kind, key, dimension, wanted, completed, in_flight)
SELECT %(study)s, 'pair', 'more-' || i, '', 3, 0, 0 FROM generate_series(1, 5000) AS i
"""


def fill(study: Study) -> None:
    with connection.cursor() as cursor:
        for query in (_PEOPLE, _TRIALS, _RESPONSES, _CELLS):
            cursor.execute(query, {"study": study.pk, "people": PEOPLE, "each": EACH})


@pytest.fixture
def program(outside_var: Path) -> Program:
    """Reads a study of 20,000 judgments and 5,000 cells."""
    site = Site(outside_var)
    fill(site.study)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return Program.of(site.viewer, ["read"])


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes(below)


def rows_touched(queries: CaptureQueriesContext, table: str) -> int:
    """Rows that the one query that reads a table looks at, in all tables together."""
    (query,) = [
        one["sql"]
        for one in queries.captured_queries
        if f'FROM "{table}"' in one["sql"]
    ]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}")
        (plan,) = cursor.fetchone()
    found = json.loads(plan) if isinstance(plan, str) else plan
    return int(
        sum(
            (node["Actual Rows"] + node.get("Rows Removed by Filter", 0))
            * node["Actual Loops"]
            for node in nodes(found[0]["Plan"])
            if "Scan" in node["Node Type"]
        )
    )


def far_into(program: Program, address: str) -> list[str]:
    """Addresses of a page of 100 at a list's start, half-way and near its end."""
    pages: list[str] = [address]
    while following := program.get(pages[-1])["next"]:
        pages.append(following)
    chosen = (pages[0], pages[len(pages) // 2], pages[-1])
    return [one.replace("page_size=1000", "page_size=100") for one in chosen]


@pytest.mark.parametrize(
    ("address", "table"),
    [
        (f"{JUDGMENTS}?page_size=1000", "collection_response"),
        (
            f"{JUDGMENTS}?page_size=1000&kind=pair&block=pairs&group=all"
            "&simulated=false&repeat=false",
            "collection_response",
        ),
        (f"{CELLS}?page_size=1000", "collection_cell"),
    ],
    ids=["judgments", "some judgments", "cells"],
)
def test_a_page_is_as_near_at_the_end_as_at_the_start(
    program: Program, address: str, table: str
) -> None:
    numbers = set()
    for page in far_into(program, address):
        with CaptureQueriesContext(connection) as queries:
            found = program.get(page)["results"]

        assert 0 < len(found) <= 100
        assert rows_touched(queries, table) < FEW
        numbers.add(len(queries))
    assert len(numbers) == 1


def test_a_walk_meets_every_judgment_of_its_study_once(program: Program) -> None:
    found = program.all(f"{JUDGMENTS}?page_size=1000")

    assert len(found) == PEOPLE * EACH
    assert len({row["trial_id"] for row in found}) == PEOPLE * EACH
