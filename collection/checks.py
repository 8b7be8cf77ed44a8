"""What an operator is told before anybody is let in: ``manage.py check --deploy``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

DEPLOY = "attune"


@register(DEPLOY, deploy=True)
def is_fit_for_people(app_configs: Any, **more: Any) -> list[CheckMessage]:
    """Faults of the settings under which people's answers would be at risk."""
    found: list[CheckMessage] = []
    if "*" in settings.ALLOWED_HOSTS:
        found.append(
            Error(
                "The site answers to any host name.",
                hint="Name its own in ATTUNE_HOSTS: links are made from them.",
                id="attune.E001",
            )
        )
    if settings.DATABASES["default"]["ENGINE"] == "collection.embedded":
        found.append(
            Warning(
                "The embedded database is in use.",
                hint="Set DATABASE_URL: it is made for one machine and one user.",
                id="attune.W001",
            )
        )
    ledger = settings.ATTUNE_ERASURES
    if not ledger or Path(ledger).is_relative_to(settings.VAR):
        found.append(
            Warning(
                "The ledger of erasures lies in the folder that a restored copy of it "
                "would overwrite.",
                hint="Set ATTUNE_ERASURES to a file elsewhere; copy it off the machine.",
                id="attune.W002",
            )
        )
    if not settings.ATTUNE_LIMITS:
        found.append(
            Warning(
                "Passwords and codes may be guessed without limit.",
                hint="ATTUNE_LIMITS=0 is for load tests; leave it out.",
                id="attune.W003",
            )
        )
    return found
