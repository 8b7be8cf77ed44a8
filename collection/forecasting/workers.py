"""Calling a function many times, in a few processes of one numerics thread each.

Imports nothing that needs Django or numpy: a new process imports this first, and sets
both up here.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from typing import Any, TypeVar

Result = TypeVar("Result")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def each(
    function: Callable[..., Result],
    tasks: Sequence[tuple[Any, ...]],
    *,
    processes: int,
    told: Callable[[], None],
) -> list[Result]:
    """The function of each tuple of arguments, in their order, whatever is done first.

    Args:
        processes: 1 does everything here, one after the other.
        told: Called after each.
    """
    results: dict[int, Result] = {}
    if processes <= 1:
        for place, task in enumerate(tasks):
            results[place] = function(*task)
            told()
        return [results[place] for place in range(len(tasks))]
    # Spawned, not forked: a child must not inherit an open connection.
    context = multiprocessing.get_context("spawn")
    with (
        _one_thread(),
        ProcessPoolExecutor(processes, context, _set_up) as pool,
    ):
        places = {pool.submit(function, *task): at for at, task in enumerate(tasks)}
        try:
            for future in as_completed(places):
                results[places[future]] = future.result()
                told()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return [results[place] for place in range(len(tasks))]


@contextmanager
def _one_thread() -> Iterator[None]:
    """Children read these before numpy is imported there."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ |= dict.fromkeys(THREADS, "1")
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _set_up() -> None:
    import django

    django.setup()
