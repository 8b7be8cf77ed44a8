"""Nobody can be found in a log line, whoever wrote it and however it came there."""

from __future__ import annotations

import json
import logging
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collection.logs import JsonFormatter, LineFormatter, configuration, scrub

PID = "5f3c9a0b1d2e4f6a8b7c6d01"
CODE = "9a51a7c7-5e38-4ff0-801f-1fe04b8034d2"


def record(message: str, **more: object) -> logging.LogRecord:
    made = logging.LogRecord("attune", logging.INFO, "here.py", 1, message, (), None)
    made.__dict__.update(more)
    return made


@pytest.mark.parametrize(
    ("said", "secret"),
    [
        (f"Internal Server Error: /p/{CODE}/trial/", CODE),
        (f"no session {CODE.replace('-', '')}", CODE.replace("-", "")),
        (f"no session {CODE.upper()}", CODE.upper()),
        (f"GET /s/tiny/?PROLIFIC_PID={PID}&SESSION_ID=x", PID),
        ("GET /s/tiny/?pid=my-own-name", "my-own-name"),
        ("the form held {'pid': 'my-own-name'}", "my-own-name"),
        (f"submission of {PID} was refused", PID),
        ("Not Found: /withdraw/ABCD-EFGH-JKLM/", "ABCD"),
        ("Key (platform, external_id)=(link, my name (1)) already exists.", "my name"),
        ("DETAIL:  Failing row contains (7, my-own-name, null).", "my-own-name"),
        ("Failing row contains (7, my-own-name, null).", "my-own-name"),
        ("Invalid request from ip=203.0.113.7: bad", "203.0.113.7"),
        ("refused 2001:db8:0:1:2:3:4:5", "2001:db8"),
        ("refused 2001:db8::7", "2001:db8"),
        ("2001:db8::7: refused", "2001:db8"),
        ("mail to ada.lovelace@example.org failed", "lovelace"),
        ("Authorization: Bearer abcdef", "abcdef"),
    ],
)
def test_what_names_somebody_is_taken_out(said: str, secret: str) -> None:
    for formatter in (LineFormatter(), JsonFormatter()):
        assert secret not in formatter.format(record(said))


def test_what_an_operator_needs_is_left_in() -> None:
    said = "The server on port 8000 ended at 12:34:56: ValueError: 3 of 40 in /p/ rows"

    assert scrub(said) == said


def test_a_traceback_keeps_its_lines_and_loses_the_person() -> None:
    try:
        raise ValueError(f"duplicate key\nDETAIL:  Key (pid)=({PID}) exists /p/{CODE}/")
    except ValueError:
        failed = record("A job failed.", exc_info=sys.exc_info())

    line = json.loads(JsonFormatter().format(failed))

    assert "ValueError: duplicate key" in line["exception"]
    assert "test_logs.py" in line["exception"]
    assert PID not in line["exception"]
    assert CODE not in line["exception"]


@given(st.text(max_size=200), st.uuids())
def test_every_line_is_one_json_object_without_the_code(
    said: str, code: object
) -> None:
    line = JsonFormatter().format(record(f"{said} {code}", ms=1.5, route="trial"))

    assert "\n" not in line
    assert str(code) not in line
    assert json.loads(line)["ms"] == 1.5


def test_a_field_that_nobody_allowed_is_left_out() -> None:
    line = json.loads(JsonFormatter().format(record("answered", path=f"/p/{CODE}/")))

    assert set(line) == {"time", "level", "logger", "message"}


def test_people_get_no_line_for_each_request_and_programs_do() -> None:
    assert configuration(as_json=True)["loggers"]["attune"]["level"] == "INFO"
    assert configuration(as_json=False)["loggers"]["attune"]["level"] == "WARNING"
