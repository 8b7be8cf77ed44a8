"""`alignment.progress`: what a person sees, and what a job's page reads."""

import io
import json
from pathlib import Path

import pytest

from alignment.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def work(stream: io.StringIO, *, total: int | None, seconds_each: float) -> str:
    clock = Clock()
    with Progress("rating pairs", total, stream=stream, clock=clock) as progress:
        for _ in range(total or 4):
            clock.now += seconds_each
            progress.advance()
    return stream.getvalue()


def test_a_log_gets_ever_rarer_lines_and_a_closing_one() -> None:
    said = work(io.StringIO(), total=20, seconds_each=1.0)

    assert said.splitlines() == [
        "rating pairs: 2 of 20, 1.0/s, 18 s left",
        "rating pairs: 6 of 20, 1.0/s, 14 s left",
        "rating pairs: 14 of 20, 1.0/s, 6.0 s left",
        "rating pairs: done in 20 s, 1.0/s",
    ]


def test_a_log_of_hours_still_gets_a_line_a_minute() -> None:
    said = work(io.StringIO(), total=600, seconds_each=10.0).splitlines()

    assert 100 <= len(said) <= 110


def test_what_an_earlier_process_did_is_no_part_of_the_rate() -> None:
    stream, clock = io.StringIO(), Clock()

    with Progress("sweep", 100, already=90, stream=stream, clock=clock) as progress:
        clock.now += 4
        progress.advance(4)

    assert stream.getvalue().splitlines() == [
        "sweep: 94 of 100, 1.0/s, 6.0 s left",
        "sweep: done in 4.0 s, 1.0/s",
    ]


def test_work_under_a_second_leaves_no_trace_in_a_log() -> None:
    assert work(io.StringIO(), total=9, seconds_each=0.1) == ""


def test_a_terminal_gets_one_live_line_that_is_wiped_at_the_end() -> None:
    said = work(Terminal(), total=10, seconds_each=1.0)

    *live, closing = said.split("\r\x1b[K")
    assert "\n" not in "".join(live)
    assert live[-1] == "rating pairs: 10 of 10, 1.0/s"
    assert closing == "rating pairs: done in 10 s, 1.0/s\n"


def test_without_a_total_there_is_a_count_and_no_time_left() -> None:
    said = work(io.StringIO(), total=None, seconds_each=2.0)

    assert said.splitlines()[0] == "rating pairs: 1, 0.5/s"


@pytest.mark.parametrize(
    ("seconds", "sentence"),
    [(99.0, "99 s"), (150.0, "2 min 30 s"), (3 * 3600 + 61.0, "3 h 1 min")],
)
def test_long_times_are_told_in_minutes_and_hours(
    seconds: float, sentence: str
) -> None:
    said = work(io.StringIO(), total=1, seconds_each=seconds)

    assert said.splitlines()[-1] == f"rating pairs: done in {sentence}"


def test_a_stage_that_fails_says_how_far_it_came() -> None:
    stream, clock = io.StringIO(), Clock()

    def fail() -> None:
        with Progress("rating pairs", 10, stream=stream, clock=clock) as progress:
            progress.advance(3)
            clock.now += 5
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert stream.getvalue() == "rating pairs: stopped at 3 of 10 in 5.0 s\n"


def test_a_job_can_read_the_count_from_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "progress.json"
    monkeypatch.setenv("ATTUNE_PROGRESS_FILE", str(path))
    clock, seen = Clock(), []

    with Progress("sweep", 3, stream=io.StringIO(), clock=clock) as progress:
        for _ in range(3):
            seen.append(json.loads(path.read_text())["done"])
            clock.now += 1
            progress.advance()

    assert seen == [0, 1, 2]
    assert json.loads(path.read_text()) == {"stage": "sweep", "done": 3, "total": 3}
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_is_written_at_most_twice_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "progress.json"
    monkeypatch.setenv("ATTUNE_PROGRESS_FILE", str(path))
    clock, seen = Clock(), []

    with Progress("sweep", 100, stream=io.StringIO(), clock=clock) as progress:
        for _ in range(100):
            clock.now += 0.1
            progress.advance()
            seen.append(json.loads(path.read_text())["done"])

    assert len(set(seen)) <= 22


def test_a_file_that_cannot_be_written_does_not_end_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATTUNE_PROGRESS_FILE", str(tmp_path / "nowhere" / "p.json"))

    with Progress("sweep", 1, stream=io.StringIO()) as progress:
        progress.advance()

    assert progress.done == 1
