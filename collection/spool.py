"""Rows put aside on disk: written once, read as often as one likes.

A freeze goes over its rows several times (counted, sorted, checked, written), and a
study may have more of them than memory. The file has no name, so that nobody else reads
it, and nothing is left of it when the process ends, however it ends.
"""

from __future__ import annotations

import os
import pickle
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")

AT_ONCE = 500


class Spool(Collection[Item], Generic[Item]):
    """A list on disk, to which one can only append. Holds `at_once` items in memory."""

    def __init__(self, items: Iterable[Item] = (), *, at_once: int = AT_ONCE) -> None:
        self._at_once = at_once
        self._held: list[Item] = []
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 (closed with this object)
        self._pieces: list[tuple[int, int]] = []
        self._n = 0
        self.extend(items)

    def append(self, item: Item) -> None:
        self._held.append(item)
        self._n += 1
        if len(self._held) == self._at_once:
            piece = pickle.dumps(self._held, pickle.HIGHEST_PROTOCOL)
            self._pieces.append((self._end, len(piece)))
            self._file.write(piece)
            self._held = []

    def extend(self, items: Iterable[Item]) -> None:
        for item in items:
            self.append(item)

    def __iter__(self) -> Iterator[Item]:
        """What was put in so far, in that order; two may read at once."""
        self._file.flush()
        held = list(self._held)
        for start, size in list(self._pieces):
            yield from pickle.loads(os.pread(self._file.fileno(), size, start))
        yield from held

    def __len__(self) -> int:
        return self._n

    def __contains__(self, item: object) -> bool:
        return any(one == item for one in self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Spool):
            return NotImplemented
        return len(self) == len(other) and all(
            one == two for one, two in zip(self, other, strict=True)
        )

    __hash__ = None  # type: ignore[assignment]

    @property
    def _end(self) -> int:
        start, size = self._pieces[-1] if self._pieces else (0, 0)
        return start + size


def sorted_by_name(
    items: Iterable[Item],
    key: Callable[[Item], tuple[str, ...]],
    *,
    letters: str = "0123456789abcdef",
) -> Spool[Item]:
    """Items in the order of their keys, a share of them in memory at a time.

    Args:
        key: Begins with a name as `disclosure.released_id` makes it: `r-` and
            hexadecimal digits, which spread evenly.
        letters: Those digits, in their order.
    """
    shares: dict[str, Spool[Item]] = {letter: Spool() for letter in letters}
    for item in items:
        shares[key(item)[0][2]].append(item)
    found: Spool[Item] = Spool()
    for letter in letters:
        found.extend(sorted(shares.pop(letter), key=key))
    return found
