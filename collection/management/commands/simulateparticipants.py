"""`manage.py simulateparticipants everyday --sessions 120 --world follows --seed 1`.

With `--forecast study.toml` nobody walks any page: what so many participants would buy
is simulated in memory, before a study is loaded or paid for (`collection/forecasting`).
"""

from __future__ import annotations

import argparse
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from alignment.errors import AlignmentError
from collection.errors import CollectionError, DefinitionError
from collection.forecasting import command as forecasting
from collection.models import Study
from collection.serving import serve_in_background
from collection.simulation import (
    Summary,
    plant_truth,
    right_answers,
    simulate_participants,
)
from collection.truth import WORLDS

PROBLEMS_SHOWN = 5


class Command(BaseCommand):
    """Let simulated participants answer an open study through its real pages.

    Or forecast, without pages, what participants would buy.
    """

    help = (
        "Let simulated participants, who know a planted truth, answer an open study "
        "through its real pages. The study is marked as simulated for good. With "
        "--forecast: say what so many participants will buy, and store nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", nargs="?", help="The study.")
        parser.add_argument(
            "--base-url",
            help="Where the site answers; without it a server is started for the while.",
        )
        parser.add_argument(
            "--sessions",
            type=_count,
            help="How many participants; groups fill by their shares. Without it, as "
            "many as the study's plan needs.",
        )
        parser.add_argument(
            "--world",
            choices=WORLDS,
            default="follows",
            help="How values relate to similarity (default: %(default)s).",
        )
        parser.add_argument("--seed", type=_whole, default=1)
        parser.add_argument(
            "--careless",
            type=_share,
            help="Share of participants who answer carelessly (default: 0; in a "
            "forecast 0.1).",
        )
        parser.add_argument(
            "--threads", type=_count, default=4, help="How many walk at a time."
        )
        forecasting.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["forecast"] is not None:
            self._forecast(options)
            return
        slug = options["slug"]
        if slug is None:
            raise CommandError(
                "Name a study to walk through, or forecast one with --forecast."
            )
        study = Study.objects.filter(slug=slug).first()
        if study is None:
            known = ", ".join(Study.objects.values_list("slug", flat=True)) or "none"
            raise CommandError(f"No study '{slug}'. Loaded studies: {known}.")
        if not study.takes_new_people:
            raise CommandError(
                f"Study {slug} is {study.status}; participants can only join an open "
                f"study. Open it first: manage.py openstudy {slug}"
            )
        try:
            truth = plant_truth(study, world=options["world"], seed=options["seed"])
        except CollectionError as refusal:
            raise CommandError(refusal.message) from refusal
        n_sessions = (
            options["sessions"] or study.definition_model().plan().sessions_needed
        )
        # Whoever took part before keeps their number: these are new people.
        first = study.participants.filter(simulated=True).count()
        with _site(options["base_url"]) as base_url:
            summary = simulate_participants(
                slug,
                base_url,
                truth=truth,
                numbers=range(first, first + n_sessions),
                careless=options["careless"] or 0.0,
                threads=options["threads"],
                understood=right_answers(study),
            )
        self.stdout.write(_told(summary))
        if summary.problems:
            raise CommandError(_trouble(summary))

    def _forecast(self, options: dict[str, Any]) -> None:
        if options["slug"] is not None:
            raise CommandError(
                f"--forecast names its study itself; leave out '{options['slug']}'."
            )
        try:
            self.stdout.write(forecasting.run(options))
        except CollectionError as refusal:
            raise CommandError(refusal.message) from refusal
        except (DefinitionError, AlignmentError) as refusal:
            raise CommandError(str(refusal)) from refusal


def _site(base_url: str | None) -> AbstractContextManager[str]:
    return nullcontext(base_url.rstrip("/")) if base_url else serve_in_background()


def _told(summary: Summary) -> str:
    kinds = ", ".join(f"{n:,} {kind}" for kind, n in sorted(summary.answers.items()))
    return (
        f"{summary.sessions_finished:,} simulated participants finished and gave "
        f"{summary.responses:,} answers ({kinds}) in {summary.seconds:.0f} s."
    )


def _trouble(summary: Summary) -> str:
    shown = list(summary.problems[:PROBLEMS_SHOWN])
    if len(summary.problems) > len(shown):
        shown.append(f"... and {len(summary.problems) - len(shown)} more")
    return "\n  ".join(
        [f"{len(summary.problems)} simulated participants could not finish:", *shown]
    )


def _whole(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"needs a whole number from 0 up, got {text}")
    return int(text)


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"needs a whole number from 1 up, got {text}")
    return int(text)


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f"needs a share from 0 to 1, got {text}")
    return share
