"""A pretend Prolific that speaks the documented API over real HTTP.

    with FakeProlific() as prolific:
        prolific.url                                     # http://127.0.0.1:...
        one = prolific.submission("active")              # a person takes a place
        prolific.token_for(one, audience="https://...")  # as in a secured link
        prolific.fail_next(429, 503)                     # the next answers, in order
        prolific.send(site, one, "RETURNED")             # a signed webhook

By hand: ``python tests/prolific_server.py --port 8099`` prints what to set and runs
until it is interrupted.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import json
import re
import secrets
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

TOKEN = "a-workspace-token"
SECRET = "a-webhook-secret"
STUDY_ID = "5f00000000000000000000aa"
ISSUER = "https://www.prolific.com"


def hex_id() -> str:
    return secrets.token_hex(12)


@dataclass
class Place:
    """One person's submission, as the platform has it."""

    status: str = "ACTIVE"
    study_id: str = STUDY_ID
    submission_id: str = field(default_factory=hex_id)
    participant_id: str = field(default_factory=hex_id)
    time_taken: float | None = None
    message: str = ""
    category: str = ""

    def query(self) -> dict[str, str]:
        """What the platform appends to a study's address."""
        return {
            "PROLIFIC_PID": self.participant_id,
            "STUDY_ID": self.study_id,
            "SESSION_ID": self.submission_id,
        }

    def body(self) -> dict[str, Any]:
        return {
            "id": self.submission_id,
            "participant": self.participant_id,
            "study_id": self.study_id,
            "status": self.status,
            "started_at": "2026-01-01T10:00:00Z",
            "time_taken": self.time_taken,
        }


class FakeProlific:
    """The server, and the hands with which a test moves it."""

    def __init__(self, port: int = 0) -> None:
        self.places: dict[str, Place] = {}
        self.calls: list[tuple[str, str, Any]] = []
        self.bulks: dict[str, list[tuple[str, str]]] = {}
        self.paid: list[tuple[str, str]] = []
        self.failures: deque[int] = deque()
        self.retry_after: float | None = None
        self.silent_after_paying = False
        self._event_numbers = count(1)
        self._keys: dict[str, rsa.RSAPrivateKey] = {}
        self.kid = ""
        self.rotate_key()
        handler = type("Handler", (_Handler,), {"platform": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> FakeProlific:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    # What happens on the platform ----------------------------------------------------

    def submission(self, status: str = "ACTIVE", **known: Any) -> Place:
        """Somebody takes a place."""
        place = Place(status=status, **known)
        self.places[place.submission_id] = place
        return place

    def fail_next(self, *statuses: int) -> None:
        """Answer the next calls with these statuses, in order."""
        self.failures.extend(statuses)

    def rotate_key(self, *, keep_old: bool = False) -> str:
        """Sign with a new key from now on."""
        if not keep_old:
            self._keys.clear()
        self.kid = hex_id()
        self._keys[self.kid] = rsa.generate_private_key(65537, 2048)
        return self.kid

    def token_for(
        self,
        place: Place,
        *,
        audience: str,
        expires_in_s: float = 600,
        issuer: str = ISSUER,
        **changes: Any,
    ) -> str:
        """The ``prolific_token`` of a secured link."""
        claims = {
            "iss": issuer,
            "aud": audience,
            "iat": int(time.time()),
            "exp": int(time.time() + expires_in_s),
            "prolific": {**place.query(), "workspace_id": "w1"},
            **changes,
        }
        return jwt.encode(
            claims, self._keys[self.kid], algorithm="RS256", headers={"kid": self.kid}
        )

    # Webhooks ------------------------------------------------------------------------

    def event(
        self,
        place: Place,
        status: str,
        *,
        at: float | None = None,
        event_id: str | None = None,
        secret: str = SECRET,
    ) -> tuple[bytes, dict[str, str]]:
        """A signed event: body and headers."""
        body = json.dumps(
            {
                "resource_id": place.submission_id,
                "event_type": "submission.status.change",
                "participant_id": place.participant_id,
                "status": status,
            }
        ).encode()
        timestamp = str(int(time.time() if at is None else at))
        digest = hmac.new(secret.encode(), timestamp.encode() + body, hashlib.sha256)
        headers = {
            "Content-Type": "application/json",
            "X-Prolific-Request-Timestamp": timestamp,
            "X-Prolific-Request-Signature": base64.b64encode(digest.digest()).decode(),
            "X-Event-ID": event_id or f"event-{next(self._event_numbers)}",
            "X-Timestamp": timestamp,
        }
        return body, headers

    def send(self, site: str, place: Place, status: str, **how: Any) -> httpx.Response:
        """Move a submission on, and tell the site so."""
        place.status = status
        body, headers = self.event(place, status, **how)
        return httpx.post(f"{site}/hooks/prolific/", content=body, headers=headers)

    # What the API answers --------------------------------------------------------------

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> Any:
        """(status, JSON) of one authorised call."""
        for shape, verb, action in self._routes():
            if verb == method and (found := re.fullmatch(shape, path)):
                return action(*found.groups(), query=query, body=body)
        return 404, {"error": {"title": "Not found"}}

    def jwks(self) -> dict[str, Any]:
        return {
            "keys": [
                {
                    **jwt.algorithms.RSAAlgorithm.to_jwk(
                        key.public_key(), as_dict=True
                    ),
                    "kid": kid,
                    "alg": "RS256",
                    "use": "sig",
                }
                for kid, key in self._keys.items()
            ]
        }

    def _routes(self) -> Iterator[tuple[str, str, Any]]:
        submissions = "/api/v1/submissions/"
        yield rf"{submissions}", "GET", self._list
        yield rf"{submissions}bulk-approve/", "POST", self._approve
        yield rf"{submissions}bonus-payments/", "POST", self._set_up_bonuses
        yield rf"{submissions}([^/]+)/", "GET", self._retrieve
        yield rf"{submissions}([^/]+)/transition/", "POST", self._transition
        yield rf"{submissions}([^/]+)/request-return/", "POST", self._request_return
        yield r"/api/v1/bulk-bonus-payments/([^/]+)/pay/", "POST", self._pay
        yield r"/api/v1/studies/([^/]+)/", "GET", self._study

    def _list(self, *, query: dict[str, str], body: Any) -> Any:
        found = [p for p in self.places.values() if p.study_id == query.get("study")]
        size, page = int(query.get("page_size", 20)), int(query.get("page", 1))
        rows = found[(page - 1) * size : page * size]
        more = page * size < len(found)
        following = f"{self.url}/api/v1/submissions/?page={page + 1}" if more else None
        return 200, {
            "results": [place.body() for place in rows],
            "_links": {"next": {"href": following, "title": "Next"}},
            "meta": {"count": len(found)},
        }

    def _retrieve(self, name: str, **_: Any) -> Any:
        place = self.places.get(name)
        return (200, place.body()) if place else (404, {"error": {"title": "No"}})

    def _study(self, name: str, **_: Any) -> Any:
        if name != STUDY_ID:
            return 404, {"error": {"title": "No study"}}
        return 200, {"id": name, "status": "ACTIVE", "total_available_places": 20}

    def _approve(self, *, query: dict[str, str], body: Any) -> Any:
        names = body.get("submission_ids", [])
        if len(names) > 1000:
            return 400, {"error": {"title": "Too many"}}
        unknown = [name for name in names if name not in self.places]
        if unknown:
            return 400, {"error": {"title": "Validation error", "detail": unknown}}
        for name in names:
            self.places[name].status = "APPROVED"
        return 200, {"message": "The request to bulk approve has been made."}

    def _transition(self, name: str, *, query: dict[str, str], body: Any) -> Any:
        place = self.places.get(name)
        if place is None:
            return 404, {"error": {"title": "No submission"}}
        if body.get("action") == "REJECT":
            if len(body.get("message", "")) < 100 or not body.get("rejection_category"):
                return 400, {"error": {"title": "Validation error"}}
            place.message, place.category = body["message"], body["rejection_category"]
        place.status = {"APPROVE": "APPROVED", "REJECT": "REJECTED"}[body["action"]]
        return 200, place.body()

    def _request_return(self, name: str, *, query: dict[str, str], body: Any) -> Any:
        return 200, self.places[name].body()

    def _set_up_bonuses(self, *, query: dict[str, str], body: Any) -> Any:
        rows = [line.split(",") for line in body["csv_bonuses"].strip().splitlines()]
        wrong = [name for name, _ in rows if name not in self.places]
        if wrong or len(rows) > 200:
            return 400, {"error": {"title": "Validation error", "detail": wrong}}
        name = hex_id()
        self.bulks[name] = [(one, amount) for one, amount in rows]
        total = sum(float(amount) for _, amount in rows)
        return 201, {"id": name, "study": body["study_id"], "amount": total * 100}

    def _pay(self, name: str, **_: Any) -> Any:
        if name not in self.bulks:
            return 404, {"error": {"title": "No bulk"}}
        self.paid += self.bulks[name]  # again and again, if asked again and again
        return (500, {}) if self.silent_after_paying else (202, {})


class _Handler(BaseHTTPRequestHandler):
    platform: FakeProlific
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._respond("GET", None)

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self._respond("POST", json.loads(self.rfile.read(length) or b"{}"))

    def _respond(self, method: str, body: Any) -> None:
        address = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        self.platform.calls.append((method, address.path, body))
        headers = {}
        if self.platform.failures:
            status: int = self.platform.failures.popleft()
            said: Any = {"error": {"title": "Too many requests"}}
            if self.platform.retry_after is not None:
                headers["Retry-After"] = str(self.platform.retry_after)
        elif address.path == "/.well-known/study/jwks.json":
            status, said = 200, self.platform.jwks()
        elif self.headers.get("Authorization") != f"Token {TOKEN}":
            status, said = 401, {"error": {"title": "Unauthorized"}}
        else:
            status, said = self.platform.answer(method, address.path, query, body)
        sent = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(sent)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(sent)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: the tests look at `calls`."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--port", type=int, default=8099)
    parser.add_argument(
        "--places", type=int, default=5, help="Submissions to begin with."
    )
    wanted = parser.parse_args()
    with FakeProlific(wanted.port) as prolific:
        lines = [
            f"export ATTUNE_PROLIFIC_URL={prolific.url}",
            f"export ATTUNE_PROLIFIC_TOKEN={TOKEN}",
            f"export ATTUNE_PROLIFIC_WEBHOOK_SECRET={SECRET}",
            f'study_id = "{STUDY_ID}"   # in the definition',
        ]
        for _ in range(wanted.places):
            query = prolific.submission().query()
            lines.append("?" + "&".join(f"{k}={v}" for k, v in query.items()))
        print("\n".join(lines), flush=True)  # noqa: T201
        threading.Event().wait()


if __name__ == "__main__":
    main()
