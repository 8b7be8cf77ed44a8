"""`manage.py purgeidentities`: what the worker does every hour, by hand."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from collection.identities import purge


class Command(BaseCommand):
    """Forget who people are elsewhere, once their time is up."""

    help = (
        "Delete the platform identities whose date has passed: a day after arriving for "
        "whoever did not consent, and consent.identity_days after consent."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"Deleted {purge()} platform identities.")
