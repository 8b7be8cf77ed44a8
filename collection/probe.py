"""Ask a site whether it is well, from beside it: ``python -m collection.probe ADDRESS``.

For a container's health check, which has no curl. The request names one of the site's
own hosts (``ATTUNE_HOSTS``): a site does not answer to others. Only the standard library.
"""

from __future__ import annotations

import os
import sys
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

TIMEOUT_S = 4


def status(address: str) -> int:
    """The HTTP status with which the address answers; 0 if it does not."""
    url = urlsplit(address)
    host = os.environ.get("ATTUNE_HOSTS", "localhost").split(",")[0]
    connection = HTTPConnection(url.hostname or "", url.port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", url.path, headers={"Host": host})
        return connection.getresponse().status
    except (OSError, HTTPException):
        return 0
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(0 if status(sys.argv[1]) == 200 else 1)
