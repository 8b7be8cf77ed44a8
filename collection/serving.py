"""Start the production server: gunicorn, two workers of four threads.

The demo, ``make serve``, the journeys and the browser tests all use this one, so that
what is tested is what runs. Beside it, ``make serve`` runs the worker that does the
researchers' jobs.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import quote, urlencode

from django.conf import settings

from collection import embedded, leash
from collection.secret_files import secret

HOST = "127.0.0.1"
START_TIMEOUT_S = 60.0
_PORTS_TRIED = 50
_ON_LOOPBACK = {"ATTUNE_HOSTS": HOST, "ATTUNE_HTTPS": "", "ATTUNE_PROXIES": ""}


class ServerDidNotStart(RuntimeError):
    """The server ended, or did not answer in time; the message has its last words."""


@contextmanager
def serve_in_background(
    *, port: int | None = None, env: Mapping[str, str] | None = None
) -> Iterator[str]:
    """The site on a port of its own, with this process's database and folder.

    It is for this machine alone, so it answers plain HTTP under its own address, however
    the site itself is reached.

    Args:
        port: Where to listen; a free port when left out.
        env: Variables to set on top of :func:`child_environment`.

    Yields:
        The address, without a slash at its end. The server is stopped on leaving, and
        also when this process is killed.

    Raises:
        ServerDidNotStart: with the last lines of the server's log.
    """
    port = free_port() if port is None else port
    base_url = f"http://{HOST}:{port}"
    env = _ON_LOOPBACK | dict(env or {})
    with _running(gunicorn_command(port), f"server-{port}", env) as (server, log):
        _wait_until_up(server, base_url, log)
        yield base_url


@dataclass(frozen=True)
class Site:
    """The running server and worker."""

    base_url: str
    processes: Mapping[str, tuple[subprocess.Popen[bytes], Path]]

    def wait(self) -> None:
        """Return on Ctrl-C or a request to end.

        Raises:
            ServerDidNotStart: one of the two ended by itself.
        """
        asked_to_end = False

        def end(_number: int, _frame: FrameType | None) -> None:
            nonlocal asked_to_end
            asked_to_end = True

        before = signal.signal(signal.SIGTERM, end)
        try:
            with suppress(KeyboardInterrupt):
                while not asked_to_end:
                    time.sleep(0.5)
                    self._check()
        finally:
            signal.signal(signal.SIGTERM, before)

    def _check(self) -> None:
        for name, (process, log) in self.processes.items():
            if process.poll() is not None:
                raise ServerDidNotStart(
                    f"The {name} ended with status {process.returncode}. Its log "
                    f"({log}) ends: {_last_words(log)}"
                )


@contextmanager
def site(*, port: int) -> Iterator[Site]:
    """The server and the worker for the researchers' jobs, as ``make serve`` runs them.

    Raises:
        ServerDidNotStart: with the last lines of the server's log.
    """
    base_url = f"http://{HOST}:{port}"
    with (
        _running(gunicorn_command(port), f"server-{port}", None) as server,
        _running(worker_command(), f"worker-{port}", None) as worker,
    ):
        _wait_until_up(server[0], base_url, server[1])
        yield Site(base_url, {"server": server, "worker": worker})


def gunicorn_command(port: int, *, host: str = HOST, n_workers: int = 2) -> list[str]:
    """The production server's command line.

    Not preloaded: each worker opens its own database connections, and a broken import
    shows up in a worker instead of taking the listening socket down.
    """
    command = [
        sys.executable, "-m", "gunicorn", "collection.wsgi:application",
        "--bind", f"{host}:{port}", "--worker-class", "gthread",
        "--workers", str(n_workers), "--threads", "4", "--keep-alive", "15",
        "--graceful-timeout", "5", "--no-control-socket", "--log-level", "warning",
        "--config", "python:collection.server_hooks",
    ]  # fmt: skip
    # The workers' heartbeat file must not wait for a slow disk.
    if Path("/dev/shm").is_dir():
        command += ["--worker-tmp-dir", "/dev/shm"]
    return command


def worker_command() -> list[str]:
    """The worker's command line.

    Three places: one for the jobs that fill the machine, which take turns (their tasks
    share a lock), one for the platform's, which do too, and one for what keeps the rest
    going (rescue, retention, choosing triplets).
    """
    return [
        sys.executable, "manage.py", "procrastinate", "worker",
        "--concurrency", "3", "--shutdown-graceful-timeout", "2",
    ]  # fmt: skip


def child_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment in which a child process sees this process's data.

    The same database (also a test's own), the same ``var`` folder, the same secret key.
    A secret that came in a file stays in it: the child reads it there itself.
    """
    database = settings.DATABASES["default"]
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "collection.settings",
        "ATTUNE_VAR": str(settings.VAR),
        "OMP_WAIT_POLICY": "PASSIVE",
    }
    if not _in_file("ATTUNE_SECRET_KEY", settings.SECRET_KEY):
        environment["ATTUNE_SECRET_KEY"] = settings.SECRET_KEY
        environment.pop("ATTUNE_SECRET_KEY_FILE", None)
    is_embedded = database["ENGINE"] == "collection.embedded"
    if not (is_embedded and database["NAME"] == embedded.DATABASE):
        environment["DATABASE_URL"] = _url_of(database)
    return environment | dict(extra or {})


def _in_file(name: str, value: str) -> bool:
    """Whether a file that the environment names hands over this very secret."""
    return bool(os.environ.get(f"{name}_FILE")) and secret(name) == value


def free_port() -> int:
    """A port that nobody listened on a moment ago."""
    with closing(socket.socket()) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def port_or_next(wanted: int) -> int:
    """The wanted port, or the first free one after it."""
    for port in range(wanted, wanted + _PORTS_TRIED):
        with closing(socket.socket()) as probe:
            # A port whose last server has just left is free for a new one.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                probe.bind((HOST, port))
                return port
    return free_port()


def _url_of(database: Mapping[str, Any]) -> str:
    """The address that settings.py reads back into this database's settings."""
    name, user, password, host, port = (
        str(database.get(key) or "")
        for key in ("NAME", "USER", "PASSWORD", "HOST", "PORT")
    )
    if _in_file("DATABASE_PASSWORD", password):
        password = ""
    options = {k: v for k, v in database.get("OPTIONS", {}).items() if k != "pool"}
    if host.startswith("/"):  # the folder of a unix socket
        options["host"], host = host, ""
    who = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "")
    where = f"{host}:{port}" if port else host
    query = f"?{urlencode(options)}" if options else ""
    return f"postgresql://{who}@{where}/{quote(name, safe='')}{query}"


@contextmanager
def _running(
    command: list[str], name: str, env: Mapping[str, str] | None
) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A process on a leash while the block lasts, and the file that it logs to."""
    log = settings.VAR / "logs" / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    (settings.VAR / "static").mkdir(exist_ok=True)  # whitenoise warns where it is not
    with log.open("w") as output:
        process = leash.start(
            command,
            env=child_environment(env),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process, log
    finally:
        leash.stop(process)


def _wait_until_up(server: subprocess.Popen[bytes], base_url: str, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise ServerDidNotStart(
                f"The server on {base_url} ended with status {server.returncode}. "
                f"Its log ({log}) ends: {_last_words(log)}"
            )
        if _is_healthy(base_url):
            return
        time.sleep(0.05)
    raise ServerDidNotStart(
        f"The server on {base_url} did not answer {base_url}/readyz within "
        f"{START_TIMEOUT_S:.0f} s. Its log ({log}) ends: {_last_words(log)}"
    )


def _is_healthy(base_url: str) -> bool:
    # Not urllib: it would ask the proxy that the environment names, if one is.
    connection = HTTPConnection(base_url.removeprefix("http://"), timeout=5)
    try:
        with closing(connection):
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False


def _last_words(log: Path) -> str:
    """Why a process ended: its last exception, or else its last lines."""
    lines = [line for line in log.read_text(errors="replace").splitlines() if line]
    # After a worker's own exception, gunicorn adds the traceback of its own halt.
    raised = [
        line
        for line in lines
        if re.match(r"(\w+\.)+\w+: |\w+(Error|Exception): ", line)
        and "HaltServer" not in line
    ]
    return raised[-1] if raised else " / ".join(lines[-5:]) or "(empty)"
