"""`manage.py restore FOLDER`: put a backup in the place of the site's data."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from collection import backups
from collection.errors import CollectionError


class Command(BaseCommand):
    """Bring a backup back, and erase again whoever was erased since."""

    help = (
        "Restore a backup: FOLDER, or the newest in it. Stop the web server and the "
        "worker first. Erasures made since the backup are made again by the ledger."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument(
            "--replace", action="store_true", help="give up the data that are here now"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            folder = backups.newest(options["folder"])
            done = backups.restore(folder, replace=options["replace"])
        except CollectionError as refusal:
            raise CommandError(refusal.message) from refusal
        self.stdout.write(
            f"Restored the backup of {done['made_at']}: {done['responses']} responses, "
            "each as it was.\n"
            f"Erased again: {done['erased']} people, by {done['tombstones']} tombstones "
            "that the backup did not know.\n"
            "Passwords, roles and API tokens are those of that time: take back again "
            "what was taken back since."
        )
