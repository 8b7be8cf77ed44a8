"""One hash of all judgments, whatever their order, their files and their trials' names.

The sum, modulo 2^256, of the sha256 of each row. It finds out whether two folders hold
the same judgments after a change of format or of place; that nobody tampered with a file
is what each file's own sha256 in the manifest is for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

_MODULUS = 1 << 256


class JudgmentsHash:
    """Adds up rows; `hexdigest` says what they come to."""

    def __init__(self) -> None:
        self._sum = 0
        self.n = 0

    def add(self, table: str, columns: Sequence[Sequence[object]]) -> None:
        """Take rows of one table, as its `content` columns in their order.

        By columns, because what is done once per column need not be done once per cell.
        """
        head = f"{table}\x1e"
        sha256, number, total = hashlib.sha256, int.from_bytes, 0
        for row in zip(*map(_said, columns), strict=True):
            line = head + "\x1f".join(row)
            total += number(sha256(line.encode()).digest(), "big")
            self.n += 1
        self._sum = (self._sum + total) % _MODULUS

    def hexdigest(self) -> str:
        """64 hexadecimal digits."""
        return f"{self._sum:064x}"


def _said(column: Sequence[object]) -> Sequence[str]:
    """Values as texts: the same for 1 and 1.0, and nothing for an empty field."""
    if all(type(value) is str for value in column):
        return column  # type: ignore[return-value]
    return [
        ""
        if value is None
        else repr(float(value))
        if isinstance(value, int | float)
        else str(value)
        for value in column
    ]
