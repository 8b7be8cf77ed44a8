"""`manage.py exportdataset SLUG [--snapshot N] [--out FOLDER] [--license L] [--zip]`."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from alignment.errors import AlignmentError
from alignment.folders import LOCK
from collection.datasets.about import DEFAULT_LICENSE, LICENSES
from collection.errors import CollectionError, DatasetRefused
from collection.jobs import FOLDERS, studies_folder
from collection.management.studies import study_named
from collection.models import SnapshotRecord, Study


class Command(BaseCommand):
    """Write a snapshot as a dataset that others can load, check and cite."""

    help = (
        "Write a snapshot as a dataset: CSV and Parquet tables, matrices, codebook, "
        "Psych-DS and Croissant descriptions, in one folder. Only a dataset in the "
        "study's own folder is found and deleted when somebody in it is erased."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="The study.")
        parser.add_argument(
            "--snapshot", type=int, help="Its number; the newest one when left out."
        )
        parser.add_argument(
            "--out",
            type=Path,
            help="The folder; without it, the next one of the study's own.",
        )
        parser.add_argument(
            "--license",
            default="",
            help=f"Of an open release: {', '.join(LICENSES)} "
            f"(default: {DEFAULT_LICENSE}).",
        )
        parser.add_argument("--url", default="", help="Where it will be had.")
        parser.add_argument(
            "--zip", action="store_true", help="Pack it as FOLDER.zip too; with --out."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        # Here, because it imports numpy and pyarrow: whoever lists commands needs neither.
        from collection.datasets.package import newest_snapshot, write_dataset
        from collection.datasets.streaming import frugally

        frugally()
        study = study_named(options["slug"])
        if options["zip"] and not options["out"]:
            raise CommandError(
                "--zip needs --out: a zip in the study's own folder would outlive an "
                "erasure. The study's page packs it when somebody downloads it."
            )
        try:
            snapshot = (
                newest_snapshot(study)
                if options["snapshot"] is None
                else numbered(study, options["snapshot"])
            )
            out = options["out"] or next_folder(study)
            dataset = write_dataset(
                snapshot, out, license=options["license"], url=options["url"]
            )
        except (CollectionError, AlignmentError) as refusal:
            raise CommandError(str(refusal)) from refusal
        who = "simulated" if snapshot.simulated else "real"
        self.stdout.write(
            f"Dataset of snapshot {snapshot.number} of {study.slug}: "
            f"{dataset.n_judgments:,} judgments of {who} participants in "
            f"{dataset.folder}"
        )
        if options["zip"]:
            self.stdout.write(f"Packed as {zip_folder(dataset.folder)}")


def numbered(study: Study, number: int) -> SnapshotRecord:
    """The study's snapshot of this number.

    Raises:
        DatasetRefused: there is none; it names those there are.
    """
    found = study.snapshots.filter(number=number).first()
    if found is None:
        known = ", ".join(str(s.number) for s in study.snapshots.order_by("number"))
        raise DatasetRefused(
            f"Study {study.slug} has no snapshot {number}; there are: {known or 'none'}."
        )
    return found


def next_folder(study: Study) -> Path:
    """The first free numbered folder for datasets."""
    parent = studies_folder(study) / FOLDERS["dataset"]
    number = 1
    while (parent / str(number)).exists():
        number += 1
    return parent / str(number)


def zip_folder(folder: Path) -> Path:
    """The folder as a zip file beside it, under the folder's own name inside."""
    path = folder.with_name(f"{folder.name}.zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file() and file.name != LOCK:
                archive.write(file, f"{folder.name}/{file.relative_to(folder)}")
    return path
