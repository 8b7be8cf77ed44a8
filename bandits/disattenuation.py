"""What a correlation would be without the noise of what it was taken on.

Few or careless raters lower every kernel's alignment with their mean. Spearman's (1904)
correction divides by the root of both sides' reliability: the correlation with what
infinitely many such raters would say. A person's agreement with the group is corrected
by their own repeats in `bandits.personal`.

Decided where the formula breaks down:

- A reliability not above 0 says that nothing but noise was measured. There is nothing to
  divide by: NaN and a sentence, never a large number.
- A result beyond 1 is what a right formula gives by chance where the true correlation is
  high. `value` keeps it, because cutting before averaging would bias the mean; `shown`
  cuts it to [-1, 1], for print and figures, beside a sentence.
- Below `LEAST_RELIABLE` the factor is above 1.4 and the reliability's own error rules
  the result: it is given with a warning, not withheld.
- Ratios are taken of means over splits, not averaged: one split with a reliability near
  0 would decide the average.

The correction presumes noise that is independent of the values and of the other side's.
A kernel is a computation, and has reliability 1. For rank correlations it is approximate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bandits.errors import BanditError

Array = NDArray[np.float64]

LEAST_RELIABLE = 0.5
NOT_RELIABLE = "reliability is not above 0: only noise was measured"
BEYOND = "beyond 1 in size, as chance can make it; shown cut to 1"
SHAKY = "reliability below 0.5: the correction rules the result"
UNKNOWN = "the correlation or a reliability is undefined"


@dataclass(frozen=True)
class Disattenuated:
    """A correlation corrected for unreliability.

    raw: As taken, in [-1, 1].
    value: Corrected, possibly beyond 1 in size; NaN where `note` says why.
    shown: The same cut to [-1, 1].
    low, high: 95 % of the draws' corrected values, not cut; NaN without draws.
    reliability: The product of both sides'.
    n_undefined: Draws without a reliability above 0; they are in no interval.
    """

    raw: float
    value: float
    shown: float
    low: float
    high: float
    reliability: float
    n_undefined: int
    note: str


def disattenuate(
    raw: float, reliability: float, other_reliability: float = 1.0
) -> Disattenuated:
    """Spearman's correction of one correlation.

    Args:
        raw: In [-1, 1], or NaN.
        reliability: Of one side, such as people's mean; at most 1, or NaN if unknown.
            Of the mean that `raw` was taken on, not of one half of its raters: see
            `alignment.reliability.stepped_up`.
        other_reliability: Of the other; 1 for a kernel.

    Raises:
        BanditError: A correlation outside -1 to 1, or a reliability above 1.
    """
    product = _checked(np.array([raw]), np.array([reliability, other_reliability]))
    value = float(_corrected(np.array([raw]), np.array([product]))[0])
    return _made(raw, value, product, math.nan, math.nan, 0)


def disattenuate_draws(
    raw: float,
    reliability: float,
    raw_draws: Array,
    reliability_draws: Array,
    *,
    other_reliability: float = 1.0,
) -> Disattenuated:
    """The same with a 95 % percentile interval.

    Args:
        raw_draws, reliability_draws: (n_draws,) of the same resamples of raters or
            actions, pair by pair: noise that lowers the one lowers the other.

    Raises:
        BanditError: As `disattenuate`, or draws that are not as many of each.
    """
    found = disattenuate(raw, reliability, other_reliability)
    x, r = (
        np.asarray(raw_draws, dtype=float),
        np.asarray(reliability_draws, dtype=float),
    )
    if x.ndim != 1 or x.shape != r.shape or not len(x):
        raise BanditError(
            "disattenuation: needs as many draws of the correlation as of the"
            f" reliability, of the same resamples, got shapes {x.shape} and {r.shape}"
        )
    _checked(x, r)
    values = _corrected(x, r * other_reliability)
    known = values[~np.isnan(values)]
    n_undefined = len(values) - len(known)
    low = high = math.nan
    # Where half of the resamples are pure noise, the rest are no picture of the error.
    if len(known) > n_undefined and not math.isnan(found.value):
        low, high = (float(bound) for bound in np.percentile(known, [2.5, 97.5]))
    return _made(raw, found.value, found.reliability, low, high, n_undefined)


def disattenuate_halves(alignments: Array, halves: Array) -> Disattenuated:
    """A kernel's alignment with people, from repeated split halves alone.

    Mean alignment with a half over the root of the halves' mean correlation, which is
    one half's reliability. The human kernel of one half, held against the other half,
    enters with `halves` on both sides and comes out at the root of their mean: its own
    noise stays in, as any kernel's does, and only that of the target is taken out.

    Args:
        alignments: (n_splits, 2) with either half. `raw` is their mean.
        halves: (n_splits,) correlation of the two halves with each other.

    Raises:
        BanditError: Shapes that do not fit, or numbers outside -1 to 1.
    """
    a, h = np.asarray(alignments, dtype=float), np.asarray(halves, dtype=float)
    if h.ndim != 1 or a.shape != (len(h), 2) or not len(h):
        raise BanditError(
            "disattenuation: needs two alignments for each split and one correlation of"
            f" its halves, got shapes {a.shape} and {h.shape}"
        )
    _checked(a.ravel(), h)
    return disattenuate(float(a.mean()), float(h.mean()))


def _checked(raw: Array, reliabilities: Array) -> float:
    """The reliabilities' product."""
    for name, numbers, low in (
        ("correlation", raw, -1.0),
        ("reliability", reliabilities, -math.inf),
    ):
        outside = (numbers < low - 1e-9) | (numbers > 1 + 1e-9)
        if outside.any():
            raise BanditError(
                f"disattenuation: a {name} must be at most 1"
                f"{' in size' if name == 'correlation' else ''}, got"
                f" {numbers[outside][0]:g}"
            )
    # Two negative ones would make a positive product.
    if (reliabilities <= 0).any():
        return float(np.min(reliabilities))
    return float(np.prod(reliabilities))


def _corrected(raw: Array, reliability: Array) -> Array:
    over = np.where(reliability > 0, reliability, math.nan)
    value: Array = raw / np.sqrt(over)
    return value


def _made(
    raw: float,
    value: float,
    reliability: float,
    low: float,
    high: float,
    undefined: int,
) -> Disattenuated:
    notes = []
    if reliability <= 0:
        notes = [NOT_RELIABLE]
    elif math.isnan(value):
        notes = [UNKNOWN]
    else:
        notes += [BEYOND] if abs(value) > 1 + 1e-9 else []
        notes += [SHAKY] if reliability < LEAST_RELIABLE else []
    shown = float(np.clip(value, -1, 1))
    return Disattenuated(
        raw, value, shown, low, high, reliability, undefined, "; ".join(notes)
    )
