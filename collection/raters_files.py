"""Which model raters may be asked: the built-in ones, and those the operator offers.

Operators put files such as ``raters.toml`` into ``raters/`` in the var folder. They are
theirs to write, not a researcher's: an entry names addresses that this server calls and
the environment variables that hold keys.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path

from django.conf import settings

from alignment.__main__ import DEFAULT_RATERS
from collection.errors import UnknownRater

BUILT_IN = tuple(DEFAULT_RATERS.split(","))


def offered() -> dict[str, Path | None]:
    """Every rater's name, and the file it stands in; None for a built-in one.

    A file that cannot be read offers nothing here: the command says what is wrong.
    """
    found: dict[str, Path | None] = dict.fromkeys(BUILT_IN)
    for file in sorted((Path(settings.VAR) / "raters").glob("*.toml")):
        try:
            entries = tomllib.loads(file.read_text(encoding="utf-8")).get("rater", [])
        except (OSError, ValueError):
            continue
        if not isinstance(entries, list):
            continue
        for entry in entries:
            name = entry.get("name") if isinstance(entry, dict) else None
            if isinstance(name, str) and name not in found:
                found[name] = file
    return found


def arguments(names: Sequence[str] | str) -> list[str]:
    """What names raters on the command line of ``python -m alignment``.

    Raises:
        UnknownRater: a name that is not offered, or is not any more.
    """
    wanted = names.split(",") if isinstance(names, str) else list(names)
    known = offered()
    if unknown := [name for name in wanted if name not in known]:
        raise UnknownRater(
            f"There is no rater {', '.join(unknown)} on this server; there are "
            f"{', '.join(known)}."
        )
    from_files = [name for name in wanted if known[name] is not None]
    files = dict.fromkeys(str(known[name]) for name in from_files)
    built_in = [name for name in wanted if known[name] is None]
    command = ["--raters", ",".join([*built_in, *files]) or "none"]
    return [*command, "--only", ",".join(from_files)] if from_files else command
