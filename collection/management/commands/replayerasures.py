"""`manage.py replayerasures`: after a database was restored from a backup."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from collection.erasure import replay
from collection.erasure_ledger import ledger_file
from collection.errors import LedgerDamaged


class Command(BaseCommand):
    """Erase again whoever a backup brought back."""

    help = (
        "Erase again, by the ledger beside the database, whoever a restored backup "
        "brought back. Run it before anybody is let in. Safe to repeat."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        if not ledger_file().exists():
            self.stdout.write(f"There is no ledger yet at {ledger_file()}.")
        try:
            unknown, n_people = replay()
        except LedgerDamaged as damage:
            raise CommandError(damage.message) from damage
        self.stdout.write(
            f"Erased again: {n_people} people. The database did not know {unknown} "
            "tombstones."
        )
