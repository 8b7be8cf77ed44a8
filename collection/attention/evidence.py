"""What a rule may look at: one session's answers, in the order they were given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Question = tuple[str, tuple[str, ...]]
"""A scale, and the actions that were judged on it in alphabetical order."""


@dataclass(frozen=True)
class Judged:
    """One answered trial that asked for a judgment.

    kind: value, pair or triplet.
    scale: Ratings on one scale are compared with each other: a block, or one dimension
        of it.
    actions: In shown order.
    place: Where the answer stood on the screen: 0 (left end) to 100, or, of a triplet,
        0 to 2. None where the question was not understood.
    rating: The judgment itself, 0 to 100, whichever way round the scale stood; None of
        triplets and where not understood.
    odd: A triplet's odd action; empty otherwise.
    rt_ms: From paint to answer; None where it was not measured.
    timing: What the page told besides; None where nothing.
    """

    kind: str
    scale: str
    actions: tuple[str, ...]
    place: float | None = None
    rating: float | None = None
    odd: str = ""
    repeat: bool = False
    rt_ms: int | None = None
    timing: Mapping[str, Any] | None = None

    @property
    def question(self) -> Question:
        """What was asked, apart from sides: two people meet the same question."""
        return self.scale, tuple(sorted(self.actions))


@dataclass(frozen=True)
class SessionEvidence:
    """One session's answers, and its instructed checks.

    answers: In the order the trials were issued.
    checks: Question key -> whether the instruction in the question was followed.
    """

    session: str
    answers: Sequence[Judged]
    checks: Mapping[str, bool] = field(default_factory=dict)
