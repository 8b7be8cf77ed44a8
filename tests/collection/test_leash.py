"""A command on a leash ends when its starter goes away, however it goes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from collection import leash

# A command with a child of its own, which writes both process ids and then sleeps.
FAMILY = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
with open(sys.argv[1] + ".part", "w") as file:
    file.write(f"{os.getpid()} {child.pid}")
os.rename(sys.argv[1] + ".part", sys.argv[1])
time.sleep(60)
"""
# Somebody who starts that command on a leash, and waits to be killed.
STARTER = """
import sys, time
from collection import leash
leash.start([sys.executable, "-c", sys.argv[1], sys.argv[2]])
time.sleep(60)
"""


def test_the_status_of_the_command_is_the_leashs() -> None:
    process = leash.start([sys.executable, "-c", "raise SystemExit(7)"])

    assert process.wait(timeout=20) == 7
    assert leash.stop(process) == 7


def test_letting_go_stops_the_command_and_its_children(tmp_path: Path) -> None:
    process = leash.start([sys.executable, "-c", FAMILY, tmp_path / "pids"])
    family = _pids(tmp_path / "pids")

    leash.stop(process)

    assert not any(map(_lives, family))


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads /proc")
def test_a_starter_killed_with_9_leaves_nothing_behind(tmp_path: Path) -> None:
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, FAMILY, tmp_path / "pids"], cwd=leash.ROOT
    )
    family = _pids(tmp_path / "pids")

    starter.send_signal(signal.SIGKILL)
    starter.wait(timeout=10)

    _until(lambda: not any(map(_lives, family)))


def _pids(file: Path) -> list[int]:
    _until(file.exists)
    return [int(pid) for pid in file.read_text().split()]


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False
    return state != "Z"  # dead, and waiting for whoever adopts orphans here


def _until(condition: object, seconds: float = 20) -> None:
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
