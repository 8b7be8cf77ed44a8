"""`alignment.raters.endpoint`: one address, its bad days, its refusals and its key."""

import logging
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from alignment.errors import AlignmentError
from alignment.raters.endpoint import Endpoint
from tests.chat_server import (
    DROPS,
    Behaviour,
    ChatServer,
    Fails,
    Happening,
    Says,
    chat_server,
    first_then,
)

BODY = {"model": "tiny", "messages": [{"role": "user", "content": "How alike?"}]}
KEY = "sk-not-for-anyone-7"
GOOD = Says("70")


class Naps(list[float]):
    """How long was waited, without waiting."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


@contextmanager
def asked(
    behave: Behaviour, **options: object
) -> Iterator[tuple[Endpoint, ChatServer, Naps]]:
    naps = Naps()
    with (
        chat_server(behave) as server,
        Endpoint(server.url, sleep=naps, attempts=3, **options) as endpoint,  # type: ignore[arg-type]
    ):
        yield endpoint, server, naps


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("TINY_KEY", KEY)
    return "TINY_KEY"


def test_the_request_and_the_key_are_sent_and_the_reply_is_read(key: str) -> None:
    with asked(lambda _: GOOD, api_key_env=key) as (endpoint, server, _):
        said = endpoint.complete(BODY)

    assert server.bodies == [BODY]
    assert server.headers[0]["Authorization"] == f"Bearer {KEY}"
    assert (said.text, said.model, said.fingerprint) == ("70", "tiny-2026", "fp-1")
    assert (said.tokens_in, said.tokens_out) == (40, 2)
    assert said.seconds > 0


def test_a_server_that_wants_no_key_gets_none() -> None:
    with asked(lambda _: GOOD) as (endpoint, server, _):
        endpoint.complete(BODY)

    assert "Authorization" not in server.headers[0]


def test_no_content_is_an_empty_reply_and_a_refusal_is_kept() -> None:
    refused = Says(None, refusal="I will not rate this.")
    with asked(lambda _: refused) as (endpoint, _, _):
        said = endpoint.complete(BODY)

    assert (said.text, said.refusal) == ("", "I will not rate this.")


@pytest.mark.parametrize(
    "trouble",
    [
        Fails(500),
        Fails(503),
        Fails(429),
        Fails(body='{"choices": [{"message": {"con'),
        Fails(body='{"choices": [{"message": {"content": "70"}}]}', half=True),
        Fails(body="<html>"),
        Fails(body='{"choices": []}'),
        DROPS,
    ],
    ids=["500", "503", "429", "cut json", "cut body", "html", "no choice", "dropped"],
)
def test_a_passing_failure_is_asked_again_after_growing_waits(
    trouble: Happening,
) -> None:
    with asked(first_then(trouble, trouble, then=GOOD)) as (endpoint, server, naps):
        assert endpoint.complete(BODY).text == "70"

    assert len(server.bodies) == 3
    assert 0.25 <= naps[0] <= 0.5 <= naps[1] <= 1.0


def test_a_reply_that_does_not_come_in_time_is_asked_for_again() -> None:
    slow = Says("1", delay_s=0.6)
    with asked(first_then(slow, then=GOOD), timeout_s=0.2) as (endpoint, server, _):
        assert endpoint.complete(BODY).text == "70"

    assert len(server.bodies) == 2


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_may_say_how_long_to_wait(status: int) -> None:
    slow_down = Fails(status, headers={"Retry-After": "7"})
    with asked(first_then(slow_down, then=GOOD)) as (endpoint, _, naps):
        endpoint.complete(BODY)

    assert naps == [pytest.approx(7.0, abs=0.5)]


def test_a_server_may_name_the_time_to_come_back_but_not_a_far_one() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(hours=5), usegmt=True)
    slow_down = Fails(429, headers={"Retry-After": later})
    with asked(first_then(slow_down, then=GOOD)) as (endpoint, _, naps):
        endpoint.complete(BODY)

    assert naps == [pytest.approx(60.0, abs=0.5)]


def test_what_one_request_is_told_to_wait_holds_for_the_next() -> None:
    slow_down = Fails(429, headers={"Retry-After": "0.2"})
    naps: list[float] = []

    def nap(seconds: float) -> None:
        naps.append(seconds)
        time.sleep(seconds)

    with (
        chat_server(first_then(slow_down, then=GOOD)) as server,
        Endpoint(server.url, attempts=2, sleep=nap) as endpoint,
        ThreadPoolExecutor(1) as other,
    ):
        first = other.submit(endpoint.complete, BODY)
        while not naps:  # the first was told to wait, and waits
            time.sleep(0.005)
        endpoint.complete(BODY)
        first.result()

    assert len(naps) == 2


def test_a_server_that_keeps_failing_is_given_up_with_its_words() -> None:
    failing = Fails(500, "out of memory")
    with (
        asked(lambda _: failing) as (endpoint, _, naps),
        pytest.raises(
            AlignmentError,
            match=r"failed 3 times for model tiny, .* 500: 'out of memory'",
        ),
    ):
        endpoint.complete(BODY)

    assert len(naps) == 2  # nobody waits after the last try


@pytest.mark.parametrize("text", ["<html>", '{"choices": []}', "[1]"])
def test_what_stays_no_chat_completion_is_refused(text: str) -> None:
    with (
        asked(lambda _: Fails(body=text)) as (endpoint, _, _),
        pytest.raises(AlignmentError, match=r"last with what is no chat completion"),
    ):
        endpoint.complete(BODY)


def test_a_refusal_is_not_asked_again() -> None:
    with asked(lambda _: Fails(404, "no such model")) as (endpoint, server, naps):
        with pytest.raises(AlignmentError, match="refuses model tiny with HTTP 404"):
            endpoint.complete(BODY)

        assert (len(server.bodies), naps) == (1, [])


def test_a_filter_that_refuses_one_question_ends_no_run() -> None:
    filtered = Fails(400, '{"error": {"code": "content_filter"}}')
    with asked(lambda _: filtered) as (endpoint, server, _):
        said = endpoint.complete(BODY)

    assert (said.text, said.finish_reason) == ("", "filtered")
    assert "content_filter" in said.refusal
    assert len(server.bodies) == 1


def test_nobody_listening_is_said_with_the_address() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        endpoint = Endpoint(f"http://127.0.0.1:{port}/v1")

        with pytest.raises(
            AlignmentError,
            match=rf"{port}/v1/chat/completions: nobody answers there .*start the server",
        ):
            endpoint.complete(BODY)


def test_a_server_that_goes_away_may_come_back() -> None:
    naps = Naps()
    with chat_server(lambda _: GOOD) as server:
        endpoint = Endpoint(server.url, sleep=naps, attempts=2)
        endpoint.complete(BODY)

    with endpoint, pytest.raises(AlignmentError, match=r"failed 2 times .*Connect"):
        endpoint.complete(BODY)
    assert len(naps) == 1


@pytest.mark.parametrize("url", ["localhost:8000/v1", "ftp://x/v1", "", "http://[/v1"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(AlignmentError, match="must be an address such as http"):
        Endpoint(url)


@pytest.mark.parametrize(
    "url",
    [f"https://me:{KEY}@api.example.org/v1", f"https://api.example.org/v1?k={KEY}"],
)
def test_an_address_that_may_hold_a_secret_is_refused_without_it(url: str) -> None:
    with pytest.raises(AlignmentError, match=r"api\.example\.org.* no user") as refused:
        Endpoint(url)

    assert KEY not in str(refused.value)


def test_a_key_that_is_not_set_is_asked_for_by_its_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("TINY_KEY", raising=False)

    with pytest.raises(AlignmentError, match="TINY_KEY must hold the endpoint's key"):
        Endpoint("http://127.0.0.1:9/v1", api_key_env="TINY_KEY")


@pytest.mark.parametrize("bad", ["\n", "é", " "])
def test_a_key_no_header_can_carry_is_refused_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, bad: str
) -> None:
    monkeypatch.setenv("TINY_KEY", f"{KEY}{bad}x")

    with pytest.raises(AlignmentError, match="TINY_KEY must hold a key of") as refused:
        Endpoint("http://127.0.0.1:9/v1", api_key_env="TINY_KEY")

    assert KEY not in str(refused.value)


@pytest.mark.parametrize(
    "echo",
    [
        Fails(401, f"Incorrect API key provided: {KEY}"),
        Fails(500, f"Bearer {KEY}"),
        Fails(body=f"<pre>{KEY}</pre>"),
    ],
)
def test_a_server_that_repeats_the_key_is_quoted_without_it(
    key: str, echo: Fails, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with asked(lambda _: echo, api_key_env=key) as (endpoint, _, _):
        with pytest.raises(AlignmentError, match=r"\[key\]") as refused:
            endpoint.complete(BODY)
        shown = f"{refused.getrepr()} {endpoint!r} {caplog.text}"

    assert KEY not in shown


def test_a_reply_that_repeats_the_key_is_kept_without_it(key: str) -> None:
    echo = Says(f"My key is {KEY}", refusal=KEY)
    with asked(lambda _: echo, api_key_env=key) as (endpoint, _, _):
        said = endpoint.complete(BODY)

    assert (said.text, said.refusal) == ("My key is [key]", "[key]")
    assert KEY not in str(said.entry())


def test_half_a_character_is_no_reason_to_lose_a_reply() -> None:
    half = Fails(body='{"choices": [{"message": {"content": "7\\ud800"}}]}')
    with asked(lambda _: half) as (endpoint, _, _):
        assert endpoint.complete(BODY).text == "7?"
