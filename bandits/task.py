"""ValueTask: what actions are worth, which are unsafe, and which phase has which."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alignment import action_split
from alignment.errors import AlignmentError
from bandits.errors import BanditError
from bandits.rewards import Rewards

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
_Scalar = TypeVar("_Scalar", bound=np.generic)


@dataclass(frozen=True, eq=False)
class ValueTask:
    """One value dimension as a bandit problem, for a number of runs.

    Attributes:
        values: (n_actions,) the mean reward of each action, 0-100 by convention.
        threshold: An action is unsafe when its value lies below it, strictly.
        harm: Whether low values on this dimension are harm. Elsewhere the word is
            low-value, and the metrics are named so.
        personalization: (n_runs, n_actions) bool, what each run may choose in its
            personalization phase. The other actions are its generalization phase's.
            `split_actions` draws it.
        moral_unsafe: (n_actions,) bool, the actions unsafe on another dimension
            (morality), for counting cross-value harm; None not to count it.
        harm_values: (n_actions,) what each action is worth to those who decide what is
            harm, where they are others than those whose values are rewarded; None
            where they are the same.
        disputed: (n_actions,) bool, the actions of which it cannot be said on which
            side of the threshold they lie. They are then not counted as unsafe; None
            counts every action on the side where it was found.
        rewards: What a pull pays; None for the value plus Gaussian noise of
            `Settings.reward_sd`.

    Raises:
        BanditError: A value that is not finite, an array of the wrong shape, or a run
            that has no action in one of its phases.
    """

    values: Floats
    threshold: float
    harm: bool
    personalization: Bools
    moral_unsafe: Bools | None = None
    harm_values: Floats | None = None
    disputed: Bools | None = None
    rewards: Rewards | None = None

    def __post_init__(self) -> None:
        values = _frozen(self.values, np.float64)
        if values.ndim != 1 or len(values) < 2:
            raise BanditError(
                "values of the task: need shape (n_actions,) with at least 2 actions, "
                f"got {values.shape}"
            )
        if bad := int((~np.isfinite(values)).sum()):
            raise BanditError(
                "values of the task: need a finite value for every action, got "
                f"{bad:,} of {len(values):,} without one; leave those actions out"
            )
        if not math.isfinite(self.threshold):
            raise BanditError(
                "threshold of the task: needs to be a finite number, "
                f"got {self.threshold!r}"
            )
        mask = _frozen(self.personalization, np.bool_)
        if mask.ndim != 2 or mask.shape[1] != len(values) or len(mask) == 0:
            raise BanditError(
                "personalization of the task: needs shape (n_runs, "
                f"{len(values)}) for {len(values)} actions, got {mask.shape}"
            )
        for phase, allowed in (("personalization", mask), ("generalization", ~mask)):
            if empty := int((~allowed.any(1)).sum()):
                raise BanditError(
                    f"{phase} of the task: every run needs at least one action to "
                    f"choose from, got {empty:,} of {len(mask):,} runs with none"
                )
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "personalization", mask)
        if self.moral_unsafe is not None:
            moral = _frozen(self.moral_unsafe, np.bool_)
            if moral.shape != values.shape:
                raise BanditError(
                    f"moral_unsafe of the task: needs shape ({len(values)},) for "
                    f"{len(values)} actions, got {moral.shape}"
                )
            object.__setattr__(self, "moral_unsafe", moral)
        if self.harm_values is not None:
            judged = _frozen(self.harm_values, np.float64)
            if judged.shape != values.shape or not np.isfinite(judged).all():
                raise BanditError(
                    f"harm_values of the task: need {len(values)} finite numbers for "
                    f"{len(values)} actions, got {int(np.isfinite(judged).sum())} in "
                    f"shape {judged.shape}"
                )
            object.__setattr__(self, "harm_values", judged)
        if self.disputed is not None:
            disputed = _frozen(self.disputed, np.bool_)
            if disputed.shape != values.shape:
                raise BanditError(
                    f"disputed of the task: needs shape ({len(values)},) for "
                    f"{len(values)} actions, got {disputed.shape}"
                )
            object.__setattr__(self, "disputed", disputed)
        if self.rewards is not None and len(self.rewards.counts) != len(values):
            raise BanditError(
                f"rewards of the task: need a row for each of {len(values)} actions, "
                f"got {len(self.rewards.counts)}"
            )

    @property
    def n_actions(self) -> int:
        """How many actions there are."""
        return len(self.values)

    @property
    def n_runs(self) -> int:
        """How many runs the personalization mask is for."""
        return len(self.personalization)

    @property
    def generalization(self) -> Bools:
        """(n_runs, n_actions) bool, the actions no personalization phase saw."""
        return ~self.personalization

    @property
    def judged_values(self) -> Floats:
        """(n_actions,) the values that harm is counted by.

        Those of `harm_values`, or the task's own; a disputed action below the threshold
        is lifted to it, so that it is not unsafe and no depth is counted.
        """
        judged = self.values if self.harm_values is None else self.harm_values
        if self.disputed is None:
            return judged
        return np.where(self.disputed, np.maximum(judged, self.threshold), judged)

    @property
    def unsafe(self) -> Bools:
        """(n_actions,) bool, strictly below the threshold: by value, not by reward."""
        return self.judged_values < self.threshold

    @property
    def unsafe_share(self) -> float:
        """Share of the actions that are unsafe: it stands beside every harm figure."""
        return float(self.unsafe.mean())

    @property
    def low_word(self) -> str:
        """What an action below the threshold is called here: unsafe or low-value."""
        return "unsafe" if self.harm else "low-value"

    @property
    def harm_reason(self) -> str:
        """Why harm measures are undefined (NaN), or an empty string.

        Where every action is unsafe, or none is, no agent can do more or less harm
        than another.
        """
        return _degenerate(self.unsafe, self.low_word)

    @property
    def moral_harm_reason(self) -> str:
        """The same for cross-value harm; empty too where it is not counted."""
        if self.moral_unsafe is None:
            return ""
        return _degenerate(self.moral_unsafe, "morally unsafe")


def split_actions(
    n_actions: int, replicates: Sequence[int], *, seed: int, share: float = 0.5
) -> Bools:
    """Each run's personalization actions, drawn by (seed, replicate) alone.

    Every run gets the same number of them, `share` of the actions rounded, at least one
    and at most all but one. The rule is `alignment.action_split`'s: a report measures
    alignment on the same blocks.

    Returns:
        (n_runs, n_actions) bool, for `ValueTask.personalization`.

    Raises:
        BanditError: Fewer than 2 actions, a share outside (0, 1), or a seed or
            replicate that is no 32-bit number.
    """
    numbers = as_replicates(replicates, seed=seed)
    try:
        return action_split.split_actions(n_actions, numbers, seed=seed, share=share)
    except AlignmentError as refusal:
        raise BanditError(str(refusal)) from refusal


def as_replicates(replicates: Sequence[int], *, seed: int) -> NDArray[np.int64]:
    """Replicate numbers as an array, with the seed checked too.

    Returns:
        (n_runs,) int64.

    Raises:
        BanditError: No replicate, or a number that is not in 0 .. 2**32 - 1.
    """
    numbers = np.asarray(replicates)
    if numbers.ndim != 1 or len(numbers) == 0 or numbers.dtype.kind not in "iu":
        raise BanditError(
            "replicates: need a list of at least one whole number, got "
            f"shape {numbers.shape} of {numbers.dtype}"
        )
    for name, low, high in (
        ("replicates", int(numbers.min()), int(numbers.max())),
        ("seed", seed, seed),
    ):
        if not (low >= 0 and high < 2**32):
            raise BanditError(
                f"{name}: must lie in 0 .. 2**32 - 1, got {low if low < 0 else high}"
            )
    return numbers.astype(np.int64)


def _frozen(found: ArrayLike, dtype: type[_Scalar]) -> NDArray[_Scalar]:
    """A read-only copy, so that no caller can change a task afterwards."""
    array = np.array(found, dtype=dtype)
    array.flags.writeable = False
    return array


def _degenerate(below: Bools, word: str) -> str:
    if below.all():
        return f"all actions {word}: harm measures undefined"
    if not below.any():
        return f"no action {word}: harm measures undefined"
    return ""
