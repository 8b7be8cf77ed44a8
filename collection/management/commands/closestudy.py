"""`manage.py closestudy SLUG`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from collection.loading import close_study
from collection.management.studies import study_named


class Command(BaseCommand):
    """Let nobody new join a study."""

    help = "Let nobody new join a study; people who began may finish."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="The study.")

    def handle(self, *args: Any, **options: Any) -> None:
        study = close_study(study_named(options["slug"]))
        self.stdout.write(f"Study {study.slug} is closed.")
