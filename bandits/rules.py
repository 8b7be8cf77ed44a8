"""Rules: from what is believed to the arm that is taken.

A rule names what it needs of an estimator, so that a pair that makes no sense is refused
(`policies.py`), and which random numbers of its own it draws, so that a rule more moves
no other rule's luck. Whatever it prefers, arms that are as good are told apart by the
run's own tie draw: `argmax` would take the first of several maxima, and every run whose
belief is still constant would start with the same action.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from bandits.estimators import AnyEstimator
from bandits.noise import Purpose
from bandits.settings import Settings

Need = Literal["sample", "marginals", "covariance", "sees_truth"]
"""Fields of `estimators.Estimator` that a rule cannot do without."""


class View(NamedTuple):
    """What a rule may look at before a step: never what an arm will pay.

    state: The estimator's.
    allowed: (n_runs, n_arms) bool, the admissible arms.
    expected: (n_runs, n_arms), the expected value of each arm.
    greedy: (n_runs,) int64, the admissible arm of the highest one.
    ties: (n_runs,) uniform, which of tied arms is taken.
    tolerance: Scores that differ by less tie.
    learns: Whether what the step pays will change the belief.
    threshold: Below it a value is unsafe.
    normals: (n_runs, n_arms), for rules that need a sample.
    draw: (n_runs,) uniform, the rule's own.
    explore: (n_runs,) bool, runs that take any admissible arm; None for no run.
    seeds: (n_runs, n_arms) bool, admissible arms that somebody vouches for; for rules
        that are `seeded`, in the phase in which the belief is learnt.
    unsafe: (n_arms,) bool, the truth; for estimators that see it.
    """

    estimator: AnyEstimator
    settings: Settings
    state: Any
    allowed: Tensor
    expected: Tensor
    greedy: Tensor
    ties: Tensor
    tolerance: float
    learns: bool
    threshold: float
    normals: Tensor | None = None
    draw: Tensor | None = None
    explore: Tensor | None = None
    seeds: Tensor | None = None
    unsafe: Tensor | None = None

    def best(self, scores: Tensor, among: Tensor | None = None) -> Tensor:
        """(n_runs,) int64: the arm of the highest score, of the admissible or of some.

        Args:
            scores: (n_runs, n_arms).
            among: (n_runs, n_arms) bool, at least one True in each row.
        """
        within = self.allowed if among is None else among
        return choose(scores, within, self.ties, tolerance=self.tolerance)


@dataclass(frozen=True)
class Rule:
    """How an arm is chosen, for all runs of a batch at once.

    Attributes:
        name: For refusals.
        act: View -> (n_runs,) int64, an admissible arm for each run.
        needs: What the estimator must be able to tell.
        purpose: What its own uniform number a step is for; None where it draws none.
        explores: Share of steps in which any admissible arm is taken.
        seeded: Whether it starts from arms that somebody vouches for.
    """

    name: str
    act: Callable[[View], Tensor]
    needs: tuple[Need, ...] = ()
    purpose: Purpose | None = None
    explores: Callable[[Settings], float] = lambda settings: 0.0
    seeded: bool = False


def choose(
    scores: Tensor,
    allowed: Tensor,
    draws: Tensor,
    *,
    tolerance: float,
    explore: Tensor | None = None,
) -> Tensor:
    """The admissible arm with the highest score; ties broken by the run's own draw.

    Scores within `tolerance` tie: rounding must not decide.

    Args:
        scores: (n_runs, n_arms).
        allowed: (n_runs, n_arms) bool, at least one True in each row.
        draws: (n_runs,) uniform in (0, 1), which of the tied arms is taken.
        explore: (n_runs,) bool, runs that take any admissible arm; None for no run.

    Returns:
        (n_runs,) int64.
    """
    within = scores.masked_fill(~allowed, -torch.inf)
    tied = within >= within.amax(1, keepdim=True) - tolerance
    if explore is not None:
        tied = torch.where(explore.unsqueeze(1), allowed, tied)
    return pick(tied, draws)


def pick(tied: Tensor, draws: Tensor) -> Tensor:
    """One of the tied arms, each as likely.

    Args:
        tied: (n_runs, n_arms) bool, at least one True in each row.
        draws: (n_runs,) uniform in (0, 1).

    Returns:
        (n_runs,) int64.
    """
    place = tied.cumsum(1)
    # A draw in (0, 1) times the number of tied arms, rounded up: 1 .. that number.
    wanted = (draws.unsqueeze(1) * place[:, -1:]).ceil()
    # The count steps up at tied arms alone; how many arms lie before is the index.
    return (place < wanted).sum(1)


def _greedy(view: View) -> Tensor:
    if view.explore is None:
        return view.greedy
    return pick(view.allowed, view.ties).where(view.explore, view.greedy)


def _uniform(view: View) -> Tensor:
    return pick(view.allowed, view.ties)


def _thompson(view: View) -> Tensor:
    return view.best(draw_sample(view))


def draw_sample(view: View) -> Tensor:
    """(n_runs, n_arms): one joint draw of all values from each run's belief."""
    assert view.estimator.sample is not None
    assert view.normals is not None
    return view.estimator.sample(view.state, view.normals)


def _upper_bound(view: View) -> Tensor:
    assert view.estimator.marginals is not None
    mean, variance = view.estimator.marginals(view.state)
    return view.best(mean + view.settings.ucb_beta**0.5 * variance.sqrt())


def _softmax(view: View) -> Tensor:
    assert view.draw is not None
    within = view.expected.masked_fill(~view.allowed, -torch.inf)
    # From the highest on, so that no exponential overflows; in float64, so that no
    # share of the last arm is lost to rounding.
    over = (within - within.amax(1, keepdim=True)).double()
    reached = (over / view.settings.softmax_temperature).exp().cumsum(1)
    wanted = view.draw.double().unsqueeze(1) * reached[:, -1:]
    # An arm of no weight adds nothing, and so is never the first to reach the draw.
    return (reached < wanted).sum(1)


THOMPSON = Rule("Thompson sampling", _thompson, needs=("sample",))
UPPER_BOUND = Rule("Upper confidence bound", _upper_bound, needs=("marginals",))
GREEDY = Rule("Greedy choice", _greedy, explores=lambda settings: settings.exploration)
EPSILON = Rule("Epsilon-greedy", _greedy, explores=lambda settings: settings.epsilon)
SOFTMAX = Rule("Softmax", _softmax, purpose=Purpose.SOFTMAX)
UNIFORM = Rule("Uniform choice", _uniform)
# Greedy on the truth, and never curious.
BEST = Rule("The best arm", lambda view: view.greedy, needs=("sees_truth",))
