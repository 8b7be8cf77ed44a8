"""A study's documents as they come from a browser: limited, checked, and stored.

Nothing of an upload is believed. Files are counted and measured before they are read,
their names must be plain, and the definition may only name files that were sent with it.
They lie in a folder of their own for as long as it takes to read them.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from django.db import IntegrityError, transaction

from collection import access
from collection.access import Role
from collection.definitions import StudyDefinition, load_definition
from collection.document_lines import places_of
from collection.errors import DefinitionError, Fault
from collection.loading import load_study
from collection.models import Study

MOST_FILES: Final = 24
MOST_BYTES: Final = 2_000_000
"""Of all files together. A thousand actions are 100 kB."""
MOST_ACTIONS: Final = 1_000
"""Half a million pairs, which are stored within seconds; more goes by `loadstudy`."""
AROUND: Final = 2
"""Lines shown before and after one that has a fault."""
LONGEST_LINE: Final = 300
MOST_FAULTS: Final = 200
"""Shown on the page; a file of nothing but faults would make it endless."""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}\.(toml|csv)")


class Sent(Protocol):
    """A file as the browser sends it."""

    name: str
    size: int

    def read(self) -> bytes: ...


@dataclass(frozen=True)
class Line:
    """A line of a file with what is wrong in it."""

    number: int
    text: str
    faults: tuple[str, ...]
    after_gap: bool


@dataclass(frozen=True)
class FileShown:
    """A file's lines around its faults."""

    name: str
    lines: list[Line]


class UploadRefused(Exception):
    """The documents have faults; `files` holds their texts, to show them in place."""

    def __init__(self, faults: Iterable[Fault], files: Mapping[str, str]) -> None:
        self.faults = list(faults)
        self.files = dict(files)
        super().__init__(f"{len(self.faults)} faults")


def read_upload(sent: Iterable[Sent]) -> tuple[StudyDefinition, dict[str, str]]:
    """The definition that the files make, and their texts by name.

    Raises:
        UploadRefused: with every fault.
    """
    contents, faults = _contents(list(sent))
    texts = {name: _shown(content) for name, content in contents.items()}
    document = _document(contents, faults)
    if faults or document is None:
        raise UploadRefused(faults, texts)
    with tempfile.TemporaryDirectory(prefix="attune-upload-") as folder:
        for name, content in contents.items():
            (Path(folder) / name).write_bytes(content)
        try:
            definition = load_definition(Path(folder) / document)
        except DefinitionError as error:
            raise UploadRefused(error.faults, texts) from error
    if len(definition.actions) > MOST_ACTIONS:
        too_many = (
            f"{len(definition.actions):,} actions; a page takes up to {MOST_ACTIONS:,}. "
            "Whoever runs this server can load more with manage.py loadstudy"
        )
        raise UploadRefused([Fault(definition.actions_file, too_many)], texts)
    return definition, texts


def store(definition: StudyDefinition, by: Any, *, into: Study | None = None) -> Study:
    """Store an uploaded study; who uploads a new one owns it.

    Args:
        into: The study that this is a new version of; None for a new one.

    Raises:
        DefinitionError: the slug is taken, or the study cannot change any more.
    """
    if into is not None and definition.slug != into.slug:
        raise DefinitionError(
            [
                Fault(
                    "study.toml: slug",
                    f"is {definition.slug!r}, and this study is {into.slug!r}; a "
                    "study's address never changes: upload it as a new study",
                )
            ]
        )
    taken = Fault(
        "study.toml: slug",
        f"{definition.slug!r} is the address of another study on this server; choose "
        "another one",
    )
    if into is None and Study.objects.filter(slug=definition.slug).exists():
        raise DefinitionError([taken])
    try:
        with transaction.atomic():
            study = load_study(definition, by=by)
            if into is None:
                access.grant(study, by, Role.OWNER, by=by)
    except IntegrityError as error:  # somebody else was a moment faster
        raise DefinitionError([taken]) from error
    return study


def files_shown(refused: UploadRefused) -> tuple[list[str], list[FileShown]]:
    """Faults that are in no file, and each file's lines around those that are."""
    loose: list[str] = []
    placed: dict[str, dict[int, list[str]]] = {}
    faults = refused.faults[:MOST_FAULTS]
    places = places_of(faults, refused.files)
    for fault, found in zip(faults, places, strict=True):
        if found is None:
            loose.append(str(fault))
            continue
        file, number = found
        _, _, field = fault.place.partition(": ")
        said = f"{field}: {fault.message}" if field else fault.message
        placed.setdefault(file, {}).setdefault(number, []).append(said)
    if len(refused.faults) > MOST_FAULTS:
        loose.append(f"… and {len(refused.faults) - MOST_FAULTS} more faults")
    return loose, [
        FileShown(name, _lines(refused.files[name], said))
        for name, said in placed.items()
    ]


# ------------------------------------------------------------------ the pieces


def _contents(sent: list[Sent]) -> tuple[dict[str, bytes], list[Fault]]:
    faults: list[Fault] = []
    if len(sent) > MOST_FILES:
        return {}, [Fault("upload", f"{len(sent)} files; at most {MOST_FILES}")]
    if sum(one.size for one in sent) > MOST_BYTES:
        return {}, [Fault("upload", f"over {MOST_BYTES // 1_000_000} MB in all")]
    contents: dict[str, bytes] = {}
    for one in sent:
        name = one.name
        if not _NAME.fullmatch(name):
            faults.append(
                Fault(
                    "upload",
                    f"{name[:80]!r}: a file's name needs plain letters, digits, . _ - "
                    "and the ending .toml or .csv",
                )
            )
        elif name in contents:
            faults.append(Fault("upload", f"{name!r} was sent twice"))
        else:
            contents[name] = one.read()
    return contents, faults


def _document(contents: Mapping[str, bytes], faults: list[Fault]) -> str | None:
    """The name of the study's document: the one TOML that is no language's texts."""
    found = [
        name
        for name in contents
        if name.endswith(".toml") and not name.startswith("texts.")
    ]
    if len(found) == 1:
        return found[0]
    if not faults:
        said = ", ".join(sorted(found)) or "none"
        faults.append(
            Fault("upload", f"needs one study document (.toml); found {said}")
        )
    return None


def _shown(content: bytes) -> str:
    return content.decode("utf-8-sig", errors="replace")


def _lines(text: str, faults: Mapping[int, list[str]]) -> list[Line]:
    rows = text.splitlines() or [""]
    wanted = sorted(
        {
            near
            for number in faults
            for near in range(number - AROUND, number + AROUND + 1)
            if 1 <= near <= len(rows)
        }
    )
    return [
        Line(
            number,
            rows[number - 1][:LONGEST_LINE],
            tuple(faults.get(number, ())),
            after_gap=position > 0 and wanted[position - 1] != number - 1,
        )
        for position, number in enumerate(wanted)
    ]
