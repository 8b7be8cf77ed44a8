"""The embedded PostgreSQL: started on demand, survives kill -9, leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from collection import embedded

ROOT = Path(__file__).resolve().parents[2]


def postmaster(place: embedded.Cluster) -> int:
    return int((place.data / "postmaster.pid").read_text().split()[0])


def connect(place: embedded.Cluster) -> psycopg.Connection[tuple[int]]:
    return psycopg.connect(
        host=str(place.sockets), user=embedded.ROLE, dbname=embedded.DATABASE
    )


@pytest.fixture
def var(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An own cluster; under a short path, reachable by the system user."""
    folder = Path(f"/var/tmp/attune-test-{os.getpid()}-{time.time_ns() % 10**6}")
    if not os.access(folder.parent, os.W_OK):
        folder = tmp_path_factory.mktemp("cluster")
    folder.mkdir(exist_ok=True)
    yield folder
    place = embedded.cluster(folder)
    if place.locks in embedded._held:
        embedded._held.pop(place.locks).close()
    # Killing the supervisor first: it would start the server again.
    subprocess.run(["pkill", "-9", "-f", f"collection.embedded {folder}"], check=False)
    if embedded.is_ready(place):
        embedded._as_owner(place, "pg_ctl", "stop", "-D", place.data, "-m", "immediate")
    subprocess.run(["rm", "-rf", str(folder)], check=False)


def test_a_committed_row_survives_kill_9_of_the_server(var: Path) -> None:
    place = embedded.ensure(var)
    with connect(place) as db:
        db.execute("CREATE TABLE kept (n int)")
        db.execute("INSERT INTO kept VALUES (7)")

    os.kill(postmaster(place), signal.SIGKILL)
    deadline = time.monotonic() + 30
    while embedded.is_ready(place) and time.monotonic() < deadline:
        time.sleep(0.05)
    embedded.ensure(var)

    with connect(place) as db:
        assert db.execute("SELECT n FROM kept").fetchall() == [(7,)]


def test_two_processes_share_one_server(var: Path) -> None:
    code = (
        "import sys, pathlib; from collection import embedded;"
        "place = embedded.ensure(pathlib.Path(sys.argv[1]));"
        "print((place.data / 'postmaster.pid').read_text().split()[0])"
    )
    both = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(var)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]

    pids = [process.communicate(timeout=90)[0].strip() for process in both]

    assert pids[0] == pids[1] != ""


def test_the_server_stops_when_its_last_user_was_killed(var: Path) -> None:
    code = (
        "import sys, pathlib, time; from collection import embedded;"
        "embedded.ensure(pathlib.Path(sys.argv[1])); print('up', flush=True);"
        "time.sleep(300)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(var)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as user:
        assert user.stdout is not None
        assert user.stdout.readline().strip() == "up"
        user.kill()

    place = embedded.cluster(var)
    deadline = time.monotonic() + embedded.LINGER_S + 20
    while embedded.is_ready(place) and time.monotonic() < deadline:
        time.sleep(0.2)

    assert not embedded.is_ready(place)


def test_a_path_too_long_for_a_socket_gets_a_short_one(tmp_path: Path) -> None:
    deep = tmp_path / ("a" * 60) / ("b" * 60)

    place = embedded.cluster(deep)

    assert len(str(place.sockets / ".s.PGSQL.5432").encode()) <= 107


def test_a_server_that_cannot_start_says_why(
    var: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = embedded.ensure(var)
    embedded._held.pop(place.locks).close()
    subprocess.run(["pkill", "-9", "-f", f"collection.embedded {var}"], check=False)
    embedded._as_owner(place, "pg_ctl", "stop", "-D", place.data, "-m", "fast")
    with (place.data / "postgresql.conf").open("a") as conf:
        conf.write("no_such_setting = 1\n")
    monkeypatch.setattr(embedded, "START_TIMEOUT_S", 4.0)

    with pytest.raises(
        embedded.EmbeddedDatabaseError, match="did not start within 4 s"
    ):
        embedded.ensure(var)
