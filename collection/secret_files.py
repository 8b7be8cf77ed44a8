"""Secrets from the environment, or from files that the environment names."""

from __future__ import annotations

import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


def secret(name: str) -> str:
    """The value of ``name``, or of the file that ``name_FILE`` names; "" without either.

    A file is how container engines hand over a secret: the environment of a process can
    be read by whoever may look at the container.

    Raises:
        ImproperlyConfigured: both are set, or the file cannot be read or is empty.
    """
    value, file = os.environ.get(name, ""), os.environ.get(f"{name}_FILE", "")
    if not file:
        return value
    if value:
        raise ImproperlyConfigured(f"Set {name} or {name}_FILE, and not both.")
    try:
        value = Path(file).read_text().strip()
    except OSError as error:
        raise ImproperlyConfigured(
            f"{name}_FILE names a file that cannot be read: {error.strerror}."
        ) from error
    if not value:
        raise ImproperlyConfigured(f"{name}_FILE names an empty file.")
    return value
