"""Asking models one after the other, before any report is written.

A report needs all its raters at once; a lab asks twenty models over days. Here each is
asked by itself, everything it answers is kept, and one that cannot be had today stops
none of the others.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from alignment.errors import AlignmentError
from alignment.judgments import Actions
from alignment.raters.base import BoolArray, MoreQuestions, Rater, RaterResult
from alignment.raters.forecast import Forecast
from alignment.raters.study_questions import questions_besides_pairs
from alignment.snapshots import Snapshot

Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class AskedOfPeople:
    """What a rater is asked about: as `Rater.judge` wants it."""

    actions: Actions
    wording: Mapping[str, str]
    preferred: BoolArray | None
    more: MoreQuestions


@runtime_checkable
class Foretells(Protocol):
    """A rater that knows what asking it will take."""

    def forecast(
        self,
        actions: Actions,
        wording: Mapping[str, str],
        *,
        preferred: BoolArray | None = None,
        more: MoreQuestions | None = None,
    ) -> Forecast: ...


def asked_of_people(snapshot: Snapshot) -> AskedOfPeople:
    """The same questions, of the same pairs first, that a report asks."""
    preferred = None
    if len(snapshot.similarities):
        preferred = ~np.isnan(snapshot.similarities.mean().values)
    return AskedOfPeople(
        snapshot.actions,
        snapshot.manifest["wording"],
        preferred,
        questions_besides_pairs(snapshot),
    )


def forecasts(raters: Sequence[Rater], asked: AskedOfPeople) -> list[Forecast]:
    """What is left to ask of those raters that are asked in words; asks nothing.

    Raises:
        AlignmentError: The study cannot be put to one of them.
    """
    return [
        rater.forecast(
            asked.actions, asked.wording, preferred=asked.preferred, more=asked.more
        )
        for rater in raters
        if isinstance(rater, Foretells)
    ]


def told(found: Sequence[Forecast]) -> list[str]:
    """A sentence for each forecast, and the sum where there are several to pay."""
    sentences = [each.sentence() for each in found]
    for currency in sorted({each.currency for each in found if each.price}):
        priced = [each for each in found if each.price and each.currency == currency]
        if len(priced) > 1:
            total = sum(each.price for each in priced)
            sentences.append(f"Together: {total:,.2f} {currency}.")
    return sentences


def ask_each(
    raters: Sequence[Rater], asked: AskedOfPeople, say: Say
) -> tuple[dict[str, RaterResult], dict[str, AlignmentError]]:
    """Ask one rater after the other; a refusal ends its own turn alone.

    Args:
        say: Told one sentence for each rater, when it is done.

    Returns:
        Results and refusals, by rater.
    """
    results: dict[str, RaterResult] = {}
    refusals: dict[str, AlignmentError] = {}
    for place, rater in enumerate(raters, start=1):
        head = f"[{place} of {len(raters)}] {rater.name}:"
        try:
            result = rater.judge(
                asked.actions, asked.wording, preferred=asked.preferred, more=asked.more
            )
        except AlignmentError as refusal:
            refusals[rater.name] = refusal
            say(f"{head} not done. {refusal}")
            continue
        results[rater.name] = result
        say(f"{head} {result.description}")
    return results, refusals
