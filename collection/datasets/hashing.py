"""One hash of all judgments, whatever their order, their files and their trials' names.

The sum, modulo 2^256, of the sha256 of each row. It finds out whether two folders hold
the same judgments after a change of format or of place; that nobody tampered with a file
is what each file's own sha256 in the manifest is for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

_MODULUS = 1 << 256


class JudgmentsHash:
    """Adds up rows; `hexdigest` says what they come to."""

    def __init__(self) -> None:
        self._sum = 0
        self.n = 0

    def add(self, table: str, rows: Iterable[Sequence[object]]) -> None:
        """Take rows of one table: the values of its `content` columns, in that order."""
        head = table.encode() + b"\x1e"
        total = 0
        for row in rows:
            line = head + "\x1f".join(map(_said, row)).encode()
            total += int.from_bytes(hashlib.sha256(line).digest(), "big")
            self.n += 1
        self._sum = (self._sum + total) % _MODULUS

    def hexdigest(self) -> str:
        """64 hexadecimal digits."""
        return f"{self._sum:064x}"


def _said(value: object) -> str:
    """A value as text: the same for 1 and 1.0, and nothing for an empty field."""
    if value is None:
        return ""
    return repr(float(value)) if isinstance(value, int | float) else str(value)
