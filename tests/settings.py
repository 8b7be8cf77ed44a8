"""Settings of the tests: the real ones, with cheap passwords and an own var folder."""

import os
from pathlib import Path

# Settings of a developer's shell must not reach the tests' database or files.
_VAR = Path(__file__).resolve().parent.parent / "var" / "tests"
os.environ["ATTUNE_VAR"] = str(_VAR)

from collection.settings import *  # noqa: E402, F403
from collection.settings import DATABASES  # noqa: E402

# Tests open connections in many threads and drop the database afterwards.
DATABASES["default"]["OPTIONS"].pop("pool", None)
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
