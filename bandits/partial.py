"""Does alignment say more of an outcome than its rivals do? Partial correlations.

A kernel may do well because it fits the values themselves, follows the texts' length,
or has many dimensions, and be aligned with people besides. What is left of alignment
and of the outcome once least squares have taken the rivals out of both is correlated
(partial); what is left of alignment alone, with the whole outcome (semi-partial: the
share of the outcome's spread that only this predictor accounts for, signed and before
squaring). The reverse question, what a rival adds given alignment, is the same one with
the names exchanged.

The unit is the model (`bandits.effects`): layers and poolings of one are averaged. The
p permutes the rests of the outcome's fit on the controls (Freedman & Lane, 1983; the
best kept level of its kind in Winkler et al., 2014). It tries all orders up to
`EXACT_UP_TO` models, and is approximate even then: rests are only nearly exchangeable.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from bandits.effects import (
    EXACT_UP_TO,
    MIN_MODELS,
    SAME,
    TOO_FEW,
    cluster,
    every_order,
)
from bandits.errors import BanditError

Array = NDArray[np.float64]
Kind = Literal["spearman", "pearson"]

ROUNDING = 1e-9
"""A rest below this share of its own side's spread is rounding."""
EXPLAINED = "nothing is left of the outcome or the predictor beside the controls"
CROWDED = "as many controls as models leave nothing to correlate"


class Point(NamedTuple):
    """One model: its values, and what the controls leave of them (of ranks, if so)."""

    model: str
    predictor: float
    outcome: float
    predictor_rest: float
    outcome_rest: float


@dataclass(frozen=True)
class PartialAssociation:
    """What one predictor says of an outcome beside its controls, or why nothing.

    plain, partial, semi_partial: In [-1, 1]; NaN wherever `note` says why.
    low, high: 95 % percentile bootstrap over models of the partial correlation;
        `semi_low`, `semi_high` of the semi-partial one. Resamples of few distinct models
        fit themselves, which makes the intervals wide rather than short.
    p: Two-sided, of the partial correlation; below `MIN_MODELS` models too.
    smallest_p: The smallest p that these models could have given.
    all_orders: Whether every order was tried rather than random ones.
    points: Every model that entered; given always.
    """

    predictor: str
    controls: tuple[str, ...]
    plain: float
    partial: float
    low: float
    high: float
    semi_partial: float
    semi_low: float
    semi_high: float
    p: float
    smallest_p: float
    all_orders: bool
    n_models: int
    points: tuple[Point, ...]
    note: str


def partial_associations(
    models: Sequence[str],
    outcome: Sequence[float] | Array,
    predictors: Mapping[str, Sequence[float] | Array],
    *,
    seed: int,
    kind: Kind = "spearman",
    n_resamples: int = 2000,
    n_permutations: int = 9999,
) -> list[PartialAssociation]:
    """Every predictor given all the others, in their order.

    Args:
        models: (n_raters,) names; `model@variant` is a variant of `model`.
        outcome: (n_raters,).
        predictors: Name to (n_raters,), such as human alignment, kernel-value alignment,
            text-length alignment and effective rank. A model with a NaN anywhere enters
            none of the rows, so that all speak of the same models.
        kind: "spearman" ranks every column over the models first; "pearson" is linear.

    Raises:
        BanditError: Lengths that differ, infinities, no predictor, an unknown kind.
    """
    if kind not in ("spearman", "pearson"):
        raise BanditError(
            f"partial correlation: kind must be spearman or pearson, got {kind}"
        )
    names, y, columns = _independent(models, outcome, predictors)
    keys = list(predictors)
    return [
        _one(
            names, y, columns, keys, place, kind, seed, n_resamples, n_permutations
        )
        for place in range(len(keys))
    ]  # fmt: skip


def _independent(
    models: Sequence[str],
    outcome: Sequence[float] | Array,
    predictors: Mapping[str, Sequence[float] | Array],
) -> tuple[list[str], Array, Array]:
    """Names, outcome (n,) and columns (n, n_predictors) of models that have them all."""
    if not predictors:
        raise BanditError("partial correlation: needs at least one predictor")
    y = np.asarray(outcome, dtype=float)
    columns = [np.asarray(column, dtype=float) for column in predictors.values()]
    for name, column in zip(["the outcome", *predictors], [y, *columns], strict=True):
        if column.shape != (len(models),):
            raise BanditError(
                f"partial correlation: {name} needs one number for each of"
                f" {len(models)} raters, got shape {column.shape}"
            )
        if np.isinf(column).any():
            raise BanditError(
                f"partial correlation: {name} is infinite for"
                f" {models[int(np.isinf(column).argmax())]}; give NaN to leave it out"
            )
    names = list(dict.fromkeys(cluster(models, y, y)[0]))
    means = [cluster(models, column, y)[1] for column in (y, *columns)]
    table = np.array(means).reshape(len(means), len(names))
    known = np.flatnonzero(~np.isnan(table).any(axis=0))
    kept = [names[place] for place in known]
    return kept, table[0, known], table[1:, known].T


def _one(
    names: list[str],
    outcome: Array,
    columns: Array,
    keys: list[str],
    place: int,
    kind: Kind,
    seed: int,
    n_resamples: int,
    n_permutations: int,
) -> PartialAssociation:
    n, controls = len(names), tuple(key for key in keys if key != keys[place])
    table = np.column_stack(
        [outcome, columns[:, place], np.delete(columns, place, axis=1)]
    )
    ranked = ranks_of(table, kind)
    rest = without(ranked[:, 2:], ranked[:, :2]) if n else np.empty((0, 2))
    points = tuple(
        Point(name, float(row[1]), float(row[0]), float(left[1]), float(left[0]))
        for name, row, left in zip(names, table, rest, strict=True)
    )
    plain, partial, semi = (float(value) for value in three(ranked)) if n else NONE
    p, smallest, all_orders = math.nan, 1.0, n <= EXACT_UP_TO
    rng = np.random.default_rng((seed, place))
    crowded = n < len(controls) + 3
    if not math.isnan(partial) and not crowded:
        p, smallest, all_orders = freedman_lane(ranked, rng, n_permutations)
    note = TOO_FEW if n < MIN_MODELS else CROWDED if crowded else ""
    if not note and math.isnan(partial):
        note = EXPLAINED
    bounds = np.full((2, 2), math.nan)
    if note:
        plain, partial, semi = NONE
    else:
        bounds = _interval(table, kind, rng, n_resamples)
    (low, semi_low), (high, semi_high) = bounds.tolist()
    return PartialAssociation(
        keys[place], controls, plain, partial, low, high, semi, semi_low, semi_high,
        p, smallest, all_orders, n, points, note,
    )  # fmt: skip


NONE = (math.nan, math.nan, math.nan)


def ranks_of(table: Array, kind: Kind) -> Array:
    """(..., n, n_columns) mid-ranks of each column, or as it is if linear."""
    if kind == "pearson" or not table.size:
        return table
    ranked: Array = rankdata(table, axis=-2)
    return ranked


def without(controls: Array, sides: Array) -> Array:
    """What least squares on the controls and a constant leave of the sides.

    Exactly 0 where that is rounding, so that a side that the controls explain has no
    direction. A control that is constant or a sum of others changes nothing.

    Args:
        controls: (..., n, n_controls), n_controls possibly 0.
        sides: (..., n, n_sides).
    """
    centred = sides - sides.mean(axis=-2, keepdims=True)
    spread = np.sqrt((centred**2).sum(axis=-2, keepdims=True))
    # A constant such as 0.1 leaves rounding when its mean is taken off.
    size = np.sqrt((sides**2).sum(axis=-2, keepdims=True))
    rest = centred
    if controls.shape[-1]:
        around = controls - controls.mean(axis=-2, keepdims=True)
        # Scale-free, so that ranks of 1e6 beside shares do not decide what is rounding.
        wide = np.sqrt((around**2).sum(axis=-2, keepdims=True))
        constant = wide <= ROUNDING * np.sqrt((controls**2).sum(-2, keepdims=True))
        unit = np.where(constant, 0.0, around / np.where(constant, 1.0, wide))
        axes, sizes, _ = np.linalg.svd(unit, full_matrices=False)
        axes = axes * (sizes > ROUNDING)[..., None, :]
        rest = centred - axes @ (np.swapaxes(axes, -1, -2) @ centred)
    left = np.sqrt((rest**2).sum(axis=-2, keepdims=True))
    rounding = (left <= ROUNDING * spread) | (spread <= ROUNDING * size)
    return np.where(rounding, 0.0, rest)


def three(ranked: Array) -> Array:
    """(3, ...) plain, partial and semi-partial correlation of columns 0 and 1.

    Args:
        ranked: (..., n, 2 + n_controls): outcome, predictor, controls.
    """
    sides, controls = ranked[..., :2], ranked[..., 2:]
    whole, rest = without(controls[..., :0], sides), without(controls, sides)
    return np.array(
        [
            _cosine(whole[..., 0], whole[..., 1]),
            _cosine(rest[..., 0], rest[..., 1]),
            # No claim where nothing is left of the outcome: it is not this one's share.
            np.where(
                (rest[..., 0] ** 2).sum(axis=-1) > 0,
                _cosine(whole[..., 0], rest[..., 1]),
                math.nan,
            ),
        ]
    )


def _cosine(a: Array, b: Array) -> Array:
    scale = np.sqrt((a**2).sum(axis=-1) * (b**2).sum(axis=-1))
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Array = np.asarray((a * b).sum(axis=-1) / scale)
    return np.clip(found, -1, 1)


def freedman_lane(
    ranked: Array, rng: np.random.Generator, n_permutations: int
) -> tuple[float, float, bool]:
    """Two-sided p of a partial correlation that is defined.

    Random orders count the observed one too (Phipson & Smyth, 2010). An order that
    leaves nothing of the outcome counts as at least the observed one, against the claim.

    Args:
        ranked: (n_models, 2 + n_controls): outcome, predictor, controls.

    Returns:
        p, the smallest p these columns could have given, whether all orders were tried.
    """
    controls = ranked[:, 2:]
    rest = without(controls, ranked[:, :2])
    n = len(rest)
    observed = abs(float(_cosine(rest[:, 0], rest[:, 1])))
    if n <= EXACT_UP_TO:
        orders = every_order(n)
    else:
        base = np.tile(np.arange(n), (n_permutations, 1))
        orders = rng.permuted(base, axis=1)
    # The fit is put back and taken out again, and so drops out: only rests remain.
    again = without(controls, rest[:, 0][orders].T)
    sizes = np.abs(_cosine(again.T, rest[:, 1]))
    sizes = np.where(np.isnan(sizes), np.inf, sizes)
    as_large = int(np.sum(sizes >= observed - SAME))
    if n <= EXACT_UP_TO:
        top = float(np.max(sizes))
        return as_large / len(sizes), float(np.mean(sizes >= top - SAME)), True
    return (as_large + 1) / (n_permutations + 1), 1 / (n_permutations + 1), False


def _interval(
    table: Array, kind: Kind, rng: np.random.Generator, n_resamples: int
) -> Array:
    """(2, 2): low and high, of the partial and the semi-partial correlation."""
    drawn = rng.integers(0, len(table), (n_resamples, len(table)))
    found = three(ranks_of(table[drawn], kind))[1:]
    known = ~np.isnan(found).any(axis=0)
    if known.mean() <= 0.5:
        return np.full((2, 2), math.nan)
    bounds: Array = np.percentile(found[:, known], [2.5, 97.5], axis=1)
    return bounds
