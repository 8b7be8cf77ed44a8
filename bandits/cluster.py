"""Works (shards, deals) made on many machines, through Dask.

A worker sends what it made back, and this process alone writes it: no shared folder is
needed, the process that holds the folder's lock is its only writer, and what a killed
worker had not sent is made again by another. Figures and tables are made here.
"""

from __future__ import annotations

import logging
import signal
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bandits.engine import library_versions
from bandits.errors import BanditError, SpecError
from bandits.spec import explained
from bandits.workers import Tasks, Work, deaf_to_interrupts, one_thread

RETRIES = 3
"""How often a work is tried again after a failure that is not its own."""
AHEAD = 3
"""Works that are with the cluster, for each thread it has: none of them waits."""
ANSWER_WITHIN = "30s"
"""How long a scheduler may take to answer at first."""
MISSING = (
    "--cluster needs Dask, which is not installed here: pip install 'attune[cluster]'"
    " (or leave --cluster out and name --processes)."
)


class SlurmOptions(BaseModel):
    """What a SLURM job asks for: a TOML file, every field described here.

    What is not given is left to Dask's own configuration (`jobqueue.slurm`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    jobs: int = Field(default=4, ge=1, description="Jobs to keep in the queue.")
    cores: int = Field(default=1, ge=1, description="Cores, and workers, of one job.")
    memory: Annotated[str, Field(pattern=r"^\d+(\.\d+)? ?[KMGT]i?B$")] = Field(
        default="4GB", description="Memory of one job."
    )
    walltime: Annotated[str, Field(pattern=r"^(\d+-)?\d{1,2}:\d\d:\d\d$")] = Field(
        default="01:00:00", description="After which SLURM ends a job."
    )
    queue: str | None = Field(default=None, description="The partition.")
    account: str | None = Field(default=None, description="Who pays.")
    python: str | None = Field(
        default=None, description="The interpreter on the nodes; else this one."
    )
    interface: str | None = Field(
        default=None, description="The network between nodes and this one, say ib0."
    )
    prologue: tuple[str, ...] = Field(
        default=(), description="Lines of shell before the worker: module load, venv."
    )
    directives: tuple[str, ...] = Field(
        default=(), description="Further #SBATCH lines, without the #SBATCH."
    )


@contextmanager
def cluster_workers(
    where: str, processes: int, options: Path | None = None
) -> Iterator[Any]:
    """A `distributed.Client`, and the cluster it needs, as long as this block lives.

    Args:
        where: "local" (this machine), "slurm", or a scheduler's address, tcp://...
        processes: Workers of a local cluster, one thread each.
        options: A TOML file of `SlurmOptions`.

    Raises:
        BanditError: Dask is not installed, or nobody answers at that address.
        SpecError: Faults in the options, all of them.
    """
    distributed, _ = _dask()
    with ExitStack() as stack:
        if where == "local":
            with deaf_to_interrupts():  # its processes, and those that replace them
                cluster = stack.enter_context(
                    distributed.LocalCluster(
                        n_workers=processes,
                        threads_per_worker=1,
                        processes=True,
                        dashboard_address=None,
                        silence_logs=logging.ERROR,
                    )
                )
        elif where == "slurm":
            chosen = read_slurm_options(options)
            cluster = stack.enter_context(slurm_cluster(chosen))
            cluster.scale(jobs=chosen.jobs)
        else:
            cluster = where
        try:
            client = distributed.Client(cluster, timeout=ANSWER_WITHIN)
        except (OSError, TimeoutError, ValueError) as problem:
            raise BanditError(
                f"cluster {where}: no Dask scheduler answers there ({problem}); start"
                " one with `dask scheduler`, or use --cluster local"
            ) from problem
        yield stack.enter_context(client)


def slurm_cluster(options: SlurmOptions) -> Any:
    """A `dask_jobqueue.SLURMCluster` with no job submitted yet."""
    _, jobqueue = _dask()
    given = {
        "queue": options.queue,
        "account": options.account,
        "python": options.python,
        "interface": options.interface,
    }
    return jobqueue.SLURMCluster(
        cores=options.cores,
        processes=options.cores,
        memory=options.memory,
        walltime=options.walltime,
        # Two threads in two processes on two cores would wait for one another.
        job_script_prologue=[
            *(f"export {name}=1" for name in _ONE_THREAD),
            *options.prologue,
        ],
        job_extra_directives=list(options.directives),
        scheduler_options={"dashboard": False, "dashboard_address": ":0"},
        silence_logs=logging.ERROR,
        **{name: value for name, value in given.items() if value is not None},
    )


def job_script(options: Path | None) -> str:
    """What SLURM would be given for one job; nothing is submitted.

    Raises:
        BanditError: Dask is not installed.
        SpecError: Faults in the options.
    """
    with slurm_cluster(read_slurm_options(options)) as cluster:
        return str(cluster.job_script())


def read_slurm_options(path: Path | None) -> SlurmOptions:
    """The options of a TOML file, or the defaults.

    Raises:
        SpecError: With every fault and its place.
    """
    if path is None:
        return SlurmOptions()
    try:
        return SlurmOptions.model_validate(tomllib.loads(path.read_text("utf-8")))
    except (OSError, UnicodeDecodeError) as problem:
        raise SpecError([(str(path), f"cannot be read ({problem})")]) from problem
    except tomllib.TOMLDecodeError as problem:
        raise SpecError([(str(path), f"is not TOML: {problem}")]) from problem
    except ValidationError as problem:
        fields = tuple(SlurmOptions.model_fields)
        raise SpecError(
            [explained(error, fields, "SLURM options") for error in problem.errors()]
        ) from problem


def make_on(client: Any, tasks: Tasks) -> Iterator[int]:
    """Have a client's cluster make works; write each as it comes, yield its place.

    Only a few works for each of the cluster's threads are with it at a time: neither
    the scheduler nor this process holds a whole sweep.

    Raises:
        BanditError: A work that was refused, or that killed worker after worker.
    """
    distributed, _ = _dask()
    waiting = iter(enumerate(tasks))
    versions = library_versions()
    places: dict[str, int] = {}
    done = distributed.as_completed()

    def send() -> bool:
        """One more work for the cluster; False where there is none."""
        for place, (work, path) in waiting:
            future = client.submit(
                _made, work, versions, pure=False, retries=RETRIES, key=path.name
            )
            places[future.key] = place
            done.add(future)
            return True
        return False

    def fill() -> None:
        threads = sum(client.nthreads().values())
        while len(places) < AHEAD * max(1, threads) and send():
            pass

    fill()
    for future in done:
        try:
            made = future.result()
        except distributed.KilledWorker as problem:
            raise BanditError(
                "A work ended every worker that took it: they were killed, or ran out"
                " of memory. What was finished is kept: the same command with --resume"
                " goes on from there, on workers with more memory."
            ) from problem
        place = places.pop(future.key)
        work, path = tasks[place]
        work.keep(made, path)
        # The scheduler may forget it now; else it would hold every one to the end.
        future.release()
        yield place
        fill()


_INTERRUPTS = (signal.SIGINT, signal.SIGTERM)
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def _made(work: Work, versions: dict[str, str]) -> Any:
    """What a worker does; it needs this package, at the very same versions."""
    if (here := library_versions()) != versions:
        apart = ", ".join(
            f"{name} {here.get(name, 'missing')} instead of {version}"
            for name, version in versions.items()
            if here.get(name) != version
        )
        raise BanditError(
            f"A worker of the cluster has {apart}: its runs could differ in their last"
            " digits. Give every machine the same environment."
        )
    with one_thread():
        return work.make()


def _dask() -> tuple[Any, Any]:
    """The two packages of the extra, loaded when they are needed: they are slow."""
    # dask-jobqueue makes Ctrl-C a silent success of this process as it is imported.
    before = {number: signal.getsignal(number) for number in _INTERRUPTS}
    try:
        distributed = import_module("distributed")
        jobqueue = import_module("dask_jobqueue")
    except ImportError as problem:
        raise BanditError(MISSING) from problem
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is not handler:
                signal.signal(number, handler)
    # Its scheduler tells of every connection, in the middle of the progress line.
    logging.getLogger("distributed").setLevel(logging.ERROR)
    return distributed, jobqueue
