"""Which alignment measure predicts an outcome best, for models it has not seen?

With many measures and few models one of them always fits best, and models of one family
resemble each other. So each family is left out in turn: a line is fitted on the other
families' models, and judged on the family that was left out. The measure that would
have been chosen without a family is judged on that family too; that score, not the
best of the table, is what choosing by the table is worth.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bandits.effects import MIN_MODELS, TOO_FEW, cluster, model_of
from bandits.errors import BanditError

Array = NDArray[np.float64]
MIN_FAMILIES = 5
"""Below, a resample of families has too few values for an interval."""
TOO_FEW_FAMILIES = "too few model families for an interval"
CHOSEN = "(chosen without the family)"
CONSTANT = "every model has the same outcome: nothing to predict"


@dataclass(frozen=True)
class LeftOut:
    """How well one measure predicts the outcome of families left out.

    skill: 1 - squared error / squared error of the other families' mean outcome; 1 is
        perfect, 0 no better than knowing no measure, negative worse. NaN if `note` is
        `TOO_FEW`, or there is nothing to predict.
    low, high: 95 %, resampling families; the fitted lines stay as they are, so that what
        another set of families would have fitted is not in it.
    behind, behind_low, behind_high: How far its skill lies below that of the measure
        with the highest skill; an interval that holds 0 does not tell the two apart,
        and one that does not is still optimistic: the leader was picked for leading.
    times_chosen: Families without which this measure would have been chosen.
    """

    measure: str
    skill: float
    low: float
    high: float
    behind: float
    behind_low: float
    behind_high: float
    times_chosen: int
    n_models: int
    n_families: int
    note: str


def leave_one_family_out(
    models: Sequence[str],
    families: Sequence[str],
    outcome: Sequence[float] | Array,
    measures: Mapping[str, Sequence[float] | Array],
    *,
    seed: int,
    n_resamples: int = 2000,
) -> list[LeftOut]:
    """Every measure, the most skilled first, then the choice itself (`CHOSEN`).

    Without a family the measure is chosen whose own leave-one-family-out error among the
    rest is smallest. A measure that is constant among the fitted models predicts their
    mean. Ties go to the measure named first.

    Args:
        models: (n_raters,) names; variants `model@variant` are averaged into one.
        families: (n_raters,) the family of each, the same for all of a model's variants.
        outcome: (n_raters,).
        measures: Name to (n_raters,). A model with a NaN anywhere is left out.

    Raises:
        BanditError: Lengths that differ, infinities, no measure, a model in two families.
    """
    owners, y, columns = _independent(models, families, outcome, measures)
    names = list(measures)
    kinds = list(dict.fromkeys(owners))
    of = np.array([kinds.index(owner) for owner in owners], dtype=int)
    n, n_families = len(y), len(kinds)
    note = TOO_FEW if n < MIN_MODELS else ""
    if not note and n_families < MIN_FAMILIES:
        note = TOO_FEW_FAMILIES
    if not note and not np.ptp(y):
        note = CONSTANT
    claims = note in ("", TOO_FEW_FAMILIES) and n_families >= 2 and np.ptp(y) > 0
    if not claims:
        return [_blank(name, n, n_families, note) for name in [*names, CHOSEN]]
    chosen = _choices(of, y, columns)
    # Columns: each measure, the choice, and knowing no measure.
    errors = np.zeros((n_families, len(names) + 2))
    for family in range(n_families):
        out = of == family
        errors[family, :-2] = _errors(y, columns, ~out, out)
        errors[family, -2] = errors[family, chosen[family]]
        errors[family, -1] = ((y[out] - y[~out].mean()) ** 2).sum()
    skill = _skills(errors.sum(axis=0))
    best = int(np.argmax(skill[:-1]))
    resampled = np.full((n_resamples, len(skill)), np.nan)
    if not note:
        rng = np.random.default_rng(seed)
        drawn = rng.integers(0, n_families, (n_resamples, n_families))
        resampled = _skills(errors[drawn].sum(axis=1))
    low, high = _bounds(resampled)
    behind = skill[best] - skill
    behind_low, behind_high = _bounds(resampled[:, [best]] - resampled)
    times = np.bincount(chosen, minlength=len(names) + 1)
    times[-1] = n_families
    rows = [
        LeftOut(
            name, float(skill[k]), float(low[k]), float(high[k]), float(behind[k]),
            float(behind_low[k]), float(behind_high[k]), int(times[k]), n, n_families,
            note,
        )
        for k, name in enumerate([*names, CHOSEN])
    ]  # fmt: skip
    return [*sorted(rows[:-1], key=lambda row: -row.skill), rows[-1]]


def _blank(measure: str, n_models: int, n_families: int, note: str) -> LeftOut:
    no = math.nan
    return LeftOut(measure, no, no, no, no, no, no, 0, n_models, n_families, note)


def _independent(
    models: Sequence[str],
    families: Sequence[str],
    outcome: Sequence[float] | Array,
    measures: Mapping[str, Sequence[float] | Array],
) -> tuple[list[str], Array, Array]:
    """Family, outcome (n,) and columns (n, n_measures) of models that have them all."""
    if not measures:
        raise BanditError("leaving families out: needs at least one measure")
    y = np.asarray(outcome, dtype=float)
    columns = [np.asarray(column, dtype=float) for column in measures.values()]
    if len(families) != len(models):
        raise BanditError(
            f"leaving families out: needs a family for each of {len(models)} raters,"
            f" got {len(families)}"
        )
    for name, column in zip(["the outcome", *measures], [y, *columns], strict=True):
        if column.shape != (len(models),) or np.isinf(column).any():
            raise BanditError(
                f"leaving families out: {name} needs one finite number (or NaN) for"
                f" each of {len(models)} raters"
            )
    owner: dict[str, str] = {}
    for rater, family in zip(models, families, strict=True):
        if owner.setdefault(model_of(rater), family) != family:
            raise BanditError(
                f"leaving families out: {model_of(rater)} is in two families,"
                f" {owner[model_of(rater)]} and {family}; name one"
            )
    names = cluster(models, y, y)[0]
    means = [cluster(models, column, y)[1] for column in (y, *columns)]
    table = np.array(means).reshape(len(means), len(names))
    known = np.flatnonzero(~np.isnan(table).any(axis=0))
    return [owner[names[k]] for k in known], table[0, known], table[1:, known].T


def _errors(
    y: Array, columns: Array, fitted: NDArray[np.bool_], out: NDArray[np.bool_]
) -> Array:
    """(n_measures,) squared error on `out` of a line fitted on `fitted`."""
    x, mean = columns[fitted], columns[fitted].mean(axis=0)
    around, level = x - mean, y[fitted].mean()
    spread = (around**2).sum(axis=0)
    # Of a constant the mean may differ from it by rounding.
    flat = np.ptp(x, axis=0) == 0
    slope = np.where(
        flat, 0, around.T @ (y[fitted] - level) / np.where(flat, 1, spread)
    )
    made = level + (columns[out] - mean) * slope
    found: Array = ((y[out, None] - made) ** 2).sum(axis=0)
    return found


def _choices(of: NDArray[np.int_], y: Array, columns: Array) -> NDArray[np.int_]:
    """(n_families,) measure chosen by the others; with two families, by their own fit."""
    n_families = int(of.max()) + 1
    chosen = []
    for family in range(n_families):
        rest = of != family
        inner = [other for other in range(n_families) if other != family]
        if len(inner) == 1:
            total = _errors(y, columns, rest, rest)
        else:
            total = np.sum(
                [_errors(y, columns, rest & (of != k), of == k) for k in inner], axis=0
            )
        chosen.append(int(np.argmin(total)))
    return np.array(chosen)


def _skills(errors: Array) -> Array:
    """(..., n_measures + 1) from summed errors whose last column knows no measure."""
    with np.errstate(invalid="ignore", divide="ignore"):
        skill: Array = 1 - errors[..., :-1] / errors[..., -1:]
    return np.where(errors[..., -1:] > 0, skill, np.nan)


def _bounds(resampled: Array) -> Array:
    known = ~np.isnan(resampled).any(axis=1)
    if known.mean() <= 0.5:
        return np.full((2, resampled.shape[1]), math.nan)
    bounds: Array = np.percentile(resampled[known], [2.5, 97.5], axis=0)
    return bounds
