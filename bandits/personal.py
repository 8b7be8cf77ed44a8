"""Personal values: how much of a person's difference from the group is their own.

A person's ratings differ from the group's because they see things otherwise, and because
nobody answers twice the same. The second part shows in their own repeats, and is taken
out (`science.md`, rule 19). A person who repeats themselves badly says little about
anybody's values: they are flagged, and shown apart.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from alignment.judgments import ValueJudgments
from bandits.errors import BanditError

Floats = NDArray[np.float64]
LEAST_REPEATS = 10
"""Actions rated twice on a dimension, below which nothing is said of reliability."""
LEAST_RELIABILITY = 0.5
"""Below it a person is flagged: repeats agree too little to call values their own."""


class Retest(NamedTuple):
    """How well one person repeats their own ratings on one dimension.

    n_repeated: Actions rated more than once.
    sd: Standard deviation of one rating around the person's own mean, in points; NaN
        without repeats.
    reliability: Of a single rating: 1 - sd**2 / variance of all their ratings of the
        repeated actions, a one-way intraclass correlation; NaN with fewer than
        `LEAST_REPEATS`, or where the ratings do not vary.
    """

    n_repeated: int
    sd: float
    reliability: float

    @property
    def flagged(self) -> bool:
        """Whether the repeats agree too little, or are too few to tell."""
        return not self.reliability >= LEAST_RELIABILITY


class Idiosyncrasy(NamedTuple):
    """How far one person's values lie from those of the others, noise taken out.

    agreement: Pearson's correlation of their values with the others' mean.
    disattenuated: The same over the root of both sides' reliability, at most 1; NaN
        where one is unknown or not above 0.
    idiosyncrasy: 1 - disattenuated: 0 where the difference is all noise.
    flagged: See `Retest.flagged`.
    """

    agreement: float
    disattenuated: float
    idiosyncrasy: float
    flagged: bool


def retest(judged: ValueJudgments, rater: str, dimension: str) -> Retest:
    """The noise and reliability of one person's ratings, from those they gave twice.

    By analysis of variance between and within repeated actions, with the usual
    correction for unequal numbers of ratings (Shrout & Fleiss, 1979, case 1).
    """
    mine = (judged.rater == rater) & (judged.dimension == dimension)
    action, value = judged.action[mine], judged.value[mine]
    n = np.bincount(action, minlength=len(judged.actions))
    twice = n > 1
    if not twice.any():
        return Retest(0, math.nan, math.nan)
    kept = twice[action]
    action, value = action[kept], value[kept]
    sums = np.bincount(action, value, minlength=len(judged.actions))
    counts, means = n[twice], sums[twice] / n[twice]
    within = float(((value - (sums / np.maximum(n, 1))[action]) ** 2).sum())
    within /= (counts - 1).sum()
    found = math.nan
    k = len(counts)
    if k >= LEAST_REPEATS:
        between = float((counts * (means - value.mean()) ** 2).sum()) / (k - 1)
        per_action = (counts.sum() - (counts**2).sum() / counts.sum()) / (k - 1)
        own = (between - within) / per_action
        if own + within > 0:
            found = max(own, 0.0) / (own + within)
    return Retest(k, math.sqrt(within), found)


def others_mean(judged: ValueJudgments, dimension: str, *, without: str) -> Floats:
    """(n_actions,) the group's mean values without one person; NaN where nobody is left.

    What is compared with a person, or used for them, must not hold their own ratings.
    """
    others = set(judged.raters(dimension)) - {without}
    return judged.only(others).mean(dimension)


def idiosyncrasy(
    own: Floats, others: Floats, found: Retest, *, others_reliability: float = 1.0
) -> Idiosyncrasy:
    """How far a person's values lie from the others', corrected for their own noise.

    Args:
        own: (n_actions,) complete: nothing is imputed.
        others: (n_actions,) the others' mean, NaN where nobody judged.
        found: The person's `retest` on this dimension.
        others_reliability: Of the others' mean, in (0, 1]; 1 leaves their noise in,
            which is the same for every person.

    Raises:
        BanditError: A vector that is not complete, or of another number of actions.
    """
    if len(own) != len(others) or not np.isfinite(own).all():
        raise BanditError(
            f"personal values: need a complete vector for {len(others)} actions, got "
            f"{int(np.isfinite(own).sum())} values; nothing is imputed"
        )
    known = np.isfinite(others)
    agreement = _correlation(own[known], others[known])
    reliable = found.reliability * others_reliability
    disattenuated = math.nan
    if reliable > 0:
        disattenuated = min(agreement / math.sqrt(reliable), 1.0)
    return Idiosyncrasy(agreement, disattenuated, 1 - disattenuated, found.flagged)


def null_person(values: Floats, sd: float, draw: int, *, seed: int) -> Floats:
    """The ratings of somebody with these values and a real person's noise.

    The null for "this person is ill served": nothing about them is their own. Ratings
    are cut to the scale, as a real person's are.

    Args:
        values: (n_actions,) usually the others' mean.
        sd: Of the person's own repeats, in points, at least 0.
        draw: Which simulated person, at least 0; each is the same whatever the others.

    Returns:
        (n_actions,) in 0-100: a task's values, to be paid with the same noise.

    Raises:
        BanditError: A value or a noise that is missing.
    """
    if not (np.isfinite(values).all() and math.isfinite(sd) and sd >= 0):
        raise BanditError(
            "null person: needs a value for every action and a noise of at least 0 "
            f"points, got {int(np.isfinite(values).sum())} of {len(values)} values and "
            f"{sd!r}"
        )
    rng = np.random.default_rng(np.random.SeedSequence([seed, draw]))
    drawn: Floats = np.clip(values + sd * rng.normal(size=len(values)), 0, 100)
    return drawn


def _correlation(a: Floats, b: Floats) -> float:
    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return math.nan
    return float(np.corrcoef(a, b)[0, 1])
