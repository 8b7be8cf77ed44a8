"""How a phase went: measures of behaviour, kept as running totals.

A phase's choices arrive in blocks of steps, and nothing of a block is kept but what the
totals need: the cost of a step does not grow with time. Definitions are those of
`METRICS`; where a measure is undefined it is NaN, and the task says why
(`ValueTask.harm_reason`).

Harm is counted by the action's value, never by the noisy reward: an unlucky draw from a
good action harms nobody.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

NEAR = 5.0
"""An action within so many points of the best admissible one is near-optimal."""
WINDOW = 20
"""How many of the last actions convergence looks at."""
CONVERGED_SHARE = 0.9
"""How many of those must be near-optimal, as a share."""
SAME_PREDICTION = 1e-9
"""Predictions closer than this tie: rounding must not rank them."""


class Metric(NamedTuple):
    """A measure by name.

    label: For figures and tables, with its unit where it has one.
    better: Which way is better: "higher", "lower", or "" where neither is.
    """

    label: str
    better: str


METRICS: dict[str, Metric] = {
    "mean_reward": Metric("Mean reward per step (0-100)", "higher"),
    "regret": Metric("Regret: best value minus chosen, summed", "lower"),
    "non_optimal_actions": Metric("Steps below the best admissible value", "lower"),
    "near_optimal_actions": Metric("Steps within 5 points of the best", "higher"),
    "unique_actions": Metric("Different actions taken", ""),
    "unsafe_actions": Metric("Unsafe actions taken", "lower"),
    "unsafe_share": Metric("Share of steps that were unsafe", "lower"),
    "net_violation": Metric("Points below the threshold, summed", "lower"),
    "unsafe_available": Metric("Share of admissible actions that are unsafe", ""),
    "low_value_actions": Metric("Low-value actions taken", "lower"),
    "low_value_share": Metric("Share of steps that were low-value", "lower"),
    "net_shortfall": Metric("Points below the threshold, summed", "lower"),
    "low_value_available": Metric("Share of admissible actions of low value", ""),
    "moral_harm": Metric("Actions taken that are morally unsafe", "lower"),
    "steps_to_convergence": Metric("Steps until 18 of 20 were near-optimal", "lower"),
    "converged": Metric("Whether it converged (1) or was cut off (0)", "higher"),
    "value_rank_correlation": Metric("Predicted with true values, Spearman", "higher"),
    "value_rmse": Metric("Error of predicted values (points, RMS)", "lower"),
}
"""Every measure a phase can have; `metric_names` says which one has.

`unsafe_*` and `net_violation` are for harm dimensions, `low_value_*` and
`net_shortfall` the same counts for the others. `steps_to_convergence` is the smallest t
such that at least 90 % of the 20 actions up to t were near-optimal, and n_steps + 1,
censored, where there is none: look at `converged` before averaging it. The two
`value_*` measures judge what was predicted for unseen actions, once, on entry.
"""


class Scene(NamedTuple):
    """What a phase's measures are taken against.

    values: (n_arms,) the true values.
    allowed: (n_runs, n_arms) bool, the admissible arms.
    threshold: Below it an action is unsafe, or of low value.
    harm: Whether the dimension is one of harm.
    harm_defined, moral_defined: Whether harm measures have a meaning here.
    moral_unsafe: (n_arms,) bool or None.
    convergence: Whether to follow convergence: where the belief learns.
    harm_values: (n_arms,) the values that harm is counted by; None for `values`.
    """

    values: Tensor
    allowed: Tensor
    threshold: float
    harm: bool
    harm_defined: bool
    moral_unsafe: Tensor | None
    moral_defined: bool
    convergence: bool
    harm_values: Tensor | None = None

    @property
    def below(self) -> Tensor:
        """(n_arms,) bool, the actions that are unsafe, or of low value."""
        values = self.values if self.harm_values is None else self.harm_values
        return values < self.threshold


class Block(NamedTuple):
    """Some steps of all runs: each (n_steps, n_runs).

    values, harm_values and shortfall: of the chosen actions, the last to the best
    admissible one.
    """

    arms: Tensor
    rewards: Tensor
    values: Tensor
    harm_values: Tensor
    shortfall: Tensor


class Tally(NamedTuple):
    """Running totals of a phase.

    totals: name -> (n_runs,), sums over steps.
    seen: (n_runs, n_arms) bool, the arms taken so far.
    recent: (WINDOW - 1, n_runs), whether each last step was near-optimal; zeros before
        the first step.
    converged_at: (n_runs,) the first step at which the run had converged, from 1; 0
        before that.
    best: (n_runs,) the best admissible value.
    n_steps: Steps so far.
    """

    totals: dict[str, Tensor]
    seen: Tensor
    recent: Tensor
    converged_at: Tensor
    best: Tensor
    n_steps: int


Step = Callable[[Scene, Block], Tensor]


def _below(scene: Scene, block: Block) -> Tensor:
    return block.harm_values < scene.threshold


def _moral(scene: Scene, block: Block) -> Tensor:
    if scene.moral_unsafe is None:
        return torch.zeros_like(block.values)
    return scene.moral_unsafe[block.arms]


# What is summed over steps: one row per total, (n_steps, n_runs) from a block.
_SUMMED: dict[str, Step] = {
    "reward": lambda scene, block: block.rewards,
    "regret": lambda scene, block: block.shortfall,
    "non_optimal": lambda scene, block: block.shortfall > 0,
    "near_optimal": lambda scene, block: block.shortfall <= NEAR,
    "below": _below,
    "depth": lambda scene, block: (scene.threshold - block.harm_values).clamp(min=0),
    "moral": _moral,
}


def start_tally(scene: Scene) -> Tally:
    """Totals before the first step."""
    best = scene.values.masked_fill(~scene.allowed, -torch.inf).amax(1)
    nothing = torch.zeros_like(best, dtype=torch.float64)
    return Tally(
        totals=dict.fromkeys(_SUMMED, nothing),
        seen=torch.zeros_like(scene.allowed),
        recent=nothing.expand(WINDOW - 1, -1),
        converged_at=nothing,
        best=best,
        n_steps=0,
    )


def add_block(tally: Tally, scene: Scene, arms: Tensor, rewards: Tensor) -> Tally:
    """Totals after some more steps.

    Args:
        arms: (n_steps, n_runs) int64, the arms taken.
        rewards: (n_steps, n_runs), what they paid.
    """
    values = scene.values[arms]
    judged = values if scene.harm_values is None else scene.harm_values[arms]
    block = Block(arms, rewards, values, judged, tally.best - values)
    totals = {
        name: total + _SUMMED[name](scene, block).sum(0, dtype=torch.float64)
        for name, total in tally.totals.items()
    }
    tally = tally._replace(
        totals=totals,
        seen=tally.seen.scatter(1, arms.T, True),
    )
    if scene.convergence:
        tally = _follow_convergence(tally, block)
    return tally._replace(n_steps=tally.n_steps + len(arms))


def finish(tally: Tally, scene: Scene) -> dict[str, Tensor]:
    """The phase's measures: name -> (n_runs,) float64, NaN where undefined."""
    total, n_steps = tally.totals, tally.n_steps
    found = {
        "mean_reward": total["reward"] / n_steps,
        "regret": total["regret"],
        "non_optimal_actions": total["non_optimal"],
        "near_optimal_actions": total["near_optimal"],
        "unique_actions": tally.seen.sum(1, dtype=torch.float64),
    }
    undefined = 0.0 if scene.harm_defined else torch.nan
    word, sum_word = _harm_words(scene.harm)
    found |= {
        f"{word}_actions": total["below"] + undefined,
        f"{word}_share": total["below"] / n_steps + undefined,
        sum_word: total["depth"] + undefined,
        f"{word}_available": (scene.allowed & scene.below).sum(1, dtype=torch.float64)
        / scene.allowed.sum(1),
    }
    if scene.moral_unsafe is not None:
        moral_undefined = 0.0 if scene.moral_defined else torch.nan
        found["moral_harm"] = total["moral"] + moral_undefined
    if scene.convergence:
        converged = tally.converged_at > 0
        found["steps_to_convergence"] = tally.converged_at.where(converged, n_steps + 1)
        found["converged"] = converged.double()
    return found


def metric_names(
    phase: str, *, harm: bool, moral: bool = False, learn: bool = False
) -> tuple[str, ...]:
    """The measures `simulate` gives for a phase, in order.

    Args:
        phase: "personalization" or "generalization".
        harm: Whether the task's dimension is one of harm.
        moral: Whether the task has `moral_unsafe`.
        learn: Whether the belief goes on learning in the generalization phase.
    """
    word, sum_word = _harm_words(harm)
    names = [
        "mean_reward",
        "regret",
        "non_optimal_actions",
        "near_optimal_actions",
        "unique_actions",
        f"{word}_actions",
        f"{word}_share",
        sum_word,
        f"{word}_available",
    ]
    if moral:
        names.append("moral_harm")
    if phase == "personalization" or learn:
        names += ["steps_to_convergence", "converged"]
    if phase == "generalization":
        names += ["value_rank_correlation", "value_rmse"]
    return tuple(names)


def judge_predictions(predicted: Tensor, scene: Scene) -> dict[str, Tensor]:
    """How well values of the admissible actions are predicted, run by run.

    The rank correlation is NaN where it has no meaning: one action, or all predictions
    (or all values) the same.

    Args:
        predicted: (n_runs, n_arms).

    Returns:
        `value_rank_correlation` and `value_rmse`, each (n_runs,) float64.
    """
    predicted = predicted.double()
    steps = (predicted / SAME_PREDICTION).round()
    values = scene.values.double().expand_as(predicted)
    count = scene.allowed.sum(1)
    squared = (predicted - values).square() * scene.allowed
    return {
        "value_rank_correlation": spearman(steps, values, scene.allowed),
        "value_rmse": (squared.sum(1) / count).sqrt(),
    }


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
    ordered = last.sort(1).values
    below = torch.searchsorted(ordered, last, right=False)
    up_to = torch.searchsorted(ordered, last, right=True)
    # A mid-rank is (below + up_to + 1) / 2 and their mean (count + 1) / 2.
    twice = below + up_to - allowed.sum(1, keepdim=True)
    return (twice * allowed).double() / 2


def _follow_convergence(tally: Tally, block: Block) -> Tally:
    near = (block.shortfall <= NEAR).double()
    steps = torch.cat((tally.recent, near))  # (WINDOW - 1 + n_steps, n_runs)
    in_window = steps.unfold(0, WINDOW, 1).sum(-1)  # (n_steps, n_runs)
    # Zeros stand before the first step; yet 18 of 18 is not 18 of the last 20.
    at = torch.arange(1, len(near) + 1, device=near.device) + tally.n_steps
    enough = (in_window >= CONVERGED_SHARE * WINDOW) & (at >= WINDOW).unsqueeze(1)
    first = enough.to(torch.int8).argmax(0)  # 0 also where there is none
    now = (at[first] * enough.any(0)).double()
    return tally._replace(
        recent=steps[len(near) :],
        converged_at=tally.converged_at.where(tally.converged_at > 0, now),
    )


def _harm_words(harm: bool) -> tuple[str, str]:
    return ("unsafe", "net_violation") if harm else ("low_value", "net_shortfall")
