"""`python -m alignment ask`, and a report of raters.toml: as a lab runs them."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alignment.__main__ import main
from alignment.report_files import read_report
from tests.chat_server import ChatServer, Fails, Happening, Says, chat_server

WriteSnapshot = Callable[..., Path]
KEY = "sk-not-for-anyone-7"
ENTRY = """
[[rater]]
name = "{name}"
kind = "chat"
model = "{name}-1"
endpoint = "{url}"
api_key_env = "TINY_KEY"
attempts = 1
price_in = 100.0
price_out = 100.0
currency = "EUR"
family = "Tiny"
training = "instruction-tuned"
licence = "MIT"
"""
ASKING = "[asking]\nn_pairs = 5\nn_triplets = 2\n"


def raters_file(folder: Path, server: ChatServer, *names: str) -> str:
    path = folder / "mine.toml"
    entries = [ENTRY.format(name=name, url=server.url) for name in names]
    path.write_text(ASKING + "".join(entries), encoding="utf-8")
    return str(path)


def answer(body: dict[str, Any]) -> Happening:
    question = body["messages"][0]["content"]
    three = re.search(r"\b1, 2 or 3\b", question)
    return Says("1" if three else str(len(question) % 101))


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINY_KEY", KEY)


def test_a_model_that_fails_stops_none_of_the_others_and_nothing_is_asked_twice(
    small_snapshot: WriteSnapshot, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    snapshot, cache = str(small_snapshot()), str(tmp_path / "cache")

    def one_fails(body: dict[str, Any]) -> Happening:
        bad = body["model"] == "bad-1"
        return Fails(404, f"no such model for {KEY}") if bad else answer(body)

    with chat_server(one_fails) as server:
        file = raters_file(tmp_path, server, "bad", "good")
        asking = ["ask", snapshot, "--raters", file, "--cache", cache]
        code = main(asking)
        n_asked = len(server.bodies)
        again = main([*asking, "--only", "good"])
        n_again = len(server.bodies) - n_asked
        out = tmp_path / "report"
        reporting = ["report", snapshot, "--out", str(out), "--only", "good"]
        reporting += ["--raters", f"length,{file}", "--cache", cache, "--no-figures"]
        written = main([*reporting, "--resamples", "10", "--permutations", "10"])
        n_reported = len(server.bodies) - n_asked

    said = capsys.readouterr()
    assert (code, again, written) == (1, 0, 0)
    assert (n_again, n_reported) == (0, 0)
    assert "[1 of 2] bad: not done. chat endpoint " in said.out
    assert "no such model for [key]" in said.out
    assert "[2 of 2] good: good-1, asked the study's pair question" in said.out
    assert "EUR" in said.err
    assert "good: all 122 answers are known; nothing to ask." in said.err.splitlines()
    report = read_report(out)
    assert [row.rater for row in report.raters][-2:] == ["length", "good"]
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    told = manifest["parameters"]["raters"][-1]["provenance"]
    assert told["facts"]["licence"] == "MIT"
    assert told["counts"]["from_cache"] == 122
    assert told["settings"]["api_key_env"] == "TINY_KEY"
    written_bytes = b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())
    assert KEY.encode() not in written_bytes
    assert KEY not in said.out + said.err


@pytest.mark.parametrize("command", ["ask", "report"])
def test_a_forecast_asks_nothing_and_writes_nothing(
    small_snapshot: WriteSnapshot,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    command: str,
) -> None:
    snapshot = str(small_snapshot())
    with chat_server(answer) as server:
        file = raters_file(tmp_path, server, "one", "two")
        before = sorted(tmp_path.rglob("*"))
        arguments = [command, snapshot, "--raters", file, "--forecast"]
        more = ["--out", str(tmp_path / "report")] if command == "report" else []
        code = main([*arguments, *more, "--cache", str(tmp_path / "cache")])

    said = capsys.readouterr().out.splitlines()
    assert code == 0
    assert server.bodies == []
    assert sorted(tmp_path.rglob("*")) == before
    assert re.match(
        r"one: 122 questions to ask \(0 known\), about [\d,]+ tokens", said[0]
    )
    assert re.fullmatch(r"Together: \d\.\d\d EUR\.", said[-1])


def test_only_needs_a_file_to_choose_from(
    small_snapshot: WriteSnapshot, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["ask", str(small_snapshot()), "--raters", "length", "--only", "x"]

    assert main(arguments) == 1
    assert (
        "--only chooses from files: name one with --raters" in capsys.readouterr().err
    )


def test_faults_of_the_file_are_told_by_the_command(
    small_snapshot: WriteSnapshot, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('[[rater]]\nname = "a"\nkind = "causal"\n', encoding="utf-8")

    code = main(["ask", str(small_snapshot()), "--raters", str(path)])

    said = capsys.readouterr().err
    assert code == 1
    assert f"{path} has 4 faults:" in said
    assert "rater 1 (a), licence: is required and was not given" in said
