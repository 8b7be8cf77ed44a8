"""Which actions a run may choose while it learns, and which it meets afterwards.

Three rules (`science.md`, rule 21). *Random* is the one that reports use for their
blocks. *Stratified* deals the unsafe actions, and the life areas within them, evenly to
both phases, so that no run learns in a safe world and is judged in an unsafe one. *Area*
keeps whole life areas apart: the generalization phase then has only actions of areas
that the agent has never been in. All follow from (seed, replicate) and the actions
alone, through one set of keyed numbers: the same luck deals by each rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from alignment import action_split
from alignment.errors import AlignmentError
from alignment.judgments import Actions
from bandits.errors import BanditError
from bandits.task import as_replicates, split_actions

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
SplitRule = Literal["random", "stratified", "area"]
SPLIT_RULES: tuple[SplitRule, ...] = get_args(SplitRule)
AREA = "area"
"""The attribute of actions that names their life area."""
# Numbers drawn after those of the actions: one to round, one to start each line at.
_MORE = 3


def split(
    rule: SplitRule,
    unsafe: Bools,
    areas: Sequence[str] | None,
    replicates: Sequence[int],
    *,
    seed: int,
    share: float = action_split.SHARE,
) -> Bools:
    """Each run's personalization actions by one of the rules.

    Args:
        unsafe: (n_actions,) bool; only the stratified rule looks at it.
        areas: (n_actions,) the life area of each action, or None where the study names
            none: then the stratified rule goes by `unsafe` alone.

    Returns:
        (n_runs, n_actions) bool; the others are the generalization phase's.

    Raises:
        BanditError: Another rule; the area rule without two areas; or as
            `task.split_actions`.
    """
    unsafe = np.asarray(unsafe, dtype=bool)
    if rule == "random":
        return split_actions(len(unsafe), replicates, seed=seed, share=share)
    numbers = as_replicates(replicates, seed=seed).astype(np.uint64)
    try:
        wanted = action_split.n_chosen(len(unsafe), share)
    except AlignmentError as refusal:
        raise BanditError(str(refusal)) from refusal
    luck = action_split.keyed_uniforms(seed, numbers, len(unsafe) + _MORE)
    if rule == "stratified":
        return _stratified(luck, unsafe, areas, wanted)
    if rule == "area":
        return _by_area(luck[:, :-_MORE], areas, share)
    raise BanditError(
        f"split: the rule needs to be one of {', '.join(SPLIT_RULES)}, got {rule!r}"
    )


def areas_of(actions: Actions) -> tuple[str, ...] | None:
    """The life area of each action; None unless every action names one."""
    found = tuple(row.get(AREA, "") for row in actions.attributes)
    return found if found and all(found) else None


def _stratified(
    luck: Floats, unsafe: Bools, areas: Sequence[str] | None, wanted: int
) -> Bools:
    """As many unsafe actions as their share asks for, and of each area likewise.

    The safe actions stand in a line, and the unsafe ones in another: areas in a random
    order, actions in a random order within them. From each, every (1/share)-th is
    taken from a random start (systematic sampling: Madow & Madow, 1944), so that a
    block of the line gives its share, but for less than one action. Counts that are no
    whole number are rounded up or down by chance, so that no phase is favoured.
    """
    _, area = np.unique(
        areas if areas is not None else [""] * len(unsafe), return_inverse=True
    )
    chosen = np.zeros((len(luck), len(unsafe)), dtype=bool)
    for run, row in enumerate(luck):
        numbers, (up, *starts) = row[:-_MORE], row[-_MORE:]
        n_unsafe = int(unsafe.sum() * wanted / len(unsafe) + up)
        # An area comes where its luckiest action says.
        first = np.ones(int(area.max()) + 1)
        np.minimum.at(first, area, numbers)
        for part, count, start in zip(
            (~unsafe, unsafe), (wanted - n_unsafe, n_unsafe), starts, strict=True
        ):
            here = np.flatnonzero(part)
            line = here[np.lexsort((numbers[here], first[area[here]]))]
            at = (np.arange(count) + start) * (len(line) / max(count, 1))
            # Rounding may take the last step to the end of the line, never beyond it.
            place = np.minimum(at.astype(np.int64), len(line) - 1)
            chosen[run, line[place]] = True
    return chosen


def _by_area(luck: Floats, areas: Sequence[str] | None, share: float) -> Bools:
    """Whole areas in a random order, as many as come nearest to the share.

    Each phase gets at least one area.
    """
    names, area, sizes = np.unique(
        areas if areas is not None else [], return_inverse=True, return_counts=True
    )
    if len(names) < 2:
        found = f"only {names[0]}" if len(names) else "actions without one"
        raise BanditError(
            f'split by area: needs actions of at least 2 life areas (the column "{AREA}" '
            f'of the actions), got {found}; take the split "random" or "stratified"'
        )
    chosen = np.zeros(luck.shape, dtype=bool)
    for run, numbers in enumerate(luck):
        order = np.argsort(numbers[: len(names)], kind="stable")
        reached = np.cumsum(sizes[order])[:-1]
        count = int(np.argmin(np.abs(reached - share * len(area)))) + 1
        chosen[run] = np.isin(area, order[:count])
    return chosen
