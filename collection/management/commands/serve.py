"""``make serve``: the site and the worker, until Ctrl-C."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from collection import serving


class Command(BaseCommand):
    """Serve the site with gunicorn and do the researchers' jobs beside it."""

    help = "Serve the site, with the worker for the researchers' jobs, until Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", verbosity=0)
        port = serving.port_or_next(options["port"])
        if port != options["port"]:
            self.stdout.write(f"Port {options['port']} is taken: using {port}.")
        try:
            with serving.site(port=port) as running:
                self.stdout.write(f"Attune is at {running.base_url}/ (Ctrl-C stops it)")
                running.wait()
        except serving.ServerDidNotStart as error:
            raise CommandError(str(error)) from error
