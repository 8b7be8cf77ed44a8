"""What gunicorn needs to know: its ``--config python:collection.server_hooks``.

Two things that no option of the command line says: its own log lines go through
``logs.py`` (it would name addresses), and its workers count into a common folder.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from collection.logs import configuration

FOLDER = "PROMETHEUS_MULTIPROC_DIR"

logconfig_dict: dict[str, Any] = configuration(
    as_json=os.environ.get("ATTUNE_LOGS") == "json"
)
logconfig_dict["loggers"] = {
    **logconfig_dict["loggers"],
    "gunicorn.error": {"level": "WARNING", "propagate": True},
    "gunicorn.access": {"level": "CRITICAL", "propagate": False},
}


def on_starting(server: Any) -> None:
    """Give the workers an empty folder to count in, before the first is started.

    Files of a run before would be added up with this one's: never the same folder twice.
    """
    memory = Path("/dev/shm")
    folder = tempfile.mkdtemp(
        prefix="attune-metrics-", dir=memory if memory.is_dir() else None
    )
    os.environ[FOLDER] = folder
    atexit.register(_remove, folder, os.getpid())


def child_exit(server: Any, worker: Any) -> None:
    """Forget what a worker that ended said of itself; what it counted stays."""
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def _remove(folder: str, owner: int) -> None:
    if os.getpid() == owner:  # a forked worker leaves the same way
        shutil.rmtree(folder, ignore_errors=True)
