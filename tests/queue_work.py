"""A worker that takes what is queued, and leaves."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connections
from procrastinate.contrib.django import app


def let_a_worker_work(**settings: Any) -> None:
    """Do all that waits in the queue.

    In a thread of its own: where a browser's test came before, its event loop still runs
    in this one, and a worker begins its own.
    """

    def work() -> None:
        try:
            with app.replace_connector(app.connector.get_worker_connector()) as worker:
                worker.run_worker(
                    wait=False,
                    listen_notify=False,
                    install_signal_handlers=False,
                    **settings,
                )
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as thread:
        thread.submit(work).result()
