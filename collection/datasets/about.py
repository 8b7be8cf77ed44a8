"""What a dataset is about: the facts that every description of it is made from."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from collection.datasets.tables import Column, Table
from collection.definitions import StudyDefinition

SIMULATED = "SIMULATED PARTICIPANTS"
SIMULATED_MEANS = (
    f"{SIMULATED}: programs with a planted truth answered here, and no person."
)
NOT_FOR_RELEASE = "not-for-release"
LICENSES: Mapping[str, str] = {
    "CC-BY-4.0": "https://creativecommons.org/licenses/by/4.0/",
    "CC-BY-SA-4.0": "https://creativecommons.org/licenses/by-sa/4.0/",
    "CC-BY-NC-4.0": "https://creativecommons.org/licenses/by-nc/4.0/",
    "CC0-1.0": "https://creativecommons.org/publicdomain/zero/1.0/",
    "ODC-By-1.0": "https://opendatacommons.org/licenses/by/1-0/",
}
"""Licences that an open release may be given under -> where they stand in full."""
DEFAULT_LICENSE = "CC-BY-4.0"


@dataclass(frozen=True)
class File:
    """A file of the package: its path, size in bytes and sha256."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Written:
    """A table as it was written: its rows, and its two files."""

    table: Table
    n_rows: int
    csv: File
    parquet: File


@dataclass(frozen=True)
class About:
    """Everything that the descriptions say.

    snapshot: The snapshot's manifest. disclosure: The report of `people.py`.
    rules: The quality run that the table of flags comes from; empty without one.
    url: Where the dataset can be had; empty if nobody said.
    frozen_at: The moment whose answers these are; `made_at`, when the package was made.
    """

    definition: StudyDefinition
    snapshot: Mapping[str, Any]
    snapshot_number: int
    use: str
    open_release: bool
    simulated: bool
    license: str
    url: str
    frozen_at: datetime
    made_at: datetime
    written: Sequence[Written]
    matrices: Sequence[File]
    disclosure: Mapping[str, Any]
    judgments_sha256: str
    n_judgments: int

    @property
    def slug(self) -> str:
        return self.definition.slug

    @property
    def title(self) -> str:
        title = f"{self.definition.title}: judgments"
        return f"{title} ({SIMULATED})" if self.simulated else title

    @property
    def name(self) -> str:
        """A name without spaces or signs, as registries of datasets want one."""
        return re.sub("[^A-Za-z0-9_-]", "-", f"attune-{self.slug}-{self.version}")

    @property
    def version(self) -> str:
        return f"{self.snapshot_number}.0.0"

    @property
    def who(self) -> str:
        return "simulated participants" if self.simulated else "people"

    @property
    def n_raters(self) -> int:
        return int(self.disclosure["people"])

    @property
    def description(self) -> str:
        counted = ", ".join(
            f"{one.n_rows:,} in {one.table.name}"
            for one in self.written
            if one.table.judgments
        )
        said = (
            f"What {self.n_raters} {self.who} judged in the study "
            f"“{self.definition.title}” ({self.slug}, version "
            f"{self.definition.version}): {counted}. "
            f"{len(self.definition.actions)} actions."
        )
        return f"{SIMULATED_MEANS} {said}" if self.simulated else said

    @property
    def license_said(self) -> str:
        """The licence's address, or a sentence that there is none."""
        return LICENSES.get(
            self.license,
            "Not for release: only for the study's own team, for the use "
            f"{self.use!r} that the people in it agreed to.",
        )

    @property
    def creator(self) -> str:
        controller = self.definition.consent.controller
        return controller or f"The team of the study {self.slug}"

    @property
    def citation(self) -> str:
        at = f" {self.url}" if self.url else ""
        return (
            f"{self.creator} ({self.made_at:%Y}). {self.title}, version "
            f"{self.version} [Data set].{at} Judgments sha256 "
            f"{self.judgments_sha256[:16]}."
        )

    @property
    def keywords(self) -> list[str]:
        found = ["human values", "similarity judgments", "value alignment"]
        found += [one.table.name for one in self.written if one.table.judgments]
        return [*found, *(["simulated participants"] if self.simulated else [])]

    def columns(self) -> dict[str, Column]:
        """Every column of every table, each name once."""
        found: dict[str, Column] = {}
        for one in self.written:
            for column in one.table.columns:
                found.setdefault(column.name, column)
        return found
