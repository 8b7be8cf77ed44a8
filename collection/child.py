"""Let a child process compute, so that a worker stays small and its heartbeat goes on."""

from __future__ import annotations

import subprocess
import sys
import tempfile

from collection import leash
from collection.jobs import reason_of
from collection.serving import child_environment


class ChildFailed(RuntimeError):
    """The child did not end well; the message is its own last sentence."""


def run(*command: str, longest_s: float) -> None:
    """Run a command of ``manage.py``, and wait until it has ended.

    Args:
        longest_s: A child that hangs must not hold the worker: it is stopped then.

    Raises:
        ChildFailed: It ended with an error, or was stopped.
    """
    with tempfile.TemporaryFile() as said:
        child = leash.start(
            [sys.executable, "manage.py", *command],
            env=child_environment(),
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        late = False
        try:
            child.wait(longest_s)
        except subprocess.TimeoutExpired:
            late = True
        finally:
            status = leash.stop(child)
        said.seek(0)
        lines = said.read().decode(errors="replace").splitlines()
    if late:
        raise ChildFailed(f"It took more than {longest_s:g} s and was stopped.")
    if status:
        raise ChildFailed(reason_of(lines, status))
