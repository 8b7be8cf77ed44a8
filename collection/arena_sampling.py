"""Which actions an arena shows: each next one lifts the weakest evidence.

After Kriegeskorte & Mur (2012, "Inverse MDS", the adaptive design). A pair's evidence is
the sum of its squared distances on screen over the arenas that held it: how well a pair
was measured grows with how far apart it could be put, since the error of placing does
not shrink with the distance. An arena begins with the pair about which this person has
said least, and grows by the action that adds most utility, 1 - exp(-10 evidence), given
the distances that are to be expected in it: those that the person has shown so far,
spread over the whole arena where all of them are known.

What departs from the paper, and why:

* An arena holds at most so many actions as the definition says, the first one too: fifty
  sentences do not fit a phone. The first arena is therefore broad in another way: it
  takes the pairs that everybody together has judged least.
* What others have judged counts besides: each further arena of a pair, over all people,
  halves what it adds. So pairs fill evenly although nobody meets them all.
* The size is fixed, so that minutes can be planned; the paper's cost of a trial drops
  out of the comparison.
* Each later arena shares at least three actions with an earlier one of the same person.
  Arenas that share no pair could not be brought to one scale afterwards.

Standard library only: the web process draws arenas. One draw looks at every pair once
and then costs O(size^2 n_actions): about 10 ms for 50 actions, 40 ms for 200.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import combinations
from math import dist, exp
from random import Random
from typing import Final

Pair = tuple[int, int]
"""Row numbers of two different actions, the smaller first."""
Places = Mapping[int, tuple[float, float]]
"""Where a person put each action of an arena; the arena's diameter is 1."""

UTILITY: Final = 10.0
USUAL: Final = 0.45
"""Distance of two actions that nothing is known about: the mean over a round arena."""
LINKS: Final = 3
"""Actions that a later arena shares with an earlier one."""
OTHERS: Final = 0.5
"""What a pair still adds for each arena of anybody's that held it."""


def choose_actions(
    n_actions: int,
    size: int,
    *,
    arenas: Sequence[Places],
    load: Mapping[Pair, int],
    avoid: Collection[int] = (),
    begun: Collection[Pair] = (),
    rng: Random,
) -> list[int]:
    """Row numbers of the next arena's actions; the first two are the pair it is for.

    Args:
        n_actions: How many actions the study has.
        size: How many an arena shows.
        arenas: The arenas that this person has laid out.
        load: Pair -> arenas of anybody's that hold it, answered or being laid out;
            a pair that is not there stands at 0.
        avoid: Actions that this person does not understand: left out, as long as
            three others remain.
        begun: Pairs for whose sake this person's earlier arenas were begun.
        rng: Breaks ties.
    """
    offered = [action for action in range(n_actions) if action not in avoid]
    if len(offered) < 3:
        offered = list(range(n_actions))
    size = min(size, len(offered))
    known = _Known(arenas)
    least = min((load.get(p, 0) for p in combinations(offered, 2)), default=0)

    def rareness(pair: Pair) -> float:
        return OTHERS ** (load.get(pair, 0) - least)

    chosen = list(_weakest(offered, known, load, begun, rng))
    while len(chosen) < size:
        rest = [action for action in offered if action not in chosen]
        wanted = _links(chosen, rest, size, arenas) or rest
        rng.shuffle(wanted)
        widest = known.widest(chosen)
        chosen.append(
            max(
                wanted,
                key=lambda action: sum(
                    known.gain(_pair(action, other), widest)
                    * rareness(_pair(action, other))
                    for other in chosen
                ),
            )
        )
    return chosen


class _Known:
    """What a person's arenas say of each pair: evidence, and mean distance on screen."""

    def __init__(self, arenas: Iterable[Places]) -> None:
        shown: dict[Pair, list[float]] = {}
        for places in arenas:
            for a, b in combinations(sorted(places), 2):
                shown.setdefault((a, b), []).append(dist(places[a], places[b]))
        self.evidence = {p: sum(d * d for d in ds) for p, ds in shown.items()}
        self.distance = {p: sum(ds) / len(ds) for p, ds in shown.items()}

    def widest(self, actions: Sequence[int]) -> float | None:
        """The largest distance among these actions; None unless all are known."""
        found = [self.distance.get(p) for p in combinations(sorted(actions), 2)]
        known = [distance for distance in found if distance is not None]
        return max(known) if known and len(known) == len(found) else None

    def gain(self, pair: Pair, widest: float | None) -> float:
        """Utility added by one more arena in which `widest` fills the whole diameter."""
        before = self.evidence.get(pair, 0.0)
        distance = self.distance.get(pair, USUAL)
        if widest:
            distance = min(1.0, distance / widest)
        return exp(-UTILITY * before) - exp(-UTILITY * (before + distance**2))


def _weakest(
    offered: Sequence[int],
    known: _Known,
    load: Mapping[Pair, int],
    begun: Collection[Pair],
    rng: Random,
) -> Pair:
    """The pair with the least of this person's evidence, then of everybody's arenas."""

    def order(pair: Pair) -> tuple[bool, float, int, float]:
        seen = known.evidence.get(pair, 0.0)
        return pair in begun, seen, load.get(pair, 0), rng.random()

    return min(combinations(offered, 2), key=order)


def _links(
    chosen: Sequence[int], rest: Sequence[int], size: int, arenas: Sequence[Places]
) -> list[int]:
    """The actions to take from now on so that an earlier arena shares `LINKS`; or none.

    The earlier arena that shares most so far is the one to link to.
    """
    if not arenas:
        return []
    shared = [sum(action in places for action in chosen) for places in arenas]
    most = max(shared)
    if size - len(chosen) > LINKS - most:
        return []
    nearest = arenas[len(arenas) - 1 - shared[::-1].index(most)]
    return [action for action in rest if action in nearest] if most < LINKS else []


def _pair(a: int, b: int) -> Pair:
    return (a, b) if a < b else (b, a)
