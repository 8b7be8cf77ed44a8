"""`manage.py importdataset FOLDER_OR_ZIP [--as SLUG] [--check]`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from alignment.errors import AlignmentError
from collection.errors import CollectionError, DefinitionError


class Command(BaseCommand):
    """Make a closed study of a dataset that another Attune wrote."""

    help = (
        "Make a new, closed study of a dataset: its definition, people and judgments. "
        "A package with faults is refused with all of them, and nothing is changed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("package", type=Path, help="The folder, or a zip of it.")
        parser.add_argument(
            "--as", dest="slug", default="", help="Another slug for it."
        )
        parser.add_argument(
            "--check", action="store_true", help="List its faults and change nothing."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        # Here, because it imports numpy and pyarrow: whoever lists commands needs neither.
        from collection.datasets.importing import import_dataset
        from collection.datasets.reading import opened, read_package

        try:
            with opened(options["package"]) as folder:
                package = read_package(folder)
                n = sum(
                    package.manifest["counts"][name]
                    for name, table in package.tables.items()
                    if table.judgments
                )
                if options["check"]:
                    self.stdout.write(
                        f"{options['package']}: {n:,} judgments, no faults"
                    )
                    return
                study = import_dataset(package, slug=options["slug"])
        except (CollectionError, AlignmentError, DefinitionError) as refusal:
            raise CommandError(str(refusal)) from refusal
        who = "simulated" if package.manifest["simulated"] else "real"
        self.stdout.write(
            f"Study {study.slug} ({study.status}): {n:,} judgments of "
            f"{study.participants.count():,} {who} participants"
        )
