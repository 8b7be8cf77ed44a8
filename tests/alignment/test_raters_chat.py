"""`alignment.raters.chat`: asked in people's words, read strictly, remembered."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from alignment.errors import AlignmentError
from alignment.judgments import Actions
from alignment.raters.chat import (
    ChatRater,
    ChatSettings,
    at,
)
from alignment.raters.questions import pair_question
from alignment.raters.reply_cache import ReplyCache

PATH = "/v1/chat/completions"
WORDING = {
    "pair": "How similar are these two actions? Use whatever seems important to you.",
    "pair_low": "not at all similar",
    "pair_high": "very similar",
}
TEXTS = ("I help.", "I cheat.", "I lie.", "I sing.")
ACTIONS = Actions(("help", "cheat", "lie", "sing"), TEXTS, ({},) * 4)

Answer = Callable[[str], str]


class Model:
    """A chat model that answers each question as told, and keeps what it was asked."""

    def __init__(self, server: HTTPServer, answer: Answer) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.url = server.url_for("/v1")

        def respond(request: Request) -> Response:
            self.bodies.append(request.get_json())
            text = answer(self.questions[-1])
            reply = {"choices": [{"message": {"content": text}}]}
            return Response(json.dumps(reply), content_type="application/json")

        server.expect_request(PATH, method="POST").respond_with_handler(respond)

    @property
    def questions(self) -> list[str]:
        return [body["messages"][0]["content"] for body in self.bodies]


def rater(
    server: Callable[[], AbstractContextManager[str]],
    cache: ReplyCache | None = None,
    **settings: Any,
) -> ChatRater:
    return ChatRater(
        "tiny",
        "Tiny",
        server,
        ChatSettings(**{"model": "tiny-1", "n_pairs": None, **settings}),
        cache or ReplyCache(),
    )


def test_ratings_land_on_the_pairs_that_were_shown(httpserver: HTTPServer) -> None:
    ratings = {
        frozenset(pair): 10 * number
        for number, pair in enumerate(combinations(TEXTS, 2))
    }

    def answer(question: str) -> str:
        first, second = (line.split(": ")[1] for line in question.splitlines()[:2])
        return str(ratings[frozenset((first, second))])

    model = Model(httpserver, answer)

    result = rater(at(model.url)).judge(ACTIONS, WORDING)

    np.testing.assert_allclose(result.matrix.pairs(), [0, 0.1, 0.2, 0.3, 0.4, 0.5])
    assert (result.n_asked, result.n_refused) == (6, 0)
    assert all(
        body["temperature"] == 0 and body["model"] == "tiny-1" for body in model.bodies
    )
    assert [
        pair_question(
            TEXTS[ACTIONS.ids.index(reply.first)],
            TEXTS[ACTIONS.ids.index(reply.second)],
            WORDING,
        )
        for reply in result.replies
    ] == model.questions


def test_only_the_sample_is_asked_and_the_rest_stays_unjudged(
    httpserver: HTTPServer,
) -> None:
    model = Model(httpserver, lambda question: "50")

    result = rater(at(model.url), n_pairs=2).judge(ACTIONS, WORDING)

    assert len(model.bodies) == 2
    assert result.matrix.n_missing == 4
    assert "2 of 6 pairs" in result.description


def test_odd_replies_are_missing_and_counted(httpserver: HTTPServer) -> None:
    replies = iter(["I'd say 70", "150", "", "I won't answer that.", "20", "100"])
    model = Model(httpserver, lambda question: next(replies))

    result = rater(at(model.url)).judge(ACTIONS, WORDING)

    assert (result.n_asked, result.n_refused) == (6, 4)
    assert result.matrix.n_missing == 4
    assert [reply.rating for reply in result.replies][-2:] == [20, 100]
    assert result.replies[0].text == "I'd say 70"
    assert (
        "4 of 6 replies were not one whole number from 0 to 100; 1 of those refused"
        in result.description
    )


def test_a_model_that_never_gives_a_number_gives_an_empty_matrix(
    httpserver: HTTPServer,
) -> None:
    model = Model(httpserver, lambda question: "Sorry.")

    result = rater(at(model.url)).judge(ACTIONS, WORDING)

    assert result.matrix.n_missing == 6
    assert result.n_refused == 6


def test_a_second_report_asks_nothing_and_starts_no_server(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    model = Model(httpserver, lambda question: str(len(question) % 100))
    cache = ReplyCache(tmp_path)
    first = rater(at(model.url), cache).judge(ACTIONS, WORDING)

    @contextmanager
    def broken() -> Iterator[str]:
        raise RuntimeError("a server was started")
        yield ""

    again = rater(broken, cache).judge(ACTIONS, WORDING)

    assert len(model.bodies) == 6
    np.testing.assert_array_equal(again.matrix.values, first.matrix.values)
    assert all(reply.cached for reply in again.replies)
    assert not any(reply.cached for reply in first.replies)


@pytest.mark.parametrize(
    "other", [{"model": "tiny-2"}, {"temperature": 0.7}, {"reply_as": "integer"}]
)
def test_another_model_or_setting_is_another_question(
    httpserver: HTTPServer, tmp_path: Path, other: dict[str, Any]
) -> None:
    model = Model(httpserver, lambda question: "50")
    cache = ReplyCache(tmp_path)
    rater(at(model.url), cache).judge(ACTIONS, WORDING)

    rater(at(model.url), cache, **other).judge(ACTIONS, WORDING)

    assert len(model.bodies) == 12


def test_a_run_that_broke_off_goes_on_where_it_stopped(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    asked: list[str] = []

    def respond(request: Request) -> Response:
        asked.append("")
        if len(asked) == 4:
            return Response("gone", status=404)
        reply = {"choices": [{"message": {"content": "50"}}]}
        return Response(json.dumps(reply), content_type="application/json")

    httpserver.expect_request(PATH).respond_with_handler(respond)
    cache = ReplyCache(tmp_path)
    url = httpserver.url_for("/v1")
    with pytest.raises(AlignmentError, match="HTTP 404"):
        rater(at(url), cache).judge(ACTIONS, WORDING)

    result = rater(at(url), cache).judge(ACTIONS, WORDING)

    assert result.matrix.complete
    assert sum(reply.cached for reply in result.replies) >= 3
    assert len(asked) == 7  # one refused, and each of the six pairs answered once


def test_several_requests_at_once_change_nothing(httpserver: HTTPServer) -> None:
    model = Model(httpserver, lambda question: str(len(question) % 101))
    one = rater(at(model.url)).judge(ACTIONS, WORDING)

    many = rater(at(model.url), parallel=4).judge(ACTIONS, WORDING)

    np.testing.assert_array_equal(many.matrix.values, one.matrix.values)
    assert [r.text for r in many.replies] == [r.text for r in one.replies]


def test_a_study_without_a_pair_question_cannot_ask_one() -> None:
    lost = {key: WORDING[key] for key in ("pair", "pair_low")}

    with pytest.raises(AlignmentError, match="wording has no pair_high"):
        rater(at("http://127.0.0.1:9/v1")).judge(ACTIONS, lost)


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(AlignmentError, match="must be asked at least 1 pair, got 0"):
        ChatSettings("tiny", n_pairs=0)
    with pytest.raises(AlignmentError, match="at least 1 request at a time, got 0"):
        ChatSettings("tiny", parallel=0)
    with pytest.raises(AlignmentError, match="temperature must be 0 to 2, got 3"):
        ChatSettings("tiny", temperature=3)
    with pytest.raises(AlignmentError, match="n_triplets must be 0 or more, got -1"):
        ChatSettings("tiny", n_triplets=-1)
    with pytest.raises(AlignmentError, match="attempts and max_tokens must be at"):
        ChatSettings("tiny", attempts=0)
