"""``python -m collection.embedded VAR``: supervise the server of one ``var`` folder."""

import sys
from pathlib import Path

from collection.embedded import supervise

if __name__ == "__main__":
    supervise(Path(sys.argv[1]))
