"""`manage.py openstudy SLUG`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from collection.errors import DefinitionError
from collection.loading import open_study
from collection.management.studies import study_named


class Command(BaseCommand):
    """Let people join a study."""

    help = "Let people join a study. Refused while its consent page lacks anything."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="The study.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            study = open_study(study_named(options["slug"]))
        except DefinitionError as error:
            raise CommandError(
                f"Study {options['slug']} cannot open yet: {error}"
            ) from error
        self.stdout.write(
            f"Study {study.slug} is open: people join at /s/{study.slug}/"
        )
