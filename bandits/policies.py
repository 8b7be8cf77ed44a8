"""Policies: the table of agents, each an estimator and a rule."""

from __future__ import annotations

from dataclasses import dataclass

from bandits import estimators, rules, safe_sets
from bandits.errors import BanditError
from bandits.estimators import AnyEstimator
from bandits.rules import Need, Rule

_WHAT: dict[Need, str] = {
    "sample": "joint samples",
    "marginals": "variances",
    "covariance": "covariances",
    "sees_truth": "the true values",
}


@dataclass(frozen=True)
class Agent:
    """A policy by name: an estimator and a rule that turns it into an arm.

    Attributes:
        label: For people, in figures.
        uses_kernel: Whether it sees a kernel; where not, its cells need none.

    Raises:
        BanditError: The estimator cannot tell what the rule needs.
    """

    label: str
    estimator: AnyEstimator
    rule: Rule
    uses_kernel: bool = True

    def __post_init__(self) -> None:
        lacking = [n for n in self.rule.needs if not getattr(self.estimator, n)]
        if lacking:
            raise BanditError(
                f"agent {self.label}: {self.rule.name} needs "
                f"{' and '.join(_WHAT[need] for need in lacking)}, and "
                f"{self.estimator.name} has none; pair the rule with another estimator"
            )

    @property
    def thompson(self) -> bool:
        """Whether it acts on a draw from its belief."""
        return self.rule is rules.THOMPSON


AGENTS: dict[str, Agent] = {
    "gp_thompson": Agent(
        "GP, Thompson sampling", estimators.GAUSSIAN_PROCESS, rules.THOMPSON
    ),
    "gp_ucb": Agent(
        "GP, upper confidence bound", estimators.COVARIANCE_PROCESS, rules.UPPER_BOUND
    ),
    "gp_greedy": Agent("GP, greedy", estimators.GAUSSIAN_PROCESS, rules.GREEDY),
    "gp_epsilon": Agent(
        "GP, epsilon-greedy", estimators.GAUSSIAN_PROCESS, rules.EPSILON
    ),
    "gp_softmax": Agent("GP, softmax", estimators.GAUSSIAN_PROCESS, rules.SOFTMAX),
    "gp_safeopt": Agent(
        "GP, SafeOpt", estimators.COVARIANCE_PROCESS, safe_sets.SAFE_OPT
    ),
    "gp_gated": Agent(
        "GP, Thompson sampling behind a gate",
        estimators.GAUSSIAN_PROCESS,
        safe_sets.GATED,
    ),
    "kernel_regression": Agent(
        "Kernel regression", estimators.KERNEL_REGRESSION, rules.GREEDY
    ),
    "kernel_regression_epsilon": Agent(
        "Kernel regression, epsilon-greedy",
        estimators.KERNEL_REGRESSION,
        rules.EPSILON,
    ),
    "kernel_regression_softmax": Agent(
        "Kernel regression, softmax", estimators.KERNEL_REGRESSION, rules.SOFTMAX
    ),
    "kernel_ridge": Agent("Kernel ridge", estimators.KERNEL_RIDGE, rules.GREEDY),
    "kernel_ridge_epsilon": Agent(
        "Kernel ridge, epsilon-greedy", estimators.KERNEL_RIDGE, rules.EPSILON
    ),
    "kernel_ridge_softmax": Agent(
        "Kernel ridge, softmax", estimators.KERNEL_RIDGE, rules.SOFTMAX
    ),
    "svr": Agent("Support vector regression", estimators.SUPPORT_VECTORS, rules.GREEDY),
    "svr_epsilon": Agent(
        "Support vectors, epsilon-greedy", estimators.SUPPORT_VECTORS, rules.EPSILON
    ),
    "svr_softmax": Agent(
        "Support vectors, softmax", estimators.SUPPORT_VECTORS, rules.SOFTMAX
    ),
    "thompson_independent": Agent(
        "Thompson sampling, no kernel",
        estimators.INDEPENDENT,
        rules.THOMPSON,
        uses_kernel=False,
    ),
    "ucb_independent": Agent(
        "Upper confidence bound, no kernel",
        estimators.INDEPENDENT,
        rules.UPPER_BOUND,
        uses_kernel=False,
    ),
    "greedy_independent": Agent(
        "Greedy, no kernel", estimators.INDEPENDENT, rules.GREEDY, uses_kernel=False
    ),
    "uniform": Agent(
        "Uniform choice", estimators.NOTHING_LEARNT, rules.UNIFORM, uses_kernel=False
    ),
    "oracle": Agent("Oracle", estimators.TRUTH, rules.BEST, uses_kernel=False),
    "safe_oracle": Agent(
        "Oracle, safe actions", estimators.TRUTH, safe_sets.BEST_SAFE, uses_kernel=False
    ),
}
"""Every agent there is. `uniform` is the yardstick outcomes are set against.

`gp_greedy`, and the rules built on it, keep a root of the covariance; `gp_ucb` draws no
samples and keeps the covariance itself. Their posteriors are the same. `kernel_ridge`
predicts what `gp_greedy` does, cheaper and without a variance: two names of one choice,
unless `Settings.ridge` says otherwise. The two oracles alone see the truth. They differ
where harm is counted by other values than are rewarded, or morality counts as well.
"""


def agent_named(name: str) -> Agent:
    """The agent of that name.

    Raises:
        BanditError: There is none; the sentence lists those there are.
    """
    if name not in AGENTS:
        raise BanditError(
            f"agent: needs to be one of {', '.join(AGENTS)}; got {name!r}"
        )
    return AGENTS[name]
