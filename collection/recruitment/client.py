"""Prolific's API: the few calls that are needed, with back-off.

Shapes are those of docs.prolific.com (API reference: submissions, bonuses, well-known
endpoints; managing high loads). A 429 means that nothing was done, so every call may be
sent again after one; after a lost answer only calls that are safe to repeat are.
Messages of errors name paths by their shape, never an id.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import quote

import httpx
from django.conf import settings

from collection.recruitment.errors import (
    NotOnPlatform,
    PlatformError,
    PlatformUnavailable,
)

MOST_APPROVALS: Final = 1000
"""Submissions that one bulk approval takes."""
MOST_BONUSES: Final = 200
"""Bonuses that one bulk payment takes."""
PAGE_SIZE: Final = 100
ATTEMPTS: Final = 5
FIRST_WAIT_S: Final = 0.5
LONGEST_WAIT_S: Final = 30.0
PERSON_TIMEOUT_S: Final = 4.0
"""How long a participant waits at the door for the platform's word."""
TIMEOUT_S: Final = 20.0

T = TypeVar("T")

_AN_ID: Final = re.compile(r"(?<=/)[0-9A-Za-z_-]{8,}(?=/)")


@dataclass(frozen=True)
class RemoteSubmission:
    """A submission as the platform tells of it."""

    submission_id: str
    participant_id: str
    study_id: str
    status: str
    time_taken_s: int | None = None

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> RemoteSubmission:
        """From an answer of the API, whose lists and single answers differ a little."""
        taken = body.get("time_taken")
        return cls(
            submission_id=str(body.get("id", "")),
            participant_id=str(
                body.get("participant") or body.get("participant_id", "")
            ),
            study_id=str(body.get("study_id") or body.get("study", "")),
            status=str(body.get("status", "")).upper().replace("_", " "),
            time_taken_s=round(taken) if isinstance(taken, int | float) else None,
        )


class Prolific:
    """A workspace's API.

    Args:
        token: The workspace's API token.
        url: Where the API is, without ``/api/v1``.
        timeout_s: For each request.
        attempts: How often one call is sent at most.
        sleep: Waits between attempts; a test may count instead.
    """

    def __init__(
        self,
        token: str,
        *,
        url: str,
        timeout_s: float = TIMEOUT_S,
        attempts: int = ATTEMPTS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._http = httpx.Client(
            base_url=url.rstrip("/"),
            timeout=timeout_s,
            headers={"Authorization": f"Token {token}"},
        )
        self._attempts = attempts
        self._sleep = sleep

    @classmethod
    def from_settings(cls, **changes: Any) -> Prolific:
        """The workspace that the environment names.

        Raises:
            PlatformError: the environment holds no token.
        """
        if not settings.PROLIFIC_TOKEN:
            raise PlatformError(
                "No API token: set ATTUNE_PROLIFIC_TOKEN in the server's environment."
            )
        return cls(settings.PROLIFIC_TOKEN, url=settings.PROLIFIC_URL, **changes)

    def __enter__(self) -> Prolific:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def submission(self, submission_id: str) -> RemoteSubmission:
        """One submission; :class:`NotOnPlatform` where there is none."""
        return RemoteSubmission.read(
            self._call("GET", f"/api/v1/submissions/{_safe(submission_id)}/")
        )

    def submissions(self, study_id: str) -> Iterator[RemoteSubmission]:
        """All submissions of a study, page by page."""
        page = 1
        while True:
            body = self._call(
                "GET",
                "/api/v1/submissions/",
                params={"study": study_id, "page": page, "page_size": PAGE_SIZE},
            )
            found = body.get("results") or []
            yield from (RemoteSubmission.read(one) for one in found)
            more = (body.get("_links") or {}).get("next") or {}
            if not found or not more.get("href"):
                return
            page += 1

    def study(self, study_id: str) -> Mapping[str, Any]:
        """A study, as the platform has it."""
        return self._call("GET", f"/api/v1/studies/{_safe(study_id)}/")

    def approve(self, submission_ids: Sequence[str]) -> None:
        """Approve, at most ``MOST_APPROVALS`` in a call; a repetition changes nothing."""
        for some in in_calls(submission_ids, MOST_APPROVALS):
            self._call(
                "POST",
                "/api/v1/submissions/bulk-approve/",
                json={"submission_ids": list(some)},
            )

    def reject(self, submission_id: str, *, message: str, category: str) -> None:
        """Reject one submission. Ask ``lint.check_rejection`` first."""
        self._call(
            "POST",
            f"/api/v1/submissions/{_safe(submission_id)}/transition/",
            json={
                "action": "REJECT",
                "message": message,
                "rejection_category": category,
            },
        )

    def request_return(self, submission_id: str, reasons: Sequence[str]) -> None:
        """Ask someone to return their submission."""
        self._call(
            "POST",
            f"/api/v1/submissions/{_safe(submission_id)}/request-return/",
            json={"request_return_reasons": list(reasons)},
        )

    def create_bonuses(self, study_id: str, rows: Sequence[tuple[str, int]]) -> str:
        """Set up a bulk bonus of (submission id, cents); nothing is paid yet.

        Returns:
            The bulk's id, for :meth:`pay_bonuses`.
        """
        if len(rows) > MOST_BONUSES:
            raise ValueError(f"at most {MOST_BONUSES} bonuses in a call")
        body = self._call(
            "POST",
            "/api/v1/submissions/bonus-payments/",
            json={"study_id": study_id, "csv_bonuses": bonus_lines(rows)},
        )
        return str(body.get("id", ""))

    def pay_bonuses(self, bulk_id: str) -> None:
        """Pay a bulk. Not safe to repeat: a second call would pay everyone twice."""
        self._call(
            "POST", f"/api/v1/bulk-bonus-payments/{_safe(bulk_id)}/pay/", once=True
        )

    def _call(
        self, method: str, path: str, *, once: bool = False, **request: Any
    ) -> Mapping[str, Any]:
        """One call and its answer.

        Args:
            once: Not safe to repeat: only sent again after a 429, which did nothing.
        """
        what = f"{method} {_AN_ID.sub('<id>', path)}"
        problem, asked_s, undone = "no answer", 0.0, True
        for attempt in range(self._attempts):
            if attempt:
                self._sleep(_wait_s(attempt, asked_s))
            asked_s = 0.0
            try:
                answer = self._http.request(method, path, **request)
            except httpx.HTTPError as error:
                problem = type(error).__name__
                undone &= isinstance(error, httpx.ConnectError)
                if once and not isinstance(error, httpx.ConnectError):
                    break
                continue
            if answer.status_code == 429 or answer.status_code >= 500:
                problem = f"status {answer.status_code}"
                undone &= answer.status_code == 429
                asked_s = _retry_after_s(answer)
                if once and answer.status_code != 429:
                    break
                continue
            return _body(answer, what)
        raise PlatformUnavailable(
            f"Prolific did not answer ({what}: {problem}). Try again in some minutes.",
            undone=undone,
        )


def in_calls(items: Sequence[T], most: int) -> Iterator[Sequence[T]]:
    """The items in their order, at most so many at a time."""
    for start in range(0, len(items), most):
        yield items[start : start + most]


def bonus_lines(rows: Sequence[tuple[str, int]]) -> str:
    """(submission id, cents) as the bonus endpoint takes it: ``id,1.50`` a line."""
    return "\n".join(f"{name},{cents // 100}.{cents % 100:02d}" for name, cents in rows)


def _safe(name: str) -> str:
    """An id as one step of a path: it came from somewhere else."""
    return quote(name, safe="")


def _body(answer: httpx.Response, what: str) -> Mapping[str, Any]:
    if answer.status_code in (404, 403):
        raise NotOnPlatform(
            f"Prolific has no such thing for this workspace ({what}: status "
            f"{answer.status_code}). Compare the ids and the API token's workspace."
        )
    if answer.status_code == 401:
        raise PlatformError(
            "Prolific does not accept the API token; check ATTUNE_PROLIFIC_TOKEN."
        )
    if answer.status_code >= 400:
        raise PlatformError(
            f"Prolific refused ({what}: status {answer.status_code}, {_title(answer)})."
        )
    try:
        body = answer.json()
    except ValueError:
        body = {}
    return body if isinstance(body, dict) else {}


def _title(answer: httpx.Response) -> str:
    """What kind of refusal it was; its details may name people and are left out."""
    try:
        error = answer.json().get("error", {})
        return str(error.get("title", ""))[:100] or "no reason given"
    except (ValueError, AttributeError):
        return "no reason given"


def _retry_after_s(answer: httpx.Response) -> float:
    try:
        return min(float(answer.headers.get("Retry-After", 0)), LONGEST_WAIT_S)
    except ValueError:
        return 0.0


def _wait_s(attempt: int, asked_s: float) -> float:
    """Twice as long each time, with chance in it, so that callers do not march in step."""
    grown: float = min(FIRST_WAIT_S * 2 ** (attempt - 1), LONGEST_WAIT_S)
    return max(asked_s, grown * random.uniform(0.5, 1.0))
