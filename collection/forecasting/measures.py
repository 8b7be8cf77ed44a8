"""How well the people of one simulated study agree, after so many have finished."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb, nan

import numpy as np
from scipy.stats import spearmanr

from alignment.errors import TooFewRaters
from alignment.matrices import FloatArray, IntArray
from alignment.reliability import split_half_correlation, stepped_up
from collection.definition_parts import PairBlock, TripletBlock, ValueBlock
from collection.definitions import StudyDefinition
from collection.forecasting.settings import ForecastSettings
from collection.forecasting.twin import Rows, SimulatedStudy


@dataclass(frozen=True)
class Measured:
    """One target in one study of so many people who finished.

    Attributes:
        target: "pairs", "triplets" or "value <dimension>".
        n_raters: People with a judgment that is kept.
        per_cell: Mean judgments for each pair, or action on the dimension; for triplets,
            of triplets that hold the pair.
        unjudged: Share of pairs, or actions, that nobody judged.
        half_r: Mean Spearman correlation between random halves; NaN with a `note`.
        reliability: Spearman and Brown's of all, 2r / (1 + r).
        icc: ICC(1) of single judgments; NaN where nothing was judged twice.
        closed_form: Spearman and Brown's reliability from `icc` at `per_cell` judgments.
        repeat_r: Pearson between ratings and those given when asked again.
        truth_r: Spearman of the mean with the planted truth: what the ceiling estimates.
        complete: For values, people who rated every action; else 0.
        note: Why there is no half_r, or empty.
    """

    target: str
    n_raters: int
    per_cell: float
    unjudged: float
    half_r: float
    reliability: float
    icc: float
    closed_form: float
    repeat_r: float
    truth_r: float
    complete: int
    note: str

    @property
    def ceiling(self) -> float:
        """sqrt(reliability); NaN at r <= 0. Reports estimate it without the halves."""
        return self.reliability**0.5 if self.half_r > 0 else nan


@dataclass(frozen=True)
class Point:
    """One study when `n` people had finished."""

    n: int
    n_joined: int
    n_usable: int
    minutes: tuple[float, ...]
    measured: tuple[Measured, ...]


def targets_of(definition: StudyDefinition) -> list[str]:
    """What a definition's groups judge, in the order of its blocks."""
    asked = {key for group in definition.groups for key in group.blocks}
    found: list[str] = []
    for block in definition.blocks:
        if block.key not in asked:
            continue
        if isinstance(block, PairBlock):
            found.append("pairs")
        elif isinstance(block, TripletBlock):
            found.append("triplets")
        elif isinstance(block, ValueBlock):
            names = list(block.dimensions) or [d.name for d in definition.dimensions]
            found += [f"value {name}" for name in names]
    return list(dict.fromkeys(found))


def measure(
    study: SimulatedStudy,
    definition: StudyDefinition,
    settings: ForecastSettings,
    *,
    seed: int,
) -> tuple[Point, ...]:
    """The study at each number of participants of the settings."""
    return tuple(
        _point(study, definition, settings, n, seed) for n in settings.participants
    )


def _point(
    study: SimulatedStudy,
    definition: StudyDefinition,
    settings: ForecastSettings,
    n: int,
    seed: int,
) -> Point:
    n_joined = study.joined_for(n)
    people = study.people[:n_joined]
    usable = np.array([one.usable for one in people], dtype=bool)
    return Point(
        n=n,
        n_joined=n_joined,
        n_usable=int(usable.sum()),
        minutes=tuple(one.minutes for one in people if one.finished),
        measured=tuple(
            _measured(
                target, study, definition, usable, settings.n_splits, seed=seed + n
            )
            for target in targets_of(definition)
        ),
    )


def _measured(
    target: str,
    study: SimulatedStudy,
    definition: StudyDefinition,
    usable: np.ndarray[tuple[int, ...], np.dtype[np.bool_]],
    n_splits: int,
    *,
    seed: int,
) -> Measured:
    n_actions = len(definition.actions)
    n_cells = n_actions if target.startswith("value ") else comb(n_actions, 2)
    truth = truth_of(study, target)
    if target not in study.rows:
        return _nothing(target)
    rows = study.rows[target]
    kept = (rows.rater < len(usable)) & usable[np.minimum(rows.rater, len(usable) - 1)]
    cell, rater, value = rows.cell[kept], rows.rater[kept], rows.value[kept]
    if not len(cell):
        return _nothing(target)
    judged, column = np.unique(cell, return_inverse=True)
    raters, row = np.unique(rater, return_inverse=True)
    summed, weight = tabled(row, column, value, (len(raters), len(judged)))
    note = ""
    half_r = nan
    try:
        half_r = split_half_correlation(summed, weight, n_splits=n_splits, seed=seed)
        if np.isnan(half_r):
            note = "the halves share too few things that differ"
        elif half_r <= 0:
            note = "the halves do not agree"
    except TooFewRaters:
        note = "fewer than 2 raters for half of what was judged"
    n_judged = (weight > 0).sum(axis=0)
    per_cell = float(n_judged.sum() / n_cells)
    icc = intraclass(value, column)
    means = summed.sum(axis=0) / weight.sum(axis=0)
    return Measured(
        target=target,
        n_raters=len(raters),
        per_cell=per_cell,
        unjudged=1 - len(judged) / n_cells,
        half_r=half_r,
        reliability=stepped_up(half_r) if half_r > -1 else nan,
        icc=icc,
        closed_form=stepped_up(icc, float(_usual_count(n_judged))),
        repeat_r=_repeat_r(rows, usable),
        truth_r=_spearman(means, truth[judged]),
        complete=int(((weight > 0).sum(axis=1) == n_actions).sum())
        if target.startswith("value ")
        else 0,
        note=note,
    )


def _nothing(target: str) -> Measured:
    return Measured(
        target, 0, 0.0, 1.0, nan, nan, nan, nan, nan, nan, 0, "nobody judged any"
    )


def tabled(
    row: IntArray, column: IntArray, value: FloatArray, shape: tuple[int, int]
) -> tuple[FloatArray, FloatArray]:
    """(n_raters, n_cells) sums of what each said of each, and how often."""
    place = row * shape[1] + column
    size = shape[0] * shape[1]
    return (
        np.bincount(place, value, size).reshape(shape).astype(np.float64),
        np.bincount(place, minlength=size).reshape(shape).astype(np.float64),
    )


def truth_of(study: SimulatedStudy, target: str) -> FloatArray:
    """(n_cells,) what is true of each pair, or action."""
    if target.startswith("value "):
        return study.truth.values[target.removeprefix("value ")]
    similarity = study.truth.similarity
    upper: FloatArray = similarity[np.triu_indices(len(similarity), 1)]
    return upper


def intraclass(value: FloatArray, cell: IntArray) -> float:
    """ICC(1): the share of a single judgment's variance that is the thing's own.

    One-way random effects for unequal numbers of judgments (Shrout & Fleiss, 1979,
    with the n_0 of Donner, 1986). It may be below zero. NaN where nothing was judged
    twice, there are fewer than two things, or nothing varies.

    Args:
        value: (n_judgments,). cell: (n_judgments,) which thing, from 0, each present.
    """
    n = np.bincount(cell)
    total, k = int(n.sum()), len(n)
    if k < 2 or total <= k:
        return nan
    mean = np.bincount(cell, value) / n
    within = float(((value - mean[cell]) ** 2).sum() / (total - k))
    between = float((n * (mean - value.mean()) ** 2).sum() / (k - 1))
    n_0 = (total - float((n**2).sum()) / total) / (k - 1)
    spread = between + (n_0 - 1) * within
    return (between - within) / spread if spread > 0 else nan


def _usual_count(n_judged: IntArray) -> float:
    """Judgments a thing, for a formula that wants one number: the harmonic mean."""
    return float(len(n_judged) / (1 / n_judged).sum())


def _repeat_r(
    rows: Rows, usable: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
) -> float:
    by = rows.repeat_rater
    kept = (by < len(usable)) & usable[np.minimum(by, len(usable) - 1)]
    first, second = rows.first[kept], rows.second[kept]
    if len(first) < 3 or not first.std() or not second.std():
        return nan
    return float(np.corrcoef(first, second)[0, 1])


def _spearman(one: FloatArray, other: FloatArray) -> float:
    if len(one) < 3 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return nan
    return float(spearmanr(one, other).statistic)
