"""`manage.py importdataset FOLDER_OR_ZIP [--as SLUG] [--owner NAME] [--check]`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from alignment.errors import AlignmentError
from collection import access, audit
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
            "--owner",
            metavar="NAME",
            help="An account that owns the new study; without one, only operators see it.",
        )
        parser.add_argument(
            "--check", action="store_true", help="List its faults and change nothing."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        # Here, because it imports numpy and pyarrow: whoever lists commands needs neither.
        from collection.datasets.importing import import_dataset
        from collection.datasets.reading import opened, read_package

        owner = self._account(options["owner"])
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
                with transaction.atomic():
                    study = import_dataset(package, slug=options["slug"])
                    audit.record(None, study, "study.imported", judgments=n)
                    if owner is not None:
                        access.grant(study, owner, access.Role.OWNER)
        except (CollectionError, AlignmentError, DefinitionError) as refusal:
            raise CommandError(str(refusal)) from refusal
        who = "simulated" if package.manifest["simulated"] else "real"
        self.stdout.write(
            f"Study {study.slug} ({study.status}): {n:,} judgments of "
            f"{study.participants.count():,} {who} participants"
        )

    @staticmethod
    def _account(name: str | None) -> User | None:
        if name is None:
            return None
        found = User.objects.filter(username=name, is_active=True).first()
        if found is None:
            raise CommandError(
                f"There is no account named '{name}' to own the study. Nothing was read."
            )
        return found
