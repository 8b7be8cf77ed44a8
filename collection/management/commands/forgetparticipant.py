"""`manage.py forgetparticipant SLUG WHO [--reason WHY] [--reference NUMBER] [--yes]`."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from collection.erasure import erase
from collection.errors import CollectionError
from collection.finding import found_by
from collection.management.studies import study_named
from collection.models import Erasure
from collection.superseding import holding


class Command(BaseCommand):
    """Erase a participant."""

    help = (
        "Delete everything of a participant, take out of use whatever was made from it, "
        "and leave a tombstone. Without --yes it says what would go, and asks."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="The study.")
        parser.add_argument(
            "who",
            help="The person's withdrawal code, session address, rater id, or id on a "
            "platform. A single hyphen reads it from standard input, so that it stays "
            "out of the shell's history.",
        )
        parser.add_argument(
            "--reason",
            default=Erasure.Reason.ASKED,
            choices=Erasure.Reason.values,
            help="Why (default: %(default)s).",
        )
        parser.add_argument(
            "--reference", default="", help="A case number for the ledger. No names."
        )
        parser.add_argument("--yes", action="store_true", help="Do not ask.")

    def handle(self, *args: Any, **options: Any) -> None:
        study = study_named(options["slug"])
        who = sys.stdin.readline() if options["who"] == "-" else options["who"]
        try:
            participant = found_by(study, who)
            held = holding(participant).numbers()
            if not options["yes"]:
                self.stdout.write(
                    f"{participant.rater_id} of {study.slug}, group "
                    f"{participant.group}. Superseded would be: {_listed(held)}."
                )
                if input("Erase for good? Type yes: ").strip().lower() != "yes":
                    raise CommandError("Nothing was erased.")
            erasure = erase(
                participant,
                by="command",
                reason=options["reason"],
                reference=options["reference"][:80],
            )
        except CollectionError as refusal:
            raise CommandError(refusal.message) from refusal
        self.stdout.write(
            f"Erased, tombstone {erasure.pk}: "
            + ", ".join(f"{n} {table}" for table, n in erasure.counts.items())
            + f". Superseded: {_listed(erasure.superseded)}."
        )


def _listed(held: dict[str, list[int]]) -> str:
    named = [f"{kind} {', '.join(map(str, ns))}" for kind, ns in held.items() if ns]
    return "; ".join(named) or "nothing"
