"""`alignment.raters.reply_cache`: a reply is found by exactly what was asked."""

import json
from pathlib import Path

from alignment.raters.reply_cache import ReplyCache

REQUEST = {"model": "tiny", "messages": [{"role": "user", "content": "é?"}]}
REPLY = {"text": "70\n", "tokens_in": 4}


def test_what_was_kept_is_found_by_an_equal_request(tmp_path: Path) -> None:
    cache = ReplyCache(tmp_path / "new")
    cache.put(REQUEST, REPLY)

    assert cache.get(dict(reversed(REQUEST.items()))) == REPLY
    assert cache.get({**REQUEST, "temperature": 1}) is None


def test_an_empty_reply_is_kept_too(tmp_path: Path) -> None:
    cache = ReplyCache(tmp_path)
    cache.put(REQUEST, {"text": ""})

    assert cache.get(REQUEST) == {"text": ""}


def test_a_file_cut_short_is_asked_again(tmp_path: Path) -> None:
    cache = ReplyCache(tmp_path)
    cache.put(REQUEST, REPLY)
    (file,) = tmp_path.rglob("*.json")
    file.write_text(file.read_text(encoding="utf-8")[:20], encoding="utf-8")

    assert cache.get(REQUEST) is None


def test_a_file_that_holds_another_request_is_not_believed(tmp_path: Path) -> None:
    cache = ReplyCache(tmp_path)
    cache.put(REQUEST, REPLY)
    (file,) = tmp_path.rglob("*.json")
    other = {"request": {**REQUEST, "model": "huge"}, "reply": REPLY}
    file.write_text(json.dumps(other), encoding="utf-8")

    assert cache.get(REQUEST) is None


def test_without_a_folder_nothing_is_kept() -> None:
    cache = ReplyCache()
    cache.put(REQUEST, REPLY)

    assert cache.get(REQUEST) is None
