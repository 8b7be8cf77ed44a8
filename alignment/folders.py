"""Folders that stages read and write: manifest, hashes, lock and tables.

Every stage leaves a folder whose ``manifest.json`` is written last and atomically, so
that a folder with a manifest is a finished folder. The manifest holds the sha256 of
every file beside it and of every input, so a later stage can tell what it was made
from and that nothing changed since. Standard library only: the web process imports it.
"""

import csv
import dataclasses
import fcntl
import hashlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib import metadata
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from alignment.errors import FolderError, FolderInUse

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

MANIFEST = "manifest.json"
LOCK = ".lock"
FORMAT = 1

# Versions that can change a number in a result; only installed ones are recorded.
PACKAGES = (
    "attune",
    "numpy",
    "scipy",
    "torch",
    "numba",
    "scikit-learn",
    "sentence-transformers",
    "wordllama",
    "xllamacpp",
    "matplotlib",
    "pyarrow",
    "pydantic",
    "distributed",
    "dask-jobqueue",
    "django",
    "psycopg",
)


def sha256_of(path: Path) -> str:
    """Hexadecimal sha256 of one file's bytes, read in pieces.

    Raises:
        FolderError: There is no such file.
    """
    try:
        with Path(path).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except (FileNotFoundError, IsADirectoryError) as error:
        raise FolderError(f"cannot hash {path}: there is no such file") from error


@contextmanager
def locked(folder: Path) -> Iterator[Path]:
    """Hold a folder for writing; it is made if it is not there.

    The lock is the kernel's (flock), so it falls with the process that held it and
    never has to be cleared by hand. Use it once per folder and process.

    Raises:
        FolderInUse: Somebody else holds it.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FolderInUse(
                f"{folder}: another process is writing this folder; "
                "wait for it to end or write to another folder"
            ) from error
        yield folder


def write_manifest(
    folder: Path,
    *,
    kind: str,
    parameters: Mapping[str, object],
    inputs: Mapping[str, str],
    simulated: bool,
    seeds: Mapping[str, int],
    started_at: datetime,
    device: str = "cpu",
    command: Sequence[str] | None = None,
    extra: Mapping[str, object] | None = None,
) -> dict[str, Any]:
    """Finish a folder: hash what lies in it and write ``manifest.json`` last.

    Args:
        kind: "snapshot", "report", "sweep": what `read_manifest` will ask for.
        parameters: Everything that was chosen, as JSON values.
        inputs: Name of each input to its sha256.
        simulated: Whether any judgment came from a simulated participant.
        seeds: Name of each seed to its value.
        started_at: When the work began, with a time zone.
        command: What would make it again; the process's own command line when left
            out, which may name folders of this machine.
        extra: Further keys of this kind of folder; they may not replace common ones.

    Returns:
        The manifest as written.

    Raises:
        FolderError: `started_at` has no time zone, or `extra` names a common key.
    """
    folder = Path(folder)
    if started_at.tzinfo is None:
        raise FolderError(
            f"manifest of {folder}: started_at needs a time zone, got {started_at}"
        )
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "kind": kind,
        "simulated": simulated,
        "parameters": dict(parameters),
        "inputs": dict(inputs),
        "seeds": dict(seeds),
        "device": device,
        "started_at": started_at.isoformat(),
        "finished_at": datetime.now(UTC).isoformat(),
        "command": list(sys.argv if command is None else command),
        "commit": _commit(),
        "python": platform.python_version(),
        "packages": _package_versions(),
        "files": {
            path.relative_to(folder).as_posix(): sha256_of(path)
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.name not in (MANIFEST, LOCK)
        },
    }
    taken = sorted(manifest.keys() & set(extra or {}))
    if taken:
        raise FolderError(
            f"manifest of {folder}: extra keys may not replace {', '.join(taken)}"
        )
    manifest |= dict(extra or {})
    with _replacing(folder / MANIFEST) as stream:
        json.dump(manifest, stream, indent=2, ensure_ascii=False)
        stream.write("\n")
    return manifest


def read_manifest(folder: Path, kind: str, *, verify: bool = True) -> dict[str, Any]:
    """The manifest of a finished folder of one kind.

    Args:
        verify: Hash every listed file again and refuse a changed or missing one.

    Raises:
        FolderError: No folder, no manifest, an unreadable one, another kind or
            format, or (when verifying) a file that is missing or changed.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FolderError(f"{kind} folder {folder}: there is no such folder")
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise FolderError(
            f"{kind} folder {folder}: it has no {MANIFEST}, so it was never finished; "
            "make it again"
        ) from error
    except ValueError as error:
        raise FolderError(
            f"{kind} folder {folder}: its {MANIFEST} is not JSON ({error})"
        ) from error
    if not isinstance(manifest, dict) or manifest.get("kind") != kind:
        found = manifest.get("kind") if isinstance(manifest, dict) else None
        raise FolderError(f"{folder} must be a {kind} folder, it is a {found} folder")
    if manifest.get("format") != FORMAT:
        raise FolderError(
            f"{kind} folder {folder}: this version reads format {FORMAT}, "
            f"got {manifest.get('format')}"
        )
    if verify:
        _verify(folder, kind, manifest.get("files", {}))
    return manifest


def short_hash(folder: Path) -> str:
    """First 8 hexadecimal digits of the manifest's sha256: a figure's corner mark."""
    return sha256_of(Path(folder) / MANIFEST)[:8]


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file (UTF-8, first line names the columns), as text.

    Raises:
        FolderError: No such file, not UTF-8, no columns, a column named twice, or a
            row with more or fewer fields than there are columns.
    """
    path = Path(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            columns = next(reader, [])
            rows = [(reader.line_num, row) for row in reader if row]
    except FileNotFoundError as error:
        raise FolderError(f"{path}: there is no such file") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise FolderError(f"{path}: must be a CSV file in UTF-8 ({error})") from error
    if not columns or len(set(columns)) != len(columns):
        raise FolderError(
            f"{path}: the first line must name each column once, got {columns}"
        )
    for line, row in rows:
        if len(row) != len(columns):
            raise FolderError(
                f"{path}, line {line}: needs {len(columns)} fields, got {len(row)}"
            )
    return [dict(zip(columns, row, strict=True)) for _, row in rows]


def write_rows(
    path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, object]]
) -> None:
    r"""Write a CSV file: UTF-8, lines end in \n, floats by repr, None empty.

    True and False become 1 and 0. The file appears whole or not at all.

    Raises:
        FolderError: A row lacks a column or has one that is not listed.
    """
    expected = set(columns)
    with _replacing(Path(path)) as stream:
        stream.write(_line(columns))
        for number, row in enumerate(rows, start=1):
            if row.keys() != expected:
                raise FolderError(
                    f"{path}, row {number}: needs the columns {', '.join(columns)}; "
                    f"got {', '.join(row)}"
                )
            stream.write(_line([_text(row[column]) for column in columns]))


def write_records(
    path: Path, kind: type["DataclassInstance"], rows: Iterable["DataclassInstance"]
) -> None:
    """Write dataclasses of one kind as a CSV file: a column a field, NaN empty.

    Raises:
        FolderError: A row is of another kind.
    """
    columns = [field.name for field in dataclasses.fields(kind)]
    write_rows(
        path,
        columns,
        (
            {
                field.name: blank_nan(getattr(row, field.name))
                for field in dataclasses.fields(row)
            }
            for row in rows
        ),
    )


def blank_nan(value: object) -> object:
    """An empty field for NaN, as everywhere in tables."""
    return None if isinstance(value, float) and isnan(value) else value


def _line(fields: Sequence[str]) -> str:
    # csv.writer leaves a lone carriage return bare when lines end in \n, and its
    # reader then sees two rows; so the quoting is done here.
    quoted = [
        '"' + field.replace('"', '""') + '"'
        if any(mark in field for mark in ',"\r\n') or field != field.strip()
        else field
        for field in fields
    ]
    line = ",".join(quoted)
    return (line or '""') + "\n"  # an empty line would be no row at all


def _text(value: object) -> str:
    if value is None:
        return ""
    if hasattr(value, "item"):  # a numpy scalar, without importing numpy
        value = value.item()
    if isinstance(value, bool):
        return str(int(value))
    return repr(value) if isinstance(value, float) else str(value)


@contextmanager
def _replacing(path: Path) -> Iterator[TextIO]:
    """Write beside `path`, then take its place: readers never see half a file."""
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("w", encoding="utf-8", newline="") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _verify(folder: Path, kind: str, files: Mapping[str, str]) -> None:
    for name, expected in files.items():
        path = folder / name
        if not path.is_file():
            raise FolderError(
                f"{kind} folder {folder}: {name} is missing, though its manifest "
                "lists it; make the folder again"
            )
        if sha256_of(path) != expected:
            raise FolderError(
                f"{kind} folder {folder}: {name} was changed after the folder was "
                "finished (its sha256 differs from the manifest's); "
                "make the folder again"
            )


def _package_versions() -> dict[str, str]:
    versions = {}
    for package in PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            versions[package] = metadata.version(package)
    return versions


def _commit() -> str | None:
    """The commit this code stands at, "-dirty" if edited; None outside a checkout."""
    here = Path(__file__)
    git = ["git", "-C", str(here.parent)]
    try:
        # An installed copy inside somebody else's checkout is not that checkout's.
        subprocess.run(
            [*git, "ls-files", "--error-unmatch", here.name],
            check=True,
            capture_output=True,
        )
        described = subprocess.run(
            [*git, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            check=True,
            capture_output=True,
            text=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return described.stdout.strip() or None
