"""What Prometheus reads: shown to who may see it, and nobody's code in it."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from collection import work

pytestmark = pytest.mark.django_db


def numbers(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """(name, labels) -> value, as Prometheus reads them."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_request_is_counted_by_its_view_and_never_by_its_address(
    client: Client,
) -> None:
    code = uuid4()
    told = {"route": "trial", "method": "GET", "status": "404"}
    asked = ("attune_requests_total", frozenset(told.items()))
    before = numbers(client.get("/metrics").text).get(asked, 0)

    client.get(f"/p/{code}/trial/")
    client.get(f"/nothing/{code}/")
    after = client.get("/metrics").text

    assert numbers(after)[asked] == before + 1
    assert 'route="none"' in after
    assert str(code) not in after


def test_the_queue_and_the_people_are_counted(client: Client) -> None:
    work.retention.defer(timestamp=0)

    found = numbers(client.get("/metrics").text)

    assert found["attune_database_up", frozenset()] == 1
    assert found["attune_people_answering", frozenset()] == 0
    assert found["attune_jobs", frozenset({("status", "todo")})] == 1
    assert found["attune_oldest_job_seconds", frozenset()] >= 0
    assert found["attune_worker_silent_seconds", frozenset()] == -1


def test_without_a_token_only_this_machine_may_read(client: Client) -> None:
    assert client.get("/metrics").status_code == 200
    assert client.get("/metrics", REMOTE_ADDR="203.0.113.7").status_code == 404
    behind_a_proxy = {"x-forwarded-for": "203.0.113.7"}
    assert client.get("/metrics", headers=behind_a_proxy).status_code == 404


def test_with_a_token_only_who_knows_it_may_read(
    client: Client, settings: object
) -> None:
    settings.ATTUNE_METRICS_TOKEN = "right"  # type: ignore[attr-defined]

    def asked(authorization: str) -> int:
        headers = {"authorization": authorization}
        return client.get("/metrics", headers=headers).status_code

    assert client.get("/metrics").status_code == 404
    assert asked("Bearer wrong") == 404
    assert asked("Bearer rîght") == 404
    assert asked("Bearer right") == 200
