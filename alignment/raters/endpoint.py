"""One OpenAI-compatible chat endpoint: ask, wait and ask again, or say what is wrong.

The key is read from the environment when the client is made and held nowhere else. It
is struck out of everything that a server says before that is kept or shown.
"""

import os
import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Lock
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from alignment.errors import AlignmentError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
PASSING_STATUS = (408, 409, 425, 429)  # besides 5xx: worth asking again
LONGEST_WAIT_S = 60.0
FILTERED = re.compile(
    r"content_filter|content_policy|content management policy|moderation_blocked",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Completion:
    """What came back for one request.

    text: Of the first choice; "" if the model wrote nothing.
    refusal: Why it or the server's filter refused; "" if nothing did.
    finish_reason, model, fingerprint: As the endpoint names them; "" if it does not.
    logprobs: As the endpoint gives them; None if it does not.
    tokens_in, tokens_out: As the endpoint counts them; 0 where it does not.
    seconds: What the request took that was answered.
    """

    text: str
    refusal: str = ""
    finish_reason: str = ""
    model: str = ""
    fingerprint: str = ""
    logprobs: Any = None
    tokens_in: int = 0
    tokens_out: int = 0
    seconds: float = 0.0

    def entry(self) -> dict[str, Any]:
        """As a cache keeps it."""
        return asdict(self)


class Endpoint:
    """Asks chat completions over HTTP; a context manager, safe for several threads.

    Args:
        url: Base URL, such as "https://api.example.org/v1".
        api_key_env: The environment variable that holds the key, sent as a bearer
            token; None for a server that wants none.
        timeout_s: For one request.
        attempts: Tries of one request before giving up.
        backoff_s: Wait before the second try; doubled each time and spread by chance,
            unless the server names its own (Retry-After), which then holds for all
            requests.
        sleep: How to wait.

    Raises:
        AlignmentError: The address or the key cannot be used.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key_env: str | None = None,
        timeout_s: float = 120.0,
        attempts: int = 6,
        backoff_s: float = 0.5,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = f"{checked_url(url)}/chat/completions"
        self._attempts = attempts
        self._backoff_s = backoff_s
        self._sleep = sleep
        self._key = read_key(api_key_env) if api_key_env else ""
        self._not_before = 0.0
        self._answered = False
        self._lock = Lock()
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        parts = urlsplit(url)
        # A proxy named in the environment is not for servers on this machine. Reading
        # all certificates takes a quarter of a second, which plain HTTP never needs.
        self._client = httpx.Client(
            headers=headers,
            timeout=timeout_s,
            trust_env=parts.hostname not in LOOPBACK,
            verify=parts.scheme == "https",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._client.close()

    def complete(self, body: Mapping[str, Any]) -> Completion:
        """What the endpoint answers.

        Raises:
            AlignmentError: Nobody listens, the request is refused, or the server
                fails, or answers with what is no chat completion, on every attempt.
        """
        trouble = ""
        for attempt in range(1, self._attempts + 1):
            self._wait_for_all()
            started = time.monotonic()
            wait: float | None = None
            try:
                response = self._client.post(self.url, json=dict(body))
            except httpx.HTTPError as error:
                # Nobody there from the start is a wrong address; nobody there any
                # more, a timeout or a connection cut off may pass.
                nobody = isinstance(error, httpx.ConnectError) and not self._answered
                trouble = f"{type(error).__name__}: {self._struck(str(error))}"
                if nobody:
                    raise AlignmentError(
                        f"chat endpoint {self.url}: nobody answers there ({trouble}); "
                        "start the server or correct the address. Replies so far are "
                        "kept"
                    ) from None
            else:
                self._answered = True
                said = self._struck(response.text)
                if response.is_success:
                    completion = self._read(response, time.monotonic() - started)
                    if completion is not None:
                        return completion
                    trouble = f"what is no chat completion, {said[:200]!r}"
                elif _filtered(response.status_code, said):
                    return Completion("", refusal=said[:1000], finish_reason="filtered")
                else:
                    trouble = f"HTTP {response.status_code}: {said[:200]!r}"
                    if not _passing(response.status_code):
                        raise AlignmentError(
                            f"chat endpoint {self.url}: refuses model "
                            f"{body.get('model')} with {trouble}; check the model's "
                            "name, the key and the settings. Replies so far are kept"
                        )
                    wait = _retry_after(response)
            if attempt < self._attempts:
                self._hold(wait, attempt)
        raise AlignmentError(
            f"chat endpoint {self.url}: failed {self._attempts} times for model "
            f"{body.get('model')}, last with {trouble}; run again later. Replies so "
            "far are kept"
        )

    def _hold(self, seconds: float | None, attempt: int) -> None:
        """Wait alone, or have everybody wait for as long as the server named."""
        if seconds is None:
            # Spread by chance: requests that failed together must not return together.
            longest = min(self._backoff_s * 2.0 ** (attempt - 1), LONGEST_WAIT_S)
            self._sleep(longest * random.uniform(0.5, 1.0))
            return
        with self._lock:
            self._not_before = max(self._not_before, time.monotonic() + seconds)

    def _wait_for_all(self) -> None:
        with self._lock:
            left = self._not_before - time.monotonic()
        if left > 0:
            self._sleep(left)

    def _struck(self, text: str) -> str:
        """Without the key, and without halves of characters no file could hold."""
        text = text.encode("utf-8", "replace").decode("utf-8")
        return text.replace(self._key, "[key]") if self._key else text

    def _read(self, response: httpx.Response, seconds: float) -> Completion | None:
        """The completion in a response, or None if it holds none."""
        try:
            held = response.json()
            choice = held["choices"][0]
            message = choice["message"]
            content = message["content"]
            usage = held.get("usage") or {}
            return Completion(
                text="" if content is None else self._struck(str(content)),
                refusal=self._struck(str(message.get("refusal") or "")),
                finish_reason=str(choice.get("finish_reason") or ""),
                model=str(held.get("model") or ""),
                fingerprint=str(held.get("system_fingerprint") or ""),
                logprobs=_slim(choice.get("logprobs")),
                tokens_in=int(usage.get("prompt_tokens") or 0),
                tokens_out=int(usage.get("completion_tokens") or 0),
                seconds=round(seconds, 4),
            )
        except (ValueError, LookupError, TypeError, AttributeError):
            return None


def checked_url(url: str) -> str:
    """A base URL without its last slash.

    Raises:
        AlignmentError: It is no address, or holds what may be a secret: a user, a
            password or parameters. The message does not repeat those.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    if parts.username or parts.password or parts.query or parts.fragment:
        raise AlignmentError(
            f"chat endpoint {host}: the address must hold no user, password or "
            "parameters; name the environment variable that holds the key instead"
        )
    if parts.scheme not in ("http", "https") or not host:
        raise AlignmentError(
            f"chat endpoint {url}: must be an address such as http://127.0.0.1:8080/v1"
        )
    return url.rstrip("/")


def read_key(variable: str) -> str:
    """The key in an environment variable.

    Raises:
        AlignmentError: It is not set, or no header can carry it. The message names the
            variable, never what it holds.
    """
    key = os.environ.get(variable, "").strip()
    if not key:
        raise AlignmentError(
            f"the environment variable {variable} must hold the endpoint's key, but it "
            f"is not set; set it, or leave this rater out"
        )
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise AlignmentError(
            f"the environment variable {variable} must hold a key of printable ASCII "
            "characters without spaces; correct it"
        )
    return key


@dataclass(frozen=True)
class _Place:
    token: str
    top_logprobs: list[dict[str, Any]] = field(default_factory=list)


def _slim(logprobs: Any) -> Any:
    """Tokens and log-probabilities alone; bytes and ids would fill the cache."""
    if not isinstance(logprobs, dict) or not isinstance(logprobs.get("content"), list):
        return None
    try:
        return {
            "content": [
                asdict(
                    _Place(
                        str(each["token"]),
                        [
                            {"token": str(top["token"]), "logprob": top["logprob"]}
                            for top in each.get("top_logprobs") or []
                        ],
                    )
                )
                for each in logprobs["content"]
            ]
        }
    except (LookupError, TypeError, AttributeError):
        return None


def _filtered(status: int, said: str) -> bool:
    """Whether a server's filter refused this one question, as some do with a 4xx."""
    return 400 <= status < 500 and status != 429 and FILTERED.search(said) is not None


def _passing(status: int) -> bool:
    return status >= 500 or status in PASSING_STATUS


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds to wait, as the server names them: a number or a date; at most a minute."""
    named = response.headers.get("Retry-After", "")
    try:
        seconds = float(named)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(named) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return None
    return min(max(seconds, 0.0), LONGEST_WAIT_S) if seconds == seconds else None
