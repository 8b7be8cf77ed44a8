"""Chat models asked everything: pairs, values and triplets over a real HTTP server."""

import json
import logging
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alignment.errors import AlignmentError
from alignment.judgments import Actions
from alignment.raters.base import MoreQuestions, RaterResult, ValueQuestion
from alignment.raters.chat import ChatRater, ChatSettings, at
from alignment.raters.forecast import Prices
from alignment.raters.questions import FULL_DESIGN, Design
from alignment.raters.reply_cache import ReplyCache
from tests.chat_server import (
    DROPS,
    Behaviour,
    ChatServer,
    Fails,
    Happening,
    Says,
    chat_server,
)

WORDING = {
    "pair": "How similar are these two actions?",
    "pair_low": "not at all similar",
    "pair_high": "very similar",
    "triplet": "Which of these three actions is least like the other two?",
}
MORALITY = ValueQuestion("morality", "How moral is it?", "immoral", "moral", "neither")
TEXTS = ("I help.", "I cheat.", "I lie.", "I sing.")
ACTIONS = Actions(("help", "cheat", "lie", "sing"), TEXTS, ({},) * 4)
MORE = MoreQuestions((MORALITY,), np.array([[0, 1, 2], [1, 2, 3]]))
GOOD = {"I help.": 90, "I cheat.": 10, "I lie.": 20, "I sing.": 60}
KEY = "sk-not-for-anyone-7"


def honest(body: dict[str, Any]) -> Happening:
    """Answers by GOOD, whatever the frame, the order or the end the scale starts at."""
    question = body["messages"][0]["content"]
    shown = sorted(
        (text for text in TEXTS if text in question),
        key=lambda text: question.index(text),
    )
    goods = [GOOD[text] for text in shown]
    if len(shown) == 3:
        apart = [sum(abs(g - other) for other in goods) for g in goods]
        return Says(str(1 + apart.index(max(apart))))
    rating = goods[0] if len(shown) == 1 else 100 - abs(goods[0] - goods[1])
    ends = [("moral", "immoral"), ("very similar", "not at all similar")]
    backwards = any(
        re.search(rf"(?<!\d)0 (?:= |\(|means “){high}", question) for high, _ in ends
    )
    return Says(str(100 - rating if backwards else rating))


def judged(
    server: ChatServer, cache: Path | None = None, **settings: Any
) -> RaterResult:
    return rater(server, cache, **settings).judge(ACTIONS, WORDING, more=MORE)


def rater(server: ChatServer, cache: Path | None = None, **settings: Any) -> ChatRater:
    told = {"n_pairs": None, "n_triplets": None, "values": True, "design": FULL_DESIGN}
    return ChatRater(
        "tiny",
        "Tiny",
        at(server.url),
        ChatSettings("tiny-1", **{**told, **settings}),
        ReplyCache(cache),
        Prices(1.0, 2.0),
        {"licence": "Apache-2.0"},
    )


def test_an_honest_model_is_understood_under_every_condition() -> None:
    with chat_server(honest) as server:
        result = judged(server)

    goods = np.array([GOOD[text] for text in TEXTS])
    expected = 1 - np.abs(goods[:, None] - goods[None, :]) / 100
    np.testing.assert_allclose(result.matrix.values, expected)
    np.testing.assert_allclose(result.values["morality"].values, goods)
    assert result.values["morality"].n_usable.tolist() == [4, 4, 4, 4]
    assert result.triplets is not None
    assert dict(
        zip(
            map(tuple, result.triplets.triplets.tolist()),
            result.triplets.odd.tolist(),
            strict=True,
        )
    ) == {(0, 1, 2): 0, (1, 2, 3): 3}
    assert result.triplets.n_usable.tolist() == [9, 9]
    assert {(row.task, row.factor) for row in result.variation} == {
        *(("pair", f) for f in ("paraphrase", "order", "reversal")),
        *(("value", f) for f in ("paraphrase", "reversal")),
        *(("triplet", f) for f in ("paraphrase", "order")),
    }
    assert all(row.variance == 0 for row in result.variation)
    assert (result.n_asked, result.n_refused) == (6, 0)


def test_a_model_that_prefers_high_numbers_is_found_out_and_evened_out() -> None:
    def high(body: dict[str, Any]) -> Happening:
        return Says("80")

    with chat_server(high) as server:
        result = judged(server, values=False, n_triplets=0)

    shift = {row.factor: row.shift for row in result.variation}
    assert shift == {"paraphrase": 0, "order": 0, "reversal": -60}
    # Two of its eight answers stood on the turned scale and count as 20.
    np.testing.assert_allclose(result.matrix.pairs(), 0.65)


def test_a_model_that_names_whatever_stands_first_has_no_choice_of_its_own() -> None:
    with chat_server(lambda _: Says("1")) as server:
        result = judged(server, values=False, n_pairs=1)

    assert result.triplets is not None
    np.testing.assert_allclose(result.triplets.shares, 1 / 3)
    assert result.triplets.odd.tolist() == [-1, -1]
    rows = {row.factor: row for row in result.variation if row.task == "triplet"}
    assert rows["order"].variance == 1
    assert rows["paraphrase"].variance == 0


def test_refusals_of_harmful_actions_are_counted_kept_and_shown() -> None:
    def prim(body: dict[str, Any]) -> Happening:
        question = body["messages"][0]["content"]
        if "I cheat." in question:
            return Says(None, refusal="I can't rate cheating.")
        if "I lie." in question:
            return Says("Lying is complicated: 30?")
        return honest(body)

    with chat_server(prim) as server:
        result = judged(server)

    assert result.matrix.n_missing == 5
    assert (result.n_asked, result.n_refused) == (6, 5)
    values = result.values["morality"]
    assert np.isnan(values.values).tolist() == [False, True, True, False]
    assert values.n_usable.tolist() == [4, 0, 0, 4]
    assert result.triplets is not None
    assert np.isnan(result.triplets.shares).all()
    assert result.triplets.odd.tolist() == [-1, -1]
    outcomes = Counter((r.task, r.outcome) for r in result.replies)
    assert outcomes["pair", "refused"] == 3 * 8
    assert outcomes["pair", "unparsable"] == 2 * 8
    kept = {r.text for r in result.replies if r.outcome != "used"}
    assert kept == {"I can't rate cheating.", "Lying is complicated: 30?"}
    assert result.provenance is not None
    assert result.provenance.counts["outcomes"]["value"] == {
        "refused": 4,
        "unparsable": 4,
        "used": 8,
    }
    assert f"{24 + 4 + 18:,} of those refused" in result.description


def test_pairs_not_asked_are_told_from_pairs_lost() -> None:
    with chat_server(lambda _: Says("Sorry.")) as server:
        result = judged(server, n_pairs=2, values=False, n_triplets=0)

    assert result.asked is not None
    assert int(result.asked.sum()) == 4
    assert (result.n_asked, result.n_refused, result.matrix.n_missing) == (2, 2, 6)


def test_ratings_come_from_probabilities_where_they_are_offered() -> None:
    likeliest = {"70": 0.5, "30": 0.25, "The": 0.25}
    with chat_server(lambda _: Says("70", [("70", likeliest)])) as server:
        result = judged(server, design=Design(), logprobs=True)

    assert server.bodies[0]["logprobs"] is True
    assert server.bodies[0]["top_logprobs"] == 20
    np.testing.assert_allclose(result.matrix.pairs() * 100, (70 * 2 + 30) / 3)
    first = result.replies[0]
    assert (first.rating, first.score, first.off_scale) == (
        70,
        pytest.approx(170 / 3),
        pytest.approx(0.25),
    )
    assert result.provenance is not None
    assert result.provenance.counts["mean_off_scale"] == pytest.approx(0.25)


def test_a_model_that_writes_digit_by_digit_is_taken_at_its_word() -> None:
    digits = [("7", {"7": 0.5, "1": 0.5}), ("0", {"0": 1.0})]
    with chat_server(lambda _: Says("70", digits)) as server:
        result = judged(server, design=Design(), logprobs=True, values=False)

    np.testing.assert_allclose(result.matrix.pairs(), 0.7)
    assert result.provenance is not None
    assert result.provenance.counts["answers_with_probabilities"] == 0


def test_objects_are_asked_for_by_a_schema_and_read_strictly() -> None:
    def exact(body: dict[str, Any]) -> Happening:
        (key,) = body["response_format"]["json_schema"]["schema"]["required"]
        return Says(json.dumps({key: 2}))

    with chat_server(exact) as server:
        result = judged(server, reply_as="object", design=Design())

    assert {r.outcome for r in result.replies} == {"used"}
    np.testing.assert_allclose(result.matrix.pairs(), 0.02)
    assert '"odd_one_out": N' in server.questions[-1]
    assert '"rating": N' in server.questions[0]


def test_repeats_are_asked_each_with_a_seed_of_its_own(tmp_path: Path) -> None:
    design = Design(repeats=3)
    settings = {"design": design, "temperature": 0.7, "seed": 5, "values": False}
    with chat_server(lambda body: Says(str(body["seed"] * 10))) as server:
        result = judged(server, tmp_path, n_triplets=0, **settings)
        again = judged(server, tmp_path, n_triplets=0, **settings)

    assert Counter(body["seed"] for body in server.bodies) == {5: 6, 6: 6, 7: 6}
    assert {body["temperature"] for body in server.bodies} == {0.7}
    np.testing.assert_allclose(result.matrix.pairs(), 0.6)
    (row,) = result.variation
    assert (row.factor, row.variance, row.n) == ("repeat", 100.0, 6)
    np.testing.assert_array_equal(again.matrix.values, result.matrix.values)


def test_repeats_stay_apart_where_no_seed_is_sent(tmp_path: Path) -> None:
    with chat_server(honest) as server:
        judged(server, tmp_path, design=Design(repeats=2), send_seed=False)

    assert len(server.bodies) == 2 * (6 + 4 + 2)
    assert len(list(tmp_path.rglob("*.json"))) == len(server.bodies)
    assert "seed" not in server.bodies[0]


def test_two_servers_with_one_models_name_are_kept_apart(tmp_path: Path) -> None:
    with chat_server(honest) as server:
        judged(server, tmp_path, design=Design(), served_by="fp16 box")
        judged(server, tmp_path, design=Design(), served_by="4 bit box")

    assert len(server.bodies) == 24
    assert "served_by" not in json.dumps(server.bodies)


def bad_days() -> Behaviour:
    """Each question fails once, each in its way, before it is answered."""
    ways: list[Happening] = [
        Fails(429, headers={"Retry-After": "0"}),
        Fails(502),
        Fails(body='{"choices": [{"mess'),
        Fails(body='{"choices": []}', half=True),
        DROPS,
    ]
    failed: set[str] = set()

    def behave(body: dict[str, Any]) -> Happening:
        question = body["messages"][0]["content"]
        if question not in failed:
            failed.add(question)
            return ways[len(failed) % len(ways)]
        return honest(body)

    return behave


def test_bad_days_of_the_server_change_no_judgment(tmp_path: Path) -> None:
    settings = {"design": Design(paraphrases=2), "backoff_s": 0.01}
    with chat_server(honest) as server:
        calm = judged(server, **settings)
    with chat_server(bad_days()) as server:
        stormy = judged(server, tmp_path, **settings, parallel=4)

    np.testing.assert_array_equal(stormy.matrix.values, calm.matrix.values)
    assert [r.text for r in stormy.replies] == [r.text for r in calm.replies]
    assert len(server.bodies) == 2 * len(stormy.replies)


def test_several_requests_are_under_way_at_once_and_no_more_than_allowed() -> None:
    with chat_server(lambda _: Says("50", delay_s=0.05)) as server:
        judged(server, design=Design(), parallel=3)

    assert 2 <= server.most_at_once <= 3


def test_a_run_that_broke_off_asks_only_what_is_missing(tmp_path: Path) -> None:
    def gone_after_five(body: dict[str, Any]) -> Happening:
        return honest(body) if len(server.bodies) <= 5 else Fails(403, "no credit")

    with chat_server(gone_after_five) as server:
        with pytest.raises(AlignmentError, match=r"no credit.*Replies so far are kept"):
            judged(server, tmp_path, design=Design())
        left = rater(server, tmp_path, design=Design()).forecast(
            ACTIONS, WORDING, more=MORE
        )
        server.behave = honest
        result = judged(server, tmp_path, design=Design())

    assert (left.n_questions, left.n_known) == (7, 5)
    assert left.measured
    assert (left.tokens_in, left.tokens_out) == (7 * 40, 7 * 2)
    assert left.price == pytest.approx((280 * 1.0 + 14 * 2.0) / 1e6)
    assert len(server.bodies) == 5 + 1 + 7
    assert sum(reply.cached for reply in result.replies) == 5


def test_a_forecast_asks_nothing_and_needs_no_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("TINY_KEY", raising=False)
    with chat_server(honest) as server:
        found = rater(server, api_key_env="TINY_KEY").forecast(
            ACTIONS, WORDING, more=MORE
        )

    assert found.n_questions == 48 + 16 + 18
    assert server.bodies == []


def test_the_key_reaches_the_server_and_nothing_else(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("TINY_KEY", KEY)
    caplog.set_level(logging.DEBUG)

    def echoes(body: dict[str, Any]) -> Happening:
        return Says(f"{KEY} says 70")

    with chat_server(echoes) as server:
        tiny = rater(server, tmp_path, api_key_env="TINY_KEY", design=Design())
        result = tiny.judge(ACTIONS, WORDING, more=MORE)

    assert server.headers[0]["Authorization"] == f"Bearer {KEY}"
    assert result.provenance is not None
    kept = "".join(path.read_text() for path in tmp_path.rglob("*.json"))
    shown = [repr(tiny), repr(result), json.dumps(result.provenance.manifest())]
    assert "[key] says 70" in kept
    assert KEY not in "".join([kept, *shown, caplog.text, *capfd.readouterr()])


def test_where_judgments_come_from_is_told_in_plain_values() -> None:
    with chat_server(honest) as server:
        result = judged(server, temperature=0.3, seed=9)

    assert result.provenance is not None
    told = json.loads(json.dumps(result.provenance.manifest()))
    assert told["model"] == "tiny-1"
    assert told["facts"] == {"licence": "Apache-2.0"}
    assert told["settings"]["temperature"] == 0.3
    assert told["settings"]["seed"] == 9
    assert told["settings"]["design"]["paraphrases"] == 3
    assert told["counts"]["served_models"] == ["tiny-1-2026"]
    assert told["counts"]["fingerprints"] == ["fp-1"]
    assert told["counts"]["questions"] == 82
    assert told["counts"]["tokens_in"] == 82 * 40
