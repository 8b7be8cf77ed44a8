"""What a model's answers owe to how it was asked: paraphrase, order, reversal, repeat.

For each factor only those answers are compared that concern the same item and agree in
every other factor, so an unanswered question costs its own comparisons and moves no
other. Repeats of one and the same question say what the rest is to be held against: a
model that is drawn at a temperature differs from itself.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from math import nan

import numpy as np

from alignment.raters.base import Factor, Reply, Task, Variation

FACTORS: tuple[Factor, ...] = ("paraphrase", "order", "reversal", "repeat")


def variation(replies: Sequence[Reply]) -> tuple[Variation, ...]:
    """One row per task, dimension and factor that took more than one level."""
    groups: dict[tuple[Task, str], list[Reply]] = defaultdict(list)
    for reply in replies:
        groups[reply.task, reply.dimension].append(reply)
    return tuple(
        row
        for (task, dimension), asked in groups.items()
        for factor in FACTORS
        if (row := _row(task, dimension, factor, asked)) is not None
    )


def item_of(reply: Reply) -> Hashable:
    """What was asked about, whatever the order in which it stood."""
    return frozenset((reply.first, reply.second, reply.third))


def _row(
    task: Task, dimension: str, factor: Factor, asked: Sequence[Reply]
) -> Variation | None:
    level = _LEVELS[factor]
    if len({level(reply) for reply in asked}) < 2:
        return None
    used = [reply for reply in asked if reply.outcome == "used"]
    cells: dict[Hashable, dict[int, Reply]] = defaultdict(dict)
    for reply in used:
        others = tuple(_LEVELS[f](reply) for f in FACTORS if f != factor)
        cells[item_of(reply), others][level(reply)] = reply
    compared = [cell for cell in cells.values() if len(cell) > 1]
    if task == "triplet":
        apart = [_share_apart([r.odd for r in cell.values()]) for cell in compared]
        return Variation(task, dimension, factor, _mean(apart), nan, nan, len(apart))
    spread = [
        float(np.var([r.score for r in cell.values()], ddof=1)) for cell in compared
    ]
    # A shift is from the plain question, level 0, and only where that was answered.
    shifts = [
        float(np.mean([r.score for k, r in cell.items() if k]) - cell[0].score)
        for cell in compared
        if 0 in cell
    ]
    return Variation(
        task,
        dimension,
        factor,
        _mean(spread),
        _mean(shifts),
        _between_items(used),
        len(spread),
    )


def _between_items(used: Sequence[Reply]) -> float:
    scores: dict[Hashable, list[float]] = defaultdict(list)
    for reply in used:
        scores[item_of(reply)].append(reply.score)
    means = [float(np.mean(each)) for each in scores.values()]
    return float(np.var(means, ddof=1)) if len(means) > 1 else nan


def _share_apart(chosen: Sequence[str]) -> float:
    n = len(chosen)
    pairs = [(i, j) for i in range(n) for j in range(i)]
    return sum(chosen[i] != chosen[j] for i, j in pairs) / len(pairs)


def _mean(numbers: Sequence[float]) -> float:
    return float(np.mean(numbers)) if numbers else nan


_LEVELS: dict[Factor, Callable[[Reply], int]] = {
    "paraphrase": lambda reply: reply.paraphrase,
    "order": lambda reply: reply.order,
    "reversal": lambda reply: int(reply.reversed),
    "repeat": lambda reply: reply.repeat,
}
