"""What this package refuses, as exceptions a caller can act on.

Every message says what must hold, what was found, in whose data, and what to do:
``kernel of llm/large: needs shape (50, 50) for 50 actions, got (50, 49)``.
"""

from __future__ import annotations

from collections.abc import Sequence


class BanditError(ValueError):
    """An argument that no simulation can be run with."""


class SpecError(BanditError):
    """A sweep's document with faults: all of them at once, each with its place.

    Attributes:
        faults: Pairs of (place in the document, sentence).
    """

    def __init__(self, faults: Sequence[tuple[str, str]]) -> None:
        self.faults = list(faults)
        super().__init__("\n".join(f"{place}: {said}" for place, said in self.faults))
