"""`manage.py recruitment lint|reconcile|approve|bonuses|owe|reject ...`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from collection.definitions import StudyDefinition, load_definition
from collection.errors import CollectionError, DefinitionError
from collection.management.studies import study_named
from collection.models import PlatformPayment, StudySession
from collection.recruitment import payments, rejections
from collection.recruitment.definition_lint import findings
from collection.recruitment.lint import CATEGORIES, Ground, Rejection
from collection.recruitment.reconciliation import reconcile


class Command(BaseCommand):
    """Everything between a study and the platform its people come from."""

    help = "Check, reconcile and pay a study whose people come from Prolific."

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_subparsers(dest="what", required=True)
        lint = what.add_parser("lint", help="What Prolific would object to.")
        lint.add_argument("study", help="A study's name, or the path of a study.toml.")
        for name, says in (
            ("reconcile", "Ask the platform about every submission."),
            ("approve", "Approve whoever did the work and waits."),
            ("bonuses", "Pay the bonuses that are owed."),
        ):
            one = what.add_parser(name, help=says)
            one.add_argument("study", help="The study.")
            if name != "reconcile":
                one.add_argument(
                    "--list", action="store_true", help="Print the list; send nothing."
                )
        owe = what.add_parser("owe", help="Owe one person a bonus.")
        reject = what.add_parser("reject", help="Reject one submission, if allowed.")
        for one in (owe, reject):
            one.add_argument("study", help="The study.")
            one.add_argument("rater", help="The participant's name in the data: p-...")
        owe.add_argument("cents", type=int, help="Hundredths of the currency.")
        owe.add_argument("--reason", required=True, help="A word; each is paid once.")
        reject.add_argument("--ground", required=True, choices=[*Ground], help="Why.")
        reject.add_argument("--category", required=True, choices=[*CATEGORIES])
        reject.add_argument(
            "--message", required=True, help="To the person; 100 characters or more."
        )
        reject.add_argument(
            "--check", action="store_true", help="Only say whether it is allowed."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, f"_{options['what']}")(options)
        except (CollectionError, DefinitionError) as error:
            raise CommandError(str(error)) from error

    def _lint(self, options: dict[str, Any]) -> None:
        definition = _definition(options["study"])
        if definition.recruitment is None:
            self.stdout.write("No [recruitment]: people come by a plain link.")
            return
        found = findings(definition)
        for finding in found:
            self.stdout.write(str(finding))
        refused = sum(finding.level == "refuse" for finding in found)
        if refused:
            raise CommandError(f"{refused} of these would be refused.")
        self.stdout.write("Nothing that would be refused.")

    def _reconcile(self, options: dict[str, Any]) -> None:
        run = reconcile(study_named(options["study"]))
        if run.error:
            raise CommandError(run.error)
        self.stdout.write(
            f"{run.n_seen} submissions: {run.n_changed} changed, {run.n_unknown} never "
            f"arrived here, {run.n_refuted} refuted."
        )

    def _approve(self, options: dict[str, Any]) -> None:
        study = study_named(options["study"])
        if options["list"]:
            payments.note_approvals(study)
            parts = payments.csv_parts(study, PlatformPayment.Kind.APPROVAL)
            self.stdout.write("".join(parts), ending="")
            return
        self._told(payments.approve_all(study), "approved")

    def _bonuses(self, options: dict[str, Any]) -> None:
        study = study_named(options["study"])
        if options["list"]:
            parts = payments.csv_parts(study, PlatformPayment.Kind.BONUS)
            self.stdout.write("".join(parts), ending="")
            return
        self._told(payments.pay_bonuses(study), "bonuses paid")

    def _told(self, outcome: payments.Outcome, done: str) -> None:
        self.stdout.write(f"{outcome.n_sent} {done}.")
        if outcome.n_unknown:
            raise CommandError(
                f"{outcome.n_unknown} bonuses may or may not be paid: {outcome.problem} "
                "Look on the platform; they are not sent again."
            )
        if outcome.problem:
            raise CommandError(outcome.problem)

    def _owe(self, options: dict[str, Any]) -> None:
        session = _session(options["study"], options["rater"])
        owed = payments.owe_bonus(session, options["cents"], options["reason"])
        self.stdout.write(f"{options['rater']} is owed {owed.cents} ({owed.reason}).")

    def _reject(self, options: dict[str, Any]) -> None:
        session = _session(options["study"], options["rater"])
        rejection = Rejection(
            Ground(options["ground"]), options["category"], options["message"]
        )
        if options["check"]:
            rejections.check(session, rejection)
            self.stdout.write("Prolific's rules allow this rejection.")
            return
        rejections.reject(session, rejection)
        self.stdout.write(f"{options['rater']} was rejected on the platform.")


def _definition(name: str) -> StudyDefinition:
    path = Path(name)
    if path.suffix == ".toml":
        return load_definition(path)
    return study_named(name).definition_model()


def _session(slug: str, rater: str) -> StudySession:
    study = study_named(slug)
    session = study.sessions.filter(
        participant__rater_id=rater, submission__isnull=False
    ).first()
    if session is None:
        raise CommandError(f"Nobody called {rater!r} came to {slug} from Prolific.")
    return session
