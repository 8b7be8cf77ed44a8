"""Django's PostgreSQL backend, which starts the embedded server when first needed.

The same backend, SQL and locks as in production; only the moment before the first
connection differs. A connection that fails because the server was killed is tried again
for ``RETRY_S`` seconds, while the supervisor brings the server back.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from django.db.backends.postgresql import base
from psycopg import OperationalError

from collection import embedded

RETRY_S = 15.0


class DatabaseWrapper(base.DatabaseWrapper):
    """PostgreSQL on a unix socket, started on demand."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        var = Path(self.settings_dict["VAR"])
        # A connection is taken from the pool at every request: asking the server first
        # whether it is up, by a program of its own, would cost as much as the request.
        if not embedded.is_kept(var):
            embedded.ensure(var)
        deadline = time.monotonic() + RETRY_S
        while True:
            try:
                return super().get_new_connection(conn_params)
            except OperationalError:
                if embedded.is_ready(embedded.cluster(var)) or (
                    time.monotonic() > deadline
                ):
                    raise
                embedded.ensure(var)
