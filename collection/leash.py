"""Run a command that cannot outlive whoever started it.

    python -m collection.leash COMMAND ARGUMENT ...

Servers and heavy jobs run as child processes, and those have children of their own (a
sweep's pool, gunicorn's workers). Whoever starts one may be killed with -9, which no
handler sees. So the starter holds the other end of this process's standard input: the
kernel closes it when the starter goes away, however it went, and the command is then
stopped with its whole process group. Without this a retried job would find its results
folder still locked by the forgotten first attempt.

Only the standard library: importing this costs nothing.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import IO, Any

GRACE_S = 8.0
ROOT = Path(__file__).resolve().parent.parent


def start(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    stdout: int | IO[Any] | None = None,
    stderr: int | IO[Any] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a command on a leash, in the project's folder.

    Args:
        env: The whole environment of the command; this process's own when left out.
        stdout, stderr: As for ``subprocess.Popen``; inherited when left out.

    Returns:
        The leash's process: its exit status is the command's (128 + signal number for a
        command that a signal ended).
    """
    return subprocess.Popen(
        [sys.executable, "-m", "collection.leash", *map(str, command)],
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=stderr,
        env=None if env is None else dict(env),
        cwd=ROOT,
        # Ctrl-C in a terminal reaches the starter alone, who then stops the command.
        start_new_session=True,
    )


def stop(process: subprocess.Popen[bytes]) -> int:
    """Let go: the command is asked to end, and killed after ``GRACE_S`` seconds.

    Safe to call twice, and on a process that has already ended.
    """
    if process.stdin is not None and not process.stdin.closed:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
    return process.wait()


def main(command: Sequence[str]) -> int:
    """Run the command until it ends or standard input is closed."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)

    def pass_on(number: int, _frame: FrameType | None) -> None:
        _signal_group(child.pid, number)

    signal.signal(signal.SIGTERM, pass_on)
    signal.signal(signal.SIGINT, pass_on)

    def wait_for_release() -> None:
        while os.read(0, 1024):  # nothing is ever sent: this ends when the pipe closes
            pass
        _signal_group(child.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(GRACE_S)
        _signal_group(child.pid, signal.SIGKILL)

    threading.Thread(target=wait_for_release, daemon=True).start()
    status = child.wait()
    _signal_group(child.pid, signal.SIGKILL)  # pool workers that a killed parent left
    return status if status >= 0 else 128 - status


def _signal_group(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
