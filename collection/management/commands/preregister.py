"""`manage.py preregister SLUG [--sweep SPEC] [--out FILE]`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from collection.management.studies import study_named


class Command(BaseCommand):
    """Write the preregistration of a study and of the sweep that is planned on it."""

    help = (
        "Write a preregistration from a study's definition and a sweep's spec: design, "
        "sample, measures, exclusion rules and the one primary outcome."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="The study.")
        parser.add_argument(
            "--sweep", help="The sweep's spec: a TOML file or a built-in name."
        )
        parser.add_argument("--out", type=Path, help="A file; printed when left out.")

    def handle(self, *args: Any, **options: Any) -> None:
        from bandits.errors import SpecError
        from bandits.spec import read_spec
        from collection.preregistration import preregistration

        study = study_named(options["slug"])
        try:
            spec = read_spec(options["sweep"]) if options["sweep"] else None
        except SpecError as faults:
            raise CommandError(str(faults)) from faults
        text = preregistration(study, spec)
        if options["out"] is None:
            self.stdout.write(text, ending="")
            return
        options["out"].write_text(text, encoding="utf-8")
        self.stdout.write(f"Preregistration of {study.slug} in {options['out']}")
