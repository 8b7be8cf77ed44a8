"""One OpenAI-compatible chat endpoint: ask, wait and ask again, or say what is wrong."""

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from alignment.errors import AlignmentError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
PASSING_STATUS = (408, 409, 425, 429)  # besides 5xx: worth asking again
LONGEST_WAIT_S = 60.0


class Endpoint:
    """Asks chat completions over HTTP; a context manager, safe for several threads.

    Args:
        url: Base URL, such as "https://api.example.org/v1".
        api_key: Sent as a bearer token.
        timeout_s: For one request.
        attempts: Tries of one request before giving up.
        backoff_s: Wait before the second try; doubled each time, unless the server
            names its own (Retry-After).
        sleep: How to wait.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        timeout_s: float = 120.0,
        attempts: int = 5,
        backoff_s: float = 0.5,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise AlignmentError(
                f"chat endpoint {url}: must be an address such as "
                "http://127.0.0.1:8080/v1"
            )
        self.url = f"{url.rstrip('/')}/chat/completions"
        self._attempts = attempts
        self._backoff_s = backoff_s
        self._sleep = sleep
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        # A proxy named in the environment is not for servers on this machine.
        self._client = httpx.Client(
            headers=headers,
            timeout=timeout_s,
            trust_env=parts.hostname not in LOOPBACK,
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

    def complete(self, body: Mapping[str, Any]) -> str:
        """The text of the first choice; empty if the model wrote nothing.

        Raises:
            AlignmentError: Nobody listens, the request is refused, the server fails
                on every attempt, or its reply is not a chat completion.
        """
        for attempt in range(1, self._attempts + 1):
            try:
                response = self._client.post(self.url, json=dict(body))
            except httpx.ConnectError as error:
                raise AlignmentError(
                    f"chat endpoint {self.url}: nobody answers there ({error}); start "
                    "the server or correct the address. Replies so far are kept"
                ) from error
            except httpx.HTTPError as error:  # timeouts, connections cut off
                trouble, wait = type(error).__name__, None
            else:
                if response.is_success:
                    return self._text(response)
                trouble = f"HTTP {response.status_code}: {response.text[:200]!r}"
                if not _passing(response.status_code):
                    raise AlignmentError(
                        f"chat endpoint {self.url}: refuses model "
                        f"{body.get('model')} with {trouble}; check the model's name, "
                        "the key and the settings. Replies so far are kept"
                    )
                wait = _retry_after(response)
            if attempt < self._attempts:
                self._sleep(wait or self._backoff_s * 2 ** (attempt - 1))
        raise AlignmentError(
            f"chat endpoint {self.url}: failed {self._attempts} times for model "
            f"{body.get('model')}, last with {trouble}; run again later. Replies so "
            "far are kept"
        )

    def _text(self, response: httpx.Response) -> str:
        try:
            content = response.json()["choices"][0]["message"]["content"]
        except (ValueError, LookupError, TypeError) as error:
            raise AlignmentError(
                f"chat endpoint {self.url}: must reply with a chat completion, got "
                f"{response.text[:200]!r}"
            ) from error
        return "" if content is None else str(content)


def _passing(status: int) -> bool:
    return status >= 500 or status in PASSING_STATUS


def _retry_after(response: httpx.Response) -> float | None:
    try:
        seconds = float(response.headers["Retry-After"])
    except (KeyError, ValueError):  # not named, or named as a date
        return None
    return min(max(seconds, 0.0), LONGEST_WAIT_S)
