"""`manage.py web`: the web server alone, as the web image runs it."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from collection import serving


class Command(BaseCommand):
    """Become the web server: no worker beside it, and no migration before it."""

    help = (
        "Serve the site with gunicorn, in the place of this process. Migrations and the "
        "worker are commands of their own (migrate; procrastinate worker)."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--bind", default=f"{serving.HOST}:8000")
        parser.add_argument("--workers", type=int, default=2)

    def handle(self, *args: Any, **options: Any) -> None:
        host, _, port = options["bind"].rpartition(":")
        if not host or not port.isdigit():
            raise CommandError(f"--bind must be HOST:PORT; got {options['bind']!r}.")
        if options["workers"] < 1:
            raise CommandError("--workers must be at least 1.")
        command = serving.gunicorn_command(
            int(port), host=host, n_workers=options["workers"]
        )
        os.execv(command[0], command)
