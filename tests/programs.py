"""A researcher's program: it has a token, and asks the API."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator

from collection.api import tokens
from collection.models import JobRecord
from tests.researchers import Site, results_folder

BASE = "/api/1/"
BOTH = ("read", "write")
_numbers = count(1)


def token_for(person: User, scopes: Sequence[str] = BOTH) -> str:
    """The key of a new token of this person, good for a day."""
    name = f"program {next(_numbers)}"
    return tokens.make(person, name, scopes, timedelta(days=1))[1]


@cache
def document() -> dict[str, Any]:
    """The OpenAPI document, as the server gives it."""
    made: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return made


def with_a_dataset(site: Site, var: Path) -> JobRecord:
    """A finished dataset of the site's study."""
    folder = results_folder(
        var / "dataset",
        "dataset",
        lambda home: (home / "README.md").write_text("Hello"),
    )
    return JobRecord.objects.create(
        kind="dataset",
        study=site.study,
        status=JobRecord.Status.DONE,
        parameters={"snapshot": 1},
        result_folder=str(folder),
        finished_at=timezone.now(),
    )


class Program:
    """Asks with one key, or with none."""

    def __init__(self, key: str | None = None) -> None:
        headers = {"authorization": f"Bearer {key}"} if key else {}
        self.client = Client(headers=headers)

    @classmethod
    def of(cls, person: User, scopes: Sequence[str] = BOTH) -> Program:
        return cls(token_for(person, scopes))

    def ask(
        self, method: str, path: str, body: Any = None, **more: Any
    ) -> HttpResponse:
        """The response; `path` goes on from ``/api/1/`` or is a whole address."""
        address = path if path.startswith(("/", "http")) else BASE + path
        if body is not None:
            more |= {"data": json.dumps(body), "content_type": "application/json"}
        answer: HttpResponse = self.client.generic(method.upper(), address, **more)
        return answer

    def get(self, path: str, *, status: int = 200) -> Any:
        """What is answered, as JSON values."""
        return self._json(self.ask("get", path), status)

    def send(
        self, method: str, path: str, body: Any = None, *, status: int = 200
    ) -> Any:
        return self._json(self.ask(method, path, body), status)

    def all(self, path: str) -> list[Any]:
        """Every row of a list, page after page."""
        rows: list[Any] = []
        following: str | None = path
        while following:
            page = self.get(following)
            rows += page["results"]
            following = page["next"]
        return rows

    @staticmethod
    def _json(answer: HttpResponse, status: int) -> Any:
        assert answer.status_code == status, answer.content
        return json.loads(answer.content)
