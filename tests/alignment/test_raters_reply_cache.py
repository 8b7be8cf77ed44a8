"""`alignment.raters.reply_cache`: a reply is found by exactly what was asked."""

from pathlib import Path

from alignment.raters.reply_cache import ReplyCache

REQUEST = {"model": "tiny", "messages": [{"role": "user", "content": "é?"}]}


def test_what_was_kept_is_found_by_an_equal_request(tmp_path: Path) -> None:
    cache = ReplyCache(tmp_path / "new")
    cache.put(REQUEST, "70\n")

    assert cache.get(dict(reversed(REQUEST.items()))) == "70\n"
    assert cache.get({**REQUEST, "temperature": 1}) is None


def test_an_empty_reply_is_kept_too(tmp_path: Path) -> None:
    cache = ReplyCache(tmp_path)
    cache.put(REQUEST, "")

    assert cache.get(REQUEST) == ""


def test_a_file_cut_short_is_asked_again(tmp_path: Path) -> None:
    cache = ReplyCache(tmp_path)
    cache.put(REQUEST, "70")
    (file,) = tmp_path.rglob("*.json")
    file.write_text(file.read_text(encoding="utf-8")[:20], encoding="utf-8")

    assert cache.get(REQUEST) is None


def test_without_a_folder_nothing_is_kept() -> None:
    cache = ReplyCache()
    cache.put(REQUEST, "70")

    assert cache.get(REQUEST) is None
