"""`manage.py backup FOLDER`: copy the database and the results aside."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection

from collection import backups
from collection.errors import CollectionError


class Command(BaseCommand):
    """Write a backup, once or again and again."""

    help = (
        "Write a backup of the database, the results and the ledger of erasures into a "
        "new folder of FOLDER, while collection goes on. It holds personal data: keep "
        "it encrypted, and copy it off the machine."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument(
            "--keep", type=int, help="keep so many of the newest (default: all)"
        )
        parser.add_argument(
            "--every", type=float, metavar="HOURS", help="go on, so many hours apart"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        keep, every = options["keep"], options["every"]
        if keep is not None and keep < 1:
            raise CommandError("--keep must be at least 1.")
        if every is not None and every <= 0:
            raise CommandError("--every must be above 0 hours.")
        while True:
            try:
                self._write(options["folder"], keep)
            except CommandError as error:
                if every is None:
                    raise
                # The next may succeed: the database is away, or a disk was full.
                self.stderr.write(str(error))
            if every is None:
                return
            connection.close()
            time.sleep(every * 3600)

    def _write(self, folder: Path, keep: int | None) -> None:
        try:
            place = backups.back_up(folder, keep=keep)
        except CollectionError as refusal:
            raise CommandError(refusal.message) from refusal
        except (DatabaseError, OSError) as error:
            raise CommandError(f"No backup was written: {error}") from error
        self.stdout.write(f"Backed up to {place}.")
