"""Scores set against chance: how far a measure lies above what mixed-up actions give.

Many measures are high for unrelated sides (few actions, many units), and the best of
many layers is high because it was picked. Null calibration (Groeger, 2026) mixes up the
actions of one side K times, takes as threshold tau the order statistic
ceil((1 - alpha) (K + 1)) of the observed and the K null scores, and rescales

    score = clip((s - tau) / (s_max - tau), 0, 1),

so that 0 is what chance reaches and 1 the most there can be. Where layers are searched,
each order is applied once to all of them and the largest score kept, as it was for the
observed one: the threshold then allows for the search and for layers being alike.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

import numpy as np
import numpy.typing as npt

from alignment.errors import AlignmentError, MatrixError
from alignment.matrices import FloatArray, IntArray, SimilarityMatrix
from alignment.measures.kinds import FeatureMeasure, MatrixMeasure
from alignment.uncertainty import SAME, draw_orders

Side = SimilarityMatrix | npt.ArrayLike
"""A similarity matrix, or (n_actions, n_units) features, as the measure compares."""


@dataclass(frozen=True)
class Calibrated:
    """A score against what chance gives.

    value: The measure's own score; NaN where undefined, and then all else is too.
    threshold: tau, in the measure's units: chance goes beyond it in a share alpha.
    score: In [0, 1]: 0 at or below the threshold, 1 at the best there can be.
    p: One-sided, in (0, 1].
    n_permutations: Orders tried; all there are up to 7 actions.
    """

    value: float
    threshold: float
    score: float
    p: float
    n_permutations: int


@dataclass(frozen=True)
class LayerSearch:
    """The best of many layers against the best that chance finds among them.

    best: Names of the two sides' layers with the best score; empty where none has one.
    found: The best score; its threshold and p are of the whole search.
    p_by_layer: (layer of a, layer of b) -> p of that pair's score against the best that
        chance finds among all of them; NaN where the score is undefined.
    value_by_layer: The same for the measure's own scores.
    """

    best: tuple[str, ...]
    found: Calibrated
    value_by_layer: Mapping[tuple[str, str], float]
    p_by_layer: Mapping[tuple[str, str], float]


def calibrate(
    measure: MatrixMeasure | FeatureMeasure,
    a: Side,
    b: Side,
    *,
    n_permutations: int = 1000,
    alpha: float = 0.05,
    best: float | None = None,
    seed: int,
) -> Calibrated:
    """A measure's score against orders of b's actions.

    With fewer than 1 / alpha - 1 drawn orders (19 for .05) no observed score can lie
    above its own threshold, and every score is 0.

    Args:
        best: The most there can be, s_max; the good end of the measure's range if left
            out. Give it where ties keep a measure from its end (tau-a, rho-a).

    Raises:
        MatrixError: As `Measure.compute`.
        AlignmentError: An alpha outside (0, 1), no permutation, or a measure without a
            best score and none given.
    """
    return calibrate_search(
        measure,
        {"a": a},
        {"b": b},
        n_permutations=n_permutations,
        alpha=alpha,
        best=best,
        seed=seed,
    ).found


def calibrate_search(
    measure: MatrixMeasure | FeatureMeasure,
    a: Mapping[str, Side],
    b: Mapping[str, Side],
    *,
    n_permutations: int = 1000,
    alpha: float = 0.05,
    best: float | None = None,
    seed: int,
) -> LayerSearch:
    """The best score over every layer of `a` with every layer of `b`, calibrated.

    One order a draw is applied to all layers of `b`, and the best score of all kept. Up
    to 7 actions all orders are tried; the observed one is among them. A pair of layers
    without a score (a constant one) is left out of the search; a null score that is
    undefined counts as the best there can be, against the claim.

    Args, Raises: As `calibrate`; and where a side has no layer.
    """
    if not 0 < alpha < 1:
        raise AlignmentError(f"calibration: alpha must lie in 0 to 1, got {alpha:g}")
    if not a or not b:
        raise AlignmentError("calibration: each side needs at least one layer")
    sign = -1.0 if measure.is_distance else 1.0
    most = sign * (measure.range[0 if measure.is_distance else 1])
    most = most if best is None else sign * best
    if not np.isfinite(most):
        raise AlignmentError(
            f"calibration: {measure.name} has no best score to rescale by; give `best`"
        )
    values = {
        (one, other): _compute(measure, a[one], b[other]) for one in a for other in b
    }
    tested = [pair for pair, value in values.items() if not np.isnan(value)]
    if not tested:
        nan = float("nan")
        nothing = Calibrated(nan, nan, nan, nan, n_permutations=0)
        return LayerSearch((), nothing, values, dict.fromkeys(values, nan))
    orders = draw_orders(_n_actions(b[tested[0][1]]), n_permutations, seed)
    null = np.concatenate(
        [
            np.max([_null(measure, a, b, pair, rows, most) for pair in tested], axis=0)
            for rows in orders.chunks()
        ]
    )
    agreement = {pair: sign * values[pair] for pair in tested}
    p = {
        pair: orders.p(int((null >= agreement[pair] - SAME).sum()))
        if pair in agreement
        else float("nan")
        for pair in values
    }
    top = max(tested, key=lambda pair: agreement[pair])
    chance = null if orders.exact else np.append(null, agreement[top])
    place = min(ceil((1 - alpha) * len(chance) - SAME), len(chance))
    tau = float(np.sort(chance)[max(place, 1) - 1])
    room = most - tau
    score = np.clip((agreement[top] - tau) / room, 0.0, 1.0) if room > SAME else 0.0
    found = Calibrated(values[top], sign * tau, float(score), p[top], len(orders.rows))
    return LayerSearch(top, found, values, p)


def _null(
    measure: MatrixMeasure | FeatureMeasure,
    a: Mapping[str, Side],
    b: Mapping[str, Side],
    pair: tuple[str, str],
    orders: IntArray,
    most: float,
) -> FloatArray:
    """(n_orders,) agreement of one pair of layers, larger is better."""
    one, other = a[pair[0]], b[pair[1]]
    if isinstance(measure, MatrixMeasure):
        scores = measure.permuted(
            _matrix(measure, one), _matrix(measure, other), orders
        )
    else:
        x, y = _features(measure, one), _features(measure, other)
        scores = np.array([measure.compute(x, y[order]) for order in orders])
    sign = -1.0 if measure.is_distance else 1.0
    return np.where(np.isnan(scores), most, sign * scores)


def _compute(measure: MatrixMeasure | FeatureMeasure, one: Side, other: Side) -> float:
    if isinstance(measure, MatrixMeasure):
        return measure.compute(_matrix(measure, one), _matrix(measure, other))
    return measure.compute(_features(measure, one), _features(measure, other))


def _matrix(measure: MatrixMeasure, side: Side) -> SimilarityMatrix:
    if not isinstance(side, SimilarityMatrix):
        raise MatrixError(
            f"{measure.name}: compares similarity matrices, got features; make a "
            "matrix of them first"
        )
    return side


def _features(measure: FeatureMeasure, side: Side) -> FloatArray:
    if isinstance(side, SimilarityMatrix):
        raise MatrixError(
            f"{measure.name}: compares features, got the similarity matrix of "
            f"{side.rater}"
        )
    return np.asarray(side, dtype=np.float64)


def _n_actions(side: Side) -> int:
    return len(side) if isinstance(side, SimilarityMatrix) else len(np.asarray(side))
