"""The experiment's folder: tables with their types, parts that stand, the manifest.

FOLDER/  manifest.json   kind "paper"; inputs by hash, settings, parts left out
         summary.md      everything that was found, to read from top to bottom
         settings.toml   the settings with every field written out
         tables/         one CSV file per table
         parts/          what each part found, so that an interrupted run goes on
         figures/        SVG, PNG and PDF
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from alignment.errors import FolderError
from alignment.folders import read_manifest, read_rows
from bandits.paper.parts import Found, Row
from bandits.paper.settings import PaperSettings
from bandits.paper.study import Study
from bandits.results import write_table

KIND = "paper"
LAYOUT = 1
"""Raised when the same report and settings would give other numbers."""


def identity(study: Study) -> str:
    """What a run is: the same for one report, one snapshot and one set of settings."""
    told = [LAYOUT, study.settings.sha256, study.report_sha256]
    told.append(study.snapshot is not None)
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def stands(out: Path, run: str) -> bool:
    """Whether a finished run of this identity lies there, unchanged."""
    try:
        return read_manifest(out, KIND).get("paper_hash") == run
    except FolderError:
        return False


def refuse_other_kinds(out: Path) -> None:
    """Refuse a folder that holds something else.

    Raises:
        FolderError: A file of that name, or the folder of a report or sweep.
    """
    if out.exists() and not out.is_dir():
        raise FolderError(f"{out} is a file; the experiment needs a folder to write.")
    if (out / "manifest.json").is_file():
        read_manifest(out, KIND, verify=False)


def clear(out: Path) -> None:
    """Remove what an earlier run left."""
    for name in ("tables", "parts", "figures", "cells"):
        shutil.rmtree(out / name, ignore_errors=True)


def save_part(out: Path, name: str, run: str, found: Found) -> None:
    """Write a part's tables, then the note that it stands."""
    for folder in ("tables", "parts"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    texts: dict[str, list[str]] = {}
    for table, rows in found.tables.items():
        write_table(out / "tables" / f"{table}.csv", rows, empty=("kernel",))
        texts[table] = sorted(
            {
                key
                for row in rows
                for key, value in row.items()
                if isinstance(value, str)
            }
        )
    note = {"run": run, "lines": found.lines, "texts": texts}
    _write(out / "parts" / f"{name}.json", json.dumps(note, indent=1))


def load_part(out: Path, name: str, run: str) -> Found | None:
    """What a part found, read from its files; None if it does not stand for this run."""
    path = out / "parts" / f"{name}.json"
    try:
        note: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if note["run"] != run:
            return None
        tables = {
            table: read_table(out / "tables" / f"{table}.csv", texts)
            for table, texts in note["texts"].items()
        }
    except (OSError, ValueError, KeyError, FolderError):
        return None
    return Found(tables, note["lines"])


def read_table(path: Path, texts: Sequence[str]) -> list[Row]:
    """The rows of a CSV file, its text columns as text and all others as floats."""
    return [
        {
            name: value if name in texts else float(value or "nan")
            for name, value in row.items()
        }
        for row in read_rows(path)
    ]


def write_text(path: Path, lines: Sequence[str]) -> None:
    """Write lines of text, whole or not at all."""
    _write(path, "\n".join(lines).rstrip() + "\n")


def settings_toml(settings: PaperSettings) -> str:
    """The settings as TOML, every field written out."""
    content = settings.model_dump(mode="json")
    plain = {k: v for k, v in content.items() if not isinstance(v, dict)}
    lines = [f"{name} = {json.dumps(value)}" for name, value in plain.items()]
    for name, table in content.items():
        if isinstance(table, dict):
            lines += ["", f"[{name}]"]
            lines += [f"{key} = {json.dumps(value)}" for key, value in table.items()]
    return "\n".join(lines) + "\n"


def _write(path: Path, text: str) -> None:
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
