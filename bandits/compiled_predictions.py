"""The judgments of `bandits.predictions`, compiled: a run at a time.

Equal to torch's but for the order of sums of points; ranks are whole numbers, and so
the rank correlation is the same to the last bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bandits.compiled_vectors import load, nearest_of, store
from bandits.jit import NO_NAN, compiled
from bandits.metric_table import CLEAR_BY, NEAR
from bandits.predictions import SAME_PREDICTION, named, probability_below
from bandits.tally import Scene

Floats = NDArray[np.floating]
Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]
Bools = NDArray[np.bool_]

LANES = 8
"""Predictions are rounded so many at once."""
SORTED_FROM = 200
"""Of fewer arms every pair is compared: quicker than to sort them."""


@compiled()
def how_many_are(allowed: Bools) -> int:
    """Of a run's arms, the admissible ones."""
    count = 0
    for may in allowed:
        count += may
    return count


@compiled()
def best_allowed(allowed: Bools, values: Floats, order: Integers) -> np.floating:
    """The highest value of an admissible arm; `order` sorts the values."""
    place = len(order) - 1
    while not allowed[order[place]]:
        place -= 1
    best: np.floating = values[order[place]]
    return best


@compiled(NO_NAN)
def top_allowed(mean: Floats, allowed: Bools) -> np.floating:
    """The highest expected value of an admissible arm."""
    lowest: np.floating = mean.dtype.type(-1e300 if mean.itemsize == 8 else -1e30)
    top = lowest
    for arm in range(len(mean)):
        top = max(top, mean[arm] if allowed[arm] else lowest)
    return top


def judge_predictions(
    predicted: Tensor, scene: Scene, variance: Tensor | None = None
) -> dict[str, Tensor]:
    """`predictions.judge_predictions` on a CPU. Arguments as there."""
    values = scene.values.double().numpy()
    n_runs, n_arms = scene.allowed.shape
    known = variance is not None and scene.harm_defined
    # Something of the same kind where nothing is known: it is never looked at.
    p = predicted.double()
    if variance is not None and known:
        p = probability_below(predicted, variance, scene.threshold)
    out = np.full((4, n_runs), np.nan)
    expected = predicted.double().contiguous().numpy()
    orders = np.empty((0, 0), np.int64)
    if n_arms >= SORTED_FROM:
        orders = np.argsort(np.rint(expected / SAME_PREDICTION), axis=1)
    _judge(
        expected,
        p.contiguous().numpy(),
        known,
        scene.allowed.numpy(),
        values,
        scene.below.numpy(),
        values.argsort(kind="stable"),
        orders,
        SAME_PREDICTION,
        np.empty((2, n_arms + LANES)),
        np.empty((3, n_arms), np.int64),
        out,
    )
    correlation, rmse, brier, bias = map(torch.from_numpy, out)
    harm = {"harm_brier": brier, "harm_bias": bias}
    found = {"value_rank_correlation": correlation, "value_rmse": rmse}
    return found | named(harm, scene.harm)


@compiled()
def _twice_ranks(
    allowed: Bools, values: Doubles, order: Integers, n_allowed: int, out: Integers
) -> int:
    """Twice the centred mid-ranks of the admissible values; return their squares' sum.

    Args:
        order: What sorts the values.
        out: (n_arms,), filled in for the admissible.
    """
    squares, before, at = 0, 0, 0
    n_arms = len(order)
    while at < n_arms:
        value, end, after = values[order[at]], at, before
        while end < n_arms and values[order[end]] == value:
            after += allowed[order[end]]
            end += 1
        # A mid-rank is (before + after + 1) / 2, and their mean (n_allowed + 1) / 2.
        twice = before + after - n_allowed
        squares += (after - before) * twice * twice
        while at < end:
            out[order[at]] = twice
            at += 1
        before = after
    return squares


@compiled()
def _judge(
    predicted: Doubles,
    p_unsafe: Doubles,
    known: bool,
    allowed: Bools,
    values: Doubles,
    below: Bools,
    order: Integers,
    orders: Integers,
    same: float,
    room: Doubles,
    places: Integers,
    out: Doubles,
) -> None:
    """Fill in correlation, error, Brier score and bias of every run.

    Args:
        order: What sorts the values.
        orders: (n_runs, n_arms), what sorts the rounded predictions; no row where
            pairs are to be compared.
        same: Predictions closer than this tie.
        room: (2, n_arms + LANES), to work in, as is places, (3, n_arms).
        out: (4, n_runs).
    """
    n_runs, n_arms = allowed.shape
    rounded, seen = room[0], room[1]
    true_rank, who, rank = places[0], places[1], places[2]
    for run in range(n_runs):
        count, squared = 0, 0.0
        brier, bias = 0.0, 0.0
        for arm in range(n_arms):
            seen[arm] = predicted[run, arm]
            who[count] = arm
            count += allowed[run, arm]
        for arm in range(0, n_arms, len(load(seen, 0, 1))):
            store(rounded, arm, nearest_of(load(seen, arm, 1) / same))
        for k in range(count):
            arm = who[k]
            off = seen[arm] - values[arm]
            squared += off * off
            if known:
                wrong = p_unsafe[run, arm] - below[arm]
                brier += wrong * wrong
                bias += wrong
        if len(orders) > 0:
            _twice_ranks(allowed[run], rounded, orders[run], count, rank)
        else:
            for k in range(count):
                seen[k] = rounded[who[k]]
            for k in range(count):
                mine, less, up_to = seen[k], 0, 0
                for other in range(count):
                    less += seen[other] < mine
                    up_to += seen[other] <= mine
                rank[who[k]] = less + up_to - count
        true_squares = _twice_ranks(allowed[run], values, order, count, true_rank)
        product, squares = 0, 0
        for k in range(count):
            twice = rank[who[k]]
            squares += twice * twice
            product += twice * true_rank[who[k]]
        # Quarters of whole numbers: exact.
        spread = np.sqrt((0.25 * squares) * (0.25 * true_squares))
        out[0, run] = 0.25 * product / spread
        out[1, run] = np.sqrt(squared / count)
        if known:
            out[2, run], out[3, run] = brier / count, bias / count


def judge_end(
    scene: Scene,
    mean: Tensor | None,
    variance: Tensor | None,
    tops: Doubles | None = None,
) -> dict[str, Tensor]:
    """`predictions.judge_end` on a CPU. Arguments as there, and:

    Args:
        tops: (n_runs,), filled with the highest expected value of an admissible arm.
    """
    names = (
        "simple_regret",
        "best_found",
        "unsafe_recommended",
        "safe_coverage",
        "false_safe",
    )
    out = np.full((len(names), len(scene.allowed)), np.nan)
    if mean is not None:
        own = scene.values.numpy()
        expected = mean.contiguous().numpy()
        cleared = _cleared(scene, mean, variance)
        _judge_end(
            expected,
            cleared.numpy(),
            (scene.harm_defined, variance is not None),
            scene.allowed.numpy(),
            own,
            scene.below.numpy(),
            own.argsort(kind="stable"),
            expected.dtype.type(scene.tie_tolerance),
            own.dtype.type(NEAR),
            np.empty(len(expected)) if tops is None else tops,
            out,
        )
    return dict(zip(names, map(torch.from_numpy, out), strict=True))


def _cleared(scene: Scene, mean: Tensor, variance: Tensor | None) -> Any:
    """(n_runs, n_arms) bool, the arms that a belief clears; any where it has none."""
    if variance is None:
        return scene.allowed
    sd = variance.double().clamp(min=0).sqrt_()
    return mean.double() - CLEAR_BY * sd >= scene.threshold


@compiled()
def _judge_end(
    mean: Floats,
    cleared: Bools,
    known: tuple[bool, bool],
    allowed: Bools,
    values: Floats,
    below: Bools,
    order: Integers,
    tolerance: np.floating,
    close: np.floating,
    tops: Doubles,
    out: Doubles,
) -> None:
    """Fill in what every run recommends, and which arms its belief clears.

    Args:
        known: Whether harm has a meaning, and whether there is a posterior.
        order: What sorts the values.
        out: (5, n_runs).
    """
    harm_defined, has_posterior = known
    n_runs, n_arms = allowed.shape
    for run in range(n_runs):
        top = top_allowed(mean[run], allowed[run])
        tops[run] = top
        best = best_allowed(allowed[run], values, order)
        least = top - tolerance
        n_tied, lost, found, n_unsafe = 0, 0.0, 0, 0
        for arm in range(n_arms):
            tied = allowed[run, arm] & (mean[run, arm] >= least)
            if tied:
                shortfall = best - values[arm]
                n_tied += 1
                lost += np.float64(shortfall)
                found += shortfall <= close
                n_unsafe += below[arm]
        out[0, run], out[1, run] = lost / n_tied, found / n_tied
        if harm_defined:
            out[2, run] = n_unsafe / n_tied
        if harm_defined and has_posterior:
            n_safe, n_low, n_covered, n_false = 0, 0, 0, 0
            for arm in range(n_arms):
                may, low = allowed[run, arm], below[arm]
                clear = may & cleared[run, arm]
                n_low += may & low
                n_safe += may & (not low)
                n_covered += clear & (not low)
                n_false += clear & low
            out[3, run], out[4, run] = n_covered / n_safe, n_false / n_low
