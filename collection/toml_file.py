"""Read a TOML document that anybody may have written, and say what cannot be stored.

tomllib refuses what is no TOML. What is TOML may still be nothing for a database: numbers
without end, characters that PostgreSQL does not keep, tables within tables without end.
"""

from __future__ import annotations

import re
import tomllib
from math import isfinite
from pathlib import Path
from typing import Any, Final

from collection.errors import Fault

LARGEST: Final = 2**31 - 1
"""The largest whole number of a database column."""
DEEPEST: Final = 12
"""Tables within tables; a definition needs five."""
_TOO_DEEP: Final = f"has tables within tables, over {DEEPEST} deep"
# tomllib takes time that grows with the square of a dotted name: a day for 2 MB of one.
# Begun at the beginning of a word only, so that this look takes no such time itself.
_LONG_NAME: Final = re.compile(
    r"""(?<![\w-])(?:(?:[\w-]++|"[^"\n]*"|'[^'\n]*')[ \t]*\.[ \t]*){20}""", re.ASCII
)


class TooDeep(ValueError):
    """A name of so many parts that reading it would take a server's time."""

    def __init__(self) -> None:
        super().__init__(_TOO_DEEP)


def parse_toml(text: str) -> dict[str, Any]:
    """A document that anybody may have sent, in time that grows with its length.

    Raises:
        TooDeep: Names of dozens of parts.
        ValueError: No TOML (TOMLDecodeError), or numbers of thousands of digits.
        RecursionError: Brackets within brackets without end.
    """
    if _LONG_NAME.search(text):
        raise TooDeep
    return tomllib.loads(text)


def read_toml(path: Path) -> tuple[dict[str, Any] | None, list[Fault]]:
    """The document as read, or None where it cannot be; and what is wrong with it."""
    try:
        raw = parse_toml(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        return None, [Fault(path.name, f"cannot be read: {_reason(error)}")]
    except RecursionError:
        return None, [Fault(path.name, "has brackets within brackets without end")]
    except TooDeep as error:
        return None, [Fault(path.name, str(error))]
    except ValueError as error:  # TOMLDecodeError, and numbers of thousands of digits
        return None, [Fault(path.name, f"is not TOML: {error}")]
    return _checked(raw, path.name)


def _reason(error: OSError | UnicodeDecodeError) -> str:
    """Without the folder: it says where the server keeps its files."""
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return str(error)


def _checked(
    raw: dict[str, Any], file: str
) -> tuple[dict[str, Any] | None, list[Fault]]:
    faults: list[Fault] = []
    # A list and no recursion: dotted keys nest deeper than Python may call.
    waiting: list[tuple[str, Any, int]] = [("", raw, 0)]
    while waiting:
        place, value, depth = waiting.pop()
        where = f"{file}: {place}" if place else file
        if depth > DEEPEST:
            return None, [Fault(file, _TOO_DEEP)]
        if isinstance(value, dict):
            for key, inner in value.items():
                if "\0" in key:
                    faults.append(Fault(where, "a name holds a NUL character"))
                waiting.append((f"{place}.{key}" if place else key, inner, depth + 1))
        elif isinstance(value, list):
            waiting += [
                (f"{place}[{i}]", inner, depth + 1) for i, inner in enumerate(value)
            ]
        elif isinstance(value, str) and "\0" in value:
            faults.append(Fault(where, "holds a NUL character; remove it"))
        elif isinstance(value, float) and not isfinite(value):
            faults.append(Fault(where, f"must be a number with an end; got {value}"))
        elif isinstance(value, int) and abs(value) > LARGEST:
            faults.append(Fault(where, f"must be at most {LARGEST:,}"))
    return raw, faults
