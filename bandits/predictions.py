"""What a belief says of actions, judged against what they are worth.

Twice: on entry to the generalization phase all its actions are unseen, and predictions
of them are judged; at a phase's end, which action the agent would recommend, and which
ones it takes for safe.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from bandits.metric_table import CLEAR_BY, NEAR, OFF_HARM
from bandits.tally import Scene, best_value

SAME_PREDICTION = 1e-9
"""Predictions closer than this tie: rounding must not rank them."""


def probability_below(mean: Tensor, variance: Tensor, threshold: float) -> Tensor:
    """P(value < threshold) of normal beliefs, of any shape, float64.

    A belief without variance is certain: 1 where the mean lies below, 0 elsewhere.
    """
    mean, sd = mean.double(), variance.double().clamp(min=0).sqrt()
    certain = (mean < threshold).double()
    normal = torch.special.ndtr((threshold - mean) / sd)
    return certain.where(sd == 0, normal)


def judge_predictions(
    predicted: Tensor, scene: Scene, variance: Tensor | None = None
) -> dict[str, Tensor]:
    """How well values of the admissible actions are predicted, run by run.

    The rank correlation is NaN where it has no meaning: one action, or all predictions
    (or all values) the same.

    Args:
        predicted: (n_runs, n_arms), the expected value of each arm.
        variance: (n_runs, n_arms), how unsure that is; None without a posterior.

    Returns:
        Measures by name, each (n_runs,) float64: `value_rank_correlation`,
        `value_rmse`, and of the probability of harm `harm_brier` and `harm_bias`.
    """
    predicted = predicted.double()
    steps = (predicted / SAME_PREDICTION).round()
    values = scene.values.double().expand_as(predicted)
    count = scene.allowed.sum(1)
    squared = (predicted - values).square() * scene.allowed
    found = {
        "value_rank_correlation": spearman(steps, values, scene.allowed),
        "value_rmse": (squared.sum(1) / count).sqrt(),
    }
    unknown = torch.full_like(found["value_rmse"], torch.nan)
    harm = {"harm_brier": unknown, "harm_bias": unknown}
    if variance is not None and scene.harm_defined:
        p = probability_below(predicted, variance, scene.threshold)
        off = (p - scene.below.double()) * scene.allowed
        harm["harm_brier"] = off.square().sum(1) / count
        harm["harm_bias"] = off.sum(1) / count
    return found | named(harm, scene.harm)


def judge_end(
    scene: Scene, mean: Tensor | None, variance: Tensor | None
) -> dict[str, Tensor]:
    """What is recommended at a phase's end, and which actions are cleared.

    Where several admissible actions share the highest expected value, any of them would
    be recommended as likely as another: the mean over them is given.

    Args:
        mean: (n_runs, n_arms), the expected value of each arm; None where not told.
        variance: (n_runs, n_arms); None without a posterior.

    Returns:
        Measures by their names on a harm dimension, each (n_runs,) float64.
    """
    unknown = scene.allowed.sum(1, dtype=torch.float64) * torch.nan
    found = dict.fromkeys(
        (
            "simple_regret",
            "best_found",
            "unsafe_recommended",
            "safe_coverage",
            "false_safe",
        ),
        unknown,
    )
    if mean is None:
        return found
    within = mean.masked_fill(~scene.allowed, -torch.inf)
    tied = within >= within.amax(1, keepdim=True) - scene.tie_tolerance
    shortfall = best_value(scene).unsqueeze(1) - scene.values
    found["simple_regret"] = _mean_over(tied, shortfall.double())
    found["best_found"] = _mean_over(tied, (shortfall <= NEAR).double())
    if not scene.harm_defined:
        return found
    below = scene.below.expand_as(tied)
    found["unsafe_recommended"] = _mean_over(tied, below.double())
    if variance is not None:
        sd = variance.double().clamp(min=0).sqrt()
        clear = (mean.double() - CLEAR_BY * sd >= scene.threshold).double()
        found["safe_coverage"] = _mean_over(scene.allowed & ~below, clear)
        found["false_safe"] = _mean_over(scene.allowed & below, clear)
    return found


def named(found: dict[str, Tensor], harm: bool) -> dict[str, Tensor]:
    """The same measures by the names they have off harm dimensions, if this is off."""
    if harm:
        return found
    return {OFF_HARM.get(name, name): value for name, value in found.items()}


def spearman(a: Tensor, b: Tensor, allowed: Tensor) -> Tensor:
    """Spearman's correlation of each row's admissible columns, mid-ranks at ties.

    Args:
        a, b: (n_runs, n_arms).
        allowed: (n_runs, n_arms) bool.

    Returns:
        (n_runs,) float64, NaN where a row's admissible entries are all the same.
    """
    ranks = [_centred_ranks(x, allowed) for x in (a, b)]
    product = (ranks[0] * ranks[1]).sum(1)
    return product / (ranks[0].square().sum(1) * ranks[1].square().sum(1)).sqrt()


def _centred_ranks(x: Tensor, allowed: Tensor) -> Tensor:
    """Mid-ranks among the admissible entries minus their mean; 0 at the others."""
    last = x.masked_fill(~allowed, torch.inf)  # and so behind every admissible entry
    order = _order(last)
    ordered = last.gather(1, order)
    begins = torch.ones_like(allowed)
    begins[:, 1:] = ordered[:, 1:] > ordered[:, :-1]
    place = torch.arange(x.shape[1], device=x.device)
    # Of each entry's group of ties, in order: its first place, and the one after it.
    first = (place * begins).cummax(1).values
    after = torch.full_like(order, x.shape[1])
    after[:, :-1] = torch.where(begins[:, 1:], place[1:], x.shape[1])
    after = after.flip(1).cummin(1).values.flip(1)
    # A mid-rank is (first + after + 1) / 2 and their mean (count + 1) / 2.
    twice = first + after - allowed.sum(1, keepdim=True)
    twice = torch.empty_like(twice).scatter_(1, order, twice)
    return (twice * allowed).double() / 2


def _order(x: Tensor) -> Tensor:
    """What sorts each row; equal entries stand in any order."""
    if x.device.type != "cpu":
        return x.argsort(1)
    # numpy sorts with the whole width of a processor's vectors, six times as fast.
    return torch.from_numpy(np.argsort(x.numpy(), axis=1))


def _mean_over(chosen: Tensor, values: Tensor) -> Tensor:
    """(n_runs,) mean of each row's chosen entries; NaN where there is none."""
    return (values * chosen).sum(1) / chosen.sum(1)
