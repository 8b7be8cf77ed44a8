"""Open somebody's package, and list everything wrong with it.

Whatever stands in a package was written elsewhere: nothing of it is believed. Its files
must be those that its manifest names by hash; its definition must be one that this
version reads; every row must fit the definition; and the judgments must add up to the
hash that the manifest gives.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import ValidationError

from alignment.errors import FolderError
from alignment.folders import MANIFEST, read_manifest
from collection.datasets.checking import Rows, fitting
from collection.datasets.hashing import JudgmentsHash
from collection.datasets.package import DEFINITION, KIND
from collection.datasets.streaming import (
    columns_of,
    columns_of_file,
    pieces_of_file,
    rows_of,
)
from collection.datasets.tables import BESIDE, JUDGMENTS, PLACES, SIMULATED, Table
from collection.definitions import StudyDefinition
from collection.errors import DatasetRefused

MOST_FILES = 10_000
MOST_BYTES = 8 << 30
FAULTS_LISTED = 50

Fault = tuple[str, str]


@dataclass
class Faults:
    """What was found; the first are spelled out, the rest counted."""

    listed: list[Fault] = field(default_factory=list)
    more: int = 0

    def add(self, place: str, message: str) -> None:
        if len(self.listed) < FAULTS_LISTED:
            self.listed.append((place, message))
        else:
            self.more += 1

    def raise_any(self) -> None:
        """Refuse with all of them; nothing happens where there are none."""
        if self.more:
            self.listed.append(("and", f"{self.more} more of the kind"))
            self.more = 0
        if self.listed:
            raise DatasetRefused(self.listed)


@dataclass(frozen=True)
class Package:
    """A package that fits.

    tables: The tables of judgments in it, with the columns that they have.
    """

    folder: Path
    manifest: Mapping[str, Any]
    definition: StudyDefinition
    tables: Mapping[str, Table]
    consents: tuple[str, ...]

    def pieces(self, table: Table) -> Iterator[Any]:
        """The rows of one of its tables, piece by piece."""
        return pieces_of_file(self.folder / csv_of(self.manifest, table), table)


@contextmanager
def opened(path: Path) -> Iterator[Path]:
    """The package's folder: `path` itself, or what the zip file `path` holds.

    Raises:
        DatasetRefused: neither, or a zip file that is not a package.
    """
    if path.is_dir():
        yield path
        return
    if not path.is_file():
        raise DatasetRefused(f"{path}: there is no such folder or zip file.")
    with tempfile.TemporaryDirectory(prefix="attune-import-") as where:
        _unpack(path, Path(where))
        inside = [Path(where), *(p for p in Path(where).iterdir() if p.is_dir())]
        found = [folder for folder in inside if (folder / MANIFEST).is_file()]
        if len(found) != 1:
            raise DatasetRefused(
                f"{path.name}: needs one dataset inside, a folder with a {MANIFEST}; "
                f"found {len(found)}."
            )
        yield found[0]


def read_package(folder: Path) -> Package:
    """Everything of a package but its rows, and every fault, rows included.

    Raises:
        DatasetRefused: with all faults.
    """
    faults = Faults()
    try:
        manifest = read_manifest(folder, KIND, verify=False)
    except FolderError as error:
        raise DatasetRefused([(MANIFEST, str(error))]) from error
    for name, sha256 in _listed(manifest, faults).items():
        _check_file(folder, name, sha256, faults)
    faults.raise_any()  # rows of files that were changed are not worth reading
    definition = _definition(folder, faults)
    tables = _tables(folder, manifest, faults)
    faults.raise_any()
    assert definition is not None
    package = Package(folder, manifest, definition, tables, tuple(_consents(folder)))
    _check_rows(package, faults)
    faults.raise_any()
    return package


def csv_of(manifest: Mapping[str, Any], table: Table) -> str:
    """Where a table's CSV lies in a package."""
    return str(manifest["tables"][table.name]["csv"])


# ------------------------------------------------------------------ the pieces


def _unpack(path: Path, where: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            size = sum(entry.file_size for entry in entries)
            if len(entries) > MOST_FILES or size > MOST_BYTES:
                raise DatasetRefused(
                    f"{path.name}: holds {len(entries):,} files of {size:,} bytes; at "
                    f"most {MOST_FILES:,} files of {MOST_BYTES:,} bytes are unpacked."
                )
            for entry in entries:
                if not _inside(entry.filename):
                    raise DatasetRefused(
                        f"{path.name}: {entry.filename!r} would be written outside the "
                        "package's folder."
                    )
            # Checks each file's length against what the entry says.
            archive.extractall(where)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise DatasetRefused(f"{path.name}: is not a zip file ({error}).") from error


def _inside(name: str) -> bool:
    parts = PurePosixPath(name.replace("\\", "/"))
    return bool(name) and not parts.is_absolute() and ".." not in parts.parts


def _listed(manifest: Mapping[str, Any], faults: Faults) -> dict[str, str]:
    """The files that the manifest names, and whether it says what it must."""
    files = manifest.get("files")
    for key, type_ in (
        ("files", dict),
        ("tables", dict),
        ("counts", dict),
        ("judgments_sha256", str),
        ("use", str),
        ("simulated", bool),
    ):
        if not isinstance(manifest.get(key), type_):
            faults.add(MANIFEST, f"needs {key} ({type_.__name__})")
    return files if isinstance(files, dict) else {}


def _check_file(folder: Path, name: str, sha256: object, faults: Faults) -> None:
    path = folder / name
    if not _inside(name) or path.is_symlink():
        faults.add(name, "lies outside the package's folder")
    elif not path.is_file():
        faults.add(name, "is missing, though the manifest lists it")
    else:
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                faults.add(name, "was changed: its sha256 is not the manifest's")


def _definition(folder: Path, faults: Faults) -> StudyDefinition | None:
    try:
        document = json.loads((folder / DEFINITION).read_text(encoding="utf-8"))
        return StudyDefinition.model_validate(document)
    except ValidationError as error:
        for fault in error.errors():
            place = ".".join(map(str, fault["loc"]))
            faults.add(f"{DEFINITION}: {place or 'whole'}", fault["msg"])
    except (OSError, ValueError) as error:
        faults.add(DEFINITION, f"cannot be read: {error}")
    return None


def _tables(
    folder: Path, manifest: Mapping[str, Any], faults: Faults
) -> dict[str, Table]:
    """Tables of judgments, each with those columns beside the judgment that it has."""
    found: dict[str, Table] = {}
    for table in (*JUDGMENTS, PLACES):
        entry = manifest["tables"].get(table.name)
        if entry is None:
            continue
        csv = str(entry.get("csv")) if isinstance(entry, dict) else ""
        if csv not in manifest["files"]:
            faults.add(MANIFEST, f"the table {table.name} is none of the listed files")
            continue
        header = columns_of_file(folder / csv)
        extra = () if table is PLACES else (*BESIDE, SIMULATED)
        missing = [c.name for c in table.columns if c.name not in header]
        if extra and SIMULATED.name not in header:
            missing.append(SIMULATED.name)
        if missing:
            faults.add(csv, f"needs the columns {', '.join(missing)}")
        present = [column for column in extra if column.name in header]
        found[table.name] = table.with_columns([*table.columns, *present])
    if not any(table.name in found for table in JUDGMENTS):
        faults.add(MANIFEST, "names no table of judgments")
    if "arrangements" in found and "places" not in found:
        faults.add(MANIFEST, "names arrangements without the places they come from")
    return found


def _consents(folder: Path) -> Iterator[str]:
    for path in sorted((folder / "documentation").glob("consent_*.html")):
        if re.fullmatch(r"consent_[0-9a-f]{16}\.html", path.name):
            yield path.read_text(encoding="utf-8")


def _check_rows(package: Package, faults: Faults) -> None:
    manifest = package.manifest
    hashed = JudgmentsHash()
    rows = Rows(package.definition, simulated=manifest["simulated"])
    for table in package.tables.values():
        csv = csv_of(manifest, table)
        n = 0
        try:
            for piece in package.pieces(table):
                names = piece.schema.names
                for row in rows_of(piece, names):
                    n += 1
                    for message in fitting(
                        rows, table, dict(zip(names, row, strict=True))
                    ):
                        faults.add(f"{csv} row {n}", message)
                if table.judgments:
                    hashed.add(table.name, columns_of(piece, table.content))
        except DatasetRefused as refusal:
            for place, message in refusal.faults:
                faults.add(place, message)
        if n != manifest["counts"].get(table.name):
            faults.add(csv, f"has {n} rows, {manifest['counts'].get(table.name)} told")
    for message in rows.afterwards():
        faults.add(csv_of(manifest, PLACES), message)
    if hashed.hexdigest() != manifest["judgments_sha256"]:
        faults.add(
            MANIFEST,
            f"the judgments come to {hashed.hexdigest()[:16]}, and it says "
            f"{manifest['judgments_sha256'][:16]}",
        )
