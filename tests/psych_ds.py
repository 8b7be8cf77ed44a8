"""The rules of Psych-DS, as its schema (1.x) and its validator state them, in Python.

The official validator is written for Deno and is in none of the registries that this
project installs from. These are the rules whose breach it calls an error, and whether
columns are described, written anew from its schema; where the official one is installed
(`psychds-validator` on the PATH) the tests run that one as well.
"""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

DATAFILE = re.compile(r"([a-z]+-[a-zA-Z0-9]+)(_[a-z]+-[a-zA-Z0-9]+)*_data\.csv")
KEYWORDS = {
    "study",
    "site",
    "subject",
    "session",
    "task",
    "condition",
    "trial",
    "stimulus",
    "description",
}
SCHEMA_ORG = re.compile(r"https?://(www\.)?schema\.org/?")


def faults(folder: Path) -> list[str]:
    """Every rule that the folder breaks; empty for a valid Psych-DS dataset."""
    path = folder / "dataset_description.json"
    if not path.is_file():
        return ["MISSING_DATASET_DESCRIPTION"]
    try:
        metadata = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        return [f"INVALID_JSON_FORMATTING {error}"]
    found = []
    if not SCHEMA_ORG.fullmatch(str(metadata.get("@context", ""))):
        found.append("INVALID_JSONLD_FORMATTING no schema.org @context")
    if metadata.get("@type") != "Dataset":
        found.append("INCORRECT_DATASET_TYPE")
    for key in ("name", "description", "variableMeasured"):
        if not metadata.get(key):
            found.append(f"JSON_KEY_REQUIRED {key}")
    measured = {
        one if isinstance(one, str) else one["name"]
        for one in metadata.get("variableMeasured", [])
    }
    files = sorted((folder / "data").rglob("*.csv"))
    if not files:
        found.append("MISSING_DATAFILE")
    for file in files:
        found += _of_file(file, measured)
    if not any((folder / f"README{end}").is_file() for end in (".md", ".txt")):
        found.append("MISSING_README_DOC")
    return found


def _of_file(path: Path, measured: set[str]) -> list[str]:
    found = []
    if not DATAFILE.fullmatch(path.name):
        found.append(f"FILENAME_KEYWORD_FORMATTING_ERROR {path.name}")
    used = {part.partition("-")[0] for part in path.stem.split("_")[:-1]}
    if used - KEYWORDS:
        found.append(f"FILENAME_UNOFFICIAL_KEYWORD_WARNING {path.name}")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, strict=True))
    header = rows[0] if rows else []
    if not header:
        found.append(f"CSV_HEADER_MISSING {path.name}")
    if len(set(header)) != len(header):
        found.append(f"CSV_HEADER_REPEATED {path.name}")
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(header):
            found.append(f"CSV_HEADER_LENGTH_MISMATCH {path.name} row {number}")
    missing = [column for column in header if column not in measured]
    if missing:
        found.append(f"CSV_COLUMN_MISSING_FROM_METADATA {path.name} {missing}")
    if "row_id" in header:
        place = header.index("row_id")
        ids = [row[place] for row in rows[1:]]
        if len(set(ids)) != len(ids):
            found.append(f"ROWID_VALUES_NOT_UNIQUE {path.name}")
    return found
