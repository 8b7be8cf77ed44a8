"""`manage.py check --deploy`, as an operator runs it before letting anybody in."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

FIT = {
    "DATABASE_URL": "postgresql://attune@db:5432/attune",
    "ATTUNE_SECRET_KEY": "Zk3v9!qLr0_x7W2m-Tn8sBc5yHd1uEa6gJf4pKo^iR-made-up",
    "ATTUNE_HTTPS": "1",
    "ATTUNE_HOSTS": "study.example.org",
    "ATTUNE_PROXIES": "1",
    "ATTUNE_ERASURES": "/erasures/erasures.jsonl",
    "DJANGO_SETTINGS_MODULE": "collection.settings",
}


def checked(tmp_path: Path, **changes: str) -> str:
    """What the check says under the settings of production, with these changes."""
    plain = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ATTUNE_", "DATABASE_", "DJANGO_"))
    }
    given = {**plain, **FIT, "ATTUNE_VAR": str(tmp_path / "var"), **changes}
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        env={name: value for name, value in given.items() if value},
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if done.returncode == 0 else done.stderr


def test_the_settings_of_production_are_without_fault(tmp_path: Path) -> None:
    assert checked(tmp_path) == ""


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"ATTUNE_HOSTS": "*"}, "attune.E001"),
        ({"DATABASE_URL": ""}, "attune.W001"),
        ({"ATTUNE_ERASURES": ""}, "attune.W002"),
        ({"ATTUNE_LIMITS": "0"}, "attune.W003"),
        ({"ATTUNE_HTTPS": "0"}, "security.W004"),
        ({"ATTUNE_SECRET_KEY": "short"}, "security.W009"),
    ],
)
def test_what_puts_people_at_risk_is_said(
    tmp_path: Path, changes: dict[str, str], told: str
) -> None:
    assert told in checked(tmp_path, **changes)
