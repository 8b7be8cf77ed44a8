"""A sweep's document on its way from a form to a file and back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

Document = Mapping[str, Any]


def as_toml(document: Document) -> str:
    """The document as a TOML file; fields without a value are left out."""
    tables = {name: v for name, v in document.items() if isinstance(v, Mapping)}
    plain = {name: v for name, v in document.items() if name not in tables}
    lines = _lines(plain)
    for name, table in tables.items():
        lines += ["", f"[{_key(name)}]", *_lines(table)]
    return "\n".join(lines) + "\n"


def flat(document: Document, before: str = "") -> Iterator[tuple[str, Any]]:
    """Every field by its place: ``phases.learn`` for one inside a table."""
    for name, value in document.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def nested(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The document whose fields these are; the other way of :func:`flat`."""
    document: dict[str, Any] = {}
    for place, value in fields.items():
        *tables, name = place.split(".")
        inside = document
        for table in tables:
            inside = inside.setdefault(table, {})
        inside[name] = value
    return document


def _lines(table: Document) -> list[str]:
    # JSON's text, numbers, booleans and lists of them are TOML as well.
    return [
        f"{_key(name)} = {json.dumps(value, ensure_ascii=False)}"
        for name, value in table.items()
        if value is not None
    ]


def _key(name: str) -> str:
    """A bare key, or a quoted one: an uploaded document may have any."""
    bare = name.replace("_", "").replace("-", "")
    return name if bare.isascii() and bare.isalnum() else json.dumps(name)
