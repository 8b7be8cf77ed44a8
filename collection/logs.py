"""Log lines for programs and for people, with nobody in them.

A log outlives erasures, is copied to other machines, and is read by people who have no
business with who took part. So whatever could name somebody is taken out of every line
where it is written, whoever wrote it: session codes, platform ids, addresses of machines
and mailboxes, what follows ``?`` in an address, and the values with which PostgreSQL
explains a fault. Tracebacks go through the same door.
"""

from __future__ import annotations

import json
import logging
import re
from contextlib import suppress
from datetime import UTC, datetime
from ipaddress import IPv6Address
from typing import Any, Final

# What a logger's caller may add with `extra`; anything else is left out.
FIELDS: Final = ("route", "method", "status", "ms", "job", "kind", "study", "seconds")

_RULES: Final = [
    # "DETAIL:  Key (platform, external_id)=(...) already exists." and failing rows.
    (re.compile(r"\bDETAIL: .*"), "DETAIL: <left out>"),
    (re.compile(r"\bCONTEXT: .*"), "CONTEXT: <left out>"),
    (re.compile(r"Key \([^)]*\)=\(.*?\)(?= |$)", re.M), "Key <left out>"),
    (re.compile(r"Failing row contains .*"), "Failing row <left out>"),
    # A withdrawal code stands in the path, however its owner wrote it.
    (re.compile(r"/withdraw/[^\s/\"'?]+"), "/withdraw/<code>"),
    # Session codes, with dashes or without.
    (
        re.compile(r"\b[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}\b", re.I),
        "<code>",
    ),
    # Platforms name people by 24 hexadecimal digits.
    (re.compile(r"\b[0-9a-f]{24}\b", re.I), "<id>"),
    # Who arrives is named after "?"; a query's other fields are nobody's business.
    (re.compile(r"(?<=[\w/])\?[^\s\"'>)]*"), "?<query>"),
    (
        re.compile(
            r"\b(PROLIFIC_PID|STUDY_ID|SESSION_ID|external_id|participant_id|pid|"
            r"submission_id|password|token|sessionid|csrftoken|authorization)"
            r"(['\"]?\s*[=:]\s*)(?:Bearer\s+)?('[^']*'|\"[^\"]*\"|[^\s,;&)}]+)",
            re.I,
        ),
        r"\1\2<left out>",
    ),
    (re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+"), "<mail>"),
    (re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b"), "<address>"),
]


_MAYBE_IPV6: Final = re.compile(
    r"(?<![\w:])[0-9a-f:]*:[0-9a-f]*:[0-9a-f:]*(?!\w)", re.I
)


def scrub(text: str) -> str:
    """The text without what could name a person."""
    for pattern, instead in _RULES:
        text = pattern.sub(instead, text)
    return _MAYBE_IPV6.sub(_without_ipv6, text)


def _without_ipv6(found: re.Match[str]) -> str:
    """A time of day has colons too, and stays."""
    for address in (found[0], found[0][:-1]):  # a colon may end the clause
        with suppress(ValueError):
            IPv6Address(address)
            return f"<address>{found[0][len(address) :]}"
    return found[0]


class LineFormatter(logging.Formatter):
    """A line for a person to read."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        return scrub(super().format(record))


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and what ``FIELDS`` names."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, Any] = {
            "time": moment.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": scrub(record.getMessage()),
        }
        for name in FIELDS:
            value = getattr(record, name, None)
            if isinstance(value, str):
                line[name] = scrub(value)
            elif isinstance(value, (int, float)):
                line[name] = value
        if record.exc_info:
            line["exception"] = scrub(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)


def configuration(*, as_json: bool) -> dict[str, Any]:
    """What ``settings.LOGGING`` and gunicorn are given.

    Args:
        as_json: One JSON object a line, with a line for every request; else lines for
            people, and only what went wrong.
    """
    formatter = JsonFormatter if as_json else LineFormatter
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": f"{formatter.__module__}.{formatter.__name__}"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {
            "attune": {"level": "INFO" if as_json else "WARNING"},
            # Refusals are expected, and recorded as incidents.
            "django.request": {"level": "ERROR"},
            # httpx would log addresses, and those of a platform's API name submissions.
            "httpx": {"level": "WARNING"},
            "httpcore": {"level": "WARNING"},
        },
    }
