"""Read a study's actions from a CSV, and list everything wrong with it."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Any

from collection.definition_parts import SLUG, SLUG_MEANS
from collection.errors import Fault

VALENCES = ("good", "neutral", "harmful")


def read_actions(path: Path) -> tuple[list[dict[str, Any]], list[Fault]]:
    """The rows as `ActionText` takes them, in the file's order, and every fault.

    Rows with a fault are left out, so that the rest of a definition can be checked.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        return [], [Fault(path.name, f"cannot be read: {error}")]
    except (OSError, ValueError) as error:  # no such file; a name with a NUL
        # Without the folder: it says where the server keeps its files.
        reason = getattr(error, "strerror", None) or str(error)
        return [], [Fault(path.name, f"cannot be read: {reason}")]
    if "\0" in text:
        number = text[: text.index("\0")].count("\n") + 1
        return [], [Fault(f"{path.name} line {number}", "holds a NUL character")]
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        records = [(reader.line_num, fields) for fields in reader]
    except csv.Error as error:
        return [], [Fault(f"{path.name} line {reader.line_num}", f"is no CSV: {error}")]
    first = records[0][1] if records else []
    header = [column.strip() for column in first]
    faults = _header_faults(header, path.name)
    if faults:
        return [], faults
    rows: list[dict[str, Any]] = []
    seen_ids: dict[str, int] = {}
    seen_texts: dict[str, int] = {}
    for line, fields in records[1:]:
        if not any(field.strip() for field in fields):
            continue
        messages = []
        if len(fields) != len(header):
            messages.append(
                f"{len(fields)} fields for {len(header)} columns; "
                "put texts with commas in double quotes"
            )
        row = dict(zip(header, (field.strip() for field in fields), strict=False))
        messages += _row_messages(row)
        for what, value, seen in (
            ("action_id", row.get("action_id", ""), seen_ids),
            ("text", " ".join(row.get("text", "").casefold().split()), seen_texts),
        ):
            if value and value in seen:
                messages.append(
                    f"{what} {row[what]!r} stands already on line {seen[value]}"
                )
            seen.setdefault(value, line)
        faults += [Fault(f"{path.name} line {line}", message) for message in messages]
        if not messages:
            action_id, action_text = row.pop("action_id"), row.pop("text")
            rows.append(
                {"action_id": action_id, "text": action_text, "attributes": row}
            )
    if len(rows) < 3 and not faults:
        faults.append(
            Fault(path.name, f"needs at least three actions, found {len(rows)}")
        )
    return rows, faults


def _header_faults(header: list[str], file: str) -> list[Fault]:
    place = f"{file} line 1"
    faults = [
        Fault(place, f"needs a column {column!r}; found {', '.join(header) or 'none'}")
        for column in ("action_id", "text")
        if column not in header
    ]
    faults += [
        Fault(place, f"column {column!r} stands twice")
        for column in sorted({c for c in header if header.count(c) > 1})
    ]
    if "" in header:
        faults.append(Fault(place, "a column has no name"))
    return faults


def _row_messages(row: dict[str, str]) -> list[str]:
    messages = []
    action_id = row.get("action_id", "")
    if not re.fullmatch(SLUG, action_id) or len(action_id) > 80:
        messages.append(f"action_id needs {SLUG_MEANS}, at most 80; got {action_id!r}")
    if not row.get("text", ""):
        messages.append("text is empty")
    valence = row.get("valence", "")
    if valence and valence not in VALENCES:
        messages.append(f"valence is {', '.join(VALENCES)} or empty; got {valence!r}")
    return messages
