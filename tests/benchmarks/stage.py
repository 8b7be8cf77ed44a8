"""A site of its own for a load or chaos run: PostgreSQL, the production server, a study.

Everything lies in a folder that is removed afterwards; nothing of an installation is
touched. Import this before anything of Django's.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EVERYDAY = ROOT / "collection" / "studies" / "everyday" / "study.toml"

sys.path.insert(0, str(ROOT))
_FOLDER = tempfile.mkdtemp(prefix="attune-stage-", dir="/var/tmp")
os.environ |= {
    "ATTUNE_VAR": _FOLDER,
    "DJANGO_SETTINGS_MODULE": "collection.settings",
    "DJANGO_ALLOW_ASYNC_UNSAFE": "1",
}
os.environ.pop("DATABASE_URL", None)

import django

django.setup()

from django.core.management import call_command
from django.db import connections

from collection import embedded, serving
from collection.definitions import StudyDefinition, load_definition
from collection.loading import load_study, open_study
from collection.models import Study
from collection.simulation import join_token, plant_truth

__all__ = [
    "Stage",
    "database",
    "join_token",
    "load_study",
    "machine",
    "open_study",
    "pairs_only",
    "stage",
]


class Stage:
    """The running site: its address, its study, its database's cluster."""

    def __init__(self, base_url: str, study: Study) -> None:
        self.base_url, self.study = base_url, study
        self.cluster = embedded.cluster(Path(_FOLDER))

    def database_pid(self) -> int:
        """The process whose end is the end of the database."""
        return int((self.cluster.data / "postmaster.pid").read_text().split()[0])

    def web_workers(self) -> list[int]:
        """The processes that answer requests: the server's children."""
        port = self.base_url.rsplit(":", 1)[1]
        gunicorns = {
            int(entry.name): parent_of(int(entry.name))
            for entry in Path("/proc").iterdir()
            if entry.name.isdigit() and f":{port}\0" in command_of(int(entry.name))
        }
        return [
            pid
            for pid, parent in gunicorns.items()
            if parent in gunicorns and "leash" not in command_of(parent)
        ]


def pairs_only(n_actions: int = 50, trials: int = 60) -> StudyDefinition:
    """The built-in study with its pairs alone, on this many actions."""
    document = load_definition(EVERYDAY).model_dump(mode="json")
    (block,) = (one for one in document["blocks"] if one["kind"] == "pair")
    actions = document["actions"]
    document |= {
        "slug": f"pairs-{n_actions}",
        "blocks": [block | {"trials_per_session": trials}],
        "groups": [{"name": "all", "blocks": [block["key"]]}],
        "actions": [
            actions[n % len(actions)]
            | {
                "action_id": f"{actions[n % len(actions)]['action_id']}-{n}",
                "text": f"{actions[n % len(actions)]['text']} ({n})",
            }
            for n in range(n_actions)
        ],
    }
    return StudyDefinition.model_validate(document)


@contextmanager
def database() -> Iterator[None]:
    """The database alone, empty and migrated."""
    try:
        call_command("migrate", verbosity=0)
        yield
    finally:
        connections.close_all()
        shutil.rmtree(_FOLDER, ignore_errors=True)


@contextmanager
def stage(definition: StudyDefinition | None = None) -> Iterator[Stage]:
    """The site with a study that takes simulated participants: the built-in one if
    not told which."""
    try:
        call_command("migrate", verbosity=0)
        study = open_study(load_study(definition or load_definition(EVERYDAY)))
        plant_truth(study, world="follows", seed=1)
        with serving.serve_in_background() as base_url:
            yield Stage(base_url, study)
    finally:
        connections.close_all()
        if os.environ.get("KEEP_STAGE"):
            print(f"kept: {_FOLDER}")
        else:
            shutil.rmtree(_FOLDER, ignore_errors=True)


def command_of(pid: int) -> str:
    """A process's command line, with a NUL after each word; empty once it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def parent_of(pid: int) -> int:
    """Who started a process; 0 once it is gone."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    except OSError:
        return 0


def machine() -> str:
    """The machine in a line, for the head of a table."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return f"{os.cpu_count()} cores, {model}, Python {platform.python_version()}"
