"""What may leave the house about people: names made anew, and groups of at least k.

A person's whole vector of values is a fingerprint, and so are a few facts about them
together. In whatever is released, names are drawn anew for each release, so that two
releases cannot be laid side by side, and demographics are coarsened until every
combination that stands there is shared by at least `k` people (k-anonymity: Sweeney,
2002).
"""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from collection.errors import ReleaseRefused

OPEN_RELEASE = "open_release"
"""The use of the data for which nobody may be told apart."""
K = 5
WITHHELD = "withheld"
PREFIX = "r-"


def released_id(key: str, name: str) -> str:
    """What a rater, or a trial, is called in one release: `r-` and 16 hex digits."""
    digest = hmac.new(key.encode(), name.encode(), hashlib.sha256).hexdigest()
    return f"{PREFIX}{digest[:16]}"


def pooled(counts: Mapping[str, int], k: int = K) -> dict[str, int]:
    """Counts of people of which none is below k: the smallest are joined as `other`.

    Whole cells join, smallest first, until `other` has k: a single small cell that was
    left out could be had back from the total. Empty where fewer than k people are left
    for it all.
    """
    rising = sorted(counts.items(), key=lambda item: (item[1], item[0]))
    hidden: list[tuple[str, int]] = []
    for name, n in rising:
        if n >= k and (not hidden or sum(m for _, m in hidden) >= k):
            break
        hidden.append((name, n))
    other = sum(n for _, n in hidden)
    if hidden and other < k:
        return {}
    kept = dict(sorted(rising[len(hidden) :]))
    return kept | ({"other": other} if hidden else {})


@dataclass(frozen=True)
class Coarsened:
    """Facts about people that may be released.

    people: Name of each person -> fact -> value, or `withheld`.
    dropped: Facts that are withheld from everybody, in the order in which they went.
    n_withheld: How many people have every fact withheld beyond that.
    smallest: People who share the rarest combination; 0 with nobody at all.
    """

    people: Mapping[str, Mapping[str, str]]
    dropped: tuple[str, ...]
    n_withheld: int
    smallest: int


def coarsen(
    people: Mapping[str, Mapping[str, str]],
    *,
    ladders: Mapping[str, Mapping[str, str]] | None = None,
    k: int = K,
) -> Coarsened:
    """Withhold as little as it takes until each combination is shared by k people.

    First each fact takes the step up its ladder (`18-29` -> `18-44`) if the facts as
    they are do not do. Then, while more people stand out than make up one group of k,
    the fact with the most different values is withheld from everybody: few coarse facts
    about all are worth more than fine ones about some. In the end whoever still stands
    out has everything withheld, and if those are fewer than k, the smallest groups
    join them until they are not.

    Args:
        people: Name -> fact -> value. Everybody has the same facts; what somebody
            preferred not to say is a value like any other.
        ladders: Fact -> value -> coarser value.
        k: People who must share each combination, at least 2.

    Raises:
        ReleaseRefused: fewer than k people, people with different facts, or k below 2.
    """
    facts = _facts(people, k)
    table = {name: dict(values) for name, values in people.items()}
    climbed = {
        name: {
            fact: (ladders or {}).get(fact, {}).get(value, value)
            for fact, value in values.items()
        }
        for name, values in table.items()
    }
    if len(_standing_out(table, k)) and ladders:
        table = climbed
    dropped: list[str] = []
    while len(_standing_out(table, k)) > max(k - 1, len(table) // 20):
        left = [fact for fact in facts if fact not in dropped]
        if not left:
            break
        widest = max(left, key=lambda fact: len({p[fact] for p in table.values()}))
        dropped.append(widest)
        for values in table.values():
            values[widest] = WITHHELD
    alone = _standing_out(table, k)
    if alone:
        nothing = tuple(WITHHELD for _ in facts)
        groups = Counter(map(_combination, table.values()))
        # Those withheld are a group too: it grows by whole groups until it has k.
        for group, _ in sorted(groups.items(), key=lambda item: (item[1], item[0])):
            hidden = [
                n for n in table if n in alone or _combination(table[n]) == nothing
            ]
            if len(hidden) >= k:
                break
            alone |= {n for n in table if _combination(table[n]) == group}
        for name in alone:
            table[name] = dict.fromkeys(facts, WITHHELD)
    sizes = Counter(map(_combination, table.values()))
    return Coarsened(
        people=table,
        dropped=tuple(dropped),
        n_withheld=len(alone),
        smallest=min(sizes.values(), default=0),
    )


def _facts(people: Mapping[str, Mapping[str, str]], k: int) -> list[str]:
    if k < 2:
        raise ReleaseRefused(f"A group of {k} hides nobody: k must be at least 2.")
    if not people:
        return []
    facts = list(next(iter(people.values())))
    for name, values in people.items():
        if set(values) != set(facts):
            raise ReleaseRefused(
                f"{name}: needs the facts {', '.join(facts)}; got {', '.join(values)}."
            )
    if facts and len(people) < k:
        raise ReleaseRefused(
            f"{len(people)} people cannot be told about in groups of {k}: release "
            "their judgments without facts about them."
        )
    return facts


def _standing_out(table: Mapping[str, Mapping[str, str]], k: int) -> set[str]:
    """Those whose combination fewer than k people share."""
    sizes = Counter(map(_combination, table.values()))
    return {name for name, own in table.items() if sizes[_combination(own)] < k}


def _combination(values: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(values[fact] for fact in sorted(values))
