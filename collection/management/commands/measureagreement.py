"""`manage.py measureagreement SLUG [--simulated]`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from collection.management.studies import study_named


class Command(BaseCommand):
    """Measure how well a running study's people agree."""

    help = (
        "Measure reliability, noise ceilings and spread of a running study, for its live "
        "view. Workers do this by themselves while somebody looks at that page."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="The study.")
        parser.add_argument(
            "--simulated",
            action="store_true",
            help="Of simulated participants; of real ones when left out.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        from collection.live_agreement import measure  # needs numpy

        study = study_named(options["slug"])
        kept = measure(study, simulated=options["simulated"])
        self.stdout.write(
            f"Measured agreement in {study.slug} by {kept.n_judgments:,} judgments of "
            f"{'simulated' if kept.simulated else 'real'} participants in "
            f"{kept.took_s:.1f} s."
        )
