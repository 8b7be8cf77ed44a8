"""How evenly triplets cover a study: how often each two actions were shown together.

There are far too many triplets for a map of each (19,600 of 50 actions), and no study
asks them all; what a geometry is learnt from is which actions were ever compared. The
database counts each shown order once and spreads only those counts over pairs. That reads
every answered triplet, so a web process remembers what it found for ``FRESH_S`` seconds,
and beyond ``MOST`` triplets there is no map while people answer: everything else on the
page would wait for it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from itertools import combinations
from typing import Final

from django.db.models import Count, Q

from collection.coverage import OF_TRIPLETS, Coverage
from collection.live import CellCount
from collection.models import Response, Study
from collection.models.trials import Kind

FRESH_S: Final = 3.0
MOST: Final = 100_000

_known: dict[int, tuple[float, Counter[tuple[str, str]]]] = {}


def triplet_pairs(study: Study, n_answered: int) -> list[CellCount]:
    """Every pair of actions, by how many answered triplets held both.

    Wanted of each is its even share of the triplets that the definition wants, rounded
    up; empty for a study that asks none, or holds more than ``MOST``.

    Args:
        n_answered: Triplets that the study holds, as its coverage says.
    """
    definition = study.definition_model()
    wanted = sum(
        block.judgments_wanted for block in definition.blocks if block.kind == "triplet"
    )
    if not wanted or n_answered > MOST:
        return []
    counted = _counted(study)
    ids = [action.action_id for action in definition.actions]
    pairs = list(combinations(range(len(ids)), 2))
    share = -(-3 * wanted // len(pairs))
    return [
        CellCount(
            Kind.TRIPLET.value,
            f"{ids[a]} {ids[b]}",
            counted[_key(ids[a], ids[b])],
            0,
            share,
            row=a,
            column=b,
        )
        for a, b in pairs
    ]


def n_answered(blocks: Iterable[Coverage]) -> int:
    """Triplets that a study holds, by its coverage: each block of them counts all."""
    return max((row.most for row in blocks if row.label == OF_TRIPLETS), default=0)


def _counted(study: Study) -> Counter[tuple[str, str]]:
    """The same, as of a few seconds ago at most."""
    known = _known.get(study.pk)
    if known is None or time.monotonic() - known[0] >= FRESH_S:
        known = _known[study.pk] = (time.monotonic(), _count(study))
    return known[1]


def _count(study: Study) -> Counter[tuple[str, str]]:
    """Answered triplets by pair of action_ids in alphabetical order."""
    answered = (
        Response.objects.filter(
            ~Q(choice=""),
            trial__session__study=study,
            trial__kind=Kind.TRIPLET.value,
        )
        .values_list("trial__actions")
        .annotate(n=Count("pk"))
        .order_by()
    )
    together: Counter[tuple[str, str]] = Counter()
    for shown, n in answered.iterator():
        for a, b in combinations(shown, 2):
            together[_key(a, b)] += n
    return together


def _key(a: str, b: str) -> tuple[str, str]:
    return (a, b) if a < b else (b, a)
