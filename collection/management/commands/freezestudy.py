"""`manage.py freezestudy SLUG [--out FOLDER] [--simulated | --real]`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from alignment.errors import AlignmentError
from alignment.progress import Progress
from collection.errors import SnapshotRefused
from collection.jobs import FOLDERS, studies_folder
from collection.management.studies import study_named
from collection.models import Study
from collection.snapshots import freeze


class Command(BaseCommand):
    """Freeze a study's judgments into a snapshot folder."""

    help = "Freeze a study's judgments into a folder that never changes."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="The study.")
        parser.add_argument(
            "--out",
            type=Path,
            help="The folder; without it, the next one of the study's own.",
        )
        parser.add_argument(
            "--use",
            default="this_study",
            help="Only people who ticked this use of the data (default: %(default)s).",
        )
        people = parser.add_mutually_exclusive_group()
        people.add_argument(
            "--simulated",
            action="store_true",
            default=None,
            help="Take the simulated participants, where there are real ones too.",
        )
        people.add_argument(
            "--real",
            action="store_false",
            dest="simulated",
            help="Take the real participants, where there are simulated ones too.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        study = study_named(options["slug"])
        out = options["out"] or next_folder(study)
        try:
            with Progress(f"freezing {study.slug}", None):
                record = freeze(
                    study, out, simulated=options["simulated"], use=options["use"]
                )
        except (SnapshotRefused, AlignmentError) as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(
            f"Snapshot {record.number} of {study.slug}: {record.n_judgments:,} judgments "
            f"of {'simulated' if record.simulated else 'real'} participants in "
            f"{record.folder}"
        )


def next_folder(study: Study) -> Path:
    """The first free numbered folder, beginning with the next snapshot's number."""
    parent = studies_folder(study) / FOLDERS["freeze"]
    number = 1 + study.snapshots.count()
    while (parent / str(number)).exists():
        number += 1
    return parent / str(number)
