"""Work done here or in a few processes, one thread each, told of as it is done.

A worker process ends with the process that started it, however that one ended: it
listens at a pipe that nobody writes to, and that the kernel closes for the dead.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

import torch

from bandits.errors import BanditError

Each = Callable[[Callable[..., object], Sequence[tuple[Any, ...]]], Iterator[int]]
"""Calls a function on each tuple of arguments; yields the place of each as it is done."""


class Work(Protocol):
    """Something to compute anywhere, on another machine too, and to write here."""

    def make(self) -> Any:
        """Compute it."""

    def keep(self, made: Any, path: Path) -> None:
        """Write what was computed, whole or not at all."""


Tasks = Sequence[tuple[Work, Path]]
Make = Callable[[Tasks], Iterator[int]]
"""Makes works and has each written; yields the place of each as it stands."""


def make_and_keep(work: Work, path: Path) -> None:
    """Do a work in this process."""
    work.keep(work.make(), path)


@contextmanager
def workers(processes: int) -> Iterator[Each]:
    """Something that does tasks, in processes that live as long as this block does.

    Two threads in each of two processes on two cores would wait for one another, so
    that every process, this one too while it works itself, has one. Left by an error
    or Ctrl-C, the block ends its processes at once, in the middle of what they do.

    Args:
        processes: 1 does the tasks here, one after the other.

    Raises:
        BanditError: A worker process was killed from outside.
    """
    if processes <= 1:
        with one_thread():
            yield _one_by_one
        return
    # Spawned, not forked: torch and CUDA do not survive a fork of a threaded process.
    context = multiprocessing.get_context("spawn")
    hears, holds = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(processes, context, _begin, (hears,))

    def each(
        function: Callable[..., object], tasks: Sequence[tuple[Any, ...]]
    ) -> Iterator[int]:
        with deaf_to_interrupts():
            # Processes start here, and would take Ctrl-C before they can refuse it.
            places = {pool.submit(function, *task): at for at, task in enumerate(tasks)}
        for future in as_completed(places):
            future.result()
            yield places[future]

    try:
        yield each
    except BrokenProcessPool as problem:
        raise BanditError(
            "A worker process ended in the middle of its work: it was killed, or the"
            " machine ran out of memory. What was finished is kept: the same command"
            " with --resume goes on from there, with fewer --processes if memory was"
            " short."
        ) from problem
    except BaseException:
        holds.close()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
        holds.close()
        hears.close()


@contextmanager
def one_thread() -> Iterator[None]:
    """One torch thread in this process, as every worker has."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def deaf_to_interrupts() -> Iterator[None]:
    """Hold Ctrl-C back: here until the block ends, in processes begun in it for good."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(hears: Connection) -> None:
    """What a worker process does first."""
    torch.set_num_threads(1)
    threading.Thread(target=_end_with_parent, args=(hears,), daemon=True).start()


def _end_with_parent(hears: Connection) -> None:
    with suppress(EOFError, OSError):
        hears.recv_bytes()
    # Nothing to tidy: a shard is written whole or not at all.
    os._exit(1)


def _one_by_one(
    function: Callable[..., object], tasks: Sequence[tuple[Any, ...]]
) -> Iterator[int]:
    for place, task in enumerate(tasks):
        function(*task)
        yield place
