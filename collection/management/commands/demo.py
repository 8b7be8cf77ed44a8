"""``make demo``: the whole road, from a click to a figure, on simulated participants."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from collection import demo, research, serving
from collection.errors import CollectionError, DefinitionError
from collection.models import JobRecord, SnapshotRecord, Study, StudySession

SESSIONS = 52
WORLD = "follows"
SEED = 1
THREADS = 8
"""Participants at once: half of an answer is waiting for the disk, not computing."""


class Command(BaseCommand):
    """Run each stage whose result does not stand yet; then serve the site."""

    help = (
        "Load the built-in study, let simulated participants answer it over HTTP, freeze "
        "a snapshot, write the alignment report, run the bandit sweep, and serve. What "
        "an earlier demo made is reused."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--no-serve", action="store_true", help="Stop at the end.")
        parser.add_argument(
            "--study", type=Path, default=demo.DEFINITION, help="A study document."
        )
        parser.add_argument(
            "--sessions", type=int, default=SESSIONS, help="Simulated participants."
        )
        parser.add_argument(
            "--chat-pairs", type=int, default=demo.CHAT_PAIRS, help="0 leaves it out."
        )
        parser.add_argument(
            "--raters", default="", help="Comma-separated; the report's own by default."
        )
        parser.add_argument("--spec", default="default", help="A built-in sweep.")

    def handle(self, *args: Any, **options: Any) -> None:
        self.timings = demo.Timings()
        self.say("From a click to a figure, with SIMULATED PARTICIPANTS.\n")
        with ExitStack() as stack:
            try:
                self.walk(stack, options)
            except (
                CollectionError,
                DefinitionError,
                demo.StageFailed,
                serving.ServerDidNotStart,
            ) as error:
                raise CommandError(str(error)) from error

    def walk(self, stack: ExitStack, options: dict[str, Any]) -> None:
        """All stages in order; the stack holds the site while they run."""
        with self.timings.stage("database"):
            self.say("Database: starting, migrations ...")
            call_command("migrate", verbosity=0)
        with self.timings.stage("study"):
            study = self.load(options["study"])
            user, password = demo.ensure_researcher(study)
        site = None
        with self.timings.stage("simulated participants"):
            missing = options["sessions"] - _finished(study)
            if missing > 0:
                site = self.start_site(stack, options["port"])
                self.simulate(study, missing, site.base_url)
            else:
                self.reuse("simulated participants")
        with self.timings.stage("snapshot"):
            snapshot = self.freeze(study, user)
        parameters: dict[str, object] = {
            "snapshot": snapshot.number,
            "chat_pairs": options["chat_pairs"],
        }
        if options["raters"]:
            parameters["raters"] = options["raters"]
        report = self.job(study, "report", "alignment report", parameters, user)
        parameters = {"report": report.pk, "spec": options["spec"]}
        sweep = self.job(study, "sweep", "bandit sweep", parameters, user)

        self.say("\nStages")
        self.say("\n".join(self.timings.lines()))
        self.say("\nWritten")
        for folder in (snapshot.folder, report.result_folder, sweep.result_folder):
            self.say(f"  {_from_here(folder)}")
        if options["no_serve"]:
            self.say(f"\nLogin: {_from_here(str(demo.researcher_file()))}")
            self.say("`make serve` (or `make demo`) serves the site.")
            return
        site = site or self.start_site(stack, options["port"])
        self.tell_addresses(site.base_url, study, [report, sweep], password)
        site.wait()

    def load(self, document: Path) -> Study:
        """The study, loaded and open."""
        slug = demo.slug_of(document)
        study = Study.objects.filter(slug=slug).first()
        if study is None:
            self.say(f"Study: loading {_from_here(str(document))} ...")
            call_command("loadstudy", str(document), verbosity=0)
            study = Study.objects.get(slug=slug)
        else:
            self.reuse("study")
        if study.status == Study.Status.DRAFT:
            call_command("openstudy", slug, verbosity=0)
            study.refresh_from_db()
        return study

    def simulate(self, study: Study, sessions: int, base_url: str) -> None:
        self.say(f"Simulated participants: {sessions} use the pages at {base_url} ...")
        call_command(
            "simulateparticipants",
            study.slug,
            base_url=base_url,
            sessions=sessions,
            world=WORLD,
            seed=SEED,
            threads=THREADS,
            stdout=self.stdout,
        )

    def freeze(self, study: Study, user: User) -> SnapshotRecord:
        standing = demo.standing_snapshot(study)
        if standing is not None:
            self.reuse("snapshot")
            return standing
        self.say("Snapshot: freezing ...")
        demo.do_job(study, "freeze", {}, by=user, listener=self.pass_on)
        return study.snapshots.order_by("number").reverse()[0]

    def job(
        self,
        study: Study,
        kind: str,
        name: str,
        parameters: dict[str, object],
        user: User,
    ) -> JobRecord:
        """A report or sweep: the standing one, or a new one."""
        with self.timings.stage(name):
            standing = demo.standing_job(study, kind, parameters)
            if standing is not None:
                self.reuse(name)
                return standing
            self.say(f"{name.capitalize()} ...")
            return demo.do_job(study, kind, parameters, by=user, listener=self.pass_on)

    def start_site(self, stack: ExitStack, wanted: int) -> serving.Site:
        port = serving.port_or_next(wanted)
        if port != wanted:
            self.say(f"Port {wanted} is taken: using {port}.")
        return stack.enter_context(serving.site(port=port))

    def tell_addresses(
        self, base_url: str, study: Study, results: list[JobRecord], password: str
    ) -> None:
        report, sweep = map(research.result_url, results)
        self.say(
            f"""
Serving at {base_url}/ (Ctrl-C stops it)
  participant's page   {base_url}/s/{study.slug}/
  researcher's page    {base_url}/research/studies/{study.slug}/
    alignment report   {base_url}{report}
    bandit sweep       {base_url}{sweep}
    log in as          {demo.RESEARCHER}
    password           {password}
                       (kept in {_from_here(str(demo.researcher_file()))})"""
        )

    def reuse(self, name: str) -> None:
        self.timings.reused.add(name)
        self.say(f"{name.capitalize()}: what an earlier demo made is reused.")

    def pass_on(self, line: str) -> None:
        """A line of a job's own, set in."""
        self.stderr.write(f"    {line}", ending="\n", style_func=str)

    def say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def _finished(study: Study) -> int:
    status = StudySession.Status.FINISHED
    return study.sessions.filter(simulated=True, status=status).count()


def _from_here(path: str) -> str:
    """A path as short as it can be said from the current folder."""
    relative = os.path.relpath(path)
    return path if relative.startswith("..") else relative
