"""Commands run in real processes of their own, so that a test can end them."""

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from bandits.__main__ import main

PATIENCE_S = 60.0
# Children are copies of one process that has torch loaded: each starts at once.
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload([__name__, "bandits.sweep", "bandits.forecast"])


def begin(words: str, log: Path) -> ForkServerProcess:
    """Start `python -m bandits WORDS` in a session of its own; `log` gets what it says."""
    child = _context.Process(target=_run, args=(words.split(), log))
    child.start()
    return child


def wait_until(
    what: Callable[[], bool], child: ForkServerProcess | None = None
) -> None:
    """Until it is so; no longer than a patient person, nor than the child lives."""
    until = time.monotonic() + PATIENCE_S
    while not what():
        assert child is None or child.is_alive(), f"ended with {child.exitcode}"
        assert time.monotonic() < until
        time.sleep(0.005)


def kill_group(child: ForkServerProcess, how: signal.Signals) -> None:
    """Tell the child and all its processes, as a terminal does."""
    assert child.pid is not None
    os.killpg(child.pid, how)


def kill_alone(child: ForkServerProcess, how: signal.Signals) -> None:
    """Tell the child and none of its processes, as `kill` does."""
    assert child.pid is not None
    os.kill(child.pid, how)


def is_gone(child: ForkServerProcess) -> bool:
    """Whether no process is left of the child's group."""
    assert child.pid is not None
    try:
        os.killpg(child.pid, 0)
    except ProcessLookupError:
        return True
    return False


def _run(words: list[str], log: Path) -> None:
    os.setsid()
    with log.open("w") as stream:
        for number in (1, 2):
            os.dup2(stream.fileno(), number)
    sys.stdout = sys.stderr = os.fdopen(2, "w", buffering=1)
    sys.exit(main(words))
