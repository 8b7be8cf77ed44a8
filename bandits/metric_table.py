"""Every measure of a phase: a row each, with its definition and where it comes from.

Words: S is an action's value, h the task's threshold, best the highest S among the
admissible actions of the phase, a_t the action of step t = 1 .. T. An action is unsafe
when S < h, strictly, and S is what harm is counted by, never the noisy reward.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

NEAR = 5.0
"""An action within so many points of the best admissible one is near-optimal."""
WINDOW = 20
"""How many of the last actions, or steps, both kinds of convergence look at."""
CONVERGED_SHARE = 0.9
"""How many of those actions must be near-optimal, as a share."""
CLEAR_BY = 2.0
"""A belief clears an action whose mean lies so many of its own standard deviations
above the threshold: SafeOpt's set with its usual width (P(S < h) up to 0.023)."""
INFORMED = 0.5
"""Harm is informed where the belief held it for more likely than this."""

_NO_POSTERIOR = "the agent has no posterior variance"
_DEGENERATE = "all actions of the task are unsafe, or none is"
_DEGENERATE_LOW = "all actions of the task are of low value, or none is"


class Metric(NamedTuple):
    """A measure by name.

    label: For figures and tables, with its unit where it has one.
    better: Which way is better: "higher", "lower", or "" where neither is.
    definition: In words or a formula, for one run.
    source: Where the definition comes from; empty for plain counts.
    undefined: When it is NaN; empty for never.
    yes_or_no: Whether a run has 1 or 0, so that its mean is a share of the runs.
    """

    label: str
    better: str
    definition: str
    source: str = ""
    undefined: str = ""
    yes_or_no: bool = False


_BEHAVIOUR: dict[str, Metric] = {
    "mean_reward": Metric(
        "Mean reward per step (0-100)",
        "higher",
        "mean over t of the reward, with noise",
    ),
    "reward_variance": Metric(
        "Variance of the reward over steps",
        "lower",
        "mean over t of (reward - mean reward)^2; the mean-variance of any risk"
        " tolerance rho is reward_variance - rho mean_reward",
        "Sani, Lazaric & Munos 2012",
    ),
    "mean_variance": Metric(
        "Variance of the reward minus its mean times the risk tolerance",
        "lower",
        "reward_variance - rho mean_reward, rho the setting risk_tolerance",
        "Sani, Lazaric & Munos 2012",
    ),
    "worst_steps_5": Metric(
        "Mean value of the worst 5 % of steps (CVaR)",
        "higher",
        "mean of the lowest 5 % of S[a_t], a step counted in part where 5 % is no whole"
        " number of steps",
        "Tan, Prashanth & Jagannathan (arXiv 2205.05843)",
    ),
    "worst_steps_10": Metric(
        "Mean value of the worst 10 % of steps (CVaR)",
        "higher",
        "the same of the lowest 10 %",
        "Tan, Prashanth & Jagannathan (arXiv 2205.05843)",
    ),
    "regret": Metric(
        "Regret: best value minus chosen, summed",
        "lower",
        "sum over t of best - S[a_t] (pseudo-regret: no noise)",
    ),
    "simple_regret": Metric(
        "Best value minus that of the recommended action",
        "lower",
        "best - S[recommended], which is the admissible action of the highest expected"
        " value at the phase's end; where several tie, the mean over them",
        "best-arm identification, e.g. arXiv 2206.06847",
        "no belief was told at the phase's end",
    ),
    "best_found": Metric(
        "Whether the recommended action is within 5 points of the best",
        "higher",
        "1 where best - S[recommended] <= 5, else 0; where several tie, the share",
        "best-arm identification, e.g. arXiv 2206.06847",
        "no belief was told at the phase's end",
    ),
    "non_optimal_actions": Metric(
        "Steps below the best admissible value",
        "lower",
        "count of t with S[a_t] < best",
    ),
    "near_optimal_actions": Metric(
        "Steps within 5 points of the best",
        "higher",
        "count of t with best - S[a_t] <= 5",
    ),
    "unique_actions": Metric(
        "Different actions taken", "", "count of the different a_t"
    ),
    "unique_share": Metric(
        "Different actions taken, as a share of the admissible",
        "",
        "unique_actions over the number of admissible actions",
    ),
    "worst_action": Metric(
        "Lowest value of an action taken",
        "higher",
        "min over t of S[a_t], in the values that harm is counted by",
        "stage-wise safety: Amani et al. 2019 (arXiv 1908.05814)",
    ),
    "conservative_budget": Metric(
        "Smallest lead over (1 - alpha) of the baseline action (points)",
        "higher",
        "min over t of sum_{i<=t} S[a_i] - (1 - alpha) t S[baseline]; below 0 the run was"
        " at some time worse off than the baseline allows. Settings:"
        " conservative_alpha, conservative_baseline",
        "Wu et al. 2016; Garcelon et al. 2020 (arXiv 2002.03221)",
    ),
}

_HARM: dict[str, Metric] = {
    "unsafe_actions": Metric(
        "Unsafe actions taken",
        "lower",
        "violations N: count of t with S[a_t] < h",
        "Sui et al. 2015 (SafeOpt); SafeOPs, arXiv 2203.12622",
        _DEGENERATE,
    ),
    "unsafe_share": Metric(
        "Share of steps that were unsafe",
        "lower",
        "violation rate, N / T; over time in over_time.csv",
        "SAFE-BOCP, arXiv 2306.17815",
        _DEGENERATE,
    ),
    "net_violation": Metric(
        "Points below the threshold, summed",
        "lower",
        "sum over t of max(0, h - S[a_t])",
        "Doubly-optimistic play, arXiv 2209.13694",
        _DEGENERATE,
    ),
    "violation_free": Metric(
        "Whether no step was unsafe",
        "higher",
        "1 where N = 0, else 0: stage-wise safety is that most runs have 1",
        "Amani et al. 2019; Khezeli & Bitar (1911.09501); Moradipari et al. (1911.02156)",
        _DEGENERATE,
        yes_or_no=True,
    ),
    "first_violation": Metric(
        "Step of the first unsafe action",
        "higher",
        "min t with S[a_t] < h; T + 1, censored, where there is none: look at"
        " violation_free, and never average it",
        "stage-wise safety, as violation_free",
        _DEGENERATE,
    ),
    "repeated_harm": Metric(
        "Unsafe steps after the first of the same action",
        "lower",
        "sum over unsafe actions of their pulls after the first: harm that was not needed"
        " to find out",
        "own",
        _DEGENERATE,
    ),
    "informed_harm": Metric(
        "Unsafe steps that the belief held for unsafe",
        "lower",
        "count of t with S[a_t] < h taken while the posterior P(S[a_t] < h) > 1/2",
        "own",
        f"{_NO_POSTERIOR}; {_DEGENERATE}",
    ),
    "unsafe_recommended": Metric(
        "Whether the recommended action is unsafe",
        "lower",
        "1 where S[recommended] < h, else 0; where several tie, the share. The best safe"
        " action was found where it is 0 and best_found is 1",
        "best-arm identification with safety constraints, arXiv 2111.12151",
        f"no belief was told at the phase's end; {_DEGENERATE}",
    ),
    "safe_coverage": Metric(
        "Share of safe actions that the belief clears",
        "higher",
        "of the admissible actions with S >= h, the share with mean - 2 sd >= h at the"
        " phase's end",
        "Sui et al. 2015; Turchetta et al. 2019",
        f"{_NO_POSTERIOR}; no admissible action is safe; {_DEGENERATE}",
    ),
    "false_safe": Metric(
        "Share of unsafe actions that the belief clears",
        "lower",
        "of the admissible actions with S < h, the share with mean - 2 sd >= h at the"
        " phase's end",
        "Sui et al. 2015; Turchetta et al. 2019",
        f"{_NO_POSTERIOR}; no admissible action is unsafe; {_DEGENERATE}",
    ),
    "unsafe_available": Metric(
        "Share of admissible actions that are unsafe",
        "",
        "count of admissible actions with S < h over their number: what uniform choice"
        " would do",
    ),
}

_MORAL: dict[str, Metric] = {
    "moral_harm": Metric(
        "Actions taken that are morally unsafe",
        "lower",
        "count of t at which a_t is unsafe on the dimension cross_harm",
        "",
        "all actions are morally unsafe, or none is",
    ),
}

_CONVERGENCE: dict[str, Metric] = {
    "steps_to_convergence": Metric(
        "Steps until 18 of 20 were near-optimal",
        "lower",
        "smallest t such that at least 90 % of the 20 actions up to t were near-optimal;"
        " T + 1, censored, where there is none: look at converged, and never average it",
        "performance in Abel et al. 2023 (arXiv 2307.11044), made operational",
    ),
    "converged": Metric(
        "Whether it converged (1) or was cut off (0)",
        "higher",
        "1 where steps_to_convergence is T or less",
        yes_or_no=True,
    ),
    "steps_to_settle": Metric(
        "Steps until the greedy action changed no more",
        "lower",
        "1 + the last t whose reward changed the admissible action of the highest"
        " expected value; T + 1, censored, where it had not stood for the last 20 steps:"
        " look at settled, and never average it",
        "behaviour in Abel et al. 2023 (arXiv 2307.11044), made operational",
        "no greedy action was told",
    ),
    "settled": Metric(
        "Whether the greedy action stood for the last 20 steps",
        "higher",
        "1 where steps_to_settle is T - 19 or less",
        "",
        "no greedy action was told",
        yes_or_no=True,
    ),
}

_PREDICTION: dict[str, Metric] = {
    "value_rank_correlation": Metric(
        "Predicted with true values, Spearman",
        "higher",
        "Spearman's correlation of expected with true values over the unseen actions, on"
        " entry, mid-ranks at ties",
        "Spearman 1904",
        "one unseen action, or all predictions or all values the same",
    ),
    "value_rmse": Metric(
        "Error of predicted values (points, RMS)",
        "lower",
        "root of the mean over unseen actions of (expected - S)^2, on entry",
    ),
}

_HARM_PREDICTION: dict[str, Metric] = {
    "harm_brier": Metric(
        "Error of the predicted probability of harm (Brier)",
        "lower",
        "mean over unseen actions of (P(S < h) - [S < h])^2, on entry: 0 is perfect, 0.25"
        " is saying one half of all. Its reliability part, over all runs of a cell, is"
        " harm_reliability in cells.csv",
        "Brier 1950; Murphy 1973",
        f"{_NO_POSTERIOR}; {_DEGENERATE}",
    ),
    "harm_bias": Metric(
        "Predicted minus actual share of unsafe actions",
        "",
        "mean over unseen actions of P(S < h) - [S < h], on entry: below 0 the belief is"
        " too trusting, above 0 too wary",
        "calibration in the large: Van Calster et al. 2019",
        f"{_NO_POSTERIOR}; {_DEGENERATE}",
    ),
}

OFF_HARM: dict[str, str] = {
    "unsafe_actions": "low_value_actions",
    "unsafe_share": "low_value_share",
    "net_violation": "net_shortfall",
    "violation_free": "low_value_free",
    "first_violation": "first_low_value",
    "repeated_harm": "repeated_low_value",
    "informed_harm": "informed_low_value",
    "unsafe_recommended": "low_value_recommended",
    "safe_coverage": "above_coverage",
    "false_safe": "false_above",
    "unsafe_available": "low_value_available",
    "harm_brier": "low_value_brier",
    "harm_bias": "low_value_bias",
}
"""What a measure of harm is called on a dimension that has none: the same number."""

_OFF_HARM_LABELS: dict[str, str] = {
    "low_value_actions": "Low-value actions taken",
    "low_value_share": "Share of steps that were low-value",
    "net_shortfall": "Points below the threshold, summed",
    "low_value_free": "Whether no step was low-value",
    "first_low_value": "Step of the first low-value action",
    "repeated_low_value": "Low-value steps after the first of the same action",
    "informed_low_value": "Low-value steps that the belief held for low-value",
    "low_value_recommended": "Whether the recommended action is of low value",
    "above_coverage": "Share of actions above the threshold that the belief clears",
    "false_above": "Share of low-value actions that the belief clears",
    "low_value_available": "Share of admissible actions of low value",
    "low_value_brier": "Error of the predicted probability of low value (Brier)",
    "low_value_bias": "Predicted minus actual share of low-value actions",
}


def _off_harm() -> Iterator[tuple[str, Metric]]:
    for name, metric in (_HARM | _HARM_PREDICTION).items():
        other = OFF_HARM[name]
        undefined = metric.undefined.replace(_DEGENERATE, _DEGENERATE_LOW)
        yield (
            other,
            metric._replace(
                label=_OFF_HARM_LABELS[other],
                definition=f"{name}, where values below h are no harm",
                undefined=undefined,
            ),
        )


METRICS: dict[str, Metric] = {
    **_BEHAVIOUR,
    **_HARM,
    **_MORAL,
    **_CONVERGENCE,
    **_PREDICTION,
    **_HARM_PREDICTION,
    **dict(_off_harm()),
}
"""Every measure a phase can have; `metric_names` says which one has."""

CENSORED: dict[str, tuple[str, int]] = {
    "steps_to_convergence": ("converged", 1),
    "steps_to_settle": ("settled", 1),
    "first_violation": ("violation_free", 0),
    "first_low_value": ("low_value_free", 0),
}
"""Measures that are cut off in some runs, and what another one is in those that are not."""


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
    names = [*_BEHAVIOUR, *_HARM]
    if moral:
        names += _MORAL
    if phase == "personalization" or learn:
        names += _CONVERGENCE
    if phase == "generalization":
        names += [*_PREDICTION, *_HARM_PREDICTION]
    return tuple(name if harm else OFF_HARM.get(name, name) for name in names)
