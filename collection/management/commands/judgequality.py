"""`manage.py judgequality SLUG [--rules FILE | --again] [--against RUN] ...`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from alignment.progress import Progress
from collection.attention.runs import changes, default_population, run_rules
from collection.attention.settings import RuleSet, load_rules
from collection.errors import CollectionError, DefinitionError
from collection.management.studies import study_named
from collection.models import QualityRun, Study
from collection.sensitivity import strict_rules


class Command(BaseCommand):
    """Judge every session of a study by a rule set and store the verdicts."""

    help = (
        "Judge every session of a study by a versioned rule set and store the verdicts "
        "as a new run. Earlier runs stay. A flag excludes nobody and withholds nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="The study.")
        rules = parser.add_mutually_exclusive_group()
        rules.add_argument(
            "--rules", type=Path, help="A rule set (TOML); the defaults without it."
        )
        rules.add_argument(
            "--again",
            action="store_true",
            help="By the rules of the last run; the defaults before the first.",
        )
        parser.add_argument(
            "--against",
            type=int,
            metavar="RUN",
            help="Show what changed since this run; without it, since the last one.",
        )
        people = parser.add_mutually_exclusive_group()
        people.add_argument(
            "--simulated",
            action="store_true",
            default=None,
            help="The simulated participants, where there are real ones too.",
        )
        people.add_argument(
            "--real",
            action="store_false",
            dest="simulated",
            help="The real participants, where there are simulated ones too.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        study = study_named(options["slug"])
        earlier = _earlier(study, options["against"])
        try:
            rules = _rules(study, options)
            with Progress(f"judging sessions of {study.slug}", None):
                run = run_rules(study, rules, simulated=options["simulated"])
        except (CollectionError, DefinitionError) as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(
            f"Quality run {run.number} of {study.slug}: {run.n_flagged} of "
            f"{run.n_sessions} sessions flagged by the rules {run.rules['name']} "
            f"({run.rules_sha256[:8]})"
        )
        if earlier is None:
            return
        found = changes(earlier, run)
        self.stdout.write(f"Since run {earlier.number}: {len(found)} sessions changed")
        for change in found:
            self.stdout.write(f"    {change.sentence}")


def _rules(study: Study, options: dict[str, Any]) -> RuleSet:
    if options["rules"]:
        return load_rules(options["rules"])
    if not options["again"]:
        return RuleSet()
    population = default_population(study, options["simulated"])
    return strict_rules(study, simulated=population)


def _earlier(study: Study, number: int | None) -> QualityRun | None:
    if number is None:
        return study.quality_runs.last()
    found = study.quality_runs.filter(number=number).first()
    if found is None:
        known = ", ".join(str(run.number) for run in study.quality_runs.all())
        raise CommandError(
            f"Study {study.slug} has no quality run {number}; it has "
            f"{known or 'none yet'}."
        )
    return found
