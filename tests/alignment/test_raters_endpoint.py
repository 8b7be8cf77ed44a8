"""`alignment.raters.endpoint`: one address, its hiccups and its refusals."""

import socket

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from alignment.errors import AlignmentError
from alignment.raters.endpoint import Endpoint

PATH = "/v1/chat/completions"
BODY = {"model": "tiny", "messages": []}
GOOD = {"choices": [{"message": {"content": "70"}}]}


class Naps(list[float]):
    """How long was waited, without waiting."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


@pytest.fixture
def naps() -> Naps:
    return Naps()


@pytest.fixture
def endpoint(httpserver: HTTPServer, naps: Naps) -> Endpoint:
    return Endpoint(httpserver.url_for("/v1"), api_key="k", sleep=naps, attempts=3)


def test_the_request_and_the_key_are_sent_and_the_reply_is_read(
    httpserver: HTTPServer, endpoint: Endpoint
) -> None:
    httpserver.expect_oneshot_request(
        PATH, method="POST", json=BODY, headers={"Authorization": "Bearer k"}
    ).respond_with_json(GOOD)

    assert endpoint.complete(BODY) == "70"


def test_no_content_is_an_empty_reply(
    httpserver: HTTPServer, endpoint: Endpoint
) -> None:
    httpserver.expect_request(PATH).respond_with_json(
        {"choices": [{"message": {"content": None}}]}
    )

    assert endpoint.complete(BODY) == ""


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_passing_failure_is_asked_again_after_growing_waits(
    httpserver: HTTPServer, endpoint: Endpoint, naps: Naps, status: int
) -> None:
    for _ in range(2):
        httpserver.expect_ordered_request(PATH).respond_with_data("", status=status)
    httpserver.expect_ordered_request(PATH).respond_with_json(GOOD)

    assert endpoint.complete(BODY) == "70"
    assert naps == [0.5, 1.0]


def test_a_server_may_say_how_long_to_wait(
    httpserver: HTTPServer, endpoint: Endpoint, naps: Naps
) -> None:
    slow_down = Response("", status=429, headers={"Retry-After": "7"})
    httpserver.expect_ordered_request(PATH).respond_with_response(slow_down)
    httpserver.expect_ordered_request(PATH).respond_with_json(GOOD)

    endpoint.complete(BODY)

    assert naps == [7.0]


def test_a_server_that_keeps_failing_is_given_up_with_its_words(
    httpserver: HTTPServer, endpoint: Endpoint
) -> None:
    httpserver.expect_request(PATH).respond_with_data("out of memory", status=500)

    with pytest.raises(
        AlignmentError, match=r"failed 3 times for model tiny, .* 500: 'out of memory'"
    ):
        endpoint.complete(BODY)


def test_a_refusal_is_not_asked_again(
    httpserver: HTTPServer, endpoint: Endpoint, naps: Naps
) -> None:
    httpserver.expect_request(PATH).respond_with_data("no such model", status=404)

    with pytest.raises(AlignmentError, match=r"refuses model tiny with HTTP 404"):
        endpoint.complete(BODY)
    assert naps == []


@pytest.mark.parametrize("text", ["<html>", '{"choices": []}', "[1]"])
def test_what_is_no_chat_completion_is_refused(
    httpserver: HTTPServer, endpoint: Endpoint, text: str
) -> None:
    httpserver.expect_request(PATH).respond_with_data(text)

    with pytest.raises(AlignmentError, match="must reply with a chat completion, got"):
        endpoint.complete(BODY)


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


@pytest.mark.parametrize("url", ["localhost:8000/v1", "ftp://x/v1", ""])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(AlignmentError, match="must be an address such as http"):
        Endpoint(url)
