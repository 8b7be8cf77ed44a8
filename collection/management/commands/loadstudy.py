"""`manage.py loadstudy FILE [--check]`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from collection.definitions import load_definition
from collection.errors import DefinitionError
from collection.loading import load_study
from collection.plan import plan_text


class Command(BaseCommand):
    """Read a study's documents; list every fault, or store the study."""

    help = (
        "Read a study's document and the actions beside it. With --check, print the "
        "plan and change nothing; otherwise store the study. Faults are all listed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="The study.toml.")
        parser.add_argument(
            "--check", action="store_true", help="Only check, and print the plan."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            definition = load_definition(path)
            if options["check"]:
                self.stdout.write(
                    f"{path}: no faults\n\n{plan_text(definition.plan())}"
                )
                missing = definition.missing_before_opening()
                if missing:
                    self.stdout.write("\nbefore the study can open:")
                    for fault in missing:
                        self.stdout.write(f"    {fault}")
                return
            study = load_study(definition)
        except DefinitionError as error:
            raise CommandError(f"{path}: {error}") from error
        self.stdout.write(
            f"Study {study.slug} ({study.status}): {study.actions.count()} actions, "
            f"definition {study.definition_sha256[:8]}."
        )
