"""The two pictures of the quality pages, as places for a template to draw.

Coordinates only: the template writes the SVG, and the policy of the pages forbids
styles in it. What a picture shows stands in a table beside it as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from collection.attention.evidence import Judged

WIDTH, HEIGHT = 640, 160
LEFT, BOTTOM, TOP = 40, 130, 12


@dataclass(frozen=True)
class Bar:
    """One bin of scores: where it stands, how many, and whether they are flagged."""

    x: float
    y: float
    width: float
    height: float
    n: int
    flagged: bool
    label: str


@dataclass(frozen=True)
class Histogram:
    """Scores of all sessions in bins one wide. limit: x of the operating point."""

    bars: tuple[Bar, ...]
    ticks: tuple[tuple[float, str], ...]
    limit: float
    most: int


def histogram(scores: Sequence[float], flag_at: float) -> Histogram:
    """How many sessions have which score; bins start at the operating point."""
    bins: dict[int, int] = {}
    for score in scores:
        at = floor(score - flag_at)
        bins[at] = bins.get(at, 0) + 1
    first, last = min([*bins, -2]), max([*bins, 1])
    step = (WIDTH - LEFT) / (last - first + 1)
    most = max([*bins.values(), 1])
    bars = []
    for at, n in sorted(bins.items()):
        height = (BOTTOM - TOP) * n / most
        low = at + flag_at
        bars.append(
            Bar(
                x=round(LEFT + (at - first) * step + 1, 1),
                y=round(BOTTOM - height, 1),
                width=round(max(1.0, step - 2), 1),
                height=round(height, 1),
                n=n,
                flagged=at >= 0,
                label=f"{n} with a score from {low:g} to {low + 1:g}",
            )
        )
    every = max(1, ceil((last - first + 1) / 10))
    ticks = tuple(
        (round(LEFT + (at - first) * step, 1), f"{at + flag_at:g}".replace("-", "−"))
        for at in range(first, last + 2)
        if at % every == 0
    )
    return Histogram(tuple(bars), ticks, round(LEFT - first * step, 1), most)


@dataclass(frozen=True)
class Dots:
    """One session over its answers: where each stood, or how long it took."""

    caption: str
    dots: tuple[tuple[float, float, bool], ...]
    lines: tuple[tuple[float, str], ...]


def answer_dots(answers: Sequence[Judged]) -> tuple[Dots, ...]:
    """Places and response times in the order of the session; repeats are marked."""
    n = max(1, len(answers))
    x = [LEFT + (WIDTH - LEFT - 8) * (i + 0.5) / n for i in range(len(answers))]
    places = []
    times = []
    for at, answer in zip(x, answers, strict=True):
        if answer.place is not None and answer.kind != "triplet":
            y = BOTTOM - (BOTTOM - TOP) * answer.place / 100
            places.append((round(at, 1), round(y, 1), answer.repeat))
        if answer.rt_ms:
            share = (log10(min(60_000, max(300, answer.rt_ms))) - 2.477) / 2.301
            y = BOTTOM - (BOTTOM - TOP) * share
            times.append((round(at, 1), round(y, 1), answer.repeat))
    found = []
    if places:
        lines = tuple(
            (round(BOTTOM - (BOTTOM - TOP) * place / 100, 1), f"{place}")
            for place in (0, 50, 100)
        )
        found.append(Dots("Where each answer stood, 0 to 100", tuple(places), lines))
    if times:
        lines = tuple(
            (
                round(BOTTOM - (BOTTOM - TOP) * (log10(s * 1000) - 2.477) / 2.301, 1),
                f"{s:g} s",
            )
            for s in (0.3, 2, 10, 60)
        )
        found.append(Dots("How long each answer took", tuple(times), lines))
    return tuple(found)
