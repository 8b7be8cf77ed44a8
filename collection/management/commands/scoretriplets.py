"""`manage.py scoretriplets SLUG [--simulated]`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from alignment.errors import AlignmentError
from collection.errors import ScoringRefused
from collection.management.studies import study_named


class Command(BaseCommand):
    """Choose the triplets that a study asks next."""

    help = (
        "Choose the triplets that an adaptive study asks next. Workers do this by "
        "themselves while people take part."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="The study.")
        parser.add_argument(
            "--simulated",
            action="store_true",
            help="Choose for simulated participants, by their judgments.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        from collection.triplet_scoring import score  # needs numpy

        study = study_named(options["slug"])
        try:
            batch = score(study, simulated=options["simulated"])
        except (ScoringRefused, AlignmentError) as refusal:
            raise CommandError(str(refusal)) from refusal
        if not batch.n_candidates:
            self.stdout.write(
                f"Study {study.slug} holds {batch.n_judgments:,} triplet judgments, too "
                "few to choose by: triplets stay random for now."
            )
            return
        self.stdout.write(
            f"Chose {batch.n_candidates:,} triplets for {study.slug} by "
            f"{batch.n_judgments:,} judgments."
        )
