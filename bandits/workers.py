"""Work done here or in a few processes, one thread each, told of as it is done."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from typing import Any

import torch

Each = Callable[[Callable[..., object], Sequence[tuple[Any, ...]]], Iterator[int]]
"""Calls a function on each tuple of arguments; yields the place of each as it is done."""


@contextmanager
def workers(processes: int) -> Iterator[Each]:
    """Something that does tasks, in processes that live as long as this block does.

    Two threads in each of two processes on two cores would wait for one another, so
    that every process, this one too while it works itself, has one.

    Args:
        processes: 1 does the tasks here, one after the other.
    """
    if processes <= 1:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield _one_by_one
        finally:
            torch.set_num_threads(threads)
        return
    # Spawned, not forked: torch and CUDA do not survive a fork of a threaded process.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(processes, context, torch.set_num_threads, (1,))

    def each(
        function: Callable[..., object], tasks: Sequence[tuple[Any, ...]]
    ) -> Iterator[int]:
        places = {pool.submit(function, *task): at for at, task in enumerate(tasks)}
        for future in as_completed(places):
            future.result()
            yield places[future]

    try:
        yield each
    finally:
        pool.shutdown(cancel_futures=True)


def _one_by_one(
    function: Callable[..., object], tasks: Sequence[tuple[Any, ...]]
) -> Iterator[int]:
    for place, task in enumerate(tasks):
        function(*task)
        yield place
